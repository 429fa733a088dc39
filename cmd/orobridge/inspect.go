package main

import (
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
	"github.com/orobridge/orobridge/formats/idoc"
	"github.com/orobridge/orobridge/formats/sniff"
)

// inspectRejects is how many rejects an inspection shows.
const inspectRejects = 20

// inspection is what was found in a file.
type inspection struct {
	File     string           `json:"file"`
	Size     int64            `json:"size"`
	Is       sniff.Guess      `json:"is"`
	Inside   *sniff.Guess     `json:"inside,omitempty"` // of gzip or zip
	Feed     string           `json:"feed,omitempty"`
	Entity   string           `json:"entity,omitempty"` // empty: nothing tells what it could be
	Rows     int64            `json:"rows"`
	Records  []recordView     `json:"records"` // the first ones
	Rejected int64            `json:"rejected"`
	Rejects  []rejectView     `json:"rejects"` // the first ones
	Skipped  map[string]int64 `json:"skipped"` // what the reader left out, by word
	Ignored  []string         `json:"ignored_columns"`
	Failure  *failureView     `json:"failure"` // why it can't be read further; null when it can be read to its end
}

// recordView is a record in its canonical form.
type recordView struct {
	Where  string            `json:"where"`
	Key    string            `json:"key"`
	Remove bool              `json:"remove,omitempty"`
	Fields map[string]string `json:"fields"`
}

type failureView struct {
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

func newInspectCommand(a *app) *cobra.Command {
	var feed string
	var records int
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what a file is, its first records, and where it would fail",
		Long: "inspect tells from a file's first bytes what it is and reads it to its end as a feed would: with --feed in that feed's\n" +
			"format and mapping, else as an IDoc or as canonical CSV if it looks like one. Shop and ledger are not asked, and nothing\n" +
			"is written. It exits with 1 when the file can't be read to its end.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.inspect(args[0], feed, records)
		},
	})
	cmd.Flags().StringVar(&feed, "feed", "", "read it as this `feed` of the config would")
	cmd.Flags().IntVar(&records, "records", 5, "show so many records")
	return cmd
}

func (a *app) inspect(path, feed string, records int) error {
	v := &inspection{File: path, Records: []recordView{}, Rejects: []rejectView{}, Skipped: map[string]int64{}, Ignored: []string{}}
	if err := v.look(path); err != nil {
		return &bridge.Error{Op: "inspect", Object: path, Err: err, Hint: "name a file that this machine can read"}
	}
	f := v.likely()
	if feed != "" {
		c, err := a.config()
		if err != nil {
			return err
		}
		if f, err = feedOf(c, feed); err != nil {
			return err
		}
		v.Feed = feed
	}
	if f != nil {
		v.Entity = f.Entity.Name
		if err := v.read(f, path, records); err != nil {
			return err
		}
	}
	return a.printInspection(v)
}

// look guesses what the file is, and what is inside of it when it is packed.
func (v *inspection) look(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
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
	defer r.Close()
	head, err := headOf(r)
	if err != nil {
		return nil
	}
	return head
}

// likely is a feed that could read the file, made of what it looks like; nil when nothing tells.
func (v *inspection) likely() *config.Feed {
	guess := v.Is
	f := &config.Feed{}
	if v.Inside != nil {
		guess = *v.Inside
		f.Unwrap = []config.Wrapping{{Kind: v.Is.Kind}}
	}
	switch guess.Kind {
	case "idoc":
		format := &idoc.Options{Encoding: guess.Encoding, Test: "accept"}
		format.SetClock(time.Now)
		f.Format, f.Entity = format, fedBy(guess.Message)
	case "csv":
		f.Format, f.Entity = &csv.Options{Delimiter: guess.Delimiter, Encoding: guess.Encoding}, holding(guess.Columns)
	}
	if f.Entity == nil {
		return nil
	}
	return f
}

// fedBy is the entity that an IDoc message feeds: of two the one that holds more, prices before their lists.
func fedBy(message string) *formats.Entity {
	for _, e := range slices.Backward(formats.Entities) {
		if slices.Contains(idoc.Messages(e), message) {
			return e
		}
	}
	return nil
}

// holding is the entity whose canonical columns a file has.
func holding(columns []string) *formats.Entity {
	var best *formats.Entity
	most := 0
	for _, e := range formats.Entities {
		known, whole := 0, true
		for i := range e.Fields {
			f := &e.Fields[i]
			has := slices.Contains(columns, f.Name)
			if has {
				known++
			}
			whole = whole && (has || !f.Key && !f.Required || f.Default != "")
		}
		if whole && known > most {
			best, most = e, known
		}
	}
	return best
}

