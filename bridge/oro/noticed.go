package oro

import (
	"net/http"
	"sync/atomic"
	"time"
)

// Noticed is what the shop's answers show in passing.
type Noticed struct {
	Certificate time.Time     // when the one of its server ends; zero over plain HTTP, and before the first answer
	Ahead       time.Duration // how far its clock is ahead of this machine's, by the Date of its answers (RFC 9110, section 6.6.1)
}

// noticing keeps what the last answer showed.
type noticing struct{ last atomic.Pointer[Noticed] }

// see takes an answer that was asked for at a time and came at another: its Date lies between them where clocks agree, whole
// seconds and the way aside.
func (n *noticing) see(resp *http.Response, asked, came time.Time) {
	var seen Noticed
	if t := resp.TLS; t != nil && len(t.PeerCertificates) > 0 {
		seen.Certificate = t.PeerCertificates[0].NotAfter.UTC()
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		switch {
		case date.Add(time.Second).Before(asked):
			seen.Ahead = date.Add(time.Second).Sub(asked)
		case date.After(came):
			seen.Ahead = date.Sub(came)
		}
	}
	n.last.Store(&seen)
}

// Noticed tells what the last answer has shown.
func (c *api) Noticed() Noticed {
	if seen := c.wire.noticing.last.Load(); seen != nil {
		return *seen
	}
	return Noticed{}
}
