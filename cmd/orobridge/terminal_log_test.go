package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
)

// On a terminal a line says the time of day, what happened and to what; nothing from outside moves the cursor.
func TestLogLinesOnATerminalAreShort(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(newTerminalLog(&b, slog.LevelInfo))
	tell := bridge.LogEvents(log)
	tell(&bridge.Event{Kind: bridge.RunEnded, Feed: "prices", Drop: 3, Run: 4, File: "a.csv", SHA256: "aa", Counts: &bridge.Counts{Rows: 7, Updated: 7}})
	tell(&bridge.Event{Kind: bridge.WorkPaused, Work: "feed prices", Text: "no route\x1b[2J", Hint: "look at the shop"})
	tell(&bridge.Event{Kind: bridge.DropClaimed, Feed: "prices"})
	log.With("remote", "sap").Error("refused", "error", errors.New("\u202e"))
	var got []string
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, " ") {
			line = line[len("15:04:05 "):]
		}
		got = append(got, strings.TrimRight(line, "\n"))
	}
	want := []string{"run ended prices drop 3 a.csv (rows 7, updated 7)", `warn: work paused feed prices: no route\x1b[2J`, "         hint: look at the shop",
		`error: refused (remote sap, error \u202e)`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
