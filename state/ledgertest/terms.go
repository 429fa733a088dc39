package ledgertest

import (
	"context"

	"github.com/orobridge/orobridge/bridge"
)

// taken takes a work up, as one who had it in a term.
func taken(w *world, l Ledger, work string, last bridge.Term) bridge.Term {
	w.Helper()
	t, err := l.TakeUp(w.Context(), work, last)
	w.must(err)
	return t
}

var terms = []test{
	{"a term goes on until another worker takes the work up", func(w *world) {
		other := w.beside()
		first := taken(w, w.Ledger, "load products", bridge.Term{})
		w.is(first, taken(w, w.Ledger, "load products", first))
		w.must(other.Holds(w.Context(), first))
		second := taken(w, other, "load products", bridge.Term{})
		if second.Number <= first.Number || second.Worker == first.Worker {
			w.Errorf("%+v, after %+v", second, first)
		}
		w.wraps(w.Holds(w.Context(), first), bridge.ErrTakenUp)
		w.wraps(w.Confirm(w.Context(), first), bridge.ErrTakenUp)
		w.must(w.Holds(w.Context(), second))
		w.must(w.Confirm(w.Context(), second))
		third := taken(w, w.Ledger, "load products", first)
		w.wraps(other.Holds(w.Context(), second), bridge.ErrTakenUp)
		w.is(third.Worker, first.Worker)

		elsewhere := taken(w, other, "load prices", bridge.Term{})
		w.must(w.Holds(w.Context(), elsewhere))
		w.must(w.Holds(w.Context(), third))
		w.wraps(w.Holds(w.Context(), bridge.Term{Work: "poll prices", Number: 1}), bridge.ErrTakenUp)
		w.again()
		w.must(w.Holds(w.Context(), third))
	}},
	{"nothing is written within a term that is over, whatever it is", func(w *world) {
		m := w.midst()
		other := w.beside()
		before := w.everything()
		over := taken(w, w.Ledger, "load products", bridge.Term{})
		latest := taken(w, other, "load products", bridge.Term{})
		late := bridge.InTerm(w.Context(), over, w.Ledger)
		for name, do := range w.changes(m) {
			event := &bridge.Event{At: at, Kind: bridge.Noted, Text: name}
			err := do(late, w.Ledger, event)
			w.wraps(err, bridge.ErrTakenUp)
			if fate := bridge.FateOf(err); fate != bridge.Stop || event.ID != 0 {
				w.Errorf("%s: fate %d, event %d", name, fate, event.ID)
			}
		}
		_, err := w.TakeUp(late, "finish products", bridge.Term{})
		w.wraps(err, bridge.ErrTakenUp)
		w.wraps(bridge.StillMine(late), bridge.ErrTakenUp)
		w.wraps(bridge.Confirmed(late), bridge.ErrTakenUp)
		w.is(before, w.everything())

		within := bridge.InTerm(w.Context(), latest, other)
		w.must(bridge.StillMine(within))
		w.must(bridge.Confirmed(within))
		w.must(bridge.StillMine(w.Context()))
		w.must(other.Note(within, "noted", "in time"))
		w.must(w.Note(w.Context(), "decided", "by a person"))
		notes := got(w.Notes(w.Context()))(w)
		w.is([]string{"in time", "by a person"}, []string{notes["noted"], notes["decided"]})
	}},
	{"whoever reads takes nothing up, and a term is begun whole or not at all", func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		cancel()
		_, err := w.TakeUp(ctx, "load products", bridge.Term{})
		w.wraps(err, context.Canceled)
		w.is(int64(1), taken(w, w.Ledger, "load products", bridge.Term{}).Number)
	}},
}
