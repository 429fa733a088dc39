package daemon

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orobridge/orobridge/bridge"
)

// Serve lets partners come: see [Relay.Serve].
func (b *Bridge) Serve(ctx context.Context) error { return NewRelay(b).Serve(ctx) }

// Serve lets partners come to the remotes that are servers of our own, until ctx ends, and keeps what they do in the journal. A server
// that the next bridge has, too, goes on with all who are there. An error says what keeps one of them from listening; the others end
// with it.
func (r *Relay) Serve(ctx context.Context) error {
	b := r.now()
	v := &visits{Relay: r, Bridge: b, tallies: map[crowd]*tally{}, strangers: map[bool]int{}, news: make(chan struct{}, 1)}
	ended := make(chan struct{})
	var beside sync.WaitGroup
	g, serving := errgroup.WithContext(ctx)
	g.Go(func() error { <-serving.Done(); return nil })
	d := &doors{visits: v, ctx: serving, serve: g.Go, open: map[bridge.Server]*door{}}
	d.of(b)
	r.setDoors(d)
	hours, stop := context.WithCancel(ctx)
	beside.Go(func() {
		for b.Clock.Wait(hours, foldEvery) == nil {
			v.fold()
		}
	})
	beside.Go(func() { v.keep(ctx, ended) })
	<-serving.Done()
	r.setDoors(nil)
	err := g.Wait()
	stop()
	close(ended)
	beside.Wait()
	return err
}

// doors are the servers that partners come to.
type doors struct {
	*visits
	ctx   context.Context
	serve func(func() error)
	open  map[bridge.Server]*door
}

type door struct {
	close context.CancelFunc
	ended chan struct{}
}

// setDoors says which doors the next bridge finds; nil for none any more. It waits for a bridge that is being handed over to.
func (r *Relay) setDoors(d *doors) {
	r.turn.Lock()
	defer r.turn.Unlock()
	r.doors = d
}

// of opens the doors of a bridge, leaves those open that were, and closes those that it does not have, which it waits for. A door that
// can't be opened ends the first bridge, whose config is being tried; of a later one it is tried again, since the others go on.
func (d *doors) of(b *Bridge) {
	has := map[bridge.Server]bool{}
	for _, remote := range b.Shops[0].In.Remotes { // they are of all shops
		if s, ok := remote.(bridge.Server); ok {
			has[s] = true
		}
	}
	for s, was := range d.open {
		if !has[s] {
			was.close()
			<-was.ended
			delete(d.open, s)
		}
	}
	for s := range has {
		if d.open[s] != nil {
			continue
		}
		ctx, shut := context.WithCancel(d.ctx)
		now := &door{shut, make(chan struct{})}
		d.open[s] = now
		s.Observe(d.tell)
		d.serve(func() error {
			defer close(now.ended)
			defer shut()
			if b != d.Bridge {
				b.openAtLast(ctx, s)
			}
			return s.Serve(ctx)
		})
	}
}

// openAtLast opens a door, and tells what keeps it closed, until it is open or ctx ends.
func (b *Bridge) openAtLast(ctx context.Context, s bridge.Server) {
	for failed := 0; ctx.Err() == nil; {
		err := s.Listen(ctx)
		if failed = b.report(ctx, "door "+s.Address(), failed, err); err == nil {
			return
		}
		_ = b.Clock.Wait(ctx, bridge.Backoff(max(failed, 1), err, 0.5)) // it fails with ctx
	}
}

// What one kind of event may have of the journal in an hour. What is more is counted, and one event at the hour's end stands for
// it: a scanner, or a partner's program that goes in circles, must not fill the ledger.
const (
	foldEvery       = time.Hour
	toldOfAddress   = 10     // refusals of strangers at one address
	toldOfStrangers = 100    // of all of them, and as many of those who may be partners
	toldOfLooks     = 20     // sessions of a partner in which nothing was transferred, and refusals
	toldOfDeeds     = 50_000 // a partner's transfers, deletions and the like
	maxCrowds       = 200    // that are told apart
)

// maxWaiting events wait for the ledger at most, and maxKept are kept at once: those of a moment share a transaction, so that
// a partner who moves many small files leaves the ledger to others.
const (
	maxWaiting = 20_000
	maxKept    = 500
	moment     = 50 * time.Millisecond
)

// visits takes events from the servers, and keeps them. Servers do not wait for the ledger: while it is in trouble events wait
// here, and how many were lost is told when there were too many.
//
// Limits: what happened in the last moment before the process is killed is not in the journal, nor how many were counted and not
// told in that hour. A download that was only counted makes no order fetched.
type visits struct {
	*Relay
	*Bridge // the first one, for its ledger, clock and events
	news    chan struct{}

	mu        sync.Mutex
	waiting   []*bridge.Event
	lost      int64
	tallies   map[crowd]*tally
	strangers map[bool]int // events before a login that were told in this hour; true: of those who may be partners
}

// crowd is who shares a number of events.
type crowd struct {
	kind                  bridge.EventKind
	remote, user, address string
}

