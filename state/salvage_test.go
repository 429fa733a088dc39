package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
)

// A damaged page costs what stands on it, and no more; what is left can be worked with.
func TestWhatCanBeReadOfADamagedLedgerIsSalvaged(t *testing.T) {
	dir := damaged(t, ``)
	breakLedger(t, dir) // notes, in the middle of the file
	path := filepath.Join(dir, ledgerName)
	must(t, os.WriteFile(filepath.Join(dir, "lock"), []byte("4711 running\n"), 0o600))
	if s, err := Open(t.Context(), dir, Options{}); err == nil || !strings.Contains(bridge.HintOf(err), "state salvage") {
		t.Fatalf("it was opened, or nobody says what to do: %v %v", err, s.Close())
	}
	if _, err := Salvage(t.Context(), dir, path, false, noon); err == nil || bridge.HintOf(err) == "" {
		t.Errorf("nobody has agreed: %v", err)
	}
	done, err := Salvage(t.Context(), dir, path, true, noon)
	must(t, err)
	lost := map[string]string{}
	for _, s := range done.Tables {
		if s.Lost != "" {
			lost[s.Table] = s.Lost
		}
	}
	if len(lost) == 0 || lost["notes"] == "" {
		t.Errorf("lost: %v", lost)
	}
	found, err := Examine(t.Context(), dir)
	must(t, err)
	for _, f := range found {
		if !f.OK {
			t.Errorf("%+v", f)
		}
	}
	drops, orders := contents(t, dir)
	if drops != 2 || orders != 1 {
		t.Errorf("%d drops, %d orders", drops, orders)
	}
	s := openIn(t, dir, Options{})
	if s.Generation() != done.Life || done.Life < 2 {
		t.Errorf("generation %d", s.Generation())
	}
	notes, err := s.Notes(t.Context())
	must(t, err)
	if len(notes) < 50 {
		t.Errorf("only %d notes were read", len(notes))
	}
}

func TestWhatIsNoLedgerAtAllGivesAnEmptyOne(t *testing.T) {
	dir, other := filepath.Join(t.TempDir(), "var"), filepath.Join(t.TempDir(), "x.db")
	if _, err := Salvage(t.Context(), dir, other, false, noon); err == nil || bridge.HintOf(err) == "" {
		t.Errorf("there is no file: %v", err)
	}
	must(t, os.WriteFile(other, []byte(strings.Repeat("what? ", 5000)), 0o600))
	done, err := Salvage(t.Context(), dir, other, false, noon)
	must(t, err)
	for _, s := range done.Tables {
		if s.Lost == "" {
			t.Errorf("%s was read", s.Table)
		}
	}
	openIn(t, dir, Options{})
}
