package inbound_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
)

// Another machine goes on with what this one has begun: it has none of the fetched bytes, and fetches them where the file stands.
func TestBytesThatAMachineLacksAreFetchedAgain(t *testing.T) {
	for _, step := range []string{"fetched", "planned", "write rejects"} {
		t.Run(step, func(t *testing.T) {
			w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
			w.Stock("SKU1")
			w.Drop("prices", "a.csv", bridgetest.OnePrice("1")+bridgetest.Price("SKU1", "x"))
			if !w.DieAt(step, 1) {
				t.Fatalf("it never came to %s", step)
			}
			forget(w)
			w.Round()
			if d, _ := w.Last("prices"); d.State != bridge.Partial || d.Finish != "" {
				t.Errorf("the drop is %s, %s", d.State, d.Reason)
			}
		})
	}
}

// The machine that has put a file away dies before that is recorded; another one, which has none of the bytes, has something to tell of a
// later run: it finds the file where it is.
func TestAFileThatWasPutAwayUnnoticedIsFound(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1")+bridgetest.Price("SKU1", "x"))
	if !w.DieAt("finish recorded", 1) {
		t.Fatal("it was never put away")
	}
	d, _ := w.Last("prices")
	_, err := w.B.In.Rerun(t.Context(), d, inbound.RerunOptions{Force: true}, bridge.Decision{})
	w.Must(err)
	if !w.DieAt("write rejects", 1) {
		t.Fatal("it never came to tell of the second run")
	}
	forget(w)
	w.Round()
	if d, _ := w.Last("prices"); d.Finish != "" || !strings.Contains(d.Path, "/archive/a_r1") {
		t.Errorf("it stands at %s: %s", d.Path, d.Reason)
	}
}

// What stands there must be what was fetched.
func TestOtherBytesThanThoseThatWereFetchedAreNotLoaded(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("prices", ""))
	w.Stock("SKU1")
	w.Drop("prices", "a.csv", bridgetest.OnePrice("1"))
	if !w.DieAt("planned", 1) {
		t.Fatal("it was never planned")
	}
	forget(w)
	d, _ := w.Last("prices")
	path := filepath.Join(w.Folder, filepath.FromSlash(d.Path))
	w.Must(os.WriteFile(path, []byte(bridgetest.OnePrice("2")), 0o600))
	if err := w.B.Round(t.Context()); err == nil || !strings.Contains(err.Error(), "not the one that was fetched") {
		t.Errorf("the round: %v", err)
	}
	if d, _ = w.Last("prices"); d.State != bridge.Loading {
		t.Errorf("the drop is %s", d.State)
	}
}

// What an archive does not compress is compressed in the copy, and comes out of both.
func TestALargeArchiveComesOutOfItsCopy(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("products", ", unwrap: [zip]"))
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	file, err := z.CreateHeader(&zip.FileHeader{Name: "p.csv", Method: zip.Store})
	w.Must(err)
	fmt.Fprintf(file, "sku,name,unit,description\n")
	for i := range 3 {
		fmt.Fprintf(file, "SKU-%06d,Bolt,item,%s\n", i, strings.Repeat("words that describe it ", 2000))
	}
	w.Must(z.Close())
	w.Drop("products", "1.csv", archive.String())
	packed := false
	w.OnStep(func(string) {
		all, err := filepath.Glob(filepath.Join(w.State, "spool", "*"+spool.Packed))
		w.Must(err)
		packed = packed || len(all) == 1
	})
	w.Round()
	w.Expect("products", bridge.Loaded, bridge.Counts{Rows: 3, Created: 3})
	if !packed {
		t.Error("its copy was not compressed")
	}
}

// The copy of a large file goes once the file is put away, and is fetched again from there for whoever needs it; that of a small one
// stays.
func TestTheCopyOfALargeFileGoesOnceItIsPutAway(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("products", ""))
	const n = 700
	var b strings.Builder
	b.WriteString("sku,name,unit,description\n")
	for i := range n {
		fmt.Fprintf(&b, "SKU-%06d,Bolt,item,%s\n", i, strings.Repeat("words that describe it ", 4))
	}
	w.Drop("products", "1.csv", b.String())
	w.Round()
	d := w.Expect("products", bridge.Loaded, bridge.Counts{Rows: n, Created: n})
	copies := func() []string {
		all, err := filepath.Glob(filepath.Join(w.Ledger.Spool(), "*"))
		w.Must(err)
		return all
	}
	if d.Spool != "" || len(copies()) != 0 {
		t.Errorf("its copy is %q, the spool holds %v", d.Spool, copies())
	}
	_, err := w.B.In.Rerun(t.Context(), d, inbound.RerunOptions{}, bridge.Decision{Who: "olga"})
	w.Must(err)
	if all := copies(); len(all) != 1 || !strings.HasSuffix(all[0], spool.Packed) {
		t.Errorf("the spool holds %v", all)
	}
	w.Round()
	w.Expect("products", bridge.Loaded, bridge.Counts{Rows: n, Unchanged: n})
	w.Drop("products", "2.csv", "sku,name\nSKU-000001,Nut\n")
	w.Round()
	if d := w.Expect("products", bridge.Loaded, bridge.Counts{Rows: 1, Updated: 1}); d.Spool != "2" || len(copies()) != 1 {
		t.Errorf("its copy is %q, the spool holds %v", d.Spool, copies())
	}
}

// forget takes the spool's bytes away.
func forget(w *bridgetest.World) {
	all, err := filepath.Glob(filepath.Join(w.Ledger.Spool(), "*"))
	w.Must(err)
	for _, path := range all {
		w.Must(os.Remove(path))
	}
}
