package show

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

// PrintDrop prints what is known of a drop.
func (p *Pen) PrintDrop(v *operate.DropDetails) {
	d := &v.Details
	fmt.Fprintf(p.Stdout, "drop %d of feed %s: %s\n", d.Drop, d.Feed, d.State)
	if d.Reason != "" {
		fmt.Fprintf(p.Stdout, "  reason   %s\n", Printable(d.Reason))
	}
	fmt.Fprintf(p.Stdout, "  file     %s:%s, %d bytes, %s\n", d.Remote, Printable(d.File), d.Size, Moment(d.MTime))
	if d.Gap != "" {
		fmt.Fprintf(p.Stdout, "  gap      %s\n", d.Gap)
	}
	if d.Path != "" {
		fmt.Fprintf(p.Stdout, "  now at   %s\n", Printable(d.Path))
	}
	if d.SHA256 != "" {
		fmt.Fprintf(p.Stdout, "  sha256   %s\n", d.SHA256)
	}
	fmt.Fprintf(p.Stdout, "  seen     %s\n  settled  %s\n", Moment(d.Seen), Moment(d.Settled))
	for _, h := range v.Holds {
		if h.Until == nil {
			fmt.Fprintf(p.Stdout, "  held     since %s: %s\n", Moment(h.Since), Printable(h.Reason))
		} else {
			fmt.Fprintf(p.Stdout, "  held     for %s: %s\n", Span(h.Seconds), Printable(h.Reason))
		}
	}
	for _, x := range v.Decisions {
		fmt.Fprintf(p.Stdout, "  decided  %s %s%s%s\n", Moment(x.At), Printable(x.Decision), Printable(prefixed(" by ", x.Who)),
			Printable(prefixed(": ", x.Why)))
	}
	for _, path := range v.Papers {
		fmt.Fprintf(p.Stdout, "  written  %s\n", Printable(path))
	}
	if v.Open > 0 {
		flag := ""
		if v.Kind == bridge.ShadowRun {
			flag = " --shadow"
		}
		fmt.Fprintf(p.Stdout, "  rejects  %d open: see `orobridge rejects %d%s`\n", v.Open, d.Drop, flag)
	}
	for _, r := range v.Runs {
		fmt.Fprintf(p.Stdout, "run %d (%s, %s, %s): %s; %d requests\n", r.Run, r.Kind, r.Stage, Moment(r.Started),
			CountsLine(r.Counts), r.Requests)
		p.printLeftOut("  ", r.Skipped, r.Unmapped)
	}
	for _, part := range v.Parts {
		fmt.Fprintf(p.Stdout, "%s as drop %d: %s", part.Shop, part.Drop, part.State)
		if part.Run.Run != 0 {
			fmt.Fprintf(p.Stdout, ", run %d: %s", part.Run.Run, CountsLine(part.Counts))
		}
		fmt.Fprintln(p.Stdout)
	}
	for i, c := range v.Planned {
		if i == foretoldShown {
			fmt.Fprintf(p.Stdout, "and %d more changes: see `orobridge drop %d --shadow --rows`\n", len(v.Planned)-i, d.Drop)
			break
		}
		_ = p.PrintChange(c) // as all that is printed here
	}
	if w := v.Progress; w != nil {
		fmt.Fprintf(p.Stdout, "now at work: %d planned, %d sent, %d judged%s\n", w.Planned, w.Sent, w.Judged, Pace(w.PerSecond, w.Left))
	}
}

// foretoldShown is how many of the changes that a shadow has told of are printed with a drop.
const foretoldShown = 20

// PrintFates lists what became of rows.
func (p *Pen) PrintFates(fates []operate.Row) error {
	rows := make([][]string, len(fates))
	for i, r := range fates {
		rows[i] = []string{Decimal(r.Run), Decimal(r.Line), string(r.Fate), r.Key, r.Detail}
	}
	return p.Table([]string{"RUN", "LINE", "FATE", "KEY", "DETAIL"}, rows, "nothing is known of single rows")
}

// PrintWarnings lists the warnings of a drop; nothing when there are none.
func (p *Pen) PrintWarnings(warnings []operate.Warning) error {
	rows := make([][]string, len(warnings))
	for i, w := range warnings {
		rows[i] = []string{Decimal(w.Run), w.Where, w.Key, w.Field, w.Code, w.Message}
	}
	return p.Table([]string{"RUN", "WHERE", "KEY", "FIELD", "CODE", "WARNING"}, rows, "")
}

// PrintDrops lists drops.
func (p *Pen) PrintDrops(drops []operate.Drop) error {
	if p.AsJSON {
		return p.PrintJSON(drops)
	}
	rows := make([][]string, len(drops))
	for i, d := range drops {
		rows[i] = []string{d.Shop, Decimal(d.Drop), d.Feed, d.File, Decimal(d.Size), string(d.State), Moment(d.Seen), d.Reason}
	}
	return shopTable(p, []string{"DROP", "FEED", "FILE", "BYTES", "STATE", "SEEN", "REASON"}, rows, "no drops yet")
}

// PrintResult prints what became of a drop.
func (p *Pen) PrintResult(v *operate.Result) error {
	p.Erase()
	if v.Handed {
		fmt.Fprintf(p.Stderr, "drop %d is in the hands of the running bridge: see `orobridge drop %d`\n", v.Drop, v.Drop)
	}
	if v.Paused != "" {
		Say(p.Stderr, "warning", fmt.Sprintf("drop %d waits: %s", v.Drop, v.Paused), "let it go on with `orobridge resume`")
	}
	if v.Unmoved != nil {
		Say(p.Stderr, "warning", "its last move is still owed, the next run tries again: "+v.Unmoved.Error(), "")
	}
	if p.AsJSON {
		if err := p.PrintJSON(v.Run); err != nil {
			return err
		}
	} else if !v.Handed {
		p.PrintRun(&v.Run)
	}
	return nil
}

// PrintRun prints what a run has done.
func (p *Pen) PrintRun(v *operate.Run) {
	fmt.Fprintf(p.Stdout, "drop %d %s: %s\n", v.Drop, Printable(v.File), v.State)
	if v.Run != 0 {
		fmt.Fprintln(p.Stdout, CountsLine(v.Counts))
	}
	p.printLeftOut("", v.Skipped, v.Unmapped)
	if v.Reason != "" {
		fmt.Fprintln(p.Stdout, Printable(v.Reason))
	}
	if v.Rejected > 0 {
		fmt.Fprintf(p.Stderr, "hint: see `orobridge rejects %d`\n", v.Drop)
	}
	if v.Warnings > 0 {
		fmt.Fprintf(p.Stderr, "hint: see the warnings at the end of `orobridge drop %d --rows`\n", v.Drop)
	}
}

// PrintParked lists rows that wait for a parent.
func (p *Pen) PrintParked(parked []operate.Parked) error {
	if p.AsJSON {
		return p.PrintJSON(parked)
	}
	slices.SortStableFunc(parked, func(x, y operate.Parked) int { return cmp.Compare(x.WaitsFor, y.WaitsFor) })
	rows := make([][]string, len(parked))
	for i, p := range parked {
		rows[i] = []string{p.WaitsFor, p.Entity, p.Key, Decimal(p.Drop), Decimal(p.Line), Moment(p.Since)}
	}
	return p.Table([]string{"WAITS FOR", "ENTITY", "KEY", "DROP", "LINE", "SINCE"}, rows, "nothing is parked")
}
