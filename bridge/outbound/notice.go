package outbound

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// Noticing. Each round lists what was updated since the cursor less the overlap, by id and time alone, which is one cheap
// request when nothing happened; only what the ledger has not looked at in that version is read in full. So an order that
// commits late, several within one second, and one that is listed twice are all harmless. Once an hour, and at the first
// round, the list reaches a day back, for what committed later than the overlap and for a shop whose clock was put back.
//
// Limits: an order that becomes visible with a time stamp more than a day old is not noticed, and neither is a change
// within a second that comes more than secondLook after the first one was seen.
const (
	ordersAtOnce = 50             // orders of one request and of one transaction
	deepReach    = 24 * time.Hour // how far back the occasional long list reaches
	deepEvery    = time.Hour
	secondLook   = 3 * time.Second     // time stamps have whole seconds: what was changed within one is looked at again
	keepLooks    = 30 * 24 * time.Hour // how long a look is remembered; the outbox is remembered for good
)

// notice brings new orders, and changed ones where the export wants them, into the outbox, in the order of submission.
// What is owed is written between two requests. It returns how many orders were entered.
func (b *Engine) notice(ctx context.Context, e *config.Export) (noticed int, err error) {
	c, known, err := b.Ledger.Cursor(ctx, e.Name)
	if err != nil {
		return 0, err
	}
	if !known {
		if c, err = b.begin(ctx, e); err != nil {
			return 0, err
		}
	}
	now := b.Clock.Now()
	since, deep := b.reach(e, c, now)
	b.step("poll orders")
	seen, err := b.sight(ctx, since)
	if err != nil {
		return 0, err
	}
	for _, s := range seen {
		if s.Updated.After(c.At) {
			c.At = s.Updated
		}
	}
	seen = slices.DeleteFunc(seen, func(s bridge.Sighting) bool { return s.Submitted.Before(c.Floor) })
	fresh, err := b.Ledger.Unsettled(ctx, e.Name, seen, now.Add(-secondLook))
	if err != nil {
		return 0, err
	}
	noticed, err = b.look(ctx, e, c, fresh, deep)
	if err == nil && deep {
		b.memory.set(&b.memory.deep, e.Name, now)
	}
	return noticed, err
}

// begin enters an export's first cursor. With since: now, what stands in the shop already is ignored for good; it is
// told by its presence, not by anybody's clock.
func (b *Engine) begin(ctx context.Context, e *config.Export) (bridge.Cursor, error) {
	in := &bridge.Intake{}
	switch e.Since {
	case "", "now":
		c := bridge.Cursor{Floor: b.Clock.Now().Add(-deepReach)}
		seen, err := b.sight(ctx, c.Floor)
		if err != nil {
			return c, err
		}
		c.At = c.Floor
		for _, s := range seen {
			in.Looks = append(in.Looks, bridge.Look{Sighting: s, Settled: true, Ignored: true})
		}
		in.Cursor = c
	case "all":
	default:
		t, err := time.Parse(time.RFC3339, e.Since)
		if err != nil {
			return bridge.Cursor{}, &bridge.Error{Op: "read config", Object: "exports." + e.Name + ".since", Err: err, Hint: "write now, all, or a time as 2026-01-31T00:00:00Z"}
		}
		in.Cursor = bridge.Cursor{At: t.UTC(), Floor: t.UTC()}
	}
	_, err := b.Ledger.Owe(ctx, e.Name, in)
	return in.Cursor, err
}

// reach is where a list begins. The bridge's own clock bounds it: a time stamp from the future must not hide the present.
func (b *Engine) reach(e *config.Export, c bridge.Cursor, now time.Time) (since time.Time, deep bool) {
	back := e.Overlap.D()
	if last, ok := b.memory.get(&b.memory.deep, e.Name); !ok || now.Sub(last) >= deepEvery {
		back, deep = max(back, deepReach), true
	}
	since = c.At
	if now.Before(since) {
		since = now
	}
	since = since.Add(-back)
	if since.Before(c.Floor) {
		since = c.Floor
	}
	if since.Unix() <= 0 {
		since = time.Time{}
	}
	return since, deep
}

// sight lists the orders that were updated since a time. Pages are taken by time, not by number: an order that is updated
// meanwhile moves to the end of the list and would push another one over the edge of a page.
func (b *Engine) sight(ctx context.Context, since time.Time) ([]bridge.Sighting, error) {
	var all []bridge.Sighting
	for page := 1; ; {
		seen, more, err := b.Shop.Sightings(ctx, since, page)
		if err != nil {
			return nil, err
		}
		all = append(all, seen...)
		if !more || len(seen) == 0 {
			return newest(all), nil
		}
		if last := seen[len(seen)-1].Updated; last.After(since) {
			since, page = last, 1
		} else {
			page++
		}
	}
}

