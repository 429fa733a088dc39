package show

import (
	"fmt"
	"strings"

	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/formats"
)

// PrintInspection says what a file is, and lists the records and rejects that were looked at.
func (p *Pen) PrintInspection(v *operate.Inspection) error {
	if p.AsJSON {
		return p.PrintJSON(v)
	}
	fmt.Fprintf(p.Stdout, "%s: %s; %d bytes\n", Printable(v.File), Printable(v.Is.String()), v.Size)
	if v.Inside != nil {
		fmt.Fprintf(p.Stdout, "inside: %s\n", Printable(v.Inside.String()))
	}
	if v.Entity == "" {
		if len(v.Is.Columns) > 0 {
			fmt.Fprintf(p.Stdout, "columns: %s\n", Printable(strings.Join(v.Is.Columns, ", ")))
		}
		Say(p.Stderr, "note", "nothing tells which entity it holds", "name the feed that would read it: orobridge inspect --feed FEED FILE")
		return nil
	}
	for _, r := range v.Records {
		mark := "record"
		if r.Remove {
			mark = "remove"
		}
		fmt.Fprintf(p.Stdout, "%s  %s  %s\n", mark, Printable(r.Where), Printable(Compact(r.Fields)))
	}
	for _, r := range v.Rejects {
		if err := p.PrintReject(r); err != nil {
			return err
		}
	}
	for _, w := range v.Warnings {
		at := formats.Position{Line: w.Line, Segment: w.Segment, Doc: w.Doc, Part: w.Part}
		fmt.Fprintf(p.Stdout, "warning  %s  %s  %s\n", Printable(at.String()), Printable(w.Key), Printable(w.Message))
	}
	fmt.Fprintf(p.Stdout, "%s: %d rows, %d rejected", v.Entity, v.Rows, v.Rejected)
	if v.Warned > 0 {
		fmt.Fprintf(p.Stdout, ", %d warnings", v.Warned)
	}
	fmt.Fprintln(p.Stdout)
	if len(v.Skipped) > 0 {
		fmt.Fprintf(p.Stdout, "left out: %s\n", Printable(rows.SkippedLine(v.Skipped)))
	}
	if len(v.Ignored) > 0 {
		fmt.Fprintf(p.Stdout, "columns that no field takes: %s\n", Printable(strings.Join(v.Ignored, ", ")))
	}
	if v.Failure != nil {
		Say(p.Stderr, "error", v.Failure.Message, v.Failure.Hint)
	}
	return nil
}

// PrintReject prints a row that would be rejected.
func (p *Pen) PrintReject(r operate.Reject) error {
	p.Erase()
	field := ""
	if r.Field != "" {
		field = r.Field + ": "
	}
	_, err := fmt.Fprintf(p.Stdout, "reject  %s  %s  %s: %s\n", Printable(r.Where()), Printable(r.Key), r.Code, Printable(field+r.Message))
	return err
}

// PrintWarning prints what a row would be loaded without.
func (p *Pen) PrintWarning(w operate.Warning) error {
	p.Erase()
	_, err := fmt.Fprintf(p.Stdout, "warning %s  %s  %s: %s\n", Printable(w.Where), Printable(w.Key), w.Code,
		Printable(w.Field+": "+w.Message))
	return err
}

// PrintChange prints what would become of a row.
func (p *Pen) PrintChange(c operate.Change) error {
	p.Erase()
	if c.Parked != "" {
		_, err := fmt.Fprintf(p.Stdout, "park    %s  %s  waits for %s\n", Printable(c.Where), Printable(c.Key), Printable(c.Parked))
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%-7s %s  %s\n", c.Op, Printable(c.Where), Printable(c.Key))
	for _, f := range c.Fields {
		if f.Old != nil {
			fmt.Fprintf(&b, "        %s: %q → %q\n", f.Field, *f.Old, f.New)
		} else {
			fmt.Fprintf(&b, "        %s: %q\n", f.Field, f.New)
		}
	}
	_, err := fmt.Fprint(p.Stdout, b.String())
	return err
}

// PrintPlan prints the sum of a plan.
func (p *Pen) PrintPlan(v *operate.Plan) error {
	p.Erase()
	if p.AsJSON {
		return p.PrintJSON(v)
	}
	fmt.Fprintf(p.Stdout, "%d rows: %d to create, %d to update, %d to remove, %d unchanged (%d of them adopted), "+
		"%d collapsed, %d rejected, %d parked\n",
		v.Rows, v.Create, v.Update, v.Remove, v.Unchanged, v.Adopt, v.Collapsed, v.Reject, v.Park)
	if v.Expected > 0 {
		fmt.Fprintf(p.Stdout, "%d new records would be refused by a stock shop; this one's settings may be wider:\n", v.Expected)
		for i := range v.Doubts {
			fmt.Fprintf(p.Stdout, "        %s  %s\n", Printable(v.Doubts[i].Key), Printable(v.Doubts[i].Message))
		}
	}
	if v.Withdraw > 0 {
		fmt.Fprintf(p.Stdout, "%d keys that the file lacks would be removed\n", v.Withdraw)
	}
	if v.Warnings > 0 {
		fmt.Fprintf(p.Stdout, "%d warnings: a part of a row is left out, and the rest of it loaded\n", v.Warnings)
	}
	p.printLeftOut("", v.Skipped, v.Unmapped)
	fmt.Fprintln(p.Stderr, "nothing was written")
	return nil
}

// plannedShown is how many changes of a drop's plan are printed; its JSON has more.
const plannedShown = 50

// Heaviest prints, for people, the rejects of a drop's plan and those of its changes that weigh most: its JSON has them anyway.
func Heaviest(p *Pen, v *operate.Plan) error {
	if p.AsJSON {
		return nil
	}
	for _, r := range v.Rejects {
		if err := p.PrintReject(r); err != nil {
			return err
		}
	}
	if n := v.Reject - int64(len(v.Rejects)); n > 0 {
		fmt.Fprintf(p.Stdout, "and %d more rejects\n", n)
	}
	for i, c := range v.Changes {
		if i == plannedShown {
			p.Erase()
			fmt.Fprintf(p.Stdout, "and %d more changes\n", v.Create+v.Update+v.Remove+v.Withdraw+v.Park-plannedShown)
			break
		}
		if err := p.PrintChange(c); err != nil {
			return err
		}
	}
	return nil
}