// read reads the file to its end as a feed would.
func (v *inspection) read(f *config.Feed, path string, records int) (err error) {
	spool, err := os.MkdirTemp("", "orobridge-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(spool)) }()
	b := &inbound.Engine{Spool: spool}
	rows, err := b.Rows(f, path)
	if err != nil {
		return v.fail(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	mapper, err := f.Mapping.Bind(f.Entity, rows.Columns(), f.Format.Conventions())
	if err != nil {
		return v.fail(err)
	}
	v.Ignored = append(v.Ignored, mapper.Ignored()...)
	err = v.rows(rows, mapper, records)
	v.Skipped = rows.Counts()
	return v.fail(err)
}

func (v *inspection) rows(rows formats.Reader, mapper *formats.Mapper, records int) error {
	var row formats.Row
	var rec formats.Record
	for {
		err := rows.Next(&row)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = mapper.Record(&row, &rec)
		}
		var reject *formats.Reject
		switch {
		case errors.As(err, &reject):
			v.Rejected++
			if len(v.Rejects) < inspectRejects {
				v.Rejects = append(v.Rejects, viewReject(bridge.RejectRow{Reject: *reject, Row: cellsOf(rows.Columns(), &row)}))
			}
		case err != nil:
			return err
		case len(v.Records) < records:
			v.Records = append(v.Records, viewRecord(&rec))
		}
		v.Rows++
	}
}

func viewRecord(rec *formats.Record) recordView {
	r := recordView{Where: rec.Pos.String(), Key: rec.Key, Remove: rec.Remove, Fields: map[string]string{}}
	for i := range rec.Entity.Fields {
		f := &rec.Entity.Fields[i]
		if text, _ := rec.Get(f.Name); f.Key && text != "" {
			r.Fields[f.Name] = text
		}
	}
	for _, value := range rec.Values {
		r.Fields[value.Field] = value.Text
	}
	return r
}

// cellsOf is a row as the sender calls its cells.
func cellsOf(columns []string, row *formats.Row) map[string]string {
	cells := map[string]string{}
	for i, c := range row.Cells {
		if i < len(columns) && (row.Absent == nil || !row.Absent[i]) {
			cells[columns[i]] = c
		}
	}
	return cells
}

// fail keeps why a file can't be read; what is not its own fault is an error of the program's run.
func (v *inspection) fail(err error) error {
	var unreadable *formats.FileError
	if !errors.As(err, &unreadable) {
		return err
	}
	v.Failure = &failureView{Message: unreadable.Error(), Hint: unreadable.Hint}
	return nil
}

func (a *app) printInspection(v *inspection) error {
	if a.json {
		if err := a.printJSON(v); err != nil {
			return err
		}
	} else {
		a.tellInspection(v)
	}
	if v.Failure != nil {
		return exit(exitFailed)
	}
	return nil
}

func (a *app) tellInspection(v *inspection) {
	fmt.Fprintf(a.stdout, "%s: %s; %d bytes\n", printable(v.File), printable(v.Is.String()), v.Size)
	if v.Inside != nil {
		fmt.Fprintf(a.stdout, "inside: %s\n", printable(v.Inside.String()))
	}
	if v.Entity == "" {
		if len(v.Is.Columns) > 0 {
			fmt.Fprintf(a.stdout, "columns: %s\n", printable(strings.Join(v.Is.Columns, ", ")))
		}
		say(a.stderr, "note", "nothing tells which entity it holds", "name the feed that would read it: orobridge inspect --feed FEED FILE")
		return
	}
	for _, r := range v.Records {
		mark := "record"
		if r.Remove {
			mark = "remove"
		}
		fmt.Fprintf(a.stdout, "%s  %s  %s\n", mark, printable(r.Where), printable(compact(r.Fields)))
	}
	for _, r := range v.Rejects {
		a.planReject(nil, bridge.RejectRow{Reject: formats.Reject{Pos: formats.Position{Line: r.Line, Segment: r.Segment, Doc: r.Doc, Part: r.Part},
			Key: r.Key, Field: r.Field, Code: r.Code, Message: r.Message}})
	}
	fmt.Fprintf(a.stdout, "%s: %d rows, %d rejected\n", v.Entity, v.Rows, v.Rejected)
	if len(v.Skipped) > 0 {
		fmt.Fprintf(a.stdout, "left out: %s\n", printable(skippedLine(v.Skipped)))
	}
	if len(v.Ignored) > 0 {
		fmt.Fprintf(a.stdout, "columns that no field takes: %s\n", printable(strings.Join(v.Ignored, ", ")))
	}
	if v.Failure != nil {
		say(a.stderr, "error", printable(v.Failure.Message), printable(v.Failure.Hint))
	}
}
