package spool_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
)

// known is a ledger of some drops.
type known []*bridge.Drop

func (k known) Drop(_ context.Context, id int64) (*bridge.Drop, error) {
	for _, d := range k {
		if d.ID == id {
			return d, nil
		}
	}
	return nil, fmt.Errorf("drop %d: %w", id, bridge.ErrUnknown)
}

func (k known) Drops(_ context.Context, f bridge.DropFilter) (drops []*bridge.Drop, err error) {
	for _, d := range k {
		if d.Remote == f.Remote && d.SHA256 == f.SHA256 {
			drops = append(drops, d)
		}
	}
	return drops, nil
}

func TestTidyingKeepsWhatADropNeeds(t *testing.T) {
	dir := t.TempDir()
	taken, err := spool.Take(t.Context(), source{text: "sku\n"}, "p.csv", dir)
	must(t, err)
	orphan, err := spool.Take(t.Context(), source{text: "sku\n"}, "p.csv", dir)
	must(t, err)
	young, err := spool.Take(t.Context(), source{text: "sku\n"}, "p.csv", dir)
	must(t, err)
	for name, drop := range map[string]int64{"loading": 1, "settled": 2, "settled, elsewhere by now": 3, "unknown": 4} {
		if _, err := spool.Fetch(t.Context(), source{text: name}, "p.csv", dir, drop); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"9.part", "somebody.txt"} {
		write(t, filepath.Join(dir, name), 0o600)
	}
	must(t, os.Mkdir(filepath.Join(dir, "unwrapped-1"), 0o700))
	must(t, os.Mkdir(filepath.Join(dir, "somebody's"), 0o700))
	entries, err := os.ReadDir(dir)
	must(t, err)
	before := time.Now().Add(-25 * time.Hour)
	for _, entry := range entries {
		if entry.Name() != young.Name {
			must(t, os.Chtimes(filepath.Join(dir, entry.Name()), before, before))
		}
	}
	must(t, spool.Tidy(t.Context(), known{
		{ID: 1, State: bridge.Loading, Spool: "1"},
		{ID: 2, State: bridge.Loaded, Spool: "2"},
		{ID: 3, State: bridge.Loaded},
		{ID: 5, State: bridge.Loaded, Remote: bridge.ByHand, SHA256: taken.SHA256, Spool: taken.Name},
	}, dir))
	left := map[string]bool{}
	entries, err = os.ReadDir(dir)
	must(t, err)
	for _, entry := range entries {
		left[entry.Name()] = true
	}
	want := map[string]bool{"1": true, "2": true, taken.Name: true, young.Name: true, "somebody.txt": true, "somebody's": true}
	if diff := cmp.Diff(want, left); diff != "" {
		t.Errorf("what is left of (-want +got), without %s:\n%s", orphan.Name, diff)
	}
}
