package show

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

// PrintPreview prints the file, and beside it what there is to say. A screen gets nothing that could move its cursor.
func (p *Pen) PrintPreview(v *operate.Preview) error {
	if p.AsJSON {
		return p.PrintJSON(v)
	}
	fmt.Fprintf(p.Stderr, "%s\n", Printable(v.File))
	if len(v.Flags) > 0 {
		text := "flags: " + strings.Join(v.Flags, " ")
		if v.Doubt != "" {
			text += ": " + v.Doubt
		}
		Say(p.Stderr, "warning", text, "")
	}
	content := v.Content
	if OnTerminal(p.Stdout) {
		content = PrintableLines(content)
	}
	_, err := io.WriteString(p.Stdout, content)
	return err
}

// fetchedWords says who has fetched an order's file; nothing when nobody has.
func fetchedWords(o *operate.Order) string {
	if o.Fetched == nil {
		return ""
	}
	return Moment(o.Fetched) + " by " + o.By + " from " + o.From
}

// PrintOrder prints an order: its versions, then its history.
func (p *Pen) PrintOrder(d *operate.OrderDetails) {
	for _, v := range d.Versions {
		fmt.Fprintf(p.Stdout, "order %s, version %d, export %s: %s\n", Printable(v.Order), v.Version, v.Export, v.State)
		for _, line := range [][2]string{{"alarm", string(v.Alarm)}, {"reason", v.Reason}, {"file", v.File}, {"sha256", v.SHA256},
			{"flags", strings.Join(v.Flags, " ")}, {"submitted", Moment(v.Submitted)}, {"owed", Moment(v.Owed)}, {"written", Moment(v.Written)},
			{"fetched", fetchedWords(&v)}, {"picked up", Moment(v.PickedUp)}, {"answered", Moment(v.Answered)}, {"answer", v.Answer}} {
			if line[1] != "" {
				fmt.Fprintf(p.Stdout, "  %-10s %s\n", line[0], Printable(line[1]))
			}
		}
	}
	fmt.Fprintln(p.Stdout, "history")
	for _, e := range d.History {
		text := string(e.Fate)
		if e.Drop != 0 {
			text = fmt.Sprintf("answer of drop %d line %d: %s", e.Drop, e.Line, text)
		}
		if len(e.Sent) > 0 {
			text += " " + Compact(e.Sent)
		}
		if e.Detail != "" {
			text += " (" + e.Detail + ")"
		}
		fmt.Fprintf(p.Stdout, "  %s  %s\n", Moment(e.At), Printable(text))
	}
}

// PrintOrders lists orders, those with an alarm first; now is for their age.
func (p *Pen) PrintOrders(orders []operate.Order, now time.Time) error {
	if p.AsJSON {
		return p.PrintJSON(orders)
	}
	alarmed, calm := [][]string{}, [][]string{}
	for _, o := range orders {
		state := string(o.State)
		if o.Fetched != nil {
			state += ", fetched by " + o.By
		}
		flags := strings.Join(o.Flags, " ")
		if o.State == bridge.Differs || o.State == bridge.Unwritten {
			flags = strings.TrimSpace(flags + " " + o.Reason)
		}
		row := []string{o.Shop, FileNumber(o.Number), o.Order, state, string(o.Alarm), age(now, o.Submitted), o.File, flags}
		if o.Alarm != "" {
			alarmed = append(alarmed, row)
		} else {
			calm = append(calm, row)
		}
	}
	return shopTable(p, []string{"NUMBER", "ORDER", "STATE", "ALARM", "AGE", "FILE", "FLAGS"}, append(alarmed, calm...), "no orders")
}

// FileNumber is the number of an order's file.
func FileNumber(n int64) string {
	if n == 0 {
		return "-"
	}
	return Decimal(n)
}

// PrintResent lists orders that go out once more.
func (p *Pen) PrintResent(orders []operate.Order) error {
	if p.AsJSON {
		return p.PrintJSON(orders)
	}
	rows := make([][]string, len(orders))
	for i, o := range orders {
		rows[i] = []string{FileNumber(o.Number), o.Order, string(o.State), o.File}
	}
	return shopTable(p, []string{"NUMBER", "ORDER", "STATE", "FILE"}, rows, "no orders of that time")
}
