package orotest

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestReleasesDiffer(t *testing.T) {
	for release, want := range map[Release]map[string]int{
		V61: {"regions/PL-DS": 200, "regions/PL-02": 404, "orderinternalstatuses?page[size]=-1": 400, "webhooktopics?page[size]=-1": 400},
		V70: {"regions/PL-DS": 404, "regions/PL-02": 200, "orderinternalstatuses?page[size]=-1": 200, "webhooktopics?page[size]=-1": 400},
	} {
		c := start(t, Version(release), Seed(Sample))
		for path, status := range want {
			if r := c.do(http.MethodGet, path, ""); r.status != status {
				t.Errorf("%s: %s is answered %d, want %d", release, path, r.status, status)
			}
		}
		address := `{"data":{"type":"customeraddresses","attributes":{"street":"S","city":"C","postalCode":"1","organization":"O"},
			"relationships":{"country":{"data":{"type":"countries","id":"MC"}},"customer":{"data":{"type":"customers","id":"1"}}}}}`
		if r := c.do(http.MethodPost, "customeraddresses", address); r.status == 201 != (release == V61) {
			t.Errorf("%s: an address in Monaco without a region is answered %d", release, r.status)
		}
	}
}

func TestTroubleIsReadAndShown(t *testing.T) {
	const all = "latency=200ms,429=20,stall=5m0s,html=50,reset-after=100,races,restore=10m0s"
	trouble, err := ParseTrouble(all)
	must(t, err)
	if got := trouble.String(); got != all {
		t.Errorf("%s became %s", all, got)
	}
	for _, bad := range []string{"latency", "latency=-1s", "429=0", "429=x", "races=1", "rain=1"} {
		if _, err := ParseTrouble(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestTroubleHitsOneOfSoMany(t *testing.T) {
	c := start(t)
	c.shop.Trouble(Trouble{TooMany: 3})
	var hit int
	for range 30 {
		if r := c.do(http.MethodGet, "customers", ""); r.status == http.StatusTooManyRequests {
			hit++
		}
	}
	c.shop.Trouble(Trouble{})
	if r := c.do(http.MethodGet, "customers", ""); hit != 10 || r.status != 200 {
		t.Errorf("%d of 30 are refused, and %d after the end", hit, r.status)
	}
}

// What a reset loses is the answer: the record is there.
func TestResetComesAfterTheWork(t *testing.T) {
	c := start(t)
	c.shop.Trouble(Trouble{Reset: 1})
	if r, err := c.try(http.MethodPost, "customers", `{"data":{"type":"customers","attributes":{"name":"A"}}}`); err == nil {
		t.Errorf("answered %d", r.status)
	}
	if n := c.shop.Count("customers"); n != 1 {
		t.Errorf("%d customers", n)
	}
}

func TestRacesMakeDoubles(t *testing.T) {
	c := start(t)
	create := func(body, resource string) (made int) {
		var group sync.WaitGroup
		results := make(chan int, 4)
		for range 4 {
			group.Go(func() { results <- c.do(http.MethodPost, resource, body).status })
		}
		group.Wait()
		close(results)
		for status := range results {
			if status == http.StatusCreated {
				made++
			}
		}
		return made
	}
	customer := `{"data":{"type":"customers","attributes":{"name":"A","externalId":"C1"}}}`
	code := `{"data":{"type":"customertaxcodes","attributes":{"code":"X"}}}`
	c.shop.Trouble(Trouble{Races: true})
	if n := create(customer, "customers"); n != 4 {
		t.Errorf("four at once make %d customers", n)
	}
	if n := create(code, "customertaxcodes"); n != 1 {
		t.Errorf("four at once make %d tax codes", n)
	}
	c.shop.Trouble(Trouble{})
	if r := c.do(http.MethodPost, "customers", customer); r.status != 400 {
		t.Errorf("a fifth is answered %d", r.status)
	}
}

func TestRestoredShopGivesIdsAgain(t *testing.T) {
	c := start(t)
	first, err := c.shop.AddCustomer("Kept", "C1")
	must(t, err)
	backup := c.shop.Backup()
	lost, err := c.shop.AddCustomer("Lost", "C2")
	must(t, err)
	for range 2 { // a backup serves again
		c.shop.Restore(backup)
		again, err := c.shop.AddCustomer("Other", "C3")
		must(t, err)
		if again != lost {
			t.Errorf("the next customer is %s, not %s", again, lost)
		}
		if r := c.do(http.MethodGet, "customers?filter[externalId]=C1,C2,C3", ""); !strings.Contains(r.body, `"id":"`+first+`"`) ||
			strings.Contains(r.body, "Lost") || !strings.Contains(r.body, "Other") {
			t.Errorf("after the restore: %s", r.body)
		}
	}
}

func TestDeletedOrderIsNotTold(t *testing.T) {
	c, seen := listening(t, "order.deleted")
	id, err := c.shop.SubmitOrder(Order{Customer: "1", Lines: []Line{{FreeForm: "X", Quantity: "1", Price: "1"}}})
	must(t, err)
	if r := c.do(http.MethodDelete, "orders/"+id, ""); r.status != 204 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	c.shop.DrainQueue()
	if n := seen(); n != 0 {
		t.Errorf("%d deliveries", n)
	}
}

// listening is a shop with a subscription to a topic, and how often it was told.
func listening(t *testing.T, topic string) (*client, func() int) {
	t.Helper()
	c := start(t, Seed(Sample))
	var mu sync.Mutex
	told := 0
	c.shop.client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		told++
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
	})
	if r := c.do(http.MethodPost, "webhooks", `{"data":{"type":"webhooks","attributes":{"notificationUrl":"http://hook.example/"},
		"relationships":{"topic":{"data":{"type":"webhooktopics","id":"`+topic+`"}},
		"format":{"data":{"type":"webhookformats","id":"default"}}}}}`); r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	return c, func() int { mu.Lock(); defer mu.Unlock(); return told }
}

func TestMediaTypesAndMethods(t *testing.T) {
	c := start(t, Seed(Sample))
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	body := `{"data":{"type":"customers","attributes":{"name":"A"}}}`
	for _, x := range []struct {
		method, path, body string
		headers            []string
		want               int
	}{
		{http.MethodPost, "customers", body, []string{"Content-Type", mediaType + "; charset=utf-8"}, 415},
		{http.MethodPost, "customers", body, []string{"Accept", "text/html"}, 406},
		{http.MethodGet, "customers", "", []string{"Accept", mediaType + "; q=1"}, 406},
		{http.MethodPost, "customers", body, []string{"Accept", "*/*"}, 201},
		{http.MethodGet, "customers/", "", nil, 301},
		{http.MethodOptions, "customers/1", "", nil, 200},
		{http.MethodPut, "customers/1", body, nil, 405},
		{http.MethodGet, "customers/1/group/paymentTerm", "", nil, 404},
	} {
		if r := c.do(x.method, x.path, x.body, x.headers...); r.status != x.want {
			t.Errorf("%s %s %v: %d, want %d", x.method, x.path, x.headers, r.status, x.want)
		}
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	r, err := http.NewRequest(http.MethodPost, c.shop.URL()+tokenPath, strings.NewReader(form.Encode()))
	must(t, err)
	r.SetBasicAuth("demo", "demo")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := c.http.Do(r)
	must(t, err)
	answer.Body.Close()
	if answer.StatusCode != 200 {
		t.Errorf("basic authentication: %s", answer.Status)
	}
}

func TestTextsAreTrimmedAndCut(t *testing.T) {
	c := start(t)
	for sent, want := range map[string]string{
		`"  A\tB  "`: "A\\tB", `"\u00a0A\u200b"`: "A", `"A\u0000B"`: "A", `12.50`: "12.5", `true`: "1", `12345678901234567890`: "1.2345678901234567E+19",
	} {
		r := c.do(http.MethodPost, "customers", `{"data":{"type":"customers","attributes":{"name":`+sent+`}}}`)
		if r.status != 201 || !strings.Contains(r.body, `"name":"`+want+`"`) {
			t.Errorf("%s: %d %.200s", sent, r.status, r.body)
		}
	}
}

func TestControlPage(t *testing.T) {
	c := start(t)
	press := func(values url.Values, origin string) (int, string) {
		r, err := http.NewRequest(http.MethodPost, c.shop.URL()+controlPath, strings.NewReader(values.Encode()))
		must(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		answer, err := c.http.Do(r)
		must(t, err)
		defer answer.Body.Close()
		var b bytes.Buffer
		_, err = b.ReadFrom(answer.Body)
		must(t, err)
		return answer.StatusCode, b.String()
	}
	if status, page := press(url.Values{"do": {"trouble"}, "trouble": {"429=7"}}, ""); status != 200 || !strings.Contains(page, "Trouble begins: 429=7") {
		t.Errorf("%d %s", status, page)
	}
	if c.shop.InTrouble().TooMany != 7 {
		t.Error("there is no trouble")
	}
	if status, _ := press(url.Values{"do": {"well"}}, "https://elsewhere.example"); status != 403 || c.shop.InTrouble().TooMany != 7 {
		t.Errorf("another site is answered %d", status)
	}
	long := "customers?filter%5BexternalId%5D=" + strings.Repeat("K1234567,", 500)
	c.do(http.MethodGet, long, "")
	if _, page := press(url.Values{"do": {"well"}}, ""); strings.Count(page, "K1234567,K1234567,") > 300 ||
		!strings.Contains(page, "GET /admin/api/customers?filter[externalId]=K1234567,K1234567,") || !strings.Contains(page, "…</td>") {
		t.Errorf("a long address is shown as %.3000s", page[strings.Index(page, "The last requests"):])
	}
	if _, page := press(url.Values{"do": {"restore"}}, ""); !strings.Contains(page, "There is no backup") {
		t.Error("a restore without a backup")
	}
}

func TestRecordHoldsNoSecret(t *testing.T) {
	var b bytes.Buffer
	c := start(t, Record(&b), Clock(func() time.Time { return time.Unix(1, 0) }))
	c.do(http.MethodPost, "customers", `{"data":{"type":"customers","attributes":{"name":"Jo"}}}`)
	c.shop.Close()
	if got := b.String(); strings.Contains(got, "client_secret") || !strings.Contains(got, "Jo") || strings.Count(got, "\n") != 2 {
		t.Errorf("recorded:\n%s", got)
	}
}

// A role that may not see a resource is not shown where others lead to it.
func TestHiddenRelationsLookEmpty(t *testing.T) {
	c := start(t, Seed(Sample))
	before := c.do(http.MethodGet, "customers/2?fields[customers]=group", "").body
	c.shop.Deny("view customergroups")
	after := c.do(http.MethodGet, "customers/2?fields[customers]=group&include=group", "").body
	if !strings.Contains(before, `"data":{"type":"customergroups"`) || !strings.Contains(after, `"data":null`) || strings.Contains(after, "included") {
		t.Errorf("before %s\nafter %s", before, after)
	}
}
