package bridge

// A Decision is who decides something, and why. When it was taken, and about what, stands in the event that tells of it:
// the journal keeps decisions for as long as it is kept itself.
type Decision struct {
	Who  string // an account and its machine, the login of a page, or "token NAME"
	From string // an IP address, or [CommandLine]
	Why  string // in that one's words; empty when nothing was said
}

// A Verdict is what a decision makes of a drop that is held or waits; decisions about other things have none.
type Verdict string

// The verdicts.
const (
	VerdictApproved Verdict = "approved"
	VerdictPartly   Verdict = "approved in part" // the feed asks for somebody else's approval besides
	VerdictDiscard  Verdict = "discarded"
)

// CommandLine is where those are who decide by a verb, on the bridge's machine.
const CommandLine = "command line"

// On has an event tell the decision.
func (d Decision) On(e *Event) *Event {
	e.Who, e.From, e.Why = d.Who, d.From, d.Why
	return e
}
