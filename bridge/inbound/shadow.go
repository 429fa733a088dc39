package inbound

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/apply"
	"github.com/orobridge/orobridge/formats"
)

// A shadow plans each drop against the shop as it is and tells what would become of it; the drop ends as shadowed. Who casts
// the shadow sees to it that no end can be written to (package shadow).

// foretell ends a run that nobody carries out. A guard that would hold the drop is told, and holds nothing: nobody is there to
// approve it.
func (l *loader) foretell(ctx context.Context, stage bridge.Stage, a *apply.Applier) (verdict, error) {
	if err := a.Look(ctx); err != nil {
		return verdict{}, err
	}
	if err := l.askGuards(ctx, stage, a.Expected); err != nil {
		return verdict{}, err
	}
	if err := a.Foretell(ctx); err != nil {
		return verdict{}, err
	}
	var m mostMoved
	if err := l.e.Ledger.Changes(ctx, l.d.ID, l.run.ID, m.see); err != nil {
		return verdict{}, err
	}
	return l.foretold(ctx, m.String())
}

// foretellAnswers does it for answers to orders: which of them the shop has already shows only when they are applied.
func (l *loader) foretellAnswers(ctx context.Context, stage bridge.Stage) (verdict, error) {
	if err := l.askGuards(ctx, stage, 0); err != nil {
		return verdict{}, err
	}
	l.run.Updated = l.run.Rows - l.run.Rejected
	return l.foretold(ctx, "")
}

// askGuards keeps with the run why the drop would be held. After a crash what was found first counts.
func (l *loader) askGuards(ctx context.Context, stage bridge.Stage, expected int64) error {
	held, err := l.guard(ctx, stage, expected)
	if err != nil || held.state != bridge.Held || l.run.Reason != "" {
		return err
	}
	l.run.Reason = held.reason
	return l.saveRun(ctx, l.run, nil)
}

// foretold says in words what would have become of the drop.
func (l *loader) foretold(ctx context.Context, moved string) (verdict, error) {
	earned, err := l.verdict(ctx)
	if err != nil {
		return verdict{}, err
	}
	said := "it would be " + string(earned.state)
	if l.run.Reason != "" {
		said = "it would be held: " + l.run.Reason
	}
	var counts []string
	for _, n := range l.run.Each() {
		if n.N > 0 && n.Name != "rows" && n.Name != "verified" {
			counts = append(counts, fmt.Sprintf("%d %s", n.N, n.Name))
		}
	}
	parts := slices.DeleteFunc([]string{said, strings.Join(counts, ", "), moved}, func(text string) bool { return text == "" })
	return verdict{state: bridge.Shadowed, reason: strings.Join(parts, "; ")}, nil
}

// mostMoved is the price that a plan moves furthest, by its share.
type mostMoved struct {
	key, from, to string
	was, by       formats.Amount
}

func (m *mostMoved) see(c bridge.HistoryEntry) error {
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
			*m = mostMoved{key: c.Key, from: c.Before[i].Text, to: v.Text, was: was, by: by}
		}
	}
	return nil
}

func (m *mostMoved) String() string {
	if m.key == "" {
		return ""
	}
	return fmt.Sprintf("%s moves furthest, from %s to %s", m.key, m.from, m.to)
}
