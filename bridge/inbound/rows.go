package inbound

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/envelope"
)

// Everything that reads the rows of a file reads them through this file of the program: a drop's first run, a run again, a
// plan, the reject file.

// RowSource is rows that come from something that has to be closed.
type RowSource interface {
	formats.Reader
	formats.Counter
	io.Closer
}

// rowsOf opens the rows that a run of a drop is about: all of its file, or those that its last run rejected.
func (e *Engine) rowsOf(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run) (RowSource, error) {
	if run.Kind == bridge.RetryRun {
		return e.rejectedRows(ctx, f, d, run)
	}
	if run.Kind == bridge.FirstRun && f.Fresh() {
		return e.openSigned(f, e.spool(d), func(s envelope.Signature) error { return e.fresh(ctx, d, s) })
	}
	return e.openRows(f, e.spool(d))
}

// fresh refuses a signature that came with an earlier drop of the feed: somebody who can write into the folder, and not sign,
// has sent an old message again. What a person hands over is taken.
func (e *Engine) fresh(ctx context.Context, d *bridge.Drop, s envelope.Signature) error {
	first, err := e.Ledger.Signed(ctx, d.Feed, s.ID, s.At, d.ID)
	if err != nil || first == d.ID || d.Remote == bridge.ByHand {
		return err
	}
	return &formats.FileError{Code: formats.CodeFileReplayed, Message: fmt.Sprintf("its signature, made %s, came with drop %d already", s.At.Format(time.RFC3339), first),
		Hint: fmt.Sprintf("if that drop is to be loaded again: orobridge rerun %d; a sender who means to say the same again signs again", first)}
}

// Rows opens the rows of a file of this machine as a feed reads them. Only the bridge's spool is used.
func (e *Engine) Rows(f *config.Feed, path string) (RowSource, error) { return e.openRows(f, path) }

// EachRecord maps the rows of a reader to records, in the order of the file, and says which columns no field takes. each is
// given either a record or the reject of its row; raw makes the row as the sender calls its cells. What each is given
// holds until it returns. The error is a *formats.FileError when the file is at fault.
func EachRecord(ctx context.Context, f *config.Feed, reader formats.Reader,
	each func(rec *formats.Record, reject *formats.Reject, raw func() map[string]string) error) (ignored []string, err error) {
	columns := reader.Columns()
	mapper, err := f.Mapping.Bind(f.Entity, columns, f.Format.Conventions())
	if err != nil {
		return nil, err
	}
	var row formats.Row
	var rec formats.Record
	cells := func() map[string]string { return CellsOf(columns, &row) }
	for ctx.Err() == nil {
		row.Cells, row.Absent = nil, nil
		rec.Values = rec.Values[:0]
		err := reader.Next(&row)
		if errors.Is(err, io.EOF) {
			return mapper.Ignored(), nil
		}
		if err == nil {
			err = mapper.Record(&row, &rec)
		}
		var reject *formats.Reject
		if err != nil && !errors.As(err, &reject) {
			return mapper.Ignored(), err
		}
		if err := each(&rec, reject, cells); err != nil {
			return mapper.Ignored(), err
		}
	}
	return mapper.Ignored(), ctx.Err()
}

// fileRows reads the rows of a file part by part. A file that is not wrapped, or holds only one, is one part without a
// name; of several each row's position names its part.
type fileRows struct {
	feed     *config.Feed
	dir      string // of what was unwrapped; empty for a file that is not wrapped
	parts    []part
	columns  []string
	corrects bool             // it is a file of rejects that came back
	counts   map[string]int64 // of the parts that were read to their end

	at     int // of parts
	file   *os.File
	reader formats.Reader // nil before the first row of a part
}

// part is one file that came out of a drop.
type part struct{ name, path string }

// openRows opens a file of a feed. Nothing of a wrapped file is read before all of it came out whole, and signed as it must
// be. The error is a *formats.FileError when the file is at fault.
func (e *Engine) openRows(f *config.Feed, path string) (*fileRows, error) {
	return e.openSigned(f, path, nil)
}

