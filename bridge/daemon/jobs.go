package daemon

import (
	"context"
)

// A Job is work that one bridge does at a time. Its units know of one another, and go on from the ledger wherever they are taken up: all
// imports of a shop, which wait for one another, share the spool and the shop's pace; the fronts, which take the files that are for
// several shops; an export; and the house, which is what is done once for all shops.
type Job struct {
	Kind string // KindImports, KindFronts, KindExport or KindHouse
	Of   string // the shop or the export; empty for the fronts and the house
	// Do works until ctx ends, which is no error, and soon after that returns. After [bridge.WithNotice] has given notice it does so, too,
	// once what is under way is done: a load ends between two batches, with none on its way.
	Do func(ctx context.Context) error
	// Loads says whether a file is being loaded now; nil for a job in which none ever is.
	Loads func() bool
}

// The kinds of jobs.
const (
	KindImports = "imports"
	KindFronts  = "fronts"
	KindExport  = "export"
	KindHouse   = "house"
)

// String names a job: "imports b2b", "export orders", "house".
func (j Job) String() string {
	if j.Of == "" {
		return j.Kind
	}
	return j.Kind + " " + j.Of
}

// A Share is how several bridges share the jobs of one ledger.
type Share interface {
	// Do has the jobs done that fall to this bridge, until ctx ends, which is no error, or until one of them fails. It hands each call of
	// [Share.Wake] to called, whichever bridge it comes from.
	Do(ctx context.Context, jobs []Job, called func(work string)) error
	// Wake calls all bridges for a piece of work: "webhook b2b" when that shop has something new, "feed prices" when branches of that feed
	// have. It waits for nothing; a call may be lost.
	Wake(work string)
}
