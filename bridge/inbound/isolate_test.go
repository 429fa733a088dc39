package inbound_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// TestARowThatAlwaysGetsA500IsIsolatedInMinutes: the shop takes all batches but those that hold one row.
func TestARowThatAlwaysGetsA500IsIsolatedInMinutes(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FiveFeeds)
	w.Shop.Inject(orotest.Fault{Method: http.MethodPatch, Path: "/admin/api/customers", Times: 1000,
		Match:  func(_ *http.Request, body []byte) bool { return bytes.Contains(body, []byte("poison")) },
		Effect: orotest.ServerError()})
	text := "customer_number,name\n"
	for i := range 300 {
		name := fmt.Sprintf("Customer %d", i)
		if i == 137 {
			name = "poison"
		}
		text += fmt.Sprintf("N-%03d,%s\n", i, name)
	}
	w.Drop("customers", "c1.csv", text)
	began := w.Clock.Now()
	w.Round()
	took := w.Clock.Now().Sub(began)
	d, run := w.Last("customers")
	if want := (bridge.Counts{Rows: 300, Created: 299, Rejected: 1}); run.Counts != want {
		t.Errorf("%+v, want %+v; rejects:\n%s", run.Counts, want, strings.Join(w.Rejects(d), "\n"))
	}
	if took > 10*time.Minute { // how long it waits between tries is chance, too
		t.Errorf("it took %v of the shop's time", took)
	}
	t.Logf("isolated in %v", took)
}
