// Package answers brings what the ERP says about orders to the shop.
//
// Answers do not travel in batches: an order may be answered several times in one file (accepted, then shipped in two
// parcels), and each answer sets what it says through [Shop.ApplyFeedback]. So the rows of an order_feedback drop are applied
// one by one, in the order of the file, and no row collapses. Nothing is sent before the whole file was found to be readable
// and within the feed's guards. Each row's fate is committed with what it means for the outbox; an interrupted run goes on
// behind the rows that have one.
//
// What is to be read by people ends as a comment on the order: a message, and what an answer says of the order's lines, whose
// rows stand behind the order's own. An order's row and those of its lines are one reply, with one comment, and are committed
// together.
//
// What the shop holds already is not written again, so that the same answer twice does nothing; an older answer that comes
// again after a newer one is the newest, since answers carry no time. An empty cell says nothing: unlike elsewhere it does not
// clear the field, since the answers of one file differ in what they have to say.
//
// What may go in: what an answer does to its order, and to the outbox. What may not: the outbox's own life (package
// outbound), and the drop's (package inbound).
package answers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/bridge/inbound/trouble"
	"github.com/orobridge/orobridge/formats"
)

// A Shop takes answers.
type Shop interface {
	// ApplyFeedback writes an ERP's answer into its order: number, shipping status, a tracking, the status where the shop lets
	// it be set, and a comment for its people (as the field message; empty for none), lines set apart by line breaks. What holds
	// already is not written again. An order that the shop does not have is Missing; an error wrapping ErrUncertain means that
	// the tracking or the comment may have been added: apply it again, they are looked for first.
	ApplyFeedback(ctx context.Context, answer *formats.Record, comment string) (bridge.Answer, error)
}

// A Ledger keeps what became of answers, and the orders that they are about. Its methods are those of the packages plan and
// apply but for the outbox.
type Ledger interface {
	Fates(ctx context.Context, run int64) (map[bridge.RowFate]int64, error)
	Lookup(ctx context.Context, entity string, keys []string, refs []bridge.LinkRef) error
	Links(ctx context.Context, entity string, keys []string) (map[string]*bridge.Link, error)
	Parked(ctx context.Context, feed string, waitedSince time.Time, each func(bridge.ParkedRow) error) error
	Settle(ctx context.Context, batch int64, settled []bridge.Settlement, events ...*bridge.Event) error
	// Outbox lists orders with the files that hold them: answers are written beside them.
	Outbox(ctx context.Context, f bridge.OutboxFilter) ([]*bridge.Owed, error)
	Outfiles(ctx context.Context, f bridge.OutfileFilter) ([]*bridge.Outfile, error)
}

// An Applier carries out one run of an order_feedback drop. Its fields are set before any method is called.
type Applier struct {
	Ledger  Ledger
	Shop    Shop
	Clock   bridge.Clock
	Events  *bridge.Events
	Trouble trouble.Waiter
	Feed    *config.Feed
	Exports []string // of the shop: answers are to their orders; nil for all
	Drop    *bridge.Drop
	Run     *bridge.Run
	Rows    func(ctx context.Context) (rows.Source, error) // opens the rows that the run is about
}

// Rehearse reads the whole file and counts, as far as that can be told without the shop.
func (a *Applier) Rehearse(ctx context.Context) error {
	a.Run.Counts = bridge.Counts{}
	return a.rows(ctx, func(_ *formats.Record, reject *formats.Reject, _ func() map[string]string) error {
		a.Run.Rows++
		if reject != nil {
			a.Run.Rejected++
		}
		return nil
	})
}

