package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state"
)

// orderStates are the words of --state.
var orderStates = []string{string(bridge.Collected), string(bridge.OwedNow), string(bridge.Written), string(bridge.PickedUp),
	string(bridge.Answered), string(bridge.Conflict), string(bridge.Stuck)}

func newOrdersCommand(a *app) *cobra.Command {
	var f bridge.OutboxFilter
	var states []string
	var from, to string
	cmd := a.jsonFlag(&cobra.Command{
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
			if f.From, err = day("from", from); err != nil {
				return err
			}
			if f.To, err = day("to", to); err != nil {
				return err
			}
			_, ledger, err := a.viewer(cmd.Context())
			if err != nil {
				return err
			}
			defer closing(ledger, &err)
			list, err := ledger.Outbox(cmd.Context(), f)
			if err != nil {
				return err
			}
			return a.printOrders(list, time.Now())
		},
	})
	flags := cmd.Flags()
	flags.StringVar(&f.Export, "export", "", "only those of this `export`")
	flags.StringSliceVar(&states, "state", nil, "only those in these `states`: "+strings.Join(orderStates, ", "))
	flags.BoolVar(&f.Alarmed, "alarms", false, "only those with an alarm")
	flags.StringVar(&from, "from", "", "submitted at or after this `time`: 2026-01-31, or 2026-01-31T07:00:00Z")
	flags.StringVar(&to, "to", "", "submitted before this `time`")
	flags.IntVar(&f.Last, "last", 1000, "only the last so many; 0 lists all")
	return cmd
}

func (a *app) printOrders(list []*bridge.Owed, now time.Time) error {
	if a.json {
		views := make([]orderView, len(list))
		for i, o := range list {
			views[i] = viewOrder(o)
		}
		return a.printJSON(views)
	}
	slices.SortStableFunc(list, func(x, y *bridge.Owed) int {
		if (x.Alarm != "") != (y.Alarm != "") {
			if x.Alarm != "" {
				return -1
			}
			return 1
		}
		return 0
	})
	rows := make([][]string, len(list))
	for i, o := range list {
		rows[i] = []string{fileNumber(o.Number), o.Order, string(o.State), string(o.Alarm), age(now, o.Submitted), o.File, strings.Join(o.Flags, " ")}
	}
	return a.table([]string{"NUMBER", "ORDER", "STATE", "ALARM", "AGE", "FILE", "FLAGS"}, rows, "no orders")
}

func fileNumber(n int64) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

// age is how long ago something was, in the largest unit that fits.
func age(now, then time.Time) string {
	d := now.Sub(then)
	switch {
	case then.IsZero() || d < 0:
		return "-"
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// orderDetail is an order with everything that happened to it.
type orderDetail struct {
	Order    string      `json:"order"`
	Versions []orderView `json:"versions"` // oldest first; the outbox of several exports holds several
	History  []eventView `json:"history"`
}

func newOrderCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "order ORDER",
		Short: "Show an order's way: its files, pickup, answers, and what was set in the shop",
		Long:  "order takes the order's identifier, or the number of a file.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ctx := cmd.Context()
			_, ledger, err := a.viewer(ctx)
			if err != nil {
				return err
			}
			defer closing(ledger, &err)
			details, err := orderDetails(ctx, ledger, args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(details)
			}
			for _, d := range details {
				a.printOrder(d)
			}
			return nil
		},
	})
}

