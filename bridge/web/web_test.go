package web

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/orobridge/orobridge/bridge"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A delivery of OroCommerce 6.1.11 and its signature; the secret is shh.
const (
	recorded  = `{"topic":"order.created","eventData":{"data":{"type":"orders","id":"26"}},"timestamp":1795206328,"messageId":"8811857b-982d-4f76-8b28-0fa62e6b3bbd"}`
	signature = "59d8ec75d271db8ee03b2f29eaf22c59f5dc1d2bb87f9e79d295305005176d72"
)

func sign(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestIntake(t *testing.T) {
	long := strings.Repeat("x", maxDelivery+1)
	tests := []struct {
		name, method, path, body, signature, algorithm string
		want                                           int
	}{
		{"a delivery as the shop sends it", "POST", "/webhook", recorded, signature, "HMAC-SHA256", 202},
		{"signed with our own code", "POST", "/webhook", "{}", sign("shh", "{}"), "", 202},
		{"upper case", "POST", "/webhook", recorded, strings.ToUpper(signature), "HMAC-SHA256", 202},
		{"no signature", "POST", "/webhook", recorded, "", "HMAC-SHA256", 401},
		{"another secret", "POST", "/webhook", recorded, sign("other", recorded), "HMAC-SHA256", 401},
		{"another body", "POST", "/webhook", recorded + " ", signature, "HMAC-SHA256", 401},
		{"half a signature", "POST", "/webhook", recorded, signature[:32], "HMAC-SHA256", 401},
		{"no hex", "POST", "/webhook", recorded, "zz" + signature[2:], "HMAC-SHA256", 401},
		{"another algorithm", "POST", "/webhook", recorded, signature, "HMAC-MD5", 401},
		{"too long, unsigned", "POST", "/webhook", long, "", "", 401},
		{"too long", "POST", "/webhook", long, sign("shh", long), "", 413},
		{"a look", "GET", "/webhook", "", "", "", 405},
		{"another path", "POST", "/", recorded, signature, "", 404},
	}
	var refused, oversize int64
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
			r.Header.Set("Webhook-Signature", test.signature)
			r.Header.Set("Webhook-Signature-Algorithm", test.algorithm)
			w := httptest.NewRecorder()
			woken := false
			s := &Server{Secret: "shh", Wake: func(string) bool { woken = true; return true }, Log: slog.New(slog.DiscardHandler)}
			s.Handler().ServeHTTP(w, r)
			if w.Code != test.want {
				t.Errorf("status %d, want %d", w.Code, test.want)
			}
			if woken != (test.want == 202) {
				t.Errorf("woken: %v", woken)
			}
			refused, oversize = refused+s.counts.refused.Load(), oversize+s.counts.oversize.Load()
		})
	}
	if refused != 7 || oversize != 1 {
		t.Errorf("%d deliveries counted as refused, %d as too long", refused, oversize)
	}
	w := httptest.NewRecorder()
	(&Server{Log: slog.New(slog.DiscardHandler)}).Handler().ServeHTTP(w, httptest.NewRequest("POST", "/webhook", strings.NewReader(recorded)))
	if w.Code != 404 {
		t.Errorf("without a secret: %d", w.Code)
	}
}

// While the secret changes, what is on its way was signed by the one before.
func TestEachOfTwoSecretsIsGood(t *testing.T) {
	for secret, want := range map[bridge.Secret]int{"next\nshh": 202, "shh\nnext\n": 202, "next\nother": 401, "\n\n": 401} {
		r := httptest.NewRequest("POST", HookPath, strings.NewReader(recorded))
		r.Header.Set("Webhook-Signature", signature)
		w := httptest.NewRecorder()
		(&Server{Secret: secret, Wake: func(string) bool { return true }, Log: slog.New(slog.DiscardHandler)}).Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: status %d, want %d", secret.Reveal(), w.Code, want)
		}
	}
}

func TestAFloodOfDeliveriesWakesOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var woken atomic.Int64
		s := &Server{Secret: "shh", Wake: func(string) bool { woken.Add(1); return true }, Log: slog.New(slog.DiscardHandler)}
		deliver := func() {
			r := httptest.NewRequest("POST", HookPath, strings.NewReader(recorded))
			r.Header.Set("Webhook-Signature", signature)
			s.Handler().ServeHTTP(httptest.NewRecorder(), r)
		}
		deliver()
		if n := woken.Load(); n != 1 {
			t.Errorf("woken %d times by the first delivery, want at once", n)
		}
		for range 100 { // a hundred a second for ten seconds
			for range 10 {
				deliver()
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := woken.Load(); n > 11 {
			t.Errorf("woken %d times in ten seconds", n)
		}
		deliver()
		before := woken.Load()
		time.Sleep(wakeEvery)
		synctest.Wait()
		if n := woken.Load(); n != before+1 {
			t.Errorf("the last delivery was forgotten: %d wakes after %d", n, before)
		}
		time.Sleep(2 * wakeEvery)
		synctest.Wait()
		if n := woken.Load(); n != before+1 {
			t.Errorf("woken %d times by nothing", n-before-1)
		}
	})
}

