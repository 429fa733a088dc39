// Package rows reads the rows of a file on the local disk, out of its wrappings.
//
// Everything that reads the rows of a drop reads them through this package: its first run, a run again, a plan, the reject
// file. A [File] is read part by part, in bounded memory; nothing of a wrapped file is read before all of it came out whole,
// and signed as it must be. [EachRecord] maps rows to records. What is the file's own fault is a *formats.FileError; a row's
// is a *formats.Reject; anything else is trouble.
//
// What may go in: from bytes to rows and records, and where rows stand. What may not: what a record means for the shop
// (package plan), the shop itself, and how a format is read (package formats).
package rows

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/envelope"
)

// Source is rows that come from something that has to be closed.
type Source interface {
	formats.Reader
	formats.Counter
	io.Closer
}

// File reads the rows of a file part by part. A file that is not wrapped, or holds only one, is one part without a
// name; of several each row's position names its part.
type File struct {
	feed     *config.Feed
	dir      string // of what was unwrapped; empty for a file that is not wrapped
	parts    []Part
	columns  []string
	corrects bool             // it is a file of rejects that came back
	counts   map[string]int64 // of the parts that were read to their end

	at     int  // of parts
	copied bool // it is a copy in the spool
	file   io.ReadCloser
	sum    string         // of the file, of a copy
	proof  *spool.Proof   // of a copy that is not wrapped
	reader formats.Reader // nil before the first row of a part
}

// A Part is one file that came out of a drop.
type Part struct {
	Name string // as the wrapping has it; empty for the only one
	Path string // on the local disk, for [File.OpenPart]
	size int64
}

// Open opens a file as a feed reads it. What it is wrapped in is taken off in a folder of the spool. Who is told of good
// signatures (nil: nobody) is told before what was signed is looked at, and may refuse it. The error is a
// *formats.FileError when the file is at fault.
func Open(folder string, f *config.Feed, path string, signed func(envelope.Signature) error) (*File, error) {
	return open(folder, &File{feed: f, parts: []Part{{Path: path}}, counts: map[string]int64{}}, signed)
}

// OpenCopy opens a copy of a file that had a sha256 when it came. Its rows end in [spool.ErrDamaged] when it has another one by now; a
// wrapped copy has to have it before it is unwrapped. An empty sum says that nobody knows it.
func OpenCopy(folder string, f *config.Feed, path, sum string, signed func(envelope.Signature) error) (*File, error) {
	return open(folder, &File{feed: f, parts: []Part{{Path: path}}, counts: map[string]int64{}, copied: true, sum: sum}, signed)
}

