package operate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Wishes is what is asked of a ledger by whoever has the bridges on it read their configs again.
type Wishes interface {
	Bridges(ctx context.Context) ([]*bridge.Member, error)
	Decided(ctx context.Context, after int64) (last int64, decided bool, err error)
	Events(ctx context.Context, f bridge.EventFilter, each func(*bridge.Event) error) error
	Note(ctx context.Context, name, text string, events ...*bridge.Event) error
}

// Reload has all bridges that work on a ledger read their configs again, and hands on what each says of it: that work is paused, or
// resumed, which [bridge.ReloadOf] names. One that ends meanwhile reads its config when it begins. It gives up after a time.
func Reload(ctx context.Context, l Wishes, by bridge.Decision, within time.Duration, said func(*bridge.Event)) error {
	waiting, err := reloads(ctx, l)
	if err != nil {
		return err
	}
	last, _, err := l.Decided(ctx, math.MaxInt64)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	wish := by.On(&bridge.Event{At: now, Kind: bridge.DecisionTaken, Text: "reload: read the config again"})
	if err := l.Note(ctx, bridge.ReloadAsked, now.Format(time.RFC3339Nano), wish); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, within, errSilent)
	defer cancel()
	for {
		err := l.Events(ctx, bridge.EventFilter{After: last}, func(e *bridge.Event) error {
			last = e.ID
			if i := slices.Index(waiting, e.Work); i >= 0 && (e.Kind == bridge.WorkPaused || e.Kind == bridge.WorkResumed) {
				waiting = slices.Delete(waiting, i, i+1)
				said(e)
			}
			return nil
		})
		there, thereErr := reloads(ctx, l)
		if err == nil && thereErr == nil {
			waiting = slices.DeleteFunc(waiting, func(work string) bool { return !slices.Contains(there, work) })
		}
		if len(waiting) == 0 {
			return err
		}
		if wait := (bridge.SystemClock{}).Wait(ctx, lookEvery); wait != nil && errors.Is(context.Cause(ctx), errSilent) {
			return &bridge.Error{Op: "wait for", Object: bridgesOf(waiting), Err: fmt.Errorf("%w within %s", errSilent, within),
				Hint: "see `orobridge status`: another verb may hold the state, or the bridge finishes a long piece of work"}
		} else if err = errors.Join(err, wait); err != nil {
			return err
		}
	}
}

var errSilent = errors.New("nothing was said of a config that was read")

// reloads are the works of reading the configs of all bridges there are.
func reloads(ctx context.Context, l Wishes) (works []string, err error) {
	members, err := l.Bridges(ctx)
	for _, m := range members {
		if m.Config != "" { // it shares the work
			works = append(works, bridge.ReloadOf(m.Name))
		}
	}
	if len(works) == 0 {
		works = []string{bridge.ReloadWork}
	}
	return works, err
}

// bridgesOf names the bridges of such works.
func bridgesOf(works []string) string {
	if slices.Equal(works, []string{bridge.ReloadWork}) {
		return "the bridge"
	}
	names := make([]string, len(works))
	for i, w := range works {
		names[i] = bridge.ReloadedBy(w)
	}
	return strings.Join(names, ", ")
}
