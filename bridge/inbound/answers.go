package inbound

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// Answers of the ERP to orders do not travel in batches: an order may be answered several times in one file (accepted,
// then shipped in two parcels), and each answer sets what it says through [Shop.ApplyFeedback]. So the rows of an
// order_feedback drop are applied one by one, in the order of the file, and no row collapses. Nothing is sent before the
// whole file was found to be readable and within the feed's guards. Each row's fate is committed with what it means for the
// outbox; an interrupted run goes on behind the rows that have one.
//
// What the shop holds already is not written again, so that the same answer twice does nothing; an older answer that comes
// again after a newer one is the newest, since answers carry no time. An empty cell says
// nothing: unlike elsewhere it does not clear the field, since the answers of one file differ in what they have to say.

// outboxEntity is the entity under which the ledger links orders that were entered in the outbox.
const outboxEntity = "orders"

// answering is one run of an order_feedback drop.
type answering struct {
	*Engine
	feed *config.Feed
	drop *bridge.Drop
	run  *bridge.Run
}

// applyAnswers carries out a run of an order_feedback drop.
func (b *Engine) applyAnswers(ctx context.Context, f *config.Feed, d *bridge.Drop, run *bridge.Run, stage bridge.Stage, resumed bool) error {
	a := &answering{Engine: b, feed: f, drop: d, run: run}
	if run.Kind != bridge.ParkedRun {
		if err := a.rehearse(ctx); err != nil {
			var unreadable *formats.FileError
			if errors.As(err, &unreadable) {
				return b.unreadable(ctx, f, d, run, unreadable)
			}
			return err
		}
		if held, err := b.guard(ctx, f, d, run, stage); err != nil || held {
			return err
		}
	}
	b.step("planned")
	if err := a.apply(ctx, resumed); err != nil {
		return err
	}
	b.step("applied")
	b.Log.Info("answers applied", "feed", f.Name, "drop", d.ID, "rows", run.Rows, "updated", run.Updated, "unchanged", run.Unchanged,
		"rejected", run.Rejected, "parked", run.Parked)
	return b.finishRun(ctx, f, d, run)
}

// rehearse reads the whole file and counts, as far as that can be told without the shop.
func (a *answering) rehearse(ctx context.Context) error {
	a.run.Counts = bridge.Counts{}
	return a.rows(ctx, func(_ *formats.Record, reject *formats.Reject, _ func() map[string]string) error {
		a.run.Rows++
		if reject != nil {
			a.run.Rejected++
		}
		return nil
	})
}

// apply gives every row its fate. Rows that an interrupted attempt has settled are the first ones.
func (a *answering) apply(ctx context.Context, resumed bool) error {
	a.run.Counts = bridge.Counts{}
	done := int64(0)
	if resumed {
		fates, err := a.Ledger.Fates(ctx, a.run.ID)
		if err != nil {
			return err
		}
		for fate, n := range fates {
			if fate == bridge.FateParked && a.run.Kind == bridge.ParkedRun {
				continue // it is among the parked still
			}
			a.run.Add(fate, n)
			done += n
		}
	}
	a.run.Rows = done
	if a.run.Kind == bridge.ParkedRun {
		return a.parked(ctx)
	}
	at := int64(0)
	return a.rows(ctx, func(rec *formats.Record, reject *formats.Reject, raw func() map[string]string) error {
		if at++; at <= done {
			return nil
		}
		s := bridge.Settlement{Fate: bridge.FateRejected, Entity: a.feed.Entity.Name, Raw: raw(), Reject: reject}
		if reject != nil {
			s.Key, s.Line = reject.Key, reject.Pos.Line
			return a.settle(ctx, s)
		}
		return a.one(ctx, rec, s.Raw, formats.JoinKey(rec.Key, fmt.Sprint(a.drop.ID), fmt.Sprint(at)), bridge.ParkedRow{})
	})
}

// rows reads the run's rows: those of the file, or only those that were rejected.
func (a *answering) rows(ctx context.Context, each func(rec *formats.Record, reject *formats.Reject, raw func() map[string]string) error) error {
	reader, err := a.rowsOf(ctx, a.feed, a.drop, a.run)
	if err != nil {
		return err
	}
	defer reader.Close() // it was only read
	if _, err := EachRecord(ctx, a.feed, reader, each); err != nil {
		return err
	}
	a.run.Skipped = reader.Counts()
	return nil
}

