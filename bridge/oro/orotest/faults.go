package orotest

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault spoils the answers to some requests.
type Fault struct {
	Method string // "" is any
	Path   string // start of the path, as in /admin/api/customers; "" is any
	// Match decides further, from the request and its body.
	Match  func(r *http.Request, body []byte) bool
	Times  int // how many matching requests; 0 is one
	Effect Effect
}

// Effect is what happens to a request. Take lets the shop do what was asked and returns the answer that it
// would have sent; an effect that does not call it comes before the shop took the request.
type Effect func(in *Injection, w http.ResponseWriter, r *http.Request, take func() *answer) (status int)

// Injection is a fault at work.
type Injection struct {
	fault    Fault
	mu       sync.Mutex
	left     int
	hits     int
	release  chan struct{}
	released bool
}

// Hits is the number of requests that met the fault so far.
func (in *Injection) Hits() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.hits
}

// Release ends the fault: what hangs is cut, later requests are answered.
func (in *Injection) Release() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.left = 0
	if !in.released {
		in.released = true
		close(in.release)
	}
}

// injections are the faults of a shop.
type injections struct {
	faultsMu sync.Mutex
	faults   []*Injection
}

// Inject puts a fault to work. The first of several that match a request has its turn.
func (s *injections) Inject(f Fault) *Injection {
	in := &Injection{fault: f, left: max(f.Times, 1), release: make(chan struct{})}
	s.faultsMu.Lock()
	defer s.faultsMu.Unlock()
	s.faults = append(s.faults, in)
	return in
}

// releaseAll ends all faults.
func (s *injections) releaseAll() {
	s.faultsMu.Lock()
	faults := s.faults
	s.faultsMu.Unlock()
	for _, in := range faults {
		in.Release()
	}
}

// fault is the injection that a request meets.
func (s *injections) fault(r *http.Request, body []byte) *Injection {
	s.faultsMu.Lock()
	defer s.faultsMu.Unlock()
	for _, in := range s.faults {
		if in.meets(r, body) {
			return in
		}
	}
	return nil
}

func (in *Injection) meets(r *http.Request, body []byte) bool {
	f := &in.fault
	if f.Method != "" && f.Method != r.Method || !strings.HasPrefix(r.URL.Path, f.Path) {
		return false
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.left == 0 || f.Match != nil && !f.Match(r, body) {
		return false
	}
	in.left--
	in.hits++
	return true
}

// Respond answers in the shop's place, with a body of the content type.
func Respond(status int, contentType, body string) Effect {
	return func(_ *Injection, w http.ResponseWriter, _ *http.Request, _ func() *answer) int {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
		return status
	}
}

// TooManyRequests answers 429, as a proxy before the shop does.
func TooManyRequests(retryAfter time.Duration) Effect {
	return func(_ *Injection, w http.ResponseWriter, _ *http.Request, _ func() *answer) int {
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		w.WriteHeader(http.StatusTooManyRequests)
		return http.StatusTooManyRequests
	}
}

// ServerError answers 500 with an error document.
func ServerError() Effect {
	return Respond(http.StatusInternalServerError, mediaType, `{"errors":[{"status":"500","title":"driver exception"}]}`)
}

// BadGateway answers 502 with the HTML page of a proxy.
func BadGateway() Effect {
	return Respond(http.StatusBadGateway, "text/html",
		"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n")
}

// After lets the shop take the request first, and throws its answer away.
func After(e Effect) Effect {
	return func(in *Injection, w http.ResponseWriter, r *http.Request, take func() *answer) int {
		take()
		return e(in, w, r, nil)
	}
}

// Hang answers nothing until the fault is released, the shop closed, or the client gone. Then it cuts the connection.
func Hang() Effect {
	return func(in *Injection, w http.ResponseWriter, r *http.Request, _ func() *answer) int {
		select {
		case <-in.release:
		case <-r.Context().Done():
		}
		cut(w, nil)
		return 0
	}
}

// CutBefore closes the connection without an answer, before the shop took the request.
func CutBefore() Effect {
	return func(_ *Injection, w http.ResponseWriter, _ *http.Request, _ func() *answer) int {
		cut(w, nil)
		return 0
	}
}

// CutAfter lets the shop take the request and closes the connection after k bytes of the answer, headers included.
func CutAfter(k int) Effect {
	return func(_ *Injection, w http.ResponseWriter, _ *http.Request, take func() *answer) int {
		raw := take().wire()
		cut(w, raw[:min(max(k, 0), len(raw))])
		return 0
	}
}

// SlowBody sends the answer in pieces of some bytes, with a pause before each.
func SlowBody(piece int, pause time.Duration) Effect {
	return func(in *Injection, w http.ResponseWriter, r *http.Request, take func() *answer) int {
		a := take()
		for k, v := range a.header {
			w.Header()[k] = v
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		w.WriteHeader(a.status)
		for rest := a.body; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			if !sleep(r.Context(), in.release, pause) {
				return 0
			}
			if _, err := w.Write(rest[:min(piece, len(rest))]); err != nil {
				return 0
			}
			_ = http.NewResponseController(w).Flush() // a recorder cannot, and need not
		}
		return a.status
	}
}

// wire is the answer as bytes on the connection.
func (a *answer) wire() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	h := a.header.Clone()
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	_ = h.Write(&b)
	b.WriteString("\r\n")
	b.Write(a.body)
	return b.Bytes()
}

// cut sends some bytes and closes the connection.
func cut(w http.ResponseWriter, raw []byte) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // the same, as far as this writer can
	}
	_, _ = conn.Write(raw)
	_ = conn.Close()
}

// RevokeTokens makes all tokens invalid: the next request of each holder is a 401.
func (a *access) RevokeTokens() {
	a.accessMu.Lock()
	defer a.accessMu.Unlock()
	clear(a.tokens)
}

// sleep waits; it reports false when it was interrupted.
func sleep(ctx context.Context, stop <-chan struct{}, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-stop:
	}
	return false
}
