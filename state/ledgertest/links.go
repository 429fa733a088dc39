package ledgertest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// save commits a link as it stands.
func (w *world) save(k *bridge.Link) {
	w.Helper()
	w.must(w.Settle(w.Context(), 0,
		[]bridge.Settlement{{HistoryEntry: bridge.HistoryEntry{Entity: k.Entity, Key: k.Key, Fate: bridge.FateUpdated}, Link: k}}))
}

// linked reads the link of a key; nil if there is none.
func (w *world) linked(entity, key string) *bridge.Link {
	w.Helper()
	got, err := w.Links(w.Context(), entity, []string{key})
	w.must(err)
	return got[key]
}

// ref is the short form of a link.
func (w *world) ref(entity, key string) bridge.LinkRef {
	w.Helper()
	refs := []bridge.LinkRef{{ID: 99, Fingerprint: 99}}
	w.must(w.Lookup(w.Context(), entity, []string{key}, refs))
	return refs[0]
}

var links = []test{
	{"a link comes back as it was saved, with its origins", func(w *world) {
		k := &bridge.Link{Entity: "products", Key: "A", OroID: "7", Content: values("attr.größe", "it's \"☃\" \\ \n", "name", "", "status",
			"x"), Feed: "products", Drop: 3, Run: 4, Line: 5, At: at, Origins: map[string]int64{"name": 1, "attr.größe": 2}}
		w.save(k)
		w.again()
		w.is(k, w.linked("products", "A"))
		number := k.ID
		k = &bridge.Link{ID: number, Entity: "products", Key: "A", OroID: "8", Content: values("name", "n"), Removed: true, At: at.Add(time.Hour)}
		w.save(k)
		w.is(k, w.linked("products", "A"))
		w.is(bridge.LinkRef{ID: number, Fingerprint: k.Fingerprint()}, w.ref("products", "A"))
	}},
	{"keys of any text are found again", keysAreFound},
	{"what a drop sets is laid over what others have set", func(w *world) {
		for i, fields := range [][]string{{"name", "Bolt", "status", "enabled"}, {"description", "long", "name", "Bolt M8"},
			{"status", "disabled"}} {
			k := w.linked("products", "A")
			if k == nil {
				k = &bridge.Link{Entity: "products", Key: "A"}
			}
			k.Lay(values(fields...), bridge.Link{OroID: "7", Feed: "products", Drop: int64(i + 1), Removed: i == 2, At: at})
			w.save(k)
		}
		k := w.linked("products", "A")
		w.is(&bridge.Link{ID: k.ID, Entity: "products", Key: "A", OroID: "7", Removed: true, Feed: "products", Drop: 3, At: at,
			Content: values("description", "long", "name", "Bolt M8", "status", "disabled"),
			Origins: map[string]int64{"description": 2, "name": 2}}, k)
	}},
	{"a link without a number replaces what stands under its key", func(w *world) {
		w.link("products", "A")
		was := w.linked("products", "A")
		k := &bridge.Link{Entity: "products", Key: "A", OroID: "8", Content: values("name", "new"), At: at}
		w.save(k)
		if k.ID <= was.ID {
			w.Errorf("link %d comes after %d", k.ID, was.ID)
		}
		w.is(k, w.linked("products", "A"))
		w.is(bridge.LinkRef{ID: k.ID, Fingerprint: k.Fingerprint()}, w.ref("products", "A"))
	}},
	{"a link that was replaced or forgotten meanwhile is entered anew", func(w *world) {
		for name, change := range map[string]func(){
			"replaced":  func() { w.save(&bridge.Link{Entity: "products", Key: "A", OroID: "8"}) },
			"forgotten": func() { w.must(w.Forget(w.Context(), "products", []string{"A"})) },
		} {
			w.link("products", "A")
			k := w.linked("products", "A")
			number := k.ID
			change()
			w.link("products", "between")
			k.Content = values("name", "anew")
			w.save(k)
			w.sub(name, func(w *world) {
				if k.ID <= number {
					w.Errorf("link %d comes after %d", k.ID, number)
				}
				w.is(k, w.linked("products", "A"))
				w.is(bridge.LinkRef{ID: k.ID, Fingerprint: k.Fingerprint()}, w.ref("products", "A"))
				w.is("between", w.linked("products", "between").Content[0].Text)
			})
		}
	}},
	{"of two steps of one key in one transaction the later one counts", func(w *world) {
		w.link("products", "A", "B")
		step := func(key, name string, number int64) bridge.Settlement {
			return bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: "products", Key: key, Fate: bridge.FateUpdated,
				Sent: values("name", name)}, Link: &bridge.Link{ID: number, Entity: "products", Key: key, OroID: name,
				Content: values("name", name), At: at}}
		}
		gone := step("B", "second", w.ref("products", "B").ID)
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{step("A", "first", 0), step("B", "first", 0), step("A", "second", 0), gone,
			{HistoryEntry: bridge.HistoryEntry{Entity: "products", Key: "C", Fate: bridge.FateRemoved}, Forget: true}, step("C", "second", 0)}))
		for _, key := range []string{"A", "B", "C"} {
			k := w.linked("products", key)
			if k == nil || k.OroID != "second" || w.ref("products", key) != (bridge.LinkRef{ID: k.ID, Fingerprint: k.Fingerprint()}) {
				w.Fatalf("%s: %+v, and in short %+v", key, k, w.ref("products", key))
			}
			history, err := w.History(w.Context(), "products", key)
			w.must(err)
			last := history[len(history)-1]
			w.is(values("name", "second"), last.Sent)
		}
	}},
	{"many links are entered at once, some in the place of others, and one key twice", func(w *world) {
		w.link("products", "K07", "K30")
		was := []int64{w.ref("products", "K07").ID, w.ref("products", "K30").ID}
		var done []bridge.Settlement
		for i := range 60 {
			key := fmt.Sprintf("K%02d", i)
			if i == 40 {
				key = "K03"
			}
			k := &bridge.Link{Entity: "products", Key: key, OroID: fmt.Sprint(i), Feed: "products", Drop: 3, Run: 4, Line: int64(i), At: at}
			before := k.Lay(values("name", fmt.Sprint(i)), *k)
			done = append(done, bridge.Settlement{Link: k, HistoryEntry: bridge.HistoryEntry{Entity: "products", Key: key, Fate: bridge.FateCreated,
				Drop: 3, Run: 4, Line: int64(i), At: at, Sent: k.Content, Before: before}})
		}
		w.must(w.Settle(w.Context(), 0, done))
		numbers := map[int64]bool{was[0]: true, was[1]: true}
		for i, s := range done {
			if numbers[s.Link.ID] {
				w.Errorf("link %d is two keys'", s.Link.ID)
			}
			numbers[s.Link.ID] = true
			if i == 3 { // the later one counts
				continue
			}
			k := w.linked("products", s.Key)
			s.Link.Origins = nil
			w.is(s.Link, k)
			w.is(bridge.LinkRef{ID: k.ID, Fingerprint: k.Fingerprint()}, w.ref("products", s.Key))
			history, err := w.History(w.Context(), "products", s.Key)
			w.must(err)
			w.is(s.HistoryEntry, history[len(history)-1])
		}
		fates, err := w.Fates(w.Context(), 4)
		w.must(err)
		w.is(map[bridge.RowFate]int64{bridge.FateCreated: 60}, fates)
	}},
	{"links that are set together keep their own keys, ids and setters", setTogether},
	{"links are forgotten", func(w *world) {
		w.link("products", "A", "B", "C")
		w.link("prices", "A")
		number := w.ref("products", "B").ID
		w.must(w.Forget(w.Context(), "products", []string{"A", "D"}))
		w.must(w.Settle(w.Context(), 0, []bridge.Settlement{{HistoryEntry: bridge.HistoryEntry{Entity: "products", Key: "B",
			Fate: bridge.FateRemoved}, Forget: true}}))
		w.is([]bool{false, false, true, true}, []bool{w.linked("products", "A") != nil, w.linked("products", "B") != nil,
			w.linked("products", "C") != nil, w.linked("prices", "A") != nil})
		w.is(bridge.LinkRef{}, w.ref("products", "A"))
		w.again()
		w.link("products", "B")
		if again := w.ref("products", "B").ID; again <= number || again == w.ref("products", "C").ID {
			w.Errorf("link %d came after link %d went", again, number)
		}
	}},
	{"keys that a drop lacks are walked", unseenAreWalked},
	{"all links of an entity are counted, up to a number, and walked in short", func(w *world) {
		w.link("products", "A", "größe ☃", "C")
		w.link("prices", "A")
		in(w, "b2b").link("products", "B")
		w.save(&bridge.Link{Entity: "products", Key: "removed", Removed: true})
		got := map[string]bridge.LinkRef{}
		w.must(w.EachRef(w.Context(), "products", func(key []byte, r bridge.LinkRef) { got[string(key)] = r }))
		want := map[string]bridge.LinkRef{}
		for _, key := range []string{"A", "größe ☃", "C", "removed"} {
			want[key] = w.ref("products", key)
		}
		w.is(want, got)
		for most, want := range map[int64]int64{100: 4, 4: 4, 3: 3} {
			n, err := w.CountLinks(w.Context(), "products", most)
			w.must(err)
			w.is(want, n)
		}
	}},
	{"contents are read by the numbers of their links", func(w *world) {
		w.link("products", "A", "B")
		a, b := w.ref("products", "A").ID, w.ref("products", "B").ID
		got := map[int]string{}
		w.must(w.Contents(w.Context(), []int64{b, b + 100, a, b}, func(i int, content []formats.Value) { got[i] = content[0].Text }))
		w.is(map[int]string{0: "B", 2: "A", 3: "B"}, got)
		w.must(w.Contents(w.Context(), nil, nil))

		keys := make([]string, 100)
		for i := range keys {
			keys[i] = fmt.Sprintf("SKU%03d", i)
		}
		w.link("products", keys...) // one number behind the other
		first, told, asked := w.ref("products", keys[0]).ID, 0, []int64(nil)
		w.must(w.Forget(w.Context(), "products", keys[7:8]))
		for i := range keys {
			asked = append(asked, first+int64(i))
		}
		asked = append(asked, asked[99], asked[99]+1)
		w.must(w.Contents(w.Context(), asked, func(i int, content []formats.Value) {
			if told++; content[0].Text != keys[min(i, 99)] || i == 7 || i > 100 {
				w.Errorf("link %d says %v", i, content)
			}
		}))
		w.is(100, told)
	}},
	{"many keys are looked up in their order", func(w *world) {
		var keys []string
		for i := range 3000 {
			keys = append(keys, fmt.Sprintf("SKU-%05d", i*7919%3000))
		}
		w.link("products", keys...)
		refs := make([]bridge.LinkRef, len(keys)+1)
		w.must(w.Lookup(w.Context(), "products", append(keys, "unknown"), refs))
		for i, k := range keys {
			if want := (&bridge.Link{Content: values("name", k)}).Fingerprint(); refs[i].ID != int64(i+1) || refs[i].Fingerprint != want {
				w.Fatalf("%s: %+v, want link %d with %d", k, refs[i], i+1, want)
			}
		}
		w.is(bridge.LinkRef{}, refs[len(keys)])
	}},
	{"keys in order are looked up among few and among many others", keysInOrder},
}

