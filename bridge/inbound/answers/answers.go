// Package answers brings what the ERP says about orders to the shop.
//
// Answers do not travel in batches: an order may be answered several times in one file (accepted, then shipped in two
// parcels), and each answer sets what it says through [Shop.ApplyFeedback]. So the rows of an order_feedback drop are applied
// one by one, in the order of the file, and no row collapses. Nothing is sent before the whole file was found to be readable
// and within the feed's guards. Each row's fate is committed with what it means for the outbox; an interrupted run goes on
// behind the rows that have one.
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
	// ApplyFeedback writes an ERP's answer into its order: number, shipping status, a tracking, and the status where the
	// shop lets it be set. What holds already is not written again. An order that the shop does not have is Missing; an
	// error wrapping ErrUncertain means that the tracking may have been added: apply it again, it is looked for first.
	ApplyFeedback(ctx context.Context, answer *formats.Record) (bridge.Answer, error)
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
	return a.rows(ctx, func(rec *formats.Record, reject *formats.Reject, raw func() map[string]string) error {
		if at++; at <= done {
			return nil
		}
		if reject != nil {
			s := a.settlement(reject.Key, reject.Pos)
			a.reject(&s, reject, raw())
			return a.settle(ctx, s, "")
		}
		return a.one(ctx, rec, raw(), formats.JoinKey(rec.Key, fmt.Sprint(a.Drop.ID), fmt.Sprint(at)), bridge.ParkedRow{})
	})
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
	for _, p := range waiting {
		rec := &formats.Record{Entity: a.Feed.Entity, Key: formats.SplitKey(p.Key)[0], Values: p.Record, Pos: p.Pos}
		if err := a.one(ctx, rec, p.Raw, p.Key, p); err != nil {
			return err
		}
	}
	return nil
}

