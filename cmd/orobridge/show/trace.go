package show

import (
	"fmt"
	"strings"

	"github.com/orobridge/orobridge/bridge/operate"
)

// PrintTrace prints what is known of a key, and what has happened to it.
func (p *Pen) PrintTrace(v *operate.Trace) {
	fmt.Fprintln(p.Stdout, strings.TrimSpace(v.Entity+" "+Printable(v.Key)+"  "+v.Shop))
	if v.OroID != "" {
		fmt.Fprintf(p.Stdout, "  in the shop  id %s\n", Printable(v.OroID))
		fmt.Fprintf(p.Stdout, "  set by       drop %d, line %d, run %d, %s\n", v.Drop, v.Line, v.Run, Moment(v.At))
		fmt.Fprintf(p.Stdout, "  content      %s\n", Printable(Compact(v.Content)))
	}
	if v.Parked != nil {
		fmt.Fprintf(p.Stdout, "  parked       drop %d, line %d waits for %s\n", v.Parked.Drop, v.Parked.Line, Printable(v.Parked.WaitsFor))
	}
	for _, e := range v.History {
		fmt.Fprintf(p.Stdout, "%s  %-9s drop %d, line %d, run %d  %s\n", Moment(e.At), e.Fate, e.Drop, e.Line, e.Run,
			Printable(Compact(e.Sent)+" "+e.Detail))
	}
}
