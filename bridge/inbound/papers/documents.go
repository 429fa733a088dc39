package papers

import (
	"context"
	"errors"
	"io"
	"os"
	"path"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
	"github.com/orobridge/orobridge/formats"
)

// Numbers of the documents of receipts: sixteen digits, 9 with a run's id and 8 with a drop's, then the place in the
// receipt. So they need no counter, and a receipt that is written twice is the same.
const (
	firstOfRun  = 9_000_000_000_000_000
	firstOfDrop = 8_000_000_000_000_000
	perReceipt  = 1_000_000
)

// writeDocuments writes a receipt that tells of each document of a drop, and returns its path; empty when there is none.
func (w *Writer) writeDocuments(ctx context.Context, run *bridge.Run, tell func(*rows.File) (formats.Receipt, error)) (string, error) {
	format, ok := w.Feed.Format.(formats.Receipter)
	if !ok || w.Drop.Spool == "" {
		return "", nil
	}
	file, err := rows.OpenCopy(w.Spool, w.Feed, w.bytes(), "", nil)
	var unreadable *formats.FileError
	if errors.As(err, &unreadable) {
		return "", nil // there is no document to tell of
	}
	if err != nil {
		return "", err
	}
	at, err := w.putDocuments(ctx, run, format, file, tell)
	return at, errors.Join(err, file.Close())
}

func (w *Writer) putDocuments(ctx context.Context, run *bridge.Run, format formats.Receipter, file *rows.File,
	tell func(*rows.File) (formats.Receipt, error)) (at string, err error) {
	o, err := tell(file)
	if err != nil {
		return "", err
	}
	var parts []io.Reader
	for _, p := range file.Parts() {
		part, err := file.OpenPart(p)
		if err != nil {
			return "", err
		}
		defer part.Close()
		parts = append(parts, part)
	}
	to, err := os.CreateTemp(w.Spool, "receipt-*"+spool.Part)
	if err != nil {
		return "", spool.Trouble(err)
	}
	n, err := format.WriteReceipt(to, parts, o)
	if err == nil && n > 0 {
		w.Events.Step("write receipt")
		at, err = w.put(ctx, path.Join(w.Drop.Folder, w.Feed.Folders.Receipts), receiptName(w.Drop, run, config.DocumentReceipt), to)
	}
	return at, errors.Join(err, to.Close(), os.Remove(to.Name()))
}

// told says what to tell of a drop's documents: what the run rejected, and of a run of some rows nothing else.
func (w *Writer) told(ctx context.Context, run *bridge.Run, file *rows.File) (formats.Receipt, error) {
	if run == nil || run.State == bridge.Failed {
		return toldAsOne(w.Drop, run), nil
	}
	o := formats.Receipt{First: firstOfRun + run.ID*perReceipt + 1, At: run.Ended}
	rejects := map[rows.Spot]*formats.Reject{}
	err := w.Ledger.Rejects(ctx, bridge.RejectFilter{Run: run.ID}, func(r bridge.RejectRow) error {
		if at := rows.SpotOf(r.Pos); rejects[at] == nil {
			rejects[at] = &r.Reject
		}
		return nil
	})
	if err != nil {
		return o, err
	}
	all, before := run.Kind.Whole(), map[rows.Spot]bool{}
	if run.Kind == bridge.RetryRun {
		runs, err := w.Ledger.Runs(ctx, w.Drop.ID)
		if err == nil {
			before, err = rows.Spots(ctx, w.Ledger, rows.LastRejects(runs, run.ID)...)
		}
		if err != nil {
			return o, err
		}
	}
	o.Fate = func(part int, at formats.Position) (*formats.Reject, bool) {
		at.Part = file.Parts()[part].Name
		why := rejects[rows.SpotOf(at)]
		return why, all || why != nil || before[rows.SpotOf(at)]
	}
	return o, nil
}

// toldAsOne is what to tell when all documents of a drop had one fate: it could not be read, or was not loaded.
func toldAsOne(d *bridge.Drop, run *bridge.Run) formats.Receipt {
	o := formats.Receipt{First: firstOfDrop + d.ID*perReceipt + 1, At: d.SettledAt, Text: d.Reason}
	if run != nil {
		o.First, o.At = firstOfRun+run.ID*perReceipt+1, run.Ended
	}
	var why *formats.Reject
	if d.State == bridge.Rejected {
		why = &formats.Reject{Message: d.Reason}
	}
	o.Fate = func(int, formats.Position) (*formats.Reject, bool) { return why, true }
	return o
}
