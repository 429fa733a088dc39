package bridge

import (
	"context"
	"slices"
	"time"

	"github.com/orobridge/orobridge/formats"
)

// StageStatus is how far a staged change is.
type StageStatus int

// The statuses of staged changes.
const (
	Undecided StageStatus = iota // the ledger does not know the key: the shop has to be asked
	Decided                      // Op, Values and Old are set
	Waiting                      // its parent is not there yet
	Finished                     // has its fate
)

// Staged is one change of a run's plan, with all that is needed to send and to settle it.
type Staged struct {
	Seq int64 // order of the file; 0 until it is put
	Change
	Link    int64 // 0: the ledger does not know the key
	Remove  bool  // the row marks a removal
	Implied bool  // not a row of the file: a full drop lacks the key
	Status  StageStatus
	Cap     int  // largest batch it may travel in; 0: no bound of its own
	Tries   int  // how often it was on its way in a batch of which nobody knows what became
	Again   bool // a create of it may have been accepted: when it is found in the shop, it counts as created
	Verify  bool // the row is unchanged as far as the ledger knows: the shop is looked at all the same
	Missing *Missing
	Raw     Cells
	Parked  time.Time // since when the record has been parked; zero for a row of the file
}

// Cells are a row's cells under the sender's names of their columns. In a stage, where there are many, they are a list; where a row is
// kept on its own, for people, it is a map of them.
type Cells []formats.Value

// CellsOf are the cells of a row, by name.
func CellsOf(row map[string]string) Cells {
	var cells Cells
	for name, text := range row {
		cells = append(cells, formats.Value{Field: name, Text: text})
	}
	slices.SortFunc(cells, ByField)
	return cells
}

// Row is the cells as a row; nil for none.
func (c Cells) Row() map[string]string {
	if c == nil {
		return nil
	}
	row := make(map[string]string, len(c))
	for _, cell := range c {
		row[cell.Field] = cell.Text
	}
	return row
}

// A Stage holds the changes of one run between planning and sending, on disk, one per key. It does not outlast its run:
// after a crash the run is planned again. Not safe for concurrent use.
type Stage interface {
	// Put adds changes, and returns those whose keys the stage holds already: they were not added. Their numbers hold until more
	// are put.
	Put(ctx context.Context, changes []*Staged) (repeats []*Staged, err error)
	// Get finds a change by key, as long as not all is planned; nil if there is none.
	Get(ctx context.Context, key string) (*Staged, error)
	// Save writes back what is known of changes that were read or put: all but their keys, positions, records and rows. Replace
	// writes all of the change of a key back; Drop takes it away.
	Save(ctx context.Context, changes []*Staged) error
	Replace(ctx context.Context, c *Staged) error
	Drop(ctx context.Context, key string) error
	// Next returns up to n changes of a status after a sequence number, in order: fewer where they are large, and none where there are no
	// more.
	Next(ctx context.Context, status StageStatus, after int64, n int) ([]*Staged, error)
	// Planned says that no more changes are put: what finds them by their keys goes, and so does what has its fate.
	Planned(ctx context.Context) error
	// Count counts changes by status and operation. Those that have their fate may be gone once all is planned.
	Count(ctx context.Context) (map[StageStatus]map[Op]int64, error)
	// Close removes the stage.
	Close() error
}
