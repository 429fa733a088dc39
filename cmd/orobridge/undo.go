package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
)

func newUndoCommand(a *app) *cobra.Command {
	var d deciding
	var drop string
	var yes, dry bool
	cmd := a.serverFlags(a.jsonFlag(&cobra.Command{
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
			undo, what := operate.Decider.UndoDrop, "drop"
			if len(args) == 1 {
				undo, what, drop = operate.Decider.UndoRun, "run", args[0]
			}
			id, err := number(what, drop)
			if err != nil {
				return err
			}
			return a.settle(cmd.Context(), d, func(desk operate.Decider, _ bool) error {
				v, err := undo(desk, cmd.Context(), id, yes, dry)
				if err != nil {
					return err
				}
				return cmp.Or(a.PrintUndo(v, dry), undone(v))
			})
		},
	}))
	d.flags(cmd.Flags(), true)
	cmd.Flags().StringVar(&drop, "drop", "", "all runs of this `drop`")
	cmd.Flags().BoolVar(&yes, "yes", false, "load the way back at once")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be taken back, and change nothing")
	return cmd
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
