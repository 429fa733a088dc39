package inbound

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// Applying turns a stage into batches and gives every change its fate. What the ledger does not know is looked up in the
// shop first; then batches go out, several at once, each recorded before it is sent and settled in one transaction. A
// change whose fate stays unknown (a broken connection, an operation that was lost or failed as a whole) becomes
// undecided again and is looked up before anything is created a second time.
const (
	lookUpRows    = 1000   // keys of one look-up
	settleRows    = 1000   // settlements of one transaction
	triesAlone    = 6      // how often a record that travels alone may get lost or fail before it is rejected
	operationLost = "lost" // in place of an operation: nobody knows it
)

// applier carries out one run's stage.
type applier struct {
	e        *Engine
	feed     *config.Feed
	drop     *bridge.Drop
	run      *bridge.Run
	stage    bridge.Stage
	dry      bool                   // write nothing to the ledger
	onReject func(bridge.RejectRow) // dry: told of each reject
	// onExpected is told, in a plan, of each new record that a stock shop refuses.
	onExpected func(bridge.RejectRow)
	expected   int64                // new records that a stock shop refuses; a shop's settings may be wider
	stale      int64                // ids that were not their keys' any more
	sent       map[string]bridge.Op // changes that an earlier attempt may have brought to the shop, by key

	mu       sync.Mutex // guards stage, run's counts and accepted
	accepted int64
	total    int64
	done     int64
}

// decideAll looks up what is undecided, page by page.
func (a *applier) decideAll(ctx context.Context) error {
	for after := int64(0); ; {
		page, err := a.stage.Next(ctx, bridge.Undecided, after, lookUpRows)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].Seq
		lookups, err := a.find(ctx, page)
		if err != nil {
			return err
		}
		var ended []fate
		for i, c := range page {
			if f, ok := a.decide(c, lookups[i]); ok {
				ended = append(ended, f)
			}
		}
		if err := a.forgetParents(ctx, page); err != nil {
			return err
		}
		if err := a.settle(ctx, 0, ended, page); err != nil {
			return err
		}
		a.e.Events.Tell(&bridge.Event{Kind: bridge.Progressed, Feed: a.feed.Name, File: a.drop.Name, Phase: "looking up", Done: after})
	}
}

// find asks the shop for a page of changes. The shop's client cuts it into requests.
func (a *applier) find(ctx context.Context, page []*bridge.Staged) (lookups []bridge.Lookup, err error) {
	records := make([]*formats.Record, len(page))
	for i, c := range page {
		records[i] = c.Record
	}
	err = a.e.persist(ctx, "feed "+a.feed.Name, func() (err error) {
		lookups, err = a.e.Shop.Find(ctx, a.feed.Entity, records)
		return err
	})
	return lookups, err
}

// decide turns a look-up into a change, or into a settlement when nothing is left to do.
func (a *applier) decide(c *bridge.Staged, l bridge.Lookup) (fate, bool) {
	sent := a.sent[c.Key]
	switch {
	case l.Reject != nil:
		return a.rejected(c, l.Reject), true
	case l.Missing != nil:
		c.Status, c.Missing = bridge.Waiting, l.Missing
	case l.Found == nil && c.Remove:
		c.Status = bridge.Finished
		if sent == bridge.Remove || c.Implied { // whoever removed what the file lacks, it is gone
			return removed(c), true
		}
		return fate{change: c, fate: bridge.FateUnchanged}, true
	case l.Found == nil:
		if bad := a.feed.Entity.Refusal(c.Record, true); bad != nil && bad.Code == formats.CodeMissing {
			return a.rejected(c, bad), true
		} else if bad != nil {
			a.expect(c, bad)
		}
		c.Status, c.Op, c.OroID = bridge.Decided, bridge.Create, ""
		c.Values, c.Old = c.Record.Values, nil
	case c.Remove:
		c.Status, c.Op, c.OroID = bridge.Decided, bridge.Remove, l.Found.OroID
	default:
		c.OroID = l.Found.OroID
		c.Values, c.Old = bridge.Differing(c.Record.Values, l.Found.Values, a.run.Force)
		if c.Verify {
			a.run.Verified++
		}
		if len(c.Values) > 0 {
			c.Status, c.Op = bridge.Decided, bridge.Update
			return fate{}, false
		}
		c.Status = bridge.Finished
		switch {
		case c.Verify && sent == "" && !c.Again:
			a.run.Add(bridge.FateUnchanged, 1) // as the ledger has it: there is nothing to commit
			return fate{}, false
		case c.Again || sent == bridge.Create:
			return fate{change: c, fate: bridge.FateCreated}, true
		case c.Op == bridge.Update || sent == bridge.Update: // sent before, and found to have arrived
			return fate{change: c, fate: bridge.FateUpdated}, true
		}
		return fate{change: c, fate: bridge.FateAdopted}, true
	}
	return fate{}, false
}

