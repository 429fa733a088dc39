package rehearsal

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

// Print shows what came of a rehearsal.
func (o *Outcome) Print(pen *show.Pen) error {
	if pen.AsJSON { // lists are arrays, be they empty
		all := *o
		all.Runs, all.Orders = append([]operate.Run{}, o.Runs...), append([]operate.Order{}, o.Orders...)
		all.Trouble = append([]Trouble{}, o.Trouble...)
		return pen.PrintJSON(all)
	}
	var rows [][]string
	for _, run := range o.Runs {
		row := []string{run.File, string(run.State)}
		for _, n := range []int64{run.Rows, run.Created, run.Updated, run.Unchanged, run.Rejected, run.Parked} {
			row = append(row, show.Decimal(n))
		}
		rows = append(rows, row)
	}
	heading := []string{"FILE", "STATE", "ROWS", "CREATED", "UPDATED", "UNCHANGED", "REJECTED", "PARKED"}
	if err := pen.Table(heading, rows, "no file was played"); err != nil {
		return err
	}
	if len(o.Orders) > 0 {
		fmt.Fprintln(pen.Stdout)
		rows = nil
		for _, order := range o.Orders {
			rows = append(rows, []string{order.Order, order.Export, cmp.Or(string(order.State), "not noticed"), order.File, order.Answer})
		}
		if err := pen.Table([]string{"ORDER", "EXPORT", "STATE", "FILE", "ANSWER"}, rows, ""); err != nil {
			return err
		}
	}
	if len(o.Trouble) == 0 {
		fmt.Fprintln(pen.Stdout, "\nNothing would go wrong.")
		return nil
	}
	fmt.Fprintln(pen.Stdout, "\nWhat would go wrong:")
	for _, t := range o.Trouble {
		times := ""
		if t.Count > 1 {
			times = fmt.Sprintf(" (%d times)", t.Count)
		}
		fmt.Fprintf(pen.Stdout, "  %s, %s%s: %s\n", t.Where, t.Code, times, show.Printable(strings.TrimSpace(t.Message)))
	}
	return nil
}
