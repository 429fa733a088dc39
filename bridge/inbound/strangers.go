package inbound

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/orobridge/orobridge/bridge/inbound/listing"
)

// Strangers are left alone, and the ledger's notes tell of them while they are there.

const strangersPrefix = "strangers "

// StrangersOf reads the strangers of a feed's folder from a note of the ledger.
func StrangersOf(name, text string) (feed string, strangers []listing.Stranger, ok bool) {
	feed, ok = strings.CutPrefix(name, strangersPrefix)
	if ok && json.Unmarshal([]byte(text), &strangers) != nil {
		return "", nil, false
	}
	return feed, strangers, ok
}

// tellStrangers notes the files of a listing that no feed takes.
func (p *poller) tellStrangers(ctx context.Context, s *listing.Sifted) error {
	all := p.e.All
	if all == nil {
		all = p.e.Feeds
	}
	text := ""
	if strangers := s.StrangersOf(p.f, all); len(strangers) > 0 {
		b, err := json.Marshal(strangers)
		if err != nil {
			return err
		}
		text = string(b)
	}
	if told, ok := p.e.strangers.Load(p.f.Name); ok && told == text {
		return nil
	}
	err := p.e.Ledger.Note(ctx, strangersPrefix+p.f.Name, text)
	if err == nil {
		p.e.strangers.Store(p.f.Name, text)
	}
	return err
}