// Apply gives every row its fate. Rows that an interrupted attempt has settled are the first ones.
func (a *Applier) Apply(ctx context.Context, resumed bool) error {
	a.Run.Counts = bridge.Counts{}
	done := int64(0)
	if resumed {
		fates, err := a.Ledger.Fates(ctx, a.Run.ID)
		if err != nil {
			return err
		}
		for fate, n := range fates {
			if fate == bridge.FateParked && a.Run.Kind == bridge.ParkedRun {
				continue // it is among the parked still
			}
			a.Run.Add(fate, n)
			done += n
		}
	}
	a.Run.Rows = done
	if a.Run.Kind == bridge.ParkedRun {
		return a.parked(ctx)
	}
	at := int64(0)
	var reply []*row
	err := a.rows(ctx, func(rec *formats.Record, reject *formats.Reject, raw func() map[string]string) error {
		if at++; at <= done {
			return nil
		}
		if reject != nil {
			if err := a.reply(ctx, reply); err != nil {
				return err
			}
			reply = nil
			s := a.settlement(reject.Key, reject.Pos)
			a.reject(&s, reject, raw())
			return a.settle(ctx, []bridge.Settlement{s}, "")
		}
		own := *rec
		own.Values = slices.Clone(rec.Values)
		r := &row{Record: &own, raw: raw(), wait: formats.JoinKey(rec.Key, fmt.Sprint(a.Drop.ID), fmt.Sprint(at))}
		return a.gather(ctx, &reply, r)
	})
	if err != nil {
		return err
	}
	return a.reply(ctx, reply)
}

// A row is an answer with what its row needs to be settled.
type row struct {
	*formats.Record
	raw    map[string]string
	wait   string           // key under which it waits for its order
	before bridge.ParkedRow // as which it has waited; zero for none
}

// ofLine says that the row is about a line of its order.
func (r *row) ofLine() bool { return formats.LineNote(r.Record) != "" }

// maxReply is how many rows are one reply at most.
const maxReply = 1000

// gather takes a row into the reply that it belongs to, and applies the one before when it begins another.
func (a *Applier) gather(ctx context.Context, reply *[]*row, r *row) error {
	r.Values = slices.DeleteFunc(r.Values, func(v formats.Value) bool { return v.Text == "" })
	if n := len(*reply); n > 0 && n < maxReply && r.ofLine() && (*reply)[0].Key == r.Key {
		*reply = append(*reply, r)
		return nil
	}
	err := a.reply(ctx, *reply)
	*reply = []*row{r}
	return err
}

// rows reads the run's rows: those of the file, or only those that were rejected.
func (a *Applier) rows(ctx context.Context, each func(rec *formats.Record, reject *formats.Reject,
	raw func() map[string]string) error) error {
	reader, err := a.Rows(ctx)
	if err != nil {
		return err
	}
	defer reader.Close() // it was only read
	if _, err := rows.EachRecord(ctx, a.Feed, reader, each); err != nil {
		return err
	}
	a.Run.Skipped = reader.Counts()
	return nil
}

