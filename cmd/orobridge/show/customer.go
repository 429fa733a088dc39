package show

import (
	"fmt"
	"strings"

	"github.com/orobridge/orobridge/bridge/operate"
)

// Customer prints what is held of a customer.
func Customer(p *Pen, v *operate.Customer) error {
	if p.AsJSON {
		return p.PrintJSON(v)
	}
	p.PrintTrace(v.Trace)
	rows := v.Warnings
	for _, r := range v.Rejects {
		rows = append(rows, r.Reject)
	}
	for _, r := range rows {
		row := ""
		if len(r.Row) > 0 {
			row = "  " + Compact(r.Row)
		}
		fmt.Fprintf(p.Stdout, "drop %d, %s  %s: %s\n", r.Drop, r.Where(), r.Code, Printable(r.Message+row))
	}
	for _, o := range v.Orders {
		fmt.Fprintf(p.Stdout, "order %s, version %d: %s, file %s of %s\n", Printable(o.Order), o.Version, o.State, Printable(o.File), o.Export)
	}
	for _, user := range v.Users {
		fmt.Fprintf(p.Stdout, "user %s\n", Printable(user))
	}
	return nil
}

// Forgotten prints what became of a customer that was forgotten, and what stays.
func Forgotten(p *Pen, v *operate.Forgotten) error {
	if p.AsJSON {
		return p.PrintJSON(v)
	}
	fmt.Fprintf(p.Stdout, "%s is forgotten: %d records, %d steps of history, %d parked, %d rejects, %d warnings\n",
		v.Person, v.Links, v.History, v.Parked, v.Rejects, v.Warnings)
	if len(v.Users) > 0 {
		fmt.Fprintf(p.Stdout, "and with it those who buy for it: %s\n", Printable(strings.Join(v.Users, ", ")))
	}
	if len(v.Orders) > 0 {
		fmt.Fprintf(p.Stdout, "its orders stay as long as state.keep.orders says: %s\n", Printable(strings.Join(v.Orders, ", ")))
	}
	if len(v.Feeds) > 0 {
		fmt.Fprintf(p.Stdout, "files that may name it stay as long as state.keep.rows says: those of %s\n", strings.Join(v.Feeds, ", "))
	}
	return nil
}
