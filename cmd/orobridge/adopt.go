package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/config"
)

func newAdoptCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "adopt FEED",
		Short: "Fill the ledger from the shop, so that a first drop sends only what differs",
		Long: "adopt reads all records of the feed's entity from the shop and takes them as accepted. A first drop does the same for the\n" +
			"keys that it names; adopt does it beforehand, without a file. Nothing is written to the shop.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.adopt(cmd.Context(), args[0]) },
	})
}

func (a *app) adopt(ctx context.Context, feed string) error {
	return a.onFeed(ctx, feed, openLedger, func(e *engine, f *config.Feed) error {
		adopted, known, err := e.In.Adopt(ctx, f)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(struct {
				Feed    string `json:"feed"`
				Adopted int64  `json:"adopted"`
				Known   int64  `json:"known"`
			}{feed, adopted, known})
		}
		fmt.Fprintf(a.stdout, "%d %s adopted, %d were known\n", adopted, f.Entity.Name, known)
		return nil
	})
}
