// Package client is a bridge on another machine as verbs see it: the read models and decisions of bridge/operate, asked of its API.
//
// Contract. What is answered is what the verbs get on the spot ([operate.Looker], [operate.Decider]): the same values, and errors with
// the same words, hints and sentinels. A decision is sent with a key of its own, so that asking again after a lost connection decides
// nothing twice. Following events goes on by their number when the connection is lost, until its context ends.
//
// Limits: the token goes over TLS only, or to this machine; no redirect is followed. An answer of at most maxAnswer bytes, within
// answerTime; lists come in pages.
package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/api"
	"github.com/orobridge/orobridge/bridge/operate"
)

const (
	answerTime = 2 * time.Minute
	maxAnswer  = 256 << 20
	maxFile    = 1 << 20 // of a token or certificates
)

// Options are which bridge is asked, and as whom.
type Options struct {
	Server    string        // its address: https://bridge.example.com; http only on this machine
	Token     bridge.Secret // lets in
	TokenFile string        // holds the token, and goes before it
	CAFile    string        // PEM certificates of who may vouch for the server; empty: those that the system trusts
	Log       *slog.Logger  // told of each request
	Shops     []string      // asked about, of several; none: all that the token lets see
	Lost      func(error)   // told when a connection is lost that is gone on with
}

// A Bridge is asked what it shows. It may be used by several goroutines.
type Bridge struct {
	Options
	base    string // address without a slash at its end
	http    *http.Client
	clock   bridge.Clock
	silence time.Duration // how long a stream may say nothing
}

// New prepares to ask a bridge; nothing is connected yet. What is wrong with the options is an [operate.Mistake].
func New(o Options) (*Bridge, error) {
	base, err := address(o.Server)
	if err != nil {
		return nil, err
	}
	b := &Bridge{Options: o, base: base, clock: bridge.SystemClock{}, silence: 45 * time.Second}
	if b.Log == nil {
		b.Log = slog.New(slog.DiscardHandler)
	}
	if o.TokenFile != "" {
		text, err := file(o.TokenFile, "token")
		if err != nil {
			return nil, err
		}
		b.Token = bridge.Secret(strings.TrimSpace(string(text)))
	}
	if token := b.Token.Reveal(); token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, &operate.Mistake{Message: "there is no token for " + base,
			Hint: "set OROBRIDGE_TOKEN, or name its file with --token-file; orobridge token create makes one on the bridge's machine"}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		text, err := file(o.CAFile, "certificates")
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
			return nil, &operate.Mistake{Message: o.CAFile + " holds no certificate", Hint: "name a PEM file of the issuer's certificate"}
		}
	}
	b.http = &http.Client{Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return b, nil
}

// Close ends the connections.
func (b *Bridge) Close() { b.http.CloseIdleConnections() }

// address checks where a bridge is said to be.
func address(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", &operate.Mistake{Message: "--server is not the address of a bridge", Hint: "write https://bridge.example.com"}
	}
	switch a, _ := netip.ParseAddr(u.Hostname()); {
	case u.Scheme == "https":
	case u.Scheme == "http" && (a.IsLoopback() || u.Hostname() == "localhost"):
	default:
		return "", &operate.Mistake{Message: text + " has no TLS: the token could be read on the way",
			Hint: "write https://, or reach it through a tunnel of this machine"}
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// file reads a small file.
func file(name, what string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", what, err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", what, err)
	}
	return text, nil
}

// A request is one question or decision.
type request struct {
	method, path string // path below that of the API, escaped
	query        query
	body         any    // nil for none
	key          string // of a decision
	after        int64  // of a stream: the last event that is known
	kind         string // of the answer; application/json by default
}

// query are the parameters of a request; what is zero is not sent.
type query map[string]any

func (q query) String() string {
	v := url.Values{}
	for name, value := range q {
		switch t, isTime := value.(time.Time); {
		case reflect.ValueOf(value).IsZero():
		case isTime:
			v.Set(name, t.UTC().Format(time.RFC3339Nano))
		default:
			v.Set(name, fmt.Sprint(value))
		}
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// words are states as one parameter.
func words[T ~string](all []T) string {
	list := make([]string, len(all))
	for i, w := range all {
		list[i] = string(w)
	}
	return strings.Join(list, ",")
}

// errLost is a connection that broke after a request had been sent: nobody knows what became of it.
var errLost = errors.New("the connection was lost before the answer came")

// send sends a request. An answer that is no success is an error; the body of one that is has to be closed.
func (b *Bridge) send(ctx context.Context, r request) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	if len(b.Shops) > 0 {
		r.query = maps.Clone(r.query)
		if r.query == nil {
			r.query = query{}
		}
		r.query["shop"] = strings.Join(b.Shops, ",")
	}
	sent := false
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent = true }})
	req, err := http.NewRequestWithContext(ctx, r.method, b.base+api.Path+r.path+r.query.String(), body)
	if err != nil {
		return nil, &operate.Mistake{Message: "--server is not the address of a bridge", Hint: "write https://bridge.example.com"}
	}
	kind := cmp.Or(r.kind, "application/json")
	req.Header.Set("Authorization", "Bearer "+b.Token.Reveal())
	req.Header.Set("Accept", kind)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	if r.after > 0 {
		req.Header.Set("Last-Event-ID", strconv.FormatInt(r.after, 10))
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return nil, b.unreached(ctx, sent, err)
	}
	b.Log.Debug("asked the bridge", "method", r.method, "path", r.path, "status", resp.StatusCode)
	got, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode == http.StatusOK && got == kind {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, b.refused(resp, got)
}

// answer sends a request and reads its answer.
func answer(ctx context.Context, b *Bridge, r request, into any) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	resp, err := b.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body := &io.LimitedReader{R: resp.Body, N: maxAnswer}
	err = json.NewDecoder(body).Decode(into)
	var wrong *json.SyntaxError
	var other *json.UnmarshalTypeError
	switch {
	case err == nil:
		return resp.Header, nil
	case body.N <= 0:
		return nil, b.trouble(fmt.Errorf("its answer is longer than %d MiB", maxAnswer>>20), "ask for less: --last 1000")
	case errors.As(err, &wrong), errors.As(err, &other):
		return nil, b.trouble(fmt.Errorf("its answer can't be read: %w", err), "compare the two versions: orobridge version")
	}
	return nil, b.unreached(ctx, true, err)
}

// ask reads one document.
func ask[T any](ctx context.Context, b *Bridge, path string, q query) (v T, err error) {
	_, err = answer(ctx, b, request{method: http.MethodGet, path: path, query: q}, &v)
	return v, err
}
