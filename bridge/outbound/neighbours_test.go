package outbound_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
)

// Two bridges, each with its shop and ledger, write into one folder. Each stages its first file while the other's stands
// there under its temporary name; neither touches the other's.
func TestTwoBridgesOnOneFolderLeaveEachOthersStagedFilesAlone(t *testing.T) {
	a := bridgetest.Exporting(t, "")
	b := bridgetest.Exporting(t, "")
	if id := a.Ledger.Identity(); id == b.Ledger.Identity() || len(id) != 12 || bridge.CheckIdentity(id) != nil {
		t.Fatalf("identities %q and %q", id, b.Ledger.Identity())
	}
	b.Close()
	b.Config = strings.Replace(b.Config, b.Folder, a.Folder, 1)
	b.Folder = a.Folder
	b.Open()
	for _, w := range []*bridgetest.World{a, b} {
		w.MustOut() // each is at work there before the other has written anything
	}
	a.Submit("O-1")
	b.Submit("O-2")
	for _, w := range []*bridgetest.World{a, b} {
		if !w.DieAt("write order", 1) {
			t.Fatal("it never came to write an order")
		}
	}
	staged, err := filepath.Glob(filepath.Join(a.Folder, "orders", bridge.OwnPrefix+"*.part"))
	if err != nil || len(staged) != 2 {
		t.Fatalf("staged: %v %v", staged, err)
	}
	for _, w := range []*bridgetest.World{a, b} {
		w.MustOut()
	}
	for _, w := range []*bridgetest.World{a, b} {
		files, err := w.Ledger.Outfiles(t.Context(), bridge.OutfileFilter{})
		w.Must(err)
		body, err := w.Ledger.Body(t.Context(), "orders", 1)
		w.Must(err)
		there, err := os.ReadFile(filepath.Join(a.Folder, "orders", files[0].Name))
		if err != nil || string(there) != string(body) || files[0].State != bridge.Written {
			t.Errorf("%s is %s: %v", files[0].Name, files[0].State, err)
		}
	}
}
