package inbound_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge/bridgetest"
)

// While a drop loads, its stage takes no more than half of the file; it is gone after.
func TestTheStageOfADropStaysSmall(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FiveFeeds)
	staged := func() (n int64) {
		all, err := filepath.Glob(filepath.Join(w.State, "spool", "orobridge-stage-*"))
		w.Must(err)
		for _, p := range all {
			info, err := os.Stat(p)
			w.Must(err)
			n += info.Size()
		}
		return n
	}
	peak := int64(0)
	w.OnStep(func(string) { peak = max(peak, staged()) })
	for change := range 2 {
		var b strings.Builder
		b.WriteString("sku,name,unit,description,status,tax_code\n")
		for i := range 3000 {
			fmt.Fprintf(&b, "SKU-%06d,Hexagon bolt M%d steel,item,Some words %d that describe the thing %d "+
				"in a line or two for people,enabled,FULL\n", i, i%50, i, change)
		}
		peak = 0
		w.Drop("products", fmt.Sprintf("%d.csv", change), b.String())
		w.Round()
		if peak == 0 || peak > int64(b.Len())/2 || staged() != 0 {
			t.Errorf("a file of %d bytes had a stage of %d, %d after", b.Len(), peak, staged())
		}
	}
}
