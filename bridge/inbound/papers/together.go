package papers

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/formats"
)

// A drop for several shops has one receipt for all of them: what a receipt of each shop would say, one after the other.

// A Share is what one shop has made of a drop for several.
type Share struct {
	Shop string
	Drop *bridge.Drop  // the shop's part
	Runs []*bridge.Run // of the part, oldest first
}

// Due are the runs that have ended and of which the sender knows nothing yet.
func (s Share) Due() (due []*bridge.Run) {
	for _, run := range s.Runs {
		if !run.Reported && over(run) {
			due = append(due, run)
		}
	}
	return due
}

// last is the last run that has ended; nil when there is none.
func (s Share) last() (last *bridge.Run) {
	for _, run := range s.Runs {
		if over(run) {
			last = run
		}
	}
	return last
}

func over(run *bridge.Run) bool { return run.State == bridge.Done || run.State == bridge.Failed }

// together is a receipt of several shops.
type together struct {
	Drop   int64            `json:"drop"`
	Feed   string           `json:"feed"`
	File   string           `json:"file"`
	SHA256 string           `json:"sha256"`
	Size   int64            `json:"size"`
	State  bridge.DropState `json:"state"`
	Reason string           `json:"reason,omitempty"`
	Shops  []share          `json:"shops"`
}

type share struct {
	Shop string `json:"shop"`
	*receipt
}

// WriteTogether writes the receipts of a drop for several shops, and returns their paths. They tell of the last run of each, and
// carry the last of all in their names.
func (w *Writer) WriteTogether(ctx context.Context, shares []Share) ([]string, error) {
	if len(w.Feed.Receipts) == 0 || w.Drop.Manifest {
		return nil, nil
	}
	c := &together{Drop: w.Drop.ID, Feed: w.Drop.Feed, File: w.Drop.Name, SHA256: w.Drop.SHA256, Size: w.Drop.Size, State: w.Drop.State,
		Reason: w.Drop.Reason, Shops: []share{}}
	var newest *bridge.Run
	for _, s := range shares {
		of, err := w.of(s).receipt(ctx, s.last())
		if err != nil {
			return nil, err
		}
		c.Shops = append(c.Shops, share{s.Shop, of})
		if last := s.last(); last != nil && (newest == nil || last.ID > newest.ID) {
			newest = last
		}
	}
	return w.writeKinds(ctx, newest, c, func(file *rows.File) (formats.Receipt, error) {
		return w.toldTogether(ctx, shares, newest, file)
	})
}

// of writes of a shop's part what is written of a drop.
func (w *Writer) of(s Share) *Writer {
	part := *w
	part.Drop = s.Drop
	return &part
}

// toldTogether says what to tell of each document: what a shop has against it, which is named; that it is in all of them otherwise.
func (w *Writer) toldTogether(ctx context.Context, shares []Share, newest *bridge.Run, file *rows.File) (formats.Receipt, error) {
	o := toldAsOne(w.Drop, newest)
	if newest != nil {
		o.Text = "" // where each shop stands with the whole file says nothing of one document
	}
	var each []formats.Receipt
	for _, s := range shares {
		told, err := w.of(s).told(ctx, s.last(), file)
		if err != nil {
			return o, err
		}
		each = append(each, told)
	}
	o.Fate = func(part int, at formats.Position) (*formats.Reject, bool) {
		any := false
		for i, told := range each {
			why, tells := told.Fate(part, at)
			if why != nil {
				named := *why
				named.Message = fmt.Sprintf("%s: %s", shares[i].Shop, why.Message)
				return &named, true
			}
			any = any || tells
		}
		return nil, any
	}
	return o, nil
}

func (c *together) write(kind string) ([]byte, error) {
	if kind != "csv" {
		return indented(c)
	}
	var all []shopRow
	for _, s := range c.Shops {
		for _, row := range s.rows() {
			all = append(all, shopRow{row, s.Shop})
		}
	}
	return spreadsheet(all)
}

// shopRow is a line of a receipt of several shops.
type shopRow struct {
	Row  receiptRow `csv:"."`
	Shop string     `csv:"shop"`
}

// indented is JSON for people.
func indented(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return buf.Bytes(), err
}

// A paper is a receipt in one of the forms that a feed may ask for.
type paper interface {
	write(kind string) ([]byte, error)
}

// writeReceipt writes one receipt and returns its path.
func (w *Writer) writeReceipt(ctx context.Context, run *bridge.Run, c paper, kind string) (string, error) {
	body, err := c.write(kind)
	if err != nil {
		return "", fmt.Errorf("write receipt of drop %d: %w", w.Drop.ID, err)
	}
	w.Events.Step("write receipt")
	return w.put(ctx, path.Join(w.Drop.Folder, w.Feed.Folders.Receipts), receiptName(w.Drop, run, kind), bytes.NewReader(body))
}
