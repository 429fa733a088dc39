// Package ledgertest is what any ledger must do: the promises that bridge/inbound, bridge/outbound, bridge/daemon and
// bridge/operate build upon, told as tests and asked of whatever keeps them.
//
// Contract. The suite knows a ledger by the methods that its users declare, and by nothing else: no file, no SQL. What it
// asks of all of them:
//
//   - A method is one transaction. An error, a cancelled context, somebody who came first (bridge.ErrMoved): then nothing
//     of it is in the ledger, no event, no number, and the same call with the same values may be made again.
//   - What was told as done is there when the ledger is opened again, and whoever has it open as well sees it at once.
//   - Numbers are given once. Those of drops, runs, links, batches, entries of the outbox and events grow, and the number of
//     what is gone is not given again.
//   - Times are kept to the millisecond and come back in UTC; the zero time stays zero. Texts come back as they were, and
//     are told apart, sorted and compared by their bytes.
//   - Lists are oldest first. While a list is walked, the ledger may be asked for something else, by many at once.
//
// Limits: it does not kill the process in the middle of a commit; bridge/crashtest does that with the whole program.
package ledgertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/api"
	"github.com/orobridge/orobridge/bridge/daemon"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/notify"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/outbound"
	"github.com/orobridge/orobridge/formats"
)

// Ledger is all that is asked of a ledger.
type Ledger interface {
	inbound.Ledger
	outbound.Ledger
	operate.Ledger
	daemon.Ledger
	admit.Ledger
	api.Ledger
	notify.Ledger
	// OroIDs tells the shop's client the shop's ids of the keys that have a link.
	OroIDs(ctx context.Context, entity string, keys []string) (map[string]string, error)
	// Events walks the journal, oldest first.
	Events(ctx context.Context, f bridge.EventFilter, each func(*bridge.Event) error) error
	// Renew begins another life of the ledger, which was put back: its links are doubtful, and notes keep the highest numbers that the
	// shop had given then.
	Renew(ctx context.Context, generation int64, at time.Time, why string) error
	Close() error
	// Shop is the ledger as the engines of a shop see it.
	Shop(name string) Ledger
	// Cut has the n-th row that the ledger writes from now on fail, as on a disk that is full; 0 ends that. It is what a
	// ledger's own test adds to it.
	Cut(n int)
}

// A Place is where one ledger is kept. The function opens it, and may be called again while it is open, as by another
// process.
type Place func() (Ledger, error)

// Run has the suite played with one kind of ledger. Each test gets a place of its own in which nothing was kept yet.
func Run(t *testing.T, place func(t *testing.T) Place) {
	for _, room := range []struct {
		name  string
		tests []test
	}{
		{"drops", drops}, {"manifests", manifests}, {"runs", runs}, {"batches", batches}, {"rows", rows}, {"parked", parked}, {"links", links},
		{"outbox", outbox}, {"journal", journal}, {"audit", audit}, {"admission", admission}, {"persons", persons}, {"stage", stage},
		{"shops", shops}, {"transactions", transactions}, {"writers", writers}, {"tallies", tallies}, {"promises", promises}, {"alarms", alarms},
		{"terms", terms},
	} {
		t.Run(room.name, func(t *testing.T) {
			for _, test := range room.tests {
				t.Run(test.name, func(t *testing.T) {
					w := &world{T: t, place: place(t)}
					w.Ledger = w.beside()
					test.play(w)
				})
			}
		})
	}
}

// test is one promise.
type test struct {
	name string
	play func(*world)
}

// world is a ledger, empty at first, that a test plays with.
type world struct {
	*testing.T
	Ledger
	place Place
}

// sub plays one case of a test with the same ledger.
func (w *world) sub(name string, play func(*world)) {
	w.Run(name, func(t *testing.T) { play(&world{T: t, Ledger: w.Ledger, place: w.place}) })
}

// at is when everything happens that has no time of its own.
var at = time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)

// beside opens the ledger once more; the test's end closes it.
func (w *world) beside() Ledger {
	w.Helper()
	l, err := w.place()
	w.must(err)
	w.Cleanup(func() {
		if err := l.Close(); err != nil {
			w.Error(err)
		}
	})
	return l
}

