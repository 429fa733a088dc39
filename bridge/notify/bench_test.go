package notify_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// BenchmarkRound looks at a ledger with 60,000 drops of three feeds, 500 of them rejected and 500 partial, as a bridge does every ten
// seconds.
func BenchmarkRound(b *testing.B) {
	h := newHouse(b, `notify: [{ name: ops, command: [/bin/true] }]`)
	now := h.clock.Now()
	for i := range 60 {
		l := bridge.Listing{At: now}
		for j := range 100 {
			d := &bridge.Drop{Feed: []string{"prices", "full", "daily"}[j%3], Remote: "disk", Folder: "f", Name: fmt.Sprintf("%d_%d.csv", i, j),
				State: bridge.Loaded, ListedRows: -1, SeenAt: now.Add(-time.Duration(60-i) * time.Hour), SettledAt: now}
			if i == 59 && j%3 == 0 {
				d.State, d.Reason = bridge.Rejected, "no header"
			}
			if i == 58 && j%3 == 0 {
				d.State = bridge.Partial
			}
			l.New = append(l.New, d)
		}
		h.must(h.ledger.Listed(b.Context(), l))
	}
	h.clock.to(now.Add(time.Minute))
	h.must(h.keeper.Round(b.Context()))
	b.ReportAllocs()
	for b.Loop() {
		h.must(h.keeper.Round(b.Context()))
	}
}
