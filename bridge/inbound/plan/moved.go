package plan

import (
	"fmt"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// MostMoved is the price that a plan moves furthest, by its share.
type MostMoved struct {
	key, from, to string
	was, by       formats.Amount
}

// See takes a change into account.
func (m *MostMoved) See(c bridge.HistoryEntry) error {
	for i, v := range c.Sent {
		if v.Field != "value" || i >= len(c.Before) || c.Fate != bridge.FateUpdated {
			continue
		}
		was, err := formats.ParseAmount(c.Before[i].Text, formats.Conventions{})
		is, isErr := formats.ParseAmount(v.Text, formats.Conventions{})
		if err != nil || isErr != nil || was.IsZero() {
			continue // one of them is empty: the price comes or goes
		}
		by := is.Sub(was)
		if by.Cmp(formats.Amount{}) < 0 {
			by = by.Neg()
		}
		if m.key == "" || by.Mul(m.was).Cmp(m.by.Mul(was)) > 0 {
			*m = MostMoved{key: c.Key, from: c.Before[i].Text, to: v.Text, was: was, by: by}
		}
	}
	return nil
}

// String says it in words; nothing when no price moves.
func (m *MostMoved) String() string {
	if m.key == "" {
		return ""
	}
	return fmt.Sprintf("%s moves furthest, from %s to %s", m.key, m.from, m.to)
}
