package oro

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

const (
	apiCustomers = "/admin/api/customers"
	apiPrices    = "/admin/api/productprices"
)

// creates is a batch of new customers with the numbers from, from+1, ….
func creates(from, n int) *bridge.Batch {
	b := &bridge.Batch{Entity: "customers"}
	for i := range n {
		rec := record(formats.Customers, fmt.Sprint(from+i), "name", fmt.Sprintf("Customer %d", from+i))
		b.Changes = append(b.Changes, &bridge.Change{Op: bridge.Create, Key: rec.Key, Values: rec.Values, Record: rec})
	}
	return b
}

// holdsRecords tells a batch from the empty one that asks whether the shop takes any.
func holdsRecords(_ *http.Request, body []byte) bool {
	return !bytes.HasPrefix(body, []byte(`{"data":[]}`))
}

// patience is a shop that is waited for as long as a busy machine may need, unless it hangs.
func patience(fault string) config.Shop {
	if strings.HasPrefix(fault, "hang") {
		return config.Shop{Timeout: bridge.Duration(600 * time.Millisecond)}
	}
	return config.Shop{Timeout: bridge.Duration(time.Minute)}
}

func TestNoCreateIsRepeated(t *testing.T) {
	tests := []struct {
		name   string
		effect orotest.Effect
		taken  bool // the shop did take it
		// content says that the records are to blame: the shop takes other batches.
		content bool
	}{
		{"500 before", orotest.ServerError(), false, true},
		{"502 before", orotest.BadGateway(), false, false},
		{"500 after", orotest.After(orotest.ServerError()), true, true},
		{"cut before", orotest.CutBefore(), false, false},
		{"cut after", orotest.CutAfter(0), true, false},
		{"cut in the answer", orotest.CutAfter(150), true, false},
		{"hang", orotest.Hang(), false, false},
		{"hang after", orotest.After(orotest.Hang()), true, false},
		{"a blocking page", orotest.Respond(200, "text/html", "<html>blocked"), false, true},
		{"a blocking page after", orotest.After(orotest.Respond(403, "text/html", "<html>blocked")), true, true},
		{"an answer to something else", orotest.Respond(202, mediaType, `{"data":{"type":"customers","id":"7"}}`), false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			shop, c := newShopWith(t, patience(tt.name), Options{}, orotest.Seed(orotest.Sample))
			in := shop.Inject(orotest.Fault{Method: http.MethodPatch, Path: apiCustomers, Times: 100, Match: holdsRecords, Effect: tt.effect})
			before := shop.Count("customers")
			_, _, err := c.Submit(t.Context(), creates(100, 3))
			if !errors.Is(err, bridge.ErrUncertain) || bridge.FateOf(err) != bridge.Pause || errors.Is(err, bridge.ErrContent) != tt.content {
				t.Fatalf("submit: %v", err)
			}
			if n := in.Hits(); n != 1 {
				t.Errorf("the batch was sent %d times", n)
			}
			want := 0
			if tt.taken {
				want = 3
			}
			shop.DrainQueue()
			if n := shop.Count("customers") - before; n != want {
				t.Errorf("%d customers were created, want %d", n, want)
			}
		})
	}
}

func TestUpdatesAreRepeated(t *testing.T) {
	for name, effect := range map[string]orotest.Effect{
		"500 before": orotest.ServerError(), "cut before": orotest.CutBefore(), "cut after": orotest.CutAfter(0),
		"hang": orotest.Hang(), "busy": orotest.TooManyRequests(time.Second),
	} {
		t.Run(name, func(t *testing.T) {
			shop, c := newShopWith(t, patience(name), Options{}, orotest.Seed(orotest.Sample))
			load(t, c, record(formats.Customers, "100", "name", "A"))
			shop.Inject(orotest.Fault{Method: http.MethodPatch, Path: apiCustomers, Times: 2, Effect: effect})
			load(t, c, record(formats.Customers, "100", "name", "B"))
			if n := writes(shop, apiCustomers); n != 4 {
				t.Errorf("%d batches were sent, want the create and three for the update", n)
			}
		})
	}
}

