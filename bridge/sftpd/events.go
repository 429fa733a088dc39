package sftpd

import (
	"net/netip"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// What partners do, and are refused, is told as events with a visit. Paths are the remote's: /sap/out/products/p.csv. Nothing
// is counted or left out here: whoever keeps a journal sees to it that strangers don't fill it.

// tell hands an event on.
func (r *Remote) tell(e bridge.Event, v bridge.Visit) {
	if e.At.IsZero() {
		e.At = time.Now()
	}
	e.At = e.At.UTC()
	v.Remote = r.name
	e.Visit = &v
	r.observe(&e)
}

// refuseStranger tells that somebody was refused before there was a session, under the name that was tried.
func (s *server) refuseStranger(address netip.Addr, user, text string) {
	s.Remote.tell(bridge.Event{Kind: bridge.PartnerRefused, Text: text},
		bridge.Visit{User: user, Address: address.String(), Known: s.accounts[user] != nil || s.expects(address)})
}

// tell hands on an event of this session.
func (c *connection) tell(e bridge.Event, v bridge.Visit) {
	v.Session, v.User, v.Address = c.id, c.account.Name, c.address.String()
	c.Remote.tell(e, v)
}

// refuse tells what the partner was refused.
func (c *connection) refuse(p, text string) {
	c.tell(bridge.Event{Kind: bridge.PartnerRefused, File: p, Text: text}, bridge.Visit{})
}
