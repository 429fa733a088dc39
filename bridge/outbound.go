package bridge

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/formats"
)

// Export makes one round of an export: notice, write, watch. It returns how many orders were new.
func (b *Bridge) Export(ctx context.Context, e *ExportConfig) (noticed int, err error) {
	noticed, err = b.notice(ctx, e)
	// What is owed is written even when the shop can't be asked at the moment.
	return noticed, errors.Join(err, b.writeOwed(ctx, e), b.watchPickup(ctx, e))
}

// notice asks the shop for orders that were updated since the cursor less the overlap, and owes those that pass the
// filter and are not known. Pages are taken by time, not by number: an order that is updated meanwhile moves to the end
// of the list and would push another one over the edge of a page.
func (b *Bridge) notice(ctx context.Context, e *ExportConfig) (noticed int, err error) {
	cursor, ok, err := b.Ledger.Cursor(ctx, e.Name)
	if err != nil {
		return 0, err
	}
	if !ok {
		if cursor, err = b.firstCursor(e); err != nil {
			return 0, err
		}
		if _, err := b.Ledger.Owe(ctx, e.Name, cursor, nil, nil); err != nil {
			return 0, err
		}
	}
	since := cursor.Add(-e.Overlap.D())
	if !ok {
		since = cursor
	}
	for page := 1; ; {
		b.step("poll orders")
		orders, more, err := b.Shop.OrdersSince(ctx, since, page)
		if err != nil {
			return noticed, err
		}
		n, err := b.owe(ctx, e, orders)
		noticed += n
		if err != nil || !more || len(orders) == 0 {
			return noticed, err
		}
		if last := orders[len(orders)-1].Updated; last.After(since) {
			since, page = last, 1
		} else {
			page++
		}
	}
}

// firstCursor is where an export begins: with orders from now on, with all of them, or with those since a time.
func (b *Bridge) firstCursor(e *ExportConfig) (time.Time, error) {
	switch e.Since {
	case "", "now":
		return b.Clock.Now(), nil
	case "all":
		return time.Unix(0, 0).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, e.Since)
	if err != nil {
		return time.Time{}, &Error{Op: "read config", Object: "exports." + e.Name + ".since", Err: err, Hint: "write now, all, or a time as 2026-01-31T00:00:00Z"}
	}
	return t.UTC(), nil
}

// owe enters the orders of a page that pass the filter and are new, oldest submission first.
func (b *Bridge) owe(ctx context.Context, e *ExportConfig, orders []*formats.Order) (int, error) {
	if len(orders) == 0 {
		return 0, nil
	}
	cursor := orders[len(orders)-1].Updated
	ids := make([]string, len(orders))
	for i, o := range orders {
		ids[i] = o.ID
	}
	known, err := b.Ledger.Known(ctx, e.Name, ids)
	if err != nil {
		return 0, err
	}
	fresh := slices.DeleteFunc(slices.Clone(orders), func(o *formats.Order) bool { return known[o.ID] || !e.Only.Passes(o) })
	slices.SortStableFunc(fresh, func(x, y *formats.Order) int { return x.Submitted.Compare(y.Submitted) })
	b.step("owe")
	n, err := b.Ledger.Owe(ctx, e.Name, cursor, fresh, func(o *formats.Order, number int64) (string, []byte, error) {
		return e.render(o, number)
	})
	b.step("owed")
	for _, o := range fresh {
		b.Log.Info("owed", "export", e.Name, "order", o.Identifier, "flags", o.Flags)
	}
	return n, err
}

// Passes says whether an order is one that the export wants now. An order that does not pass may do so after its next
// update.
func (f *OnlyConfig) Passes(o *formats.Order) bool {
	among := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	return among(f.InternalStatus, o.InternalStatus) && among(f.Status, o.Status) && among(f.Website, o.Website) &&
		among(f.CustomerGroup, o.CustomerGroup) && among(f.Currency, o.Currency)
}

// render makes an order's file: from here on its name and bytes never change.
func (e *ExportConfig) render(o *formats.Order, number int64) (name string, body []byte, err error) {
	var buf bytes.Buffer
	if err := e.Format.WriteOrders(&buf, []*formats.Order{o}); err != nil {
		return "", nil, &Error{Op: "write order", Object: o.Identifier, Err: err}
	}
	name = e.FileName(o, number)
	if err := SafeName(name); err != nil {
		return "", nil, &Error{Op: "name order", Object: o.Identifier, Err: err, Hint: "change exports." + e.Name + ".file"}
	}
	return name, buf.Bytes(), nil
}

