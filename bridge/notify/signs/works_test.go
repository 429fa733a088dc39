package signs

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
)

// Whoever gets alarms as JSON finds the oldest order or file that one is about in a field of its own.
func TestAnAlarmOfAnExportNamesItsOldest(t *testing.T) {
	type told struct {
		Of, File, Order string
		N               int64
	}
	several := bridge.AlarmCount{N: 3, First: "2026-7, the second"}
	for note, want := range map[string]struct {
		text string
		told told
	}{
		"orders refused":    {bridge.AlarmCount{N: 1, First: "2026-7"}.String(), told{"export orders", "", "2026-7", 1}},
		"orders unanswered": {several.String(), told{"export orders", "", "2026-7, the second", 3}},
		"orders overdue":    {bridge.AlarmCount{N: 2, First: "orders_1.csv"}.String(), told{"export orders", "orders_1.csv", "", 2}},
		"shop restored":     {"2, the oldest is no order", told{"shop", "", "", 1}},
	} {
		var got []told
		for _, s := range noted(map[string]string{"alarm " + note: want.text}) {
			got = append(got, told{s.Of, s.File, s.Order, s.N})
		}
		if diff := cmp.Diff([]told{want.told}, got); diff != "" {
			t.Errorf("%s: %s", note, diff)
		}
	}
}
