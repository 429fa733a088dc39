package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state"
)

// planView is the JSON of a plan.
type planView struct {
	Feed      string           `json:"feed"`
	File      string           `json:"file"`
	Rows      int64            `json:"rows"`
	Create    int64            `json:"create"`
	Update    int64            `json:"update"`
	Remove    int64            `json:"remove"`
	Withdraw  int64            `json:"withdraw"`
	Unchanged int64            `json:"unchanged"`
	Adopt     int64            `json:"adopt"` // of the unchanged
	Collapsed int64            `json:"collapsed"`
	Reject    int64            `json:"reject"`
	Park      int64            `json:"park"`
	Skipped   map[string]int64 `json:"skipped"` // what the reader left out, by word: no rows
	Ignored   []string         `json:"ignored_columns"`
	Changes   []changeView     `json:"changes"`
	Rejects   []rejectView     `json:"rejects"`
}

type changeView struct {
	Line   int64       `json:"line"`
	Op     bridge.Op   `json:"op"`
	Key    string      `json:"key"`
	Fields []fieldView `json:"fields"`
	Parked string      `json:"waits_for,omitempty"`
}

type fieldView struct {
	Field string  `json:"field"`
	Old   *string `json:"old"` // null: nothing is known
	New   string  `json:"new"`
}

func newPlanCommand(a *app) *cobra.Command {
	var live, quiet bool
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "plan FEED FILE",
		Short: "Show what loading a file would change, and change nothing",
		Long: "plan compares each row with what the shop last accepted and asks the shop about keys that the ledger does not know.\n" +
			"With --live it asks about all changes. Nothing is written, neither to the shop nor to the ledger; it also works beside\n" +
			"a running bridge.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.plan(cmd.Context(), args[0], args[1], live, quiet)
		},
	})
	cmd.Flags().BoolVar(&live, "live", false, "take old values from the shop as it is now")
	cmd.Flags().BoolVar(&quiet, "counts", false, "counts only, no single changes")
	return cmd
}

func (a *app) plan(ctx context.Context, feed, path string, live, quiet bool) error {
	return a.onFeed(ctx, feed, openForPlan, func(e *engine, f *config.Feed) error {
		v := newPlanView(f.Name, path)
		p, err := e.In.Plan(ctx, f, path, a.previewOptions(v, live, quiet))
		if err != nil {
			return explain(err)
		}
		return a.printPlan(v, p)
	})
}

func newPlanView(feed, file string) *planView {
	return &planView{Feed: feed, File: file, Ignored: []string{}, Skipped: map[string]int64{}, Changes: []changeView{}, Rejects: []rejectView{}}
}

// previewOptions print what a plan finds, or collect it for the JSON.
func (a *app) previewOptions(v *planView, live, quiet bool) inbound.PreviewOptions {
	o := inbound.PreviewOptions{Live: live}
	if !quiet {
		o.Reject = func(r bridge.RejectRow) { a.planReject(v, r) }
		o.Change = func(s *bridge.Staged) error { return a.planChange(v, s) }
	}
	return o
}

// openForPlan opens the ledger beside a running bridge; where nothing has run yet an empty one in memory's place serves.
func openForPlan(ctx context.Context, c *config.Config) (*state.State, error) {
	ledger, err := state.Open(ctx, c.State.Dir, state.Options{ReadOnly: true})
	if errors.Is(err, fs.ErrNotExist) {
		return state.Scratch(ctx)
	}
	return ledger, err
}

func (a *app) planReject(v *planView, r bridge.RejectRow) {
	if a.json {
		v.Rejects = append(v.Rejects, viewReject(r))
		return
	}
	field := ""
	if r.Field != "" {
		field = r.Field + ": "
	}
	fmt.Fprintf(a.stdout, "reject  %s  %s  %s: %s\n", printable(r.Pos.String()), printable(r.Key), r.Code, printable(field+r.Message))
}

func (a *app) planChange(v *planView, s *bridge.Staged) error {
	c := changeView{Line: s.Line, Op: s.Op, Key: s.Key, Fields: []fieldView{}}
	if s.Missing != nil {
		c.Parked = s.Missing.Entity + " " + s.Missing.Key
	}
	for i, value := range s.Values {
		f := fieldView{Field: value.Field, New: value.Text}
		if i < len(s.Old) {
			f.Old = &s.Old[i].Text
		}
		c.Fields = append(c.Fields, f)
	}
	if a.json {
		v.Changes = append(v.Changes, c)
		return nil
	}
	if c.Parked != "" {
		_, err := fmt.Fprintf(a.stdout, "park    %s  %s  waits for %s\n", printable(s.Record.Pos.String()), printable(c.Key), printable(c.Parked))
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "%-7s %s  %s\n", c.Op, printable(s.Record.Pos.String()), printable(c.Key))
	for _, f := range c.Fields {
		if f.Old != nil {
			fmt.Fprintf(a.stdout, "        %s: %q → %q\n", f.Field, *f.Old, f.New)
		} else {
			fmt.Fprintf(a.stdout, "        %s: %q\n", f.Field, f.New)
		}
	}
	return err
}

func (a *app) printPlan(v *planView, p *inbound.Preview) error {
	v.Rows, v.Unchanged, v.Adopt, v.Collapsed, v.Reject = p.Run.Rows, p.Run.Unchanged, p.Run.Adopted, p.Run.Collapsed, p.Run.Rejected
	v.Create, v.Update, v.Remove, v.Withdraw, v.Park = p.Creates, p.Updates, p.Removes, p.Withdraws, p.Waits
	v.Ignored = append(v.Ignored, p.Ignored...)
	maps.Copy(v.Skipped, p.Run.Skipped)
	if a.json {
		return a.printJSON(v)
	}
	fmt.Fprintf(a.stdout, "%d rows: %d to create, %d to update, %d to remove, %d unchanged (%d of them adopted), %d collapsed, %d rejected, %d parked\n",
		v.Rows, v.Create, v.Update, v.Remove, v.Unchanged, v.Adopt, v.Collapsed, v.Reject, v.Park)
	if v.Withdraw > 0 {
		fmt.Fprintf(a.stdout, "%d keys that the file lacks would be removed\n", v.Withdraw)
	}
	if len(v.Skipped) > 0 {
		fmt.Fprintf(a.stdout, "left out of the file: %s\n", printable(skippedLine(v.Skipped)))
	}
	if len(v.Ignored) > 0 {
		fmt.Fprintf(a.stdout, "columns that no field takes: %s\n", printable(fmt.Sprint(v.Ignored)))
	}
	fmt.Fprintln(a.stderr, "nothing was written")
	return nil
}

// explain gives an unreadable file the hint that it carries.
func explain(err error) error {
	var unreadable *formats.FileError
	if errors.As(err, &unreadable) {
		return &bridge.Error{Op: "read", Object: "the file", Err: unreadable, Hint: unreadable.Hint}
	}
	return err
}
