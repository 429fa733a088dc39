package orotest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fuzzed is a shop of its own, and how to ask it.
func fuzzed(t testing.TB) (*Shop, func(method, path, body string, headers ...string) *httptest.ResponseRecorder) {
	t.Helper()
	s := New(Seed(Sample))
	t.Cleanup(func() { s.Close() })
	token := s.grant(s.clock())
	return s, func(method, path, body string, headers ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://shop.example/", strings.NewReader(body))
		bare, query, _ := strings.Cut(path, "?")
		r.URL.Path, r.URL.RawQuery = apiPath+bare, query
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Accept", mediaType)
		r.Header.Set("Content-Type", mediaType)
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
}

// whole holds that an answer is a JSON document or nothing, and no crash.
func whole(t *testing.T, w *httptest.ResponseRecorder, what string) {
	t.Helper()
	if w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) && w.Code != 301 && w.Code != 414 {
		t.Errorf("%s is answered %d %.200s", what, w.Code, w.Body)
	}
	if w.Code < 200 || w.Code > 599 {
		t.Errorf("%s is answered %d", what, w.Code)
	}
}

// FuzzDocument writes whatever it is given: whole answers come, and the shop goes on.
func FuzzDocument(f *testing.F) {
	files, err := filepath.Glob("testdata/differential/*.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(string(raw)) {
			var x exchange
			if json.Unmarshal([]byte(line), &x) != nil || len(x.Body) == 0 || len(x.Body) > 4000 {
				continue
			}
			if n++; n%9 == 0 {
				f.Add(x.Method, strings.TrimPrefix(x.Path, apiPath), string(x.Body))
			}
		}
	}
	f.Add("POST", "orders", `{"data":{"type":"orders","relationships":{"lineItems":{"data":[{"type":"orderlineitems","id":"1"}]}}}}`)
	f.Add("PATCH", "customers/1/relationships/parent", `{"data":{"type":"customers","id":"1"}}`)
	s, ask := fuzzed(f)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		if method != http.MethodPost && method != http.MethodPatch && method != http.MethodDelete {
			method = http.MethodPost
		}
		whole(t, ask(method, path, body), method+" "+path)
		if strings.HasPrefix(body, "{") && method == http.MethodPatch {
			whole(t, ask(method, path, body, "X-Mode", "sync"), "synchronously "+path)
		}
		s.DrainQueue()
		resource, _, _ := strings.Cut(path, "/")
		resource, _, _ = strings.Cut(resource, "?")
		whole(t, ask(http.MethodGet, resource+"?page[size]=3", ""), resource)
	})
}

// FuzzQuery asks for lists with whatever parameters.
func FuzzQuery(f *testing.F) {
	raw, err := os.ReadFile("testdata/differential/lists-products.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		var x exchange
		if json.Unmarshal([]byte(line), &x) == nil && x.Method == http.MethodGet {
			if path, query, ok := strings.Cut(strings.TrimPrefix(x.Path, apiPath), "?"); ok {
				f.Add(path, query)
			}
		}
	}
	f.Add("orders", "filter[customer.group.name]=x&sort=customer&include=lineItems.product.names")
	f.Add("productprices", "filter[priceList]=1..2&filter[product][contains]=1")
	_, ask := fuzzed(f)
	f.Fuzz(func(t *testing.T, path, query string) {
		whole(t, ask(http.MethodGet, path+"?"+query, ""), path)
	})
}

// FuzzTrouble reads whatever, and reads again what it shows.
func FuzzTrouble(f *testing.F) {
	f.Add("latency=200ms,429=20,stall=5m,html=50,reset-after=100,races,restore=10m")
	f.Add("latency,,=,429=-1")
	f.Fuzz(func(t *testing.T, s string) {
		trouble, err := ParseTrouble(s)
		if err != nil {
			return
		}
		if again, err := ParseTrouble(trouble.String()); err != nil || again != trouble {
			t.Errorf("%q is shown as %q: %v", s, trouble, err)
		}
	})
}