// fate is what became of a change.
type fate struct {
	change *bridge.Staged
	fate   bridge.RowFate
	reject *formats.Reject // FateRejected
}

func (a *applier) rejected(c *bridge.Staged, why *formats.Reject) fate {
	c.Status = bridge.Finished
	r := *why
	r.Pos = c.Record.Pos
	if r.Key == "" {
		r.Key = c.Key
	}
	return fate{change: c, fate: bridge.FateRejected, reject: &r}
}

// expect counts what a stock shop would refuse, and tells a plan of it. What the shop itself says counts in the end.
func (a *applier) expect(c *bridge.Staged, why *formats.Reject) {
	a.expected++
	if a.onExpected != nil {
		a.onExpected(a.rejectRow(fate{change: c, reject: why}))
	}
}

// settle commits fates, saves the stage and counts. A crash after the commit finds the fates in the ledger.
func (a *applier) settle(ctx context.Context, batch int64, ended []fate, changed []*bridge.Staged, events ...*bridge.Event) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.dry && (len(ended) > 0 || batch != 0) {
		if err := a.commit(ctx, batch, ended, events...); err != nil {
			return err
		}
	}
	for _, f := range ended {
		if f.reject != nil && a.onReject != nil {
			a.onReject(a.rejectRow(f))
		}
		if f.fate == bridge.FateRejected && f.change.Implied {
			a.run.Refused()
		} else {
			a.run.Add(f.fate, 1)
		}
		if f.change.OroID != "" {
			a.accepted++
		}
	}
	return a.stage.Save(ctx, changed)
}

// commit writes fates into the ledger, and forgets the batch (0: none) that carried their changes.
func (a *applier) commit(ctx context.Context, batch int64, ended []fate, events ...*bridge.Event) error {
	a.e.Events.Step("settle")
	err := a.e.persist(ctx, "feed "+a.feed.Name, func() error {
		settled, err := a.settlements(ctx, ended)
		if err != nil {
			return err
		}
		return a.e.Ledger.Settle(ctx, batch, settled, events...)
	})
	if err != nil {
		return err
	}
	a.e.Events.Tell(events...)
	a.e.Events.Step("settled")
	return nil
}

// settlements says what fates make of the ledger. The links are read first: what a record says is laid over what its link
// holds.
func (a *applier) settlements(ctx context.Context, ended []fate) ([]bridge.Settlement, error) {
	var keys []string
	for _, f := range ended {
		if f.fate != bridge.FateRejected && f.fate != bridge.FateParked {
			keys = append(keys, f.change.Key)
		}
	}
	links, err := a.e.Ledger.Links(ctx, a.feed.Entity.Name, keys)
	if err != nil {
		return nil, err
	}
	settled := make([]bridge.Settlement, len(ended))
	for i, f := range ended {
		settled[i] = a.settlement(f, links[f.change.Key])
	}
	return settled, nil
}

