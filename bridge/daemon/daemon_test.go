package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/operate"
)

// running runs a world's bridge in real time until the test ends.
func running(w *bridgetest.World) {
	w.T.Helper()
	w.B.Clock, w.B.In.Clock, w.B.Out.Clock = bridge.SystemClock{}, bridge.SystemClock{}, bridge.SystemClock{}
	w.B.In.Patience = 0
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.B.Run(ctx) }()
	w.T.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			w.T.Error(err)
		}
	})
}

// soon wants a drop to reach a state within a minute: seconds are enough, unless the machine is busy, and its feed is listed once an hour.
func soon(w *bridgetest.World, drop int64, state bridge.DropState) *bridge.Drop {
	w.T.Helper()
	happened := make(chan struct{}, 1)
	defer w.Events.Observe(func(*bridge.Event) {
		select {
		case happened <- struct{}{}:
		default: // it is known that something has
		}
	})()
	for end := time.After(time.Minute); ; {
		d, err := w.Ledger.Drop(context.Background(), drop)
		if err == nil && d.State == state {
			return d
		}
		select {
		case <-happened:
		case <-end:
			w.T.Fatalf("drop %d is not %s after a minute: %+v %v", drop, state, d, err)
		}
	}
}

const onceAnHour = `
feeds:
  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.csv', every: 1h, ready: { stable: 0s }, format: { kind: csv }, on_failure: block, guards: { min_rows: 2 } }
`

// TestADecisionTakenBesideARunningBridgeWakesIt: the feed is listed once an hour, and what waits stands behind a held drop.
func TestADecisionTakenBesideARunningBridgeWakesIt(t *testing.T) {
	w := bridgetest.NewWorld(t, onceAnHour)
	w.Stock("SKU1", "SKU2")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Drop("prices", "b.csv", bridgetest.OnePrice("2")+bridgetest.Price("SKU2", "2"))
	w.Drop("prices", "c.csv", bridgetest.OnePrice("3"))
	running(w)
	soon(w, 1, bridge.Held)
	beside, err := bridgetest.Beside(w)
	w.Must(err)
	defer beside.Close()
	other := &inbound.Engine{Feeds: w.B.In.Feeds, Ledger: beside, Clock: bridge.SystemClock{}, Remotes: w.B.In.Remotes,
		Memory: &inbound.Memory{}}
	held, err := beside.Drop(t.Context(), 1)
	w.Must(err)
	w.Must(other.Discard(t.Context(), w.Feed(), held, bridge.Decision{Who: "me"}))
	soon(w, 2, bridge.Loaded)
	held = soon(w, 3, bridge.Held)
	w.Must(other.Approve(t.Context(), held, bridge.Decision{Who: "me"}))
	soon(w, 3, bridge.Loaded)
}

// A comparison that was missed while the bridge did not run is made at its start.
func TestAMissedComparisonIsMadeAtTheStart(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ", reconcile: 'sun 03:00'"))
	w.Stock("SKU1")
	w.Must(w.Ledger.Note(t.Context(), "reconciled prices", time.Now().Add(-8*bridge.Day).UTC().Format(time.RFC3339)))
	told := make(chan *bridge.Event, 1)
	w.Events.Observe(func(e *bridge.Event) {
		if e.Kind == bridge.Reconciled {
			told <- e
		}
	})
	running(w)
	select {
	case e := <-told:
		if e.Feed != "prices" || e.Text != "0 compared: 0 missing, 0 different, 0 unknown here" {
			t.Errorf("it tells %+v", e)
		}
	case <-time.After(time.Minute):
		t.Fatal("it was not made within a minute")
	}
}

