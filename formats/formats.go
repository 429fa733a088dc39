// Package formats is the pure middle of the bridge: readers that turn files into rows, a mapping that turns rows
// into records, and the canonical records themselves.
//
// Contract: a reader in, rows with positions out; records in, bytes out. Nothing here knows a network, a database
// or a clock. Every input is hostile until checked: the size of a row, of a cell and of a nesting is bounded by the
// format that reads it, so memory follows the largest allowed row and never the file.
//
// A file format is a package below this one (formats/csv, …) whose options implement [Format]; the program
// registers it under its kind. An entity is one file here (customers.go, products.go, …) that describes its fields
// as data.
package formats

import (
	"fmt"
	"io"
)

// Position says where a row stands in its file, in the terms of the file's own format.
type Position struct {
	Line    int64  // 1-based line on which the row begins; the segment number in an IDoc
	Offset  int64  // 0-based byte offset of the row's beginning (of its IDoc's in an IDoc file) in the decoded stream; -1 when unknown
	Segment string // "E1KNA1M" in an IDoc, the element's path in XML; empty in CSV
	Doc     string // DOCNUM of an IDoc; empty elsewhere
	Part    string // which file of an archive with several; empty elsewhere
}

func (p Position) String() string {
	if part := p.Part; part != "" {
		p.Part = ""
		return part + " " + p.String()
	}
	switch {
	case p.Doc != "":
		return fmt.Sprintf("IDoc %s segment %d %s", p.Doc, p.Line, p.Segment)
	case p.Segment != "":
		return fmt.Sprintf("line %d %s", p.Line, p.Segment)
	}
	return fmt.Sprintf("line %d", p.Line)
}

// Row is one row of a file as its reader found it.
type Row struct {
	Pos Position
	// Cells stand in the order of [Reader.Columns]. The slice is the reader's own and is reused by the next call of
	// Next; the strings stay valid.
	Cells []string
	// Absent marks the cells that this row does not carry at all, as against empty ones; nil when every cell is there.
	Absent []bool
}

// Size is about how many bytes of memory a row's cells take. Who collects rows bounds the sum of their sizes, not only
// their number: a row may be as long as its format allows.
func (r *Row) Size() int {
	const header = 16 // of a string
	n := header * len(r.Cells)
	for _, c := range r.Cells {
		n += len(c)
	}
	return n + len(r.Absent)
}

// A Reader yields the rows of one file, in order.
type Reader interface {
	// Columns are the names of the cells as the sender calls them. They do not change while the file is read.
	Columns() []string
	// Next fills row. It returns io.EOF after the last row; a *Reject when this row is bad and the next one can
	// still be read (row.Pos and, as far as they are known, row.Cells are set); any other error, usually a
	// *FileError, when the file can't be read further.
	Next(row *Row) error
}

// A Corrector is a [Reader] that can tell a file of rejects that came back from an ordinary one: such a file holds only
// some rows, even where files hold everything.
type Corrector interface {
	Corrects() bool
}

// A Format reads one kind of file. Its implementation is the struct of its options, with yaml tags, so that a feed's
// `format:` is decoded straight into it.
type Format interface {
	// Check reports options that make no sense, all of them at once (errors.Join), as OptionErrors.
	Check() error
	// Numbers and dates are written so.
	Conventions() Conventions
	// Open reads what stands before the first row (byte order mark, header, envelope). An empty file, or one with a
	// header only, opens well and has no rows.
	Open(r io.Reader, e *Entity) (Reader, error)
	// Rejects begins a file in the sender's own form and dialect that holds only rows that failed.
	Rejects(w io.Writer, columns []string) (RejectWriter, error)
}

// A RejectWriter writes rows that failed, with the reasons, in the form in which they came. Corrected by hand and
// dropped again, the file is an ordinary drop: the columns _line, _code and _message are ignored by the reader.
type RejectWriter interface {
	// Write adds a row with its reject. Cells stand in the order of the columns.
	Write(cells []string, reject *Reject) error
	// Close ends the file. It does not close the underlying writer.
	Close() error
}

// An OrderFormat writes outbound orders.
type OrderFormat interface {
	Check() error
	// Extension is the usual ending of the file's name, with its dot: ".csv".
	Extension() string
	// WriteOrders writes a whole file that holds the orders.
	WriteOrders(w io.Writer, orders []*Order) error
}

