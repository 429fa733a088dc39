package bridgetest

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/orobridge/orobridge/bridge"
)

// read is the content of a file of the feed's folder.
func (w *World) Read(name string) string {
	w.T.Helper()
	body, err := os.ReadFile(filepath.Join(w.Folder, "prices", name))
	w.Must(err)
	return string(body)
}

// key is the ledger's key of a product's only price.
func (w *World) Key(sku string) string {
	w.T.Helper()
	var key string
	w.Must(w.Ledger.RowLines(w.T.Context(), 1, func(r bridge.RowLine) error { key = r.Key; return nil }))
	drops, err := w.Ledger.Drops(w.T.Context(), bridge.DropFilter{})
	w.Must(err)
	for _, d := range drops {
		w.Must(w.Ledger.RowLines(w.T.Context(), d.ID, func(r bridge.RowLine) error {
			if strings.Contains(r.Key, sku) {
				key = r.Key
			}
			return nil
		}))
	}
	return key
}