// A pause stops a load at its next safe point, keeps a feed from being listed, and lets the other feeds go on. What was cut
// goes on from the ledger: every price is written once.
func TestAPauseStopsALoadAndLetsItGoOn(t *testing.T) {
	const n = 1500
	w := bridgetest.NewWorld(t, `
feeds:
  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.csv', every: 100ms, ready: { stable: 0s }, format: { kind: csv } }
  - { name: pricelists, entity: pricelists, remote: disk, folder: pricelists, match: '*.csv', every: 100ms, ready: { stable: 0s }, format: { kind: csv } }
`)
	skus := make([]string, n)
	var file strings.Builder
	for i := range skus {
		skus[i] = fmt.Sprintf("SKU%04d", i)
		file.WriteString(bridgetest.Price(skus[i], "1"))
	}
	w.Stock(skus...)
	w.Drop("prices", "a.csv", bridgetest.PriceHead+file.String())
	beside, err := bridgetest.Beside(w)
	w.Must(err)
	defer beside.Close()
	desk := &operate.Desk{View: operate.View{Feeds: w.B.In.Feeds, Ledger: beside, Running: true,
		By: bridge.Decision{Who: "olga", Why: "wrong prices"}},
		In: &inbound.Engine{Feeds: w.B.In.Feeds, Ledger: beside, Clock: bridge.SystemClock{}, Memory: &inbound.Memory{}}}
	// The load stands still in its middle until the bridge has heard of the pause.
	var once, heard sync.Once
	begun, heeded, other := make(chan struct{}), make(chan struct{}), make(chan struct{})
	w.OnStep(func(name string) {
		switch {
		case name == "settled":
			once.Do(func() { close(begun) })
			<-heeded
		case name == "heeded": // of the pause: it is the first thing that is decided
			heard.Do(func() { close(heeded) })
		}
	})
	w.Events.Observe(func(e *bridge.Event) {
		if e.Kind == bridge.DropSettled && e.Feed == "pricelists" {
			close(other)
		}
	})
	running(w)
	<-begun
	_, err = desk.Pause(t.Context(), "feed", "prices", time.Time{})
	w.Must(err)
	w.Drop("prices", "b.csv", bridgetest.OnePrice("2"))
	w.Drop("pricelists", "l.csv", "name,currencies\nOther,EUR\n")
	select {
	case <-other:
	case <-time.After(time.Minute):
		t.Fatal("the other feed does not go on")
	}
	there := w.Shop.Count("productprices")
	if d, _ := w.Last("prices"); there == 0 || there == n || d.Name != "a.csv" || d.State != bridge.Loading {
		t.Errorf("%d prices were loaded, drop %s is %s", there, d.Name, d.State)
	}
	status, err := desk.Status(t.Context())
	w.Must(err)
	if len(status.Pauses) != 1 || status.Pauses[0].Why != "wrong prices" || len(status.Paused) != 0 {
		t.Errorf("status tells %+v, and of trouble %v", status.Pauses, status.Paused)
	}
	w.OnStep(nil)
	_, err = desk.Resume(t.Context(), "feed", "prices")
	w.Must(err)
	soon(w, 1, bridge.Loaded)
	if got := w.Shop.Count("productprices"); got != n {
		t.Errorf("%d prices", got)
	}
}

// A single round may wait for files that are still settling, and for no other: one whose marker is missing stays where it is.
func TestRoundsWaitForWhatIsSettling(t *testing.T) {
	w := bridgetest.NewWorld(t, `
feeds:
  - { name: prices, entity: prices, remote: disk, folder: prices, match: '*.csv', ready: { stable: 20s }, format: { kind: csv } }
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { marker: .ok }, format: { kind: csv } }
`)
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	w.Drop("products", "b.csv", "sku,name,unit\nSKU2,Pipe,item\n")
	grown := false
	w.OnStep(func(name string) {
		if name == "listed" && !grown { // its sender goes on writing once
			grown = true
			w.Tick(5 * time.Second)
			w.Drop("prices", "a.csv", bridgetest.OnePrice("12"))
		}
	})
	w.Must(w.B.Rounds(t.Context()))
	w.Stands("a.csv loaded")
	if d, _ := w.Last("products"); d.State != bridge.Seen || w.PriceOf("SKU1") != "12" {
		t.Errorf("the file without its marker is %s, the price is %s", d.State, w.PriceOf("SKU1"))
	}
}

// awayRemote is a folder that is not there for a while.
type awayRemote struct {
	bridge.Remote
	away  atomic.Bool
	tries atomic.Int64
}

func (r *awayRemote) List(ctx context.Context, folder string) ([]bridge.File, error) {
	if r.away.Load() {
		r.tries.Add(1)
		return nil, &bridge.Error{Op: "list", Object: folder, Err: errors.New("not there"), Hint: "make the folder"}
	}
	return r.Remote.List(ctx, folder)
}

// TestAFolderThatWasAwayIsFoundWithinSeconds, even where only a person can bring it back.
func TestAFolderThatWasAwayIsFoundWithinSeconds(t *testing.T) {
	w := bridgetest.NewWorld(t, onceAnHour)
	w.Stock("SKU1", "SKU2")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1")+bridgetest.Price("SKU2", "2"))
	remote := &awayRemote{Remote: w.B.In.Remotes["disk"]}
	remote.away.Store(true)
	w.Replace(remote)
	running(w)
	for end := time.Now().Add(time.Minute); remote.tries.Load() < 3; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d tries", remote.tries.Load())
		}
	}
	remote.away.Store(false)
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if drops, _ := w.Ledger.Drops(t.Context(), bridge.DropFilter{States: []bridge.DropState{bridge.Loaded}}); len(drops) == 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("it is not loaded")
		}
	}
}

// TestALongRetryAfterIsAskedAgainInFiveMinutes, whoever says it.
func TestALongRetryAfterIsAskedAgainInFiveMinutes(t *testing.T) {
	busy := &bridge.Error{Op: "list", Object: "sap", Fate: bridge.Pause, After: time.Hour, Err: errors.New("busy")}
	if wait := bridge.Backoff(1, fmt.Errorf("feed: %w", busy), 0.5); wait != 5*time.Minute {
		t.Errorf("it waits for %v", wait)
	}
}
