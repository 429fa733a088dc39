package orotest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// client talks to a box as a bridge would.
type client struct {
	t     testing.TB
	shop  *Shop
	http  *http.Client
	token string
}

func start(t testing.TB, opts ...Option) *client {
	t.Helper()
	s := New(opts...)
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &client{t: t, shop: s, http: &http.Client{Transport: transport}}
	c.login()
	return c
}

func (c *client) login() {
	c.t.Helper()
	r, err := c.http.Post(c.shop.URL()+"/oauth2-token", "application/json",
		strings.NewReader(`{"grant_type":"client_credentials","client_id":"demo","client_secret":"demo"}`))
	if err != nil {
		c.t.Fatal(err)
	}
	defer r.Body.Close()
	var v struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil || v.Token == "" {
		c.t.Fatalf("no token: %v", err)
	}
	c.token = v.Token
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

func (c *client) try(method, path, body string, headers ...string) (reply, error) {
	r, err := http.NewRequest(method, c.shop.URL()+"/admin/api/"+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	r.Header.Set("Accept", mediaType)
	r.Header.Set("Content-Type", mediaType)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.http.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(b)}, err
}

func (c *client) do(method, path, body string, headers ...string) reply {
	c.t.Helper()
	r, err := c.try(method, path, body, headers...)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// batch sends records and waits for the end of the operation, whose attributes it returns.
func (c *client) batch(resource, body string, headers ...string) (id string, attrs operationAttributes) {
	c.t.Helper()
	r := c.do(http.MethodPatch, resource, body, headers...)
	if r.status != http.StatusAccepted {
		c.t.Fatalf("batch of %s: %d %s", resource, r.status, r.body)
	}
	c.shop.DrainQueue()
	var v struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		c.t.Fatal(err)
	}
	return v.Data.ID, c.operation(v.Data.ID)
}

type operationAttributes struct {
	Status  string `json:"status"`
	Summary *struct {
		Read    int `json:"readCount"`
		Written int `json:"writeCount"`
		Errors  int `json:"errorCount"`
		Created int `json:"createCount"`
		Updated int `json:"updateCount"`
	} `json:"summary"`
}

func (c *client) operation(id string) operationAttributes {
	c.t.Helper()
	var v struct {
		Data struct {
			Attributes operationAttributes `json:"attributes"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(c.do(http.MethodGet, "asyncoperations/"+id, "").body), &v); err != nil {
		c.t.Fatal(err)
	}
	return v.Data.Attributes
}

func customers(names ...string) string {
	var l []string
	for _, n := range names {
		l = append(l, fmt.Sprintf(`{"type":"customers","attributes":{"name":%q,"externalId":%q}}`, n, n))
	}
	return `{"data":[` + strings.Join(l, ",") + `]}`
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestKeyTwiceInABatchMakesTwoCustomers(t *testing.T) {
	c := start(t)
	_, op := c.batch("customers", customers("A", "A"))
	if c.shop.Count("customers") != 2 || op.Summary.Created != 2 || op.Summary.Errors != 0 {
		t.Fatalf("%d customers, %+v", c.shop.Count("customers"), op.Summary)
	}
	if r := c.do(http.MethodPost, "customers", `{"data":{"type":"customers","attributes":{"name":"B","externalId":"A"}}}`); r.status != 400 {
		t.Errorf("a third by POST: %d, want 400", r.status)
	}
}

func TestKeyTwiceInABatchOfPricesIsAnError(t *testing.T) {
	c := start(t)
	list, product := c.goods()
	price := fmt.Sprintf(`{"type":"productprices","attributes":{"quantity":1,"value":"2","currency":"USD"},"relationships":{
		"priceList":{"data":{"type":"pricelists","id":%q}},"product":{"data":{"type":"products","id":%q}},"unit":{"data":{"type":"productunits","id":"item"}}}}`, list, product)
	id, op := c.batch("productprices", `{"data":[`+price+`,`+price+`]}`)
	if op.Summary.Written != 1 || op.Summary.Errors != 1 || c.shop.Count("productprices") != 1 {
		t.Fatalf("%+v", op.Summary)
	}
	if r := c.do(http.MethodGet, "asyncoperations/"+id+"/errors", ""); !strings.Contains(r.body, `"/data/1"`) {
		t.Errorf("errors: %s", r.body)
	}
}

// goods makes a price list and a product of one unit.
func (c *client) goods() (list, product string) {
	c.t.Helper()
	list, err := c.shop.AddPriceList("ERP", "USD", "EUR")
	must(c.t, err)
	product, err = c.shop.AddProduct("AB1", "Thing", Unit{Code: "item"})
	must(c.t, err)
	return list, product
}

func TestDocumentCutShortLosesItsTail(t *testing.T) {
	c := start(t)
	whole := customers("A", "B", "C")
	_, op := c.batch("customers", whole[:len(whole)-20])
	if op.Status != "success" || op.Summary.Read != 2 || op.Summary.Errors != 0 || c.shop.Count("customers") != 2 {
		t.Fatalf("%s %+v", op.Status, op.Summary)
	}
}

func TestSyncBatchIsAllOrNothing(t *testing.T) {
	c := start(t)
	bad := strings.Replace(customers("A", "B"), `"name":"B",`, "", 1)
	if r := c.do(http.MethodPatch, "customers", bad, "X-Mode", "sync"); r.status != 400 || c.shop.Count("customers") != 0 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	names := make([]string, maxSyncRecords+1)
	for i := range names {
		names[i] = fmt.Sprint("N", i)
	}
	r := c.do(http.MethodPatch, "customers", customers(names...), "X-Mode", "sync")
	if r.status != 202 || !strings.Contains(r.body, `"failed"`) {
		t.Errorf("over the limit: %d %s", r.status, r.body)
	}
	if r := c.do(http.MethodPatch, "customers", customers(names[1:]...), "X-Mode", "sync"); r.status != 200 || c.shop.Count("customers") != 100 {
		t.Errorf("at the limit: %d, %d customers", r.status, c.shop.Count("customers"))
	}
}

func TestSyncBatchGoesOnAfterItsTime(t *testing.T) {
	c := start(t, SyncTimeout(time.Millisecond))
	c.shop.StallQueue()
	if r := c.do(http.MethodPatch, "customers", customers("A"), "X-Mode", "sync"); r.status != 202 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	c.shop.ResumeQueue()
	c.shop.DrainQueue()
	if c.shop.Count("customers") != 1 {
		t.Error("it did not go on")
	}
}

func TestCountsFollowTheFlag(t *testing.T) {
	c := start(t)
	_, product := c.goods()
	_ = product
	_, op := c.batch("products", `{"data":[{"type":"products","id":"AB1","meta":{"upsert":true},"attributes":{"status":"disabled"}}]}`,
		"X-Integration-Type", "ext_id")
	if op.Summary.Updated != 1 || op.Summary.Created != 0 {
		t.Errorf("%+v", op.Summary)
	}
	// an item without meta.update creates, even if it carries an id
	id, err := c.shop.AddCustomer("A", "")
	must(t, err)
	_, op = c.batch("customers", `{"data":[{"type":"customers","id":"`+id+`","attributes":{"name":"B"}}]}`)
	if op.Summary.Created != 1 || c.shop.Count("customers") != 2 {
		t.Errorf("%+v", op.Summary)
	}
}

func TestExtID(t *testing.T) {
	c := start(t, ExtIDEntities("products", "customers"))
	c.goods()
	if r := c.do(http.MethodGet, "products/AB1", "", "X-Integration-Type", "ext_id"); r.status != 200 || !strings.Contains(r.body, `"dbId":1`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := c.do(http.MethodGet, "products/NOSUCH", "", "X-Integration-Type", "ext_id"); r.status != 404 {
		t.Errorf("unknown sku: %d", r.status)
	}
	upsert := `{"data":{"type":"customers","id":"C1","meta":{"upsert":true},"attributes":{"name":"N"}}}`
	for want, count := range map[int]int{201: 1} {
		if r := c.do(http.MethodPost, "customers", upsert, "X-Integration-Type", "ext_id"); r.status != want || c.shop.Count("customers") != count {
			t.Errorf("first upsert: %d %s", r.status, r.body)
		}
	}
	if r := c.do(http.MethodPost, "customers", upsert, "X-Integration-Type", "ext_id"); r.status != 200 || c.shop.Count("customers") != 1 {
		t.Errorf("second upsert: %d %s", r.status, r.body)
	}
	_, err := c.shop.AddCustomer("twin", "C1")
	must(t, err)
	if r := c.do(http.MethodPost, "customers", upsert, "X-Integration-Type", "ext_id"); r.status != 409 {
		t.Errorf("upsert of a key that two have: %d %s", r.status, r.body)
	}
}

func TestUnauthorisedIsEmpty(t *testing.T) {
	c := start(t)
	c.shop.RevokeTokens()
	if r := c.do(http.MethodGet, "products", ""); r.status != 401 || r.body != "" {
		t.Errorf("%d %q", r.status, r.body)
	}
	c.login()
	if r := c.do(http.MethodGet, "products", ""); r.status != 200 {
		t.Errorf("with a new token: %d", r.status)
	}
}

func TestTokensEnd(t *testing.T) {
	var now atomic.Int64
	c := start(t, Clock(func() time.Time { return time.Unix(now.Load(), 0) }))
	now.Store(3600)
	if r := c.do(http.MethodGet, "products", ""); r.status != 401 {
		t.Errorf("after an hour: %d", r.status)
	}
}

func TestDriverExceptionSparesTheOthers(t *testing.T) {
	c := start(t)
	_, op := c.batch("customers", customers("A", strings.Repeat("X", 37), "B"))
	if op.Status != "success" || op.Summary.Written != 2 || op.Summary.Errors != 1 {
		t.Errorf("%s %+v", op.Status, op.Summary)
	}
}

func TestDeleteList(t *testing.T) {
	c := start(t)
	list, product := c.goods()
	var ids []string
	for i := range 150 {
		id, err := c.shop.AddPrice(list, product, "item", fmt.Sprint(i+1), "USD", "1")
		must(t, err)
		ids = append(ids, id)
	}
	counts := []string{"X-Include", "totalCount;deletedCount"}
	r := c.do(http.MethodDelete, "productprices?filter[priceList]="+list+"&filter[id]="+ids[3]+","+ids[7], "", counts...)
	if r.status != 204 || r.header.Get("X-Include-Deleted-Count") != "2" || c.shop.Count("productprices") != 148 {
		t.Errorf("by ids: %d %v", r.status, r.header)
	}
	r = c.do(http.MethodDelete, "productprices?filter[priceList]="+list, "", counts...)
	if r.header.Get("X-Include-Total-Count") != "148" || r.header.Get("X-Include-Deleted-Count") != "100" || c.shop.Count("productprices") != 48 {
		t.Errorf("a whole list takes 100 at most: %v", r.header)
	}
	if r := c.do(http.MethodDelete, "customers", ""); r.status != 400 {
		t.Errorf("without a filter: %d", r.status)
	}
}

func TestDeletingAProductTakesItsPricesAndStockAlong(t *testing.T) {
	c := start(t)
	list, product := c.goods()
	_, err := c.shop.AddPrice(list, product, "item", "1", "USD", "1")
	must(t, err)
	if r := c.do(http.MethodDelete, "products/"+product, ""); r.status != 204 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for _, resource := range []string{"products", "productnames", "productunitprecisions", "inventorylevels", "productprices"} {
		if n := c.shop.Count(resource); n != 0 {
			t.Errorf("%d %s are left", n, resource)
		}
	}
}

func TestDeletedRecordIsUnknown(t *testing.T) {
	c := start(t)
	id, err := c.shop.AddCustomer("A", "")
	must(t, err)
	c.do(http.MethodDelete, "customers/"+id, "")
	update := `{"type":"customers","id":"` + id + `","meta":{"update":true},"attributes":{"name":"B"}}`
	alone := `{"type":"customers","id":"` + id + `","attributes":{"name":"B"}}`
	if r := c.do(http.MethodPatch, "customers/"+id, `{"data":`+alone+`}`); r.status != 404 {
		t.Errorf("by PATCH: %d", r.status)
	}
	if _, op := c.batch("customers", `{"data":[`+update+`]}`); op.Summary.Errors != 1 {
		t.Errorf("by a batch: %+v", op.Summary)
	}
}

func TestUnlinkedIncludedRecordIsRefused(t *testing.T) {
	c := start(t)
	r := c.do(http.MethodPost, "customers", `{"data":{"type":"customers","attributes":{"name":"A"}},
		"included":[{"type":"customeraddresses","id":"a","attributes":{"label":"x"}}]}`)
	if r.status != 400 || !strings.Contains(r.body, "/included/0") || c.shop.Count("customers") != 0 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestLateOrder(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC).Unix())
	c := start(t, Clock(func() time.Time { return time.Unix(now.Load(), 0) }))
	c.goods()
	customer, err := c.shop.AddCustomer("A", "")
	must(t, err)
	o := Order{Customer: customer, Lines: []Line{{SKU: "AB1", Quantity: "2", Price: "10"}}}
	late, commit, err := c.shop.HoldOrder(o)
	must(t, err)
	now.Add(60)
	early, err := c.shop.SubmitOrder(o)
	must(t, err)
	ids := func() string {
		r := c.do(http.MethodGet, "orders?fields[orders]=updatedAt&sort=updatedAt,id", "", "X-Include", "noHateoas")
		return r.body
	}
	if got := ids(); strings.Contains(got, `"id":"`+late+`"`) || !strings.Contains(got, `"id":"`+early+`"`) {
		t.Errorf("before the commit: %s", got)
	}
	must(t, commit())
	if got := ids(); strings.Index(got, `"id":"`+late+`"`) > strings.Index(got, `"id":"`+early+`"`) || !strings.Contains(got, "12:00:00Z") {
		t.Errorf("after the commit: %s", got)
	}
}

func TestSubmittedOrder(t *testing.T) {
	c := start(t)
	c.goods()
	customer, err := c.shop.AddCustomer("A", "")
	must(t, err)
	address := &Address{FirstName: "Ada", LastName: "Buyer", Street: "Main 1", City: "Rochester", PostalCode: "14608", Country: "US", Region: "US-NY"}
	id, err := c.shop.SubmitOrder(Order{
		Identifier: "O1", Customer: customer, Billing: address, Shipping: address, PaymentTerm: "1", ShippingCost: "4.5",
		Lines:     []Line{{SKU: "AB1", Quantity: "2", Price: "10"}, {FreeForm: "Freight", SKU: "F", Quantity: "1", Price: "5"}},
		Discounts: []Discount{{Description: "Loyalty", Percent: "0.1"}},
	})
	must(t, err)
	r := c.do(http.MethodGet, "orders/"+id+"?include=lineItems,orderSubtotals,billingAddress,discounts", "")
	for _, want := range []string{`"subtotalValue":"25.0000"`, `"totalDiscountsAmount":"2.5000"`, `"totalValue":"27.0000"`,
		`"productName":"Thing"`, `"label":"Loyalty (Discount)"`, `"id":"US-NY"`} {
		if !strings.Contains(r.body, want) {
			t.Errorf("%s is not in %s", want, r.body)
		}
	}
	must(t, c.shop.ChangeLine(id, 0, "3"))
	must(t, c.shop.CancelOrder(id))
	r = c.do(http.MethodGet, "orders/"+id, "")
	for _, want := range []string{`"subtotalValue":"35.0000"`, `"id":"cancelled"`} {
		if !strings.Contains(r.body, want) {
			t.Errorf("%s is not in %s", want, r.body)
		}
	}
}

func TestWebhooks(t *testing.T) {
	c := start(t)
	c.goods()
	customer, err := c.shop.AddCustomer("A", "")
	must(t, err)
	var mu sync.Mutex
	var topics []string
	status := http.StatusOK
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("Webhook-Signature") != sign("shh", string(body)) {
			t.Error("bad signature")
		}
		topics = append(topics, r.Header.Get("Webhook-Topic"))
		w.WriteHeader(status)
	}))
	defer receiver.Close()
	for _, topic := range []string{"order.created", "order.updated"} {
		r := c.do(http.MethodPost, "webhooks", fmt.Sprintf(`{"data":{"type":"webhooks","attributes":{"notificationUrl":%q,"secret":"shh"},
			"relationships":{"topic":{"data":{"type":"webhooktopics","id":%q}},"format":{"data":{"type":"webhookformats","id":"thin"}}}}}`, receiver.URL, topic))
		if r.status != 201 {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	submit := func() string {
		id, err := c.shop.SubmitOrder(Order{Customer: customer, Lines: []Line{{SKU: "AB1", Quantity: "1", Price: "1"}}})
		must(t, err)
		return id
	}
	seen := func() []string {
		c.shop.DrainQueue()
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(topics)
	}
	must(t, c.shop.CancelOrder(submit()))
	if got := seen(); !slices.Equal(got, []string{"order.created", "order.updated"}) {
		t.Fatalf("told %v", got)
	}
	status = http.StatusGone
	submit()
	if seen(); c.shop.Count("webhooks") != 1 {
		t.Error("an answer of 410 leaves the subscription")
	}
	receiver.Close()
	must(t, c.shop.CancelOrder(submit()))
	if got := seen(); len(got) != 3 {
		t.Errorf("told %v: what a closed receiver missed comes never", got)
	}
}

func TestFaults(t *testing.T) {
	c := start(t)
	post := func() (reply, error) {
		return c.try(http.MethodPost, "customers", `{"data":{"type":"customers","attributes":{"name":"A"}}}`)
	}
	for _, f := range []struct {
		name   string
		effect Effect
		status int // 0: a broken connection
		taken  bool
	}{
		{"429", TooManyRequests(7 * time.Second), 429, false},
		{"500", ServerError(), 500, false},
		{"502", BadGateway(), 502, false},
		{"502 after", After(BadGateway()), 502, true},
		{"cut before", CutBefore(), 0, false},
		{"cut after", CutAfter(0), 0, true},
		{"cut in the middle", CutAfter(300), 0, true},
		{"slow", SlowBody(100, time.Millisecond), 201, true},
	} {
		t.Run(f.name, func(t *testing.T) {
			before := c.shop.Count("customers")
			in := c.shop.Inject(Fault{Method: http.MethodPost, Path: "/admin/api/customers", Effect: f.effect})
			r, err := post()
			if r.status != f.status && f.status != 0 || (err != nil) != (f.status == 0) {
				t.Errorf("status %d, error %v", r.status, err)
			}
			if f.status == 429 && r.header.Get("Retry-After") != "7" {
				t.Errorf("Retry-After %q", r.header.Get("Retry-After"))
			}
			if taken := c.shop.Count("customers") > before; taken != f.taken || in.Hits() != 1 {
				t.Errorf("taken %v, hits %d", taken, in.Hits())
			}
			if r, err := post(); err != nil || r.status != 201 {
				t.Errorf("the next one: %d %v", r.status, err)
			}
		})
	}
}

func TestFaultMatches(t *testing.T) {
	c := start(t)
	c.shop.Inject(Fault{Effect: ServerError(), Times: 2, Match: func(_ *http.Request, body []byte) bool {
		return bytes.Contains(body, []byte("poison"))
	}})
	want := []int{201, 500, 500, 201}
	for i, name := range []string{"good", "poison", "poison", "poison"} {
		if r := c.do(http.MethodPost, "customers", `{"data":{"type":"customers","attributes":{"name":"`+name+`"}}}`); r.status != want[i] {
			t.Errorf("%d: %d, want %d", i, r.status, want[i])
		}
	}
}

func TestHang(t *testing.T) {
	c := start(t)
	in := c.shop.Inject(Fault{Effect: Hang()})
	ended := make(chan error)
	go func() {
		_, err := c.try(http.MethodPost, "customers", "{}") // a GET would be tried again
		ended <- err
	}()
	for in.Hits() == 0 {
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-ended:
		t.Fatalf("it ended: %v", err)
	default:
	}
	in.Release()
	if err := <-ended; err == nil {
		t.Error("a released request got an answer")
	}
	c.shop.Inject(Fault{Effect: Hang()}) // Close releases it
	go func() {
		_, err := c.try(http.MethodPost, "customers", "{}") // a GET would be tried again
		ended <- err
	}()
	must(t, c.shop.Close())
	<-ended
}

func TestOperationsFailAndArePurged(t *testing.T) {
	c := start(t)
	c.shop.FailOperations(1)
	id, op := c.batch("customers", customers("A"))
	if op.Status != "failed" || c.shop.Count("customers") != 0 {
		t.Errorf("%s", op.Status)
	}
	c.shop.PurgeOperation(id)
	if r := c.do(http.MethodGet, "asyncoperations/"+id, ""); r.status != 404 {
		t.Errorf("purged: %d", r.status)
	}
	if _, op := c.batch("customers", customers("A")); op.Status != "success" {
		t.Errorf("the next: %s", op.Status)
	}
}

func TestQueueCanBeStalled(t *testing.T) {
	c := start(t, Chunk(2))
	c.shop.StallQueue()
	c.do(http.MethodPatch, "customers", customers("A", "B", "C"))
	var states []string
	for {
		o := c.operation("1")
		states = append(states, fmt.Sprint(o.Status, " ", c.shop.Count("customers")))
		if !c.shop.StepQueue() {
			break
		}
	}
	if want := []string{"new 0", "running 0", "running 0", "running 2", "running 3", "success 3"}; !slices.Equal(states, want) {
		t.Errorf("%q", states)
	}
}

func TestSnapshotForgetsTheOrder(t *testing.T) {
	fill := func(skus ...string) Snapshot {
		s := New()
		list, err := s.AddPriceList("L", "USD")
		must(t, err)
		for _, sku := range skus {
			id, err := s.AddProduct(sku, "Name of "+sku, Unit{Code: "item"}, Unit{Code: "set", Rate: "12"})
			must(t, err)
			_, err = s.AddPrice(list, id, "set", "1", "USD", "1.50")
			must(t, err)
			must(t, s.SetStock(sku, "set", "5"))
		}
		return s.Snapshot()
	}
	one, other := fill("AAA", "BBB"), fill("BBB", "AAA")
	if d := one.Diff(other); d != "" {
		t.Errorf("differs:\n%s", d)
	}
	raw, err := json.Marshal(one)
	must(t, err)
	var back Snapshot
	must(t, json.Unmarshal(raw, &back))
	if d := back.Diff(fill("AAA")); !strings.Contains(d, `- productprices `) || strings.Contains(d, "\n+") {
		t.Errorf("one product less:\n%s", d)
	}
}

func TestFiltersThatTheShopRefuses(t *testing.T) {
	c := start(t, Seed(Sample))
	for path, want := range map[string]int{
		"customers?filter[group]=1,2":               200,
		"products?filter[sku]=0RT28,1AB92":          200,
		"orders?filter[createdAt]=2026-01-01,x":     400,
		"customers?filter[group]=x":                 400,
		"pricelists?filter[name]=x":                 400,
		"products?sort=brand":                       200,
		"products?sort=productType":                 400,
		"products?sort=-sku,id&page[size]=x":        400,
		"inventorylevels?filter[product.sku]=0RT28": 200,
	} {
		if r := c.do(http.MethodGet, path, ""); r.status != want {
			t.Errorf("%s: %d, want %d: %.300s", path, r.status, want, r.body)
		}
	}
}

func TestExternalStatusManagement(t *testing.T) {
	c := start(t, Seed(Sample), ExternalStatusManagement(true))
	r := c.do(http.MethodPatch, "orders/1", `{"data":{"type":"orders","id":"1","relationships":{"status":{"data":{"type":"orderstatuses","id":"processing"}}}}}`)
	if r.status != 200 || !strings.Contains(r.body, `"id":"processing"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
}

func TestJournal(t *testing.T) {
	c := start(t, JournalBodies(true))
	c.shop.JournalReset()
	c.do(http.MethodPost, "customers?x=1", "{")
	j := c.shop.Journal()
	if len(j) != 1 || j[0].Method != "POST" || j[0].Path != "/admin/api/customers?x=1" || j[0].Status != 400 || string(j[0].Body) != "{" {
		t.Errorf("%+v", j)
	}
}

func TestAddTellsMistakes(t *testing.T) {
	s := New()
	for _, err := range []error{
		second(s.Add("nosuch", nil, nil)), second(s.Add("customers", map[string]any{"nosuch": 1}, nil)),
		second(s.Add("customers", nil, map[string]any{"group": "99"})), second(s.AddProduct("A", "a", Unit{Code: "nosuch"})),
		second(s.SubmitOrder(Order{Customer: "99"})), s.SetStock("none", "item", "1"), s.CancelOrder("99"),
	} {
		if err == nil || errors.Unwrap(err) == err {
			t.Errorf("no error")
		}
	}
}

func second(_ string, err error) error { return err }

// Many at once, for the race detector.
func TestConcurrentUse(t *testing.T) {
	c := start(t, Consumers(4), Chunk(5))
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 10 {
				names := make([]string, 12)
				for k := range names {
					names[k] = fmt.Sprintf("%d-%d-%d", w, i, k)
				}
				c.do(http.MethodPatch, "customers", customers(names...))
				c.do(http.MethodGet, "customers?page[size]=50&include=account", "")
				c.shop.Snapshot()
			}
		})
	}
	wg.Wait()
	c.shop.DrainQueue()
	if n := c.shop.Count("customers"); n != 8*10*12 {
		t.Errorf("%d customers", n)
	}
}

