// Package site puts together what stands at admin.listen: health and figures, the log-in, and behind it the page and the API. It decides
// what asks for whom, and nothing else: who that is says bridge/admit, how a browser is kept in bounds bridge/web.
package site

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/admit/openid"
	"github.com/orobridge/orobridge/bridge/api"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/page"
	"github.com/orobridge/orobridge/bridge/web"
)

// Options are what stands there.
type Options struct {
	Config  *config.Admin
	Ledger  admit.Ledger
	Events  *bridge.Events
	Ready   func(context.Context) error // why the bridge can't work; nil: it can
	Figures http.Handler
	Page    page.Options // at /, for users
	API     http.Handler // at /api/, for users and tokens; nil: none
	Uploads []string     // patterns of requests to the API that bring files, and bound them themselves
	Log     *slog.Logger
}

// A Site is one that listens. [Site.Close] ends one that is not served.
type Site struct {
	site     *web.Site
	listener net.Listener
	profiles *web.Profiles // nil when nobody wants them
	handler  atomic.Pointer[http.Handler]

	mu       sync.Mutex
	page     *page.Server // nil without users
	provider *openid.Provider
}

// Listen opens the config's address.
func Listen(ctx context.Context, o Options) (*Site, error) {
	s := &web.Site{Hosts: o.Config.Hosts, Proxies: o.Config.Proxy.Networks, Uploads: append(o.Uploads, page.UploadPath), Log: o.Log}
	var err error
	if o.Config.TLS.CertFile != "" {
		if s.Keys, err = web.NewCertificates(o.Config.TLS.CertFile, o.Config.TLS.KeyFile, o.Log); err != nil {
			return nil, err
		}
	}
	listener, err := web.ListenSite(ctx, o.Config.Listen)
	if err != nil {
		return nil, err
	}
	o.Log.Info("listening for people and programs", "address", listener.Addr().String(), "tls", s.Keys != nil, "users", len(o.Config.Users))
	all := &Site{site: s, listener: listener}
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*all.handler.Load()).ServeHTTP(w, r) })
	if err := all.Show(o); err != nil {
		return nil, errors.Join(err, all.Close())
	}
	if o.Config.Pprof != "" {
		if all.profiles, err = web.ListenProfiles(string(o.Config.Pprof), o.Log); err != nil {
			return nil, errors.Join(err, all.Close())
		}
	}
	return all, nil
}

// Show has other things stand there, of a config that names the same [Place]. Requests that are under way go on; who watches a page
// is sent away, and comes again.
func (s *Site) Show(o Options) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, asked := s.page, s.provider
	s.page, s.provider = nil, provider(o.Config)
	if len(o.Config.Users) > 0 || o.Config.OIDC != nil {
		s.page = page.New(o.Page)
	}
	handler := routes(o, s.page, s.provider)
	s.handler.Store(&handler)
	return leave(was, asked)
}

// Place marks where a site listens and for whom; what stands there is not of it.
func Place(a *config.Admin) config.Mark {
	if a == nil {
		return config.Mark{}
	}
	return config.MarkOf(a.Listen, a.Hosts, a.Proxy, a.Pprof, a.TLS.CertFile, a.TLS.KeyFile)
}

// Address is where it listens.
func (s *Site) Address() string { return s.listener.Addr().String() }

// Serve answers until ctx ends. Whoever watches a page is sent away then, so that nobody waits for them.
func (s *Site) Serve(ctx context.Context) error {
	defer context.AfterFunc(ctx, s.sendAway)()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.site.Serve(ctx, s.listener) })
	if s.profiles != nil {
		g.Go(func() error { return s.profiles.Serve(ctx) })
	}
	return g.Wait()
}

// Close gives the address back, and ends what the page has under way.
func (s *Site) Close() error {
	_ = s.listener.Close() // whoever served it has closed it already
	var errs []error
	if s.profiles != nil {
		errs = append(errs, s.profiles.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(append(errs, leave(s.page, s.provider))...)
}

func (s *Site) sendAway() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.page != nil {
		s.page.Leave()
	}
}

func leave(window *page.Server, provider *openid.Provider) error {
	if provider != nil {
		provider.Close()
	}
	if window == nil {
		return nil
	}
	return window.Close()
}

// provider prepares to ask who people are; nil where the config has nobody to ask.
func provider(a *config.Admin) *openid.Provider {
	if a.OIDC == nil {
		return nil
	}
	return openid.New(openid.Options{Issuer: a.OIDC.Issuer, ClientID: a.OIDC.ClientID, Secret: a.OIDC.Secret, Scopes: a.OIDC.Scopes,
		Claim: a.OIDC.Claim, Callback: strings.TrimRight(a.URL, "/") + admit.CallbackPath})
}

// routes says what asks for whom. Without users there is neither page nor log-in; tokens open the API all the same.
func routes(o Options, window *page.Server, vouches *openid.Provider) http.Handler {
	who := admit.Options{Users: o.Config.Users, Proxy: o.Config.Proxy, TLS: o.Config.TLS.CertFile != "", Ledger: o.Ledger, Events: o.Events,
		Form: page.Login, Log: o.Log}
	if vouches != nil {
		who.Provider, who.Groups = vouches, o.Config.OIDC.Groups
	}
	gate := admit.New(who)
	users := window != nil
	mux := http.NewServeMux()
	web.Health(mux, o.Ready, o.Log)
	mux.Handle("GET /metrics", collected(gate, users, o.Figures))
	if o.API != nil {
		mux.Handle("/api/", gate.Guard(admit.Viewer, o.API, api.Refuse))
	}
	if !users {
		return mux
	}
	gate.Routes(mux)
	mux.Handle("GET "+page.StaticPath, page.Static())
	mux.Handle("/", gate.Require(admit.Viewer, window.Handler()))
	return mux
}

// collected are the figures: where nobody may log in, a collector on this machine needs no token; anybody else does.
func collected(gate *admit.Gate, users bool, figures http.Handler) http.Handler {
	guarded := gate.Require(admit.Viewer, figures)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !users && gate.Address(r).IsLoopback() {
			figures.ServeHTTP(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
}
