package outbound

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Noticing. Each round lists what was updated since the cursor less the overlap, by id and time alone, which is one cheap
// request when nothing happened; only what the ledger has not looked at in that version is read in full. So an order that
// commits late, several within one second, and one that is listed twice are all harmless. Once an hour, and at the first
// round, the list reaches a day back, for what committed later than the overlap and for a shop whose clock was put back.
//
// Once a minute they are listed by rising id as well (arrivals.go), for what came with an old time stamp. An order is known by
// id, identifier and time of submission, since a shop that was restored from a backup gives ids again.
//
// Limits: a change with a time stamp more than a day old is not noticed, and neither is one within a second that comes more
// than secondLook after the first one was seen.
const (
	ordersAtOnce = 50             // orders of one request and of one transaction
	deepReach    = 24 * time.Hour // how far back the occasional long list reaches
	deepEvery    = time.Hour
	secondLook   = 3 * time.Second     // time stamps have whole seconds: what was changed within one is looked at again
	keepLooks    = 30 * 24 * time.Hour // how long a look is remembered; the outbox is remembered for good
)

// notice brings new orders, and changed ones where the export wants them, into the outbox, in the order of submission.
// What is owed is written between two requests. It returns how many orders were entered.
func (e *Engine) notice(ctx context.Context, x *config.Export) (noticed int, err error) {
	book, known, err := e.Ledger.Book(ctx, x.Name)
	if err != nil {
		return 0, err
	}
	if !known {
		if book, err = e.begin(ctx, x); err != nil {
			return 0, err
		}
	}
	now, k := e.Clock.Now(), e.kindOf(x)
	since, deep := e.reach(x, book.Cursor, now)
	e.Events.Step("poll orders")
	arrived, highest, err := e.arrivals(ctx, x, book.Floor, now)
	if err != nil {
		return 0, err
	}
	seen, err := sight(ctx, k, since)
	if err != nil {
		return 0, err
	}
	notes, err := e.Ledger.Notes(ctx)
	if err != nil {
		return 0, err
	}
	for _, s := range seen {
		if s.Updated.After(book.At) {
			book.At = s.Updated
		}
	}
	seen = slices.DeleteFunc(seen, func(s bridge.Sighting) bool { return s.Submitted.Before(book.Floor) })
	fresh, err := e.unsettled(ctx, x, newest(slices.Concat(untoldOf(notes, x.Name).list(), arrived, seen)), now.Add(-secondLook))
	if err != nil {
		return 0, err
	}
	c, _ := e.Memory.entered(x.Name)
	if c != nil {
		if err := asRestored(e).examine(ctx, x, c, fresh); err != nil {
			return 0, err
		}
	}
	if noticed, err = e.look(ctx, x, book.Cursor, fresh, deep); err != nil {
		return noticed, err
	}
	if c != nil {
		if err := asRestored(e).ended(ctx, x, c); err != nil {
			return noticed, err
		}
	}
	if deep {
		e.Memory.set(&e.Memory.deep, x.Name, now)
	}
	return noticed, e.arrived(ctx, x, highest, now)
}

// begin enters an export's first cursor. With since: now, what stands in the shop already is ignored for good; it is
// told by its presence, not by anybody's clock.
func (e *Engine) begin(ctx context.Context, x *config.Export) (bridge.Book, error) {
	in := &bridge.Intake{}
	switch x.Since {
	case "", "now":
		in.Book.Floor = e.Clock.Now().Add(-deepReach)
		in.Book.At = in.Book.Floor
		seen, err := sight(ctx, e.kindOf(x), in.Book.Floor)
		if err != nil {
			return in.Book, err
		}
		for _, s := range seen {
			in.Looks = append(in.Looks, bridge.Look{Sighting: s, Ignored: true})
		}
	case "all":
	default:
		t, err := time.Parse(time.RFC3339, x.Since)
		if err != nil {
			return in.Book, &bridge.Error{Op: "read config", Object: "exports." + x.Name + ".since", Err: err,
				Hint: "write now, all, or a time as 2026-01-31T00:00:00Z"}
		}
		in.Book.Cursor = bridge.Cursor{At: t.UTC(), Floor: t.UTC()}
	}
	return in.Book, e.Ledger.Owe(ctx, x.Name, in)
}