func TestReadsAreRepeated(t *testing.T) {
	for name, effect := range map[string]orotest.Effect{
		"500": orotest.ServerError(), "cut before": orotest.CutBefore(), "cut in the middle": orotest.CutAfter(200), "hang": orotest.Hang(),
	} {
		t.Run(name, func(t *testing.T) {
			shop, c := newShopWith(t, patience(name), Options{}, orotest.Seed(orotest.Sample))
			in := shop.Inject(orotest.Fault{Method: http.MethodGet, Path: "/admin/api/products", Times: 2, Effect: effect})
			if got := find(t, c, record(formats.Products, "0RT28", "status", "")); got.Found == nil || in.Hits() != 2 {
				t.Errorf("found %+v after %d faults", got, in.Hits())
			}
		})
	}
}

// TestAnswersOfSomethingElse: what is not a list of the shop is never taken for an empty one.
func TestAnswersOfSomethingElse(t *testing.T) {
	shop, c := newShop(t)
	for _, body := range []string{"<html>maintenance", "", "null", "{}", `{"data":null}`, `[]`, `"x"`, `{"data":"x"}`, `{"data":[`} {
		shop.Inject(orotest.Fault{Method: http.MethodGet, Path: apiCustomers, Times: maxTries, Effect: orotest.Respond(200, mediaType, body)})
		answers, err := c.Find(t.Context(), formats.Customers, []*formats.Record{record(formats.Customers, "1", "name", "A")})
		if err == nil || bridge.FateOf(err) != bridge.Pause {
			t.Errorf("%q: %+v, %v", body, answers, err)
		}
	}
	full := `{"data":[{"type":"customers","id":"1","attributes":{"externalId":"1"}}` + strings.Repeat(`,{"type":"customers","id":"2"}`, pageSize/2-1) + `]}`
	shop.Inject(orotest.Fault{Method: http.MethodGet, Path: apiCustomers, Times: 9, Effect: orotest.Respond(200, mediaType, full)})
	_, err := c.Find(t.Context(), formats.Customers, []*formats.Record{record(formats.Customers, "1", "name", "A")})
	if bridge.FateOf(err) != bridge.Stop || err == nil {
		t.Errorf("the same page again and again: %v", err)
	}
}

func TestBusyShopIsWaitedFor(t *testing.T) {
	var mu sync.Mutex
	var waits []time.Duration
	nap := func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		waits = append(waits, d)
		return sleep(ctx, time.Millisecond)
	}
	shop, c := newShopWith(t, config.Shop{}, Options{Sleep: nap}, orotest.Seed(orotest.Sample))
	before := shop.Count("customers")
	shop.Inject(orotest.Fault{Method: http.MethodPatch, Path: apiCustomers, Times: 2, Effect: orotest.TooManyRequests(7 * time.Second)})
	load(t, c, record(formats.Customers, "100", "name", "A"))
	if shop.Count("customers") != before+1 || len(waits) < 2 || waits[0] != 7*time.Second {
		t.Errorf("%d customers after waits of %v", shop.Count("customers")-before, waits)
	}
	shop.Inject(orotest.Fault{Method: http.MethodPatch, Path: apiCustomers, Times: 2, Effect: orotest.TooManyRequests(time.Minute)})
	_, _, err := c.Submit(t.Context(), creates(200, 1))
	if errors.Is(err, bridge.ErrUncertain) || bridge.FateOf(err) != bridge.Pause || bridge.RetryAfter(err) != time.Minute {
		t.Errorf("asked for a minute: %v", err)
	}
}