func open(folder string, r *File, signed func(envelope.Signature) error) (*File, error) {
	err := r.unwrap(folder, signed)
	if err == nil {
		err = r.head()
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Corrects says that the file is one of rejects that came back: it has their columns.
func (r *File) Corrects() bool { return r.corrects }

// Wrapped says that the file came in a wrapping.
func (r *File) Wrapped() bool { return r.dir != "" }

// Parts are the files that came out of the wrapping, or the file itself. They are there until the rows are closed.
func (r *File) Parts() []Part { return r.parts }

// Size is how many bytes there are to read.
func (r *File) Size() (size int64) {
	for _, p := range r.parts {
		size += p.size
	}
	return size
}

// head reads the head of each part: all of them must have the same columns. An empty part has none.
func (r *File) head() error {
	for i, p := range r.parts {
		if err := r.open(i); err != nil {
			return err
		}
		columns := r.reader.Columns()
		if c, ok := r.reader.(formats.Corrector); ok && c.Corrects() {
			r.corrects = true
		}
		switch {
		case len(r.columns) == 0:
			r.columns = slices.Clone(columns)
		case len(columns) > 0 && !slices.Equal(columns, r.columns):
			return &formats.FileError{Pos: formats.Position{Part: p.Name}, Message: "has other columns than the files before it in the archive",
				Hint: "one archive may hold several files of one kind; pick them by match below unwrap"}
		}
		if len(r.parts) == 1 {
			return nil
		}
		if err := r.closeFile(); err != nil {
			return err
		}
	}
	return nil
}

// OpenPart opens what one of the parts holds.
func (r *File) OpenPart(p Part) (file io.ReadCloser, err error) {
	if r.copied && !r.Wrapped() {
		file, err = spool.Open(p.Path)
	} else {
		file, err = os.Open(p.Path)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", filepath.Base(p.Path), err)
	}
	return file, nil
}

// readAhead is how many bytes of a file are read at once.
const readAhead = 256 << 10

// open begins a part.
func (r *File) open(i int) (err error) {
	if r.file, err = r.OpenPart(r.parts[i]); err != nil {
		return err
	}
	if r.parts[i].size, err = spool.Size(r.file); err != nil {
		return fmt.Errorf("open %s: %w", filepath.Base(r.parts[i].Path), err)
	}
	var bytes io.Reader = r.file
	if r.proof = nil; r.sum != "" && !r.Wrapped() {
		r.proof = spool.NewProof(r.file, r.sum)
		bytes = r.proof
	}
	r.reader, err = r.feed.Format.Open(bufio.NewReaderSize(bytes, int(min(r.parts[i].size+1, readAhead))), r.feed.Entity)
	if r.meantToBeEmpty(err) {
		r.reader, err = noRows{}, nil
	}
	return r.within(i, err)
}

// meantToBeEmpty says whether an error tells of a file, or of a document in it, that holds nothing which the feed reads, and
// the feed says that there are such files.
func (r *File) meantToBeEmpty(err error) bool {
	if err == nil || r.feed.Empty != "no_rows" {
		return false
	}
	var file *formats.FileError
	var document *formats.Reject
	return errors.As(err, &file) && file.Code == formats.CodeNoRows || errors.As(err, &document) && document.Code == formats.CodeNoRows
}

// noRows reads a file that is meant to be empty.
type noRows struct{}

func (noRows) Columns() []string        { return nil }
func (noRows) Next(*formats.Row) error  { return io.EOF }
func (noRows) Counts() map[string]int64 { return map[string]int64{formats.CodeNoRows: 1} }

// within names the part in an error about the file.
func (r *File) within(i int, err error) error {
	name := r.parts[i].Name
	if err == nil || name == "" {
		return err
	}
	var unreadable *formats.FileError
	var reject *formats.Reject
	switch {
	case errors.As(err, &reject):
		reject.Pos.Part = name
	case errors.As(err, &unreadable):
		unreadable.Pos.Part = name
	}
	return err
}

// Columns implements formats.Reader.
func (r *File) Columns() []string { return r.columns }

// Next implements formats.Reader: the parts' rows one after the other.
func (r *File) Next(row *formats.Row) error {
	for {
		if r.at == len(r.parts) {
			return io.EOF
		}
		if r.reader == nil {
			if err := r.open(r.at); err != nil {
				return err
			}
		}
		err := r.reader.Next(row)
		row.Pos.Part = r.parts[r.at].Name
		if err == nil {
			return nil
		}
		var document *formats.Reject
		switch empty := r.meantToBeEmpty(err); {
		case empty:
			r.counts[formats.CodeNoRows]++
			if errors.As(err, &document) {
				continue
			}
		case !errors.Is(err, io.EOF):
			return r.within(r.at, err)
		}
		AddCounts(r.counts, r.reader)
		if end, ok := r.reader.(formats.Finisher); ok && end.Unfinished() != "" {
			r.counts[Truncated]++
		}
		if r.proof != nil {
			if err := r.proof.End(); err != nil {
				return err
			}
		}
		r.at++
		if err := r.closeFile(); err != nil {
			return err
		}
	}
}

// Counts implements formats.Counter.
func (r *File) Counts() map[string]int64 {
	counts := map[string]int64{}
	for word, n := range r.counts {
		counts[word] += n
	}
	AddCounts(counts, r.reader)
	return counts
}

// Truncated counts the parts of a file whose last line looks cut off, among what a reader has noticed.
const Truncated = "truncated"

func (r *File) closeFile() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file, r.reader = nil, nil
	return err
}

// Close throws away what was unwrapped.
func (r *File) Close() error {
	err := r.closeFile()
	if r.dir != "" {
		err = errors.Join(err, os.RemoveAll(r.dir))
	}
	return err
}
