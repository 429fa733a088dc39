// Package csv reads and writes delimited text: rows in any dialect, files of rejected rows in the same dialect, and
// orders.
//
// Contract: rows are those that encoding/csv finds, with their line and byte offset. A row longer than max_row, or with more cells
// than any file has columns, is rejected without being held in memory. A header that comes again is no row; it is counted.
// A trailer, where the options tell of one, must be there and fit what stands before it. A quote that stands where none
// can stand, or that never closes, rejects its line; reading goes on with the line after it, so that one bad quote costs
// one row and not all that follow. Blank lines are no rows.
//
// Limits: a file has at most 10,000 columns; a rejected row keeps at most 100 cells more than the header has. The quote is
// one ASCII character, doubled inside a quoted cell; there are no escapes and no comments. Inside a quoted cell CR LF reads
// as LF. Cells are not checked for their characters here: that is the mapper's work, and only for the columns that it uses.
package csv

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/internal/charset"
)

// Limits of a row in bytes of UTF-8, and of a file's shape.
const (
	DefaultMaxRow = 1 << 20
	maxMaxRow     = 64 << 20
	maxColumns    = 10_000  // of a file
	maxDelimiters = 1 << 16 // in a row of more than one chunk, those inside of quoted cells among them
	spareCells    = 100     // that a rejected row keeps beyond the header's
)

// Options describe a sender's dialect. The zero value reads canonical CSV: UTF-8, commas, double quotes, one header.
type Options struct {
	Delimiter string              `yaml:"delimiter" doc:"one character, or tab; a comma by default"`
	Quote     string              `yaml:"quote" doc:"one ASCII character, or none; a double quote by default"`
	Header    string              `yaml:"header" doc:"true by default, or none: then fields names the columns"`
	Fields    []string            `yaml:"fields" doc:"columns of a file without a header, in order"`
	Encoding  string              `yaml:"encoding" doc:"utf-8 by default, iso-8859-1, windows-1252, utf-16, …; a byte order mark in the file wins"`
	Numbers   formats.Conventions `yaml:",inline"`
	Skip      int                 `yaml:"skip" doc:"lines before the header"`
	Ragged    string              `yaml:"ragged" doc:"reject by default, or pad: cells that a row lacks at its end count as absent"`
	MaxRow    int                 `yaml:"max_row" doc:"longest row in bytes, 1 MiB by default"`
	Trim      bool                `yaml:"trim" doc:"take blanks before a cell off"`
	Trailer   *Trailer            `yaml:"trailer" doc:"the last row says what should stand before it; a file where it lacks or does not fit is refused"`
}

// Trailer describes a file's last row. Its cells are counted from 1.
type Trailer struct {
	Begins string `yaml:"begins" doc:"text of its first cell, by which it is known"`
	Count  int    `yaml:"count" doc:"number, from 1, of its cell that holds the number of rows"`
	Sum    int    `yaml:"sum" doc:"number of its cell that holds the sum of a column"`
	Of     string `yaml:"of" doc:"that column"`
}

var _ formats.Format = (*Options)(nil)

// Check reports options that make no sense, all of them at once, as OptionErrors.
func (o *Options) Check() error {
	d, problem := newDialect(o.Delimiter, o.Quote)
	problems := []error{problem, o.checkHeader(), formats.AtKey("encoding", charset.Check(o.Encoding)), o.Numbers.Check()}
	if problem == nil && o.Trim && unicode.IsSpace(d.comma) {
		problems = append(problems, formats.AtKey("trim", errors.New("would take the delimiter for a blank")))
	}
	if o.Skip < 0 {
		problems = append(problems, formats.AtKey("skip", errors.New("is negative")))
	}
	if o.Ragged != "" && o.Ragged != "reject" && o.Ragged != "pad" {
		problems = append(problems, formats.AtKey("ragged", fmt.Errorf("%q is neither reject nor pad", o.Ragged)))
	}
	if o.MaxRow < 0 || o.MaxRow > maxMaxRow {
		problems = append(problems, formats.AtKey("max_row", fmt.Errorf("%d is not between 1 and %d bytes", o.MaxRow, maxMaxRow)))
	}
	return errors.Join(append(problems, formats.AtKey("trailer", o.Trailer.check()))...)
}

