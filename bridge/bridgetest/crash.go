package bridgetest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Errand is what the crash test does: a drop with a reject, one that is a duplicate, one that is too large.
func (w *World) Errand() {
	for _, f := range []struct{ name, content string }{
		{"a.csv", OnePrice("1") + Price("SKU1", "x")}, {"b.csv", OnePrice("1") + Price("SKU1", "x")}, {"c.csv", strings.Repeat("z", 5000)},
	} {
		w.Drop("prices", f.name+".ok", "")
		w.Drop("prices", f.name, f.content)
	}
}

// DieAt makes a round of the bridge that dies at the n-th time that it comes to a step, and says whether it came there. A
// round that comes to its end must not fail.
func (w *World) DieAt(step string, n int) (died bool) {
	w.T.Helper()
	died, err := w.dieAt(step, n)
	w.Must(err)
	return died
}

// DieAtAny is DieAt for the n-th step, whatever it is.
func (w *World) DieAtAny(n int) (died bool) { return w.DieAt("", n) }

// CrashAt is DieAt for a bridge that is in trouble: its round may fail, too.
func (w *World) CrashAt(step string, n int) {
	w.T.Helper()
	_, _ = w.dieAt(step, n)
}

// dieAt makes the round, and starts the bridge again.
func (w *World) dieAt(step string, n int) (died bool, err error) {
	type crash struct{}
	w.OnStep(func(name string) {
		if name == step || step == "" {
			if n--; n == 0 {
				panic(crash{})
			}
		}
	})
	defer func() {
		r := recover()
		if r != nil && r != any(crash{}) {
			panic(r)
		}
		died = r != nil
		w.Restart()
	}()
	return false, w.B.Round(context.Background())
}

// End is what the world looks like in the end.
func (w *World) End() string {
	w.Round()
	w.Later(91 * 24 * time.Hour) // once what is old has gone, too
	names := w.Files()
	drops, err := w.Ledger.Drops(context.Background(), bridge.DropFilter{})
	w.Must(err)
	var b strings.Builder
	for _, d := range drops {
		runs, err := w.Ledger.Runs(context.Background(), d.ID)
		w.Must(err)
		fmt.Fprintf(&b, "%s %s %s %q %q %q\n", d.Name, d.State, d.Reason, d.Path, d.Spool, d.Finish)
		for _, r := range runs {
			fmt.Fprintf(&b, "  %s %s %+v told %t\n", r.Kind, r.State, r.Counts, r.Reported)
		}
	}
	spool, err := os.ReadDir(w.Ledger.Spool())
	w.Must(err)
	fmt.Fprintf(&b, "%v %d prices %d spooled", names, w.Shop.Count("productprices"), len(spool))
	return b.String()
}
