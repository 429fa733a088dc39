package inbound_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
)

// comparing counts how often a listing is held against all that the ledger knows of a folder.
type comparing struct {
	inbound.Ledger
	compared int
}

func (c *comparing) Unclaimed(ctx context.Context, feed, remote, folder string, each func(*bridge.Drop)) error {
	c.compared++
	return c.Ledger.Unclaimed(ctx, feed, remote, folder, each)
}

// Of very many files that wait each poll would find out the same, and so it finds out nothing: until anything may be another way.
func TestAFolderThatShowsTheSameIsNotComparedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		do    func(w *bridgetest.World)
		again bool
		want  []string
	}{
		"nothing":                   {func(*bridgetest.World) {}, false, []string{"a.csv seen …", "b.csv seen …"}},
		"some time":                 {func(w *bridgetest.World) { w.Tick(5 * time.Minute) }, false, []string{"a.csv seen …", "b.csv seen …"}},
		"a long time":               {func(w *bridgetest.World) { w.Tick(10 * time.Minute) }, true, []string{"a.csv seen …", "b.csv seen …"}},
		"a clock that was set back": {func(w *bridgetest.World) { w.Tick(-time.Second) }, true, []string{"a.csv seen …", "b.csv seen …"}},
		"a marker":                  {func(w *bridgetest.World) { w.Drop("prices", "b.csv.ok", "") }, true, []string{"a.csv seen …", "b.csv loaded"}},
		"another file": {func(w *bridgetest.World) { w.Drop("prices", "c.csv", "") }, true,
			[]string{"a.csv seen …", "b.csv seen …", "c.csv seen …"}},
		"another size": {func(w *bridgetest.World) { w.Drop("prices", "b.csv", bridgetest.OnePrice("17")) }, true,
			[]string{"a.csv seen …", "b.csv seen …"}},
		"another time": {func(w *bridgetest.World) {
			w.Must(os.Chtimes(filepath.Join(w.Folder, "prices", "b.csv"), time.Time{}, w.Clock.Now().Add(-time.Hour)))
		}, true, []string{"a.csv seen …", "b.csv seen …"}},
		"a file that is gone": {func(w *bridgetest.World) { w.Must(os.Remove(filepath.Join(w.Folder, "prices", "b.csv"))) }, true,
			[]string{"a.csv seen …", "b.csv vanished …"}},
		"a decision": {func(w *bridgetest.World) {
			d, err := w.Ledger.Drop(t.Context(), 1)
			w.Must(err)
			w.Must(w.B.In.Discard(t.Context(), w.Feed(), d, bridge.Decision{Who: "olga"}))
		}, true, []string{"a.csv discarded …", "b.csv seen …"}},
		"another config": {func(w *bridgetest.World) { w.B.In.Forget("prices") }, true, []string{"a.csv seen …", "b.csv seen …"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedOf("*.csv", ", ready: { marker: .ok, stable: 10s }"))
			w.Stock("SKU1")
			for i, name := range []string{"a.csv", "b.csv"} {
				w.Drop("prices", name, bridgetest.OnePrice(fmt.Sprint(i+1)))
			}
			count := &comparing{Ledger: w.B.In.Ledger}
			w.B.In.Ledger = count
			w.Round()
			w.Later(10 * time.Second) // now they have stood for long enough
			w.Later(time.Second)
			before := count.compared
			c.do(w)
			w.Round()
			if again := count.compared > before; again != c.again {
				t.Errorf("compared again: %v, want %v", again, c.again)
			}
			w.Stands(c.want...)
			w.Later(10 * time.Second)
			w.Later(10 * time.Second)
			before = count.compared
			w.Later(time.Second)
			if count.compared > before {
				t.Error("it does not come to rest again")
			}
		})
	}
}