// reach is where a list begins. The bridge's own clock bounds it: a time stamp from the future must not hide the present.
func (e *Engine) reach(x *config.Export, c bridge.Cursor, now time.Time) (since time.Time, deep bool) {
	back := x.Overlap.D()
	if last, ok := e.Memory.get(&e.Memory.deep, x.Name); !ok || now.Sub(last) >= deepEvery {
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

// sight lists the documents that were updated since a time. Pages are taken by time, not by number: an order that is
// updated meanwhile moves to the end of the list and would push another one over the edge of a page.
func sight(ctx context.Context, k kind, since time.Time) ([]bridge.Sighting, error) {
	var all []bridge.Sighting
	for page := 1; ; {
		seen, more, err := k.sightings(ctx, since, page)
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

// unsettled keeps of the sightings those that have to be looked at: unknown ones, ones with another time stamp, and ones
// that were looked at before the given time, last, while they could still change without another time stamp. One that was
// submitted after an ignored one of its id was last changed is another order.
func (e *Engine) unsettled(ctx context.Context, x *config.Export, seen []bridge.Sighting, before time.Time) (
	open []bridge.Sighting, err error) {
	for part := range slices.Chunk(seen, 1000) {
		looks, err := e.Ledger.Looks(ctx, x.Name, idsOf(part))
		if err != nil {
			return nil, err
		}
		for _, s := range part {
			last, looked := looks[s.OroID]
			done := last.Ignored && !s.Submitted.After(last.Updated) || last.Updated.Equal(s.Updated) && (last.At.IsZero() || last.At.After(before))
			if !looked || !done {
				open = append(open, s)
			}
		}
	}
	return open, nil
}

func idsOf(seen []bridge.Sighting) []string {
	ids := make([]string, len(seen))
	for i, s := range seen {
		ids[i] = s.OroID
	}
	return ids
}

// look reads orders in full and owes those that the export wants, oldest submission first. The cursor moves with the
// last of them.
func (e *Engine) look(ctx context.Context, x *config.Export, c bridge.Cursor, fresh []bridge.Sighting, deep bool) (noticed int, err error) {
	slices.SortStableFunc(fresh, func(a, b bridge.Sighting) int { return a.Submitted.Compare(b.Submitted) })
	var delivery error
	for from := 0; from < len(fresh); from += ordersAtOnce {
		in, err := e.intake(ctx, x, fresh[from:min(from+ordersAtOnce, len(fresh))])
		if err != nil {
			return noticed, err
		}
		if careful, _ := e.Memory.entered(x.Name); careful != nil {
			careful.apply(x, in, e.Clock.Now())
		}
		last := from+ordersAtOnce >= len(fresh)
		if last {
			in.Book.Cursor = c
			if deep {
				in.Forget = c.At.Add(-keepLooks)
			}
		}
		if err := e.owe(ctx, x, in); err != nil {
			return noticed, err
		}
		noticed += len(in.Orders)
		if delivery == nil && !last {
			delivery = e.deliver(ctx, x) // trouble there is told by the round's own delivery
		}
	}
	return noticed, nil
}

// intake reads orders in full and decides about each.
func (e *Engine) intake(ctx context.Context, x *config.Export, part []bridge.Sighting) (*bridge.Intake, error) {
	k, ids, now := e.kindOf(x), idsOf(part), e.Clock.Now()
	read, untold, err := k.read(ctx, ids)
	if err != nil {
		return nil, err
	}
	if err := e.keepUntold(ctx, x, part, untold); err != nil {
		return nil, err
	}
	known, err := e.Ledger.Versions(ctx, x.Name, ids)
	if err != nil {
		return nil, err
	}
	looks, err := e.Ledger.Looks(ctx, x.Name, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*document, len(read))
	for _, d := range read {
		byID[d.ID] = d
	}
	in := &bridge.Intake{}
	for _, s := range part {
		d := byID[s.OroID]
		if slices.Contains(untold, s.OroID) {
			continue // it is looked at again
		}
		if d == nil { // deleted meanwhile
			in.Looks = append(in.Looks, lookAt(s, looks[s.OroID], now))
			continue
		}
		s.Updated = d.updated
		before, sent := versionOf(d, known[d.ID])
		entry, err := decide(k, x, d, before, sent)
		if err != nil {
			return nil, err
		}
		if others := known[d.ID]; !sent && entry != nil && len(others) > 0 && entry.Stuck == "" {
			other := others[len(others)-1]
			entry.Alarm, entry.Why = bridge.AlarmReused, fmt.Sprintf("the shop's id %s was order %s, submitted at %s, before",
				d.ID, other.Identifier, other.Submitted.UTC().Format(time.RFC3339))
		}
		look := lookAt(s, looks[s.OroID], now)
		if entry != nil {
			entry.Noticed = now
			in.Orders = append(in.Orders, entry)
		}
		if (sent || entry != nil) && x.OnChange != "new_version" {
			look.At = time.Time{} // whatever becomes of it, it is not written again
		}
		in.Looks = append(in.Looks, look)
	}
	return in, nil
}

// versionOf finds the newest version of a document among what the outbox holds under its id; false when that is none of it.
func versionOf(d *document, known []bridge.Version) (newest bridge.Version, sent bool) {
	for _, v := range known {
		if v.Identifier == d.Identifier && v.Submitted.Equal(d.Submitted) {
			newest, sent = v, true
		}
	}
	return newest, sent
}

// lookAt is a look at a sighting. Time stamps have whole seconds: it is looked at a second time, which is the last.
func lookAt(s bridge.Sighting, before bridge.Look, now time.Time) bridge.Look {
	if before.OroID == s.OroID && before.Updated.Equal(s.Updated) {
		now = time.Time{}
	}
	return bridge.Look{Sighting: s, At: now}
}

// decide makes an entry of a document that is new and wanted, or that has changed in what the ERP cares about; nil
// otherwise. One that is not wanted now may be after its next update.
func decide(k kind, x *config.Export, d *document, before bridge.Version, sent bool) (*bridge.Entry, error) {
	entry := &bridge.Entry{Document: d.Document, Print: k.fingerprint(d)}
	d.Version = 1
	if sent {
		if x.OnChange != "new_version" || before.Print == entry.Print {
			return nil, nil
		}
		d.Version = before.Version + 1
	} else if wanted, err := k.passes(x, d); err != nil {
		entry.Stuck = "only.when: " + err.Error()
	} else if !wanted {
		return nil, nil
	}
	return entry, prove(k, x, d, entry)
}

// prove finds out whether a document can be written at all, so that one that can't does not keep others from their files.
// What it renders is thrown away. One whose sums do not add up is written, with an alarm.
func prove(k kind, x *config.Export, d *document, entry *bridge.Entry) (err error) {
	if entry.Stuck == "" {
		if entry.Content, err = k.encode(d); err != nil {
			return err
		}
		trial, err := k.decode(&bridge.Entry{Content: entry.Content})
		if err != nil {
			return err
		}
		trial.Version = d.Version
		if _, _, err := render(k, x, []*document{trial}, 1, 1); err != nil {
			entry.Stuck = err.Error()
		}
	}
	entry.Replaced = d.replaced
	if entry.Stuck != "" {
		entry.Content, entry.Alarm = nil, bridge.AlarmStuck
	} else if why := k.doubt(d); why != "" {
		entry.Alarm, entry.Why = bridge.AlarmSums, why
	}
	return nil
}

// flush makes the file of collected orders that have waited long enough. While it is not known whether they went out they wait.
func (e *Engine) flush(ctx context.Context, x *config.Export) error {
	if c, _ := e.Memory.entered(x.Name); c != nil {
		return nil
	}
	waiting, err := collected(ctx, e, x, 1)
	if err != nil || len(waiting) == 0 || x.Collect.Orders > 0 && e.Clock.Now().Sub(waiting[0].Noticed) <= x.Collect.Within.D() {
		return err
	}
	return e.owe(ctx, x, &bridge.Intake{})
}