func (a *applier) settlement(f fate, link *bridge.Link) bridge.Settlement {
	c, now := f.change, a.e.Clock.Now()
	s := bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: a.feed.Entity.Name, Key: c.Key, Drop: a.drop.ID, Run: a.run.ID, Line: c.Line,
		Fate: f.fate, At: now}, Unpark: c.Key}
	setter := bridge.Link{OroID: c.OroID, Feed: a.drop.Feed, Drop: a.drop.ID, Run: a.run.ID, Line: c.Line, At: now}
	fields := c.Record.Values
	switch f.fate {
	case bridge.FateRejected:
		reject := a.rejectRow(f)
		s.Reject, s.Detail = &reject, f.reject.Code+": "+f.reject.Message
		return s
	case bridge.FateParked:
		s.Park, s.Unpark = a.parkedRow(c, now), ""
		s.Detail = "waits for " + c.Missing.Entity + " " + c.Missing.Key
		return s
	case bridge.FateUnchanged: // a removal of what the shop does not have
		s.Forget = c.Remove
		return s
	case bridge.FateRemoved, bridge.FateWithdrawn:
		if a.feed.Entity.Left == nil {
			if s.Forget = true; link != nil {
				s.Before = link.Content
			}
			return s
		}
		fields, setter.Removed = a.feed.Entity.Left, true
		s.Sent = fields
	case bridge.FateCreated, bridge.FateUpdated:
		s.Sent = c.Values
	}
	if link == nil {
		link = &bridge.Link{Entity: a.feed.Entity.Name, Key: c.Key}
	}
	s.Before, s.Link = link.Lay(fields, setter), link
	return s
}

func (a *applier) rejectRow(f fate) bridge.RejectRow {
	return bridge.RejectRow{Drop: a.drop.ID, Run: a.run.ID, Entity: a.feed.Entity.Name, Reject: *f.reject, Row: f.change.Raw}
}

// parkedRow is a change that waits for a parent. One that is parked again keeps the time since when it waits.
func (a *applier) parkedRow(c *bridge.Staged, now time.Time) *bridge.ParkedRow {
	since := now
	if !c.Parked.IsZero() {
		since = c.Parked
	}
	return &bridge.ParkedRow{Entity: a.feed.Entity.Name, Key: c.Key, Feed: a.drop.Feed, Drop: a.drop.ID, Run: a.run.ID, Line: c.Line, Pos: c.Record.Pos,
		Missing: *c.Missing, Record: c.Record.Values, Remove: c.Remove, Raw: c.Raw, Since: since}
}

// sendAll sends everything that is decided, several batches at once.
func (a *applier) sendAll(ctx context.Context) error {
	g, work := errgroup.WithContext(ctx)
	g.SetLimit(a.e.InFlight)
	var failed error
	for after := int64(0); work.Err() == nil; {
		if failed = a.e.stillLoading(work, a.drop, a.dry); failed != nil {
			break
		}
		batch, err := a.next(work, after)
		if err != nil || len(batch) == 0 {
			failed = err
			break
		}
		after = batch[len(batch)-1].Seq
		g.Go(func() error { return a.send(work, batch) })
	}
	return errors.Join(g.Wait(), failed)
}

// next takes the next changes that may travel together: of one direction, not more than the smallest of their caps.
func (a *applier) next(ctx context.Context, after int64) ([]*bridge.Staged, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	page, err := a.stage.Next(ctx, bridge.Decided, after, a.e.Batch)
	if err != nil || len(page) == 0 {
		return nil, err
	}
	n := 1
	for n < len(page) && (page[n].Op == bridge.Remove) == (page[0].Op == bridge.Remove) && page[n].Cap == page[0].Cap && (page[0].Cap == 0 || n < page[0].Cap) {
		n++
	}
	page = page[:n]
	for _, c := range page {
		c.Status = bridge.Sent
	}
	return page, a.stage.Save(ctx, page)
}

