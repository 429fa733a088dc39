package papers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/envelope"
)

// Reject files of formats whose rows are parts of larger things (an IDoc, an element below its parents) are copied from the
// drop's bytes; others are written from the ledger.

// writeRejects writes, beside the rejected drops, the rows that a run rejected, in the sender's own columns and dialect
// and with the reasons: corrected and dropped again it is an ordinary drop. A file that could not be read, or was never
// loaded, gets a note in plain text instead.
func (w *Writer) writeRejects(ctx context.Context, run *bridge.Run) (at string, err error) {
	folder := path.Join(w.Drop.Folder, w.Feed.Folders.Rejected)
	w.Events.Step("write rejects")
	switch {
	case run == nil && w.Drop.State == bridge.Rejected:
		return w.put(ctx, folder, bridge.DerivedName(w.Drop.Name+".txt", Tag(w.Drop, run)+"_error"), strings.NewReader(w.Drop.Reason+"\n"))
	case run != nil && run.State == bridge.Failed:
		return w.put(ctx, folder, bridge.DerivedName(w.Drop.Name+".txt", Tag(w.Drop, run)+"_error"), strings.NewReader(run.Reason+"\n"))
	case run == nil || run.Rejected == 0:
		return "", nil
	}
	file, err := os.CreateTemp(w.Spool, "rejects-*"+spool.Part)
	if err != nil {
		return "", spool.Trouble(err)
	}
	switch err = w.rejectFile(ctx, run, file); {
	case errors.Is(err, envelope.ErrNobody):
		event := w.Drop.Event(bridge.Noted, w.Clock.Now(), "no reject file: the feed's files are encrypted, and no signer is known to encrypt to")
		event.Hint = "name the sender's public key in signers, below unwrap"
		if err = w.Ledger.Keep(ctx, event); err == nil {
			w.Events.Tell(event)
		}
	case err == nil:
		at, err = w.put(ctx, folder, bridge.DerivedName(w.Drop.Name, Tag(w.Drop, run)+"_rejects"), file)
	}
	return at, errors.Join(err, file.Close(), os.Remove(file.Name()))
}

// rejectFile writes the rows that a run rejected, in the form and the wrappings in which they came. It returns
// [envelope.ErrNobody] when there is nobody whom they could be encrypted to.
func (w *Writer) rejectFile(ctx context.Context, run *bridge.Run, to io.Writer) error {
	file, err := rows.OpenCopy(w.Spool, w.Feed, w.bytes(), "", nil)
	if err != nil {
		return err
	}
	if !file.Wrapped() {
		err = w.partRejects(ctx, file, run, file.Parts()[0], to)
	} else {
		err = w.wrappedRejects(ctx, file, run, to)
	}
	return errors.Join(err, file.Close())
}

// wrappedRejects writes a wrapped reject file. It is made in memory.
func (w *Writer) wrappedRejects(ctx context.Context, file *rows.File, run *bridge.Run, to io.Writer) error {
	guilty := map[string]bool{}
	err := w.Ledger.Rejects(ctx, bridge.RejectFilter{Run: run.ID}, func(r bridge.RejectRow) error {
		guilty[r.Pos.Part] = true
		return nil
	})
	if err != nil {
		return err
	}
	var files []envelope.File
	for _, p := range file.Parts() {
		if !guilty[p.Name] {
			continue
		}
		var buf bytes.Buffer
		if err := w.partRejects(ctx, file, run, p, &buf); err != nil {
			return err
		}
		files = append(files, envelope.File{Name: p.Name, Body: buf.Bytes()})
	}
	body, err := w.Feed.Layers().Wrap(files)
	if err != nil {
		return err
	}
	_, err = to.Write(body)
	return err
}

// partRejects writes the rejects of one part.
func (w *Writer) partRejects(ctx context.Context, file *rows.File, run *bridge.Run, p rows.Part, to io.Writer) error {
	if copier, ok := w.Feed.Format.(formats.RejectCopier); ok {
		failed, err := rows.Spots(ctx, w.Ledger, run)
		if err != nil {
			return err
		}
		part, err := file.OpenPart(p)
		if err != nil {
			return err
		}
		defer part.Close()
		_, err = copier.CopyRejects(to, part, w.Feed.Entity, func(at formats.Position) bool {
			at.Part = p.Name
			return failed[rows.SpotOf(at)]
		})
		return err
	}
	out, err := w.Feed.Format.Rejects(to, file.Columns())
	if err != nil {
		return err
	}
	err = w.Ledger.Rejects(ctx, bridge.RejectFilter{Run: run.ID}, func(r bridge.RejectRow) error {
		if r.Pos.Part != p.Name {
			return nil
		}
		return out.Write(rows.Cells(file.Columns(), r.Row), &r.Reject)
	})
	return errors.Join(err, out.Close())
}
