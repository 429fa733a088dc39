package plan

import (
	"fmt"
	"testing"

	"github.com/orobridge/orobridge/bridge"
)

func knownOf(t testing.TB, links int64) *known {
	t.Helper()
	k, err := newKnown(links)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.close(); err != nil {
			t.Error(err)
		}
	})
	return k
}

func key(i int64) string { return fmt.Sprintf("Retail EUR|SKU-%08d|item|1|EUR", i) }

func TestALinkIsKnownByItsKeyAndFingerprintTogether(t *testing.T) {
	const n = 10_000
	k := knownOf(t, n)
	for i := range int64(n) {
		k.add([]byte(key(i)), bridge.LinkRef{ID: i + 1, Fingerprint: i%10 + 1}) // many have the same content, as prices do
	}
	for i := range int64(n) {
		if got := k.link(key(i), i%10+1); got != i+1 {
			t.Fatalf("link %d is told as %d", i+1, got)
		}
		for print := range int64(12) {
			if got := k.link(key(i), print); got != 0 && print != i%10+1 {
				t.Fatalf("with fingerprint %d instead of %d, the key of link %d is told to have link %d", print, i%10+1, i+1, got)
			}
		}
	}
	if got := k.link(key(n), 1); got != 0 {
		t.Errorf("a key without a link is told to have link %d", got)
	}
}

// What there is no room for, and what says nothing, is left to the ledger.
func TestWhatCannotBeKnownInShortIsLeftOut(t *testing.T) {
	k := knownOf(t, 1)
	k.add([]byte("doubtful"), bridge.LinkRef{ID: 1})
	k.add([]byte("far"), bridge.LinkRef{ID: 1 << 32, Fingerprint: 7})
	for i := range int64(10) { // entered since the links were counted
		k.add([]byte(key(i)), bridge.LinkRef{ID: i + 1, Fingerprint: 7})
	}
	if doubtful, far, first, last := k.link("doubtful", 0), k.link("far", 7), k.link(key(0), 7), k.link(key(9), 7); doubtful != 0 || far != 0 ||
		first != 1 || last != 0 {
		t.Errorf("found doubtful as %d, far as %d, the first as %d, the last as %d", doubtful, far, first, last)
	}
}

func BenchmarkKnownLinks(b *testing.B) {
	const n = 1 << 16
	k := knownOf(b, n)
	keys := make([]string, n)
	for i := range keys {
		keys[i] = key(int64(i))
		k.add([]byte(keys[i]), bridge.LinkRef{ID: int64(i + 1), Fingerprint: 7})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if k.link(keys[i*40_503%n], 7) == 0 {
			b.Fatal("not found")
		}
	}
}
