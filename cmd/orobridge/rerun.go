package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/state"
)

// These verbs change what the ledger says about a drop. When a bridge is running on the state it sees the change and
// does the work; otherwise the verb does it itself and waits for the end.

func newApproveCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "approve DROP",
		Short: "Let a held drop go on in spite of its guards",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decide(cmd.Context(), args[0], func(e *engine, _ *config.Feed, d *bridge.Drop) error {
				return e.In.Approve(cmd.Context(), d, whoami())
			})
		},
	})
}

func newDiscardCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "discard DROP",
		Short: "Throw a drop away that is held, waits or was rejected: nothing of it is sent",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decide(cmd.Context(), args[0], func(e *engine, f *config.Feed, d *bridge.Drop) error {
				return e.In.Discard(cmd.Context(), f, d, whoami())
			})
		},
	})
}

// whoami is who decides, for the ledger: the account and the machine.
func whoami() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}

func newRerunCommand(a *app) *cobra.Command {
	var r rerun
	var orders orderRerun
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "rerun [DROP]",
		Short: "Load drops again, or only their rejected rows",
		Long: "rerun DROP loads a settled drop again from the bytes that were kept; rows that are unchanged are not sent, and keys that a\n" +
			"newer drop has set since are left alone. --rejected takes only the rows that its last run rejected, after something was\n" +
			"mended in the shop. --feed with --from and --to runs all drops of a feed that were seen in that time, in their order.\n" +
			"--force sends unchanged rows too and overwrites what newer drops have set. --dry-run shows what would happen.\n\n" +
			"rerun --order ORDER writes an order's file once more, the same bytes under the same name; with --render it makes a new version\n" +
			"from the shop's present state. --orders with --from and --to does so for all orders that were submitted in that time.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				r.drop = args[0]
			}
			if orders.wanted() {
				if r.drop != "" || r.feed != "" || r.dry || r.options != (inbound.RerunOptions{}) {
					return &usageError{"--order and --orders take no drop, feed, --rejected, --force or --dry-run", "see orobridge rerun --help"}
				}
				orders.from, orders.to = r.from, r.to
				return a.rerunOrders(cmd.Context(), orders)
			}
			return a.rerun(cmd.Context(), r)
		},
	})
	flags := cmd.Flags()
	flags.StringVar(&r.feed, "feed", "", "all drops of this `feed`")
	flags.StringVar(&r.from, "from", "", "seen at or after this `time`: 2026-01-31, or 2026-01-31T07:00:00Z")
	flags.StringVar(&r.to, "to", "", "seen before this `time`")
	flags.BoolVar(&r.options.Rejected, "rejected", false, "only the rows that the last run rejected")
	flags.BoolVar(&r.options.Force, "force", false, "send unchanged rows too, and overwrite what newer drops have set")
	orders.flags(flags)
	flags.BoolVar(&r.dry, "dry-run", false, "show what would happen, and change nothing")
	return cmd
}

// rerun is what the user asked to run again.
type rerun struct {
	drop, feed, from, to string
	options              inbound.RerunOptions
	dry                  bool
}

func (a *app) rerun(ctx context.Context, r rerun) error {
	switch {
	case r.drop != "" && r.feed != "":
		return &usageError{"rerun takes a drop or --feed, not both", "see orobridge rerun --help"}
	case r.drop == "" && r.feed == "":
		return &usageError{"rerun needs the number of a drop, or --feed", "see orobridge drops"}
	case r.feed == "" && (r.from != "" || r.to != ""):
		return &usageError{"--from and --to go with --feed", "see orobridge rerun --help"}
	}
	if r.dry {
		return a.rerunDry(ctx, r)
	}
	if r.drop != "" {
		return a.decide(ctx, r.drop, func(e *engine, _ *config.Feed, d *bridge.Drop) error {
			_, err := e.In.Rerun(ctx, d, r.options)
			return err
		})
	}
	return a.rerunFeed(ctx, r)
}

