package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/operate"
)

func newRerunCommand(a *app) *cobra.Command {
	var r rerun
	cmd := a.serverFlags(a.jsonFlag(&cobra.Command{
		Use:   "rerun [DROP]",
		Short: "Load drops again, or only their rejected rows",
		Long: "rerun DROP loads a settled drop again from the bytes that were kept; rows that are unchanged are not sent, and keys that a\n" +
			"newer drop has set since are left alone. --rejected takes only the rows that its last run rejected, after something was\n" +
			"mended in the shop. --feed with --from and --to runs all drops of a feed that were seen in that time, in their order.\n" +
			"--force sends unchanged rows too and overwrites what newer drops have set. --dry-run shows what would happen.\n\n" +
			"rerun --order ORDER writes an order's file once more, the same bytes under the same name; with --render it makes a new version\n" +
			"from the shop's present state. --export touches that export's file alone. --orders with --from and --to does so for\n" +
			"all orders that were submitted in that time.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				r.drop = args[0]
			}
			if err := r.check(); err != nil {
				return err
			}
			switch {
			case r.ofOrders():
				return r.writeOrders(cmd.Context(), a)
			case r.dry:
				return r.plan(cmd.Context(), a)
			case r.feed != "":
				return r.loadRange(cmd.Context(), a)
			}
			again := func(desk operate.Decider, ctx context.Context, id int64) (*operate.Result, error) {
				return desk.Rerun(ctx, id, r.options)
			}
			return a.decideDrop(cmd.Context(), r.deciding, r.drop, again)
		},
	}))
	r.flags(cmd.Flags())
	return cmd
}

// rerun is what the user asked to run again.
type rerun struct {
	deciding
	drop     string
	feed     string
	from, to string
	options  inbound.RerunOptions
	dry      bool

	order  string // identifier, or number of the file
	render bool   // with order
	orders bool   // all of a time
	export string // with orders
}

func (r *rerun) flags(flags *pflag.FlagSet) {
	r.deciding.flags(flags, true)
	flags.StringVar(&r.feed, "feed", "", "all drops of this `feed`")
	flags.StringVar(&r.from, "from", "", "seen at or after this `time`: 2026-01-31, or 2026-01-31T07:00:00Z")
	flags.StringVar(&r.to, "to", "", "seen before this `time`")
	flags.BoolVar(&r.options.Rejected, "rejected", false, "only the rows that the last run rejected")
	flags.BoolVar(&r.options.Force, "force", false, "send unchanged rows too, and overwrite what newer drops have set")
	flags.StringVar(&r.order, "order", "", "write this `order`'s file once more: identifier, or number of the file")
	flags.BoolVar(&r.render, "render", false, "with --order: make a new version from the shop's present state")
	flags.BoolVar(&r.orders, "orders", false, "write all orders that were submitted from --from to --to once more")
	flags.StringVar(&r.export, "export", "", "with --order or --orders: only with this `export`")
	flags.BoolVar(&r.dry, "dry-run", false, "show what would happen, and change nothing")
}

// ofOrders says that the user asked for orders, and not for drops.
func (r *rerun) ofOrders() bool { return r.order != "" || r.render || r.orders || r.export != "" }

// check refuses what does not go together.
func (r *rerun) check() error {
	wrong := func(message string) error { return &usageError{message, "see orobridge rerun --help"} }
	if r.ofOrders() {
		switch {
		case r.drop != "" || r.feed != "" || r.options != (inbound.RerunOptions{}):
			return wrong("--order and --orders take no drop, feed, --rejected or --force")
		case r.dry && r.render:
			return &usageError{"--render takes no --dry-run", "see the file that would be made: orobridge order ORDER --render EXPORT"}
		case r.order != "" && r.orders:
			return wrong("rerun takes --order or --orders, not both")
		case r.order == "" && r.render:
			return wrong("--render goes with --order")
		case r.order == "" && r.from == "":
			return &usageError{"--orders needs --from", "write --from 2026-01-31, and --to if it is not to reach until now"}
		}
		return nil
	}
	switch {
	case r.drop != "" && r.feed != "":
		return wrong("rerun takes a drop or --feed, not both")
	case r.drop == "" && r.feed == "":
		return &usageError{"rerun needs the number of a drop, or --feed", "see orobridge drops"}
	case r.feed == "" && (r.from != "" || r.to != ""):
		return wrong("--from and --to go with --feed")
	}
	return nil
}

