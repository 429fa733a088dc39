package bridgetest

import (
	"strings"

	"github.com/orobridge/orobridge/bridge"
)

// loaded are the names of the drops that were loaded, in the order in which that happened.
func (w *World) Loaded() string {
	w.T.Helper()
	var names []string
	drops, err := w.Ledger.Drops(w.T.Context(), bridge.DropFilter{Feed: "prices"})
	w.Must(err)
	byRun := map[int64]string{}
	var last int64
	for _, d := range drops {
		runs, err := w.Ledger.Runs(w.T.Context(), d.ID)
		w.Must(err)
		for _, r := range runs {
			if r.State == bridge.Done {
				byRun[r.ID], last = d.Name, max(last, r.ID)
			}
		}
	}
	for id := range last {
		if name := byRun[id+1]; name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}