// choose finds the drops that are meant, in their order.
func (r rerun) choose(ctx context.Context, ledger *state.State) ([]*bridge.Drop, error) {
	if r.drop != "" {
		id, err := number("drop", r.drop)
		if err != nil {
			return nil, err
		}
		d, err := ledger.Drop(ctx, id)
		return []*bridge.Drop{d}, err
	}
	f := bridge.DropFilter{Feed: r.feed, States: []bridge.DropState{bridge.Loaded, bridge.Partial, bridge.Rejected}}
	var err error
	if f.From, err = day("from", r.from); err != nil {
		return nil, err
	}
	if f.To, err = day("to", r.to); err != nil {
		return nil, err
	}
	drops, err := ledger.Drops(ctx, f)
	drops = slices.DeleteFunc(drops, func(d *bridge.Drop) bool { return d.Manifest })
	inbound.InOrder(drops)
	return drops, err
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

func (a *app) rerunFeed(ctx context.Context, r rerun) (err error) {
	c, err := a.config()
	if err != nil {
		return err
	}
	f, err := feedOf(c, r.feed)
	if err != nil {
		return err
	}
	e, alone, err := a.beside(ctx, c)
	if err != nil {
		return err
	}
	defer closing(e, &err)
	drops, err := r.choose(ctx, e.ledger)
	if err != nil {
		return err
	}
	if len(drops) == 0 {
		return &bridge.Error{Op: "run again", Object: "feed " + r.feed, Err: errors.New("no drop of it was seen in that time"), Hint: "see orobridge drops --feed " + r.feed}
	}
	var worst error
	for _, d := range drops {
		if _, err := e.In.Rerun(ctx, d, r.options); err != nil {
			return err
		}
		if err := a.follow(ctx, e, f, d, alone); err != nil {
			var code exit
			if !errors.As(err, &code) {
				return err
			}
			worst = err
		}
	}
	return worst
}

func (a *app) rerunDry(ctx context.Context, r rerun) (err error) {
	c, err := a.config()
	if err != nil {
		return err
	}
	ledger, err := state.Open(ctx, c.State.Dir, state.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	e, err := a.assemble(c, ledger, a.quietLogger())
	if err != nil {
		return err
	}
	defer closing(e, &err)
	e.In.Patience = patience
	drops, err := r.choose(ctx, ledger)
	if err != nil {
		return err
	}
	for _, d := range drops {
		f, err := feedOf(c, d.Feed)
		if err != nil {
			return err
		}
		v := newPlanView(f.Name, d.Name)
		p, err := e.In.PlanDrop(ctx, f, d, r.options, a.previewOptions(v, false, false))
		if err != nil {
			return explain(err)
		}
		if err := a.printPlan(v, p); err != nil {
			return err
		}
	}
	return nil
}

// beside opens the state whether or not a bridge is running on it; alone says that none is.
func (a *app) beside(ctx context.Context, c *config.Config) (e *engine, alone bool, err error) {
	ledger, err := state.Open(ctx, c.State.Dir, state.Options{})
	alone = err == nil
	if errors.Is(err, bridge.ErrLocked) {
		ledger, err = state.Open(ctx, c.State.Dir, state.Options{Beside: true})
	}
	if err != nil {
		return nil, false, err
	}
	e, err = a.assemble(c, ledger, a.quietLogger())
	if err == nil {
		e.In.Patience = patience
	}
	return e, alone, err
}

// decide changes what the ledger says about a drop, and sees the work through when no bridge is running.
func (a *app) decide(ctx context.Context, drop string, change func(*engine, *config.Feed, *bridge.Drop) error) (err error) {
	id, err := number("drop", drop)
	if err != nil {
		return err
	}
	c, err := a.config()
	if err != nil {
		return err
	}
	e, alone, err := a.beside(ctx, c)
	if err != nil {
		return err
	}
	defer closing(e, &err)
	d, err := e.ledger.Drop(ctx, id)
	if err != nil {
		return err
	}
	f, err := feedOf(c, d.Feed)
	if err != nil {
		return err
	}
	if err := change(e, f, d); err != nil {
		return err
	}
	return a.follow(ctx, e, f, d, alone)
}

// follow loads and moves a drop that was made due, or says who does.
func (a *app) follow(ctx context.Context, e *engine, f *config.Feed, d *bridge.Drop, alone bool) error {
	if !alone {
		fmt.Fprintf(a.stderr, "drop %d is in the hands of the running bridge: see `orobridge drop %d`\n", d.ID, d.ID)
		if a.json {
			return a.printJSON(viewRun(d, nil))
		}
		return nil
	}
	var run *bridge.Run
	var err error
	if d.State == bridge.Loading || d.State == bridge.Fetched {
		done := a.progress(e)
		run, err = e.In.Load(ctx, f, d)
		done()
		if err != nil {
			return err
		}
	}
	if err := e.In.Finish(ctx, f, d); err != nil {
		fmt.Fprintf(a.stderr, "warning: its last move is still owed, the next run tries again: %v\n", err)
	}
	return a.printRun(d, run)
}