// times reads --from and --to.
func (r *rerun) times() (from, to time.Time, err error) {
	if from, err = day("from", r.from); err == nil {
		to, err = day("to", r.to)
	}
	return from, to, err
}

// day reads a time or a date, UTC; an empty text is no bound.
func day(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, &usageError{fmt.Sprintf("--%s %q is not a time", flag, text), "write 2026-01-31 or 2026-01-31T07:00:00Z"}
}

// loadRange loads the drops of a time again. Its exit code is the worst of theirs; as JSON it is a list.
func (r *rerun) loadRange(ctx context.Context, a *app) error {
	from, to, err := r.times()
	if err != nil {
		return err
	}
	return a.settle(ctx, r.deciding, func(desk operate.Decider, _ bool) error {
		var worst error
		runs := []operate.Run{}
		err := desk.RerunRange(ctx, operate.Range{Feed: r.feed, From: from, To: to}, r.options, func(v *operate.Result) error {
			if !a.AsJSON {
				return notYet(cmp.Or(a.PrintResult(v), verdict(v)), &worst)
			}
			runs = append(runs, v.Run)
			return notYet(verdict(v), &worst)
		})
		if err == nil && a.AsJSON {
			err = a.PrintJSON(runs)
		}
		return cmp.Or(err, worst)
	})
}

// notYet keeps an exit code for the end of a list; any other error is handed on.
func notYet(err error, worst *error) error {
	var code, before exit
	if !errors.As(err, &code) {
		return err
	}
	if !errors.As(*worst, &before) || code == exitFailed {
		*worst = code
	}
	return nil
}

// plan shows what running drops again would do.
func (r *rerun) plan(ctx context.Context, a *app) error {
	from, to, err := r.times()
	if err != nil {
		return err
	}
	return a.work(ctx, "", readLedger, func(e *engine) error {
		options := a.planOptions(false, false)
		if r.feed == "" {
			id, err := number("drop", r.drop)
			if err != nil {
				return err
			}
			v, err := e.Desk.PlanRerun(ctx, id, r.options, options)
			if err != nil {
				return err
			}
			return cmp.Or(a.PrintPlan(v), planned(v))
		}
		var worst error
		plans := []*operate.Plan{}
		err := e.Desk.PlanRange(ctx, operate.Range{Feed: r.feed, From: from, To: to}, r.options, options, func(v *operate.Plan) error {
			if !a.AsJSON {
				return notYet(cmp.Or(a.PrintPlan(v), planned(v)), &worst)
			}
			plans = append(plans, v)
			return notYet(planned(v), &worst)
		})
		if err == nil && a.AsJSON {
			err = a.PrintJSON(plans)
		}
		return cmp.Or(err, worst)
	})
}

// writeOrders writes orders once more.
func (r *rerun) writeOrders(ctx context.Context, a *app) error {
	from, to, err := r.times()
	if err != nil {
		return err
	}
	if r.dry {
		return a.see(ctx, func(desk operate.Looker) error {
			orders, err := desk.WouldResend(ctx, r.order, r.export, from, to)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.Stderr, "nothing was written; these files would be written again")
			return a.PrintResent(orders)
		})
	}
	return a.settle(ctx, r.deciding, func(desk operate.Decider, running bool) error {
		var orders []operate.Order
		if r.order != "" {
			orders, err = desk.ResendOrder(ctx, r.order, r.export, r.render)
		} else {
			orders, err = desk.ResendOrders(ctx, r.export, from, to)
		}
		if err != nil {
			return err
		}
		if running && !r.wait {
			fmt.Fprintln(a.Stderr, "the running bridge writes them now: see `orobridge orders`")
		}
		if err := a.PrintResent(orders); err != nil {
			return err
		}
		if slices.ContainsFunc(orders, func(o operate.Order) bool { return o.State == bridge.Conflict || o.State == bridge.Stuck }) {
			return exit(exitPartly)
		}
		return nil
	})
}
