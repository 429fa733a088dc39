package state_test

import (
	"os"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state"
	"github.com/orobridge/orobridge/state/ledgertest"
)

func TestStages(t *testing.T) {
	ledgertest.RunStages(t, func(t *testing.T) ledgertest.Stager {
		s, err := state.Open(t.Context(), t.TempDir(), state.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}

// The stage of a small drop costs neither a file nor much memory, and that of a large one has a file, which goes.
func TestAStageOfFewChangesHasNoFile(t *testing.T) {
	s, err := state.Open(t.Context(), t.TempDir(), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	files := func() int {
		there, err := os.ReadDir(s.Spool())
		if err != nil {
			t.Fatal(err)
		}
		return len(there)
	}
	for _, c := range []struct {
		what    string
		changes int
		text    string
		files   int
	}{{"one change", 1, "x", 0}, {"many changes", 1000, "x", 1}, {"a change of a MiB", 1, string(make([]byte, 1<<20)), 1}} {
		stage, err := s.NewStage(t.Context(), formats.Products, 1)
		if err != nil {
			t.Fatal(err)
		}
		var all []*bridge.Staged
		for i := range c.changes {
			key := string(rune('a' + i))
			all = append(all, &bridge.Staged{Change: bridge.Change{Key: key, Record: &formats.Record{Entity: formats.Products, Key: key,
				Values: []formats.Value{{Field: "name", Text: c.text}}}}})
		}
		if _, err := stage.Put(t.Context(), all); err != nil {
			t.Fatal(err)
		}
		if n := files(); n != c.files {
			t.Errorf("the stage of %s has %d files", c.what, n)
		}
		if err := stage.Close(); err != nil {
			t.Error(err)
		}
		if n := files(); n != 0 {
			t.Errorf("the stage of %s left %d files", c.what, n)
		}
	}
}
