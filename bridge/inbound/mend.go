package inbound

import (
	"context"
	"fmt"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/plan"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
)

// A reject is open until a later run says something of its row: the run loads it, rejects it again, or is that of a full
// file that says everything and does not say this. This file finds that out once a run has given every row its fate and
// before that is recorded, so that a run which was cut short does it again. It costs what there are open rejects with a key.

// AckRejects takes note of the open rejects of a drop, or of one reject: somebody knows of them and leaves them as they are.
func (e *Engine) AckRejects(ctx context.Context, f bridge.RejectFilter, d *bridge.Drop, by bridge.Decision) (int64, error) {
	what := "rejects acknowledged"
	if len(f.IDs) == 1 {
		what = fmt.Sprintf("reject %d acknowledged", f.IDs[0])
	}
	j := journal{e}
	event := j.decision(d, by, what)
	n, err := e.Ledger.EndRejects(ctx, f, bridge.RejectAcknowledged, bridge.RejectEnd{At: e.Clock.Now(), Decision: by}, event)
	return n, j.told(err, event)
}

// mender brings open rejects of earlier runs to the end that a run has for them.
type mender struct {
	*loader
	p     *plan.Planner      // nil for a run that was planned by nobody: all that it says stands in the ledger
	keys  map[string]bool    // that the run itself has rejected
	spots map[rows.Spot]bool // where it has
}

func (l *loader) mend(ctx context.Context, p *plan.Planner) error {
	m := &mender{loader: l, p: p}
	open := bridge.RejectFilter{Entity: l.f.Entity.Name, Before: l.run.ID, Open: true, Bare: true}
	// What has no key is known by its place in the same file, or as a part of all that the feed says.
	if open.Keyed = !m.saysAll(); open.Keyed && m.repeats() {
		own := open
		own.Keyed, own.Drop = false, l.d.ID
		if err := m.walk(ctx, own); err != nil {
			return err
		}
	}
	return m.walk(ctx, open)
}

// repeats tells a run of rows that an earlier run of the drop has read.
func (m *mender) repeats() bool { return m.run.Kind == bridge.ReRun || m.run.Kind == bridge.RetryRun }

// walk ends those of the rejects of a filter that the run says something of, page by page.
func (m *mender) walk(ctx context.Context, f bridge.RejectFilter) error {
	var page []bridge.RejectRow
	err := m.e.Ledger.Rejects(ctx, f, func(r bridge.RejectRow) error {
		if page = append(page, r); len(page) < pageRows {
			return nil
		}
		defer func() { page = page[:0] }()
		return m.page(ctx, page)
	})
	if err != nil || len(page) == 0 {
		return err
	}
	return m.page(ctx, page)
}

// page ends those of some rejects that the run says something of.
func (m *mender) page(ctx context.Context, page []bridge.RejectRow) error {
	if m.keys == nil {
		if err := m.readOwn(ctx); err != nil {
			return err
		}
	}
	var keys []string
	for _, r := range page {
		if r.Key != "" {
			keys = append(keys, r.Key)
		}
	}
	fates, err := m.e.Ledger.Settled(ctx, m.f.Entity.Name, m.run.ID, keys)
	if err != nil {
		return err
	}
	said, err := m.unchanged(ctx, slices.DeleteFunc(keys, func(key string) bool { return fates[key] != "" }))
	if err != nil {
		return err
	}
	ends := map[bridge.RejectState][]int64{}
	for _, r := range page {
		if newer, err := m.newer(ctx, r.Drop); err != nil {
			return err
		} else if newer {
			continue
		}
		if state := m.after(r, fates[r.Key], said[r.Key]); state != bridge.RejectOpen {
			ends[state] = append(ends[state], r.ID)
		}
	}
	for state, ids := range ends {
		_, err := m.e.Ledger.EndRejects(ctx, bridge.RejectFilter{IDs: ids}, state, bridge.RejectEnd{At: m.e.Clock.Now(), Run: m.run.ID})
		if err != nil {
			return err
		}
	}
	return nil
}

// readOwn reads what the run itself has rejected.
func (m *mender) readOwn(ctx context.Context) error {
	m.keys, m.spots = map[string]bool{}, map[rows.Spot]bool{}
	return m.e.Ledger.Rejects(ctx, bridge.RejectFilter{Run: m.run.ID, Bare: true}, func(r bridge.RejectRow) error {
		if m.spots[rows.SpotOf(r.Pos)] = true; r.Key != "" {
			m.keys[r.Key] = true
		}
		return nil
	})
}

// unchanged tells those of some keys without a fate that the drop has rows of: these needed nothing.
func (m *mender) unchanged(ctx context.Context, keys []string) (map[string]bool, error) {
	said := map[string]bool{}
	if m.p == nil || m.run.Kind == bridge.ParkedRun {
		return said, nil
	}
	linked, err := m.p.Linked(ctx, keys)
	for _, key := range linked {
		said[key] = true
	}
	return said, err
}

// newer says that a drop stands behind that of the run in the feed's order: nothing older says anything of its rows.
func (m *mender) newer(ctx context.Context, drop int64) (bool, error) {
	if m.p == nil || drop == m.run.Drop {
		return false, nil
	}
	return m.p.Later(ctx, drop)
}

// after is the state of an earlier reject after the run.
func (m *mender) after(r bridge.RejectRow, fate bridge.RowFate, unchanged bool) bridge.RejectState {
	again := r.Drop == m.run.Drop && m.repeats()
	switch {
	case r.Key != "" && (m.keys[r.Key] || fate == bridge.FateRejected), again && m.spots[rows.SpotOf(r.Pos)]:
		return bridge.RejectRepeated
	case fate == bridge.FateParked:
		return bridge.RejectOpen
	case fate != "", unchanged, again:
		return bridge.RejectMended
	case m.saysAll():
		return bridge.RejectExpired
	}
	return bridge.RejectOpen
}

// saysAll tells a run of a full file in which every row could be read: what it does not say, the sender says no more.
func (m *mender) saysAll() bool {
	first := m.run.Kind.Whole()
	return m.p != nil && first && m.f.Mode == "full" && len(plan.ScopeFields(m.f)) == 0 && m.run.Rows > 0 && m.p.Nameless() == 0 &&
		!m.d.Correction
}
