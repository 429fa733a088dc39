package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"golang.org/x/sync/errgroup"
)

// sendAll sends everything that is decided, several batches at once.
func (a *Applier) sendAll(ctx context.Context) error {
	g, work := errgroup.WithContext(ctx)
	g.SetLimit(a.Pace.Most())
	var failed error
	for after := int64(0); work.Err() == nil; {
		if failed = bridge.Noticed(work); failed == nil {
			failed = a.Still(work)
		}
		if failed != nil {
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
func (a *Applier) next(ctx context.Context, after int64) ([]*bridge.Staged, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	page, err := a.Stage.Next(ctx, bridge.Decided, after, a.Batch)
	if err != nil || len(page) == 0 {
		return nil, err
	}
	n := 1
	for n < len(page) && (page[n].Op == bridge.Remove) == (page[0].Op == bridge.Remove) && page[n].Cap == page[0].Cap &&
		(page[0].Cap == 0 || n < page[0].Cap) {
		n++
	}
	return page[:n], nil
}

// send brings one batch to the shop and settles it.
func (a *Applier) send(ctx context.Context, changes []*bridge.Staged) error {
	b := &bridge.Batch{Entity: a.Feed.Entity.Name}
	for _, c := range changes {
		b.Changes = append(b.Changes, &c.Change)
	}
	b.Sent = a.Clock.Now()
	sent := a.batchEvent(bridge.BatchSent, b, fmt.Sprintf("%d records", len(changes)))
	err := a.persist(ctx, func() error { return a.Ledger.OpenBatch(ctx, a.Run.ID, b, sent) })
	if err != nil {
		return err
	}
	a.Events.Tell(sent)
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
	a.Stale += int64(len(stale))
	a.done += int64(len(changes))
	done := a.done
	a.mu.Unlock()
	a.Events.Tell(&bridge.Event{Kind: bridge.Progressed, Feed: a.Feed.Name, File: a.Drop.Name, Phase: "sending", Done: done, Total: a.total})
	return nil
}

func (a *Applier) batchEvent(kind bridge.EventKind, b *bridge.Batch, text string) *bridge.Event {
	event := a.Drop.Event(kind, a.Clock.Now(), text)
	event.Run, event.Batch, event.Took = a.Run.ID, b.ID, event.At.Sub(b.Sent)
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
func (a *Applier) paced(ctx context.Context, b *bridge.Batch) ([]bridge.Outcome, error) {
	behind, err := a.Pace.take(ctx)
	if err != nil {
		return nil, err
	}
	began := a.Clock.Now()
	tries := 0
	outcomes, err := a.carry(ctx, b, &tries)
	a.Pace.give(a.Clock.Now().Sub(began), len(b.Changes), behind, err != nil || tries > 2)
	return outcomes, err
}

// carry submits a batch and waits for its end. Trouble that certainly came before the shop took the batch is waited out
// here; so is trouble while asking how far it is. Tries counts the attempts at both: without trouble there are two.
func (a *Applier) carry(ctx context.Context, b *bridge.Batch, tries *int) ([]bridge.Outcome, error) {
	var refused map[int]bridge.Outcome
	var doubt error
	err := a.persist(ctx, func() (err error) {
		*tries++
		a.Events.Step("submit")
		b.Operation, refused, err = a.Shop.Submit(ctx, b)
		if errors.Is(err, bridge.ErrUncertain) || errors.Is(err, bridge.ErrOperationFailed) {
			doubt = err
			return nil
		}
		return err
	})
	if err = errors.Join(err, doubt); err != nil {
		return nil, err
	}
	a.Events.Step("submitted")
	if err := a.persist(ctx, func() error { return a.Ledger.SetOperation(ctx, b) }); err != nil {
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

func (a *Applier) await(ctx context.Context, b *bridge.Batch, tries *int) (outcomes []bridge.Outcome, err error) {
	var end error
	err = a.persist(ctx, func() (err error) {
		*tries++
		a.Events.Step("await")
		outcomes, err = a.Shop.Await(ctx, b)
		if errors.Is(err, bridge.ErrOperationLost) || errors.Is(err, bridge.ErrOperationFailed) {
			end = err
			return nil
		}
		return err
	})
	return outcomes, errors.Join(err, end)
}

// outcome turns what the shop said of a change into its settlement, or leaves the change to be looked at again.
func (a *Applier) outcome(c *bridge.Staged, o bridge.Outcome) (fate, bool) {
	switch {
	case o.Reject != nil:
		return rejected(c, o.Reject), true
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
func (a *Applier) forgetStale(ctx context.Context, stale []*bridge.Staged) error {
	var keys []string
	for _, c := range stale {
		if c.Op != bridge.Remove {
			keys = append(keys, c.Key)
		}
	}
	if a.Dry || len(keys) == 0 {
		return nil
	}
	return a.persist(ctx, func() error { return a.Ledger.Forget(ctx, a.Feed.Entity.Name, keys) })
}

// forgetParents drops the links of parents that the shop says it does not have: the ledger was wrong about them, and the
// next drop that carries them creates them again.
func (a *Applier) forgetParents(ctx context.Context, changes []*bridge.Staged) error {
	if a.Dry {
		return nil
	}
	gone := map[string][]string{}
	for _, c := range changes {
		if c.Status == bridge.Waiting {
			gone[c.Missing.Entity] = append(gone[c.Missing.Entity], c.Missing.Key)
		}
	}
	for entity, keys := range gone {
		if err := a.persist(ctx, func() error { return a.Ledger.Forget(ctx, entity, keys) }); err != nil {
			return err
		}
	}
	return nil
}
