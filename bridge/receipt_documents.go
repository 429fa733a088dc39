package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/orobridge/orobridge/formats"
)

// documentReceipt is the kind of receipts that are documents of the sender's own kind, one for each of his.
const documentReceipt = "idoc"

// Numbers of the documents of receipts: sixteen digits, 9 with a run's id and 8 with a drop's, then the place in the
// receipt. So they need no counter, and a receipt that is written twice is the same.
const (
	firstOfRun  = 9_000_000_000_000_000
	firstOfDrop = 8_000_000_000_000_000
	perReceipt  = 1_000_000
)

// writeDocuments writes a receipt that tells of each document of a drop.
func (b *Bridge) writeDocuments(ctx context.Context, r Remote, f *FeedConfig, d *Drop, run *Run) error {
	format, ok := f.Format.(formats.Receipter)
	if !ok || d.Spool == "" {
		return nil
	}
	rows, err := b.openRows(f, b.spool(d))
	var unreadable *formats.FileError
	if errors.As(err, &unreadable) {
		return nil // there is no document to tell of
	}
	if err != nil {
		return err
	}
	err = b.putDocuments(ctx, r, f, d, run, format, rows)
	return errors.Join(err, rows.Close())
}

func (b *Bridge) putDocuments(ctx context.Context, r Remote, f *FeedConfig, d *Drop, run *Run, format formats.Receipter, rows *fileRows) error {
	o, err := b.told(ctx, d, run, rows)
	if err != nil {
		return err
	}
	var parts []io.Reader
	for _, p := range rows.parts {
		file, err := os.Open(p.path)
		if err != nil {
			return fmt.Errorf("open %s: %w", filepath.Base(p.path), err)
		}
		defer file.Close()
		parts = append(parts, file)
	}
	to, err := os.CreateTemp(b.Spool, "receipt-*.part")
	if err != nil {
		return spoolTrouble(err)
	}
	n, err := format.WriteReceipt(to, parts, o)
	if err == nil && n > 0 {
		b.step("write receipt")
		err = b.putInto(ctx, r, path.Join(d.Folder, f.Folders.Receipts), receiptName(d, run, documentReceipt), to)
	}
	return errors.Join(err, to.Close(), os.Remove(to.Name()))
}

// told says what to tell of a drop's documents: what the run rejected, and of a run of some rows nothing else.
func (b *Bridge) told(ctx context.Context, d *Drop, run *Run, rows *fileRows) (formats.Receipt, error) {
	if run == nil || run.State == Failed {
		return toldAsOne(d, run), nil
	}
	o := formats.Receipt{First: firstOfRun + run.ID*perReceipt + 1, At: run.Ended}
	rejects := map[spot]*formats.Reject{}
	err := b.Ledger.Rejects(ctx, RejectFilter{Run: run.ID}, func(r RejectRow) error {
		if at := spotOf(r.Pos); rejects[at] == nil {
			rejects[at] = &r.Reject
		}
		return nil
	})
	if err != nil {
		return o, err
	}
	all, before := run.Kind == FirstRun || run.Kind == ReRun, map[spot]bool{}
	if run.Kind == RetryRun {
		last, err := b.lastRejects(ctx, d, run.ID)
		if err == nil && last != nil {
			before, err = b.failed(ctx, last)
		}
		if err != nil {
			return o, err
		}
	}
	o.Fate = func(part int, at formats.Position) (*formats.Reject, bool) {
		at.Part = rows.parts[part].name
		why := rejects[spotOf(at)]
		return why, all || why != nil || before[spotOf(at)]
	}
	return o, nil
}

// toldAsOne is what to tell when all documents of a drop had one fate: it could not be read, or was not loaded.
func toldAsOne(d *Drop, run *Run) formats.Receipt {
	o := formats.Receipt{First: firstOfDrop + d.ID*perReceipt + 1, At: d.SettledAt, Text: d.Reason}
	if run != nil {
		o.First, o.At = firstOfRun+run.ID*perReceipt+1, run.Ended
	}
	var why *formats.Reject
	if d.State == Rejected {
		why = &formats.Reject{Message: d.Reason}
	}
	o.Fate = func(int, formats.Position) (*formats.Reject, bool) { return why, true }
	return o
}