// TestAnHourIsFiveMinutes: a proxy that asks to be left alone for an hour is asked again after five minutes, nobody knocks
// before, what it is not about goes on, and the end is told.
func TestAnHourIsFiveMinutes(t *testing.T) {
	now := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
	shop, c := newShopWith(t, config.Shop{}, Options{Now: func() time.Time { return now }}, orotest.Seed(orotest.Sample))
	in := shop.Inject(orotest.Fault{Method: http.MethodPatch, Path: apiCustomers, Effect: orotest.TooManyRequests(time.Hour)})
	ask := func() error { _, _, err := c.Submit(t.Context(), creates(200, 1)); return err }
	err := ask()
	if bridge.RetryAfter(err) != 5*time.Minute || bridge.FateOf(err) != bridge.Pause || !strings.Contains(err.Error(), "asked again at 2026-11-21T07:05:00Z") {
		t.Fatalf("%v after %v", err, bridge.RetryAfter(err))
	}
	before := shop.Requests()
	now = now.Add(2 * time.Minute)
	if err := ask(); bridge.RetryAfter(err) != 3*time.Minute || shop.Requests() != before {
		t.Errorf("%v after %v, %d requests", err, bridge.RetryAfter(err), shop.Requests()-before)
	}
	if _, _, err := c.Sightings(t.Context(), now, 1); err != nil {
		t.Errorf("orders: %v", err)
	}
	load(t, c, record(formats.PriceLists, "ERP", "currencies", "USD"))
	now = now.Add(3 * time.Minute)
	if err := ask(); err != nil || in.Hits() != 1 {
		t.Errorf("after five minutes: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	shop, c := newShop(t)
	if err := shop.Close(); err != nil {
		t.Fatal(err)
	}
	_, _, err := c.Submit(t.Context(), creates(1, 1))
	if !errors.Is(err, bridge.ErrUnreachable) || errors.Is(err, bridge.ErrUncertain) || bridge.FateOf(err) != bridge.Pause {
		t.Errorf("submit: %v", err)
	}
	if _, _, err := c.Sightings(t.Context(), time.Time{}, 1); !errors.Is(err, bridge.ErrUnreachable) {
		t.Errorf("orders: %v", err)
	}
	if n := c.Requests(); n != 2*maxTries {
		t.Errorf("%d requests, want %d: tokens only, repeated", n, 2*maxTries)
	}
}

func TestTokenIsSharedAndRenewed(t *testing.T) {
	shop, c := newShop(t)
	tokens := func() (n int) {
		for _, r := range shop.Journal() {
			if r.Path == "/oauth2-token" {
				n++
			}
		}
		return n
	}
	ask := func() {
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				if _, err := c.get(t.Context(), "productunits", nil); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
	ask()
	if n := tokens(); n != 1 {
		t.Errorf("%d tokens for ten requests at once", n)
	}
	shop.RevokeTokens()
	ask()
	if n := tokens(); n != 2 {
		t.Errorf("%d tokens after one was revoked", n)
	}
	shop.RevokeTokens()
	before := shop.Count("customers")
	load(t, c, record(formats.Customers, "100", "name", "A"))
	if shop.Count("customers") != before+1 {
		t.Error("a revoked token cost or doubled a create")
	}
	c.tokens.now = func() time.Time { return time.Now().Add(59 * time.Minute) }
	ask()
	if n := tokens(); n != 4 {
		t.Errorf("%d tokens: one was not renewed before its end", n)
	}
}

func TestWrongSecretIsAskedOnce(t *testing.T) {
	var log bytes.Buffer
	shop, c := newShopWith(t, config.Shop{ClientSecret: "hush-hush"}, Options{Log: debugLog(&log)})
	for range 5 {
		_, err := c.Find(t.Context(), formats.Customers, []*formats.Record{record(formats.Customers, "1")})
		if !errors.Is(err, bridge.ErrLogin) || bridge.FateOf(err) != bridge.Pause || bridge.HintOf(err) == "" {
			t.Fatalf("find: %v", err)
		}
		if strings.Contains(fmt.Sprintf("%v %+v", err, c.tokens), "hush") {
			t.Errorf("the secret shows in %v", err)
		}
	}
	if n := shop.Requests(); n != 1 {
		t.Errorf("the shop was asked %d times: the account may be locked", n)
	}
	if strings.Contains(log.String(), "hush") {
		t.Error("the secret is in the log")
	}
}

func TestForbidden(t *testing.T) {
	shop, c := newShop(t)
	shop.Deny("create asyncoperations")
	_, _, err := c.Submit(t.Context(), creates(1, 1))
	if bridge.FateOf(err) != bridge.Stop || !strings.Contains(bridge.HintOf(err), "customers") {
		t.Errorf("submit: %v, hint %q", err, bridge.HintOf(err))
	}
	shop.Deny("view pricelists")
	_, err = c.Find(t.Context(), formats.PriceLists, []*formats.Record{record(formats.PriceLists, "X")})
	if bridge.FateOf(err) != bridge.Stop || !strings.Contains(bridge.HintOf(err), "View for pricelists") {
		t.Errorf("find: %v, hint %q", err, bridge.HintOf(err))
	}
}

func TestOperationIsLost(t *testing.T) {
	shop, c := newShop(t)
	b := creates(100, 2)
	var err error
	if b.Operation, _, err = c.Submit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	shop.DrainQueue()
	shop.PurgeOperations()
	if _, err := c.Await(t.Context(), b); !errors.Is(err, bridge.ErrOperationLost) || bridge.FateOf(err) != bridge.Pause {
		t.Errorf("purged: %v", err)
	}

	shop.StallQueue()
	b = creates(200, 1)
	if b.Operation, _, err = c.Submit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	b.Sent = time.Now().Add(-c.settle)
	if _, err := c.Await(t.Context(), b); !errors.Is(err, bridge.ErrOperationLost) {
		t.Errorf("stuck: %v", err)
	}
	shop.ResumeQueue()
}

func TestOperationFails(t *testing.T) {
	shop, c := newShop(t)
	shop.FailOperations(1)
	b := creates(100, 2)
	var err error
	if b.Operation, _, err = c.Submit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Await(t.Context(), b); !errors.Is(err, bridge.ErrOperationFailed) {
		t.Errorf("failed: %v", err)
	}
}

// cutter ends the body of batches in their middle, as a broken connection behind a buffering proxy does.
type cutter struct{ next http.RoundTripper }

func (c cutter) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPatch {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = body[:len(body)*2/3]
		r = r.Clone(r.Context())
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	return c.next.RoundTrip(r)
}

func TestCutShortBatch(t *testing.T) {
	transport := newTransport(2)
	defer transport.CloseIdleConnections()
	shop, c := newShopWith(t, config.Shop{}, Options{Transport: cutter{transport}}, orotest.Seed(orotest.Sample))
	before := shop.Count("customers")
	outcomes := send(t, c, creates(100, 9))
	written := 0
	for i, o := range outcomes {
		if o.Unknown != (i >= 6) && o.Unknown != (i >= 5) {
			t.Errorf("change %d: %s", i, show(o))
		}
		if o.OroID != "" {
			written++
		}
	}
	if n := shop.Count("customers") - before; n != written || n == 0 {
		t.Errorf("%d customers were created, %d are said to be", n, written)
	}
}

// TestDrain is the race that makes duplicates: the answer to a batch is lost while the batch still waits in the queue.
func TestDrain(t *testing.T) {
	shop, c := newShop(t, orotest.Consumers(3))
	shop.StallQueue()
	before := shop.Count("customers")
	shop.Inject(orotest.Fault{Method: http.MethodPatch, Path: apiCustomers, Effect: orotest.After(orotest.ServerError())})
	if _, _, err := c.Submit(t.Context(), creates(100, 250)); !errors.Is(err, bridge.ErrUncertain) {
		t.Fatalf("submit: %v", err)
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		shop.ResumeQueue()
	}()
	if err := c.Drain(t.Context(), formats.Customers); err != nil {
		t.Fatal(err)
	}
	if n := shop.Count("customers") - before; n != 250 {
		t.Errorf("after the drain %d customers are there", n)
	}
	for _, e := range []*formats.Entity{formats.Products, formats.Prices, formats.PriceLists, formats.Inventory} {
		if err := c.Drain(t.Context(), e); err != nil {
			t.Errorf("%s: %v", e.Name, err)
		}
	}
}

func TestErrorsFindTheirChange(t *testing.T) {
	shop, c := newShop(t)
	long := strings.Repeat("x", 300)
	b := creates(100, 4)
	b.Changes[1].Record.Values[0].Text = ""
	b.Changes[1].Values = b.Changes[1].Record.Values // no name: refused here
	bad := record(formats.Customers, "102", "name", "B", "street", "S", "city", "C", "postal_code", long, "country", "US", "region", "US-NY")
	b.Changes[2] = &bridge.Change{Op: bridge.Create, Key: "102", Values: bad.Values, Record: bad}
	good := record(formats.Customers, "103", "name", "B", "street", "S", "city", "C", "postal_code", "1", "country", "US", "region", "US-NY")
	b.Changes[3] = &bridge.Change{Op: bridge.Create, Key: "103", Values: good.Values, Record: good}
	b.Changes = append(b.Changes, creates(104, 1).Changes...)
	b.Changes[4].Values = []formats.Value{{Field: "name", Text: long}}
	outcomes := send(t, c, b)
	for i, want := range []string{"id ", "reject missing name", "reject shop", "id ", "reject shop name: "} {
		if got := show(outcomes[i]); !strings.HasPrefix(got, want) {
			t.Errorf("change %d: %s, want %s", i, got, want)
		}
	}
	if !strings.Contains(b.Operation, "@5:0.0,2-3.1,4.0") {
		t.Errorf("operation %q", b.Operation)
	}

	// Pages of errors: every record of 450 is bad.
	b = creates(1000, 450)
	for _, ch := range b.Changes {
		ch.Values = []formats.Value{{Field: "name", Text: long}}
	}
	for i, o := range send(t, c, b) {
		if o.Reject == nil || o.Reject.Key != b.Changes[i].Key {
			t.Fatalf("change %d: %s", i, show(o))
		}
	}

	// What exists is not refused but looked at again; so is what is gone.
	before := shop.Count("customers")
	b = creates(100, 1)
	rec := record(formats.Customers, "999", "name", "Gone")
	b.Changes = append(b.Changes, &bridge.Change{Op: bridge.Update, Key: "999", OroID: "999999", Values: rec.Values, Record: rec})
	for i, o := range send(t, c, b) {
		if !o.Unknown {
			t.Errorf("change %d: %s", i, show(o))
		}
	}
	if shop.Count("customers") != before {
		t.Error("a customer was created twice")
	}
}

func TestDoubleInTheShopIsReported(t *testing.T) {
	_, c := newShop(t)
	p := &part{resource: "customers"}
	for i := range 2 {
		it := item{kind: "customers"}
		it.set("name", "Twin")
		it.set("externalId", "100")
		p.add(i, it)
	}
	b := creates(100, 1) // the first of the two items is its change
	op, err := c.submit(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	b.Operation = op.name()
	outcomes, err := c.Await(t.Context(), b)
	if err != nil || outcomes[0].Reject == nil || outcomes[0].Reject.Code != formats.CodeAmbiguous {
		t.Errorf("two customers with one number: %v, %s", err, show(outcomes[0]))
	}
	if l := find(t, c, record(formats.Customers, "100")); l.Reject == nil || l.Reject.Code != formats.CodeAmbiguous {
		t.Errorf("two customers with one number: %+v", l)
	}
}

func TestSameKeyTwiceIsNotSent(t *testing.T) {
	shop, c := newShop(t)
	b := creates(100, 1)
	b.Changes = append(b.Changes, b.Changes[0])
	if _, _, err := c.Submit(t.Context(), b); bridge.FateOf(err) != bridge.Stop || err == nil {
		t.Errorf("submit: %v", err)
	}
	if n := writes(shop, apiCustomers); n != 0 {
		t.Errorf("%d batches were sent", n)
	}
}

// TestAwaitAfterRestart reads a batch as a ledger keeps it: without records.
func TestAwaitAfterRestart(t *testing.T) {
	_, c := newShop(t)
	key := formats.JoinKey("Default Price List", "0RT28", "item", "77", "USD")
	rec := record(formats.Prices, key, "value", "1")
	b := &bridge.Batch{Entity: "prices", Changes: []*bridge.Change{{Op: bridge.Create, Key: key, Values: rec.Values, Record: rec}}}
	var err error
	if b.Operation, _, err = c.Submit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	b = &bridge.Batch{Entity: "prices", Operation: b.Operation, Changes: []*bridge.Change{{Op: bridge.Create, Key: key}}}
	outcomes, err := c.Await(t.Context(), b)
	if err != nil || outcomes[0].OroID == "" {
		t.Errorf("await: %v, %s", err, show(outcomes[0]))
	}
}

func TestPricesAreNeverRemovedWithoutIDs(t *testing.T) {
	shop, c := newShop(t)
	before := shop.Count("productprices")
	if err := (prices{c}).remove(t.Context(), map[string][]string{"1": nil, "": {"x"}}); err == nil {
		t.Error("no error")
	}
	if shop.Count("productprices") != before || writes(shop, apiPrices) != 0 {
		t.Error("something was removed")
	}
}
