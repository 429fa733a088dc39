package oro

import (
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// saying is a shop that says the same to whatever it is asked, and something else of what went wrong with a batch.
type saying struct {
	body, errors string
	asked        int
}

func (s *saying) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked++
	kind, body, status := mediaType, s.body, http.StatusOK
	switch {
	case r.Method == http.MethodPatch && strings.Count(strings.TrimPrefix(r.URL.Path, "/admin/api/"), "/") == 0:
		status = http.StatusAccepted
	case r.Method == http.MethodDelete:
		body, status = "", http.StatusNoContent
	case strings.HasSuffix(r.URL.Path, "/oauth2-token"):
		kind, body = "application/json", `{"token_type":"Bearer","expires_in":3600,"access_token":"t"}`
	case strings.HasSuffix(r.URL.Path, "/errors"):
		body = s.errors
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Request: r,
		Body: io.NopCloser(strings.NewReader(body))}, nil
}

// FuzzAnswers: whatever the shop answers to whatever it is asked, in documents that can be read or not, the client says one thing of each
// record, or an error with a fate; it asks so often and no more, and does not wait for ever.
func FuzzAnswers(f *testing.F) {
	operation := `{"data":{"type":"asyncoperations","id":"7","attributes":{"status":"success","entityType":"products",` +
		`"createdAt":"2026-11-21T07:00:00Z","summary":{"readCount":3,"writeCount":1,"errorCount":2}}}}`
	wrong := `{"data":[{"type":"asyncoperationerrors","id":"7-1-1","attributes":{"status":500,"title":"form constraint","detail":"no",` +
		`"source":{"pointer":"/data/1/relationships/product/data"}}},{"type":"asyncoperationerrors","id":"7-2-1","attributes":{"title":"unique entity constraint","source":{"pointer":"/included/0"}}}]}`
	records := map[*formats.Entity]*formats.Record{formats.Customers: record(formats.Customers, "100", "name", "A", "group", "Partners", "country", "US"),
		formats.Products:   record(formats.Products, "SKU1", "name", "A", "unit", "item"),
		formats.PriceLists: record(formats.PriceLists, "List", "currencies", "EUR"),
		formats.Prices:     record(formats.Prices, formats.JoinKey("List", "SKU1", "item", "1", "EUR"), "value", "1.5"),
		formats.Inventory:  record(formats.Inventory, formats.JoinKey("SKU1", "item"), "quantity", "5"),
		formats.CustomerUsers: record(formats.CustomerUsers, "a@example.com", "customer_number", "100", "first_name", "A", "last_name",
			"B")}
	entities := []*formats.Entity{formats.Customers, formats.Products, formats.PriceLists, formats.Prices, formats.Inventory, formats.CustomerUsers}
	const questions = 15
	for i := range questions {
		f.Add(byte(i), byte(i), operation, wrong)
	}
	f.Add(byte(4), byte(0), strings.NewReplacer(`"readCount":3`, `"readCount":-3`, `"errorCount":2`, `"errorCount":0`).Replace(operation), wrong)
	f.Add(byte(5), byte(2), strings.Replace(operation, `"readCount":3`, `"readCount":"many"`, 1), wrong)
	f.Add(byte(5), byte(0), strings.Replace(operation, `"id":"7"`, `"id":"7@3:0-9999999999.9"`, 1), wrong)
	f.Add(byte(4), byte(1), operation, strings.ReplaceAll(wrong, "/included/0", "/included/-1"))
	for i, name := range []string{"orders/003-order-get-with-includes", "more/012-product-names", "more/044-more-prices-list", "more/060-orders-window"} {
		f.Add(byte([]int{9, 0, 1, 7}[i]), byte([]int{0, 1, 3, 0}[i]), string(recorded(f, name).Response.Body), wrong)
	}
	f.Fuzz(func(t *testing.T, question, of byte, body, errs string) {
		shop := &saying{body: body, errors: errs}
		now := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
		c, err := New(config.Shop{URL: "https://shop.example.com", ClientID: "demo", ClientSecret: "demo", InFlight: 1}, Options{Transport: shop,
			Now: func() time.Time { now = now.Add(time.Second); return now }, Sleep: func(ctx context.Context, d time.Duration) error {
				now = now.Add(d)
				return ctx.Err()
			}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		e := entities[int(of)%len(entities)]
		ctx, rec, told := t.Context(), records[e], 1
		b := &bridge.Batch{Entity: e.Name, Operation: "7", Changes: []*bridge.Change{{Op: bridge.Create, Key: rec.Key, Values: rec.Values, Record: rec},
			{Op: bridge.Update, Key: "x", OroID: "5", Values: rec.Values, Record: rec}, {Op: bridge.Update, Key: "y", OroID: "6", Values: rec.Values, Record: rec}}}
		switch question % questions {
		case 0:
			var all []bridge.Lookup
			all, err = c.Find(ctx, e, []*formats.Record{rec})
			told = len(all)
		case 1:
			err = c.All(ctx, e, []string{"name"}, func(string, bridge.Found) error { return nil })
		case 2:
			var all []bridge.Misfit
			all, err = c.Confirm(ctx, e, []bridge.Identity{{Key: rec.Key, OroID: "5"}})
			told = len(all)
		case 3:
			_, err = c.Incomplete(ctx, e, []*formats.Record{rec})
		case 4:
			var all []bridge.Outcome
			all, err = c.Await(ctx, b)
			told = len(all) - 2
		case 5:
			b.Operation, _, err = c.Submit(ctx, b)
			if err == nil && b.Operation != noOperation {
				_, err = c.Await(ctx, b)
			}
		case 6:
			err = c.Drain(ctx, e)
		case 7:
			_, _, err = c.Sightings(ctx, now, 1)
		case 8:
			_, _, err = c.Arrivals(ctx, "7")
		case 9:
			_, _, err = c.Orders(ctx, []string{"7", "8"})
		case 10:
			_, err = c.Order(ctx, "ORD-1")
		case 11:
			_, err = c.Units(ctx)
		case 12:
			_, err = c.Probe(ctx)
		case 13:
			_, err = c.ApplyFeedback(ctx, record(formats.OrderFeedback, "ORD-1", "status", "confirmed", "erp_number", "1"), "said")
		case 14:
			_, err = c.Subscribe(ctx, "https://bridge.example.com/webhook", testSecret)
		}
		var known *bridge.Error
		if err != nil && !errors.As(err, &known) || err == nil && told != 1 {
			t.Errorf("question %d: %d answers, %T %v", question%questions, told, err, err)
		}
		if shop.asked > 1000 {
			t.Errorf("question %d: the shop was asked %d times", question%questions, shop.asked)
		}
	})
}

// FuzzToken: whatever answers in the place of a token, it is one with a life, or an error with a fate that repeats nothing of it.
func FuzzToken(f *testing.F) {
	f.Add(200, `{"token_type":"Bearer","expires_in":3600,"access_token":"t0k3n"}`)
	f.Add(200, `{"expires_in":-9223372036854775808,"access_token":"t0k3n"}`)
	f.Add(401, `{"error":"invalid_client"}`)
	f.Add(302, `<html>`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		c, err := New(config.Shop{URL: "https://shop.example.com", ClientID: "demo", ClientSecret: "hu5h"}, Options{
			Transport: answering(func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}, "Retry-After": {body}}, Request: r,
					Body: io.NopCloser(strings.NewReader(body))}, nil
			}), Sleep: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		token, life, err := c.tokens.renew(t.Context())
		var known *bridge.Error
		switch {
		case err == nil && (token == "" || life < time.Minute):
			t.Errorf("%q for %s", token, life)
		case err != nil && (!errors.As(err, &known) || strings.Contains(err.Error(), "hu5h") || len(body) > 8 && strings.Contains(err.Error(), body)):
			t.Errorf("%v", err)
		}
	})
}

type answering func(*http.Request) (*http.Response, error)

func (a answering) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

// FuzzRetryAfter: whatever the header says, nobody waits for less than nothing or for more than a day; many seconds are many.
func FuzzRetryAfter(f *testing.F) {
	for _, text := range []string{"120", "-1", "9223372037", "99999999999999999999", "Fri, 31 Dec 2027 23:59:59 GMT", "soon", ""} {
		f.Add(text)
	}
	now := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		d := retryAfter(http.Header{"Retry-After": {text}}, now)
		n, err := strconv.ParseFloat(text, 64)
		whole := err == nil && strings.Trim(text, "0123456789") == "" && n < math.MaxInt64/2
		if d < 0 || d > 24*time.Hour || whole && d != time.Duration(min(n, 86400))*time.Second {
			t.Errorf("%q is %s", text, d)
		}
	})
}
