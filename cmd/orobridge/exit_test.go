package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

// Each of several errors gets its own line and its own hint, once.
func TestReport(t *testing.T) {
	down := &bridge.Error{Op: "connect", Object: "sap", Err: bridge.ErrUnreachable, Hint: "look whether the server runs"}
	full := &bridge.Error{Op: "write", Object: "spool", Err: errors.New("no space"), Hint: "make room"}
	err := errors.Join(bridge.Within("feed prices", errors.Join(down, full)), bridge.Within("feed prices", down), errors.New("bare"),
		&bridge.Error{Op: "rename", Object: "a", Err: fmt.Errorf("%w: %w", bridge.ErrUnreachable, errors.New("gone"))})
	var b bytes.Buffer
	(&app{Pen: show.Pen{Stderr: &b}}).report(err)
	want := `error: feed prices: connect sap: not reachable
hint: look whether the server runs
error: feed prices: write spool: no space
hint: make room
error: bare
error: rename a: not reachable: gone
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if code := exitCode(err); code != exitUnreachable {
		t.Errorf("exit code %d", code)
	}
}

// What an error quotes from outside can't move the cursor.
func TestReportIsHarmless(t *testing.T) {
	var b bytes.Buffer
	(&app{Pen: show.Pen{Stderr: &b}}).report(&bridge.Error{Op: "fetch", Object: "sap:/out/\x1b[2Jp\u202e.csv", Err: errors.New("gone\nfor good")})
	want := `error: fetch sap:/out/\x1b[2Jp\u202e.csv: gone` + "\nfor good\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What a log line quotes from outside can't either, in both formats, whoever logs it.
func TestLogLinesAreHarmless(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var b bytes.Buffer
		log := (&app{Pen: show.Pen{Stderr: &b}, logFormat: format}).logger()
		bridge.LogEvents(log)(&bridge.Event{Kind: bridge.DropSettled, File: "p\u009b2J\u202e.csv", Text: "x\u2066y"})
		log.Warn("refused", "user", "erp\u202e", "error", errors.New("\u009b31m"))
		if strings.ContainsAny(b.String(), "\u009b\u202e\u2066\x1b") {
			t.Errorf("%s: %q", format, b.String())
		}
		if !strings.Contains(b.String(), "u202e") {
			t.Errorf("%s: what was replaced is not told: %q", format, b.String())
		}
	}
}
