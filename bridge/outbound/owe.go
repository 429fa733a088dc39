package outbound

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Owing. What a look at the shop has brought enters the outbox in one transaction with the cursor: the orders, and each
// file that is due with its number, its name and its bytes. Numbers have no gaps and are never given twice: should another
// process have given some meanwhile, the files are made once more with the next ones.

// owe enters what a look has brought, and makes the files that are due.
func (e *Engine) owe(ctx context.Context, x *config.Export, in *bridge.Intake) error {
	cursor := in.Book.Cursor
	e.Events.Step("owe")
	for {
		o := &owing{Engine: e, x: x, k: e.kindOf(x), in: in, at: e.Clock.Now()}
		if err := o.prepare(ctx, cursor); err != nil {
			return err
		}
		err := e.Ledger.Owe(ctx, x.Name, in, o.events...)
		if errors.Is(err, bridge.ErrMoved) {
			continue
		}
		if err != nil {
			return err
		}
		e.Events.Step("owed")
		e.Events.Tell(o.events...)
		return nil
	}
}

// owing prepares one attempt to owe.
type owing struct {
	*Engine
	x      *config.Export
	k      kind
	in     *bridge.Intake
	at     time.Time
	events []*bridge.Event
}

// waiting is an entry that waits for its file.
type waiting struct {
	entry *bridge.Entry
	doc   *document
}

// prepare completes the intake from what the ledger has now.
func (o *owing) prepare(ctx context.Context, cursor bridge.Cursor) error {
	book, known, err := o.Ledger.Book(ctx, o.x.Name)
	if err != nil {
		return err
	}
	o.in.Since, o.in.Book = book, book
	if !known {
		o.in.Book.Floor = cursor.Floor
	}
	if cursor.At.After(book.At) {
		o.in.Book.At = cursor.At
	}
	o.in.Files, o.in.Links, o.in.History = slices.Clone(o.in.Found), nil, nil
	for _, f := range o.in.Found {
		o.in.Book.Number = max(o.in.Book.Number, f.Number)
	}
	if err := o.entered(ctx); err != nil {
		return err
	}
	line, err := o.line(ctx)
	if err != nil {
		return err
	}
	perFile := max(1, o.x.Collect.Orders)
	for len(line) > 0 {
		part := line[:min(perFile, len(line))]
		if len(part) < perFile && o.at.Sub(part[0].entry.Noticed) <= o.x.Collect.Within.D() {
			break // it waits for more
		}
		if err := o.file(ctx, part); err != nil {
			return err
		}
		line = line[len(part):]
	}
	return nil
}

// entered says what the new orders make of links, history and journal. An answer that came too early waits for the link.
func (o *owing) entered(ctx context.Context) error {
	var names []string
	for _, entry := range o.in.Orders {
		names = append(names, entry.Identifier)
	}
	links, err := o.Ledger.Links(ctx, bridge.Orders, names)
	if err != nil {
		return err
	}
	for _, entry := range o.in.Orders {
		if entry.Stuck != "" {
			o.record(entry, bridge.RowFate(bridge.Stuck), entry.Stuck)
			o.events = append(o.events, o.alarm(o.x.Name, bridge.AlarmStuck, entry.Identifier, "", entry.Stuck))
			continue
		}
		if entry.Went == bridge.PickedUp || slices.ContainsFunc(o.in.Found, func(f *bridge.NewFile) bool { return f.Members[0] == entry }) {
			o.record(entry, bridge.RowFate(cmp.Or(entry.Went, bridge.Written)), entry.Why)
		}
		if entry.Alarm != "" {
			o.record(entry, bridge.RowFate(entry.Alarm), entry.Why)
			o.events = append(o.events, o.alarm(o.x.Name, entry.Alarm, entry.Identifier, "", entry.Why))
		}
		if entry.Replaced > 0 {
			why := fmt.Sprintf("%d characters that no order may hold were replaced by ?", entry.Replaced)
			o.record(entry, "cleaned", why)
			o.events = append(o.events, &bridge.Event{At: o.at, Kind: bridge.Noted, Export: o.x.Name, Order: entry.Identifier, Text: why})
		}
		link := links[entry.Identifier]
		if link == nil {
			link = &bridge.Link{Entity: bridge.Orders, Key: entry.Identifier}
			links[entry.Identifier] = link
		}
		link.Lay(nil, bridge.Link{OroID: entry.Document.ID, At: o.at})
		o.in.Links = append(o.in.Links, link)
	}
	return nil
}

