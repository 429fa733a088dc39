// Package web is the bridge's web side: the intake of the shop's webhooks ([Server]), and the site of the operator ([Site]), which
// have an address each, so that what faces the shop shows no log-in.
//
// Contract. A delivery is believed only with a signature over its exact bytes, and even then it only wakes the exports,
// which ask the shop themselves: webhooks are lossy, may be repeated, and wait in the shop's queue behind imports. Answers
// are quick and never 410, at which the shop would forget its subscription. Nothing of a delivery is kept or logged.
//
// A site's handlers get requests under names of its own only, none that another site has a browser make, and answer with headers that
// keep strangers' scripts and frames out. Who is there and what they may do is not known here: see bridge/admit.
//
// Limits: a delivery of at most maxDelivery bytes, which is read only for a signature of the right form; a request of at most
// requestTime; at most maxConnections at once, others wait, and of these one address has at most half; a shop's exports are woken once in
// wakeEvery. The intake has no TLS: a proxy in front of it does. What a request to a site may take, see siteTime; of
// its connections one address has at most half, but for a trusted proxy.
package web

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"github.com/orobridge/orobridge/bridge"
)

const (
	// HookPath is where the only shop delivers; one of several does so at its name below it.
	HookPath = "/webhook"
	// maxDelivery is far above a thin delivery's 150 bytes and a full order's 2 KB.
	maxDelivery    = 64 << 10
	maxConnections = 64 // the shop's consumers are a handful
	maxHeader      = 16 << 10
	requestTime    = 10 * time.Second
	finishTime     = time.Second // of requests at the server's end, before their contexts end, too: streams never would
	wakeEvery      = time.Second
)

// Server answers the shop. Set its fields before the first request.
type Server struct {
	Secret bridge.Secret // of the shops' signatures, one a line: each is good; without one there is no intake
	// Wake is called after believed deliveries of a shop, at most once in wakeEvery, with its name; with "" after those to HookPath itself.
	// It must not block, and says whether there is such a shop.
	Wake func(shop string) bool
	Log  *slog.Logger

	counts counts
	mu     sync.Mutex
	rests  map[string]bool // shops that were woken within wakeEvery; true: a delivery came since, so they are woken once more at its end
}

// counts are deliveries since the start that were not believed.
type counts struct {
	refused  atomic.Int64 // without a signature, or with a wrong one
	oversize atomic.Int64 // longer than any delivery is
}

// Handler routes the requests.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	if s.Secret != "" {
		mux.HandleFunc("POST "+HookPath, s.hook)
		mux.HandleFunc("POST "+HookPath+"/{shop}", s.hook)
	}
	return mux
}

// Listen opens an address for a [Server].
func Listen(ctx context.Context, address string) (net.Listener, error) {
	return listen(ctx, address, "choose another webhook.listen, or stop what uses the port")
}

func listen(ctx context.Context, address, hint string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, &bridge.Error{Op: "listen on", Object: address, Err: err, Hint: hint}
	}
	return listener, nil
}

// Serve answers until ctx ends; then it lets the requests at hand finish, for finishTime. The listener is closed at the end.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	return serve(ctx, &http.Server{Handler: s.Handler(), ReadHeaderTimeout: requestTime, ReadTimeout: requestTime, WriteTimeout: requestTime},
		&fair{Listener: listener, most: maxConnections / 2}, maxConnections, s.Log)
}

// serve runs a server until ctx ends, with so many connections at once.
func serve(ctx context.Context, server *http.Server, listener net.Listener, connections int, log *slog.Logger) error {
	server.MaxHeaderBytes, server.ErrorLog = maxHeader, slog.NewLogLogger(log.Handler(), slog.LevelDebug)
	requests, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	server.BaseContext = func(net.Listener) context.Context { return requests }
	done := make(chan error, 1)
	go func() {
		limited := netutil.LimitListener(listener, connections)
		if server.TLSConfig != nil {
			done <- server.ServeTLS(limited, "", "")
			return
		}
		done <- server.Serve(limited)
	}()
	select {
	case err := <-done:
		return fmt.Errorf("serve on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	defer time.AfterFunc(finishTime, leave).Stop()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTime)
	defer cancel()
	err := server.Shutdown(end)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close() // of a client that dawdles
	}
	if serveErr := <-done; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}

// hook takes a delivery.
func (s *Server) hook(w http.ResponseWriter, r *http.Request) {
	given, ok := signatureIn(r.Header)
	if !ok {
		w.Header().Set("Connection", "close") // what a stranger sends is not even read to its end
		s.refuse(w, r, &s.counts.refused, http.StatusUnauthorized, "the signature is missing or has another form")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxDelivery))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		s.refuse(w, r, &s.counts.oversize, http.StatusRequestEntityTooLarge, "too long")
		return
	case err != nil:
		s.refuse(w, r, &s.counts.refused, http.StatusBadRequest, "cut short")
		return
	case !s.signed(given, body):
		s.refuse(w, r, &s.counts.refused, http.StatusUnauthorized, "the signature is wrong")
		return
	}
	if !s.wake(r.PathValue("shop")) {
		s.refuse(w, r, &s.counts.refused, http.StatusNotFound, "there is no such shop")
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// wake wakes a shop at once, or, within wakeEvery of the last time, at the end of it: what came meanwhile is not forgotten. It says
// whether there is such a shop.
func (s *Server) wake(shop string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, rests := s.rests[shop]; rests {
		s.rests[shop] = true
		return true
	}
	if !s.Wake(shop) {
		return false
	}
	if s.rests == nil {
		s.rests = map[string]bool{}
	}
	s.rests[shop] = false
	time.AfterFunc(wakeEvery, func() {
		s.mu.Lock()
		again := s.rests[shop]
		delete(s.rests, shop)
		s.mu.Unlock()
		if again {
			s.wake(shop)
		}
	})
	return true
}

// signatureIn reads what the shop signs with, an HMAC-SHA256 in hex; false for what has another form.
func signatureIn(h http.Header) ([]byte, bool) {
	if a := h.Get("Webhook-Signature-Algorithm"); a != "" && !strings.EqualFold(a, "HMAC-SHA256") {
		return nil, false
	}
	given, err := hex.DecodeString(h.Get("Webhook-Signature"))
	return given, err == nil && len(given) == sha256.Size
}

// signed compares a signature with those that the secrets give the body, each in constant time.
func (s *Server) signed(given, body []byte) bool {
	for _, secret := range s.Secret.Lines() {
		mac := hmac.New(sha256.New, []byte(secret.Reveal()))
		mac.Write(body)
		if hmac.Equal(given, mac.Sum(nil)) {
			return true
		}
	}
	return false
}

// refuse counts and tells the first and then every hundredth refusal, so that nobody floods the log.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, count *atomic.Int64, status int, why string) {
	if n := count.Add(1); n%100 == 1 {
		s.Log.Warn("webhook refused", "from", r.RemoteAddr, "reason", why, "refused", n,
			"hint", "compare webhook.secret with the secret of the shop's webhook, and its address with webhook.url")
	}
	w.WriteHeader(status)
}
