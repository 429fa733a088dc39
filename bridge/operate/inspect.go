package operate

import (
	"archive/zip"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/sniff"
)

// inspectRejects is how many rejects an inspection shows.
const inspectRejects = 20

// Inspection is what was found in a file of this machine. Shop and ledger are not asked.
type Inspection struct {
	File     string           `json:"file"`
	Size     int64            `json:"size"` // bytes
	Is       sniff.Guess      `json:"is"`
	Inside   *sniff.Guess     `json:"inside"` // of gzip or zip
	Feed     string           `json:"feed"`
	Entity   string           `json:"entity"` // empty: nothing tells what it could be
	Rows     int64            `json:"rows"`
	Records  []Record         `json:"records"` // the first ones
	Rejected int64            `json:"rejected"`
	Rejects  []Reject         `json:"rejects"` // the first ones
	Warned   int64            `json:"warnings"`
	Warnings []Reject         `json:"warned"`  // the first ones: what of a row was left out
	Skipped  map[string]int64 `json:"skipped"` // what the reader left out, by word
	Ignored  []string         `json:"ignored_columns"`
	Failure  *Failure         `json:"failure"` // why it can't be read further; null when it can be read to its end
}

// Record is a record in its canonical form.
type Record struct {
	Where  string            `json:"where"`
	Key    string            `json:"key"`
	Remove bool              `json:"remove"`
	Fields map[string]string `json:"fields"`
}

// Failure is why a file can't be read further.
type Failure struct {
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// Look guesses what a file is, and what is inside of it when it is packed.
func Look(path string) (*Inspection, error) {
	v := &Inspection{File: path, Records: []Record{}, Rejects: []Reject{}, Warnings: []Reject{}, Skipped: map[string]int64{},
		Ignored: []string{}}
	if err := v.look(path); err != nil {
		return nil, &bridge.Error{Op: "inspect", Object: path, Err: err, Hint: "name a file that this machine can read"}
	}
	return v, nil
}

func (v *Inspection) look(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close() // it was only read
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	v.Size = info.Size()
	head, err := headOf(file)
	if err != nil {
		return err
	}
	v.Is = sniff.File(head)
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if inner := inside(v.Is.Kind, file, v.Size); inner != nil {
		guess := sniff.File(inner)
		v.Inside = &guess
	}
	return nil
}

func headOf(r io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(r, sniff.Size)) }

// inside is the beginning of the first file in a gzip or zip; nil when there is none, or it is damaged.
func inside(kind string, file *os.File, size int64) []byte {
	var r io.ReadCloser
	switch kind {
	case "gzip":
		z, err := gzip.NewReader(file)
		if err != nil {
			return nil
		}
		r = z
	case "zip":
		z, err := zip.NewReader(file, size)
		if err != nil {
			return nil
		}
		i := slices.IndexFunc(z.File, func(f *zip.File) bool { return !f.FileInfo().IsDir() })
		if i < 0 {
			return nil
		}
		if r, err = z.File[i].Open(); err != nil {
			return nil
		}
	default:
		return nil
	}
	defer r.Close() // it was only read
	head, err := headOf(r)
	if err != nil {
		return nil
	}
	return head
}

// Read reads the file to its end as a feed would, and keeps so many of its first records. That the file can't be read is
// no error, but the inspection's Failure.
func (v *Inspection) Read(ctx context.Context, f *config.Feed, records int) (err error) {
	v.Feed, v.Entity = f.Name, f.Entity.Name
	spool, err := os.MkdirTemp("", "orobridge-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(spool)) }()
	file, err := rows.Open(spool, f, v.File, nil)
	if err != nil {
		return v.fail(err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	ignored, err := rows.EachRecord(ctx, f, file, func(rec *formats.Record, reject *formats.Reject, raw func() map[string]string) error {
		v.row(rec, reject, raw, records)
		return nil
	})
	v.Ignored, v.Skipped = append(v.Ignored, ignored...), file.Counts()
	return v.fail(err)
}

// row counts a row, and shows it if it is among the first of its kind.
func (v *Inspection) row(rec *formats.Record, reject *formats.Reject, raw func() map[string]string, records int) {
	v.Rows++
	switch {
	case reject != nil:
		v.Rejected++
		if len(v.Rejects) < inspectRejects {
			v.Rejects = append(v.Rejects, newReject(bridge.RejectRow{Reject: *reject, Row: raw()}))
		}
	default:
		v.warn(rec)
		if len(v.Records) < records {
			v.Records = append(v.Records, newRecord(rec))
		}
	}
}

// warn counts the warnings of a row, and shows them if they are among the first.
func (v *Inspection) warn(rec *formats.Record) {
	for _, w := range rec.Warnings {
		v.Warned++
		if len(v.Warnings) < inspectRejects {
			v.Warnings = append(v.Warnings, newReject(bridge.RejectRow{Reject: formats.Reject{Pos: w.Pos, Key: w.Key, Field: w.Field,
				Code: w.Code, Message: w.Message}}))
		}
	}
}

// newRecord shows the key's parts and all fields that a record carries.
func newRecord(rec *formats.Record) Record {
	r := Record{Where: rec.Pos.String(), Key: rec.Key, Remove: rec.Remove, Fields: fields(rec.Values)}
	for i := range rec.Entity.Fields {
		f := &rec.Entity.Fields[i]
		if text, _ := rec.Get(f.Name); f.Key && text != "" {
			r.Fields[f.Name] = text
		}
	}
	return r
}

// fail keeps why a file can't be read; what is not its own fault is an error of the program's run.
func (v *Inspection) fail(err error) error {
	var unreadable *formats.FileError
	if !errors.As(err, &unreadable) {
		return err
	}
	v.Failure = &Failure{Message: unreadable.Error(), Hint: unreadable.Hint}
	return nil
}
