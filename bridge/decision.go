package bridge

// A Decision is who decides something, and why. When it was taken, and about what, stands in the event that tells of it:
// the journal keeps decisions for as long as it is kept itself.
type Decision struct {
	Who string // an account and its machine, or the login of a page
	Why string // in that one's words; empty when nothing was said
}

// On has an event tell the decision.
func (d Decision) On(e *Event) *Event {
	e.Who, e.Why = d.Who, d.Why
	return e
}