// send brings one batch to the shop and settles it.
func (a *applier) send(ctx context.Context, changes []*bridge.Staged) error {
	b := &bridge.Batch{Entity: a.feed.Entity.Name}
	for _, c := range changes {
		b.Changes = append(b.Changes, &c.Change)
	}
	b.Sent = a.e.Clock.Now()
	sent := a.batchEvent(bridge.BatchSent, b, fmt.Sprintf("%d records", len(changes)))
	err := a.e.persist(ctx, "feed "+a.feed.Name, func() error { return a.e.Ledger.OpenBatch(ctx, a.run.ID, b, sent) })
	if err != nil {
		return err
	}
	a.e.Events.Tell(sent)
	outcomes, err := a.paced(ctx, b)
	switch {
	case errors.Is(err, bridge.ErrOperationFailed):
		return a.failed(ctx, b, changes, err)
	case errors.Is(err, bridge.ErrUncertain), errors.Is(err, bridge.ErrOperationLost):
		return a.lost(ctx, b, changes, err)
	case err != nil:
		return err
	}
	ended := make([]fate, 0, len(changes))
	var stale []*bridge.Staged
	for i, c := range changes {
		if outcomes[i].Stale != bridge.Fits {
			c.Link, c.Verify = 0, false
			stale = append(stale, c)
		}
		if f, ok := a.outcome(c, outcomes[i]); ok {
			ended = append(ended, f)
		}
	}
	if err := a.forgetStale(ctx, stale); err != nil {
		return err
	}
	if err := a.forgetParents(ctx, changes); err != nil {
		return err
	}
	judged := a.batchEvent(bridge.BatchJudged, b, judgement(ended))
	if err := a.settle(ctx, b.ID, ended, changes, judged); err != nil {
		return err
	}
	a.mu.Lock()
	a.stale += int64(len(stale))
	a.done += int64(len(changes))
	done := a.done
	a.mu.Unlock()
	a.e.Events.Tell(&bridge.Event{Kind: bridge.Progressed, Feed: a.feed.Name, File: a.drop.Name, Phase: "sending", Done: done, Total: a.total})
	return nil
}

func (a *applier) batchEvent(kind bridge.EventKind, b *bridge.Batch, text string) *bridge.Event {
	event := a.e.event(kind, a.drop, text)
	event.Run, event.Batch = a.run.ID, b.ID
	return event
}

// judgement counts fates in words: "498 created, 2 rejected".
func judgement(ended []fate) string {
	counts := map[string]int64{}
	for _, f := range ended {
		counts[string(f.fate)]++
	}
	words := make([]string, 0, len(counts))
	for _, word := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%d %s", counts[word], word))
	}
	return strings.Join(words, ", ")
}

// paced carries a batch when it is its turn.
func (a *applier) paced(ctx context.Context, b *bridge.Batch) ([]bridge.Outcome, error) {
	p := a.e.pace()
	beside, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	began := a.e.Clock.Now()
	tries := 0
	outcomes, err := a.carry(ctx, b, &tries)
	p.give(a.e.Clock.Now().Sub(began), len(b.Changes), beside, err != nil || tries > 2)
	return outcomes, err
}

// carry submits a batch and waits for its end. Trouble that certainly came before the shop took the batch is waited out
// here; so is trouble while asking how far it is. Tries counts the attempts at both: without trouble there are two.
func (a *applier) carry(ctx context.Context, b *bridge.Batch, tries *int) ([]bridge.Outcome, error) {
	var refused map[int]bridge.Outcome
	var doubt error
	err := a.e.persist(ctx, "feed "+a.feed.Name, func() (err error) {
		*tries++
		a.e.Events.Step("submit")
		b.Operation, refused, err = a.e.Shop.Submit(ctx, b)
		if errors.Is(err, bridge.ErrUncertain) || errors.Is(err, bridge.ErrOperationFailed) {
			doubt = err
			return nil
		}
		return err
	})
	if err = errors.Join(err, doubt); err != nil {
		return nil, err
	}
	a.e.Events.Step("submitted")
	if err := a.e.persist(ctx, "feed "+a.feed.Name, func() error { return a.e.Ledger.SetOperation(ctx, b) }); err != nil {
		return nil, err
	}
	outcomes, err := a.await(ctx, b, tries)
	for i, o := range refused {
		if err == nil {
			outcomes[i] = o
		}
	}
	return outcomes, err
}

