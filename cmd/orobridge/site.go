package main

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/web"
)

// site is the operator's site of a running bridge; nil where the config has no admin section.
type site struct {
	*web.Site
	net.Listener
}

// listenSite opens admin.listen.
func (e *engine) listenSite(ctx context.Context) error {
	c := e.config.Admin
	if c == nil {
		return nil
	}
	s := &web.Site{Hosts: c.Hosts, Log: e.log}
	var err error
	if c.TLS.CertFile != "" {
		if s.Keys, err = web.NewCertificates(c.TLS.CertFile, c.TLS.KeyFile, e.log); err != nil {
			return err
		}
	}
	listener, err := web.ListenSite(ctx, c.Listen)
	if err != nil {
		return err
	}
	s.Handler = e.routes()
	e.site = &site{s, listener}
	e.log.Info("listening for people and programs", "address", listener.Addr().String(), "tls", s.Keys != nil, "users", len(c.Users))
	return nil
}

// routes are what stands at admin.listen: without users only what a supervisor and a collector of figures ask.
func (e *engine) routes() http.Handler {
	c := e.config.Admin
	gate := admit.New(admit.Options{Users: c.Users, Proxy: c.Proxy, TLS: c.TLS.CertFile != "", Ledger: e.ledger, Log: e.log})
	mux := http.NewServeMux()
	web.Health(mux, e.ready, e.log)
	if len(c.Users) > 0 {
		gate.Routes(mux)
	}
	return mux
}

// ready says why the bridge can't work; trouble of its ends is waited out and no reason.
func (e *engine) ready(ctx context.Context) error {
	if !e.Alive() {
		return &bridge.Error{Op: "run", Object: "schedule", Err: errors.New("it has not moved for half a minute"),
			Hint: "see the log for the ledger's trouble"}
	}
	_, _, err := e.ledger.Decided(ctx, 1<<62)
	return err
}
