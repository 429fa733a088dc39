package show

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

// PrintEvent prints an event as one line: of JSON, or for people.
func (p *Pen) PrintEvent(e operate.Event) error {
	if p.AsJSON {
		out := json.NewEncoder(p.Stdout)
		out.SetEscapeHTML(false)
		return out.Encode(e)
	}
	_, err := fmt.Fprintln(p.Stdout, Printable(eventLine(&e)))
	return err
}

// eventLine says what happened, to what, and the rest of it in words.
func eventLine(e *operate.Event) string {
	var about []string
	add := func(format string, is bool, args ...any) {
		if is {
			about = append(about, fmt.Sprintf(format, args...))
		}
	}
	add("%s", e.Feed != "", e.Feed)
	add("%s", e.Export != "", e.Export)
	add("%s", e.Work != "", e.Work)
	add("drop %d", e.Drop != 0, e.Drop)
	add("run %d", e.Run != 0, e.Run)
	add("batch %d", e.Batch != 0, e.Batch)
	add("%s", e.File != "", e.File)
	add("order %s", e.Order != "", e.Order)
	add("%s", e.Person != "", e.Person)
	add("%s", e.Alarm != "", e.Alarm)
	add("by %s", e.Who != "", e.Who)
	add("by %s", e.User != "", e.User)
	add("from %s", e.Address != "", e.Address)
	add("from %s", e.From != "" && e.From != bridge.CommandLine, e.From)
	var said []string
	if e.Counts != nil {
		said = append(said, CountsLine(*e.Counts))
	}
	if e.Bytes != 0 {
		said = append(said, fmt.Sprintf("%d bytes", e.Bytes))
	}
	if e.Text != "" {
		said = append(said, e.Text)
	}
	if e.Why != "" {
		said = append(said, "why: "+e.Why)
	}
	line := fmt.Sprintf("%s  %-14s  %s", Moment(e.At), e.Kind, strings.Join(about, " "))
	if len(said) > 0 {
		line += ": " + strings.Join(said, "; ")
	}
	if e.Hint != "" {
		line += " — " + e.Hint
	}
	return strings.TrimRight(line, " ")
}

// PrintTransfers lists what partners have done.
func (p *Pen) PrintTransfers(transfers []operate.Transfer) error {
	if p.AsJSON {
		return p.PrintJSON(transfers)
	}
	rows := make([][]string, len(transfers))
	for i, t := range transfers {
		bytes, took := "", ""
		if t.Seconds > 0 {
			bytes, took = Decimal(t.Bytes), fmt.Sprintf("%.1f s", t.Seconds)
		}
		rows[i] = []string{Moment(t.At), string(t.Kind), t.User, t.Address, t.File, bytes, took, transferWords(&t)}
	}
	return p.Table([]string{"AT", "WHAT", "USER", "ADDRESS", "FILE", "BYTES", "TOOK", "MORE"}, rows, "no partner was here")
}

// transferWords is what a line says in words.
func transferWords(t *operate.Transfer) string {
	var words []string
	add := func(is bool, word string) {
		if is {
			words = append(words, word)
		}
	}
	add(t.Times > 0, fmt.Sprintf("%d times since %s, the last", t.Times, Moment(t.FirstAt)))
	add(t.Broken, "broke off")
	add(t.Whole, "to the end")
	add(t.Target != "", "to "+t.Target)
	add(t.Order != "", "order "+t.Order)
	add(t.Text != "", t.Text)
	return strings.Join(words, ": ")
}
