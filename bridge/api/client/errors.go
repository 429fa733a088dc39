package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/api"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/formats"
)

// maxProblem bounds what is read of a refusal, bytes.
const maxProblem = 64 << 10

// A refusal is an error in the words of the bridge that it was born at.
type refusal struct {
	text string
	err  error // with its hint and sentinel
}

func (r *refusal) Error() string { return r.text }

// Unwrap is what callers branch on.
func (r *refusal) Unwrap() error { return r.err }

// trouble is an error of asking.
func (b *Bridge) trouble(err error, hint string) error {
	return &bridge.Error{Op: "ask", Object: "the bridge at " + b.base, Err: err, Hint: hint}
}

// unreached is the error of a request without an answer; one that was sent may have been carried out.
func (b *Bridge) unreached(ctx context.Context, sent bool, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	hint := "see whether it runs, and whether its admin.listen can be reached from here"
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &certificate):
		hint = "name the certificate of its issuer with --ca-file, and its host as the certificate does"
	case errors.Is(err, http.ErrSchemeMismatch):
		hint = "what listens there has no TLS: see admin.tls, or the proxy before it"
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%w: none within %s", errLost, answerTime)
	case sent:
		err = fmt.Errorf("%w: %w", errLost, err)
	}
	return b.trouble(fmt.Errorf("%w: %w", bridge.ErrUnreachable, err), hint)
}

// refused is the error of an answer that is not what was asked for.
func (b *Bridge) refused(resp *http.Response, kind string) error {
	var p api.Problem
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err != nil {
		return b.unreached(resp.Request.Context(), true, err)
	}
	told := kind == p.ContentType("") && json.Unmarshal(text, &p) == nil && p.Detail != ""
	detail := formats.Printable(strings.Join(append([]string{p.Detail}, p.Errors...), ": "))
	passed := func(sentinel error) error {
		return &refusal{detail, &bridge.Error{Op: "ask", Object: b.base, Err: sentinel, Hint: formats.Printable(p.Hint)}}
	}
	switch status := resp.StatusCode; {
	case status >= 300 && status < 400:
		return b.trouble(fmt.Errorf("it sends elsewhere: %s", formats.Printable(bridge.Shorten(resp.Header.Get("Location"), 200))),
			"name the bridge's own address by --server; a token is sent nowhere else")
	case !told && status >= 500:
		return b.trouble(fmt.Errorf("%w: %w: %s", bridge.ErrUnreachable, errLost, formats.Printable(resp.Status)),
			"see the proxy before it, and whether it runs")
	case !told:
		return b.trouble(fmt.Errorf("%s, and no answer of a bridge's", formats.Printable(resp.Status)),
			"see --server, and the proxy before it: what is asked stands below "+api.Path)
	case status == http.StatusUnauthorized:
		return b.trouble(fmt.Errorf("%w: it does not know the token", bridge.ErrLogin),
			"the token is another bridge's, has expired or was revoked: see `orobridge token list` on its machine")
	case status == http.StatusBadRequest, status == http.StatusUnprocessableEntity:
		return &operate.Mistake{Message: detail, Hint: formats.Printable(p.Hint)}
	case status == http.StatusForbidden && p.Hint == "":
		p.Hint = "ask whoever runs the bridge for a token of that role"
	case status == http.StatusNotFound:
		return passed(bridge.ErrUnknown)
	case status == http.StatusServiceUnavailable:
		return passed(bridge.ErrUnreachable)
	}
	return passed(errRefused)
}

// errRefused is what the bridge has nothing against hearing, and does not do.
var errRefused = errors.New("refused")
