package main

import (
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/shadow"
)

// shadowFlag lets a reading verb look at what a shadow has told. Verbs that decide or load do not have it.
func (a *app) shadowFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().BoolVar(&a.shadow, "shadow", false, "look at the ledger of `run --shadow`, which writes nothing")
	return cmd
}

// asShadow makes a config that of a shadow, when one was asked for: it has a state of its own, nobody comes to it, and nobody is told.
func (a *app) asShadow(c *config.Config) {
	if a.shadow {
		c.State.Dir, c.Admin, c.Webhook = shadow.Dir(c.State.Dir), nil, config.Webhook{}
		c.State.Postgres = "" // its ledger is a file
		c.Notify, c.Subscribers, c.Alarms.Heartbeat, c.Alarms.Watch = nil, nil, config.Heartbeat{}, nil
	}
}

// hintOfNone says what may be looked at where no bridge has run yet.
func hintOfNone(c *config.Config, shadowed bool, why error) string {
	if _, err := fs.Stat(os.DirFS(shadow.Dir(c.State.Dir)), "."); err == nil && !shadowed {
		return "a shadow has: add --shadow to look at what it tells"
	}
	return bridge.HintOf(why)
}
