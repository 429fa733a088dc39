// Package openid asks a provider of OpenID Connect who somebody is: the code flow of OpenID Connect Core 1.0 with PKCE (RFC 7636).
//
// Contract. A person is who an ID token names that the provider has signed for this client, for this very attempt, and that has not
// expired; anything else is an error. Nobody asks the provider before somebody wants to log in; what it says of itself is asked once,
// its keys when a token has one that is not known. Whether a person may come in is not decided here.
//
// Limits: an answer of at most maxAnswer bytes within askTime, at most maxAsking questions at once; no redirect is followed.
package openid

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/orobridge/orobridge/bridge"
)

const (
	askTime   = 10 * time.Second
	maxAnswer = 1 << 20
	maxAsking = 8
)

// Options are who is asked, and by whom.
type Options struct {
	Issuer   string
	ClientID string
	Secret   bridge.Secret
	Scopes   []string // beside openid
	Claim    string   // of an ID token: somebody's groups
	Callback string   // address to which people come back
}

// A Provider says who people are. It may be asked by several goroutines.
type Provider struct {
	Options
	http   *http.Client
	asking chan struct{}

	mu    sync.Mutex
	known *known // once it has told of itself
}

// known is what a provider tells of itself, and how it wants to be shown the client's secret.
type known struct {
	*oidc.Provider
	shown oauth2.AuthStyle
}

// New prepares to ask a provider; nothing is asked yet.
func New(o Options) *Provider {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return &Provider{Options: o, asking: make(chan struct{}, maxAsking), http: &http.Client{Transport: bounded{transport}, Timeout: askTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Close ends the connections.
func (p *Provider) Close() { p.http.CloseIdleConnections() }

// bounded cuts answers off that are too long.
type bounded struct{ *http.Transport }

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.Transport.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}

// ErrAway is a provider that does not answer, or can't. It may later.
var ErrAway = errors.New("the provider does not answer")

// ErrRefused is a code that the provider knows nothing of, or no more.
var ErrRefused = errors.New("the provider has refused the code")

// An Attempt is one log-in on its way. The browser that makes it keeps it, and nobody else.
type Attempt struct{ State, Nonce, Verifier string }

// Begin makes an attempt.
func Begin() Attempt { return Attempt{rand.Text(), rand.Text(), oauth2.GenerateVerifier()} }

// Address is where a browser is sent with an attempt.
func (p *Provider) Address(ctx context.Context, a Attempt) (string, error) {
	about, done, err := p.ask(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return p.client(about).AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), nil
}

func (p *Provider) client(about *known) *oauth2.Config {
	at := about.Endpoint()
	at.AuthStyle = about.shown
	return &oauth2.Config{ClientID: p.ClientID, ClientSecret: p.Secret.Reveal(), Endpoint: at, RedirectURL: p.Callback,
		Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...)}
}

// A Person is whom the provider vouches for.
type Person struct {
	Subject string   // the provider's own name for them, for good
	Name    string   // how they are called
	Groups  []string // that they are in
}

// Person redeems the code with which somebody has come back from an attempt.
func (p *Provider) Person(ctx context.Context, a Attempt, code string) (*Person, error) {
	about, done, err := p.ask(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx = oidc.ClientContext(ctx, p.http)
	token, err := p.client(about).Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return nil, meaning(err)
	}
	text, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("it has answered without an ID token")
	}
	id, err := about.Verifier(&oidc.Config{ClientID: p.ClientID}).Verify(ctx, text)
	if err != nil {
		return nil, meaning(err)
	}
	return p.person(a, id)
}

// meaning says of an error whether the provider is to be asked again later.
func meaning(err error) error {
	var refused *oauth2.RetrieveError
	var lost *url.Error
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode < 500 && refused.Response.StatusCode >= 400:
		return fmt.Errorf("%w: %s %s", ErrRefused, refused.Response.Status, refused.ErrorCode)
	case errors.As(err, &refused) && refused.Response.StatusCode >= 500, errors.As(err, &lost), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	return err
}

// person reads a token that was verified; what it is for is held here.
func (p *Provider) person(a Attempt, id *oidc.IDToken) (*Person, error) {
	var is struct {
		Name     string `json:"preferred_username"`
		Email    string `json:"email"`
		Verified any    `json:"email_verified"`
		For      string `json:"azp"`
	}
	all := map[string]any{}
	if err := errors.Join(id.Claims(&is), id.Claims(&all)); err != nil {
		return nil, fmt.Errorf("read the ID token: %w", err)
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.Nonce)) != 1:
		return nil, errors.New("the ID token is of another log-in: its nonce is not this one's")
	case is.For != "" && is.For != p.ClientID, is.For == "" && len(id.Audience) > 1:
		return nil, errors.New("the ID token was made for another client")
	case id.Subject == "":
		return nil, errors.New("the ID token names nobody")
	}
	if is.Verified != true {
		is.Email = ""
	}
	who := &Person{Subject: id.Subject, Name: cmp.Or(is.Name, is.Email, id.Subject)}
	switch groups := all[p.Claim].(type) {
	case string:
		who.Groups = []string{groups}
	case []any:
		for _, g := range groups {
			if name, ok := g.(string); ok {
				who.Groups = append(who.Groups, name)
			}
		}
	}
	return who, nil
}

// ask takes a turn to ask the provider, which has told of itself then.
func (p *Provider) ask(ctx context.Context) (about *known, done func(), err error) {
	select {
	case p.asking <- struct{}{}:
	default:
		return nil, nil, fmt.Errorf("%w: too many ask it at once", ErrAway)
	}
	done = func() { <-p.asking }
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		if p.known, err = p.discover(ctx); err != nil {
			done()
			return nil, nil, err
		}
	}
	return p.known, done, nil
}

// discover asks the provider about itself. Secrets are sent to no address without TLS.
func (p *Provider) discover(ctx context.Context) (*known, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.http), p.Issuer)
	var other *oidc.IssuerMismatchError
	if errors.As(err, &other) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	}
	var more struct {
		Keys  string   `json:"jwks_uri"`
		Shown []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, fmt.Errorf("read what the provider tells of itself: %w", err)
	}
	for _, address := range []string{found.Endpoint().AuthURL, found.Endpoint().TokenURL, more.Keys} {
		if !safe(address) {
			return nil, fmt.Errorf("the provider names %q, which is no address with TLS", address)
		}
	}
	about := &known{found, oauth2.AuthStyleInHeader} // the one that holds where none is named (OpenID Connect Discovery 1.0, section 3)
	if slices.Contains(more.Shown, "client_secret_post") && !slices.Contains(more.Shown, "client_secret_basic") {
		about.shown = oauth2.AuthStyleInParams
	}
	return about, nil
}

// safe says that what is sent to an address can't be read on the way: by TLS, or since it stays on this machine.
func safe(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return false
	}
	a, _ := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || a.IsLoopback())
}

// In says that a person is in a group.
func (w *Person) In(group string) bool { return slices.Contains(w.Groups, group) }
