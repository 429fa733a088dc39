package web

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A hall is a listener in memory, so that time is the test's.
type hall struct {
	came   chan net.Conn
	closed chan struct{}
}

func newHall() *hall { return &hall{make(chan net.Conn), make(chan struct{})} }

func (h *hall) Accept() (net.Conn, error) {
	select {
	case c := <-h.came:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h *hall) Close() error {
	select {
	case <-h.closed:
	default:
		close(h.closed)
	}
	return nil
}

func (h *hall) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8085} }

func (h *hall) dial() net.Conn {
	theirs, ours := net.Pipe()
	h.came <- ours
	return theirs
}

// site serves a handler in a hall and ends it with the test.
func site(t *testing.T, s *Site) *hall {
	s.Log = slog.New(slog.DiscardHandler)
	h, done := newHall(), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- s.Serve(ctx, h) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h
}

func echo(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		http.Error(w, "too long", http.StatusRequestEntityTooLarge)
		return
	}
	fmt.Fprint(w, n)
}

func TestWhatComesToASite(t *testing.T) {
	s := &Site{Handler: http.HandlerFunc(echo), Hosts: []string{"bridge.example.com"}, Uploads: []string{"POST /feeds/{feed}/upload"}}
	for _, test := range []struct {
		name, method, path, host, header, body string
		want                                   int
	}{
		{"by its name", "GET", "/", "bridge.example.com", "", "", 200},
		{"by its name, with a port, in capitals, absolute", "GET", "/", "Bridge.Example.com.:8443", "", "", 200},
		{"by an address", "GET", "/", "127.0.0.1:8085", "", "", 200},
		{"by an address of IPv6", "GET", "/", "[::1]:8085", "", "", 200},
		{"from this machine", "GET", "/", "localhost:8085", "", "", 200},
		{"by a name that a stranger's DNS leads here", "GET", "/", "evil.example.net:8085", "", "", 421},
		{"by a name that begins with ours", "GET", "/", "bridge.example.com.evil.net", "", "", 421},
		{"by a name that looks like an address", "GET", "/", "127.0.0.1.evil.net", "", "", 421},
		{"by no name", "GET", "/", "", "", "", 421},
		{"another site's form", "POST", "/", "bridge.example.com", "Sec-Fetch-Site: cross-site", "x", 403},
		{"a neighbour's form", "POST", "/", "bridge.example.com", "Sec-Fetch-Site: same-site", "x", 403},
		{"another site's form in an old browser", "POST", "/", "bridge.example.com", "Origin: https://evil.example.net", "x", 403},
		{"a form from a frame without origin", "POST", "/", "bridge.example.com", "Origin: null", "x", 403},
		{"our own form", "POST", "/", "bridge.example.com", "Sec-Fetch-Site: same-origin", "x", 200},
		{"our own form through a proxy that says its own name", "POST", "/", "127.0.0.1:8085", "Origin: https://bridge.example.com", "x", 200},
		{"another site's link", "GET", "/", "bridge.example.com", "Sec-Fetch-Site: cross-site", "", 200},
		{"a program", "POST", "/", "bridge.example.com", "", "x", 200},
		{"a body of the longest", "POST", "/", "localhost", "", strings.Repeat("x", maxBody), 200},
		{"a body that is too long", "POST", "/", "localhost", "", strings.Repeat("x", maxBody+1), 413},
		{"a file", "POST", "/feeds/prices/upload", "localhost", "", strings.Repeat("x", maxBody+1), 200},
		{"a file where none is taken", "PUT", "/feeds/prices/upload", "localhost", "", strings.Repeat("x", maxBody+1), 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.path, strings.NewReader(test.body))
			r.Host = test.host
			if name, value, ok := strings.Cut(test.header, ": "); ok {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			s.guarded().ServeHTTP(w, r)
			if w.Code != test.want {
				t.Errorf("%d, want %d: %s", w.Code, test.want, w.Body)
			}
			for name := range headers {
				if w.Header().Get(name) == "" {
					t.Errorf("no %s", name)
				}
			}
			for _, banned := range []string{"unsafe", "http", "*", "data:"} {
				if strings.Contains(w.Header().Get("Content-Security-Policy"), banned) {
					t.Errorf("the policy lets %s through", banned)
				}
			}
		})
	}
}

func TestAClientThatDawdlesIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := site(t, &Site{Handler: http.HandlerFunc(echo)})
		for _, test := range []struct {
			name, says string
			within     time.Duration
		}{
			{"silence", "", requestTime},
			{"half a header", "GET / HTTP/1.1\r\nHost: loc", requestTime},
			{"half a body", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf", siteTime},
			{"nothing more", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", siteIdle},
		} {
			began, c := time.Now(), h.dial()
			if _, err := io.WriteString(c, test.says); err != nil {
				t.Error(err)
			}
			_, _ = io.Copy(io.Discard, c) // to the end of the connection
			if took := time.Since(began); took > test.within+time.Second {
				t.Errorf("%s: cut off after %v", test.name, took)
			}
			_ = c.Close()
		}
	})
}

func TestAClientThatDripsItsHeaderIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := site(t, &Site{Handler: http.HandlerFunc(echo)})
		began, c := time.Now(), h.dial()
		_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n")
		for n := 0; err == nil && n < 100; n++ {
			time.Sleep(time.Second)
			_, err = fmt.Fprintf(c, "X-%d: y\r\n", n)
		}
		if took := time.Since(began); took > requestTime+2*time.Second {
			t.Errorf("cut off after %v", took)
		}
		_ = c.Close()
	})
}

func TestAClientThatReadsNothingIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := make(chan error, 1)
		h := site(t, &Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					gone <- err
					return
				}
			}
		})})
		began, c := time.Now(), h.dial()
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Error(err)
		}
		<-gone
		if took := time.Since(began); took > siteTime+time.Second {
			t.Errorf("cut off after %v", took)
		}
		_ = c.Close()
	})
}

func TestAFloodOfHeadersIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := site(t, &Site{Handler: http.HandlerFunc(echo)})
		c := h.dial()
		go func() {
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n"+strings.Repeat("X-Flood: y\r\n", 10_000)+"\r\n")
		}()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%v %v", resp, err)
		}
		_ = c.Close()
	})
}

func TestAStreamEndsWithTheSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		streams, decided := make(chan struct{}, 2), make(chan bool, 1)
		s := &Site{Log: slog.New(slog.DiscardHandler), Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			streams <- struct{}{}
			if r.URL.Path == "/decide" {
				time.Sleep(finishTime / 2) // it is let finish
				decided <- r.Context().Err() == nil
				return
			}
			<-r.Context().Done()
		})}
		h, done := newHall(), make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- s.Serve(ctx, h) }()
		var all []net.Conn
		for _, path := range []string{"/events", "/decide"} {
			c := h.dial()
			all = append(all, c)
			go func() { _, _ = io.Copy(io.Discard, c) }()
			if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path); err != nil {
				t.Error(err)
			}
			<-streams
		}
		began := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 2*finishTime || !<-decided {
			t.Errorf("ended after %v", took)
		}
		for _, c := range all {
			_ = c.Close()
		}
	})
}

func TestHealth(t *testing.T) {
	var trouble error
	mux := http.NewServeMux()
	Health(mux, func(context.Context) error { return trouble }, slog.New(slog.DiscardHandler))
	ask := func(path string, status int, text string) {
		t.Helper()
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != status || w.Body.String() != text+"\n" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	ask("/readyz", 200, "ready")
	trouble = errors.New("the ledger does not answer")
	ask("/readyz", 503, "not ready")
	ask("/livez", 200, "alive")
}

// certify writes a certificate for localhost, by the name of an issuer, and its key.
func certify(t *testing.T, certFile, keyFile, issuer string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	template.Issuer.CommonName, template.Subject.CommonName = issuer, issuer
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestACertificateIsReadAgainOnceItHasChanged(t *testing.T) {
	certFile, keyFile := filepath.Join(t.TempDir(), "bridge.pem"), filepath.Join(t.TempDir(), "bridge.key")
	certify(t, certFile, keyFile, "first")
	keys, err := NewCertificates(certFile, keyFile, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- (&Site{Handler: http.HandlerFunc(echo), Keys: keys, Log: slog.New(slog.DiscardHandler)}).Serve(ctx, l)
	}()
	shown := func() string {
		t.Helper()
		keys.mu.Lock()
		keys.looked = time.Time{} // a second has passed
		keys.mu.Unlock()
		c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := shown(); got != "first" {
		t.Errorf("shown: %s", got)
	}
	certify(t, certFile, keyFile, "the second")
	if got := shown(); got != "the second" {
		t.Errorf("after a change: %s", got)
	}
	if err := os.WriteFile(certFile, []byte("half a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "the second" {
		t.Errorf("after one that can't be read: %s", got)
	}
	if c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
		c.Close()
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := NewCertificates(certFile, keyFile, nil); err == nil {
		t.Error("half a file is a certificate")
	}
}

// away is a connection that comes from somewhere.
type away struct {
	net.Conn
	from string
}

func (a away) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(net.JoinHostPort(a.from, "1")))
}

// Whoever opens all connections that an address may have keeps only itself out, until it closes one; a proxy comes for many.
func TestNoAddressTakesAllConnections(t *testing.T) {
	h := newHall()
	f := &fair{Listener: h, most: 2, proxies: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}}
	come := func(from string) (theirs net.Conn) {
		theirs, ours := net.Pipe()
		go func() { h.came <- away{ours, from} }()
		return theirs
	}
	accept := func() net.Conn {
		c, err := f.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	come("192.0.2.1")
	first := accept()
	come("192.0.2.1")
	accept()
	refused := make(chan error, 1)
	third := come("192.0.2.1")
	go func() {
		_, err := third.Read(make([]byte, 1))
		refused <- err
		come("192.0.2.2")
	}()
	if got := accept().RemoteAddr().String(); got != "192.0.2.2:1" {
		t.Errorf("%s came in", got)
	}
	if err := <-refused; err == nil {
		t.Error("one too many is not closed")
	}
	_ = first.Close()
	_ = first.Close() // gives one place back, not two
	come("192.0.2.1")
	accept()
	if f.open[netip.MustParsePrefix("192.0.2.1/32")] != 2 {
		t.Errorf("counted are %v", f.open)
	}
	for range 5 {
		come("10.1.2.3")
		accept()
	}
	for _, from := range []string{"2001:db8::1", "2001:db8::2"} {
		come(from)
		accept()
	}
	if f.open[netip.MustParsePrefix("2001:db8::/64")] != 2 || len(f.open) != 3 {
		t.Errorf("counted are %v", f.open)
	}
}
