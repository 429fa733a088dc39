package inbound_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound/leftovers"
)

// A ledger is lost while a drop is being loaded: its file stands in the work folder, where nobody would look for it.
func TestWhatALostLedgerHadClaimedIsToldAndCanBeAdopted(t *testing.T) {
	w := bridgetest.NewWorld(t, `
feeds:
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { stable: 0s, marker: .ok },
      format: { kind: csv } }
`)
	w.Drop("products", "a.b.csv", "sku,name,unit\nS-1,Bolt,item\n")
	w.Drop("products", "a.b.csv.ok", "")
	func() {
		defer func() { _ = recover() }()
		w.OnStep(func(name string) {
			if name == "fetch" {
				panic("killed")
			}
		})
		w.Round()
	}()
	w.Close()
	w.State = t.TempDir()
	w.Config = strings.Replace(w.Config, "dir: ", "dir: "+w.State+" } # { ", 1)
	w.Open()
	w.Round()
	if w.Shop.Count("products") != 0 {
		t.Fatal("it was loaded")
	}
	told := func() string {
		notes, err := w.Ledger.Notes(t.Context())
		w.Must(err)
		for name, text := range notes {
			if feed, ok := leftovers.Feed(name); ok && feed == "products" {
				return text
			}
		}
		return ""
	}
	if text := told(); !strings.Contains(text, "2 files") || !strings.Contains(text, "a.b_d1.csv") {
		t.Fatalf("nobody is told: %q", text)
	}
	work := filepath.Join(w.Folder, "products", ".work")
	w.Must(os.WriteFile(filepath.Join(work, "notes.txt"), nil, 0o600))
	moved, left, err := w.B.In.AdoptLeftovers(t.Context(), w.B.In.Feeds[0])
	w.Must(err)
	if !slices.Equal(moved, []string{"a.b.csv"}) || !slices.Equal(left, []string{"notes.txt"}) {
		t.Errorf("moved %v, left %v", moved, left)
	}
	w.Must(os.Remove(filepath.Join(work, "notes.txt")))
	w.Round()
	if d, _ := w.Last("products"); d.State != bridge.Loaded || w.Shop.Count("products") != 1 {
		t.Errorf("%s, %d products", d.State, w.Shop.Count("products"))
	}
	if text := told(); text != "" {
		t.Errorf("told still: %s", text)
	}
}

// What a drop of this ledger has claimed is no leftover, on its way to the work folder, held there, or on its way out.
func TestWhatADropHasClaimedIsNoLeftover(t *testing.T) {
	for _, step := range []string{"claimed", "fetch", "settled", "finish"} {
		t.Run(step, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FiveFeeds)
			w.Drop("products", "a.csv", "sku,name,unit\nS-1,Bolt,item\n")
			w.OnStep(func(name string) {
				if name != step {
					return
				}
				left, err := leftovers.List(t.Context(), w.Ledger, w.B.In.Remotes["disk"], w.B.In.Feeds[1])
				if err != nil || len(left) > 0 {
					t.Errorf("%v %v", left, err)
				}
			})
			w.Round()
		})
	}
}
