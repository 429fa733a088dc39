package ledgertest

import (
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

var drops = []test{
	{"a drop comes back as it was entered", func(w *world) {
		d := wholeDrop()
		d.Front = 3
		w.must(w.Listed(w.Context(), bridge.Listing{New: []*bridge.Drop{d}, At: at}))
		got, err := w.Ledger.Drop(w.Context(), d.ID)
		w.must(err)
		w.is(d, got)
		w.again()
		all, err := w.Drops(w.Context(), bridge.DropFilter{})
		w.must(err)
		w.is([]*bridge.Drop{d}, all)
	}},
	{"a drop comes back as it was advanced", func(w *world) {
		entered := w.drop(bridge.Drop{Name: "whole.csv", Remote: "sap", Folder: "/out"})
		d := wholeDrop()
		d.ID = entered.ID
		w.must(w.Advance(w.Context(), []bridge.Move{{Drop: d, From: bridge.Seen}}))
		got, err := w.Ledger.Drop(w.Context(), d.ID)
		w.must(err)
		w.is(d, got)
	}},
	{"times have milliseconds", func(w *world) {
		berlin := time.FixedZone("", 3600)
		d := w.drop(bridge.Drop{MTime: at.Add(1_234_567).In(berlin), SeenAt: at.Add(999_999)})
		got, err := w.Ledger.Drop(w.Context(), d.ID)
		w.must(err)
		w.is([]time.Time{at.Add(time.Millisecond), at, {}}, []time.Time{got.MTime, got.SeenAt, got.FetchedAt})
		w.is("UTC", got.MTime.Location().String())
	}},
	{"a drop tells the one before it of the same place", func(w *world) {
		first := w.drop(bridge.Drop{})
		for _, other := range []bridge.Drop{{Feed: "prices"}, {Remote: "disk"}, {Folder: "/in"}, {Name: "P.csv"}} {
			w.is(int64(0), w.drop(other).Previous)
		}
		second := w.drop(bridge.Drop{})
		w.is(first.ID, second.Previous)
		third, fourth := &bridge.Drop{Feed: "products", Remote: "sap", Folder: "/out", Name: "p.csv"},
			&bridge.Drop{Feed: "products", Remote: "sap",
				Folder: "/out", Name: "p.csv"}
		w.must(w.Listed(w.Context(), bridge.Listing{New: []*bridge.Drop{third, fourth}}))
		w.is([]int64{second.ID, third.ID}, []int64{third.Previous, fourth.Previous})
		got, err := w.Ledger.Drop(w.Context(), fourth.ID)
		w.must(err)
		w.is(third.ID, got.Previous)
	}},
	{"a drop that was never entered is not known", func(w *world) {
		_, err := w.Ledger.Drop(w.Context(), 99)
		w.wraps(err, bridge.ErrUnknown)
		w.wraps(w.Advance(w.Context(), []bridge.Move{{Drop: &bridge.Drop{ID: 99, State: bridge.Ready}, From: bridge.Seen}}), bridge.ErrUnknown)
	}},
	{"a drop advances only from the state it was read in", func(w *world) {
		d := w.drop(bridge.Drop{})
		w.move(d, bridge.Ready)
		d.State = bridge.Claimed
		w.wraps(w.Advance(w.Context(), []bridge.Move{{Drop: d, From: bridge.Seen}}), bridge.ErrMoved)
		w.move(&bridge.Drop{ID: d.ID, State: bridge.Ready, Path: "work/p.csv", ListedRows: -1}, bridge.Claimed)
	}},
	{"drops advance all or none", func(w *world) {
		one, two := w.drop(bridge.Drop{}), w.drop(bridge.Drop{Name: "q.csv"})
		before := w.everything()
		one.State, two.State = bridge.Ready, bridge.Claimed
		moves := []bridge.Move{{Drop: one, From: bridge.Seen}, {Drop: two, From: bridge.Ready}}
		w.wraps(w.Advance(w.Context(), moves, &bridge.Event{Kind: bridge.DropReady}), bridge.ErrMoved)
		w.is(before, w.everything())
		moves[1].From = bridge.Seen
		w.must(w.Advance(w.Context(), moves))
		all, err := w.Drops(w.Context(), bridge.DropFilter{})
		w.must(err)
		w.is([]bridge.DropState{bridge.Ready, bridge.Claimed}, each(all, func(d *bridge.Drop) bridge.DropState { return d.State }))
	}},
	{"a move says of runs that all of them is told, or not at all", func(w *world) {
		d, run := w.run(bridge.Drop{})
		told := []bridge.Move{{Drop: d, From: bridge.Fetched, Told: []int64{run.ID}}}
		w.wraps(w.Advance(w.Context(), told), bridge.ErrMoved)
		w.is(false, w.lastRun(d).Reported)
		told[0].From = bridge.Loading
		w.must(w.Advance(w.Context(), told))
		w.is(true, w.lastRun(d).Reported)
	}},
	{"a move ends the drop's open rejects with it, or not at all", func(w *world) {
		d, run := w.run(bridge.Drop{})
		w.must(w.RejectRows(w.Context(), []bridge.RejectRow{rejectOf(run, "A", formats.Position{Line: 2}),
			rejectOf(run, "B", formats.Position{Line: 3})}))
		from := d.State
		d.State = bridge.Discarded
		end := bridge.RejectEnd{At: at, Decision: bridge.Decision{Who: "olga@desk", Why: "sent twice"}}
		w.wraps(w.Advance(w.Context(), []bridge.Move{{Drop: d, From: bridge.Seen, Acknowledge: &end}}), bridge.ErrMoved)
		w.is([]string{"A", "B"}, w.rejected(bridge.RejectFilter{Open: true}))
		w.must(w.Advance(w.Context(), []bridge.Move{{Drop: d, From: from, Acknowledge: &end}}))
		for _, r := range walked(w, func(each func(bridge.RejectRow) error) error {
			return w.Rejects(w.Context(), bridge.RejectFilter{Drop: d.ID}, each)
		}) {
			w.is(bridge.RejectAcknowledged, r.State)
			w.is(end, r.End)
		}
	}},
	{"no moves are no news", func(w *world) {
		before := w.everything()
		w.must(w.Advance(w.Context(), nil))
		w.must(w.Listed(w.Context(), bridge.Listing{}))
		w.is(before, w.everything())
		w.must(w.Advance(w.Context(), nil, &bridge.Event{Kind: bridge.Noted, Text: "one"}))
		w.must(w.Listed(w.Context(), bridge.Listing{}, &bridge.Event{Kind: bridge.Noted, Text: "two"}))
		w.is([]string{"one", "two"}, each(w.journaled(bridge.EventFilter{}), func(e *bridge.Event) string { return e.Text }))
	}},
	{"a listing is entered whole", func(w *world) {
		same, other, gone := w.drop(bridge.Drop{}), w.drop(bridge.Drop{Name: "o.csv"}), w.drop(bridge.Drop{Name: "g.csv"})
		later := at.Add(time.Minute)
		fresh := &bridge.Drop{Feed: "products", Remote: "sap", Folder: "/out", Name: "n.csv", State: bridge.Seen, ListedAt: later}
		gone.State = bridge.Vanished
		seen, vanished := &bridge.Event{Kind: bridge.DropSeen, File: "n.csv"},
			&bridge.Event{Kind: bridge.DropSettled, File: "g.csv", Drop: gone.ID}
		w.must(w.Listed(w.Context(), bridge.Listing{New: []*bridge.Drop{fresh}, Moves: []bridge.Move{{Drop: gone, From: bridge.Seen}},
			Same: []int64{same.ID}, At: later}, seen, vanished, &bridge.Event{Kind: bridge.Noted, Text: "of no file"}))
		all, err := w.Drops(w.Context(), bridge.DropFilter{})
		w.must(err)
		same.ListedAt = later
		w.is([]*bridge.Drop{same, other, gone, fresh}, all)
		w.is([]int64{fresh.ID, gone.ID, 0}, each(w.journaled(bridge.EventFilter{}), func(e *bridge.Event) int64 { return e.Drop }))
	}},
	{"drops are chosen", dropsAreChosen},
	{"a file is known by its place, name, size and time", placesAreFound},
	{"drops that nobody has claimed are walked in short", unclaimedAreWalked},
	{"a feed's order is one of bytes", ranksAreBytes},
	{"papers of a drop are listed once", func(w *world) {
		d, r := w.run(bridge.Drop{})
		w.must(w.Reported(w.Context(), d.ID, 0, []string{"/out/receipts/b.csv"}))
		w.is(false, w.lastRun(d).Reported)
		w.must(w.Reported(w.Context(), d.ID, r.ID, []string{"/out/receipts/b.csv", "/out/receipts/B.csv", "/out/rejected/a.csv"}))
		w.is(true, w.lastRun(d).Reported)
		papers, err := w.Papers(w.Context(), d.ID)
		w.must(err)
		w.is([]string{"/out/receipts/B.csv", "/out/receipts/b.csv", "/out/rejected/a.csv"}, papers)
		papers, err = w.Papers(w.Context(), d.ID+1)
		w.must(err)
		w.is([]string(nil), papers)
	}},
	{"old drops are those that are put away and still have bytes", oldDropsAreListed},
}

// wholeDrop is a drop of which everything is said that can be.
func wholeDrop() *bridge.Drop {
	minute := func(n int) time.Time { return at.Add(time.Duration(n)*time.Minute + 7*time.Millisecond) }
	return &bridge.Drop{Feed: "products", Remote: "sap", Folder: "/out", Name: "whole.csv", Path: "/out/.work/whole.csv",
		Size: 1 << 40, MTime: minute(0), SHA256: "aa", State: bridge.Held, Reason: "it's \"held\" \\ größe ☃\n", Spool: "1.part",
		Date: "20261121", Seq: "0007", Rank: "20261121~0007", Gap: "0006", Correction: true, Manifest: true, ListedBy: 3, ListedRows: 12,
		ListedSHA256: "bb", Same: 4, Finish: "archive", DecidedBy: "olga@desk", Made: "undo of drop 7",
		SeenAt: minute(1), SteadyAt: minute(2), ListedAt: minute(3), ReadyAt: minute(4), ClaimedAt: minute(5), FetchedAt: minute(6),
		SettledAt: minute(7), DecidedAt: minute(8)}
}

// lastRun reads the last run of a drop.
func (w *world) lastRun(d *bridge.Drop) *bridge.Run {
	w.Helper()
	all, err := w.Runs(w.Context(), d.ID)
	w.must(err)
	if len(all) == 0 {
		w.Fatalf("drop %d has no run", d.ID)
	}
	return all[len(all)-1]
}

func dropsAreChosen(w *world) {
	a := w.drop(bridge.Drop{Name: "a", SHA256: "1", SeenAt: at, Finish: "archive"})
	b := w.drop(bridge.Drop{Name: "b", SHA256: "2", SeenAt: at.Add(time.Hour), State: bridge.Ready})
	c := w.drop(bridge.Drop{Name: "A", SHA256: "1", SeenAt: at.Add(2 * time.Hour), Folder: "/in"})
	d := w.drop(bridge.Drop{Name: "a", Feed: "prices", SeenAt: at.Add(3 * time.Hour), State: bridge.Held, Remote: "disk"})
	e := w.drop(bridge.Drop{Name: "a", Feed: "all@b2b", Front: a.ID, State: bridge.Loaded})
	f := w.drop(bridge.Drop{Name: "a", Feed: "all@outlet", Front: a.ID, State: bridge.Held})
	g := w.drop(bridge.Drop{Name: "undo", Feed: "all@b2b", State: bridge.Loaded})
	for name, x := range map[string]struct {
		f    bridge.DropFilter
		want []int64
	}{
		"parts of a drop":         {bridge.DropFilter{Front: a.ID}, []int64{e.ID, f.ID}},
		"but for parts not held":  {bridge.DropFilter{After: d.ID, Joined: []string{"all@b2b", "all@outlet"}}, []int64{f.ID, g.ID}},
		"but for parts of a feed": {bridge.DropFilter{After: d.ID, Joined: []string{"all@outlet"}}, []int64{e.ID, f.ID, g.ID}},
		"all":                     {bridge.DropFilter{}, []int64{a.ID, b.ID, c.ID, d.ID, e.ID, f.ID, g.ID}},
		"the last two":            {bridge.DropFilter{Last: 2}, []int64{f.ID, g.ID}},
		"the last of a feed":      {bridge.DropFilter{Feed: "products", Last: 1}, []int64{c.ID}},
		"of some ids":             {bridge.DropFilter{IDs: []int64{d.ID, 99, a.ID}}, []int64{a.ID, d.ID}},
		"of no ids":               {bridge.DropFilter{IDs: []int64{}}, nil},
		"of a remote":             {bridge.DropFilter{Remote: "disk"}, []int64{d.ID}},
		"of a folder":             {bridge.DropFilter{Folder: "/in"}, []int64{c.ID}},
		"of a name":               {bridge.DropFilter{Name: "a"}, []int64{a.ID, d.ID, e.ID, f.ID}},
		"of a content":            {bridge.DropFilter{SHA256: "1"}, []int64{a.ID, c.ID}},
		"of another content":      {bridge.DropFilter{Feed: "products", Other: "1"}, []int64{b.ID}},
		"after another":           {bridge.DropFilter{After: b.ID, Before: e.ID}, []int64{c.ID, d.ID}},
		"in two states":           {bridge.DropFilter{States: []bridge.DropState{bridge.Ready, bridge.Held}}, []int64{b.ID, d.ID, f.ID}},
		"seen from and to":        {bridge.DropFilter{From: at.Add(time.Hour), To: at.Add(3 * time.Hour)}, []int64{b.ID, c.ID}},
		"that owe a move":         {bridge.DropFilter{Owed: true}, []int64{a.ID}},
		"of no feed":              {bridge.DropFilter{Feed: "customers"}, nil},
		"by a text of SQL":        {bridge.DropFilter{Name: "a' OR '1'='1"}, nil},
	} {
		w.sub(name, func(w *world) {
			got, err := w.Drops(w.Context(), x.f)
			w.must(err)
			w.is(x.want, each(got, func(d *bridge.Drop) int64 { return d.ID }))
		})
	}
}

func placesAreFound(w *world) {
	odd := "it's %41 \"größe\" ☃.csv"
	w.drop(bridge.Drop{Name: "a.csv", Size: 1, MTime: at, Path: "/out/archive/a.csv"})
	w.drop(bridge.Drop{Name: odd, Size: 1, MTime: at, Path: ""})
	w.drop(bridge.Drop{Name: "v.csv", Size: 1, MTime: at, Path: "/out/v.csv", State: bridge.Vanished})
	w.drop(bridge.Drop{Name: "f.csv", Size: 1, MTime: at, Path: "/in/f.csv", Folder: "/in"})
	w.drop(bridge.Drop{Name: "n.csv", Size: 1, Path: "/out/n.csv"})
	files := []bridge.File{
		{Name: odd, Size: 1, MTime: at},
		{Name: "a.csv", Size: 1, MTime: at.Add(10 * time.Microsecond)}, // the ledger keeps milliseconds
		{Name: "A.csv", Size: 1, MTime: at},
		{Name: "a.csv", Size: 2, MTime: at},
		{Name: "a.csv", Size: 1, MTime: at.Add(time.Second)},
		{Name: "v.csv", Size: 1, MTime: at},
		{Name: "f.csv", Size: 1, MTime: at},
		{Name: "n.csv", Size: 1, MTime: at},
	}
	places, err := w.Places(w.Context(), "products", "sap", "/out", files)
	w.must(err)
	got := map[string]string{}
	for _, p := range places {
		got[p.Name] = p.Path
	}
	w.is(map[string]string{odd: "", "a.csv": "/out/archive/a.csv"}, got)
	w.is(2, len(places))
	places, err = w.Places(w.Context(), "products", "sap", "/out", nil)
	w.must(err)
	w.is([]bridge.Place(nil), places)
}

func unclaimedAreWalked(w *world) {
	first := w.drop(bridge.Drop{Name: "a.csv", Size: 7, MTime: at, SteadyAt: at, ListedAt: at.Add(time.Minute), Reason: "waits for ü/1"})
	again := w.drop(bridge.Drop{Name: "a.csv", State: bridge.Ready, Manifest: true})
	for _, other := range []bridge.Drop{{State: bridge.Claimed}, {Folder: "/in"}, {Remote: "disk"}, {Feed: "prices"}} {
		w.drop(other)
	}
	var got []bridge.Drop
	w.must(w.Unclaimed(w.Context(), "products", "sap", "/out", func(d *bridge.Drop) { got = append(got, *d) }))
	w.is([]bridge.Drop{
		{ID: first.ID, Feed: "products", Remote: "sap", Folder: "/out", State: bridge.Seen, Name: "a.csv", Size: 7, MTime: at,
			Reason: "waits for ü/1", SteadyAt: at, ListedAt: at.Add(time.Minute)},
		{ID: again.ID, Feed: "products", Remote: "sap", Folder: "/out", State: bridge.Ready, Name: "a.csv", Manifest: true,
			Previous: first.ID},
	}, got)
}

func ranksAreBytes(w *world) {
	for _, rank := range []string{"b", "", "Z", "a", "ä", "a b", "a-b"} {
		w.drop(bridge.Drop{Name: "r" + rank, Rank: rank, State: bridge.Loaded})
	}
	w.drop(bridge.Drop{Name: "other", Feed: "prices", Rank: "zz"})
	w.drop(bridge.Drop{Name: "seen", Rank: "ab"})
	var got []string
	for below := ""; ; {
		d, err := w.Ranked(w.Context(), "products", below, bridge.Loaded, bridge.Partial)
		w.must(err)
		if d == nil {
			break
		}
		got, below = append(got, d.Rank), d.Rank
	}
	w.is([]string{"ä", "b", "a-b", "a b", "a", "Z"}, got)
	d, err := w.Ranked(w.Context(), "products", "b")
	w.must(err)
	w.is("ab", d.Rank) // in any state
}

func oldDropsAreListed(w *world) {
	old := at.Add(-time.Hour)
	var want []int64
	for _, s := range []bridge.DropState{bridge.Loaded, bridge.Partial, bridge.Rejected, bridge.Duplicate, bridge.Superseded,
		bridge.Discarded, bridge.Vanished} {
		want = append(want, w.drop(bridge.Drop{State: s, SettledAt: old, Path: "/out/archive/p.csv"}).ID)
	}
	want = append(want, w.drop(bridge.Drop{State: bridge.Loaded, SettledAt: old, Spool: "9.part"}).ID)
	for _, d := range []bridge.Drop{
		{State: bridge.Loaded, SettledAt: old},                                            // nothing is left of it
		{State: bridge.Loaded, SettledAt: at, Path: "/out/p.csv"},                         // young
		{State: bridge.Loaded, SettledAt: old, Path: "/out/p.csv", Finish: "archive"},     // not put away
		{State: bridge.Loading, SettledAt: old, Path: "/out/p.csv"},                       // run again
		{State: bridge.Held, SettledAt: old, Path: "/out/p.csv"}, {Path: "/out/late.csv"}, // never settled
	} {
		w.drop(d)
	}
	var got []int64
	for after := int64(0); ; {
		page, err := w.Old(w.Context(), at, after, 3)
		w.must(err)
		if len(page) > 3 {
			w.Errorf("%d drops at once", len(page))
		}
		if len(page) == 0 {
			break
		}
		after = page[len(page)-1].ID
		got = append(got, each(page, func(d *bridge.Drop) int64 { return d.ID })...)
	}
	w.is(want, got)
}

var manifests = []test{
	{"a manifest waits with what it lists and what came for it", manifestsWait},
	{"a manifest that moved is not expected", func(w *world) {
		m := w.drop(bridge.Drop{Name: "m.txt", Manifest: true})
		before := w.everything()
		m.State = bridge.Fetched
		err := w.Expect(w.Context(), bridge.Move{Drop: m, From: bridge.Claimed}, []bridge.ManifestEntry{{Name: "p.csv", Rows: -1, Size: -1}},
			&bridge.Event{Kind: bridge.ManifestRead})
		w.wraps(err, bridge.ErrMoved)
		w.is(before, w.everything())
	}},
}

func manifestsWait(w *world) {
	expect := func(d bridge.Drop, entries ...bridge.ManifestEntry) *bridge.Drop {
		d.Manifest, d.State = true, bridge.Claimed
		m := w.drop(d)
		m.State = bridge.Fetched
		w.must(w.Expect(w.Context(), bridge.Move{Drop: m, From: bridge.Claimed}, entries, &bridge.Event{Kind: bridge.ManifestRead, Drop: m.ID}))
		return m
	}
	p, q := bridge.ManifestEntry{Name: "p.csv", Rows: 0, Size: 12, SHA256: "aa"}, bridge.ManifestEntry{Name: "q.csv", Rows: -1, Size: -1}
	first := expect(bridge.Drop{Name: "1.txt"}, q, p)
	second := expect(bridge.Drop{Name: "2.txt"}, p)
	closed := expect(bridge.Drop{Name: "3.txt"}, q)
	w.move(closed, bridge.Rejected)
	expect(bridge.Drop{Name: "4.txt", Feed: "prices"}, p, q)
	came := w.drop(bridge.Drop{ListedBy: first.ID, State: bridge.Vanished})
	w.drop(bridge.Drop{Name: "stranger.csv"})
	lists, err := w.Manifests(w.Context(), "products")
	w.must(err)
	w.is([]*bridge.ManifestList{
		{Drop: first, Entries: []bridge.ListedEntry{{ManifestEntry: p, Again: true}, {ManifestEntry: q}}, Came: []*bridge.Drop{came}},
		{Drop: second, Entries: []bridge.ListedEntry{{ManifestEntry: p}}},
	}, lists)
	w.move(second, bridge.Loaded)
	lists, err = w.Manifests(w.Context(), "products")
	w.must(err)
	if len(lists) != 1 || !lists[0].Entries[0].Again {
		w.Errorf("a later manifest that was settled lists p.csv, too: %+v", lists)
	}
	lists, err = w.Manifests(w.Context(), "customers")
	w.must(err)
	w.is([]*bridge.ManifestList(nil), lists)
	w.is(4, len(w.journaled(bridge.EventFilter{})))
}