// newest keeps the last sighting of each order.
func newest(all []bridge.Sighting) []bridge.Sighting {
	at := make(map[string]int, len(all))
	kept := all[:0]
	for _, s := range all {
		if i, ok := at[s.OroID]; ok {
			kept[i] = s
			continue
		}
		at[s.OroID] = len(kept)
		kept = append(kept, s)
	}
	return kept
}

// look reads orders in full and owes those that the export wants, oldest submission first. The cursor moves with the
// last of them.
func (b *Engine) look(ctx context.Context, e *config.Export, c bridge.Cursor, fresh []bridge.Sighting, deep bool) (noticed int, err error) {
	slices.SortStableFunc(fresh, func(x, y bridge.Sighting) int { return x.Submitted.Compare(y.Submitted) })
	var delivery error
	for from := 0; from < len(fresh); from += ordersAtOnce {
		part := fresh[from:min(from+ordersAtOnce, len(fresh))]
		in, err := b.intake(ctx, e, part)
		if err != nil {
			return noticed, err
		}
		if from+ordersAtOnce >= len(fresh) {
			in.Cursor = c
			if deep {
				in.Forget = c.At.Add(-keepLooks)
			}
		}
		if err := b.owe(ctx, e, in); err != nil {
			return noticed, err
		}
		noticed += len(in.Orders)
		if delivery == nil && from+ordersAtOnce < len(fresh) {
			delivery = b.deliver(ctx, e) // trouble there is told by the round's own delivery
		}
	}
	return noticed, nil
}

// intake reads orders in full and decides about each.
func (b *Engine) intake(ctx context.Context, e *config.Export, part []bridge.Sighting) (*bridge.Intake, error) {
	ids := make([]string, len(part))
	for i, s := range part {
		ids[i] = s.OroID
	}
	orders, err := b.Shop.Orders(ctx, ids)
	if err != nil {
		return nil, err
	}
	known, err := b.Ledger.Versions(ctx, e.Name, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*formats.Order, len(orders))
	for _, o := range orders {
		byID[o.ID] = o
	}
	in := &bridge.Intake{}
	for _, s := range part {
		o := byID[s.OroID]
		if o == nil { // deleted meanwhile
			in.Looks = append(in.Looks, bridge.Look{Sighting: s})
			continue
		}
		s.Updated = o.Updated
		before, sent := known[o.ID]
		entry := decide(e, o, before, sent)
		if entry != nil {
			in.Orders = append(in.Orders, entry)
		}
		in.Looks = append(in.Looks, bridge.Look{Sighting: s, Settled: (sent || entry != nil) && e.OnChange != "new_version"})
	}
	return in, nil
}

// decide makes an entry of an order that is new and wanted, or that has changed in what the ERP cares about; nil
// otherwise. An order that is not wanted now may be after its next update.
func decide(e *config.Export, o *formats.Order, before bridge.Version, sent bool) *bridge.Entry {
	entry := &bridge.Entry{Order: o, Version: 1, Print: OrderFingerprint(o)}
	if sent {
		if e.OnChange != "new_version" || before.Print == entry.Print {
			return nil
		}
		entry.Version = before.Version + 1
	} else if wanted, err := e.Only.Passes(o); err != nil {
		entry.Stuck = "only.when: " + err.Error()
	} else if !wanted {
		return nil
	}
	prove(e, entry)
	return entry
}

// prove finds out whether an order can be written at all, so that one that can't does not keep others from their files.
// What it renders is thrown away.
func prove(e *config.Export, entry *bridge.Entry) {
	if entry.Version > 1 {
		entry.Order.Version = entry.Version
	}
	if entry.Stuck != "" {
		return
	}
	trial := *entry.Order
	if _, _, err := render(e, []*formats.Order{&trial}, 1, 1); err != nil {
		entry.Stuck = err.Error()
	}
}

// owe enters what a look has brought, and makes the files that are due.
func (b *Engine) owe(ctx context.Context, e *config.Export, in *bridge.Intake) error {
	in.PerFile, in.Render = 1, renderer(e)
	if e.Collect.Orders > 0 {
		in.PerFile, in.Flush = e.Collect.Orders, b.Clock.Now().Add(-e.Collect.Within.D())
	}
	b.step("owe")
	made, err := b.Ledger.Owe(ctx, e.Name, in)
	if err != nil {
		return err
	}
	b.step("owed")
	for _, entry := range in.Orders {
		if entry.Stuck != "" {
			b.raise(e.Name, bridge.AlarmStuck, entry.Order.Identifier, entry.Stuck)
		}
		b.Log.Info("noticed", "export", e.Name, "order", entry.Order.Identifier, "version", entry.Version, "flags", entry.Order.Flags)
	}
	for _, f := range made {
		b.Log.Info("owed", "export", e.Name, "file", f.Name, "orders", f.Orders, "bytes", f.Size, "sha256", f.SHA256)
	}
	return nil
}

