package listing

import (
	"fmt"

	"github.com/orobridge/orobridge/bridge"
)

// Awaited is a file that a manifest lists and that has not come yet.
type Awaited struct {
	bridge.ManifestEntry
	Manifest int64
	OnItsWay bool // a drop of it is ready or claimed
}

// WaitingFor lists what a manifest still waits for. A file has come once a drop of it was fetched that is what the
// manifest says; one that was other bytes leaves the manifest waiting for the right ones. An entry that a later manifest
// lists again is not awaited.
func WaitingFor(m *bridge.ManifestList) []Awaited {
	came := map[string]bool{}
	onItsWay := map[string]bool{}
	for _, d := range m.Came {
		switch d.State {
		case bridge.Seen, bridge.Vanished:
		case bridge.Ready, bridge.Claimed:
			onItsWay[d.Name] = true
		default:
			came[d.Name] = came[d.Name] || d.SHA256 == "" || d.ListedSHA256 == "" || d.SHA256 == d.ListedSHA256
		}
	}
	var left []Awaited
	for _, entry := range m.Entries {
		if !came[entry.Name] && !entry.Again {
			left = append(left, Awaited{entry.ManifestEntry, m.ID, onItsWay[entry.Name]})
		}
	}
	return left
}

// WaitsFor names the first few of the files that have not come.
func WaitsFor(files []Awaited) string {
	const few = 3
	text := fmt.Sprintf("waits for %d of its files", len(files))
	for i, a := range files[:min(len(files), few)] {
		text += []string{": ", ", "}[min(i, 1)] + a.Name
	}
	if len(files) > few {
		text += ", …"
	}
	return text
}