func (o *owing) record(entry *bridge.Entry, step bridge.RowFate, detail string) {
	o.in.History = append(o.in.History, bridge.HistoryEntry{Entity: bridge.Orders, Key: entry.Identifier, Fate: step,
		Detail: detail, At: o.at})
}

// line lists what waits for a file: what was entered before, then what comes now.
func (o *owing) line(ctx context.Context) ([]waiting, error) {
	before, err := collected(ctx, o.Engine, o.x, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	found := func(entry *bridge.Entry) bool {
		return slices.ContainsFunc(o.in.Found, func(f *bridge.NewFile) bool {
			return f.Members[0] == entry || entry.ID != 0 && f.Members[0].ID == entry.ID
		})
	}
	var line []waiting
	for _, entry := range append(before, o.in.Orders...) {
		if entry.Stuck != "" || entry.Went != "" || found(entry) {
			continue
		}
		version := entry.Version
		doc, err := o.k.decode(entry)
		if err != nil {
			return nil, err
		}
		doc.Version = version
		line = append(line, waiting{entry, doc})
	}
	return line, nil
}

// collected lists the first n entries that wait for their file. One that is damaged in the ledger is stuck from now on, and told; it keeps
// no other from its file.
func collected(ctx context.Context, e *Engine, x *config.Export, n int) ([]*bridge.Entry, error) {
	all, err := e.Ledger.Collected(ctx, x.Name, n)
	if err != nil {
		return nil, err
	}
	var c bridge.OutboxChange
	var events []*bridge.Event
	for _, entry := range all {
		if !entry.Damaged {
			continue
		}
		entry.Stuck, entry.Alarm = "what the ledger has of it is not what was written: `orobridge rerun --order "+entry.Identifier+
			" --render` takes it from the shop again", bridge.AlarmStuck
		c.Stuck = append(c.Stuck, entry)
		c.History = append(c.History, bridge.HistoryEntry{Entity: bridge.Orders, Key: entry.Identifier, Fate: bridge.RowFate(bridge.Stuck),
			Detail: entry.Stuck, At: e.Clock.Now()})
		events = append(events, e.alarm(x.Name, entry.Alarm, entry.Identifier, "", entry.Stuck))
	}
	if len(c.Stuck) == 0 {
		return all, nil
	}
	if err := e.save(ctx, c, events...); err != nil {
		return nil, err
	}
	return collected(ctx, e, x, n)
}

// file makes one file.
func (o *owing) file(ctx context.Context, part []waiting) error {
	f := &bridge.NewFile{Outfile: bridge.Outfile{Export: o.x.Name, Number: o.in.Book.Number + 1, State: bridge.OwedNow, OwedAt: o.at}}
	docs := make([]*document, len(part))
	for i, w := range part {
		docs[i] = w.doc
		f.Members = append(f.Members, w.entry)
		f.Orders = append(f.Orders, w.entry.Identifier)
	}
	name, body, err := render(o.k, o.x, docs, f.Number, o.in.Book.Document+1)
	if err != nil {
		return err
	}
	if f.Name, err = o.freeName(ctx, name, f.Number); err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	f.Body, f.Size, f.SHA256 = body, int64(len(body)), hex.EncodeToString(sum[:])
	o.in.Files = append(o.in.Files, f)
	o.in.Book.Number, o.in.Book.Document = f.Number, o.in.Book.Document+int64(len(part))
	for i, w := range part {
		w.entry.Flags = docs[i].Flags
		o.record(w.entry, bridge.RowFate(bridge.OwedNow), "file "+f.Name+", sha256 "+f.SHA256)
		event := o.event(bridge.OrderOwed, &f.Outfile, w.entry.Identifier)
		event.Bytes, event.SHA256 = f.Size, f.SHA256
		o.events = append(o.events, event)
	}
	return nil
}

// freeName gives way when another file of the export has the name already.
func (o *owing) freeName(ctx context.Context, name string, number int64) (string, error) {
	free := name
	for n := 0; ; n++ {
		taken, err := o.Ledger.Taken(ctx, o.x.Name, []string{free})
		if err != nil {
			return "", err
		}
		for _, f := range o.in.Files {
			taken[f.Name] = true
		}
		if !taken[free] {
			return free, nil
		}
		tag := fmt.Sprintf("_n%d", number)
		if n > 0 {
			tag = fmt.Sprintf("%s-%d", tag, n)
		}
		free = bridge.DerivedName(name, tag)
	}
}