func setTogether(w *world) {
	prices := []string{"R|größe|item", "R|gr|item", "R||item", "R|item", "R|grö|item", "R|größe \x01|item", "R|ße|item",
		"R|R|item|item", "R|1|item"}
	page := func(drop int64, keys ...string) (all []*bridge.Link) {
		var settled []bridge.Settlement
		for i, key := range keys {
			k := &bridge.Link{Entity: "prices", Key: key}
			if known := w.linked("prices", key); known != nil {
				k = known
			}
			id := fmt.Sprintf("c3d9b7df-a576-25a4-c630-%012d-%d", i, drop)
			before := k.Lay(values("value", fmt.Sprint(drop, ".", i)), bridge.Link{OroID: id, Feed: "prices", Drop: drop + int64(i/8), Run: drop,
				Line: int64(i), At: at})
			settled = append(settled, bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: k.Entity, Key: key, Drop: k.Drop, Run: k.Run,
				Line: k.Line, Fate: bridge.FateCreated, Sent: k.Content, Before: before, At: at}, Link: k})
			k.Origins = nil
			all = append(all, k)
		}
		w.must(w.Settle(w.Context(), 0, settled))
		return all
	}
	told := func(links ...[]*bridge.Link) {
		w.Helper()
		for _, k := range slices.Concat(links...) {
			w.is(k, w.linked("prices", k.Key))
			w.is(bridge.LinkRef{ID: k.ID, Fingerprint: k.Fingerprint()}, w.ref("prices", k.Key))
		}
		w.is(prices[0], got(w.History(w.Context(), "prices", prices[0]))(w)[0].Key)
	}
	first := page(1, prices...)
	told(first)
	second := page(20, append([]string{"R|2|item", "another"}, prices[5:]...)...)
	w.again()
	told(first[:5], second)
	third := page(40, prices[0])
	told(first[1:5], second, third)
	ids := got(w.OroIDs(w.Context(), "prices", prices[:1]))(w)
	w.is(third[0].OroID, ids[prices[0]])
	w.must(w.Forget(w.Context(), "prices", prices[1:]))
	told(second[:2], third)
}

