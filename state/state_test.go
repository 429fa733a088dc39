package state

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/orobridge/orobridge/bridge"
)

func openIn(t testing.TB, dir string, o Options) *State {
	t.Helper()
	l, err := Open(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOneBridgeAtATimeHoldsALedger(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(t.Context(), dir, Options{})
	must(t, err)
	if _, err := Open(t.Context(), dir, Options{}); !errors.Is(err, bridge.ErrLocked) || bridge.HintOf(err) == "" {
		t.Errorf("a second bridge: %v", err)
	}
	if !Locked(dir) {
		t.Error("the ledger does not look locked")
	}
	reader := openIn(t, dir, Options{ReadOnly: true})
	if err := reader.Note(t.Context(), "x", "y"); err == nil {
		t.Error("a reader wrote")
	}
	beside := openIn(t, dir, Options{Beside: true})
	must(t, beside.Note(t.Context(), "x", "y"))
	must(t, l.Close())
	if Locked(dir) {
		t.Error("the lock outlived its holder")
	}
	again, err := Open(t.Context(), dir, Options{})
	must(t, err)
	must(t, again.Close())
}

func TestAFolderWithOddCharactersHoldsALedger(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c#d%20e'é")
	must(t, os.MkdirAll(dir, 0o700))
	openIn(t, dir, Options{})
	if _, err := os.Stat(filepath.Join(dir, "ledger.db")); err != nil {
		t.Error(err)
	}
}

func TestReadingNeedsALedger(t *testing.T) {
	if _, err := Open(t.Context(), t.TempDir(), Options{ReadOnly: true}); !errors.Is(err, os.ErrNotExist) || bridge.HintOf(err) == "" {
		t.Errorf("reading nothing: %v", err)
	}
}

func TestADecisionIsSeenByWhoeverAsksAfterIt(t *testing.T) {
	dir := t.TempDir()
	l := openIn(t, dir, Options{})
	must(t, l.Keep(t.Context(), &bridge.Event{At: at, Kind: bridge.DecisionTaken, Text: "before"}))
	last, decided, err := l.Decided(t.Context(), math.MaxInt64)
	if err != nil || decided || last == 0 {
		t.Fatalf("%d %t %v", last, decided, err)
	}
	must(t, l.Keep(t.Context(), &bridge.Event{At: at, Kind: bridge.Noted, Text: "no decision"}))
	if last, decided, err = l.Decided(t.Context(), last); err != nil || decided {
		t.Fatalf("a note: %d %t %v", last, decided, err)
	}
	beside := openIn(t, dir, Options{Beside: true})
	must(t, beside.Keep(t.Context(), &bridge.Event{At: at, Kind: bridge.DecisionTaken, Text: "discarded"}))
	if last, decided, err = l.Decided(t.Context(), last); err != nil || !decided {
		t.Fatalf("taken beside it: %d %t %v", last, decided, err)
	}
	if _, decided, err = l.Decided(t.Context(), last); err != nil || decided {
		t.Errorf("told twice: %t %v", decided, err)
	}
}

func TestASignatureBelongsToTheDropThatCarriedItFirst(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(t.Context(), dir, Options{})
	must(t, err)
	for _, c := range []struct {
		feed, id    string
		drop, first int64
	}{{"prices", "a", 7, 7}, {"prices", "a", 7, 7}, {"prices", "a", 9, 7}, {"prices", "b", 9, 9}, {"products", "a", 9, 9}} {
		if first, err := l.Signed(t.Context(), c.feed, c.id, at, c.drop); err != nil || first != c.first {
			t.Errorf("%+v: drop %d, %v", c, first, err)
		}
	}
	must(t, l.Close())
	again := openIn(t, dir, Options{})
	if first, err := again.Signed(t.Context(), "prices", "a", at, 12); err != nil || first != 7 {
		t.Errorf("after a restart: drop %d, %v", first, err)
	}
}
