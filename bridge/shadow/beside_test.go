package shadow_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// beside is a shadow of an export, whose orders begin with the test.
func beside(t *testing.T) *bridgetest.World {
	w := cast(t, fmt.Sprintf(bridgetest.AnExport, ""), orotest.Seed(orotest.Sample))
	w.Put("old.csv", "it stood there before")
	w.Round()
	w.Later(time.Minute)
	return w
}

// would is what the bridge would have written for an order: the name and the content of its file.
func would(w *bridgetest.World, order string) (name, text string) {
	w.T.Helper()
	owed, err := w.Ledger.Outbox(w.T.Context(), bridge.OutboxFilter{Order: order})
	w.Must(err)
	if len(owed) != 1 {
		w.T.Fatalf("order %s: %+v", order, owed)
	}
	body, err := w.Ledger.Body(w.T.Context(), owed[0].Export, owed[0].Number)
	w.Must(err)
	return owed[0].File, string(body)
}

// compared is a line for each order: identifier, state, reason.
func compared(w *bridgetest.World) []string {
	w.T.Helper()
	owed, err := w.Ledger.Outbox(w.T.Context(), bridge.OutboxFilter{})
	w.Must(err)
	lines := []string{}
	for _, o := range owed {
		lines = append(lines, fmt.Sprintf("%s %s: %s", o.Order, o.State, o.Reason))
	}
	return lines
}

// TestOrdersAreComparedWithWhatAnotherSystemWrote, file by file: the same content, whatever the file is called; another one,
// and where; none; and one that no order explains. The other system's numbers are its own.
func TestOrdersAreComparedWithWhatAnotherSystemWrote(t *testing.T) {
	w := beside(t)
	for _, order := range []string{"A-1", "A-2", "A-3", "A-4"} {
		w.Submit(order)
	}
	w.Round()
	name, text := would(w, "A-1")
	w.Put(strings.ReplaceAll(name, "_000000000", "_990000000"), text)
	name, text = would(w, "A-2")
	w.Put(name, strings.Replace(text, "9.95", "9.59", 1))
	_, text = would(w, "A-3")
	w.Put("SHOP0815.csv", text+"one line more\n")
	w.Put("stranger.csv", "nobody ordered this\n")
	before := standing(w)
	w.Later(10 * time.Second)
	w.Later(10 * time.Second)
	owed := func() []string { return compared(w) }
	_, at, _ := strings.Cut(owed()[1], " at ")
	want := []string{
		"A-1 same: as ORD_20261121T070101Z_9900000001_A-1.csv has it",
		"A-2 differs: from ORD_20261121T070102Z_0000000002_A-2.csv: 1 of 2 lines differ, the first is line 2 at " + at,
		`A-3 differs: from SHOP0815.csv: 1 of 3 lines differ (ours has 2, theirs 3), the first is line 3 at character 1: ours "", ` +
			`theirs "one line more"`,
		"A-4 owed: ",
	}
	if diff := cmp.Diff(want, owed()); diff != "" {
		t.Errorf("orders (-want +got):\n%s\n%s", diff, w.Log)
	}
	if !strings.Contains(at, "9.95") || !strings.Contains(at, "9.59") {
		t.Errorf("where they differ is told as %q", at)
	}
	w.Later(2 * time.Hour)
	want[3] = "A-4 missing: nobody has written it within 1h"
	if diff := cmp.Diff(want, owed()); diff != "" {
		t.Errorf("two hours later (-want +got):\n%s", diff)
	}
	wantTold(t, w, bridge.BesideFeed("orders"), "old.csv shadowed: it stood there when the shadow began",
		"ORD_20261121T070101Z_9900000001_A-1.csv shadowed: same: file 1, ORD_20261121T070101Z_0000000001_A-1.csv",
		"ORD_20261121T070102Z_0000000002_A-2.csv shadowed: differs: file 2, ORD_20261121T070102Z_0000000002_A-2.csv",
		"SHOP0815.csv shadowed: differs: file 3, ORD_20261121T070103Z_0000000003_A-3.csv",
		"stranger.csv extra: no order of the shop explains it")
	if diff := cmp.Diff(before, standing(w)); diff != "" {
		t.Errorf("the remote has changed (-before +after):\n%s", diff)
	}

	// One that comes late is compared all the same.
	name, text = would(w, "A-4")
	w.Put(name, text)
	w.Later(10 * time.Second)
	w.Later(10 * time.Second)
	if got := owed()[3]; !strings.HasPrefix(got, "A-4 same: ") {
		t.Errorf("the late one: %s", got)
	}
}

// TestAComparisonThatWasKilledGoesOn: no file is told twice, and none as one too many.
func TestAComparisonThatWasKilledGoesOn(t *testing.T) {
	w := beside(t)
	w.Submit("A-1")
	w.Round()
	name, text := would(w, "A-1")
	w.Put(name, text)
	w.Later(10 * time.Second)
	w.Tick(10 * time.Second)
	if died := w.DieAt("compared", 1); !died {
		t.Fatal("the comparison never came to its step")
	}
	w.Round()
	w.Later(2 * time.Hour)
	if got := compared(w); len(got) != 1 || !strings.HasPrefix(got[0], "A-1 same") {
		t.Errorf("orders: %q", got)
	}
	if got := told(w, bridge.BesideFeed("orders")); !strings.HasPrefix(got[1], name+" shadowed: same") {
		t.Errorf("files: %q", got)
	}
}

// packed is a text in gzip.
func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestAPackedFileIsComparedUnpacked, whether ours or theirs is packed.
func TestAPackedFileIsComparedUnpacked(t *testing.T) {
	w := cast(t, fmt.Sprintf(bridgetest.AnExport, ", gzip: true"), orotest.Seed(orotest.Sample))
	w.Round()
	w.Later(time.Minute)
	w.Submit("A-1")
	w.Round()
	name, text := would(w, "A-1")
	if strings.HasSuffix(name, ".gz") || !strings.Contains(text, "A-1") {
		t.Fatalf("%s holds %q", name, text)
	}
	w.Must(os.WriteFile(filepath.Join(w.Folder, "orders", name+".gz"), packed(t, text), 0o644))
	w.Later(10 * time.Second)
	w.Later(10 * time.Second)
	if got := compared(w); len(got) != 1 || !strings.HasPrefix(got[0], "A-1 same: ") {
		t.Errorf("orders: %q", got)
	}
}
