package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
)

func newUndoCommand(a *app) *cobra.Command {
	var d deciding
	var drop string
	var yes, dry bool
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "undo [RUN]",
		Short: "Take back what a drop or a run has set",
		Long: "undo plans the way back of a drop (--drop) or of one of its runs: each key that it set and nobody has set since gets the\n" +
			"values that it had before, what was created is removed as its entity allows, what was removed is made again. What a later\n" +
			"drop has set or somebody has changed in the shop is listed and left, and so is what nobody knows any more. The way back is\n" +
			"a drop of its own, which is held until somebody approves it; --yes loads it at once. It can be undone itself.",
		Example: "  orobridge undo --drop 17 --dry-run\n  orobridge undo --drop 17 --why 'wrong decimal point' --yes",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (drop != "") {
				return &usageError{"undo takes a run, or --drop", "see `orobridge drop ID` for a drop's runs"}
			}
			undo, what := (*operate.Desk).UndoDrop, "drop"
			if len(args) == 1 {
				undo, what, drop = (*operate.Desk).UndoRun, "run", args[0]
			}
			id, err := number(what, drop)
			if err != nil {
				return err
			}
			return a.decide(cmd.Context(), d, func(e *engine) error {
				v, err := undo(e.Desk, cmd.Context(), id, yes, dry)
				if err != nil {
					return err
				}
				return printUndo(&a.output, v, dry)
			})
		},
	})
	d.flags(cmd.Flags(), true)
	cmd.Flags().StringVar(&drop, "drop", "", "all runs of this `drop`")
	cmd.Flags().BoolVar(&yes, "yes", false, "load the way back at once")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be taken back, and change nothing")
	return cmd
}

// leavesPrinted is how many of the things that an undo leaves are printed; its JSON has more.
const leavesPrinted = 50

// printUndo says what is taken back and what is left. With anything left, or a way back that waits for an approval, the exit
// code is 3.
func printUndo(a *output, v *operate.Undo, dry bool) error {
	a.erase()
	if a.json {
		return errors.Join(a.printJSON(v), undone(v))
	}
	for i, l := range v.Leaves {
		if i == leavesPrinted {
			fmt.Fprintf(a.stdout, "left    and %d more\n", v.Left-leavesPrinted)
			break
		}
		fmt.Fprintf(a.stdout, "left    %s  %s\n", printable(l.Key), printable(undoWhy(l)))
	}
	fmt.Fprintf(a.stdout, "%d keys get back what they were, %d are removed, %d are made again; %d are left\n",
		v.Restore, v.Remove, v.Remake, v.Left)
	switch {
	case v.Result != nil:
		if err := a.printResult(v.Result); err != nil && undone(v) == nil {
			return err
		}
	case dry:
		fmt.Fprintln(a.stderr, "nothing was written")
	default:
		fmt.Fprintln(a.stderr, "there is nothing to take back")
	}
	if v.Made != nil && v.Made.State == "held" {
		fmt.Fprintf(a.stderr, "hint: see what it changes with `orobridge drop %d --plan`, then `orobridge approve %d`\n",
			v.Made.Drop, v.Made.Drop)
	}
	return undone(v)
}

// undone is an undo as an exit code; nil when all of it was taken back.
func undone(v *operate.Undo) error {
	if v.Result != nil {
		if err := verdict(v.Result); err != nil {
			return err
		}
	}
	if v.Left > 0 {
		return exit(exitPartly)
	}
	return nil
}

// undoWhy says why something is left, and which field of its key it is.
func undoWhy(l operate.UndoLeft) string {
	if l.Field == "" {
		return l.Why
	}
	return l.Field + ": " + l.Why
}
