package state

import (
	"context"
	"errors"
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
