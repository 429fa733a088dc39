package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

func newTraceCommand(a *app) *cobra.Command {
	return a.serverFlags(a.shadowFlag(a.jsonFlag(&cobra.Command{
		Use:   "trace [ENTITY] KEY",
		Short: "Show which drop, line and run set a key, and its history",
		Long: "trace shows what the shop last accepted under a key, and everything that happened to it. A key of several parts is written\n" +
			"with | between them: trace prices 'Retail|SKU1|item|1|EUR'; units, lists and quantities may be the files' own.\n" +
			"A SKU, a customer number or an order alone traces every key that it is a part of: trace SKU1.",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.see(cmd.Context(), func(desk operate.Looker) error {
				if len(args) == 1 {
					return traceAll(a, cmd.Context(), desk, args[0])
				}
				v, err := desk.Trace(cmd.Context(), args[0], args[1])
				if err != nil {
					return err
				}
				if a.AsJSON {
					return a.PrintJSON(v)
				}
				a.PrintTrace(v)
				return nil
			})
		},
	})))
}

// traceAll traces every key that a word is a part of; as JSON it is a list.
func traceAll(a *app, ctx context.Context, desk operate.Looker, word string) error {
	all, more, err := desk.TraceAll(ctx, word)
	if err != nil {
		return err
	}
	if more {
		show.Say(a.Stderr, "warning", fmt.Sprintf("more than %d keys have it", len(all)), "name the entity and the key")
	}
	if a.AsJSON {
		return a.PrintJSON(all)
	}
	for _, v := range all {
		a.PrintTrace(v)
	}
	return nil
}
