package main

import (
	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
)

func newDiscardCommand(a *app) *cobra.Command {
	var d deciding
	cmd := a.serverFlags(a.jsonFlag(&cobra.Command{
		Use:   "discard DROP",
		Short: "Throw a drop away that is held, waits or was rejected: nothing of it is sent",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decideDrop(cmd.Context(), d, args[0], operate.Decider.Discard)
		},
	}))
	d.flags(cmd.Flags(), true)
	return cmd
}