// one applies one answer. An answer to an order that the bridge never sent waits for it, for park_for at most; so does one that
// tells only a number of the ERP's which no answer has given to an order yet.
func (a *Applier) one(ctx context.Context, rec *formats.Record, raw map[string]string, wait string, before bridge.ParkedRow) error {
	rec.Values = slices.DeleteFunc(rec.Values, func(v formats.Value) bool { return v.Text == "" })
	missing := bridge.Missing{Entity: bridge.Orders, Key: rec.Key}
	if _, _, numbered := formats.IsElseKey(rec.Key); numbered {
		missing.Entity = a.Feed.Entity.Name
		order, err := a.orderOf(ctx, rec.Key)
		if err != nil {
			return err
		}
		if order != "" {
			rec.Key = order
		}
	}
	s := a.settlement(rec.Key, rec.Pos)
	s.Unpark = wait
	sent := make([]bridge.LinkRef, 1)
	if err := a.Ledger.Lookup(ctx, bridge.Orders, []string{rec.Key}, sent); err != nil {
		return err
	}
	if sent[0].ID == 0 {
		a.unsent(&s, rec, raw, missing, wait, before)
		return a.settle(ctx, s, "")
	}
	if note := formats.LineNote(rec); note != "" { // of a line: what became of the order says the order's own row
		s.Fate, s.Detail = bridge.FateUnchanged, note
		return a.settle(ctx, s, "")
	}
	a.Events.Step("answer")
	var got bridge.Answer
	err := a.Trouble.Persist(ctx, "feed "+a.Feed.Name, func() (err error) {
		got, err = a.Shop.ApplyFeedback(ctx, rec)
		return err
	})
	if err != nil {
		return err
	}
	a.Events.Step("applied answer")
	if a.outcome(&s, rec, raw, got); s.Reject != nil {
		return a.settle(ctx, s, "")
	}
	alarm, err := a.answered(ctx, &s, rec)
	if err != nil {
		return err
	}
	number, err := a.number(ctx, &s, rec)
	if err != nil {
		return err
	}
	return a.settle(ctx, s, alarm, number)
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
func (a *Applier) unsent(s *bridge.Settlement, rec *formats.Record, raw map[string]string, missing bridge.Missing, wait string,
	before bridge.ParkedRow) {
	if !before.Since.IsZero() && before.Since.Before(a.Clock.Now().Add(-a.Feed.ParkFor.D())) {
		a.reject(s, &formats.Reject{Pos: rec.Pos, Key: rec.Key, Field: "order", Code: formats.CodeParent,
			Message: "the bridge did not send this order within " + a.Feed.ParkFor.String()}, raw)
		return
	}
	since := s.At
	if !before.Since.IsZero() {
		since = before.Since
	}
	s.Fate, s.Unpark, s.Detail = bridge.FateParked, "", "the bridge has not sent this order; waits for "+missing.Entity+" "+missing.Key
	s.Park = &bridge.ParkedRow{Entity: a.Feed.Entity.Name, Key: wait, Feed: a.Drop.Feed, Drop: a.Drop.ID, Run: a.Run.ID,
		Line: rec.Pos.Line, Pos: rec.Pos,
		Missing: missing, Record: rec.Values, Raw: raw, Since: since}
}

// outcome says what became of an answer.
func (a *Applier) outcome(s *bridge.Settlement, rec *formats.Record, raw map[string]string, got bridge.Answer) {
	switch {
	case got.Reject != nil:
		a.reject(s, got.Reject, raw)
		return
	case got.Missing != nil:
		a.reject(s, &formats.Reject{Pos: rec.Pos, Key: rec.Key, Field: "order", Code: formats.CodeReference,
			Message: "the shop does not have this order any more"}, raw)
		return
	}
	s.Fate = bridge.FateUnchanged
	if len(got.Set) > 0 {
		s.Fate = bridge.FateUpdated
	}
	for _, v := range rec.Values {
		if slices.Contains(got.Set, v.Field) {
			s.Sent = append(s.Sent, v)
		}
	}
	for _, l := range got.Left {
		s.Detail = strings.TrimPrefix(s.Detail+"; "+l.Field+" not set: "+l.Why, "; ")
	}
	s.Link = &bridge.Link{Entity: a.Feed.Entity.Name, Key: rec.Key, OroID: got.OroID}
}

// answered lays an answer over the link of its order, and says what it means for the outbox: the order counts as answered,
// and since the file must have arrived, its alarm for not having been seen is over.
func (a *Applier) answered(ctx context.Context, s *bridge.Settlement, rec *formats.Record) (alarm bridge.Alarm, err error) {
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
	owed, err := a.Ledger.Outbox(ctx, bridge.OutboxFilter{Identifier: rec.Key})
	if err != nil {
		return "", err
	}
	text, alarm := said(rec)
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

// said is an answer in a few words, and the alarm that it is.
func said(rec *formats.Record) (answer string, alarm bridge.Alarm) {
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
	if len(words) == 0 {
		words = append(words, "answered")
	}
	return strings.Join(words, ", "), alarm
}

// settle commits a row's fate, with what it means for the orders of the outbox.
func (a *Applier) settle(ctx context.Context, s bridge.Settlement, alarm bridge.Alarm, more ...*bridge.Settlement) error {
	var events []*bridge.Event
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
	settled := []bridge.Settlement{s}
	for _, m := range more {
		if m != nil {
			settled = append(settled, *m)
		}
	}
	if len(s.Owed) > 0 {
		settled = append(settled, bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: bridge.Orders, Key: s.Key,
			Fate:   bridge.RowFate(bridge.Answered),
			Detail: strings.TrimSuffix(s.Owed[0].Answer+"; "+s.Detail, "; "), At: s.At}})
	}
	err := a.Trouble.Persist(ctx, "feed "+a.Feed.Name, func() error { return a.Ledger.Settle(ctx, 0, settled, events...) })
	if err != nil {
		return err
	}
	a.Events.Tell(events...)
	a.Events.Step("settled answer")
	a.Run.Rows++
	a.Run.Add(s.Fate, 1)
	a.Events.Tell(&bridge.Event{Kind: bridge.Progressed, Feed: a.Feed.Name, Drop: a.Drop.ID, File: a.Drop.Name, Phase: "sending",
		Done: a.Run.Rows})
	return nil
}
