package inbound_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
)

// Files that no feed takes are told while they are there, each with what keeps it from being taken.
func TestFilesThatNoFeedTakesAreTold(t *testing.T) {
	w := bridgetest.NewWorld(t, `
feeds:
  - { name: prices, entity: prices, remote: disk, folder: prices, match: 'prices_*.csv', ready: { stable: 0s, marker: .ok },
      format: { kind: csv } }
  - { name: more, entity: prices, remote: disk, folder: /prices/, match: 'more_*.csv', ready: { stable: 0s }, format: { kind: csv } }
  - { name: products, entity: products, remote: disk, folder: products, match: 'products_*.csv', ready: { stable: 0s },
      format: { kind: csv } }
`)
	told := func() []string {
		notes, err := w.Ledger.Notes(t.Context())
		w.Must(err)
		lines := []string{}
		for name, text := range notes {
			if feed, strangers, ok := inbound.StrangersOf(name, text); ok {
				for _, s := range strangers {
					lines = append(lines, feed+" "+s.File+" "+s.Why)
				}
			}
		}
		slices.Sort(lines)
		return lines
	}
	for _, name := range []string{"PRICES_1.CSV", "prices_1.csv", "prices_1.csv.ok", "more_1.csv", "products_1.csv", "readme.txt", "x.tmp"} {
		w.Drop("prices", name, bridgetest.OnePrice("1"))
	}
	w.Round()
	want := []string{"prices PRICES_1.CSV case: prices_1.csv would match",
		"prices products_1.csv folder: feed products takes such names in disk:products",
		"prices readme.txt pattern: it does not match prices_*.csv"}
	if diff := cmp.Diff(want, told()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, name := range []string{"PRICES_1.CSV", "products_1.csv", "readme.txt"} {
		w.Must(os.Remove(filepath.Join(w.Folder, "prices", name)))
	}
	w.Round()
	if diff := cmp.Diff([]string{}, told()); diff != "" {
		t.Errorf("once they are gone: -want +got:\n%s", diff)
	}
}