// orderDetails gathers all orders that a word names: a file may hold several.
func orderDetails(ctx context.Context, ledger *state.State, word string) ([]*orderDetail, error) {
	named, err := ledger.Outbox(ctx, bridge.OutboxFilter{Order: word})
	if err != nil {
		return nil, err
	}
	if len(named) == 0 {
		return nil, &bridge.Error{Op: "show", Object: "order " + word, Err: bridge.ErrUnknown, Hint: "see `orobridge orders`"}
	}
	var all []*orderDetail
	seen := map[string]bool{}
	for _, o := range named {
		if seen[o.Order] {
			continue
		}
		seen[o.Order] = true
		d := &orderDetail{Order: o.Order, History: []eventView{}}
		versions, err := ledger.Outbox(ctx, bridge.OutboxFilter{Order: o.Order})
		if err != nil {
			return nil, err
		}
		for _, v := range versions {
			if v.Order == o.Order {
				d.Versions = append(d.Versions, viewOrder(v))
			}
		}
		if err := d.gather(ctx, ledger); err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// gather merges the order's own history with that of its answers.
func (d *orderDetail) gather(ctx context.Context, ledger *state.State) error {
	for _, entity := range []string{"orders", formats.OrderFeedback.Name} {
		events, err := ledger.History(ctx, entity, d.Order)
		if err != nil {
			return err
		}
		for _, e := range events {
			if entity == "orders" && e.Fate == bridge.RowFate(bridge.Answered) {
				continue // the answer itself says it with what was set
			}
			d.History = append(d.History, eventView{when(e.At), e.Fate, e.Drop, e.Run, e.Line, asMap(e.Sent), e.Detail})
		}
	}
	slices.SortStableFunc(d.History, func(x, y eventView) int { return x.At.Compare(*y.At) })
	return nil
}

func (a *app) printOrder(d *orderDetail) {
	for _, v := range d.Versions {
		fmt.Fprintf(a.stdout, "order %s, version %d, export %s: %s\n", printable(v.Order), v.Version, v.Export, v.State)
		for _, line := range [][2]string{{"alarm", string(v.Alarm)}, {"reason", v.Reason}, {"file", v.File}, {"sha256", v.SHA256}, {"flags", strings.Join(v.Flags, " ")},
			{"submitted", moment(v.Submitted)}, {"owed", moment(v.Owed)}, {"written", moment(v.Written)}, {"picked up", moment(v.PickedUp)},
			{"answered", moment(v.Answered)}, {"answer", v.Answer}} {
			if line[1] != "" {
				fmt.Fprintf(a.stdout, "  %-10s %s\n", line[0], printable(line[1]))
			}
		}
	}
	fmt.Fprintln(a.stdout, "history")
	for _, e := range d.History {
		text := string(e.Fate)
		if e.Drop != 0 {
			text = fmt.Sprintf("answer of drop %d line %d: %s", e.Drop, e.Line, text)
		}
		if len(e.Sent) > 0 {
			text += " " + compact(e.Sent)
		}
		if e.Detail != "" {
			text += " (" + e.Detail + ")"
		}
		fmt.Fprintf(a.stdout, "  %s  %s\n", moment(e.At), printable(text))
	}
}

// orderRerun is what the user asked to send again.
type orderRerun struct {
	order    string // --order
	render   bool   // --render
	all      bool   // --orders
	export   string // --export, with --orders
	from, to string // --from, --to, with --orders
}

func (r *orderRerun) flags(flags *pflag.FlagSet) {
	flags.StringVar(&r.order, "order", "", "write this `order`'s file once more: identifier, or number of the file")
	flags.BoolVar(&r.render, "render", false, "with --order: make a new version from the shop's present state")
	flags.BoolVar(&r.all, "orders", false, "write all orders that were submitted from --from to --to once more")
	flags.StringVar(&r.export, "export", "", "with --orders: only those of this `export`")
}

// wanted says that the user asked for orders, and not for drops.
func (r *orderRerun) wanted() bool { return r.order != "" || r.render || r.all || r.export != "" }

// rerunOrders makes orders owed once more, and writes them unless a bridge is running, which does.
func (a *app) rerunOrders(ctx context.Context, r orderRerun) (err error) {
	c, err := a.config()
	if err != nil {
		return err
	}
	e, alone, err := a.beside(ctx, c)
	if err != nil {
		return err
	}
	defer closing(e, &err)
	files, err := r.mark(ctx, e)
	if err != nil {
		return err
	}
	if !alone {
		fmt.Fprintln(a.stderr, "the running bridge writes them now: see `orobridge orders`")
	} else {
		for _, x := range c.Exports {
			if err := e.Out.Deliver(ctx, x); err != nil {
				return fmt.Errorf("the files are owed and go out with the next `orobridge run`: %w", err)
			}
		}
	}
	return a.printOutfiles(ctx, e, files)
}

func (r orderRerun) mark(ctx context.Context, b *engine) ([]*bridge.Outfile, error) {
	switch {
	case r.order != "" && r.all:
		return nil, &usageError{"rerun takes --order or --orders, not both", "see orobridge rerun --help"}
	case r.order != "":
		return b.Out.SendOrderAgain(ctx, r.order, r.render)
	case r.render:
		return nil, &usageError{"--render goes with --order", "see orobridge rerun --help"}
	case r.from == "":
		return nil, &usageError{"--orders needs --from", "write --from 2026-01-31, and --to if it is not to reach until now"}
	}
	from, err := day("from", r.from)
	if err != nil {
		return nil, err
	}
	to, err := day("to", r.to)
	if err != nil {
		return nil, err
	}
	return b.Out.SendOrdersAgain(ctx, r.export, from, to)
}

func (a *app) printOutfiles(ctx context.Context, b *engine, files []*bridge.Outfile) error {
	views := []orderView{}
	for _, f := range files {
		for _, order := range f.Orders {
			list, err := b.ledger.Outbox(ctx, bridge.OutboxFilter{Export: f.Export, Order: order})
			if err != nil {
				return err
			}
			for _, o := range list {
				if o.Number == f.Number && o.Order == order {
					views = append(views, viewOrder(o))
				}
			}
		}
	}
	if a.json {
		return a.printJSON(views)
	}
	rows := make([][]string, len(views))
	for i, v := range views {
		rows[i] = []string{fileNumber(v.Number), v.Order, string(v.State), v.File}
	}
	return a.table([]string{"NUMBER", "ORDER", "STATE", "FILE"}, rows, "no orders of that time")
}
