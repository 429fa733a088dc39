package client

import (
	"context"
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

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/api"
	"github.com/orobridge/orobridge/bridge/operate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at once is a clock on which every pause is over.
type atOnce struct{ bridge.SystemClock }

func (atOnce) Wait(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// play is a bridge that answers as a test wants.
func play(t *testing.T, answer http.HandlerFunc) *Bridge {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	b, err := New(Options{Server: server.URL, Token: "orobridge_KEY"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	b.clock = atOnce{}
	return b
}

func document(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// asked are the requests of a test, as what of them it looks at.
type asked struct {
	mu   sync.Mutex
	list []string
}

// add notes one, and tells which one it is.
func (a *asked) add(text string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, text)
	return len(a.list)
}

func (a *asked) all() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.list)
}

// drop cuts the connection of a request.
func drop(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

// A decision whose answer is lost is sent again, as the same one; one that never got there is not.
func TestALostAnswerDecidesNothingTwice(t *testing.T) {
	sent := &asked{}
	b := play(t, func(w http.ResponseWriter, r *http.Request) {
		if sent.add(r.Header.Get("Idempotency-Key")) < 3 {
			drop(w)
			return
		}
		document(w, api.Outcome{Run: operate.Run{Drop: 7}, Verdict: "good", Handed: true})
	})
	v, err := (&Desk{Bridge: b, Why: "so"}).Approve(t.Context(), 7)
	if err != nil || v.Drop != 7 || !v.Handed {
		t.Fatalf("%+v %v", v, err)
	}
	if keys := sent.all(); len(keys) != 3 || len(keys[0]) < 20 || keys[1] != keys[0] || keys[2] != keys[0] {
		t.Errorf("keys: %q", keys)
	}
	again := &asked{}
	b = play(t, func(w http.ResponseWriter, r *http.Request) { again.add(""); drop(w) })
	_, err = (&Desk{Bridge: b}).Discard(t.Context(), 7)
	if !errors.Is(err, bridge.ErrUnreachable) || len(again.all()) != sendings || !strings.Contains(bridge.HintOf(err), "orobridge drop 7") {
		t.Errorf("after %d tries: %v, hint: %s", len(again.all()), err, bridge.HintOf(err))
	}
}

// Errors of the bridge keep their words, hints and meaning.
func TestErrorsAreTheBridges(t *testing.T) {
	for _, c := range []struct {
		status     int
		is         error
		mistake    bool
		text, hint string
	}{
		{400, nil, true, "the config has no feed \"x\"", "feeds are: a"},
		{404, bridge.ErrUnknown, false, "drop 9: not known here", "see orobridge drops"},
		{409, nil, false, "approve drop 1: it is loaded", "see it"},
		{503, bridge.ErrUnreachable, false, "fetch x: not reachable", "wait"},
		{500, nil, false, "the bridge could not answer", "its log says why"},
	} {
		b := play(t, func(w http.ResponseWriter, _ *http.Request) { api.Refuse(w, c.status, c.text, c.hint) })
		_, err := b.Status(t.Context())
		var m *operate.Mistake
		hint := bridge.HintOf(err)
		if errors.As(err, &m) {
			hint = m.Hint
		}
		if err == nil || err.Error() != c.text || hint != c.hint || (m != nil) != c.mistake || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%d: %v, hint: %s", c.status, err, hint)
		}
	}
}

// What no bridge would answer is said to be that, and nothing of it is believed; the token goes nowhere else.
func TestStrangeAnswers(t *testing.T) {
	elsewhere := &asked{}
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.add("") }))
	defer other.Close()
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		},
			"it sends elsewhere: " + other.URL},
		"a redirect with a trick in it": {func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Location"] = []string{"http://a\u202eb"}
			w.WriteHeader(http.StatusFound)
		}, "it sends elsewhere: "},
		"a proxy's page": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<h1>Bad gateway", http.StatusBadGateway) }, "502 Bad Gateway"},
		"a page":         {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<h1>Welcome") }, "no answer of a bridge's"},
		"no JSON": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, "{]")
		}, "can't be read"},
		"another document": {func(w http.ResponseWriter, _ *http.Request) { document(w, []int{1}) }, "can't be read"},
		"half a document": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"running":`)
		}, "the connection was lost"},
		"no answer": {func(w http.ResponseWriter, _ *http.Request) { drop(w) }, "the connection was lost"},
	} {
		v, err := play(t, c.answer).Status(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || bridge.HintOf(err) == "" || strings.Contains(err.Error(), "\u202e") {
			t.Errorf("%s: %v %q, hint: %s", name, v, err, bridge.HintOf(err))
		}
	}
	if len(elsewhere.all()) != 0 {
		t.Error("a redirect was followed")
	}
}

// A token is never printed, and goes over TLS or to this machine only.
func TestTheTokenStaysSecret(t *testing.T) {
	b := play(t, func(http.ResponseWriter, *http.Request) {})
	if text := fmt.Sprintf("%v %+v %#v", b, b.Options, b.Options); strings.Contains(text, "KEY") {
		t.Errorf("it is printed: %s", text)
	}
	for server, good := range map[string]bool{"https://bridge.example.com": true, "https://bridge.example.com/orobridge/": true,
		"http://127.0.0.1:8085": true, "http://[::1]:8085": true, "http://localhost:1": true,
		"http://bridge.example.com": false, "http://10.0.0.1": false, "http://localhost.example.com": false, "//x": false, "x": false,
		"https://": false, "https://u:p@x": false, "https://x?a=b": false, "https://x#a": false, "file:///etc": false, "ht tp://x": false} {
		_, err := New(Options{Server: server, Token: "x"})
		var m *operate.Mistake
		if (err == nil) != good || err != nil && !errors.As(err, &m) {
			t.Errorf("%s: %v", server, err)
		}
	}
	for _, token := range []bridge.Secret{"", "a b", "a\nb", "ü"} {
		if _, err := New(Options{Server: "https://x", Token: token}); err == nil {
			t.Errorf("token %q is taken", token.Reveal())
		}
	}
}

// A list is read page by page, and a server whose list never ends is left.
func TestListsAreReadToTheirEnd(t *testing.T) {
	pages := &asked{}
	b := play(t, func(w http.ResponseWriter, r *http.Request) {
		pages.add(r.URL.RawQuery)
		var page []operate.Drop
		var from int64
		_, _ = fmt.Sscan(r.URL.Query().Get("after"), &from)
		for i := from + 1; i <= min(from+1000, 2500); i++ {
			page = append(page, operate.Drop{Drop: i})
		}
		if from < 2000 {
			w.Header().Set("Link", fmt.Sprintf(`<?after=%d&feed=a&limit=1000>; rel="next"`, from+1000))
		}
		document(w, page)
	})
	all, err := b.Drops(t.Context(), bridge.DropFilter{Feed: "a", States: []bridge.DropState{"held", "partial"}})
	if err != nil || len(all) != 2500 || all[2499].Drop != 2500 {
		t.Fatalf("%d drops, %v", len(all), err)
	}
	want := []string{"feed=a&limit=1000&state=held%2Cpartial", "after=1000&feed=a&limit=1000&state=held%2Cpartial",
		"after=2000&feed=a&limit=1000&state=held%2Cpartial"}
	if diff := cmp.Diff(want, pages.all()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	last, err := list[operate.Drop](t.Context(), b, "/drops", query{}, longest+1)
	if err != nil || len(last) != 2500 {
		t.Errorf("the last ones: %d, %v", len(last), err)
	}
	for _, link := range []string{`<?after=0>; rel="next"`, `<?limit=9>; rel="next"`} {
		b = play(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", link)
			if r.URL.Query().Get("after") != "" {
				document(w, []operate.Drop{{Drop: 1}})
				return
			}
			document(w, []operate.Drop{{Drop: 1}})
		})
		if _, err := b.Drops(t.Context(), bridge.DropFilter{}); err == nil {
			t.Errorf("%s has an end", link)
		}
	}
}

// A follower goes on behind the last event whenever the connection is lost or falls silent, and ends with its context.
func TestFollowersGoOnWhereTheyWere(t *testing.T) {
	streams := &asked{}
	var lost atomic.Int32
	over := make(chan struct{})
	defer close(over)
	b := play(t, func(w http.ResponseWriter, r *http.Request) {
		n := streams.add(r.URL.RawQuery + " " + r.Header.Get("Last-Event-ID"))
		if n == 3 {
			http.Error(w, "restarting", http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprintf(w, ": hello\n\nid: %d\nevent: x\ndata: {\"id\":%d}\n\n", n, n)
		w.(http.Flusher).Flush()
		if n == 2 {
			select { // not a word more
			case <-r.Context().Done():
			case <-over:
			}
		}
	})
	b.silence = 200 * time.Millisecond
	b.Lost = func(err error) {
		if bridge.HintOf(err) == "" {
			t.Error(err)
		}
		lost.Add(1)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var got []int64
	err := b.Follow(ctx, bridge.EventFilter{Last: 5, Drop: 3}, func(e operate.Event) error {
		if got = append(got, e.ID); len(got) == 4 {
			stop()
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]int64{1, 2, 4, 5}, got); diff != "" {
		t.Errorf("events: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"drop=3&last=5 ", "drop=3 1", "drop=3 2", "drop=3 2", "drop=3 4"}, streams.all()); diff != "" {
		t.Errorf("asked: -want +got:\n%s", diff)
	}
	if n := lost.Load(); n != 3 {
		t.Errorf("told of %d losses", n)
	}
}

// What can't be followed is an error, at once at the beginning, and later when nobody is let in any more.
func TestFollowingEnds(t *testing.T) {
	streams := &asked{}
	b := play(t, func(w http.ResponseWriter, _ *http.Request) {
		if streams.add("") > 1 {
			api.Refuse(w, http.StatusUnauthorized, "log in, or send a token", "")
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
	})
	err := b.Follow(t.Context(), bridge.EventFilter{}, func(operate.Event) error { return nil })
	if !errors.Is(err, bridge.ErrLogin) {
		t.Errorf("the token was revoked: %v", err)
	}
	b = play(t, func(w http.ResponseWriter, _ *http.Request) { drop(w) })
	if err := b.Follow(t.Context(), bridge.EventFilter{}, nil); !errors.Is(err, bridge.ErrUnreachable) {
		t.Errorf("nobody is there: %v", err)
	}
	b = play(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: {\"id\":1}\n\n")
	})
	if err := b.Follow(t.Context(), bridge.EventFilter{}, func(operate.Event) error { return io.ErrShortWrite }); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("who is told has an error: %v", err)
	}
	b = play(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: nonsense\n\n")
	})
	if err := b.Follow(t.Context(), bridge.EventFilter{}, nil); err == nil || errors.Is(err, bridge.ErrUnreachable) {
		t.Errorf("an event that is none: %v", err)
	}
}
