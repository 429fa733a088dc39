package show

import (
	"fmt"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate/checkup"
)

// PrintFinding prints what a check has found.
func (p *Pen) PrintFinding(f *bridge.Finding) {
	sign := "ok  "
	if !f.OK {
		sign = "FAIL"
	}
	fmt.Fprintf(p.Stdout, "  %s  %s: %s\n", sign, Printable(f.What), Printable(f.Detail))
	if f.Hint != "" {
		fmt.Fprintf(p.Stdout, "        hint: %s\n", Printable(f.Hint))
	}
}

// PrintChecked prints how many checks have failed.
func (p *Pen) PrintChecked(all checkup.Findings) error {
	if p.AsJSON {
		if err := p.PrintJSON(all); err != nil {
			return err
		}
	}
	failed := all.Failed()
	if failed == 0 {
		fmt.Fprintf(p.Stderr, "all %d checks passed\n", len(all))
		return nil
	}
	fmt.Fprintf(p.Stderr, "%d of %d checks failed\n", failed, len(all))
	return nil
}
