package outbound

import (
	"testing"

	"github.com/orobridge/orobridge/bridge"
)

// FuzzMark: a name that is read as a mark says the same when it is written again, and nobody's mark makes the numbers turn back.
func FuzzMark(f *testing.F) {
	f.Add("orders", ".orobridge-a1b2-orders-g1-n42-d43-20260131T235959Z.mark")
	f.Add("orders", ".orobridge-a1b2-orders-g999999999999999999-n999999999999999999-d0-00010101T000000Z.mark")
	f.Add("a-g1", ".orobridge-x-a-g1-g1-n1-d1-20260131T235959Z.mark")
	f.Fuzz(func(t *testing.T, export, name string) {
		m, ok := markOf(export, name)
		if !ok {
			return
		}
		again, ok := markOf(export, m.file(export))
		if again.name = m.name; !ok || again != m || m.number < 0 || m.document < 0 || m.generation < 0 {
			t.Errorf("%q is %+v, and then %+v, %v", name, m, again, ok)
		}
		own, others := marks(m.identity, export, []bridge.File{{Name: name}, {Name: m.file(export)}})
		if own == nil || others != nil {
			t.Errorf("%q is the mark of %v and %v", name, own, others)
		}
	})
}
