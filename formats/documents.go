package formats

import (
	"io"
	"maps"
	"slices"
	"time"
)

// This file holds what a format may offer beyond [Format] and [OrderFormat], each as one small interface.

// A Selector is a Format that computes the entity's own columns and can yield the sender's raw ones beside them (any
// field of an IDoc's segments): it has to know what a feed's mapping reads.
type Selector interface {
	// Select is called once, while the config is loaded and before Check. The format adds the source columns that the
	// mapping reads (see [Mapping.Inputs]), leaves out its own columns for the fields that the mapping feeds, and uses
	// the value lists where one canonical text holds several of the sender's values (more_units). The error names the
	// columns that no row of this format can have; it begins with the feed's key (columns, format).
	Select(e *Entity, m *Mapping) error
}

// Inputs lists the source columns that a mapping reads, itself or in expressions, and the fields that it feeds from
// them or from constants.
func (m *Mapping) Inputs(e *Entity) (columns, fields []string, err error) {
	w, err := m.wire(e, Conventions{})
	if err != nil {
		return nil, nil, err
	}
	for column, field := range w.sources {
		columns, fields = append(columns, column), append(fields, field)
	}
	for field, x := range w.exprs {
		columns, fields = append(columns, x.columns...), append(fields, field)
	}
	for field := range w.constants {
		fields = append(fields, field)
	}
	slices.Sort(columns)
	slices.Sort(fields)
	return slices.Compact(columns), slices.Compact(fields), nil
}

// Feeds lists for each field that a mapping feeds the source columns that it comes from, in the order in which they are
// read. What Check would refuse is left out.
func (m *Mapping) Feeds(e *Entity) map[string][]string {
	w, _ := m.wire(e, Conventions{})
	feeds := map[string][]string{}
	for _, column := range slices.Sorted(maps.Keys(w.sources)) {
		feeds[w.sources[column]] = append(feeds[w.sources[column]], column)
	}
	for field, x := range w.exprs {
		feeds[field] = x.columns
	}
	return feeds
}

// Clocked is a Format whose rows depend on the day.
type Clocked interface {
	// SetClock gives the clock; its time zone decides when a day begins.
	SetClock(now func() time.Time)
}

// A RejectCopier is a Format whose rows are parts of larger things that a RejectWriter can't rebuild from cells: an
// IDoc, an element below its parents, a line below its header line. Its Rejects returns [ErrCopyRejects].
type RejectCopier interface {
	// CopyRejects reads the file r again and writes a valid file of the same form and encoding that holds only what
	// failed. It asks failed about every position at which a row of the file may begin, with Line, Offset and Doc
	// set as in the rows' own positions. It returns how many it kept.
	CopyRejects(w io.Writer, r io.Reader, e *Entity, failed func(Position) bool) (int, error)
}

// ErrCopyRejects is what Rejects returns when a format is a [RejectCopier].
var ErrCopyRejects = errCopyRejects{}

type errCopyRejects struct{}

func (errCopyRejects) Error() string {
	return "reject files of this format are copied from the file itself"
}

// A FileReader is a format whose options name files of their own, such as a template.
type FileReader interface {
	// SetOpen is called once, while the config is loaded and before Check. Relative names are relative to the config.
	SetOpen(open func(name string) (io.ReadCloser, error))
}

// A Receipter is a Format in whose own documents a sender can be told what became of his.
type Receipter interface {
	// Receipts says whether the options hold what receipts need.
	Receipts() bool
	// WriteReceipt reads the parts of a file again and writes what became of each document, up to where the file can't
	// be read any more. It returns how many it told of; w stays empty when there are none.
	WriteReceipt(w io.Writer, parts []io.Reader, o Receipt) (int, error)
}

// Receipt is what to tell of a run.
type Receipt struct {
	First int64     // number of the first document that is written
	At    time.Time // when the run ended
	Text  string    // what is said of each document that was taken
	// Fate says why the document at a place of a part failed, nil if it did not, and whether to tell of it at all.
	Fate func(part int, at Position) (why *Reject, tell bool)
}

// A Counter is a Reader (or a [Mapper]) that leaves things out on purpose and says how many.
type Counter interface {
	// Counts returns, by a short stable word, how many of each it has left out or noticed so far: "expired",
	// "other_area", "unknown_segment E1ABCDE". The map is the caller's.
	Counts() map[string]int64
}

// A Finisher is a Reader that can tell of a file that looks cut off though it could be read to its end.
type Finisher interface {
	// Unfinished says, once Next has returned io.EOF, what speaks for it, in words for people: the last line has no line
	// end, and the lines before it have one. It is empty when nothing does.
	Unfinished() string
}

// UnfinishedLine is what [Finisher] says of a file of lines.
const UnfinishedLine = "the last line has no line end, and the lines before it have one: the file may be cut off"

// A NumberedFormat is an OrderFormat whose files carry document numbers of a range that the ledger keeps.
type NumberedFormat interface {
	OrderFormat
	// Numbered returns a copy whose next WriteOrders gives the first order the number first, the second the one after
	// it, and so on.
	Numbered(first int64) OrderFormat
}

// A UnitLister is an OrderFormat that writes the ERP's units in place of the shop's.
type UnitLister interface {
	// Unmapped lists those of the shop's units for which its options have none: an order with one of them would be stuck.
	Unmapped(units []string) []string
}

// Codes of rejects that come from a document's envelope and validity.
const (
	CodeNotYet  = "not_yet" // valid from a later day on: drop it again then
	CodeClient  = "client"  // of an SAP client (MANDT) that the feed does not accept
	CodeTest    = "test"    // marked as a test
	CodeMessage = "message" // a message type that the feed does not read
)
