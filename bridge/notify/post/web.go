package post

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// A Web posts events to subscribers, and asks addresses whether they answer. It follows no redirect, and takes what HTTPS_PROXY,
// HTTP_PROXY and NO_PROXY say of proxies. Of an answer it reads 64 KiB at most, head and body each.
type Web struct {
	client  http.Client
	Version string // of the program, for the receiver's logs
}

// mostAnswer is how much of an answer is read, bytes.
const mostAnswer = 64 << 10

// NewWeb makes one.
func NewWeb(version string) *Web {
	return &Web{Version: version, client: http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1,
			IdleConnTimeout: time.Minute, TLSHandshakeTimeout: 15 * time.Second, MaxResponseHeaderBytes: mostAnswer,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}},
	}}
}

// Close ends idle connections.
func (w *Web) Close() { w.client.CloseIdleConnections() }

// Event posts an event to a subscriber, signed by Standard Webhooks (https://www.standardwebhooks.com, 1.0.0): its id, the time of this
// try and the body are signed by each of the subscriber's keys. Any answer of 200 to 299 takes it; the error says why it was not taken,
// and how long the receiver asked to be left alone.
func (w *Web) Event(ctx context.Context, to *config.Subscriber, id string, at time.Time, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL.Reveal(), bytes.NewReader(body))
	if err != nil {
		return errors.New("its address can't be read") // which the error would tell
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", stamp)
	r.Header.Set("webhook-signature", signatures(to.SigningKeys(), id, stamp, body))
	return w.ask(r)
}

// signatures are those of all keys, with a blank between.
func signatures(keys [][]byte, id, stamp string, body []byte) string {
	var all []string
	for _, key := range keys {
		sum := hmac.New(sha256.New, key)
		fmt.Fprintf(sum, "%s.%s.%s", id, stamp, body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(sum.Sum(nil)))
	}
	return strings.Join(all, " ")
}

// Ping asks an address; any answer of 200 to 299 is good.
func (w *Web) Ping(ctx context.Context, address bridge.Secret) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address.Reveal(), nil)
	if err != nil {
		return errors.New("the address can't be read")
	}
	return w.ask(r)
}

// ask sends a request. Errors name no part of the address but its host.
func (w *Web) ask(r *http.Request) error {
	r.Header.Set("User-Agent", "orobridge/"+w.Version)
	answer, err := w.client.Do(r)
	if err != nil {
		var outer *url.Error // names the address
		if errors.As(err, &outer) {
			err = outer.Err
		}
		return fmt.Errorf("%s: %w", r.URL.Host, err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, mostAnswer)) // what is cut short is told as far as it came
	status := strings.TrimSpace(fmt.Sprint(answer.StatusCode, " ", http.StatusText(answer.StatusCode)))
	switch {
	case answer.StatusCode >= 200 && answer.StatusCode < 300:
		return nil
	case answer.StatusCode >= 300 && answer.StatusCode < 400:
		return fmt.Errorf("%s answered %s: redirects are not followed, so the config has to name the right address", r.URL.Host, status)
	}
	words := strings.Join(strings.Fields(strings.ToValidUTF8(string(text), "")), " ")
	if words = bridge.Shorten(words, said); words != "" {
		words = ": " + words
	}
	return &bridge.Error{Op: "ask", Object: r.URL.Host, Fate: bridge.Pause, After: retryAfter(answer.Header), Err: errors.New(status + words)}
}

// retryAfter is how long an answer asks to be left alone (RFC 9110, section 10.2.3); 0 when it does not say.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 24*3600)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
