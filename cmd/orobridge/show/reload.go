package show

import (
	"fmt"
	"io"

	"github.com/orobridge/orobridge/bridge"
)

// A Reload tells what bridges say of a config that they were to read again.
type Reload struct {
	To      io.Writer
	Refused bool // one of them goes on by the one before
}

// Say tells what one of them says.
func (r *Reload) Say(e *bridge.Event) {
	text := e.Text
	if name := bridge.ReloadedBy(e.Work); name != "" {
		text = Printable(name) + ": " + text
	}
	if e.Kind == bridge.WorkResumed {
		fmt.Fprintln(r.To, text)
		return
	}
	r.Refused = true
	Say(r.To, "error", text, e.Hint)
}
