package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/state"
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

// soon wants a drop to reach a state within seconds.
func soon(w *bridgetest.World, within time.Duration, drop int64, state bridge.DropState) *bridge.Drop {
	w.T.Helper()
	for end := time.Now().Add(within); ; time.Sleep(20 * time.Millisecond) {
		d, err := w.Ledger.Drop(context.Background(), drop)
		if err == nil && d.State == state {
			return d
		}
		if time.Now().After(end) {
			w.T.Fatalf("drop %d is not %s after %v: %+v %v", drop, state, within, d, err)
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
	soon(w, 20*time.Second, 1, bridge.Held)
	beside, err := state.Open(t.Context(), w.State, state.Options{Beside: true})
	w.Must(err)
	defer beside.Close()
	other := &inbound.Engine{Feeds: w.B.In.Feeds, Ledger: beside, Clock: bridge.SystemClock{}, Remotes: w.B.In.Remotes}
	held, err := beside.Drop(t.Context(), 1)
	w.Must(err)
	w.Must(other.Discard(t.Context(), w.Feed(), held, bridge.Decision{Who: "me"}))
	soon(w, 10*time.Second, 2, bridge.Loaded)
	held = soon(w, 10*time.Second, 3, bridge.Held)
	w.Must(other.Approve(t.Context(), held, bridge.Decision{Who: "me"}))
	soon(w, 10*time.Second, 3, bridge.Loaded)
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
	for end := time.Now().Add(20 * time.Second); remote.tries.Load() < 3; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d tries", remote.tries.Load())
		}
	}
	remote.away.Store(false)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
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
