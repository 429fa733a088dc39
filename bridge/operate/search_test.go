package operate_test

import (
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/operate"
)

// A file is found by how its name begins; by a part of its name only when nothing else has the word, since that reads all names.
func TestAFileIsFoundByItsName(t *testing.T) {
	w := bridgetest.NewWorld(t, guarded)
	w.Drop("products", "SKU1_first.csv", good)
	w.Drop("products", "of_SKU2.csv", head+"SKU3,Tap,ST\n")
	w.Round()
	for word, want := range map[string]string{"SKU1": "SKU1_first.csv", "SKU1_": "SKU1_first.csv", "SKU2": "", "of_": "of_SKU2.csv",
		"_SKU": "of_SKU2.csv", ".csv": "SKU1_first.csv of_SKU2.csv", "SKU9": "", "csv%": ""} {
		found, err := operate.Finder{Desk: desk(w, false)}.Search(t.Context(), word)
		w.Must(err)
		var files []string
		for _, d := range found.Drops {
			files = append(files, d.File)
		}
		if got := strings.Join(files, " "); got != want {
			t.Errorf("%q finds %q", word, got)
		}
	}
	d, _ := w.Last("products")
	found, err := operate.Finder{Desk: desk(w, false)}.Search(t.Context(), strings.ToUpper(d.SHA256))
	w.Must(err)
	if len(found.Drops) != 1 || found.Drops[0].State != bridge.Loaded {
		t.Errorf("a sha256 finds %v", found.Drops)
	}
}