// parked applies the answers of the drop that wait for their order.
func (a *Applier) parked(ctx context.Context) error {
	var waiting []bridge.ParkedRow
	err := a.Ledger.Parked(ctx, a.Feed.Name, time.Time{}, func(p bridge.ParkedRow) error {
		if p.Drop == a.Drop.ID {
			waiting = append(waiting, p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var reply []*row
	for _, p := range waiting {
		if p.Damaged {
			if err := a.lost(ctx, p); err != nil {
				return err
			}
			continue
		}
		rec := &formats.Record{Entity: a.Feed.Entity, Key: formats.SplitKey(p.Key)[0], Values: p.Record, Pos: p.Pos}
		if err := a.gather(ctx, &reply, &row{Record: rec, raw: p.Raw, wait: p.Key, before: p}); err != nil {
			return err
		}
	}
	return a.reply(ctx, reply)
}

// lost rejects an answer that waited for its order and is damaged in the ledger.
func (a *Applier) lost(ctx context.Context, p bridge.ParkedRow) error {
	why := p.Lost()
	why.Key = formats.SplitKey(p.Key)[0]
	s := a.settlement(why.Key, p.Pos)
	s.Unpark = p.Key
	a.reject(&s, why, p.Raw)
	return a.settle(ctx, []bridge.Settlement{s}, "")
}

// reply applies the rows of one reply: at most one about its order as a whole, the first, and any of its lines. A reply to an
// order that the bridge never sent waits for it, for park_for at most; so does one that tells only a number of the ERP's which no
// answer has given to an order yet.
func (a *Applier) reply(ctx context.Context, reply []*row) error {
	if err := bridge.Noticed(ctx); err != nil || len(reply) == 0 {
		return err
	}
	key := reply[0].Key
	missing := bridge.Missing{Entity: bridge.Orders, Key: key}
	if _, _, numbered := formats.IsElseKey(key); numbered {
		missing.Entity = a.Feed.Entity.Name
		order, err := a.orderOf(ctx, key)
		if err != nil {
			return err
		}
		if order != "" {
			key = order
		}
	}
	settled := make([]bridge.Settlement, len(reply))
	for i, r := range reply {
		r.Key = key
		settled[i] = a.settlement(key, r.Pos)
		settled[i].Unpark = r.wait
	}
	sent := make([]bridge.LinkRef, 1)
	if err := a.Ledger.Lookup(ctx, bridge.Orders, []string{key}, sent); err != nil {
		return err
	}
	if sent[0].ID == 0 {
		for i, r := range reply {
			a.unsent(&settled[i], r, missing)
		}
		return a.settle(ctx, settled, "")
	}
	return a.apply(ctx, reply, settled)
}

// apply brings a reply to its order.
func (a *Applier) apply(ctx context.Context, reply []*row, settled []bridge.Settlement) error {
	whole := &formats.Record{Entity: a.Feed.Entity, Key: reply[0].Key, Pos: reply[0].Pos}
	var lines []*formats.Record
	for i, r := range reply {
		if !r.ofLine() {
			whole = r.Record
			continue
		}
		lines = append(lines, r.Record)
		settled[i].Fate, settled[i].Detail = bridge.FateUnchanged, formats.LineNote(r.Record)
	}
	a.Events.Step("answer")
	var got bridge.Answer
	err := a.Trouble.Persist(ctx, "feed "+a.Feed.Name, func() (err error) {
		got, err = a.Shop.ApplyFeedback(ctx, whole, formats.Comment(whole, lines))
		return err
	})
	if err != nil {
		return err
	}
	a.Events.Step("applied answer")
	if got.Reject != nil || got.Missing != nil {
		for i, r := range reply {
			a.outcome(&settled[i], r, got)
		}
		return a.settle(ctx, settled, "")
	}
	for i, r := range reply {
		if r.ofLine() && slices.Contains(got.Set, "message") {
			settled[i].Fate = bridge.FateUpdated
		}
	}
	if reply[0].ofLine() { // what became of the order said another reply
		return a.settle(ctx, settled, "")
	}
	s := &settled[0]
	a.outcome(s, reply[0], got)
	alarm, err := a.answered(ctx, s, whole, lines)
	if err != nil {
		return err
	}
	number, err := a.number(ctx, s, whole)
	if err != nil {
		return err
	}
	if number != nil {
		settled = append(settled, *number)
	}
	return a.settle(ctx, settled, alarm)
}

// numberField is the field by which a later answer may name an order, once an answer has given the order that number.
const numberField = "erp_order_number"

// orderOf finds the order that an earlier answer gave a number; empty when none has.
func (a *Applier) orderOf(ctx context.Context, numbered string) (order string, err error) {
	links, err := a.Ledger.Links(ctx, a.Feed.Entity.Name, []string{numbered})
	if err != nil || links[numbered] == nil {
		return "", err
	}
	for _, v := range links[numbered].Content {
		if v.Field == "order" {
			order = v.Text
		}
	}
	return order, nil
}

// number keeps which order an answer has given a number; nil when it gives none.
func (a *Applier) number(ctx context.Context, s *bridge.Settlement, rec *formats.Record) (*bridge.Settlement, error) {
	number, _ := rec.Get(numberField)
	if number == "" || s.Link == nil {
		return nil, nil
	}
	key := formats.ElseKey(numberField, number)
	links, err := a.Ledger.Links(ctx, s.Entity, []string{key})
	if err != nil {
		return nil, err
	}
	link := links[key]
	if link == nil {
		link = &bridge.Link{Entity: s.Entity, Key: key}
	}
	link.Lay([]formats.Value{{Field: "order", Text: rec.Key}},
		bridge.Link{OroID: s.Link.OroID, Feed: a.Drop.Feed, Drop: a.Drop.ID, Run: a.Run.ID, Line: s.Line, At: s.At})
	return &bridge.Settlement{Link: link, HistoryEntry: bridge.HistoryEntry{Entity: s.Entity, Key: key, Drop: a.Drop.ID, Line: s.Line,
		Fate: bridge.RowFate(bridge.Answered), Detail: "the number of order " + rec.Key, At: s.At}}, nil
}

func (a *Applier) settlement(key string, pos formats.Position) bridge.Settlement {
	return bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: a.Feed.Entity.Name, Key: key, Drop: a.Drop.ID, Run: a.Run.ID,
		Line: pos.Line,
		At:   a.Clock.Now()}}
}

func (a *Applier) reject(s *bridge.Settlement, why *formats.Reject, raw map[string]string) {
	s.Fate, s.Detail = bridge.FateRejected, why.Code+": "+why.Message
	s.Reject = &bridge.RejectRow{Drop: a.Drop.ID, Run: a.Run.ID, Entity: a.Feed.Entity.Name, Reject: *why, Row: raw}
}

// unsent parks an answer to an order that the bridge has not sent, or rejects one that has waited for too long.
func (a *Applier) unsent(s *bridge.Settlement, r *row, missing bridge.Missing) {
	since := r.before.Since
	if !since.IsZero() && since.Before(a.Clock.Now().Add(-a.Feed.ParkFor.D())) {
		a.reject(s, &formats.Reject{Pos: r.Pos, Key: r.Key, Field: "order", Code: formats.CodeParent,
			Message: "the bridge did not send this order within " + a.Feed.ParkFor.String()}, r.raw)
		return
	}
	if since.IsZero() {
		since = s.At
	}
	s.Fate, s.Unpark, s.Detail = bridge.FateParked, "", "the bridge has not sent this order; waits for "+missing.Entity+" "+missing.Key
	s.Park = &bridge.ParkedRow{Entity: a.Feed.Entity.Name, Key: r.wait, Feed: a.Drop.Feed, Drop: a.Drop.ID, Run: a.Run.ID,
		Line: r.Pos.Line, Pos: r.Pos, Missing: missing, Record: r.Values, Raw: r.raw, Since: since}
}

// outcome says what became of an answer.
func (a *Applier) outcome(s *bridge.Settlement, r *row, got bridge.Answer) {
	switch {
	case got.Reject != nil:
		why := *got.Reject
		why.Pos = r.Pos
		a.reject(s, &why, r.raw)
		return
	case got.Missing != nil:
		a.reject(s, &formats.Reject{Pos: r.Pos, Key: r.Key, Field: "order", Code: formats.CodeReference,
			Message: "the shop does not have this order any more"}, r.raw)
		return
	}
	s.Fate = bridge.FateUnchanged
	if len(got.Set) > 0 {
		s.Fate = bridge.FateUpdated
	}
	for _, v := range r.Values {
		if slices.Contains(got.Set, v.Field) {
			s.Sent = append(s.Sent, v)
		}
	}
	for _, l := range got.Left {
		s.Detail = strings.TrimPrefix(s.Detail+"; "+l.Field+" not set: "+l.Why, "; ")
	}
	s.Link = &bridge.Link{Entity: a.Feed.Entity.Name, Key: r.Key, OroID: got.OroID}
}

// answered lays an answer over the link of its order, and says what it means for the outbox: the order counts as answered,
// and since the file must have arrived, its alarm for not having been seen is over.
func (a *Applier) answered(ctx context.Context, s *bridge.Settlement, rec *formats.Record,
	lines []*formats.Record) (alarm bridge.Alarm, err error) {
	links, err := a.Ledger.Links(ctx, s.Entity, []string{rec.Key})
	if err != nil {
		return "", err
	}
	link, id := links[rec.Key], s.Link.OroID
	if link == nil {
		link = s.Link
	}
	s.Before = link.Lay(rec.Values, bridge.Link{OroID: id, Feed: a.Drop.Feed, Drop: a.Drop.ID, Run: a.Run.ID, Line: s.Line, At: s.At})
	s.Link = link
	owed, err := a.Ledger.Outbox(ctx, bridge.OutboxFilter{Identifier: rec.Key, Exports: a.Exports})
	if err != nil {
		return "", err
	}
	text, alarm := said(rec, lines)
	for _, o := range owed {
		if o.State == bridge.Stuck || !o.Answered.IsZero() && o.Answer == text && o.OwnAlarm == alarm {
			continue // what it says already is no news
		}
		if o.Answered.IsZero() {
			o.Answered = s.At
		}
		o.Answer, o.OwnAlarm = text, alarm
		s.Owed = append(s.Owed, o)
		if o.FileAlarm != bridge.AlarmUnseen {
			continue
		}
		files, err := a.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: o.Export, Number: o.Number})
		if err != nil {
			return "", err
		}
		for _, f := range files {
			f.Alarm = ""
			s.Files = append(s.Files, f)
		}
	}
	if len(s.Owed) == 0 {
		alarm = ""
	}
	return alarm, nil
}

