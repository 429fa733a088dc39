package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/api"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// theirs is what stands in whatever is of the other shop, and in nothing else.
const theirs = "outlet"

// asked are what the operations of the API are asked with, by the names of their parameters, all of one shop.
type asked map[string][]string

// follower is a client of a stream that goes once something has come.
type follower struct {
	*httptest.ResponseRecorder
	until string
	leave func()
}

func (f *follower) SetWriteDeadline(time.Time) error { return nil }

func (f *follower) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(f.until)) {
		defer f.leave()
	}
	return f.ResponseRecorder.Write(p)
}

// bodies are what operations are told, by the ends of their paths.
func bodies(path, shop string) []string {
	switch _, end, _ := strings.Cut(path[strings.LastIndexByte(path, '/'):], "/"); end {
	case "files", "plan":
		return []string{"sku,name,unit\nSKU-1,Bolt,item\n"}
	case "ack":
		return []string{`{"why":"x"}`}
	case "snooze":
		return []string{`{"until":"2027-01-01T00:00:00Z"}`}
	case "pause", "resume":
		return []string{`{"kind":"shop","name":"` + shop + `"}`, `{"kind":"feed","name":"` + shop + `-products"}`, `{"kind":"export","name":"` + shop + `-orders"}`}
	case "resend":
		return []string{"{}", `{"from":"2020-01-01T00:00:00Z","dry_run":true}`, `{"export":"` + shop + `-orders"}`}
	case "rerun":
		return []string{"{}", `{"from":"2020-01-01T00:00:00Z"}`}
	}
	return []string{"{}"}
}

// operation is one as the API's own description has it.
type operation struct {
	Parameters []struct {
		Name, In string
		Required bool
	}
	RequestBody *struct{}
}

// targets are the addresses of an operation with all that it may be asked of a shop: each value of the path, and each parameter by itself.
func (o *operation) targets(t *testing.T, template string, a asked) (all []string) {
	paths, queries := []string{template}, []string{""}
	for _, p := range o.Parameters {
		values := a[p.Name]
		switch {
		case p.In == "path":
			if len(values) == 0 {
				t.Errorf("%s: say in this test which %s are the other shop's", template, p.Name)
			}
			var filled []string
			for _, path := range paths {
				for _, v := range values {
					filled = append(filled, strings.Replace(path, "{"+p.Name+"}", url.PathEscape(v), 1))
				}
			}
			paths = filled
		case p.Required && p.In == "query":
			queries = []string{p.Name + "=" + url.QueryEscape(values[0])}
		case p.In == "query" && o.RequestBody == nil:
			for _, v := range append(values, map[string][]string{"all": {"true"}, "rows": {"true"}, "last": {"1"}, "since": {"2020-01-01T00:00:00Z"}}[p.Name]...) {
				queries = append(queries, strings.TrimPrefix(queries[0]+"&"+p.Name+"="+url.QueryEscape(v), "&"))
			}
		}
	}
	for _, path := range paths {
		for _, query := range queries {
			all = append(all, strings.TrimSuffix(path+"?"+query, "?"))
		}
	}
	return all
}

// unsaid takes out of an answer what the caller has said itself.
func unsaid(answer, target, body string) string {
	for _, word := range strings.FieldsFunc(target+" "+body, func(r rune) bool { return strings.ContainsRune("/?&= \"{},:", r) }) {
		if word, err := url.QueryUnescape(word); err == nil && strings.Contains(word, theirs) {
			answer = strings.ReplaceAll(answer, word, "")
		}
	}
	return answer
}

