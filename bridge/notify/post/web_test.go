package post_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/notify/post"
)

// The key and the signature are those that the reference library of Standard Webhooks is tested by.
const webhookKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func newWeb(t *testing.T) *post.Web {
	w := post.NewWeb("1.2.3")
	t.Cleanup(w.Close)
	return w
}

func TestAnEventIsSignedByStandardWebhooks(t *testing.T) {
	host, got, bodies := chat(t, http.StatusNoContent)
	to := &config.Subscriber{Name: "wms", URL: bridge.Secret("http://" + host + "/hook?k=1"), Secret: webhookKey,
		OldSecret: "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}
	const body = `{"test": 2432232314}`
	if err := newWeb(t).Event(t.Context(), to, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(body)); err != nil {
		t.Fatal(err)
	}
	r := <-got
	signatures := strings.Fields(r.Header.Get("webhook-signature"))
	if len(signatures) != 2 || signatures[0] != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" || signatures[1] == signatures[0] {
		t.Errorf("signatures: %v", signatures)
	}
	if r.Method != "POST" || r.URL.RawQuery != "k=1" || r.Header.Get("webhook-id") != "msg_p5jXN8AQM9LWM0D4loKWxJek" ||
		r.Header.Get("webhook-timestamp") != "1614265330" || r.Header.Get("Content-Type") != "application/json" ||
		r.Header.Get("User-Agent") != "orobridge/1.2.3" || <-bodies != body {
		t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}
}

func TestWhatASubscriberAnswersIsBoundedAndTellsNoSecret(t *testing.T) {
	led := 0
	mux := http.NewServeMux()
	mux.HandleFunc("/s3cret-long", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write(bytes.Repeat([]byte("no room \n"), 1<<20))
	})
	mux.HandleFunc("/s3cret-away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/s3cret-there", http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/s3cret-there", func(http.ResponseWriter, *http.Request) { led++ })
	mux.HandleFunc("/s3cret-head", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Long", strings.Repeat("x", 1<<20)) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	web := newWeb(t)
	for path, want := range map[string]string{"/s3cret-long": "503 Service Unavailable: no room no room", "/s3cret-away": "307", "/s3cret-head": "",
		"/s3cret-none": "404"} {
		to := &config.Subscriber{URL: bridge.Secret(s.URL + path), Secret: webhookKey}
		err := web.Event(t.Context(), to, "id", time.Now(), nil)
		if err == nil || strings.Contains(err.Error(), "s3cret") || len(err.Error()) > 500 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
		if after := bridge.RetryAfter(err); (path == "/s3cret-long") != (after == 2*time.Minute) {
			t.Errorf("%s: it asked to be left alone for %s", path, after)
		}
	}
	if led > 0 {
		t.Error("a redirect was followed")
	}
	for _, address := range []string{"http://127.0.0.1:1/s3cret", "http://s3cret\x00/", "gopher://127.0.0.1/s3cret"} {
		if err := web.Ping(t.Context(), bridge.Secret(address)); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestAPingIsAQuestion(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); r.Method != http.MethodGet || r.URL.Path != "/ping" || len(body) > 0 || err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
		fmt.Fprint(w, "ok")
	}))
	t.Cleanup(s.Close)
	if err := newWeb(t).Ping(t.Context(), bridge.Secret(s.URL+"/ping")); err != nil {
		t.Error(err)
	}
}