// maxRemarks bounds the words about lines in an answer.
const maxRemarks = 20

// said is an answer in a few words, with what it says of lines that are not as they were ordered, and the alarm that it is.
func said(rec *formats.Record, lines []*formats.Record) (answer string, alarm bridge.Alarm) {
	var words []string
	for _, f := range []string{"status", "erp_order_number", "shipping_status", "tracking_method", "tracking_number", "message"} {
		if text, ok := rec.Get(f); ok && text != "" {
			words = append(words, text)
		}
	}
	status, _ := rec.Get("status")
	switch strings.ToLower(status) {
	case "refused", "rejected":
		alarm = bridge.AlarmRefused
	}
	lines = slices.DeleteFunc(slices.Clone(lines), func(l *formats.Record) bool { return !formats.Exceptional(l) })
	for i, line := range lines {
		if i == maxRemarks {
			words = append(words, fmt.Sprintf("%d more lines are not as they were ordered", len(lines)-i))
			break
		}
		words = append(words, formats.LineNote(line))
	}
	if len(words) == 0 {
		words = append(words, "answered")
	}
	return strings.Join(words, ", "), alarm
}

// settle commits the fates of rows, the first with what it means for the orders of the outbox; what has no fate is no row.
func (a *Applier) settle(ctx context.Context, settled []bridge.Settlement, alarm bridge.Alarm) error {
	var events []*bridge.Event
	s := &settled[0]
	for _, o := range s.Owed {
		event := a.Drop.Event(bridge.OrderAnswered, a.Clock.Now(), o.Answer)
		event.Export, event.Order, event.Run = o.Export, o.Order, a.Run.ID
		events = append(events, event)
		if alarm == "" {
			continue
		}
		events = append(events, &bridge.Event{At: s.At, Kind: bridge.AlarmRaised, Export: o.Export, Order: o.Order, Alarm: alarm,
			Text: o.Answer, Hint: alarm.Hint()})
	}
	a.Events.Step("settle answer")
	all := settled
	if len(s.Owed) > 0 {
		all = append(slices.Clone(all), bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: bridge.Orders, Key: s.Key,
			Fate:   bridge.RowFate(bridge.Answered),
			Detail: strings.TrimSuffix(s.Owed[0].Answer+"; "+s.Detail, "; "), At: s.At}})
	}
	err := a.Trouble.Persist(ctx, "feed "+a.Feed.Name, func() error { return a.Ledger.Settle(ctx, 0, all, events...) })
	if err != nil {
		return err
	}
	a.Events.Tell(events...)
	a.Events.Step("settled answer")
	for i := range settled {
		if settled[i].Run == 0 {
			continue // the number of an order
		}
		a.Run.Rows++
		a.Run.Add(settled[i].Fate, 1)
	}
	a.Events.Tell(&bridge.Event{Kind: bridge.Progressed, Feed: a.Feed.Name, Drop: a.Drop.ID, File: a.Drop.Name, Phase: "sending",
		Done: a.Run.Rows})
	return nil
}
