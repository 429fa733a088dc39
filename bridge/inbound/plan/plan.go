// Package plan finds out what a drop would change.
//
// A [Planner] reads the rows of one run, compares each with what Oro last accepted under its key, and leaves a stage that
// holds only what differs. It is a pipeline: one goroutine parses chunks of rows, two look their keys up in the ledger, and
// the caller's takes the chunks in the file's order. Memory is a few chunks, one bit for each key of the ledger that the
// file names, and, for a long file in no order, 14 bytes for each link of its entity where these are no more than a million. Of a
// full drop it finds, too, what the file lacks and what of it may be withdrawn.
//
// What may go in: the comparison of rows with the ledger. What may not: the shop, which package apply asks (but for one
// question, [Planner.Incomplete], which makes a row another one), and
// whether a plan may be carried out, which package inbound decides by the feed's guards. Nothing is written but the stage,
// and the rejects and warnings of the run.
package plan

import (
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/order"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/formats"
)

const (
	chunkRows    = 1000
	chunkBytes   = 512 << 10 // of cells: rows may be as long as their format allows
	chunksAtOnce = 5
)

// What is kept of a run's rejects. Those beyond are counted, and kept nowhere.
const (
	keptRejects     = 200_000
	keptRejectBytes = 256 << 20
	rejectBytes     = 4 << 20 // of one transaction
)

// A Ledger is what planning reads of the ledger, and the little that it writes.
type Ledger interface {
	order.Ledger
	// Lookup answers for many keys at once, in their order. It is the hot path of planning.
	Lookup(ctx context.Context, entity string, keys []string, refs []bridge.LinkRef) error
	// CountLinks counts the links of an entity up to some number, EachRef walks all of them in short, in no certain order; the key
	// is the walker's own and is used again.
	CountLinks(ctx context.Context, entity string, most int64) (int64, error)
	EachRef(ctx context.Context, entity string, each func(key []byte, ref bridge.LinkRef)) error
	// Contents walks what Oro last accepted of some links, by their places among these; a link that is gone is left out.
	Contents(ctx context.Context, links []int64, each func(i int, content []formats.Value)) error
	// CountParked counts what waits of an entity.
	CountParked(ctx context.Context, entity string) (int64, error)
	// Links reads the full links of some keys; what is unknown is left out.
	Links(ctx context.Context, entity string, keys []string) (map[string]*bridge.Link, error)
	// Unseen walks the links of an entity that are not removed, whose ids are not in seen, and which a drop of the feed set
	// last.
	Unseen(ctx context.Context, entity, feed string, seen func(id int64) bool, each func(*bridge.Link) error) error
	// RemovedBy tells the drops that removed some of the keys, where nothing has set them since.
	RemovedBy(ctx context.Context, entity string, keys []string) (map[string]int64, error)
	// Settled tells the fate that a run has already given to some of the keys of its entity, Fates how often it has given each.
	Settled(ctx context.Context, entity string, run int64, keys []string) (map[string]bridge.RowFate, error)
	Fates(ctx context.Context, run int64) (map[bridge.RowFate]int64, error)
	// RejectRows records rows that planning refused, KeepWarnings what it left out of others.
	RejectRows(ctx context.Context, rows []bridge.RejectRow) error
	KeepWarnings(ctx context.Context, warnings []bridge.WarningRow) error
	// Parked walks records that wait for a parent, of one feed or of all. With a time, only those that are due: their
	// parent has a link now, or they have waited since before that time. Unpark cancels them, with what
	// becomes of them by that.
	Parked(ctx context.Context, feed string, waitedSince time.Time, each func(bridge.ParkedRow) error) error
	Unpark(ctx context.Context, entity string, keys []string, history ...bridge.HistoryEntry) (int64, error)
}

