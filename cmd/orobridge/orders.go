package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

// orderStates are the words of --state.
var orderStates = []string{string(bridge.Collected), string(bridge.OwedNow), string(bridge.Written), string(bridge.PickedUp),
	string(bridge.Answered), string(bridge.Conflict), string(bridge.Stuck), string(bridge.Unknown),
	string(bridge.Same), string(bridge.Differs), string(bridge.Unwritten)}

func newOrdersCommand(a *app) *cobra.Command {
	var f bridge.OutboxFilter
	var states []string
	var from, to string
	var unknown bool
	cmd := a.serverFlags(a.shadowFlag(a.jsonFlag(&cobra.Command{
		Use:   "orders",
		Short: "List outbound orders: where each stands, and what is wrong with it",
		Long:  "orders lists what stands in the outbox. Orders with an alarm come first; with --json all are listed oldest first.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			for _, s := range states {
				if !slices.Contains(orderStates, s) {
					return oneOfFlag("state", s, orderStates...)
				}
				f.States = append(f.States, bridge.OwedState(s))
			}
			if unknown {
				f.States = append(f.States, bridge.Unknown)
			}
			if f.From, err = day("from", from); err != nil {
				return err
			}
			if f.To, err = day("to", to); err != nil {
				return err
			}
			return a.see(cmd.Context(), func(desk operate.Looker) error {
				orders, err := desk.Orders(cmd.Context(), f)
				if err != nil {
					return err
				}
				return a.PrintOrders(orders, time.Now())
			})
		},
	})))
	flags := cmd.Flags()
	flags.StringVar(&f.Export, "export", "", "only those of this `export`")
	flags.StringSliceVar(&states, "state", nil, "only those in these `states`: "+strings.Join(orderStates, ", "))
	flags.BoolVar(&unknown, "unknown", false, "only those of which nobody knows whether they went out, after a ledger was put back or lost")
	flags.BoolVar(&f.Alarmed, "alarms", false, "only those with an alarm")
	flags.StringVar(&from, "from", "", "submitted at or after this `time`: 2026-01-31, or 2026-01-31T07:00:00Z")
	flags.StringVar(&to, "to", "", "submitted before this `time`")
	flags.IntVar(&f.Last, "last", 1000, "only the last so many; 0 lists all")
	return cmd
}
