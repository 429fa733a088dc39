package api_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/api"
)

// FuzzRequests: whatever is asked of whichever operation, by whatever path, parameters and body, the answer is one that its description has.
// One that refuses has changed nothing, nor has one that only shows something; and nothing is decided by a body that is no JSON.
func FuzzRequests(f *testing.F) {
	s := newSite(f)
	s.Drop("products", "good.csv", good)
	s.Drop("customers", "c.csv", "customer_number,name\nC1,Ann Lee\n")
	s.Round()
	s.Drop("products", "bad.csv", bad)
	s.Submit("ORD-1")
	s.Round()
	type operation struct{ method, path string }
	var all []operation
	for _, path := range slices.Sorted(maps.Keys(s.checked.paths)) {
		for method := range s.checked.paths[path] {
			if !strings.HasSuffix(path, "/stream") { // it goes on and on
				all = append(all, operation{strings.ToUpper(method), path})
			}
		}
	}
	for i, o := range all {
		f.Add(byte(i), "1", "", []byte(`{"why":"x","kind":"feed","name":"products","from":"2026-11-21T00:00:00Z","rejected":true}`))
		if o.method == http.MethodGet {
			f.Add(byte(i), "ORD-1", "limit=2&after=1&feed=products&state=held&since=2026-11-21T00:00:00Z&key=SKU1&entity=products", []byte{})
		}
	}
	f.Add(byte(0), "../\x00%", "limit=%zz;&why=\xff", []byte(`{"why":"\ud800","why":[],"from":"9999-99-99T99:99:99Z","until":1e999}`))
	f.Add(byte(3), strings.Repeat("9", 30), "name=..%2fx&name=b", []byte("sku,name,unit\n\"SKU1\n"))
	blank := regexp.MustCompile(`\{\w+\}`)
	taken := 0
	f.Fuzz(func(t *testing.T, which byte, object, query string, body []byte) {
		o := all[int(which)%len(all)]
		if object == "" || object == "." || object == ".." {
			object = "1"
		}
		file := strings.HasSuffix(o.path, "/files") || strings.HasSuffix(o.path, "/{feed}/plan")
		if file && taken > 500 {
			t.Skip("enough files are there")
		}
		path := blank.ReplaceAllLiteralString(strings.TrimPrefix(o.path, api.Path), url.PathEscape(object))
		if len(object) > 1<<10 || len(query) > 1<<12 {
			return // no server lets longer ones through
		}
		before := lastEvent(t, s)
		r := httptest.NewRequestWithContext(t.Context(), o.method, api.Path+path, bytes.NewReader(body))
		r.URL.RawQuery = query
		if !file {
			r.Header.Set("Content-Type", "application/json")
		}
		here := *s
		here.t = t
		a := here.send(r, path)
		if a.status >= 500 {
			t.Errorf("%s %s?%s %q: %d %s", o.method, path, query, body, a.status, a.body)
		}
		if a.status == http.StatusOK && o.method == http.MethodPost {
			if taken++; !file && !json.Valid(body) {
				t.Errorf("%s: %q is taken", path, body)
			}
			return
		}
		for _, kind := range since(t, s, before) {
			if kind != bridge.PersonSeen {
				t.Errorf("%s %s?%s %q: %d, and %s has happened", o.method, path, query, body, a.status, kind)
			}
		}
	})
}

// lastEvent is the number of the last event of the journal.
func lastEvent(t *testing.T, s *site) (last int64) {
	t.Helper()
	err := s.Ledger.Events(t.Context(), bridge.EventFilter{Last: 1}, func(e *bridge.Event) error { last = e.ID; return nil })
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// since are the kinds of events after one.
func since(t *testing.T, s *site, last int64) (kinds []bridge.EventKind) {
	t.Helper()
	err := s.Ledger.Events(t.Context(), bridge.EventFilter{After: last}, func(e *bridge.Event) error { kinds = append(kinds, e.Kind); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return kinds
}