// A Planner plans one run. Its exported fields above Ignored are set before any method is called.
type Planner struct {
	Ledger  Ledger
	Events  *bridge.Events
	Feed    *config.Feed
	Drop    *bridge.Drop
	Run     *bridge.Run
	Stage   bridge.Stage
	Dry     bool                        // write nothing to the ledger
	Resumed bool                        // the run was interrupted: some keys have their fate already
	Verify  bool                        // unchanged rows are looked up in the shop
	Still   func(context.Context) error // asked after each chunk: its error ends the work; nil asks nobody
	// Incomplete asks the shop what groups of fields lack that it takes only together, in the records' order: nil where
	// nothing lacks.
	Incomplete func(context.Context, []*formats.Record) ([]*formats.Lack, error)
	OnReject   func(bridge.RejectRow)  // told of each reject
	OnWarn     func(bridge.WarningRow) // told of each warning

	Ignored []string           // columns of the file that no field takes
	Skipped map[string]int64   // what the reader and the mapping have left out, by word
	Spares  string             // why nothing was withdrawn though the feed wants it; empty otherwise
	Lost    []bridge.ParkedRow // that are damaged in the ledger: they count as rows, and have no fate yet

	columns  []string
	seen     LinkSet         // links that the file names
	spared   LinkSet         // links that only rejected rows name
	refused  map[string]bool // keys without a link that rejected rows name; nil where none waits for its parent
	kept     LinkSet         // links of which a row was left alone, since a later drop has set all that it says
	order    *order.Order
	nameless int64   // rejected rows whose key can't be read
	scopes   *scopes // in which the file says everything; nil when nothing is withdrawn
	rejects  []bridge.RejectRow
	room     formats.RejectRoom
	held     int                 // bytes of rejects
	without  map[string]int64    // records that were loaded without a group of fields of which the shop lacks some
	warnings []bridge.WarningRow // of rows so far that are not in the ledger yet
	later    map[string]bool     // a run again: keys of which a newer drop has parked a row
}

// Nameless counts the rejected rows whose key can't be read.
func (p *Planner) Nameless() int64 { return p.nameless }

// Later says that a drop stands behind this one in the feed's order: nothing that is read here says anything of its rows.
func (p *Planner) Later(ctx context.Context, drop int64) (bool, error) {
	return p.order.Later(ctx, drop)
}

// Scope names the scopes that the file was found to hold everything of, for runs to be compared with those of the same
// scope; empty for all.
func (p *Planner) Scope() string { return p.scopes.String() }

func (p *Planner) still(ctx context.Context) error {
	if err := bridge.Noticed(ctx); err != nil || p.Still == nil {
		return err
	}
	return p.Still(ctx)
}

// Read plans all rows of a reader. Rejected rows are recorded and counted, changes are staged; the counts of the run hold
// rows, rejects, collapsed and unchanged ones afterwards.
func (p *Planner) Read(ctx context.Context, reader formats.Reader) error {
	p.columns = reader.Columns()
	mapper, err := p.Feed.Mapping.Bind(p.Feed.Entity, p.columns, p.Feed.Format.Conventions())
	if err != nil {
		return err
	}
	p.Ignored, p.Run.Unmapped = mapper.Ignored(), mapper.Unmapped()
	p.room = formats.RejectRoom{Rows: keptRejects, Bytes: keptRejectBytes}
	p.scopes = p.scopesOf()
	if p.order, err = order.Of(ctx, p.Ledger, p.Drop, p.Run); err != nil {
		return err
	}
	if p.later, err = p.parkedLater(ctx); err != nil {
		return err
	}
	if p.scopes != nil {
		if n, err := p.Ledger.CountParked(ctx, p.Feed.Entity.Name); err != nil {
			return err
		} else if n > 0 {
			p.refused = map[string]bool{}
		}
	}

	free := make(chan *chunk, chunksAtOnce)
	for range chunksAtOnce {
		free <- new(chunk)
	}
	lookups, ordered := make(chan *chunk, chunksAtOnce), make(chan *chunk, chunksAtOnce)
	find := p.finder(reader)
	g, work := errgroup.WithContext(ctx)
	g.Go(func() error { return parse(work, reader, mapper, free, lookups, ordered) })
	for range 2 {
		g.Go(func() error {
			for c := range lookups {
				if err := find.find(work, c); err != nil { // which counts more than where the file ends
					c.err = err
				}
				close(c.done)
			}
			return nil
		})
	}
	g.Go(func() error { return p.collect(work, ordered, free) })
	err = errors.Join(g.Wait(), find.close())
	p.Skipped = rows.AddCounts(rows.AddCounts(map[string]int64{}, reader), mapper)
	for word, n := range p.without {
		p.Skipped[word] += n
	}
	if err != nil {
		return err
	}
	return errors.Join(p.flushRejects(ctx), p.flushWarnings(ctx))
}