// openSigned is openRows that tells of each good signature before what was signed is looked at.
func (e *Engine) openSigned(f *config.Feed, path string, signed func(envelope.Signature) error) (*fileRows, error) {
	r := &fileRows{feed: f, parts: []part{{path: path}}, counts: map[string]int64{}}
	err := e.unwrap(r, path, signed)
	if err == nil {
		err = r.head()
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// leftOver is the pattern of what a killed bridge may leave in its spool.
const leftOver = "unwrapped-*"

// unwrap takes a file out of its wrappings into a folder of its own in the spool, which goes when the rows are closed.
func (e *Engine) unwrap(r *fileRows, path string, signed func(envelope.Signature) error) error {
	layers := r.feed.Layers()
	if len(layers) == 0 {
		return nil
	}
	src, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", filepath.Base(path), err)
	}
	defer src.Close()
	if r.dir, err = os.MkdirTemp(e.Spool, leftOver); err != nil {
		return spoolTrouble(err)
	}
	r.parts = nil
	err = layers.Unwrap(src, r.dir, func(name string) (io.WriteCloser, error) {
		p := part{name: r.freeName(name), path: filepath.Join(r.dir, fmt.Sprintf("%d", len(r.parts)+1))}
		r.parts = append(r.parts, p)
		return os.OpenFile(p.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	}, heard(signed))
	if len(r.parts) == 1 {
		r.parts[0].name = ""
	}
	var refused *refusedSignature
	if errors.As(err, &refused) {
		return refused.why
	}
	return notUnwrapped(err, r.dir)
}

// freeName keeps names of parts apart that differ only in their folders.
func (r *fileRows) freeName(name string) string {
	taken := func(n string) bool { return slices.ContainsFunc(r.parts, func(p part) bool { return p.name == n }) }
	free := name
	for n := 2; taken(free); n++ {
		free = fmt.Sprintf("%s (%d)", name, n)
	}
	return free
}

// refusedSignature tells what was said of a signature from the faults of a file.
type refusedSignature struct{ why error }

func (r *refusedSignature) Error() string { return r.why.Error() }

func heard(signed func(envelope.Signature) error) func(envelope.Signature) error {
	if signed == nil {
		return nil
	}
	return func(s envelope.Signature) error {
		if err := signed(s); err != nil {
			return &refusedSignature{err}
		}
		return nil
	}
}

// notUnwrapped tells what is the file's own fault from trouble of the disk on which a folder stands. A full disk is the file's
// fault when what has to come out is more than it could ever hold.
func notUnwrapped(err error, dir string) error {
	var full *envelope.NoSpaceError
	if errors.As(err, &full) && neverFits(dir, full.Needs) {
		return &formats.FileError{Code: formats.CodeFileNeverFits, Message: err.Error(), Hint: hintNeverFits}
	}
	for _, fault := range []struct {
		err        error
		code, hint string
	}{
		{envelope.ErrLimit, formats.CodeFileLimit, "if the sender's files are that large, raise max_size, max_ratio or max_files below unwrap"},
		{envelope.ErrBroken, formats.CodeFileUnwrap,
			"check unwrap (what the files are wrapped in, and the keys), then let the sender send the file again"},
		{envelope.ErrSignature, formats.CodeFileSignature,
			"let the sender sign with a key that is in signers; signature: optional accepts files without a signature"},
		{envelope.ErrNotEncrypted, formats.CodeFilePlain,
			"let the sender encrypt to the bridge's key; encryption: optional below unwrap accepts signed files that are not encrypted"},
	} {
		if errors.Is(err, fault.err) {
			return &formats.FileError{Code: fault.code, Message: err.Error(), Hint: fault.hint}
		}
	}
	return spoolTrouble(err)
}

// head reads the head of each part: all of them must have the same columns. An empty part has none.
func (r *fileRows) head() error {
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
			return &formats.FileError{Pos: formats.Position{Part: p.name}, Message: "has other columns than the files before it in the archive",
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

// open begins a part.
func (r *fileRows) open(i int) (err error) {
	if r.file, err = os.Open(r.parts[i].path); err != nil {
		return fmt.Errorf("open %s: %w", filepath.Base(r.parts[i].path), err)
	}
	r.reader, err = r.feed.Format.Open(bufio.NewReaderSize(r.file, 256<<10), r.feed.Entity)
	if r.meantToBeEmpty(err) {
		r.reader, err = noRows{}, nil
	}
	return r.within(i, err)
}

// meantToBeEmpty says whether an error tells of a file, or of a document in it, that holds nothing which the feed reads, and
// the feed says that there are such files.
func (r *fileRows) meantToBeEmpty(err error) bool {
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
func (r *fileRows) within(i int, err error) error {
	var unreadable *formats.FileError
	var reject *formats.Reject
	switch name := r.parts[i].name; {
	case name == "":
	case errors.As(err, &reject):
		reject.Pos.Part = name
	case errors.As(err, &unreadable):
		unreadable.Pos.Part = name
	}
	return err
}

// Columns implements formats.Reader.
func (r *fileRows) Columns() []string { return r.columns }

// Next implements formats.Reader: the parts' rows one after the other.
func (r *fileRows) Next(row *formats.Row) error {
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
		row.Pos.Part = r.parts[r.at].name
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
		addCounts(r.counts, r.reader)
		if end, ok := r.reader.(formats.Finisher); ok && end.Unfinished() != "" {
			r.counts[truncated]++
		}
		r.at++
		if err := r.closeFile(); err != nil {
			return err
		}
	}
}

// Counts implements formats.Counter.
func (r *fileRows) Counts() map[string]int64 {
	counts := map[string]int64{}
	for word, n := range r.counts {
		counts[word] += n
	}
	addCounts(counts, r.reader)
	return counts
}

// truncated counts the parts of a file whose last line looks cut off, among what a reader has noticed.
const truncated = "truncated"

// cutOff applies the feed's rule for files that look cut off to a run that has read all of its file, and says why the drop
// has to be held; empty when it need not.
func (e *Engine) cutOff(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run) (why string, err error) {
	if run.Skipped[truncated] == 0 || f.Truncated == "accept" {
		return "", nil
	}
	if f.Truncated == "hold" {
		return "truncated: " + formats.UnfinishedLine, nil
	}
	event := e.event(bridge.Noted, d, formats.UnfinishedLine)
	event.Hint = "have the sender end the last line, or set truncated: hold for the feed; accept says nothing"
	return "", e.keep(ctx, event)
}

// addCounts adds what a reader, or a mapper, has left out, if it tells.
func addCounts(sum map[string]int64, r any) map[string]int64 {
	if c, ok := r.(formats.Counter); ok {
		for word, n := range c.Counts() {
			sum[word] += n
		}
	}
	return sum
}

func (r *fileRows) closeFile() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file, r.reader = nil, nil
	return err
}

// Close throws away what was unwrapped.
func (r *fileRows) Close() error {
	err := r.closeFile()
	if r.dir != "" {
		err = errors.Join(err, os.RemoveAll(r.dir))
	}
	return err
}