func (a *applier) await(ctx context.Context, b *bridge.Batch, tries *int) (outcomes []bridge.Outcome, err error) {
	var end error
	err = a.e.persist(ctx, "feed "+a.feed.Name, func() (err error) {
		*tries++
		a.e.Events.Step("await")
		outcomes, err = a.e.Shop.Await(ctx, b)
		if errors.Is(err, bridge.ErrOperationLost) || errors.Is(err, bridge.ErrOperationFailed) {
			end = err
			return nil
		}
		return err
	})
	return outcomes, errors.Join(err, end)
}

// outcome turns what the shop said of a change into its settlement, or leaves the change to be looked at again.
func (a *applier) outcome(c *bridge.Staged, o bridge.Outcome) (fate, bool) {
	switch {
	case o.Reject != nil:
		return a.rejected(c, o.Reject), true
	case o.Missing != nil:
		c.Status, c.Missing = bridge.Waiting, o.Missing
		return fate{}, false
	case o.Unknown:
		c.Status, c.Again = bridge.Undecided, c.Again || c.Op == bridge.Create
		return fate{}, false
	}
	c.Status, c.OroID = bridge.Finished, o.OroID
	switch {
	case c.Op == bridge.Remove:
		return removed(c), true
	case c.Op == bridge.Create:
		return fate{change: c, fate: bridge.FateCreated}, true
	}
	return fate{change: c, fate: bridge.FateUpdated}, true
}

// removed is the fate of what a row removes, or what a full drop lacks: the second is no row of the file.
func removed(c *bridge.Staged) fate {
	if c.Implied {
		return fate{change: c, fate: bridge.FateWithdrawn}
	}
	return fate{change: c, fate: bridge.FateRemoved}
}

// forgetStale drops the links whose ids are other records' by now, or nobody's: what the ledger believes of them was true of
// a record that the shop has lost. Removals keep theirs until they are settled: a full drop that is cut short finds by
// its links what it has to withdraw.
func (a *applier) forgetStale(ctx context.Context, stale []*bridge.Staged) error {
	var keys []string
	for _, c := range stale {
		if c.Op != bridge.Remove {
			keys = append(keys, c.Key)
		}
	}
	if a.dry || len(keys) == 0 {
		return nil
	}
	return a.e.persist(ctx, "feed "+a.feed.Name, func() error { return a.e.Ledger.Forget(ctx, a.feed.Entity.Name, keys) })
}

// forgetParents drops the links of parents that the shop says it does not have: the ledger was wrong about them, and the
// next drop that carries them creates them again.
func (a *applier) forgetParents(ctx context.Context, changes []*bridge.Staged) error {
	if a.dry {
		return nil
	}
	gone := map[string][]string{}
	for _, c := range changes {
		if c.Status == bridge.Waiting {
			gone[c.Missing.Entity] = append(gone[c.Missing.Entity], c.Missing.Key)
		}
	}
	for entity, keys := range gone {
		if err := a.e.persist(ctx, "feed "+a.feed.Name, func() error { return a.e.Ledger.Forget(ctx, entity, keys) }); err != nil {
			return err
		}
	}
	return nil
}

// lost is a batch of which nobody knows whether the shop took it. Once nothing of it can be under way any more its
// changes are looked up again, and only what is missing is sent. When that happens again and again although the shop is
// well otherwise, something in the batch is guilty: it is split like one that failed.
func (a *applier) lost(ctx context.Context, b *bridge.Batch, changes []*bridge.Staged, why error) error {
	a.e.Events.Tell(a.batchEvent(bridge.BatchLost, b, fmt.Sprintf("unknown whether the shop took its %d records, they are looked up: %v", len(changes), why)))
	tries := 0
	halves := errors.Is(why, bridge.ErrContent) && len(changes) > 1 // what it holds is to blame: waiting would not help
	for _, c := range changes {
		if !halves {
			c.Tries++
		}
		tries = max(tries, c.Tries)
	}
	if tries > 1 && !halves {
		if err := a.e.Clock.Wait(ctx, bridge.Backoff(tries-1, nil, rand.Float64())); err != nil {
			return err
		}
	}
	if err := a.e.persist(ctx, "feed "+a.feed.Name, func() error { return a.e.Shop.Drain(ctx, a.feed.Entity) }); err != nil {
		return err
	}
	switch {
	case halves:
		return a.split(ctx, b, changes, why)
	case tries == 1, len(changes) == 1 && tries < triesAlone:
		return a.undecide(ctx, b, changes, len(changes))
	default:
		return a.split(ctx, b, changes, why)
	}
}