// Column names that a reject file adds. A reader leaves them out of Columns.
const (
	RejectLine    = "_line"
	RejectCode    = "_code"
	RejectMessage = "_message"
)

// Reject says why a row can't be loaded. It is the row's own fault: nothing but another content will help.
type Reject struct {
	Pos     Position
	Key     string // business key as far as it is known
	Keyed   bool   // Key is the whole key of the row's record, for certain. Where it is not, nobody knows which record the row was about
	Field   string // canonical field; the sender's column when the row never got that far; empty for the whole row
	Code    string // one of the Code constants, stable: people filter by it
	Message string // one sentence for the person who mends the file
}

func (r *Reject) Error() string {
	if r.Field == "" {
		return fmt.Sprintf("%s: %s", r.Pos, r.Message)
	}
	return fmt.Sprintf("%s, %s: %s", r.Pos, r.Field, r.Message)
}

// Warning says what of a row was left out so that the rest of it could be loaded. The row itself has its fate like any
// other: a warning makes no row disappear.
type Warning struct {
	Pos     Position
	Key     string
	Field   string // the first field at fault
	Code    string // one of the Code constants
	Message string // one sentence for the person who mends the data
}

// Codes of rejects and warnings. The shop's own refusals carry CodeShop and the shop's words.
const (
	CodeRagged     = "ragged"     // more or fewer cells than the header
	CodeTooLong    = "too_long"   // a row or cell over its limit
	CodeEncoding   = "encoding"   // bytes that the declared encoding does not have
	CodeControl    = "control"    // NUL or another control character in a cell
	CodeQuote      = "quote"      // a quote in a place where it can't stand
	CodeMissing    = "missing"    // a required field is empty
	CodeAmount     = "amount"     // not a decimal number, or out of bounds
	CodeDate       = "date"       // not a date of the configured form
	CodeFlag       = "flag"       // not one of the flags
	CodeValue      = "value"      // not in the value list, or not one of the field's values
	CodeExpr       = "expr"       // a mapping expression failed
	CodeKey        = "key"        // the key is empty or malformed
	CodeDuplicate  = "duplicate"  // the key stands twice and the policy is reject
	CodeParent     = "parent"     // a parent did not come within park_for
	CodeDamaged    = "damaged"    // it waited for its parent, and the disk of the ledger has changed it meanwhile
	CodeReference  = "reference"  // a name that the shop does not have (a tax code, a category, …)
	CodeAmbiguous  = "ambiguous"  // a name that the shop has more than once
	CodeShop       = "shop"       // the shop refused the record
	CodeStructure  = "structure"  // a segment or element where it can't stand
	CodeIncomplete = "incomplete" // fields that count only together, and one of them is empty
	CodeNoRows     = "no_rows"    // of a file or a document in it: it is well-formed and holds nothing that the feed reads
)

// Codes of files that are refused as a whole, stable: people filter by them.
const (
	CodeFileLimit     = "limit"         // more comes out of it than its caps allow
	CodeFileUnwrap    = "unwrap"        // it is not wrapped as configured, or damaged
	CodeFileSignature = "signature"     // its signature is missing, somebody else's, or does not fit
	CodeFilePlain     = "not_encrypted" // everybody could read it on its way
	CodeFileReplayed  = "replayed"      // its signature came before
	CodeFileNeverFits = "never_fits"    // more has to come out of it than the disk could ever hold
	CodeFileTrailer   = "trailer"       // its trailer is missing, or says something else than what stands before it
)

// FileError says why a file can't be read further.
type FileError struct {
	Code    string // CodeNoRows, or one of the CodeFile constants where there is one for the fault; else empty
	Pos     Position
	Column  string
	Message string // what is wrong
	Hint    string // what to do next
}

func (e *FileError) Error() string {
	where := ""
	switch {
	case e.Pos.Line > 0:
		where = e.Pos.String() + ": "
	case e.Pos.Part != "":
		where = e.Pos.Part + ": "
	}
	if e.Column != "" {
		where += "column " + e.Column + ": "
	}
	return where + e.Message
}
