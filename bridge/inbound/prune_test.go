package inbound_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
)

// What is known of files that were refused unread goes after its own time, with the file.
func TestRefusedFilesAreForgottenAfterTheirTime(t *testing.T) {
	w := bridgetest.NewWorld(t, `
feeds:
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { stable: 0s }, max_size: 100B,
      format: { kind: csv } }
`)
	w.Drop("products", "large.csv", strings.Repeat("x", 1000))
	w.Drop("products", "read.csv", "sku,name,unit\nS-1,Bolt,item\n")
	w.Drop("products", "unreadable.csv", "what\n?\n")
	w.Round()
	count := func() (drops, files int) {
		all, err := w.Ledger.Drops(t.Context(), bridge.DropFilter{})
		w.Must(err)
		there, err := filepath.Glob(filepath.Join(w.Folder, "products", "rejected", "large*"))
		w.Must(err)
		return len(all), len(there)
	}
	w.Later(29 * bridge.Day)
	if drops, files := count(); drops != 3 || files == 0 {
		t.Fatalf("after 29 days: %d drops, %d files", drops, files)
	}
	w.Later(3 * bridge.Day)
	if drops, files := count(); drops != 2 || files != 0 {
		t.Errorf("after 32 days: %d drops, %d files", drops, files)
	}
}

// The ledger gives back what it does not need any more: rows of a year of drops, once they are pruned.
func TestTheLedgerGivesRoomBack(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FiveFeeds)
	if w.Postgres != "" {
		t.Skip("it is about the ledger's file: PostgreSQL gives room back by its autovacuum")
	}
	size := func() (n int64) {
		for _, name := range []string{"ledger.db", "ledger.db-wal"} {
			info, err := os.Stat(filepath.Join(w.State, name))
			w.Must(err)
			n += info.Size()
		}
		return n
	}
	file := func(name string) string {
		var b strings.Builder
		b.WriteString("sku,name,unit,description\n")
		for i := range 1000 {
			b.WriteString("S-" + strings.Repeat("0", i%7) + string(rune('A'+i%26)) + "-" + strings.Repeat("1", 1+i/300) + "," + name + ",item," +
				strings.Repeat(name, 40) + "\n")
		}
		return b.String()
	}
	for _, name := range []string{"one", "two", "three", "four", "five"} {
		w.Drop("products", name+".csv", file(name))
		w.Round()
	}
	full := size()
	w.Later(100 * bridge.Day)
	for range 5 {
		w.Later(bridge.Day)
	}
	if after := size(); after > full*2/3 {
		t.Errorf("%d bytes, and %d after everything old has gone", full, after)
	} else {
		t.Logf("%d bytes, then %d", full, after)
	}
}
