package main

import (
	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/cmd/orobridge/build"
	"github.com/orobridge/orobridge/cmd/orobridge/keep"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

func newStateCommand(a *app) *cobra.Command {
	cmd := group(&cobra.Command{Use: "state", Short: "Keep the state folder: back it up, restore it, check it",
		Long: "state looks after the folder in which the bridge keeps what it knows. `orobridge help operation` walks through a backup, a\n" +
			"restore, a ledger that was lost, a move to another machine and an upgrade."})
	place := func() (dir, postgres string, err error) {
		c, err := config.View(a.configPath, kinds, a.env) // it needs no secrets
		if err != nil {
			return "", "", err
		}
		return c.State.Dir, c.State.Postgres.Reveal(), nil
	}
	verbs := keep.Verbs{Pen: show.Keeping{Pen: &a.Pen}, Stdin: a.stdin, Version: build.Read().Version, Place: place}
	cmd.AddCommand(verbs.Commands()...)
	return cmd
}
