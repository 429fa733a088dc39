package ledgertest

import (
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// ofKey is all that the ledger holds of a key of products.
func ofKey(w *world, key string) (links, history, rejects, warnings, parked int) {
	w.Helper()
	known := got(w.Links(w.Context(), "products", []string{key}))(w)
	refs := make([]bridge.LinkRef, 1)
	w.must(w.Lookup(w.Context(), "products", []string{key}, refs))
	if links = len(known); refs[0].ID != 0 {
		links++
	}
	for _, d := range got(w.Drops(w.Context(), bridge.DropFilter{}))(w) {
		for _, x := range w.warned(d.ID) {
			if x.Key == key {
				warnings++
			}
		}
	}
	c := w.everything()
	for _, p := range c.Parked {
		if p.Key == key && p.Entity == "products" {
			parked++
		}
	}
	return links, len(got(w.History(w.Context(), "products", key))(w)),
		len(w.rejected(bridge.RejectFilter{Keys: []string{key}})), warnings, parked
}

var persons = []test{
	{"a key is erased with all that was rejected or warned of it, and no other is", func(w *world) {
		d, r := w.run(bridge.Drop{})
		_, other := w.run(bridge.Drop{Feed: "prices"})
		for _, key := range []string{"A", "B"} {
			w.link("products", key)
			w.must(w.Settle(w.Context(), 0, []bridge.Settlement{fated(r, key, bridge.FateUpdated)}))
			w.must(w.RejectRows(w.Context(), []bridge.RejectRow{rejectOf(r, key, formats.Position{Line: 2})}))
			w.must(w.KeepWarnings(w.Context(), []bridge.WarningRow{warningOf(r, key)}))
			waits := parkedOf(d, key, "X", at)
			waits.Entity, waits.Park.Entity = "products", "products"
			w.must(w.Settle(w.Context(), 0, []bridge.Settlement{waits}))
		}
		w.link("prices", "A")
		elsewhere := rejectOf(other, "A", formats.Position{Line: 2})
		elsewhere.Entity = "prices"
		w.must(w.RejectRows(w.Context(), []bridge.RejectRow{elsewhere}))
		links, history, rejects, warnings, parked := ofKey(w, "A")
		n := got(w.Erase(w.Context(), "products", "A", []string{"products", "nothing"}))(w)
		want := bridge.Forgotten{Links: 1, History: int64(history), Rejects: int64(rejects - 1), Warnings: int64(warnings), Parked: int64(parked)}
		w.is(want, n)
		w.is([]int{2, 2, 1, 1}, []int{links, rejects, warnings, parked})
		w.again()
		links, history, rejects, warnings, parked = ofKey(w, "A")
		w.is([]int{0, 0, 1, 0, 0}, []int{links, history, rejects, warnings, parked})
		links, _, rejects, warnings, parked = ofKey(w, "B")
		w.is([]int{2, 1, 1, 1}, []int{links, rejects, warnings, parked})
		if len(got(w.Links(w.Context(), "prices", []string{"A"}))(w)) != 1 {
			w.Error("another entity's key of that text is gone")
		}
		n = got(w.Erase(w.Context(), "products", "A", []string{"products"}))(w)
		w.is(bridge.Forgotten{}, n)
	}},
	{"a ledger that was put back believes no link, and knows what the shop had given numbers to", func(w *world) {
		for _, id := range []string{"9", "10", "8f3c-1", ""} {
			step := bridge.HistoryEntry{Entity: "products", Key: "K" + id, Fate: bridge.FateCreated, At: at}
			w.must(w.Settle(w.Context(), 0, []bridge.Settlement{{HistoryEntry: step,
				Link: &bridge.Link{Entity: "products", Key: "K" + id, OroID: id, Content: values("name", id), Feed: "p", At: at}}}))
		}
		w.link("prices", "X") // whose ids are no numbers
		for life := int64(2); life < 4; life++ {
			w.must(w.Renew(w.Context(), life, at, "it was put back"))
		}
		w.again()
		refs := make([]bridge.LinkRef, 1)
		w.must(w.Lookup(w.Context(), "products", []string{"K9"}, refs))
		w.is(true, refs[0].Doubtful())
		notes := got(w.Notes(w.Context()))(w)
		w.is([]bool{true, true, false, false, false}, []bool{bridge.Renewed(notes).Equal(at), bridge.MadeSince(notes, "products", "11"),
			bridge.MadeSince(notes, "products", "10"), bridge.MadeSince(notes, "products", "9f"), bridge.MadeSince(notes, "prices", "11")})
	}},
	{"keys are found by what stands in a field of theirs, whether they were loaded or wait", func(w *world) {
		d, _ := w.run(bridge.Drop{})
		w.link("products", "B", "A", "C")
		w.link("prices", "X")
		waits := parkedOf(d, "D", "X", at)
		waits.Entity, waits.Park.Entity, waits.Park.Record = "products", "products", values("name", "A")
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{waits}))
		w.again()
		w.is([]string{"A", "D"}, got(w.Naming(w.Context(), "products", "name", "A"))(w))
		w.is([]string{"X"}, got(w.Naming(w.Context(), "prices", "name", "X"))(w))
		for _, other := range [][2]string{{"name", "a"}, {"name", ""}, {"nam", "A"}, {"attr.x", "A"}} {
			w.is([]string{}, got(w.Naming(w.Context(), "products", other[0], other[1]))(w))
		}
	}},
	{"a customer's orders are found by its number, and nothing says whose they are", func(w *world) {
		his, others, nobodys := entryOf("1"), entryOf("2"), entryOf("3")
		his.Customer, others.Customer = "4711", "4712"
		w.owe(&bridge.Intake{Orders: []*bridge.Entry{his, others, nobodys}, Files: []*bridge.NewFile{fileOf(1, his)}})
		word := w.Pseudonym("4711")
		w.again()
		w.is([]string{"ORD-1"}, each(w.owed(bridge.OutboxFilter{Customer: "4711"}), func(o *bridge.Owed) string { return o.Order }))
		w.is(0, len(w.owed(bridge.OutboxFilter{Customer: "471"})))
		if again := w.Pseudonym("4711"); again != word || word == "" || strings.Contains(word, "4711") || word == w.Pseudonym("4712") {
			w.Errorf("it is called %q and %q", word, again)
		}
		w.is("", w.Pseudonym(""))
	}},
}