// TestNoOperationTellsACallerOfAnotherShop: each operation that the API describes is asked with everything that the other shop has, and with
// what is the caller's own: no answer says a word of the other one, and what is that one's is not there.
func TestNoOperationTellsACallerOfAnotherShop(t *testing.T) {
	w, own, other := twoOfAll(t)
	desk := w.Desk()
	desk.Running = true
	handler := api.New(api.Options{Desk: desk, Ledger: w.Ledger, Version: "1", Folder: t.TempDir(), Clock: w.Clock, Log: slog.New(slog.DiscardHandler)})
	last := ""
	ask := func(shops []string, method, path, body string) (int, string) {
		t.Helper()
		ctx, leave := context.WithTimeout(t.Context(), time.Minute)
		defer leave()
		caller := admit.WithCaller(ctx, &admit.Caller{Name: "olga", Role: admit.Admin, Shops: shops})
		r := httptest.NewRequestWithContext(caller, method, path, strings.NewReader(body))
		if strings.HasPrefix(body, "{") {
			r.Header.Set("Content-Type", "application/json")
		}
		got := &follower{httptest.NewRecorder(), last, leave}
		handler.ServeHTTP(got, r)
		return got.Code, got.Body.String()
	}
	_, text := ask(nil, http.MethodGet, api.Path+"/openapi.json", "")
	var doc struct {
		Paths map[string]map[string]operation
	}
	w.Must(json.Unmarshal([]byte(text), &doc))
	_, text = ask([]string{"b2b"}, http.MethodGet, api.Path+"/events?last=1", "")
	var events []struct{ ID int64 }
	if err := json.Unmarshal([]byte(text), &events); err != nil || len(events) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	last = fmt.Sprintf("id: %d\n", events[0].ID)
	operations, answers, tells := 0, 0, 0
	check := func(shop, method, template, target, body string) {
		t.Helper()
		status, said := ask([]string{"b2b"}, method, target, body)
		answers++
		if strings.Contains(unsaid(said, target, body), theirs) || status >= 500 || shop == theirs && strings.Contains(template, "{") && status < 400 {
			t.Errorf("%s %s %s: %d %s", method, target, body, status, said)
		}
		if method == http.MethodGet && shop == theirs && !strings.HasSuffix(template, "/stream") {
			if _, said := ask(nil, method, target, body); strings.Contains(said, theirs) {
				tells++
			}
		}
	}
	for _, template := range slices.Sorted(maps.Keys(doc.Paths)) {
		for method, op := range doc.Paths[template] {
			operations++
			for shop, a := range map[string]asked{"b2b": own, theirs: other} {
				for _, target := range op.targets(t, template, a) {
					if strings.HasSuffix(template, "/stream") && !strings.Contains(target, "since") && (shop != theirs || !strings.Contains(target, "drop")) {
						continue // it would tell what comes
					}
					if op.RequestBody == nil {
						check(shop, strings.ToUpper(method), template, target, "")
						continue
					}
					for _, body := range bodies(template, shop) {
						check(shop, strings.ToUpper(method), template, target, body)
					}
				}
			}
		}
	}
	t.Logf("%d operations, %d answers; %d of these tell whoever sees both shops of the other one", operations, answers, tells)
	if operations < 30 || tells < 15 {
		t.Errorf("%d operations, %d answers that tell of the other shop to those who see it", operations, tells)
	}
}

// twoOfAll is a world of two shops that have the same of everything, and what each is asked for by.
func twoOfAll(t *testing.T) (w *bridgetest.Shops, own, other asked) {
	t.Helper()
	w = bridgetest.NewShops(t, []string{"b2b", theirs}, strings.Replace(twoShops, "feeds:\n", "feeds:\n"+
		"  - { name: all, shop: [b2b, outlet], entity: pricelists, remote: disk, match: 'lists_*.csv', ready: { stable: 0s }, format: { kind: csv } }\n", 1))
	for _, shop := range w.Names {
		w.Drop(shop+"_products_1.csv", "sku,name,unit\nSKU-"+shop+",Bolt of "+shop+",item\nX,Nut,of "+shop+"\n")
		_, err := w.Boxes[shop].SubmitOrder(orotest.Order{Identifier: "N-" + shop, Customer: "1", Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
		w.Must(err)
	}
	w.Drop("lists_1.csv", "name,currencies,active\nFor all,EUR,1\nNo money,none,1\n")
	w.Must(w.B.Round(t.Context()))
	own, other = asked{}, asked{}
	add := func(of, name, value string) {
		a := own
		if strings.Contains(of, theirs) {
			a = other
		}
		a[name] = append(a[name], value)
	}
	var alarms []*bridge.LiveAlarm
	for _, feed := range []string{"b2b-products", "outlet-products", "all@b2b", "all@outlet"} {
		alarms = append(alarms, &bridge.LiveAlarm{Alarm: bridge.AlarmMissing, Of: "feed " + feed, N: 1, Text: "nothing for " + feed,
			Begun: w.Clock.Now(), Raised: w.Clock.Now()})
		add(feed, "feed", feed)
	}
	w.Must(w.Ledger.SaveAlarms(t.Context(), bridge.AlarmRound{Alarms: alarms}))
	for _, a := range alarms {
		add(a.Of, "alarm", fmt.Sprint(a.ID))
	}
	drops, err := w.Ledger.Drops(t.Context(), bridge.DropFilter{})
	w.Must(err)
	for _, d := range drops {
		runs, err := w.Ledger.Runs(t.Context(), d.ID)
		w.Must(err)
		add(d.Feed, "drop", fmt.Sprint(d.ID)) // that for both is the caller's, too: its part
		for _, r := range runs {
			add(d.Feed, "run", fmt.Sprint(r.ID))
		}
	}
	w.Must(w.Ledger.Rejects(t.Context(), bridge.RejectFilter{}, func(r bridge.RejectRow) error {
		d, err := w.Ledger.Drop(t.Context(), r.Drop)
		add(d.Feed, "reject", fmt.Sprint(r.ID))
		return err
	}))
	for _, shop := range w.Names {
		add(shop, "shop", shop)
		add(shop, "order", "N-"+shop)
		add(shop, "export", shop+"-orders")
		add(shop, "key", "SKU-"+shop)
		add(shop, "name", shop+".csv")
		add(shop, "entity", "products")
		add(shop, "word", shop)
	}
	if len(other["reject"]) < 2 || len(other["run"]) < 2 || len(own["drop"]) < 3 {
		t.Fatalf("%v %v", own, other)
	}
	return w, own, other
}