func keysInOrder(w *world) {
	var known []string
	for i := range 600 {
		known = append(known, fmt.Sprintf("SKU-%05d", 2*i)) // each second key
	}
	w.link("products", known...)
	w.link("prices", "SKU-00001", "SKU-00003")
	for name, step := range map[string]int{"all and as many unknown": 1, "all": 2, "a half": 4, "few": 40} {
		keys := []string{"A", "SKU", "SKU-00000"}
		for i := 0; i < 1200; i += step {
			keys = append(keys, fmt.Sprintf("SKU-%05d", i))
		}
		keys = append(keys, keys[len(keys)-1], "T", "T")
		refs := make([]bridge.LinkRef, len(keys))
		w.must(w.Lookup(w.Context(), "products", keys, refs))
		for i, k := range keys {
			var n int64
			if _, err := fmt.Sscanf(k, "SKU-%05d", &n); err == nil && n%2 == 0 {
				n = n/2 + 1
			} else {
				n = 0
			}
			if refs[i].ID != n {
				w.Fatalf("%s, %s: %+v, want link %d", name, k, refs[i], n)
			}
		}
	}
}

func keysAreFound(w *world) {
	keys := []string{"plain", `quote"back\slash`, "tab\tline\nend", "größe ☃ 𝄞", "gro\u0308ße", "it's", "", " ", "null", "1", "01", "1.0",
		"[]", "a|b", "%", "_", "A", "a", "a ", "\x01\x7f", "\u2028", strings.Repeat("long", 5000)}
	w.link("products", keys...)
	asked := append([]string{"unknown"}, keys...)
	refs := make([]bridge.LinkRef, len(asked))
	refs[0] = bridge.LinkRef{ID: 99}
	w.must(w.Lookup(w.Context(), "products", asked, refs))
	w.is(bridge.LinkRef{}, refs[0])
	numbers := map[int64]bool{}
	for i, k := range keys {
		if refs[i+1].ID == 0 || numbers[refs[i+1].ID] || refs[i+1].Fingerprint != (&bridge.Link{Content: values("name", k)}).Fingerprint() {
			w.Errorf("%q is not found: %+v", k, refs[i+1])
		}
		numbers[refs[i+1].ID] = true
	}
	full, err := w.Links(w.Context(), "products", asked)
	w.must(err)
	ids, err := w.OroIDs(w.Context(), "products", asked)
	w.must(err)
	for _, k := range keys {
		if link := full[k]; link == nil || link.Key != k || link.Content[0].Text != k || ids[k] != "id "+k {
			w.Errorf("%q comes back as %+v, id %q", k, link, ids[k])
		}
	}
	w.is([]int{len(keys), len(keys)}, []int{len(full), len(ids)})
	w.must(w.Lookup(w.Context(), "prices", asked, refs))
	w.is(make([]bridge.LinkRef, len(asked)), refs)
	w.must(w.Lookup(w.Context(), "products", nil, nil))
	full, err = w.Links(w.Context(), "products", nil)
	w.must(err)
	w.is(0, len(full))
}

func unseenAreWalked(w *world) {
	for _, k := range []*bridge.Link{
		{Entity: "products", Key: "b", Feed: "products"},
		{Entity: "products", Key: "seen", Feed: "products"},
		{Entity: "products", Key: "a", Feed: "products", OroID: "7", Content: values("name", "x"), Drop: 2, Run: 3, Line: 4, At: at},
		{Entity: "products", Key: "removed", Feed: "products", Removed: true},
		{Entity: "products", Key: "of another feed", Feed: "texts"},
		{Entity: "products", Key: "of no feed"},
		{Entity: "prices", Key: "of another entity", Feed: "products"},
	} {
		w.save(k)
	}
	seen := w.ref("products", "seen").ID
	got := walked(w, func(each func(*bridge.Link) error) error {
		return w.Unseen(w.Context(), "products", "products", func(id int64) bool { return id == seen }, each)
	})
	w.is([]*bridge.Link{w.linked("products", "a"), w.linked("products", "b")}, got)
}
