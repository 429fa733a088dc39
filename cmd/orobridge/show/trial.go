package show

import "fmt"

// Trial is what an expression makes of a row.
type Trial struct {
	Expression string            `json:"expression"`
	Where      string            `json:"where,omitempty"`
	Reads      map[string]string `json:"reads"` // the columns that it reads, as the row has them
	Result     string            `json:"result"`
	Error      string            `json:"error,omitempty"`
}

// PrintTrial prints what came out.
func (p *Pen) PrintTrial(t *Trial) error {
	switch {
	case p.AsJSON:
		return p.PrintJSON(t)
	case t.Error != "":
		Say(p.Stderr, "error", Printable(t.Error), "a row like this one would be a reject")
	default:
		if t.Where != "" {
			fmt.Fprintf(p.Stderr, "%s: %s\n", t.Where, Printable(Compact(t.Reads)))
		}
		fmt.Fprintln(p.Stdout, Printable(t.Result))
	}
	return nil
}