// collect takes the chunks in order.
func (p *Planner) collect(ctx context.Context, ordered <-chan *chunk, free chan<- *chunk) error {
	for c := range ordered {
		select {
		case <-c.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		err := c.err
		if errors.Is(err, io.EOF) {
			err = nil
		}
		var unreadable *formats.FileError
		if err != nil && !errors.As(err, &unreadable) {
			return err
		}
		if planErr := p.chunk(ctx, c); planErr != nil {
			return planErr
		}
		if err := p.still(ctx); err != nil {
			return err
		}
		if err != nil {
			return err
		}
		p.Events.Tell(&bridge.Event{Kind: bridge.Progressed, Feed: p.Feed.Name, File: p.Drop.Name, Phase: "reading", Done: p.Run.Rows})
		free <- c
	}
	return nil
}

// chunk decides about the rows of one chunk.
func (p *Planner) chunk(ctx context.Context, c *chunk) error {
	fates, err := p.fates(ctx, c.keys)
	if err != nil {
		return err
	}
	links, err := p.changedLinks(ctx, c)
	if err != nil {
		return err
	}
	if err := p.leaveIncomplete(ctx, c, links); err != nil {
		return err
	}
	removed, err := p.removedLater(ctx, c)
	if err != nil {
		return err
	}
	s := &chunkPlan{Planner: p, c: c, links: links, fates: fates, removed: removed, pending: map[string]*bridge.Staged{}}
	for i := range c.rows {
		p.Run.Rows++
		if err := s.row(ctx, &c.rows[i]); err != nil {
			return err
		}
	}
	return s.flush(ctx)
}

// fates reads what an interrupted run has already done.
func (p *Planner) fates(ctx context.Context, keys []string) (map[string]bridge.RowFate, error) {
	if !p.Resumed {
		return nil, nil
	}
	return p.Ledger.Settled(ctx, p.Feed.Entity.Name, p.Run.ID, keys)
}

// changedLinks reads the content of the links that do not match their rows at first sight.
func (p *Planner) changedLinks(ctx context.Context, c *chunk) (map[string]*bridge.Link, error) {
	var keys []string
	for i := range c.rows {
		r := &c.rows[i]
		if r.reject == nil && c.refs[r.ref].ID != 0 &&
			(p.Run.Force || r.rec.Remove || c.refs[r.ref].Fingerprint != r.print) {
			keys = append(keys, r.rec.Key)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	return p.Ledger.Links(ctx, p.Feed.Entity.Name, keys)
}

// parkedLater tells the keys of which a later drop has parked a row: that row counts.
func (p *Planner) parkedLater(ctx context.Context) (map[string]bool, error) {
	if p.order == nil {
		return nil, nil
	}
	later := map[string]bool{}
	err := p.Ledger.Parked(ctx, "", time.Time{}, func(r bridge.ParkedRow) error {
		if r.Entity != p.Feed.Entity.Name || later[r.Key] {
			return nil
		}
		is, err := p.order.Later(ctx, r.Drop)
		later[r.Key] = is
		return err
	})
	return later, err
}

// removedLater tells which of the keys without a link a later drop has removed.
func (p *Planner) removedLater(ctx context.Context, c *chunk) (map[string]bool, error) {
	if p.order == nil {
		return nil, nil
	}
	var keys []string
	for i := range c.rows {
		if r := &c.rows[i]; r.reject == nil && c.refs[r.ref].ID == 0 {
			keys = append(keys, r.rec.Key)
		}
	}
	drops, err := p.Ledger.RemovedBy(ctx, p.Feed.Entity.Name, keys)
	if err != nil {
		return nil, err
	}
	removed := map[string]bool{}
	for key, drop := range drops {
		if removed[key], err = p.order.Later(ctx, drop); err != nil {
			return nil, err
		}
	}
	return removed, nil
}

func (p *Planner) keep(r bridge.RejectRow) {
	p.Run.Rejected++
	r.Drop, r.Run, r.Entity = p.Drop.ID, p.Run.ID, p.Feed.Entity.Name
	if p.OnReject != nil {
		p.OnReject(r)
	}
	if !p.Dry {
		p.rejects = append(p.rejects, r)
	}
}

func (p *Planner) flushFullRejects(ctx context.Context) error {
	if len(p.rejects) < 500 && p.held < rejectBytes {
		return nil
	}
	return p.flushRejects(ctx)
}

func (p *Planner) flushRejects(ctx context.Context) error {
	if len(p.rejects) == 0 {
		return nil
	}
	if err := p.Ledger.RejectRows(ctx, p.rejects); err != nil {
		return err
	}
	clear(p.rejects)
	p.rejects, p.held = p.rejects[:0], 0
	return nil
}
