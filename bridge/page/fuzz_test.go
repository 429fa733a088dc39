package page_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
)

// FuzzForms: whatever is asked of whichever route, by whatever path, parameters and form, there is an answer that says something, in which
// nothing stands that does something; it leads nowhere else; and unless a decision was taken, nothing has happened.
func FuzzForms(f *testing.F) {
	s := newSite(f, busy(f))
	var all []request
	for _, r := range s.requests() {
		if !strings.HasPrefix(r.path, "/static/") && !strings.HasPrefix(r.path, "/events") {
			all = append(all, r)
		}
	}
	for i := range all {
		f.Add(byte(i), "", "", "why=x&for=1h")
	}
	f.Add(byte(7), hostile, "did=approve&feed=%zz&day=2026-13-45&page=-1", "why="+url.QueryEscape(hostile)+"&until=0000-00-00T99:99&for=x")
	f.Add(byte(30), "../..\x00", "q=%00%27%22&word=%25&state=&to=xx&next=//evil", "why=&draft=x;y&export=%ff")
	upload := "Content-Disposition: form-data; name=\"file\"; filename=\"../x.csv\"\r\n\r\nsku,name,unit\nSKU1,\"Pipe\n\r\n--x--\r\n"
	for i, r := range all {
		if r.method == http.MethodPost && strings.HasSuffix(r.path, "/upload") {
			f.Add(byte(i), "products", "", "--x\r\n"+upload)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, object, query, form string) {
		here := s.as(admins)
		here.t = t
		r := all[int(which)%len(all)]
		path, _, _ := strings.Cut(r.path, "?")
		if parts := strings.Split(path, "/"); len(parts) > 2 && object != "" && object != "." && object != ".." && strings.Contains(r.pattern, "{") {
			parts[2] = url.PathEscape(object)
			path = strings.Join(parts, "/")
		}
		before := lastEvent(t, here)
		ask := httptest.NewRequestWithContext(t.Context(), r.method, path, strings.NewReader(form))
		ask.URL.RawQuery = query
		ask.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if strings.HasPrefix(form, "--x") {
			ask.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		}
		w := here.ask(ask)
		if w.Code >= 500 || w.Code < 200 {
			t.Errorf("%s %s?%s %q: %d %s", r.method, path, query, form, w.Code, textOf(w.Body.String()))
		}
		if to := w.Header().Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n")) {
			t.Errorf("%s %s?%s leads to %q", r.method, path, query, to)
		}
		if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			parse(t, w.Body.String()).harmless()
		}
		if r.method == http.MethodPost && w.Code == http.StatusSeeOther {
			return
		}
		err := here.Ledger.Events(t.Context(), bridge.EventFilter{After: before}, func(e *bridge.Event) error {
			if e.Kind != bridge.PersonSeen {
				t.Errorf("%s %s?%s %q: %d, and %s has happened", r.method, path, query, form, w.Code, e.Kind)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
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
