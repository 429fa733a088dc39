package plan

import (
	"context"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
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

// FarMoved counts the prices that a plan moves by more than the limit, up or down. A price that was 0 moves without bound.
func FarMoved(ctx context.Context, stage bridge.Stage, by config.Limit) (n int64, err error) {
	for after := int64(0); ; {
		page, err := stage.Next(ctx, bridge.Decided, after, chunkRows)
		if err != nil || len(page) == 0 {
			return n, err
		}
		after = page[len(page)-1].Seq
		for _, c := range page {
			if c.Op != bridge.Update {
				continue
			}
			far, err := movedFar(c, by)
			if err != nil {
				return n, err
			}
			if far {
				n++
			}
		}
	}
}

func movedFar(c *bridge.Staged, by config.Limit) (bool, error) {
	for i, v := range c.Values {
		if v.Field != "value" || i >= len(c.Old) || c.Old[i].Text == "" || v.Text == "" {
			continue
		}
		was, err := formats.ParseAmount(c.Old[i].Text, formats.Conventions{})
		if err != nil {
			return false, fmt.Errorf("old price of %s: %w", c.Key, err)
		}
		is, err := formats.ParseAmount(v.Text, formats.Conventions{})
		if err != nil {
			return false, fmt.Errorf("new price of %s: %w", c.Key, err)
		}
		return by.ExceededBy(was, is)
	}
	return false, nil
}
