package client

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/formats"
)

// says is a bridge, or whatever stands in its place, that gives one answer to everything.
type says func(*http.Request) *http.Response

func (s says) RoundTrip(r *http.Request) (*http.Response, error) { return s(r), nil }

// FuzzAnswers: whatever answers in the place of a bridge, a verb gets a value or an error that says what to do, and no error holds what does
// something to a terminal.
func FuzzAnswers(f *testing.F) {
	const problem = "application/problem+json"
	f.Add(200, "200 OK", "application/json", `{"running":true,"drops":[{"drop":1}]}`, "")
	f.Add(200, "200 OK", "application/json", `[{"drop":1e99}]`, `<?after=1>; rel="next"`)
	f.Add(200, "200 OK", "text/event-stream", "id: 1\nevent: x\ndata: {\"id\":1}\n\ndata: {", "")
	f.Add(404, "404 Not Found", problem, `{"detail":"\u001b[2J","hint":"\u202e","errors":["x"]}`, "")
	f.Add(403, "403", problem, `{"detail":"no"}`, "")
	f.Add(503, "503 \x1b[2J", "text/html", `<h1>`, "")
	f.Add(302, "302 Found", "", "", "http://evil.example.com/\x1b")
	f.Fuzz(func(t *testing.T, status int, words, kind, body, header string) {
		if status < 200 || status > 999 {
			return
		}
		b, err := New(Options{Server: "https://bridge.example.com", Token: "orobridge_KEY"})
		if err != nil {
			t.Fatal(err)
		}
		b.clock = atOnce{}
		n := 0
		b.http.Transport = says(func(r *http.Request) *http.Response {
			if n++; n > 50 {
				t.Fatal("it is asked again and again")
			}
			return &http.Response{StatusCode: status, Status: words, Header: http.Header{"Content-Type": {kind}, "Location": {header}, "Link": {header}},
				Request: r, Body: io.NopCloser(strings.NewReader(body))}
		})
		ctx := t.Context()
		_, status1 := b.Status(ctx)
		_, drop := b.DropDetails(ctx, 1, true)
		_, drops := b.Drops(ctx, bridge.DropFilter{})
		_, resent := b.WouldResend(ctx, "ORD-1", "", time.Time{}, time.Time{})
		events := b.Events(ctx, bridge.EventFilter{Last: 3}, func(operate.Event) error { return nil })
		for _, err := range []error{status1, drop, drops, resent, events} {
			hint := bridge.HintOf(err)
			m := new(operate.Mistake)
			if errors.As(err, &m) {
				hint = m.Hint
			}
			said := new(refusal) // by a bridge, with a hint or without
			if err != nil && (hint == "" && !errors.As(err, &said) && !errors.As(err, &m) || formats.Printable(err.Error()) != err.Error() || formats.Printable(hint) != hint) {
				t.Errorf("%q, hint %q", err, hint)
			}
		}
	})
}