// FileName builds an outbound name. The time of submission stands as 20260131T235959Z and the number with ten digits, so
// that names which begin with either sort in the order of submission.
func (e *ExportConfig) FileName(o *formats.Order, number int64) string {
	return strings.NewReplacer(
		"{submitted}", o.Submitted.UTC().Format("20060102T150405Z"),
		"{number}", fmt.Sprintf("%010d", number),
		"{identifier}", plain(o.Identifier),
		"{id}", plain(o.ID),
		"{website}", plain(o.Website),
	).Replace(e.File)
}

// plain keeps of a text what is harmless in every file system: letters, digits, dots and dashes.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
			return r
		}
		return '-'
	}, s)
	return s[:min(len(s), 100)]
}

// writeOwed writes what is owed, in order. Trouble stops it where it is: a later order never overtakes an earlier one.
func (b *Bridge) writeOwed(ctx context.Context, e *ExportConfig) error {
	list, err := b.Ledger.Outbox(ctx, OutboxFilter{Export: e.Name, States: []OwedState{OwedNow}})
	if err != nil {
		return err
	}
	for _, o := range list {
		if err := b.write(ctx, e, o); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bridge) write(ctx context.Context, e *ExportConfig, o *Owed) error {
	body, err := b.Ledger.Body(ctx, e.Name, o.Number)
	if err != nil {
		return err
	}
	r, target := b.Remotes[e.Remote], path.Join(e.Folder, o.File)
	b.step("write order")
	err = r.Put(ctx, target, body)
	if errors.Is(err, fs.ErrExist) {
		if err = b.sameBytes(ctx, r, target, o); errors.Is(err, errOtherBytes) {
			o.State, o.Reason = Conflict, "another file of this name stands in the folder; it was left alone"
			b.Log.Error("another file is in the way", "export", e.Name, "order", o.Order, "file", o.File,
				"hint", "move the file away, then run the order again")
			return b.Ledger.SaveOwed(ctx, o, OwedNow)
		}
	}
	if err == nil && e.Marker != "" {
		if err = r.Put(ctx, target+e.Marker, nil); errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	b.step("written")
	o.State, o.WrittenAt = Written, b.Clock.Now()
	if err := b.Ledger.SaveOwed(ctx, o, OwedNow); err != nil {
		return err
	}
	b.Log.Info("written", "export", e.Name, "order", o.Order, "file", o.File, "bytes", o.Size, "sha256", o.SHA256)
	return nil
}

var errOtherBytes = errors.New("other bytes")

// sameBytes says whether the file that is there already is the one to be written: an attempt that was cut short wrote it.
func (b *Bridge) sameBytes(ctx context.Context, r Remote, target string, o *Owed) error {
	file, err := r.Stat(ctx, target)
	if err != nil {
		return err
	}
	if file.Size != o.Size {
		return errOtherBytes
	}
	hash := sha256.New()
	if _, err := r.Fetch(ctx, target, hash); err != nil {
		return err
	}
	if hex.EncodeToString(hash.Sum(nil)) != o.SHA256 {
		return errOtherBytes
	}
	return nil
}

// watchPickup sees which files the ERP has taken: those that have left the folder.
func (b *Bridge) watchPickup(ctx context.Context, e *ExportConfig) error {
	list, err := b.Ledger.Outbox(ctx, OutboxFilter{Export: e.Name, States: []OwedState{Written}})
	if err != nil || len(list) == 0 {
		return err
	}
	listing, err := b.Remotes[e.Remote].List(ctx, e.Folder)
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(listing))
	for _, f := range listing {
		there[f.Name] = true
	}
	for _, o := range list {
		if there[o.File] {
			continue
		}
		o.State, o.PickedUp = PickedUp, b.Clock.Now()
		if err := b.Ledger.SaveOwed(ctx, o, Written); err != nil {
			return err
		}
		b.Log.Info("picked up", "export", e.Name, "order", o.Order, "file", o.File)
	}
	return nil
}