// failed is a batch that failed as a whole. A record that travels alone is tried again for a while, since a shop in trouble
// gives up every batch; one that the shop did not even take is guilty at once.
func (a *applier) failed(ctx context.Context, b *bridge.Batch, changes []*bridge.Staged, why error) error {
	c := changes[0]
	if len(changes) > 1 || b.Operation == "" {
		return a.split(ctx, b, changes, why)
	}
	if c.Tries++; c.Tries == triesAlone {
		return a.split(ctx, b, changes, why)
	}
	if err := a.e.Clock.Wait(ctx, bridge.Backoff(c.Tries, nil, rand.Float64())); err != nil {
		return err
	}
	return a.undecide(ctx, b, changes, 1)
}

// split is a batch that failed as a whole: its changes go out again in halves, until the guilty one stands alone.
func (a *applier) split(ctx context.Context, b *bridge.Batch, changes []*bridge.Staged, why error) error {
	if len(changes) > 1 {
		return a.undecide(ctx, b, changes, (len(changes)+1)/2)
	}
	var shop *bridge.Error
	if errors.As(why, &shop) {
		why = shop.Err
	}
	f := a.rejected(changes[0], &formats.Reject{Code: formats.CodeShop, Message: fmt.Sprintf("the shop can't process this record (%v); its log may say why", why)})
	return a.settle(ctx, b.ID, []fate{f}, changes)
}

func (a *applier) undecide(ctx context.Context, b *bridge.Batch, changes []*bridge.Staged, limit int) error {
	for _, c := range changes {
		c.Status, c.Again, c.Cap = bridge.Undecided, c.Again || c.Op == bridge.Create, limit
		if c.Op != bridge.Create {
			c.Status = bridge.Decided // an update or a removal can be repeated as it is
		}
	}
	b.Operation = operationLost
	err := a.e.persist(ctx, "feed "+a.feed.Name, func() error { return a.e.Ledger.SetOperation(ctx, b) })
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stage.Save(ctx, changes)
}

// applyAll sends the stage until every change has its fate. A record whose parent came in this very file is sent once
// its parent is there; when a whole pass has brought nothing new, the rest is parked.
func (a *applier) applyAll(ctx context.Context) error {
	for idle := 0; ; {
		before, settled := a.accepted, a.run.Sum()
		if err := a.decideAll(ctx); err != nil {
			return err
		}
		if err := a.sendAll(ctx); err != nil {
			return err
		}
		open, err := a.count(ctx)
		if err != nil {
			return err
		}
		if open.undecided > 0 {
			if idle++; a.run.Sum() > settled {
				idle = 0
			} else if err := a.e.Clock.Wait(ctx, bridge.Backoff(idle, nil, rand.Float64())); err != nil {
				return err
			}
			continue
		}
		if open.waiting == 0 {
			return nil
		}
		released := 0
		if a.accepted > before {
			if released, err = a.release(ctx); err != nil {
				return err
			}
		}
		if released == 0 {
			return a.park(ctx)
		}
	}
}

type openChanges struct{ undecided, waiting int64 }

func (a *applier) count(ctx context.Context) (openChanges, error) {
	counts, err := a.stage.Count(ctx)
	var o openChanges
	for status, ops := range counts {
		for _, n := range ops {
			switch status {
			case bridge.Undecided, bridge.Decided, bridge.Sent:
				o.undecided += n
			case bridge.Waiting:
				o.waiting += n
			}
		}
	}
	return o, err
}

// waiting walks the changes whose parents are not there.
func (a *applier) waiting(ctx context.Context, each func(page []*bridge.Staged) error) error {
	for after := int64(0); ; {
		page, err := a.stage.Next(ctx, bridge.Waiting, after, settleRows)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].Seq
		if err := each(page); err != nil {
			return err
		}
	}
}

