package main

import (
	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
)

func newApproveCommand(a *app) *cobra.Command {
	var d deciding
	cmd := a.serverFlags(a.jsonFlag(&cobra.Command{
		Use:   "approve DROP",
		Short: "Let a held drop go on in spite of its guards",
		Long: "approve lets a drop go on that a guard or a missing number holds. See first what it would change: drop DROP --plan.\n" +
			"Where the config asks for two (approve_by: 2), the drop goes on once a second person has approved it.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decideDrop(cmd.Context(), d, args[0], operate.Decider.Approve)
		},
	}))
	d.flags(cmd.Flags(), true)
	return cmd
}
