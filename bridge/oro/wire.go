package oro

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// maxAnswer bounds the body of one answer, in bytes, unpacked. A page of 1,000 records with their includes is a few
// megabytes; where it is more, a smaller page is asked for.
const maxAnswer = 16 << 20

// An effect says what sending a request a second time does to the shop.
type effect int

const (
	reads effect = iota // changes nothing
	sets                // sets again what is set already
	adds                // may create again what was created
)

// A call is one request. Its body is bytes, so that it can be sent again.
type call struct {
	method string
	url    string
	object string // what it is about, for errors and logs: "products", "asyncoperations/29"
	header http.Header
	body   []byte
	effect effect
	want   want
}

// An answer is a whole response.
type answer struct {
	status int
	header http.Header
	body   []byte
	doc    *document // of an answer that was judged
}

// A sender carries calls out. Senders are stacked: repeat, then authorize, then the wire.
type sender interface {
	send(ctx context.Context, c *call) (*answer, error)
}

// A wireError is a request that got no whole answer.
type wireError struct {
	// taken says that the shop may have taken the request: some of it was written.
	taken bool
	err   error
}

func (e *wireError) Error() string { return e.err.Error() }
func (e *wireError) Unwrap() error { return e.err }

var errTooLarge = errors.New("the answer is larger than the client reads")

// wire makes single requests, each within its own timeout, body included.
type wire struct {
	http    *http.Client
	timeout time.Duration
	count   *atomic.Int64
	watch   func() (ended func(status int))
	log     *slog.Logger
	now     func() time.Time

	noticing noticing
}

func (w *wire) send(ctx context.Context, c *call) (*answer, error) {
	if c.effect != reads {
		if err := bridge.StillMine(ctx); err != nil {
			return nil, err
		}
	}
	w.count.Add(1)
	began, ended := w.now(), w.watch()
	inner, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	var taken atomic.Bool
	inner = httptrace.WithClientTrace(inner, &httptrace.ClientTrace{
		WroteHeaders: func() { taken.Store(true) },
	})
	req, err := http.NewRequestWithContext(inner, c.method, c.url, bytes.NewReader(c.body))
	if err != nil {
		ended(0)
		return nil, &wireError{err: err}
	}
	req.Header = c.header.Clone()
	ans, err := w.do(req)
	if err != nil {
		// The caller's own end is not the shop's fault: it is told apart from the timeout of this one request.
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		ended(0)
		w.log.DebugContext(ctx, "request", "method", c.method, "object", c.object, "err", err, "took", w.now().Sub(began))
		return nil, &wireError{taken: taken.Load(), err: err}
	}
	ended(ans.status)
	w.log.DebugContext(ctx, "request", "method", c.method, "object", c.object, "status", ans.status,
		"sent", len(c.body), "got", len(ans.body), "took", w.now().Sub(began))
	return ans, nil
}

func (w *wire) do(req *http.Request) (*answer, error) {
	asked := w.now()
	resp, err := w.http.Do(req)
	if err != nil {
		return nil, err
	}
	w.noticing.see(resp, asked, w.now())
	defer resp.Body.Close()
	body, err := wholeBody(resp.Body)
	if err != nil {
		return nil, err
	}
	return &answer{status: resp.StatusCode, header: resp.Header, body: body}, nil
}

// bodies are buffers for bodies, whose length nobody tells before.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func wholeBody(r io.Reader) ([]byte, error) {
	b := bodies.Get().(*bytes.Buffer)
	defer bodies.Put(b)
	b.Reset()
	n, err := b.ReadFrom(io.LimitReader(r, maxAnswer+1))
	if err == nil && n > maxAnswer {
		err = fmt.Errorf("%w: over %d bytes", errTooLarge, maxAnswer)
	}
	if err != nil {
		return nil, err
	}
	return bytes.Clone(b.Bytes()), nil
}

// idleTimeout is shorter than the keep-alive of the usual web servers (Apache: 5 s). A batch that is written to a connection
// which the server closes at that moment leaves open whether it was taken.
const idleTimeout = 4 * time.Second

// newTransport makes connections for so many batches at once, and as many look-ups beside them.
func newTransport(inFlight int) *http.Transport {
	dialer := &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   2*inFlight + 2,
		IdleConnTimeout:       idleTimeout,
		TLSHandshakeTimeout:   15 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}