func BenchmarkBatchOfPrices(b *testing.B) {
	c := start(b)
	list, product := c.goods()
	quantity := 0
	b.ReportAllocs()
	for b.Loop() {
		var l []string
		for range 500 {
			quantity++
			l = append(l, fmt.Sprintf(`{"type":"productprices","attributes":{"quantity":%d,"value":"2","currency":"USD"},"relationships":{
				"priceList":{"data":{"type":"pricelists","id":%q}},"product":{"data":{"type":"products","id":%q}},"unit":{"data":{"type":"productunits","id":"item"}}}}`, quantity, list, product))
		}
		c.batch("productprices", `{"data":[`+strings.Join(l, ",")+`]}`)
	}
	b.ReportMetric(float64(quantity)/b.Elapsed().Seconds(), "prices/s")
}

func BenchmarkListByKey(b *testing.B) {
	c := start(b)
	var skus []string
	for i := range 5000 {
		sku := fmt.Sprintf("SKU%06d", i)
		_, err := c.shop.AddProduct(sku, "Thing", Unit{Code: "item"})
		must(b, err)
		if i%50 == 0 {
			skus = append(skus, sku)
		}
	}
	path := "products?filter[sku]=" + strings.Join(skus, ",") + "&fields[products]=sku&page[size]=-1"
	b.ReportAllocs()
	for b.Loop() {
		if r := c.do(http.MethodGet, path, "", "X-Include", "noHateoas"); r.status != 200 {
			b.Fatal(r.body)
		}
	}
}

func BenchmarkAddPrice(b *testing.B) {
	s := New()
	list, err := s.AddPriceList("L", "USD")
	must(b, err)
	product, err := s.AddProduct("AB1", "Thing", Unit{Code: "item"})
	must(b, err)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		_, err := s.AddPrice(list, product, "item", fmt.Sprint(i), "USD", "1.25")
		must(b, err)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		New(Seed(Sample))
	}
}
