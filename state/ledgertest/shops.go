package ledgertest

import (
	"context"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// in is the same world, seen by the engines of a shop.
func in(w *world, shop string) *world { return &world{T: w.T, Ledger: w.Shop(shop), place: w.place} }

// fill enters of each kind of thing that has a key, under the same keys in each shop.
func fill(w *world, feed, name string) {
	w.Helper()
	drop, run := w.run(bridge.Drop{Feed: feed, Name: name + ".csv"})
	entry := func(entity, key string, fate bridge.RowFate) bridge.HistoryEntry {
		return bridge.HistoryEntry{Entity: entity, Key: key, Drop: drop.ID, Run: run.ID, Fate: fate, Sent: values("name", name), At: at}
	}
	w.must(w.Settle(w.Context(), 0, []bridge.Settlement{
		{HistoryEntry: entry("products", "A", bridge.FateCreated), Link: &bridge.Link{Entity: "products", Key: "A", OroID: name,
			Content: values("name", name), Feed: feed, Drop: drop.ID, Run: run.ID, At: at}},
		{HistoryEntry: entry("products", "gone", bridge.FateRemoved), Forget: true},
		{HistoryEntry: entry("products", "bad", bridge.FateRejected), Reject: &bridge.RejectRow{Drop: drop.ID, Run: run.ID, Entity: "products",
			Reject: formats.Reject{Key: "bad", Code: "shop", Message: name}}},
		{HistoryEntry: entry("products", "waits", bridge.FateParked), Park: &bridge.ParkedRow{Entity: "products", Key: "waits", Feed: feed,
			Drop: drop.ID, Run: run.ID, Missing: bridge.Missing{Entity: "customers", Key: "M"}, Since: at}},
	}))
}

// told is all that a shop's engines are told of its keys, in words.
func told(w *world) map[string]any {
	w.Helper()
	ctx := w.Context()
	all := map[string]any{}
	if k := w.linked("products", "A"); k != nil {
		all["link"] = k.OroID + k.Entity
	}
	all["known"] = w.ref("products", "A").ID != 0
	all["ids"] = got(w.OroIDs(ctx, "products", []string{"A"}))(w)["A"]
	all["history"] = each(got(w.History(ctx, "products", "A"))(w), func(e bridge.HistoryEntry) string { return e.Entity + e.Sent[0].Text })
	all["removed"] = len(got(w.RemovedBy(ctx, "products", []string{"gone"}))(w))
	all["parked"] = got(w.CountParked(ctx, "products"))(w)
	all["waits"] = each(walked(w, func(f func(bridge.ParkedRow) error) error { return w.Ledger.Parked(ctx, "", time.Time{}, f) }),
		func(p bridge.ParkedRow) string { return p.Entity + p.Feed + p.Missing.Entity })
	all["rejects"] = each(walked(w, func(f func(bridge.RejectRow) error) error {
		return w.Ledger.Rejects(ctx, bridge.RejectFilter{Entity: "products", Open: true}, f)
	}), func(r bridge.RejectRow) string { return r.Entity + r.Message })
	all["keys"] = got(w.KeysOf(ctx, "A", 10))(w)
	return all
}

// toldOf is what [told] is of a shop that was filled.
func toldOf(feed, name, shop string) map[string]any {
	return map[string]any{"link": name + "products", "known": true, "ids": name, "history": []string{"products" + name}, "removed": 1,
		"parked": int64(1), "waits": []string{"products" + feed + "customers"}, "rejects": []string{"products" + name},
		"keys": []bridge.EntityKey{{Shop: shop, Entity: "products", Key: "A"}}}
}

var shops = []test{
	{"each shop has its own keys", func(w *world) {
		b2b, outlet := in(w, "b2b"), in(w, "outlet")
		fill(b2b, "f1", "one")
		fill(outlet, "f2", "two")
		fill(w, "f3", "three")
		w.is(toldOf("f1", "one", "b2b"), told(b2b))
		w.is(toldOf("f2", "two", "outlet"), told(outlet))
		w.is(toldOf("f3", "three", bridge.MainShop), told(in(w, bridge.MainShop)))
		w.again()
		w.is(toldOf("f1", "one", "b2b"), told(in(w, "b2b")))
	}},
	{"the ledger itself lists what all shops have, and main's keys are its own", func(w *world) {
		fill(in(w, "b2b"), "f1", "one")
		fill(w, "f2", "two")
		all := told(w)
		w.is("twoproducts", all["link"])
		w.is(int64(2), all["parked"])
		w.is([]string{"productsf1customers", "productsf2customers"}, all["waits"])
		w.is([]string{"productsone", "productstwo"}, all["rejects"])
		w.is([]bridge.EntityKey{{Shop: bridge.MainShop, Entity: "products", Key: "A"}, {Shop: "b2b", Entity: "products", Key: "A"}}, all["keys"])
		w.is(map[string]any{"link": "twoproducts"}, map[string]any{"link": told(in(w, bridge.MainShop))["link"]})
	}},
	{"what is done to a key of one shop is nothing to another's", func(w *world) {
		for name, harm := range map[string]func(ctx context.Context, l Ledger) error{
			"Forget": func(ctx context.Context, l Ledger) error { return l.Forget(ctx, "products", []string{"A"}) },
			"Unpark": func(ctx context.Context, l Ledger) error { return second(l.Unpark(ctx, "products", []string{"waits"})) },
			"Erase":  func(ctx context.Context, l Ledger) error { return second(l.Erase(ctx, "products", "A", nil)) },
			"EndRejects": func(ctx context.Context, l Ledger) error {
				f := bridge.RejectFilter{Entity: "products", Keys: []string{"bad"}}
				return second(l.EndRejects(ctx, f, bridge.RejectMended, bridge.RejectEnd{At: at}))
			},
		} {
			b2b, outlet := in(w, "b2b_"+name), in(w, "outlet_"+name)
			fill(b2b, "f1"+name, "one")
			fill(outlet, "f2"+name, "two")
			w.must(harm(w.Context(), b2b.Ledger))
			w.is(toldOf("f2"+name, "two", "outlet_"+name), told(outlet))
			w.is(false, cmp.Equal(toldOf("f1"+name, "one", "b2b_"+name), told(b2b)))
		}
	}},
	{"a parent in one shop is none in another", func(w *world) {
		b2b, outlet := in(w, "b2b"), in(w, "outlet")
		fill(b2b, "f1", "one")
		fill(outlet, "f2", "two")
		outlet.link("customers", "M")
		due := func(w *world, feed string) int {
			return len(walked(w, func(f func(bridge.ParkedRow) error) error {
				return w.Ledger.Parked(w.Context(), feed, at.Add(-time.Hour), f)
			}))
		}
		w.is([]int{0, 1}, []int{due(b2b, "f1"), due(outlet, "f2")})
	}},
}
