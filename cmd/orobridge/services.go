package main

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orobridge/orobridge/bridge/web"
	"github.com/orobridge/orobridge/cmd/orobridge/site"
)

// services are who listens beside a running bridge: for the shop's webhooks, and for people and programs. Each is ended and begun by
// itself, as configs want it.
type services struct {
	ctx     context.Context
	group   *errgroup.Group
	running map[string]func() // each ends one and waits for it
}

// run runs the bridge and what goes on beside it until ctx ends, or one of them fails. beside may hand over to another bridge
// meanwhile; nil: nobody does.
func (e *engine) run(ctx context.Context, beside func(context.Context, *services)) error {
	if err := errors.Join(e.Alarms.Begin(ctx), e.Tell.Begin(ctx)); err != nil {
		return err
	}
	e.keepsHouse()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer cancel()
		return e.relay.Run(ctx)
	})
	g.Go(func() error { return e.relay.Serve(ctx) })
	g.Go(func() error { return e.ledger.Watch(ctx) })
	g.Go(func() error {
		s := &services{ctx: ctx, group: g, running: map[string]func(){}}
		if err := s.goOver(nobody(), e); err != nil || beside == nil {
			return err
		}
		beside(ctx, s)
		return nil
	})
	return g.Wait()
}

// keepsHouse has alarms and events told by whoever keeps the house, and each bridge look after its machine.
func (e *engine) keepsHouse() {
	e.Alarms.Well, e.Alarms.Signs.Bridge = e.ready, e.ledger.Member()
	e.Own = []func(context.Context) error{e.Alarms.Machine}
	e.House = []func(context.Context) error{func(ctx context.Context) error {
		e.Alarms.Signs.Began = time.Now().UTC()
		return e.Alarms.Run(ctx)
	}, e.Tell.Run}
}

// goOver ends the services of one bridge and begins those of another; listeners that both have stay open. The error says which could
// not be begun.
func (s *services) goOver(before, e *engine) error {
	return errors.Join(s.hear(before, e), s.receive(before, e))
}

// hear lets the shop come with its webhooks.
func (s *services) hear(before, e *engine) (err error) {
	w := e.config.Webhook
	if before.hook != nil && before.hook == e.hook {
		return nil
	}
	if s.end("webhooks"); w.Secret == "" {
		return nil
	}
	if e.hook == nil { // the one before was there until now
		if e.hook, err = web.Listen(s.ctx, w.Listen); err != nil {
			return err
		}
	}
	hook := &web.Server{Secret: w.Secret, Wake: e.relay.Wake, Log: e.log}
	s.begin("webhooks", func(ctx context.Context) error { return hook.Serve(ctx, e.hook) })
	return nil
}

// receive lets people and programs come.
func (s *services) receive(before, e *engine) (err error) {
	if before.site != nil && before.site == e.site {
		return e.site.Show(e.stands())
	}
	if s.end("site"); e.config.Admin == nil {
		return nil
	}
	if e.site == nil { // the one before was there until now
		if e.site, err = site.Listen(s.ctx, e.stands()); err != nil {
			return err
		}
	}
	s.begin("site", e.site.Serve)
	return nil
}

func (s *services) begin(name string, do func(context.Context) error) {
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan struct{})
	s.running[name] = func() { cancel(); <-ended }
	s.group.Go(func() error {
		defer close(ended)
		defer cancel()
		return do(ctx)
	})
}

func (s *services) end(name string) {
	if end := s.running[name]; end != nil {
		end()
	}
}