// release lets those go on whose parents are of the same entity and have been accepted meanwhile.
func (a *applier) release(ctx context.Context) (n int, err error) {
	err = a.waiting(ctx, func(page []*bridge.Staged) error {
		var parents []string
		for _, c := range page {
			if c.Missing.Entity == a.feed.Entity.Name {
				parents = append(parents, c.Missing.Key)
			}
		}
		refs := make([]bridge.LinkRef, len(parents))
		if err := a.e.Ledger.Lookup(ctx, a.feed.Entity.Name, parents, refs); err != nil {
			return err
		}
		var free []*bridge.Staged
		for i, c := range slices.DeleteFunc(page, func(c *bridge.Staged) bool { return c.Missing.Entity != a.feed.Entity.Name }) {
			if refs[i].ID != 0 {
				c.Status, c.Missing = bridge.Undecided, nil
				if c.Link != 0 {
					c.Status = bridge.Decided
				}
				free = append(free, c)
			}
		}
		n += len(free)
		return a.stage.Save(ctx, free)
	})
	return n, err
}

// park gives what still waits for a parent into the ledger's keeping.
func (a *applier) park(ctx context.Context) error {
	return a.waiting(ctx, func(page []*bridge.Staged) error {
		ended := make([]fate, len(page))
		for i, c := range page {
			if a.overdue(c) {
				ended[i] = a.rejected(c, &formats.Reject{Code: formats.CodeParent, Message: fmt.Sprintf("%s %s did not come within %s",
					c.Missing.Entity, c.Missing.Key, a.feed.ParkFor)})
				continue
			}
			c.Status = bridge.Finished
			ended[i] = fate{change: c, fate: bridge.FateParked}
		}
		return a.settle(ctx, 0, ended, page)
	})
}

// overdue says that a record has waited for its parent for longer than its feed allows.
func (a *applier) overdue(c *bridge.Staged) bool {
	return !c.Parked.IsZero() && c.Parked.Before(a.e.waitedSince(a.feed))
}

// resume settles the batches that an interrupted attempt left on their way. What the shop still knows is settled as if
// nothing had happened; the keys of the rest are remembered, so that what is found in the shop counts as what it was sent for.
func (a *applier) resume(ctx context.Context) error {
	batches, err := a.e.Ledger.OpenBatches(ctx, a.run.ID)
	if err != nil {
		return err
	}
	a.sent = map[string]bridge.Op{}
	lost := false
	for _, b := range batches {
		if b.Operation != "" && b.Operation != operationLost {
			outcomes, err := a.await(ctx, b, new(int))
			if err == nil {
				if err := a.settleResumed(ctx, b, outcomes); err != nil {
					return err
				}
				continue
			}
			if !errors.Is(err, bridge.ErrOperationLost) && !errors.Is(err, bridge.ErrOperationFailed) {
				return err
			}
		}
		lost = lost || b.Operation != operationLost
		for _, c := range b.Changes {
			if a.sent[c.Key] != bridge.Create {
				a.sent[c.Key] = c.Op
			}
		}
	}
	if !lost {
		return nil
	}
	return a.e.persist(ctx, "feed "+a.feed.Name, func() error { return a.e.Shop.Drain(ctx, a.feed.Entity) })
}

// settleResumed settles what an interrupted attempt's batch brought. Rejects and parked rows are left to the new plan:
// it has the sender's cells, which the batch has not.
func (a *applier) settleResumed(ctx context.Context, b *bridge.Batch, outcomes []bridge.Outcome) error {
	var ended []fate
	for i, c := range b.Changes {
		if outcomes[i].OroID == "" {
			continue
		}
		staged := &bridge.Staged{Change: *c, Implied: c.Op == bridge.Remove && c.Line == 0}
		if f, ok := a.outcome(staged, outcomes[i]); ok {
			ended = append(ended, f)
		}
	}
	return a.commit(ctx, b.ID, ended, a.batchEvent(bridge.BatchJudged, b, judgement(ended)))
}
