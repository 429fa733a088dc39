package main

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/formats"
)

// output prints what verbs show, each model in its own form.
type output struct{ pen }

// pen is where a verb prints: its result to stdout, everything else to stderr.
type pen struct {
	stdout   io.Writer
	stderr   io.Writer
	json     bool
	progress bool // a line of it stands on the terminal
}

// printJSON prints a value as JSON. A list without elements prints as [], never as null.
func (a *pen) printJSON(v any) error {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice && r.IsNil() {
		v = []any{}
	}
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// table prints rows in columns under a heading; none prints nothing but what there is to say about that.
func (a *pen) table(heading []string, rows [][]string, none string) error {
	if len(rows) == 0 {
		_, err := a.stdout.Write([]byte(none + "\n"))
		return err
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{heading}, rows...) {
		cells := make([]string, len(row))
		for i, c := range row {
			cells[i] = printable(c)
		}
		line := strings.TrimRight(strings.Join(cells, "\t"), "\t ")
		if _, err := w.Write([]byte(line + "\n")); err != nil {
			return err
		}
	}
	return w.Flush()
}

// countsLine says in one line what became of a run's rows, leaving out what did not happen.
func countsLine(c bridge.Counts) string {
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
func (a *pen) printLeftOut(indent string, skipped map[string]int64, unmapped []formats.Unmapped) {
	if len(skipped) > 0 {
		fmt.Fprintf(a.stdout, "%sleft out of the file: %s\n", indent, printable(rows.SkippedLine(skipped)))
	}
	if len(unmapped) > 0 {
		fmt.Fprintf(a.stdout, "%scolumns that no field takes: %s\n", indent, printable(rows.UnmappedLine(unmapped)))
	}
}

// moment is a time for people; "-" for none.
func moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// compact is a row for people.
func compact(row map[string]string) string {
	b, err := json.Marshal(row)
	if err != nil {
		return "" // a map of texts can be written
	}
	return string(b)
}

// printable is [formats.Printable]: cells, errors and hints hold names and rows from outside.
func printable(s string) string { return formats.Printable(s) }

// printableLines is printable for texts of several lines.
func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = printable(line)
	}
	return strings.Join(lines, "\n")
}