// flush makes the file of collected orders that have waited long enough.
func (b *Engine) flush(ctx context.Context, e *config.Export) error {
	waiting, err := b.Ledger.Outbox(ctx, bridge.OutboxFilter{Export: e.Name, States: []bridge.OwedState{bridge.Collected}})
	if err != nil || len(waiting) == 0 || e.Collect.Orders > 0 && b.Clock.Now().Sub(waiting[0].Noticed) <= e.Collect.Within.D() {
		return err
	}
	c, _, err := b.Ledger.Cursor(ctx, e.Name)
	if err != nil {
		return err
	}
	return b.owe(ctx, e, &bridge.Intake{Cursor: c})
}

// OrderFingerprint hashes what an ERP cares about: lines, addresses, totals, and whether the order is cancelled.
func OrderFingerprint(o *formats.Order) int64 {
	h := sha256.New()
	put := func(texts ...string) {
		for _, t := range texts {
			fmt.Fprintf(h, "%d:%s,", len(t), t)
		}
	}
	put(o.Currency, o.Subtotal, o.Discount, o.Shipping, o.Tax, o.Total, fmt.Sprint(o.InternalStatus == "cancelled"))
	for _, a := range []formats.Address{o.Bill, o.Ship} {
		put(a.Label, a.Organization, a.FirstName, a.LastName, a.Street, a.Street2, a.City, a.PostalCode, a.Region, a.Country, a.Phone)
	}
	for _, l := range o.Lines {
		name := ""
		if l.FreeForm {
			name = l.Product
		}
		put(l.SKU, name, l.Quantity, l.Unit, l.Price, l.RowTotal, l.Currency, l.ShipBy, l.Notes, fmt.Sprint(l.KitParent))
	}
	return int64(binary.BigEndian.Uint64(h.Sum(nil)))
}

// renderer makes files as an export wants them.
func renderer(e *config.Export) bridge.Render {
	return func(orders []*formats.Order, number, document int64) (string, []byte, error) {
		return render(e, orders, number, document)
	}
}

// render makes the file of some orders: from then on its name and bytes never change.
func render(e *config.Export, orders []*formats.Order, number, document int64) (name string, body []byte, err error) {
	var buf bytes.Buffer
	format := e.Format
	if n, ok := format.(formats.NumberedFormat); ok {
		format = n.Numbered(document)
	}
	if err := format.WriteOrders(&buf, orders); err != nil {
		return "", nil, &bridge.Error{Op: "write order", Object: orders[0].Identifier, Err: err}
	}
	name = FileName(e, orders[0], number)
	if e.Gzip {
		if body, err = pack(buf.Bytes()); err != nil {
			return "", nil, err
		}
		name += ".gz"
	} else {
		body = buf.Bytes()
	}
	if e.Encrypt != nil {
		if body, err = encrypted(e.Encrypt, body); err != nil {
			return "", nil, &bridge.Error{Op: "encrypt order", Object: orders[0].Identifier, Err: err}
		}
		name += e.Encrypt.Seal.Extension()
	}
	if name = bridge.DerivedName(name, ""); bridge.SafeName(name) != nil {
		return "", nil, &bridge.Error{Op: "name order", Object: orders[0].Identifier, Err: bridge.SafeName(name), Hint: "change exports." + e.Name + ".file"}
	}
	return name, body, nil
}

// pack compresses; the same bytes come out the same.
func pack(body []byte) ([]byte, error) {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, err := w.Write(body)
	err = errors.Join(err, w.Close())
	return buf.Bytes(), err
}

// encrypted encrypts and, with a key for it, signs. Unlike all else that makes a file it never gives the same bytes twice.
func encrypted(e *config.Encrypt, body []byte) ([]byte, error) {
	var buf bytes.Buffer
	w, err := e.Seal.Writer(&buf)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(body)
	err = errors.Join(err, w.Close())
	return buf.Bytes(), err
}

// FileName builds an outbound name from its first order. The time of submission stands as 20260131T235959Z and the number
// with ten digits, so that names which begin with either sort in the order of submission. A later version of an order
// ends in _v2.
func FileName(e *config.Export, o *formats.Order, number int64) string {
	name := strings.NewReplacer(
		"{submitted}", o.Submitted.UTC().Format("20060102T150405Z"),
		"{number}", fmt.Sprintf("%010d", number),
		"{identifier}", plain(o.Identifier),
		"{id}", plain(o.ID),
		"{website}", plain(o.Website),
	).Replace(e.File)
	if o.Version > 1 {
		name = bridge.DerivedName(name, fmt.Sprintf("_v%d", o.Version))
	}
	return name
}

// plain keeps of a text what is harmless in every file system: letters, digits, dots, dashes and underscores. Texts that
// differ stay different: what loses something gets a hash of the whole.
func plain(s string) string {
	kept := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
			return r
		}
		return '-'
	}, s)
	kept = kept[:min(len(kept), 100)]
	if kept == s {
		return kept
	}
	sum := sha256.Sum256([]byte(s))
	return kept + "~" + hex.EncodeToString(sum[:4])
}
