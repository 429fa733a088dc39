package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
)

func newApproveCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "approve DROP",
		Short: "Let a held drop go on in spite of its guards",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decideDrop(cmd.Context(), args[0], (*operate.Desk).Approve)
		},
	})
}

// decideDrop takes a decision about the drop that the user named and prints what became of it.
func (a *app) decideDrop(ctx context.Context, drop string,
	decision func(*operate.Desk, context.Context, int64) (*operate.Result, error)) error {
	id, err := number("drop", drop)
	if err != nil {
		return err
	}
	return a.decide(ctx, func(e *engine) error {
		v, err := decision(e.Desk, ctx, id)
		if err != nil {
			return err
		}
		return a.printResult(v)
	})
}
