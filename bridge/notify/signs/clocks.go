package signs

import (
	"fmt"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// A Clock is that of a server beside the shop's.
type Clock struct {
	Of    string // the pieces of work that need the server
	Whose string // "the server of remote sap"
	Ahead time.Duration
}

// clocks are the signs of servers whose clocks differ from this machine's: what they say of files' times is wrong.
func (w *Watcher) clocks() []Sign {
	if w.Clocks == nil {
		return nil
	}
	var signs []Sign
	for _, c := range w.Clocks() {
		word, by := "ahead of", c.Ahead
		if by < 0 {
			word, by = "behind", -by
		}
		if by > w.Limits.Clock.D() {
			signs = append(signs, of(c.Of, bridge.AlarmClock, 1, fmt.Sprintf("the clock of %s is %s %s this machine's", c.Whose, by, word)))
		}
	}
	return signs
}
