package bridgetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
)

// Rival opens another bridge on a world's ledger, as on another machine: it has connections and a spool of its own. Its world has the
// same shop, folder and clock.
func Rival(w *World) *World {
	w.T.Helper()
	r := &World{ERP: w.ERP, T: w.T, Shop: w.Shop, State: w.State, Postgres: w.Postgres, Config: w.Config, Clock: w.Clock,
		Log: &bytes.Buffer{}, beside: true}
	r.Open()
	r.B.In.Spool = w.T.TempDir()
	w.T.Cleanup(r.Close)
	return r
}

// SleepAt makes a round of the bridge that sleeps at the n-th time that it comes to a step ("": to any), as one that is stopped or cut
// off, and goes on once something was done meanwhile. It says whether the round came there. What became another bridge's work
// meanwhile it may leave; nothing else may keep it from its end.
func SleepAt(w *World, step string, n int, meanwhile func()) (slept bool) {
	w.T.Helper()
	return SleepIn(w, func(sleep func()) {
		w.OnStep(func(name string) {
			if name == step || step == "" {
				if n--; n == 0 {
					sleep()
				}
			}
		})
	}, meanwhile)
}

// SleepIn is [SleepAt] for a bridge that sleeps when it calls what watch is given, once.
func SleepIn(w *World, watch func(sleep func()), meanwhile func()) (slept bool) {
	w.T.Helper()
	asleep, awake, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	watch(func() {
		close(asleep)
		<-awake
	})
	go func() { ended <- w.B.Round(context.Background()) }()
	var err error
	select {
	case <-asleep:
		meanwhile()
		close(awake)
		err, slept = <-ended, true
	case err = <-ended:
	}
	w.OnStep(nil)
	for _, e := range bridge.Joined(err) {
		if !errors.Is(e, bridge.ErrTakenUp) {
			w.T.Fatal(fmt.Errorf("it woke up: %w\n%s", e, w.Log))
		}
	}
	return slept
}
