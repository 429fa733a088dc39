package show

import (
	"fmt"

	"github.com/orobridge/orobridge/bridge/operate"
)

func noRejects(all bool) string {
	if all {
		return "no rejects"
	}
	return "no open rejects"
}

// PrintCauses lists rejects by their cause.
func (p *Pen) PrintCauses(causes []operate.Cause, all bool) error {
	rows := make([][]string, len(causes))
	for i, c := range causes {
		x := &c.Example
		rows[i] = []string{Decimal(c.Rows), Decimal(int64(c.Drops)), c.Entity, c.Code, c.Cause, fmt.Sprintf("drop %d, %s", x.Drop,
			x.Where()), x.Key}
	}
	return p.Table([]string{"ROWS", "DROPS", "ENTITY", "CODE", "CAUSE", "NEWEST", "KEY"}, rows, noRejects(all))
}

// PrintRejects lists rejects.
func (p *Pen) PrintRejects(rejects []operate.KeptReject, all bool) error {
	if p.AsJSON {
		return p.PrintJSON(rejects)
	}
	rows := make([][]string, len(rejects))
	for i := range rejects {
		r := &rejects[i]
		rows[i] = []string{Decimal(r.ID), Decimal(r.Drop), r.Where(), endOf(r), r.Key, r.Field, r.Code, r.Message, Compact(r.Row)}
	}
	return p.Table([]string{"REJECT", "DROP", "WHERE", "STATE", "KEY", "FIELD", "CODE", "MESSAGE", "ROW"}, rows, noRejects(all))
}

// endOf is a reject's state, and who or what ended it.
func endOf(r *operate.KeptReject) string {
	switch {
	case r.ByDrop != 0:
		return fmt.Sprintf("%s by drop %d", r.State, r.ByDrop)
	case r.Who != "":
		return fmt.Sprintf("%s by %s", r.State, r.Who)
	}
	return string(r.State)
}
