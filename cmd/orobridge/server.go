package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/api/client"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

// A verb that has --server asks a bridge on another machine instead of this one's ledger, and prints the same.

// serverFlags gives a verb --server.
func (a *app) serverFlags(cmd *cobra.Command) *cobra.Command {
	flags := cmd.Flags()
	flags.StringVar(&a.server.Server, "server", a.server.Server, "ask the bridge at this `address` (https://…), also from OROBRIDGE_SERVER")
	flags.StringVar(&a.server.TokenFile, "token-file", "", "with --server: `file` of its token, which else is OROBRIDGE_TOKEN")
	flags.StringVar(&a.server.CAFile, "ca-file", "", "with --server: PEM `file` of the certificates that vouch for it")
	return cmd
}

// elsewhere asks the bridge that was named.
func (a *app) elsewhere(do func(*client.Bridge) error) error {
	if a.shadow {
		return &usageError{"a shadow has no address", "leave --server or --shadow out"}
	}
	token, _ := a.env("OROBRIDGE_TOKEN")
	a.server.Token, a.server.Shops, a.server.Log = bridge.Secret(token), a.shops, a.quietLogger()
	a.server.Lost = func(err error) { show.Say(a.Stderr, "warning", err.Error(), bridge.HintOf(err)) }
	b, err := client.New(a.server)
	if err != nil {
		return err
	}
	defer b.Close()
	return do(b)
}

// here refuses what can be done on a bridge's own machine alone.
func (a *app) here() error {
	if a.server.Server == "" {
		return nil
	}
	return &usageError{"this is done on the bridge's own machine", "log in there; or leave --server out, and unset OROBRIDGE_SERVER"}
}

// see lets a verb look at this machine's ledger, or at a bridge elsewhere.
func (a *app) see(ctx context.Context, look func(operate.Looker) error) error {
	if a.server.Server != "" {
		return a.elsewhere(func(b *client.Bridge) error { return look(b) })
	}
	return a.look(ctx, func(desk *operate.View) error { return look(operate.Witness{View: desk}) })
}

// settle takes a verb's decision here, or at a bridge elsewhere. Running says that a bridge carries it out.
func (a *app) settle(ctx context.Context, d deciding, decide func(desk operate.Decider, running bool) error) error {
	if a.server.Server != "" {
		return a.elsewhere(func(b *client.Bridge) error { return decide(&client.Desk{Bridge: b, Why: d.why, Wait: d.wait}, true) })
	}
	return a.decide(ctx, d, func(e *engine) error { return decide(e.Desk, e.Desk.Running) })
}
