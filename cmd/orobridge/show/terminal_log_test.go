package show

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
)

// How far a load is says how fast it goes and how long it may take, once there is something to say.
func TestProgressTellsPaceAndEstimate(t *testing.T) {
	p := &progress{from: 1000, began: time.Unix(0, 0)}
	for done, want := range map[int64]string{1000: "sending 1000 of 9000", 3000: "sending 3000 of 9000, 200/s, about 30s left",
		9000: "sending 9000 of 9000, 800/s"} {
		if got := p.line(&bridge.Event{Phase: "sending", Done: done, Total: 9000}, time.Unix(10, 0)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// On a terminal a line says the time of day, what happened and to what; nothing from outside moves the cursor.
func TestLogLinesOnATerminalAreShort(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(NewTerminalLog(&b, slog.LevelInfo))
	tell := bridge.LogEvents(log)
	tell(&bridge.Event{Kind: bridge.RunEnded, Feed: "prices", Drop: 3, Run: 4, File: "a.csv", SHA256: "aa", Counts: &bridge.Counts{Rows: 7, Updated: 7}})
	tell(&bridge.Event{Kind: bridge.WorkPaused, Work: "feed prices", Text: "no route\x1b[2J", Hint: "look at the shop"})
	tell(&bridge.Event{Kind: bridge.DropClaimed, Feed: "prices"})
	log.With("remote", "sap").Error("refused", "error", errors.New("\u202e"))
	var got []string
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, " ") {
			line = strings.TrimPrefix(line, eraseLine)[len("15:04:05 "):]
		}
		got = append(got, strings.TrimRight(line, "\n"))
	}
	want := []string{"run ended prices drop 3 a.csv (rows 7, updated 7)", `warn: work paused feed prices: no route\x1b[2J`, "         hint: look at the shop",
		`error: refused (remote sap, error \u202e)`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
