// Package site puts together what stands at admin.listen: health and figures, the log-in, and behind it the page and the API. It decides
// what asks for whom, and nothing else: who that is says bridge/admit, how a browser is kept in bounds bridge/web.
package site

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
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
	page     *page.Server // nil without users
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
	var window *page.Server
	if len(o.Config.Users) > 0 {
		window = page.New(o.Page)
	}
	s.Handler = routes(o, window)
	return &Site{s, listener, window}, nil
}

// Address is where it listens.
func (s *Site) Address() string { return s.listener.Addr().String() }

// Serve answers until ctx ends. Whoever watches a page is sent away then, so that nobody waits for them.
func (s *Site) Serve(ctx context.Context) error {
	if s.page != nil {
		defer context.AfterFunc(ctx, s.page.Leave)()
	}
	return s.site.Serve(ctx, s.listener)
}

// Close gives the address back, and ends what the page has under way.
func (s *Site) Close() error {
	_ = s.listener.Close() // whoever served it has closed it already
	if s.page == nil {
		return nil
	}
	return s.page.Close()
}

// routes says what asks for whom. Without users there is neither page nor log-in; tokens open the API all the same.
func routes(o Options, window *page.Server) http.Handler {
	gate := admit.New(admit.Options{Users: o.Config.Users, Proxy: o.Config.Proxy, TLS: o.Config.TLS.CertFile != "", Ledger: o.Ledger,
		Events: o.Events, Form: page.Login, Log: o.Log})
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