// previewAnswers tells what the rows of a file say about orders. Whether an order holds it already shows only when the
// answer is applied.
func previewAnswers(ctx context.Context, f *config.Feed, v *Preview, rows formats.Reader, o PreviewOptions) error {
	_, err := EachRecord(ctx, f, rows, func(rec *formats.Record, reject *formats.Reject, raw func() map[string]string) error {
		v.Run.Rows++
		if reject != nil {
			v.Run.Rejected++
			if o.Reject != nil {
				o.Reject(bridge.RejectRow{Reject: *reject, Row: raw()})
			}
			return nil
		}
		v.Updates++
		if o.Change == nil {
			return nil
		}
		return o.Change(&bridge.Staged{Change: bridge.Change{Op: bridge.Update, Key: rec.Key, Record: rec, Line: rec.Pos.Line, Values: rec.Values}})
	})
	return err
}

// parked applies the answers of the drop that wait for their order.
func (a *answering) parked(ctx context.Context) error {
	var waiting []bridge.ParkedRow
	err := a.Ledger.Parked(ctx, a.feed.Name, time.Time{}, func(p bridge.ParkedRow) error {
		if p.Drop == a.drop.ID {
			waiting = append(waiting, p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range waiting {
		rec := &formats.Record{Entity: a.feed.Entity, Key: formats.SplitKey(p.Key)[0], Values: p.Record, Pos: p.Pos}
		if err := a.one(ctx, rec, p.Raw, p.Key, p); err != nil {
			return err
		}
	}
	return nil
}

// one applies one answer. An answer to an order that the bridge never sent waits for it, for park_for at most.
func (a *answering) one(ctx context.Context, rec *formats.Record, raw map[string]string, wait string, before bridge.ParkedRow) error {
	rec.Values = slices.DeleteFunc(rec.Values, func(v formats.Value) bool { return v.Text == "" })
	s := bridge.Settlement{Entity: a.feed.Entity.Name, Key: rec.Key, Line: rec.Pos.Line, Pos: rec.Pos, Record: rec.Values, Raw: raw, Wait: wait}
	sent := make([]bridge.LinkRef, 1)
	if err := a.Ledger.Lookup(ctx, outboxEntity, []string{rec.Key}, sent); err != nil {
		return err
	}
	if sent[0].ID == 0 {
		s.Fate, s.Missing = bridge.FateParked, &bridge.Missing{Entity: outboxEntity, Key: rec.Key}
		s.Detail = "the bridge has not sent this order"
		if !before.Since.IsZero() && before.Since.Before(a.waitedSince(a.feed)) {
			s.Fate, s.Missing = bridge.FateRejected, nil
			s.Reject = &formats.Reject{Pos: rec.Pos, Key: rec.Key, Field: "order", Code: formats.CodeParent,
				Message: "the bridge did not send this order within " + a.feed.ParkFor.String()}
		}
		return a.settle(ctx, s)
	}
	a.step("answer")
	var got bridge.Answer
	err := a.persist(ctx, "feed "+a.feed.Name, func() (err error) {
		got, err = a.Shop.ApplyFeedback(ctx, rec)
		return err
	})
	if err != nil {
		return err
	}
	a.step("applied answer")
	a.outcome(&s, rec, got)
	return a.settle(ctx, s)
}

// outcome says what became of an answer.
func (a *answering) outcome(s *bridge.Settlement, rec *formats.Record, got bridge.Answer) {
	s.OroID = got.OroID
	switch {
	case got.Reject != nil:
		s.Fate, s.Reject = bridge.FateRejected, got.Reject
		return
	case got.Missing != nil:
		s.Fate = bridge.FateRejected
		s.Reject = &formats.Reject{Pos: rec.Pos, Key: rec.Key, Field: "order", Code: formats.CodeReference,
			Message: "the shop does not have this order any more"}
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
	s.Answer, s.Alarm = said(rec)
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

// settle commits a row's fate.
func (a *answering) settle(ctx context.Context, s bridge.Settlement) error {
	a.step("settle answer")
	err := a.persist(ctx, "feed "+a.feed.Name, func() error { return a.Ledger.Settle(ctx, a.run, a.drop, 0, []bridge.Settlement{s}) })
	if err != nil {
		return err
	}
	a.step("settled answer")
	a.run.Rows++
	a.run.Add(s.Fate, 1)
	if s.Alarm != "" {
		a.Log.Error("alarm", "export", "orders", "alarm", string(s.Alarm), "object", s.Key, "detail", s.Answer, "hint", s.Alarm.Hint())
	}
	a.progress(Progress{Feed: a.feed.Name, File: a.drop.Name, Phase: "sending", Done: a.run.Rows})
	return nil
}
