package show

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/formats"
	"golang.org/x/term"
)

// Pen is where a verb prints: its result to stdout, everything else to stderr.
type Pen struct {
	Stdout   io.Writer
	Stderr   io.Writer
	AsJSON   bool // print models as JSON
	progress bool // a line of it stands on the terminal
}

// PrintJSON prints a value as JSON. A list without elements prints as [], never as null.
func (p *Pen) PrintJSON(v any) error {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice && r.IsNil() {
		v = []any{}
	}
	e := json.NewEncoder(p.Stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// Table prints rows in columns under a heading; none prints nothing but what there is to say about that.
func (p *Pen) Table(heading []string, rows [][]string, none string) error {
	if len(rows) == 0 {
		_, err := p.Stdout.Write([]byte(none + "\n"))
		return err
	}
	w := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{heading}, rows...) {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = Printable(c)
		}
		line := strings.TrimRight(strings.Join(cells, "\t"), "\t ")
		if _, err := w.Write([]byte(line + "\n")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// CountsLine says in one line what became of a run's rows, leaving out what did not happen.
func CountsLine(c bridge.Counts) string {
	line := fmt.Sprintf("%d rows", c.Rows)
	for _, p := range []struct {
		n    int64
		what string
	}{{c.Created, "created"}, {c.Updated, "updated"}, {c.Unchanged, "unchanged"}, {c.Removed, "removed"}, {c.Collapsed, "collapsed"},
		{c.Rejected, "rejected"}, {c.Parked, "parked"}, {c.Withdrawn, "withdrawn"}} {
		if p.n > 0 {
			line += fmt.Sprintf(", %d %s", p.n, p.what)
		}
	}
	if c.Adopted > 0 {
		line += fmt.Sprintf(" (%d of the unchanged adopted)", c.Adopted)
	}
	if c.Warnings > 0 {
		line += fmt.Sprintf("; %d warnings", c.Warnings)
	}
	return line
}

// printLeftOut prints what of a file went nowhere.
func (p *Pen) printLeftOut(indent string, skipped map[string]int64, unmapped []formats.Unmapped) {
	if len(skipped) > 0 {
		fmt.Fprintf(p.Stdout, "%sleft out of the file: %s\n", indent, Printable(rows.SkippedLine(skipped)))
	}
	if len(unmapped) > 0 {
		fmt.Fprintf(p.Stdout, "%scolumns that no field takes: %s\n", indent, Printable(rows.UnmappedLine(unmapped)))
	}
}

// Moment is a time for people; "-" for none.
func Moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// Compact is a row for people.
func Compact(row map[string]string) string {
	b, err := json.Marshal(row)
	if err != nil {
		return "" // a map of texts can be written
	}
	return string(b)
}

// Printable is [formats.Printable]: cells, errors and hints hold names and rows from outside.
func Printable(s string) string { return formats.Printable(s) }

// PrintableLines is printable for texts of several lines.
func PrintableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = Printable(line)
	}
	return strings.Join(lines, "\n")
}

// OnTerminal says whether w is a screen: progress is for people, plain lines for everything else.
func OnTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

// Say prints a line of talk and its hint. Both may quote what came from outside.
func Say(w io.Writer, kind, message, hint string) {
	fmt.Fprintf(w, "%s: %s\n", kind, PrintableLines(message))
	if hint != "" {
		fmt.Fprintf(w, "hint: %s\n", PrintableLines(hint))
	}
}

// Decimal writes a count.
func Decimal(n int64) string { return strconv.FormatInt(n, 10) }

// Pace says how fast something goes and how long it may take; empty when nothing can be said.
func Pace(perSecond, left float64) string {
	if perSecond <= 0 {
		return ""
	}
	text := fmt.Sprintf(", %.0f/s", perSecond)
	if left > 0 {
		text += fmt.Sprintf(", about %s left", Span(left))
	}
	return text
}

// Span is a time span for people: to the second, and to the millisecond below one.
func Span(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// prefixed is a text behind a prefix; empty for an empty text.
func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// age is how long ago something was, in the largest unit that fits.
func age(now time.Time, then *time.Time) string {
	if then == nil || now.Before(*then) {
		return "-"
	}
	switch d := now.Sub(*then); {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	default:
		return fmt.Sprintf("%ds", d/time.Second)
	}
}

// shopTable prints a table whose rows begin with their shops; the column is left out where there is one shop, which has no name.
func shopTable(p *Pen, head []string, rows [][]string, none string) error {
	if slices.ContainsFunc(rows, func(row []string) bool { return row[0] != "" }) {
		return p.Table(append([]string{"SHOP"}, head...), rows, none)
	}
	for i := range rows {
		rows[i] = rows[i][1:]
	}
	return p.Table(head, rows, none)
}
