// Package shadow makes of a bridge one that writes nothing: for the weeks before a cutover, in which another system still does
// the work.
//
// # Contract
//
// A shadow plans each drop against the shop as it is and tells what it would have done; of each order it makes the file that it
// would have written, and holds it against what the other system wrote into the folder. Nothing is written to the shop nor to
// a remote, by construction: [Cast] puts ends in the place of the bridge's own that pass on what reads and refuse the rest. They
// list each method of their port, so that a port which grows does not compile until somebody has said what a shadow does.
//
// A shadow has a ledger of its own ([Dir]), which nobody else believes: its drops end as shadowed, its runs are of kind
// shadow, its numbers are no order's. What its links say was read from the shop. The bridge that comes after it begins
// with what stands in the folders then.
//
// # Limits
//
// Files are left where they are and known by name, size and time; one that the other system takes away before it was listed
// twice is missed. A row whose parent only the bridge would have made is told as parked. What the other system does between
// two listings is not told apart. Files that are encrypted differ from all others.
//
//   - shadow.go: the casting, and the feeds as a shadow reads them
//   - ends.go: ends that refuse to be written to
//   - beside.go, compare.go: what another system wrote into the folder of an export
package shadow

import (
	"path/filepath"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/daemon"
)

// Dir is the folder of the shadow's ledger, spool and lock, below that of the bridge's own.
func Dir(state string) string { return filepath.Join(state, "shadow") }

// Cast makes a shadow of a bridge that does not run yet.
func Cast(d *daemon.Daemon) {
	in, out := d.In, d.Out
	in.Shadow, in.Shop = true, reads{in.Shop}
	remotes := map[string]bridge.Remote{}
	for name, r := range in.Remotes {
		remotes[name] = looks{r, name}
	}
	in.ReadOnly = map[string]bool{}
	for name := range remotes {
		in.ReadOnly[name] = true
	}
	for i, f := range in.Feeds {
		in.Feeds[i] = shadowed(f)
	}
	for i, x := range out.Exports {
		out.Exports[i] = plain(x)
	}
	in.Remotes, out.Remotes = remotes, remotes
	out.Beside = (&beside{in, out}).look
	d.Subscribe = nil
}

// shadowed is a feed as a shadow reads it: nobody approves what would be held, so that nothing waits behind it, and what the
// ledger believes to be unchanged is looked at in the shop, where another system is at work.
func shadowed(f *config.Feed) *config.Feed {
	s := *f
	s.OnUnchanged, s.OnFailure, s.Receipts = "verify", "continue", nil
	if s.Gap.Then != "" {
		s.Gap = config.Gap{Then: "warn"}
	}
	return &s
}

// plain is an export whose files can be compared.
func plain(x *config.Export) *config.Export {
	s := *x
	s.Gzip, s.Encrypt = false, nil
	return &s
}
