package papers

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/gocarina/gocsv"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/formats"
)

// receiptRejects is how many rejects a receipt shows; the reject file has all of them.
const receiptRejects = 100

// receipt is what the sender can read of one run, or of a drop that never had one.
type receipt struct {
	Drop          int64            `json:"drop"`
	Feed          string           `json:"feed"`
	File          string           `json:"file"`
	SHA256        string           `json:"sha256"`
	Size          int64            `json:"size"`
	State         bridge.DropState `json:"state"`
	Reason        string           `json:"reason,omitempty"`
	Run           int64            `json:"run"`
	Kind          bridge.RunKind   `json:"kind,omitempty"`
	bridge.Counts                  // of this run
	Requests      int64            `json:"requests"`
	Seconds       float64          `json:"seconds"`

	Seen    *time.Time `json:"seen"`
	Fetched *time.Time `json:"fetched"`
	Started *time.Time `json:"started"`
	Ended   *time.Time `json:"ended"`
	Settled *time.Time `json:"settled"`

	Rejects  []receiptReject  `json:"rejects"` // the first of them
	Warnings []receiptWarning `json:"warned"`
}

type receiptReject struct {
	receiptWarning
	Row map[string]string `json:"row"`
}

type receiptWarning struct {
	Line    int64  `json:"line"`
	Key     string `json:"key"`
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// receiptName is the name of a receipt: the drop's whole name, the run, and the kind.
func receiptName(d *bridge.Drop, run *bridge.Run, kind string) string {
	return bridge.DerivedName(d.Name+"."+kind, Tag(d, run)+"_receipt")
}

// writeReceipts writes the receipts that the feed asks for.
func (w *Writer) writeReceipts(ctx context.Context, run *bridge.Run) (paths []string, err error) {
	if len(w.Feed.Receipts) == 0 || w.Drop.Manifest {
		return nil, nil
	}
	c, err := w.receipt(ctx, run)
	if err != nil {
		return nil, err
	}
	return w.writeKinds(ctx, run, c, func(file *rows.File) (formats.Receipt, error) { return w.told(ctx, run, file) })
}

// writeKinds writes a receipt in each way that the feed asks for; told says of a file what documents are told.
func (w *Writer) writeKinds(ctx context.Context, run *bridge.Run, c paper,
	told func(*rows.File) (formats.Receipt, error)) (paths []string, err error) {
	for _, kind := range w.Feed.Receipts {
		at := ""
		if kind == config.DocumentReceipt {
			at, err = w.writeDocuments(ctx, run, told)
		} else {
			at, err = w.writeReceipt(ctx, run, c, kind)
		}
		if err != nil {
			return nil, err
		}
		if at != "" {
			paths = append(paths, at)
		}
	}
	return paths, nil
}

func (w *Writer) receipt(ctx context.Context, run *bridge.Run) (*receipt, error) {
	c := &receipt{Drop: w.Drop.ID, Feed: w.Drop.Feed, File: w.Drop.Name, SHA256: w.Drop.SHA256, Size: w.Drop.Size, State: w.Drop.State,
		Reason: w.Drop.Reason, Seen: orNull(w.Drop.SeenAt), Fetched: orNull(w.Drop.FetchedAt), Settled: orNull(w.Drop.SettledAt),
		Rejects: []receiptReject{}, Warnings: []receiptWarning{}}
	if run == nil {
		return c, nil
	}
	c.Run, c.Kind, c.Counts, c.Requests = run.ID, run.Kind, run.Counts, run.Requests
	c.Started, c.Ended = orNull(run.Started), orNull(run.Ended)
	if !run.Ended.IsZero() {
		c.Seconds = run.Ended.Sub(run.Started).Seconds()
	}
	err := w.Ledger.Rejects(ctx, bridge.RejectFilter{Run: run.ID}, func(r bridge.RejectRow) error {
		c.Rejects = append(c.Rejects, receiptReject{receiptWarning{Line: r.Pos.Line, Key: r.Key, Field: r.Field, Code: r.Code,
			Message: r.Message}, r.Row})
		if len(c.Rejects) == receiptRejects {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return c, w.warnings(ctx, run, c)
}

// warnings puts the first warnings of a run into its receipt.
func (w *Writer) warnings(ctx context.Context, run *bridge.Run, c *receipt) error {
	err := w.Ledger.Warnings(ctx, w.Drop.ID, func(w bridge.WarningRow) error {
		if w.Run != run.ID {
			return nil
		}
		c.Warnings = append(c.Warnings, receiptWarning{Line: w.Pos.Line, Key: w.Key, Field: w.Field, Code: w.Code, Message: w.Message})
		if len(c.Warnings) == receiptRejects {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}

// orNull is a time in JSON: RFC 3339, UTC, or null.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func (c *receipt) write(kind string) ([]byte, error) {
	if kind == "csv" {
		return spreadsheet(c.rows())
	}
	return indented(c)
}

// receiptRow is a line of a receipt for spreadsheets: one of kind "file" with the counts, then one of kind "reject" for
// each reject and one of kind "warning" for each warning, so that a column of counts may be summed over many receipts.
type receiptRow struct {
	Kind      string `csv:"kind"`
	File      string `csv:"file"`
	SHA256    string `csv:"sha256"`
	Drop      string `csv:"drop"`
	Run       string `csv:"run"`
	State     string `csv:"state"`
	Rows      string `csv:"rows"`
	Created   string `csv:"created"`
	Updated   string `csv:"updated"`
	Unchanged string `csv:"unchanged"`
	Removed   string `csv:"removed"`
	Collapsed string `csv:"collapsed"`
	Rejected  string `csv:"rejected"`
	Parked    string `csv:"parked"`
	Withdrawn string `csv:"withdrawn"`
	Warnings  string `csv:"warnings"`
	Seen      string `csv:"seen"`
	Started   string `csv:"started"`
	Ended     string `csv:"ended"`
	Line      string `csv:"line"`
	Key       string `csv:"key"`
	Field     string `csv:"field"`
	Code      string `csv:"code"`
	Message   string `csv:"message"`
}

func (c *receipt) rows() []receiptRow {
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	at := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return t.Format(time.RFC3339)
	}
	head := receiptRow{Kind: "file", File: formats.Inert(c.File), SHA256: c.SHA256, Drop: n(c.Drop), Run: n(c.Run), State: string(c.State),
		Rows: n(c.Rows), Created: n(c.Created), Updated: n(c.Updated), Unchanged: n(c.Unchanged), Removed: n(c.Removed),
		Collapsed: n(c.Collapsed), Rejected: n(c.Rejected), Parked: n(c.Parked), Withdrawn: n(c.Withdrawn), Warnings: n(c.Counts.Warnings),
		Seen: at(c.Seen), Started: at(c.Started), Ended: at(c.Ended), Message: formats.Inert(c.Reason)}
	rows := []receiptRow{head}
	for _, r := range c.Rejects {
		rows = append(rows, receiptRow{Kind: "reject", File: head.File, Drop: head.Drop, Run: head.Run, Line: n(r.Line),
			Key: formats.Inert(r.Key), Field: formats.Inert(r.Field), Code: r.Code, Message: formats.Inert(r.Message)})
	}
	for _, w := range c.Warnings {
		rows = append(rows, receiptRow{Kind: "warning", File: head.File, Drop: head.Drop, Run: head.Run, Line: n(w.Line),
			Key: formats.Inert(w.Key), Field: formats.Inert(w.Field), Code: w.Code, Message: formats.Inert(w.Message)})
	}
	return rows
}

// spreadsheet is CSV for people.
func spreadsheet[R any](rows []R) ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteString("\ufeff") // without it Excel takes UTF-8 for something else
	err := gocsv.Marshal(rows, &buf)
	return buf.Bytes(), err
}

// errEnough ends a walk early.
var errEnough = errors.New("seen enough")
