package show

import (
	"fmt"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

// PrintAudit lists entries of the audit.
func (p *Pen) PrintAudit(all []*bridge.AuditEntry) error {
	if p.AsJSON {
		return p.PrintJSON(all)
	}
	rows := make([][]string, len(all))
	for i, e := range all {
		what := string(e.Kind)
		if e.What != "" {
			what += ": " + e.What
		}
		rows[i] = []string{Decimal(e.N), Moment(&e.At), e.Who, e.From, what, e.About, e.Why}
	}
	return p.Table([]string{"N", "AT", "WHO", "FROM", "WHAT", "ABOUT", "WHY"}, rows, "nobody has decided or looked at anything yet")
}

// PrintAuditCheck says whether the audit is whole.
func (p *Pen) PrintAuditCheck(v *operate.AuditCheck) error {
	if p.AsJSON {
		return p.PrintJSON(v)
	}
	for _, fault := range v.Faults {
		fmt.Fprintln(p.Stdout, Printable(fault))
	}
	if len(v.Faults) > 0 {
		return nil
	}
	line := fmt.Sprintf("%d entries, each as it was entered", v.Entries)
	if v.Copied > 0 {
		line += fmt.Sprintf("; %d of them stand in the copy", v.Copied)
	}
	if v.Head != "" {
		line += "; the last hash is " + v.Head
	}
	_, err := fmt.Fprintln(p.Stdout, line)
	return err
}

// PrintTokens lists tokens; none of them is told itself.
func (p *Pen) PrintTokens(tokens []*operate.Token) error {
	if p.AsJSON {
		return p.PrintJSON(tokens)
	}
	rows := make([][]string, len(tokens))
	for i, t := range tokens {
		rows[i] = []string{t.Name, t.Role, strings.Join(t.Shops, " "), t.State, Moment(t.Made), t.By, Moment(t.Expires)}
	}
	return p.Table([]string{"NAME", "ROLE", "SHOPS", "STATE", "MADE", "BY", "EXPIRES"}, rows, "no program may come in")
}
