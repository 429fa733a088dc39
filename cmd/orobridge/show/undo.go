package show

import (
	"fmt"

	"github.com/orobridge/orobridge/bridge/operate"
)

// leavesPrinted is how many of the things that an undo leaves are printed; its JSON has more.
const leavesPrinted = 50

// PrintUndo says what is taken back and what is left.
func (p *Pen) PrintUndo(v *operate.Undo, dry bool) error {
	p.Erase()
	if p.AsJSON {
		return p.PrintJSON(v)
	}
	for i, l := range v.Leaves {
		if i == leavesPrinted {
			fmt.Fprintf(p.Stdout, "left    and %d more\n", v.Left-leavesPrinted)
			break
		}
		fmt.Fprintf(p.Stdout, "left    %s  %s\n", Printable(l.Key), Printable(undoWhy(l)))
	}
	fmt.Fprintf(p.Stdout, "%d keys get back what they were, %d are removed, %d are made again; %d are left\n",
		v.Restore, v.Remove, v.Remake, v.Left)
	switch {
	case v.Result != nil:
		if err := p.PrintResult(v.Result); err != nil {
			return err
		}
	case dry:
		fmt.Fprintln(p.Stderr, "nothing was written")
	default:
		fmt.Fprintln(p.Stderr, "there is nothing to take back")
	}
	if v.Made != nil && v.Made.State == "held" {
		fmt.Fprintf(p.Stderr, "hint: see what it changes with `orobridge drop %d --plan`, then `orobridge approve %d`\n",
			v.Made.Drop, v.Made.Drop)
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

// PrintDifference prints one thing in which ledger and shop differ.
func (p *Pen) PrintDifference(d operate.Difference) error {
	p.Erase()
	line := fmt.Sprintf("%-9s %s", d.Kind, Printable(d.Key))
	if d.Field != "" {
		line += fmt.Sprintf("  %s: %q, in the shop %q", Printable(d.Field), d.Ours, d.Shop)
	}
	_, err := fmt.Fprintln(p.Stdout, line)
	return err
}

// PrintReconciliation says how the shop stands; beside a table of differences, which is for programs, to stderr.
func (p *Pen) PrintReconciliation(v *operate.Reconciliation, table bool) error {
	p.Erase()
	if p.AsJSON {
		return p.PrintJSON(v)
	}
	to := p.Stdout
	if table {
		to = p.Stderr
	}
	stray := ""
	if v.Stray > 0 {
		stray = fmt.Sprintf(", %d of these made since the backup", v.Stray)
	}
	fmt.Fprintf(to, "%d %s compared: %d missing, %d different, %d unknown here%s\n", v.Compared, v.Entity, v.Missing,
		v.Different, v.Unknown, stray)
	if v.Result != nil {
		if !table {
			if err := p.PrintResult(v.Result); err != nil {
				return err
			}
		}
		if v.Made.State == "held" {
			fmt.Fprintf(p.Stderr, "hint: see what it changes with `orobridge drop %d --plan`, then `orobridge approve %d`\n",
				v.Made.Drop, v.Made.Drop)
		}
	}
	return nil
}
