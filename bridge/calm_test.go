package bridge_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
)

// An outage is told when it begins, at growing distance while it lasts, and once when it ends, however many feeds it keeps.
func TestAnOutageIsToldCalmly(t *testing.T) {
	now := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
	var told []string
	hear := bridge.Calm(func(e *bridge.Event) {
		told = append(told, fmt.Sprintf("%s %s: %s", e.At.Format("15:04:05"), e.Work, e.Text))
	})
	down := errors.New("connection refused")
	at := func(work string) error {
		return bridge.Within("load", &bridge.Error{Op: "ask", Object: work, Err: fmt.Errorf("%w: %w", bridge.ErrUnreachable, down)})
	}
	for range 60 * 6 { // three hours, a try each half minute
		for _, work := range []string{"feed prices", "feed stock"} {
			hear(bridge.Trouble(now, work, at(work)))
		}
		now = now.Add(30 * time.Second)
	}
	other := bridge.Trouble(now, "export orders", errors.New("no such folder"))
	hear(other)
	hear(bridge.Trouble(now, "feed prices", nil))
	hear(&bridge.Event{At: now, Kind: bridge.DropSettled, Text: "loaded"})
	hear(bridge.Trouble(now, "feed stock", nil))
	hear(bridge.Trouble(now, "export orders", nil))
	hear(bridge.Trouble(now, "export orders", nil))
	refused := "load: ask feed prices: not reachable: connection refused"
	still := func(at, lasts string) string {
		return fmt.Sprintf("%s feed prices: %s (for %s, keeps feed prices, feed stock)", at, refused, lasts)
	}
	want := []string{"07:00:00 feed prices: " + refused, still("07:01:00", "1m0s"), still("07:03:00", "3m0s"), still("07:07:00", "7m0s"),
		still("07:15:00", "15m0s"), still("07:31:00", "31m0s"), still("08:03:00", "1h3m0s"), still("09:03:00", "2h3m0s"),
		"10:00:00 export orders: no such folder", "10:00:00 : loaded", "10:00:00 feed stock: trouble has passed after 3h0m0s",
		"10:00:00 export orders: trouble has passed after 0s"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