func (t *Trailer) check() error {
	switch {
	case t == nil:
		return nil
	case strings.TrimSpace(t.Begins) == "":
		return formats.AtKey("begins", errors.New("the text of its first cell is needed, to know it by"))
	case t.Count < 0 || t.Count > maxColumns || t.Sum < 0 || t.Sum > maxColumns || t.Count == 1 || t.Sum == 1:
		return fmt.Errorf("count and sum are numbers of cells, from 2 to %d", maxColumns)
	case t.Count == 0 && t.Sum == 0:
		return formats.AtKey("count", errors.New("say which cell holds the number of rows, or by sum which the sum of a column"))
	case (t.Sum > 0) != (t.Of != ""):
		return formats.AtKey("sum", errors.New("the cell with the sum, and of, the column that is summed, go together"))
	}
	return nil
}

func (o *Options) checkHeader() error {
	switch strings.ToLower(o.Header) {
	case "", "true", "yes":
		if len(o.Fields) > 0 {
			return formats.AtKey("fields", errors.New("the header names the columns already; with header: none the fields do"))
		}
		return nil
	case "none", "false", "no":
	default:
		return formats.AtKey("header", fmt.Errorf("%q is neither true nor none", o.Header))
	}
	if len(o.Fields) > maxColumns {
		return formats.AtKey("fields", fmt.Errorf("%d columns, at most %d are allowed", len(o.Fields), maxColumns))
	}
	if len(o.Fields) == 0 {
		return formats.AtKey("fields", errors.New("a file without a header needs the names of its columns, in order"))
	}
	for i, f := range o.Fields {
		if f != "" && slices.Contains(o.Fields[:i], f) {
			return formats.AtKey("fields", fmt.Errorf("%s stands twice", f))
		}
	}
	return nil
}

// headerless says that Fields name the columns.
func (o *Options) headerless() bool { return len(o.Fields) > 0 }

func (o *Options) maxRow() int {
	if o.MaxRow > 0 {
		return o.MaxRow
	}
	return DefaultMaxRow
}

// Conventions tells how numbers and dates are written.
func (o *Options) Conventions() formats.Conventions { return o.Numbers }

// Open reads the header.
func (o *Options) Open(r io.Reader, _ *formats.Entity) (formats.Reader, error) {
	return open(r, o)
}

// Rejects begins a file of rejected rows.
func (o *Options) Rejects(w io.Writer, columns []string) (formats.RejectWriter, error) {
	return newRejects(w, columns, o)
}

// dialect is how cells are set apart.
type dialect struct {
	comma rune
	quote byte // 0 for none
}

func newDialect(delimiter, quote string) (dialect, error) {
	d := dialect{comma: ',', quote: '"'}
	var problems []error
	switch delimiter {
	case "":
	case "tab", `\t`, "\t":
		d.comma = '\t'
	default:
		r, n := utf8.DecodeRuneInString(delimiter)
		if n != len(delimiter) || r == utf8.RuneError || r == '"' || unicode.IsControl(r) || unicode.IsLetter(r) || unicode.IsDigit(r) {
			problems = append(problems, formats.AtKey("delimiter",
				fmt.Errorf("%q can't set cells apart; use one character such as ; , | or tab", delimiter)))
		}
		d.comma = r
	}
	switch {
	case quote == "":
	case quote == "none":
		d.quote = 0
	case len(quote) == 1 && quote[0] > ' ' && quote[0] < 0x7f && rune(quote[0]) != d.comma:
		d.quote = quote[0]
	default:
		problems = append(problems, formats.AtKey("quote",
			fmt.Errorf("%q is neither one ASCII character, other than the delimiter, nor none", quote)))
	}
	return d, errors.Join(problems...)
}

// encoding/csv knows one quote, '"'. Another one changes places with it before the text reaches encoding/csv, and back
// in the cells. Without quotes, '"' changes places with bytes that are never part of UTF-8.
const (
	noQuote  = 0xff
	noQuote2 = 0xfe
)

// swap exchanges the dialect's quote and '"' in place.
func (d dialect) swap(b []byte) {
	switch d.quote {
	case '"':
	case 0:
		for i, c := range b {
			if c == '"' {
				b[i] = noQuote
			} else if c == noQuote {
				b[i] = noQuote2
			}
		}
	default:
		for i, c := range b {
			if c == '"' {
				b[i] = d.quote
			} else if c == d.quote {
				b[i] = '"'
			}
		}
	}
}

// unswap restores a cell.
func (d dialect) unswap(cell string) string {
	first, second := d.quote, byte('"')
	switch d.quote {
	case '"':
		return cell
	case 0:
		first = noQuote
	}
	if strings.IndexByte(cell, first) < 0 && (d.quote == 0 || strings.IndexByte(cell, second) < 0) {
		return cell
	}
	b := []byte(cell)
	for i, c := range b {
		switch {
		case c == first:
			b[i] = '"'
		case c == second && d.quote != 0:
			b[i] = d.quote
		}
	}
	return string(b)
}