// again closes the ledger and opens it again.
func (w *world) again() {
	w.Helper()
	w.must(w.Close())
	w.Ledger = w.beside()
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// alike takes nothing for an empty list, and an entity for itself.
var alike = cmp.Options{cmpopts.EquateEmpty(), cmp.Comparer(func(a, b *formats.Entity) bool { return a == b })}

func (w *world) is(want, got any) {
	w.Helper()
	if diff := cmp.Diff(want, got, alike); diff != "" {
		w.Errorf("-want +got:\n%s", diff)
	}
}

func (w *world) wraps(err, target error) {
	w.Helper()
	if !errors.Is(err, target) {
		w.Errorf("the error is %v, and not %v", err, target)
	}
}

// drop enters a drop. What is not said of it is that of a file of products.
func (w *world) drop(d bridge.Drop) *bridge.Drop {
	w.Helper()
	entered := &d
	entered.Feed, entered.Name = or(d.Feed, "products"), or(d.Name, "p.csv")
	entered.Remote, entered.Folder = or(d.Remote, "sap"), or(d.Folder, "/out")
	entered.State, entered.ListedRows = or(d.State, bridge.Seen), -1
	if d.SeenAt.IsZero() {
		entered.SeenAt = at
	}
	w.must(w.Listed(w.Context(), bridge.Listing{New: []*bridge.Drop{entered}, At: at}))
	return entered
}

// or is the first text that says something.
func or[T ~string](text, otherwise T) T {
	if text == "" {
		return otherwise
	}
	return text
}

// run enters a fetched drop and starts a run of it.
func (w *world) run(d bridge.Drop) (*bridge.Drop, *bridge.Run) {
	w.Helper()
	d.State = bridge.Fetched
	entered := w.drop(d)
	return entered, w.start(entered, bridge.FirstRun)
}

// start starts a run of a drop.
func (w *world) start(d *bridge.Drop, kind bridge.RunKind) *bridge.Run {
	w.Helper()
	from := d.State
	d.State = bridge.Loading
	r := &bridge.Run{Drop: d.ID, Kind: kind, State: bridge.Running, Started: at}
	w.must(w.StartRun(w.Context(), r, bridge.Move{Drop: d, From: from}))
	return r
}

// move moves a drop to a state.
func (w *world) move(d *bridge.Drop, to bridge.DropState) {
	w.Helper()
	from := d.State
	d.State = to
	w.must(w.Advance(w.Context(), []bridge.Move{{Drop: d, From: from}}))
}

// link enters links that a run has made, with nothing in them but a name.
func (w *world) link(entity string, keys ...string) {
	w.Helper()
	var settled []bridge.Settlement
	for _, k := range keys {
		settled = append(settled, bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: entity, Key: k, Fate: bridge.FateCreated, At: at},
			Link: &bridge.Link{Entity: entity, Key: k, OroID: "id " + k, Content: values("name", k), Feed: entity, At: at}})
	}
	w.must(w.Settle(w.Context(), 0, settled))
}

// values is a content of fields and texts, sorted by field.
func values(pairs ...string) []formats.Value {
	var v []formats.Value
	for i := 0; i < len(pairs); i += 2 {
		v = append(v, formats.Value{Field: pairs[i], Text: pairs[i+1]})
	}
	return v
}

// walked is all that a walk hands on.
func walked[T any](w *world, walk func(each func(T) error) error) []T {
	w.Helper()
	var all []T
	w.must(walk(func(x T) error {
		all = append(all, x)
		return nil
	}))
	return all
}

// each is something of every member of a list.
func each[T, X any](list []T, of func(T) X) []X {
	all := make([]X, len(list))
	for i, x := range list {
		all[i] = of(x)
	}
	return all
}

// journaled lists what the journal holds: all of it, or what is chosen.
func (w *world) journaled(f bridge.EventFilter) []*bridge.Event {
	w.Helper()
	return walked(w, func(each func(*bridge.Event) error) error { return w.Ledger.Events(w.Context(), f, each) })
}