// tally is what a crowd did in this hour.
type tally struct {
	told  int
	more  int           // not told
	bytes int64         // of these
	since time.Time     // when the first was
	last  *bridge.Event // stands for them
}

// crowdOf says whose number an event counts to, and how many are told.
func crowdOf(e *bridge.Event) (c crowd, told int) {
	v := e.Visit
	switch {
	case v.Session == "":
		return crowd{kind: e.Kind, remote: v.Remote, address: v.Address}, toldOfAddress
	case e.Kind == bridge.PartnerRefused, e.Kind == bridge.SessionBegan, e.Kind == bridge.SessionEnded && e.Bytes == 0:
		return crowd{e.Kind, v.Remote, v.User, v.Address}, toldOfLooks
	}
	return crowd{kind: e.Kind, remote: v.Remote, user: v.User}, toldOfDeeds
}

// tell takes an event of a server.
func (v *visits) tell(e *bridge.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	c, limit := crowdOf(e)
	stranger := e.Visit.Session == ""
	if v.tallies[c] == nil && len(v.tallies) >= maxCrowds {
		c.address = ""
	}
	t := v.tallies[c]
	if t == nil {
		t = &tally{}
		v.tallies[c] = t
	}
	if t.told < limit && (!stranger || v.strangers[e.Visit.Known] < toldOfStrangers) {
		if t.told++; stranger {
			v.strangers[e.Visit.Known]++
		}
		v.push(e)
		return
	}
	if t.more++; t.more == 1 {
		t.since = e.At
	}
	t.bytes += e.Bytes
	t.last = e
}

// push has an event kept. Callers hold the lock.
func (v *visits) push(e *bridge.Event) {
	if len(v.waiting) >= maxWaiting {
		v.lost++
		return
	}
	v.waiting = append(v.waiting, e)
	select {
	case v.news <- struct{}{}:
	default:
	}
}

// fold ends an hour: one event stands for those of a crowd that were not told.
func (v *visits) fold() {
	v.mu.Lock()
	defer v.mu.Unlock()
	counted := slices.SortedFunc(maps.Values(v.tallies), func(a, b *tally) int { return a.since.Compare(b.since) })
	for _, t := range counted {
		if t.more == 0 {
			continue
		}
		e, visit := *t.last, *t.last.Visit
		if e.Bytes, e.Visit = t.bytes, &visit; t.more > 1 {
			visit.Times, visit.Since = t.more, t.since
		}
		v.push(&e)
	}
	clear(v.tallies)
	clear(v.strangers)
}

// take returns the events that are kept next.
func (v *visits) take() []*bridge.Event {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := min(len(v.waiting), maxKept)
	batch := v.waiting[:n:n]
	if v.waiting = v.waiting[n:]; len(v.waiting) == 0 {
		v.waiting = nil
	}
	if v.lost > 0 {
		batch = append(batch, &bridge.Event{At: v.Clock.Now(), Kind: bridge.Noted,
			Text: fmt.Sprintf("partners did more than the journal could take: %d events are missing", v.lost),
			Hint: "look what keeps the ledger from being written"})
		v.lost = 0
	}
	return batch
}

// keep keeps events until the servers have ended.
func (v *visits) keep(ctx context.Context, ended <-chan struct{}) {
	for over := false; ; {
		for batch := v.take(); len(batch) > 0; batch = v.take() {
			v.save(ctx, batch)
		}
		if over {
			return
		}
		select {
		case <-v.news:
			_ = v.Clock.Wait(ctx, moment) // cut short when the bridge ends
		case <-ended:
			v.fold()
			over = true
		}
	}
}

// lastWrite bounds how long the ledger is waited for when the bridge ends.
const lastWrite = 10 * time.Second

// save enters events in the journal, tells them, and lets the exports know who has fetched what. Trouble with the ledger is
// waited out, unless the bridge is ending.
func (v *visits) save(ctx context.Context, batch []*bridge.Event) {
	steps := []func(context.Context) error{func(ctx context.Context) error {
		err := v.Ledger.Keep(ctx, batch...)
		if err == nil {
			v.Events.Tell(batch...)
		}
		return err
	}}
	for _, e := range batch {
		if e.Kind == bridge.FileDownloaded && e.Visit.Whole {
			for _, d := range v.now().Shops {
				steps = append(steps, func(ctx context.Context) error { return d.Out.Fetched(ctx, e) })
			}
		}
	}
	for _, step := range steps {
		v.insist(ctx, step)
	}
}

// insist does a step until it is done, or the bridge ends without it.
func (v *visits) insist(ctx context.Context, step func(context.Context) error) {
	for tries, failed := 1, 0; ; tries++ {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
		err := step(limited)
		cancel()
		failed = v.report(ctx, "journal of partners", failed, err)
		if err == nil {
			return
		}
		if v.Clock.Wait(ctx, bridge.Backoff(tries, err, 0.5)) != nil {
			v.Events.Tell(&bridge.Event{At: v.Clock.Now(), Kind: bridge.Noted, Work: "journal of partners",
				Text: "the last that partners did is not in it: " + err.Error(), Hint: bridge.HintOf(err)})
			return
		}
	}
}