// TestEachShopHasAnAddressOfItsOwn: whatever comes from one wakes it alone, and keeps no other's delivery from being answered at once.
func TestEachShopHasAnAddressOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		woken := map[string]int{}
		s := &Server{Secret: "shh", Log: slog.New(slog.DiscardHandler), Wake: func(shop string) bool {
			known := shop == "b2b" || shop == "outlet"
			if known {
				woken[shop]++
			}
			return known
		}}
		deliver := func(path, signed string) int {
			r := httptest.NewRequest("POST", path, strings.NewReader(recorded))
			r.Header.Set("Webhook-Signature", signed)
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			return w.Code
		}
		for range 100 {
			if status := deliver(HookPath+"/outlet", signature); status != 202 {
				t.Fatal(status)
			}
		}
		if len(woken) != 1 || woken["outlet"] != 1 {
			t.Errorf("a flood of one has woken %v", woken)
		}
		if status := deliver(HookPath+"/b2b", signature); status != 202 || woken["b2b"] != 1 {
			t.Errorf("beside it: %d, %v", status, woken)
		}
		for path, want := range map[string]int{"": 404, "/nobodys": 404, "/": 404, "/b2b/outlet": 404} {
			if status := deliver(HookPath+path, signature); status != want {
				t.Errorf("%s: %d", path, status)
			}
		}
		if status := deliver(HookPath+"/nobodys", sign("other", recorded)); status != 401 {
			t.Errorf("a stranger learns which shops there are: %d", status)
		}
		time.Sleep(2 * wakeEvery)
		synctest.Wait()
		if woken["outlet"] != 2 || woken["b2b"] != 1 || len(s.rests) > 2 {
			t.Errorf("in the end: %v, %v", woken, s.rests)
		}
	})
}

// A body that tells whether it was read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("a stranger's body was read")
	return 0, io.EOF
}

func TestABodyIsReadOnlyForASignature(t *testing.T) {
	s := &Server{Secret: "shh", Wake: func(string) bool { t.Error("woken"); return true }, Log: slog.New(slog.DiscardHandler)}
	for _, given := range []string{"", "zz", signature[:62], signature + "00", "sha256=" + signature} {
		r := httptest.NewRequest("POST", HookPath, unread{t})
		r.Header.Set("Webhook-Signature", given)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusUnauthorized || w.Header().Get("Connection") != "close" {
			t.Errorf("%q: %d %v", given, w.Code, w.Header())
		}
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	s := &Server{Secret: "shh", Wake: func(string) bool { return true }, Log: slog.New(slog.DiscardHandler)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	counting := &accepting{Listener: l}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, counting) }()
	var idle []net.Conn
	for i := range 2 * maxConnections { // they say nothing
		from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+i%4))}} // of one address half would be refused
		c, err := from.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	for counting.n.Load() < maxConnections {
		runtime.Gosched()
	}
	idle[0].Close() // one place is free, for one more
	for counting.n.Load() < maxConnections+1 {
		runtime.Gosched()
	}
	if n := counting.n.Load(); n > maxConnections+1 {
		t.Errorf("%d connections", n)
	}
	for _, c := range idle {
		c.Close()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// accepting counts the connections that were taken.
type accepting struct {
	net.Listener
	n atomic.Int64
}

func (a *accepting) Accept() (net.Conn, error) {
	c, err := a.Listener.Accept()
	if err == nil {
		a.n.Add(1)
	}
	return c, err
}

func TestServeEndsWithItsContext(t *testing.T) {
	s := &Server{Secret: "shh", Wake: func(string) bool { return true }, Log: slog.New(slog.DiscardHandler)}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	r, _ := http.NewRequest("POST", "http://"+l.Addr().String()+HookPath, strings.NewReader(recorded))
	r.Header.Set("Webhook-Signature", signature)
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusAccepted {
		t.Fatal(resp, err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := Listen(t.Context(), "256.0.0.1:1"); err == nil {
		t.Error("listened on nothing")
	}
}

// FuzzIntake: nobody wakes the exports without the secret, whatever they send; and every answer is one of those that are told.
func FuzzIntake(f *testing.F) {
	f.Add("POST", "/webhook", "HMAC-SHA256", signature, recorded)
	f.Add("POST", "/webhook/", "hmac-sha256", strings.ToUpper(signature), "")
	f.Add("GET", "/webhook?x=%zz", "", "zz", "{")
	f.Fuzz(func(t *testing.T, method, path, algorithm, given, body string) {
		u, err := url.Parse(path)
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		r := &http.Request{Method: method, URL: u, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), RemoteAddr: "192.0.2.1:1"}
		r.Header.Set("Webhook-Signature", given)
		r.Header.Set("Webhook-Signature-Algorithm", algorithm)
		woken := false
		s := &Server{Secret: "shh\nanother", Wake: func(string) bool { woken = true; return true }, Log: slog.New(slog.DiscardHandler)}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		good := strings.EqualFold(given, sign("shh", body)) || strings.EqualFold(given, sign("another", body))
		if woken && (!good || method != http.MethodPost) || woken != (w.Code == http.StatusAccepted) || w.Code >= 500 {
			t.Errorf("status %d, woken: %v", w.Code, woken)
		}
	})
}
