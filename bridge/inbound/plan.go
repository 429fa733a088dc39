package inbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/order"
	"github.com/orobridge/orobridge/formats"
)

// Planning reads a drop's rows, compares each with what Oro last accepted under its key, and leaves a stage that holds
// only what differs. It is a pipeline: one goroutine parses chunks of rows, two look their keys up in the ledger, and
// the caller's takes the chunks in the file's order. Memory is a few chunks, and one bit for each key of the ledger that
// the file names.
const (
	chunkRows    = 1000
	chunkBytes   = 8 << 20 // of cells: rows may be as long as their format allows
	chunksAtOnce = 6
)

// What is kept of a run's rejects. Those beyond are counted, and kept nowhere.
const (
	keptRejects     = 200_000
	keptRejectBytes = 256 << 20
	rejectBytes     = 4 << 20 // of one transaction
)

// planner plans one run.
type planner struct {
	e       *Engine
	feed    *config.Feed
	drop    *bridge.Drop
	run     *bridge.Run
	stage   bridge.Stage
	dry     bool // write nothing to the ledger
	resumed bool // the run was interrupted: some keys have their fate already

	columns  []string
	ignored  []string
	seen     bitmap       // links that the file names
	spared   bitmap       // links that only rejected rows name
	kept     bitmap       // links of which a row was left alone, since a later drop has set all that it says
	order    *order.Order // nil for a drop behind which nothing of its feed was loaded
	nameless int64        // rejected rows whose key can't be read
	scopes   *scopes      // in which the file says everything; nil when nothing is withdrawn
	verify   bool         // unchanged rows are looked up in the shop
	rejects  []bridge.RejectRow
	room     formats.RejectRoom
	spares   string                 // why nothing was withdrawn though the feed wants it; empty otherwise
	held     int                    // bytes of rejects
	skipped  map[string]int64       // what the reader and the mapping have left out, by word
	without  map[string]int64       // records that were loaded without a group of fields of which the shop lacks some
	warnings []bridge.WarningRow    // of rows so far that are not in the ledger yet
	later    map[string]bool        // a run again: keys of which a newer drop has parked a row
	onReject func(bridge.RejectRow) // dry: told of each reject
	onWarn   func(bridge.WarningRow)
}

// chunk is a piece of the file on its way through the pipeline. Its slices are used again.
type chunk struct {
	rows   []planRow
	cells  []string
	absent []bool
	values []formats.Value
	keys   []string
	refs   []bridge.LinkRef
	err    error // of the reader, after the rows; or of the look-up
	done   chan struct{}
}

// planRow is one row of a chunk.
type planRow struct {
	rec    formats.Record
	reject *formats.Reject
	cells  [2]int // into chunk.cells
	values [2]int // into chunk.values
	ref    int    // into chunk.refs; -1 for a reject whose key can't be read
}

// read plans all rows of a reader. Rejected rows are recorded and counted, changes are staged; the counts of the run hold
// rows, rejects, collapsed and unchanged ones afterwards.
func (p *planner) read(ctx context.Context, reader formats.Reader) error {
	p.columns = reader.Columns()
	mapper, err := p.feed.Mapping.Bind(p.feed.Entity, p.columns, p.feed.Format.Conventions())
	if err != nil {
		return err
	}
	p.ignored, p.run.Unmapped = mapper.Ignored(), mapper.Unmapped()
	p.room = formats.RejectRoom{Rows: keptRejects, Bytes: keptRejectBytes}
	p.scopes = p.scopesOf()
	if p.order, err = order.Of(ctx, p.e.Ledger, p.drop, p.run); err != nil {
		return err
	}
	if p.later, err = p.parkedLater(ctx); err != nil {
		return err
	}

	free := make(chan *chunk, chunksAtOnce)
	for range chunksAtOnce {
		free <- newChunk()
	}
	lookups, ordered := make(chan *chunk, chunksAtOnce), make(chan *chunk, chunksAtOnce)
	g, work := errgroup.WithContext(ctx)
	g.Go(func() error { return parse(work, reader, mapper, free, lookups, ordered) })
	for range 2 {
		g.Go(func() error {
			for c := range lookups {
				if err := p.e.Ledger.Lookup(work, p.feed.Entity.Name, c.keys, c.refs); err != nil && c.err == nil {
					c.err = err
				}
				close(c.done)
			}
			return nil
		})
	}
	g.Go(func() error { return p.collect(work, ordered, free) })
	err = g.Wait()
	p.skipped = addCounts(addCounts(map[string]int64{}, reader), mapper)
	for word, n := range p.without {
		p.skipped[word] += n
	}
	if err != nil {
		return err
	}
	return errors.Join(p.flushRejects(ctx), p.flushWarnings(ctx))
}

func newChunk() *chunk {
	return &chunk{rows: make([]planRow, 0, chunkRows), keys: make([]string, 0, chunkRows), refs: make([]bridge.LinkRef, 0, chunkRows)}
}

func (c *chunk) reset() {
	clear(c.rows)
	clear(c.cells)
	c.rows, c.cells, c.absent, c.values, c.keys, c.refs = c.rows[:0], c.cells[:0], c.absent[:0], c.values[:0], c.keys[:0], c.refs[:0]
	c.err, c.done = nil, make(chan struct{})
}

// parse fills chunks until the file ends. The reader's error travels in the last chunk, so that all rows before it are
// planned first.
func parse(ctx context.Context, reader formats.Reader, mapper *formats.Mapper, free <-chan *chunk, lookups, ordered chan<- *chunk) error {
	defer close(lookups)
	defer close(ordered)
	for {
		var c *chunk
		select {
		case c = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		c.reset()
		c.fill(reader, mapper)
		ended := c.err != nil
		// Both channels hold as many chunks as there are: sending never blocks.
		ordered <- c
		lookups <- c
		if ended {
			return nil
		}
	}
}

// fill reads up to chunkRows rows.
func (c *chunk) fill(reader formats.Reader, mapper *formats.Mapper) {
	var row formats.Row
	var rec formats.Record
	for size := 0; len(c.rows) < chunkRows && size < chunkBytes; size += row.Size() {
		row.Cells, row.Absent = nil, nil
		err := reader.Next(&row)
		var reject *formats.Reject
		if err != nil && !errors.As(err, &reject) {
			c.err = err
			break
		}
		if reject != nil {
			mapper.Reject(&row, reject)
		} else {
			rec.Values = rec.Values[:0]
			if err := mapper.Record(&row, &rec); err != nil && !errors.As(err, &reject) {
				c.err = err
				break
			}
		}
		c.add(&row, &rec, reject)
	}
	for i := range c.rows {
		r := &c.rows[i]
		r.rec.Values = c.values[r.values[0]:r.values[1]:r.values[1]]
	}
	c.refs = slices.Grow(c.refs, len(c.keys))[:len(c.keys)]
}

func (c *chunk) add(row *formats.Row, rec *formats.Record, reject *formats.Reject) {
	r := planRow{reject: reject, ref: -1}
	r.cells[0], r.values[0] = len(c.cells), len(c.values)
	c.cells = append(c.cells, row.Cells...)
	if row.Absent != nil {
		c.absent = append(append(c.absent, make([]bool, r.cells[0]-len(c.absent))...), row.Absent...)
	}
	r.cells[1] = len(c.cells)
	if reject != nil && reject.Keyed {
		r.ref, c.keys = len(c.keys), append(c.keys, reject.Key)
	}
	if reject == nil {
		c.values = append(c.values, rec.Values...)
		r.ref, c.keys = len(c.keys), append(c.keys, rec.Key)
		r.rec = formats.Record{Entity: rec.Entity, Key: rec.Key, Remove: rec.Remove, Pos: rec.Pos, Warnings: rec.Warnings}
	}
	r.values[1] = len(c.values)
	c.rows = append(c.rows, r)
}

// row gives back a row's cells.
func (c *chunk) row(r *planRow) *formats.Row {
	row := &formats.Row{Pos: r.rec.Pos, Cells: c.cells[r.cells[0]:r.cells[1]]}
	if len(c.absent) >= r.cells[1] {
		row.Absent = c.absent[r.cells[0]:r.cells[1]]
	}
	return row
}

// collect takes the chunks in order.
func (p *planner) collect(ctx context.Context, ordered <-chan *chunk, free chan<- *chunk) error {
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
		if err := p.e.stillLoading(ctx, p.drop, p.dry); err != nil {
			return err
		}
		if err != nil {
			return err
		}
		p.e.Events.Tell(&bridge.Event{Kind: bridge.Progressed, Feed: p.feed.Name, File: p.drop.Name, Phase: "reading", Done: p.run.Rows})
		free <- c
	}
	return nil
}

// chunk decides about the rows of one chunk.
func (p *planner) chunk(ctx context.Context, c *chunk) error {
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
	s := &chunkPlan{planner: p, c: c, links: links, fates: fates, removed: removed, pending: map[string]*bridge.Staged{}}
	for i := range c.rows {
		p.run.Rows++
		if err := s.row(ctx, &c.rows[i]); err != nil {
			return err
		}
	}
	return s.flush(ctx)
}

// fates reads what an interrupted run has already done.
func (p *planner) fates(ctx context.Context, keys []string) (map[string]bridge.RowFate, error) {
	if !p.resumed {
		return nil, nil
	}
	return p.e.Ledger.Settled(ctx, p.run.ID, keys)
}

// changedLinks reads the content of the links that do not match their rows at first sight.
func (p *planner) changedLinks(ctx context.Context, c *chunk) (map[string]*bridge.Link, error) {
	var keys []string
	for i := range c.rows {
		r := &c.rows[i]
		if r.reject == nil && c.refs[r.ref].ID != 0 && (p.run.Force || r.rec.Remove || c.refs[r.ref].Fingerprint != formats.Fingerprint(r.rec.Values)) {
			keys = append(keys, r.rec.Key)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	return p.e.Ledger.Links(ctx, p.feed.Entity.Name, keys)
}

// parkedLater tells the keys of which a later drop has parked a row: that row counts.
func (p *planner) parkedLater(ctx context.Context) (map[string]bool, error) {
	if p.order == nil {
		return nil, nil
	}
	later := map[string]bool{}
	err := p.e.Ledger.Parked(ctx, "", time.Time{}, func(r bridge.ParkedRow) error {
		if r.Entity != p.feed.Entity.Name || later[r.Key] {
			return nil
		}
		is, err := p.order.Later(ctx, r.Drop)
		later[r.Key] = is
		return err
	})
	return later, err
}

// removedLater tells which of the keys without a link a later drop has removed.
func (p *planner) removedLater(ctx context.Context, c *chunk) (map[string]bool, error) {
	if p.order == nil {
		return nil, nil
	}
	var keys []string
	for i := range c.rows {
		if r := &c.rows[i]; r.reject == nil && c.refs[r.ref].ID == 0 {
			keys = append(keys, r.rec.Key)
		}
	}
	drops, err := p.e.Ledger.RemovedBy(ctx, p.feed.Entity.Name, keys)
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

// cancelParked drops parked records of earlier drops whose keys come again, since the newer row counts, and those that a
// full drop lacks. It comes after the guards: a drop that is held cancels nothing.
func (p *planner) cancelParked(ctx context.Context) error {
	if p.run.Kind == bridge.ParkedRun {
		return nil
	}
	var gone, parked []string
	err := p.e.Ledger.Parked(ctx, "", time.Time{}, func(r bridge.ParkedRow) error {
		switch {
		case r.Entity != p.feed.Entity.Name, r.Drop == p.drop.ID, p.later[r.Key]:
		case p.withdraws() && r.Feed == p.feed.Name:
			gone = append(gone, r.Key)
		default:
			parked = append(parked, r.Key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	named, err := p.named(ctx, parked)
	if err != nil {
		return err
	}
	for part := range slices.Chunk(append(gone, named...), chunkRows) {
		if _, err := p.e.Ledger.Unpark(ctx, p.feed.Entity.Name, part); err != nil {
			return err
		}
	}
	return nil
}

// named keeps the keys that the drop has rows of.
func (p *planner) named(ctx context.Context, keys []string) (named []string, err error) {
	refs := make([]bridge.LinkRef, len(keys))
	if err := p.e.Ledger.Lookup(ctx, p.feed.Entity.Name, keys, refs); err != nil {
		return nil, err
	}
	for i, key := range keys {
		if refs[i].ID != 0 && p.seen.has(refs[i].ID) {
			named = append(named, key)
			continue
		}
		c, err := p.stage.Get(ctx, key)
		if err != nil {
			return nil, err
		}
		if c != nil {
			named = append(named, key)
		}
	}
	return named, nil
}

// chunkPlan is the work on one chunk.
type chunkPlan struct {
	*planner
	c       *chunk
	links   map[string]*bridge.Link
	fates   map[string]bridge.RowFate
	removed map[string]bool           // keys that a later drop has removed
	pending map[string]*bridge.Staged // staged by this chunk, not written yet
	changes []*bridge.Staged
}

// row decides about one row: rejected, settled by an earlier attempt of the run, a repeated key, unchanged, or a change.
func (s *chunkPlan) row(ctx context.Context, r *planRow) error {
	if r.reject != nil {
		s.spare(r)
		return s.reject(ctx, r, r.reject)
	}
	if s.scopes != nil {
		s.scopes.add(&r.rec)
	}
	s.warn(r.rec.Warnings)
	ref := s.c.refs[r.ref]
	if ref.ID != 0 && s.seen.set(ref.ID) || ref.ID == 0 && s.pending[r.rec.Key] != nil {
		return s.repeat(ctx, r, ref)
	}
	if fate, ok := s.fates[r.rec.Key]; ok {
		if ref.ID == 0 {
			s.add(s.staged(r, bridge.Finished))
		}
		s.run.Add(fate, 1)
		return nil
	}
	c, fate, err := s.change(ctx, r, ref)
	if err != nil {
		return err
	}
	if c == nil && fate == bridge.FateUnchanged && s.verify && ref.ID != 0 && !r.rec.Remove {
		c = s.staged(r, bridge.Undecided)
		c.Link, c.Verify = ref.ID, true
	}
	if c == nil {
		s.unchanged(ref, fate, 1)
		return nil
	}
	s.add(c)
	return nil
}

// unchanged counts a row that needs nothing: the shop has what it says, or a later drop has set it.
func (s *chunkPlan) unchanged(ref bridge.LinkRef, fate bridge.RowFate, n int64) {
	s.run.Add(fate, n)
	if fate == bridge.FateSuperseded && n > 0 && ref.ID != 0 {
		s.kept.set(ref.ID)
	}
}

// spare keeps what a rejected row names from being withdrawn: a row that could not be read removes nothing. A row whose key
// can't be read could be any record's.
func (s *chunkPlan) spare(r *planRow) {
	switch {
	case r.ref < 0:
		s.nameless++
	case s.c.refs[r.ref].ID != 0:
		s.spared.set(s.c.refs[r.ref].ID)
	}
}

func (s *chunkPlan) add(c *bridge.Staged) {
	s.pending[c.Key] = c
	s.changes = append(s.changes, c)
}

// change compares a row with its link. Without a change, fate says why: it is unchanged or superseded.
func (s *chunkPlan) change(ctx context.Context, r *planRow, ref bridge.LinkRef) (c *bridge.Staged, fate bridge.RowFate, err error) {
	if s.later[r.rec.Key] || s.removed[r.rec.Key] {
		return nil, bridge.FateSuperseded, nil
	}
	if ref.ID == 0 {
		return s.staged(r, bridge.Undecided), "", nil
	}
	link := s.links[r.rec.Key]
	if link == nil { // the fingerprint matched
		return nil, bridge.FateUnchanged, nil
	}
	if r.rec.Remove || link.Removed {
		if later, err := s.order.Later(ctx, link.Drop); err != nil || later {
			return nil, bridge.FateSuperseded, err
		}
	}
	if r.rec.Remove && link.Removed && !s.run.Force {
		return nil, bridge.FateUnchanged, nil
	}
	c = s.staged(r, bridge.Decided)
	c.Link, c.OroID = link.ID, link.OroID
	if r.rec.Remove {
		c.Op = bridge.Remove
		return c, "", nil
	}
	c.Op = bridge.Update
	if err := s.leaveLater(ctx, c, link); err != nil {
		return nil, "", err
	}
	all := len(c.Record.Values) == len(r.rec.Values)
	c.Values, c.Old = bridge.Differing(c.Record.Values, link.Content, s.run.Force)
	if link.Removed {
		revive(c)
	}
	switch {
	case len(c.Values) > 0:
		return c, "", nil
	case all:
		return nil, bridge.FateUnchanged, nil
	}
	return nil, bridge.FateSuperseded, nil
}

// leaveLater takes the fields off a change that a later drop has set.
func (p *planner) leaveLater(ctx context.Context, c *bridge.Staged, link *bridge.Link) error {
	if p.order == nil {
		return nil
	}
	kept := c.Record.Values[:0]
	for _, v := range c.Record.Values {
		i, ok := slices.BinarySearchFunc(link.Content, v, bridge.ByField)
		if ok && link.Content[i].Text != v.Text {
			later, err := p.order.Later(ctx, link.Origin(v.Field))
			if err != nil {
				return err
			}
			if later {
				continue
			}
		}
		kept = append(kept, v)
	}
	c.Record.Values = kept
	return nil
}

// revive makes a product that was disabled by a removal buyable again when the sender lists it again, unless the row
// itself says what its status is.
func revive(c *bridge.Staged) {
	if _, ok := c.Record.Entity.Lookup("status"); !ok {
		return
	}
	status := formats.Value{Field: "status", Text: "enabled"}
	if i, ok := slices.BinarySearchFunc(c.Record.Values, status, bridge.ByField); ok {
		status = c.Record.Values[i]
	} else {
		c.Record.Values = slices.Insert(c.Record.Values, i, status)
	}
	if i, ok := slices.BinarySearchFunc(c.Values, status, bridge.ByField); !ok {
		c.Values = slices.Insert(c.Values, i, status)
		c.Old = slices.Insert(c.Old, i, formats.Value{Field: "status", Text: "disabled"})
	}
}

// staged copies a row out of its chunk.
func (s *chunkPlan) staged(r *planRow, status bridge.StageStatus) *bridge.Staged {
	rec := r.rec
	rec.Values = slices.Clone(r.rec.Values)
	return &bridge.Staged{Change: bridge.Change{Key: rec.Key, Record: &rec, Line: rec.Pos.Line}, Remove: rec.Remove, Status: status, Raw: CellsOf(s.columns, s.c.row(r))}
}

// repeat handles a key that came before in this file: the feed's policy says which row counts.
func (s *chunkPlan) repeat(ctx context.Context, r *planRow, ref bridge.LinkRef) error {
	switch s.feed.Repeats {
	case "first":
		s.run.Collapsed++
		return nil
	case "reject":
		return s.reject(ctx, r, &formats.Reject{Pos: r.rec.Pos, Key: r.rec.Key, Code: formats.CodeDuplicate,
			Message: "the key stands in an earlier row of this file already"})
	}
	s.run.Collapsed++
	if _, ok := s.fates[r.rec.Key]; ok {
		return nil // what the interrupted run sent was the last row's content already
	}
	newer, fate, err := s.change(ctx, r, ref)
	if err != nil {
		return err
	}
	older, err := s.earlier(ctx, r.rec.Key)
	if err != nil {
		return err
	}
	switch {
	case older == nil && newer == nil: // unchanged twice
	case older == nil: // the earlier row was unchanged
		was := bridge.FateUnchanged
		if s.kept.has(ref.ID) {
			was = bridge.FateSuperseded
		}
		s.unchanged(ref, was, -1)
		s.add(newer)
	case newer == nil:
		s.unchanged(ref, fate, 1)
		return s.unstage(ctx, older)
	default:
		newer.Seq = older.Seq
		*older = *newer
		if older.Seq != 0 {
			return s.stage.Save(ctx, []*bridge.Staged{older})
		}
	}
	return nil
}

// earlier finds what the file's earlier row of a key has staged.
func (s *chunkPlan) earlier(ctx context.Context, key string) (*bridge.Staged, error) {
	if c := s.pending[key]; c != nil {
		return c, nil
	}
	return s.stage.Get(ctx, key)
}

// unstage takes a staged change away again.
func (s *chunkPlan) unstage(ctx context.Context, c *bridge.Staged) error {
	if s.pending[c.Key] == nil {
		return s.stage.Drop(ctx, c.Key)
	}
	delete(s.pending, c.Key)
	s.changes = slices.DeleteFunc(s.changes, func(x *bridge.Staged) bool { return x == c })
	return nil
}

// flush writes the chunk's changes to the stage. A key without a link that came in an earlier chunk shows here.
func (s *chunkPlan) flush(ctx context.Context) error {
	if len(s.changes) == 0 {
		return nil
	}
	repeats, err := s.stage.Put(ctx, s.changes)
	if err != nil {
		return err
	}
	for _, c := range repeats {
		if c.Status == bridge.Finished {
			// Settled by an earlier attempt of this run and counted again just now: the key repeats.
			s.run.Add(s.fates[c.Key], -1)
			s.run.Collapsed++
			continue
		}
		switch s.feed.Repeats {
		case "first":
			s.run.Collapsed++
		case "reject":
			s.keep(bridge.RejectRow{Row: c.Raw, Reject: formats.Reject{Pos: c.Record.Pos, Key: c.Key, Code: formats.CodeDuplicate,
				Message: "the key stands in an earlier row of this file already"}})
		default:
			s.run.Collapsed++
			if err := s.stage.Save(ctx, []*bridge.Staged{c}); err != nil {
				return err
			}
		}
	}
	return s.flushFullRejects(ctx)
}

func (s *chunkPlan) reject(ctx context.Context, r *planRow, why *formats.Reject) error {
	row := s.c.row(r)
	if !s.room.Take(row, why) {
		s.run.Rejected++
		return nil
	}
	s.held += row.Size()
	s.keep(bridge.RejectRow{Reject: *why, Row: CellsOf(s.columns, row)})
	return s.flushFullRejects(ctx)
}

func (p *planner) keep(r bridge.RejectRow) {
	p.run.Rejected++
	r.Drop, r.Run = p.drop.ID, p.run.ID
	if p.onReject != nil {
		p.onReject(r)
	}
	if !p.dry {
		p.rejects = append(p.rejects, r)
	}
}

func (p *planner) flushFullRejects(ctx context.Context) error {
	if len(p.rejects) < 500 && p.held < rejectBytes {
		return nil
	}
	return p.flushRejects(ctx)
}

func (p *planner) flushRejects(ctx context.Context) error {
	if len(p.rejects) == 0 {
		return nil
	}
	if err := p.e.Ledger.RejectRows(ctx, p.rejects); err != nil {
		return err
	}
	clear(p.rejects)
	p.rejects, p.held = p.rejects[:0], 0
	return nil
}

// withdraws says that what the drop lacks is removed. An empty file says nothing, and corrected rejects are only some rows.
func (p *planner) withdraws() bool {
	return p.feed.Mode == "full" && p.feed.Missing != "keep" && (p.run.Kind == bridge.FirstRun || p.run.Kind == bridge.ReRun) && p.run.Rows > 0 && !p.drop.Correction
}

// withdraw stages the removal of every key that earlier drops of this full feed have set and that this one lacks.
func (p *planner) withdraw(ctx context.Context) error {
	if !p.withdraws() {
		return nil
	}
	if err := p.countWithdrawn(ctx); err != nil {
		return err
	}
	if p.nameless > 0 {
		p.spares = fmt.Sprintf("nothing was withdrawn: the keys of %d rejected rows can't be read", p.nameless)
		return nil
	}
	var page []*bridge.Staged
	flush := func() error {
		refused, err := p.countRefused(ctx, page)
		if err != nil {
			return err
		}
		_, err = p.stage.Put(ctx, slices.DeleteFunc(page, func(c *bridge.Staged) bool { return refused[c.Key] }))
		page = page[:0]
		return err
	}
	named := func(id int64) bool { return p.seen.has(id) || p.spared.has(id) }
	err := p.e.Ledger.Unseen(ctx, p.feed.Entity.Name, p.feed.Name, named, func(k *bridge.Link) error {
		if !p.scopes.has(k) {
			return nil
		}
		if later, err := p.order.Later(ctx, k.Drop); err != nil || later {
			return err
		}
		rec := &formats.Record{Entity: p.feed.Entity, Key: k.Key, Remove: true}
		page = append(page, &bridge.Staged{Change: bridge.Change{Op: bridge.Remove, Key: k.Key, OroID: k.OroID, Record: rec}, Link: k.ID, Remove: true, Implied: true, Status: bridge.Decided})
		if len(page) < chunkRows {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// countRefused counts the withdrawals of a page that the shop refused in an interrupted attempt, and names their keys.
func (p *planner) countRefused(ctx context.Context, page []*bridge.Staged) (map[string]bool, error) {
	keys := make([]string, len(page))
	for i, c := range page {
		keys[i] = c.Key
	}
	fates, err := p.fates(ctx, keys)
	refused := map[string]bool{}
	for key, fate := range fates {
		if refused[key] = fate == bridge.FateRejected; refused[key] {
			p.run.Refused()
		}
	}
	return refused, err
}

// countWithdrawn counts what an interrupted attempt has withdrawn: no row of the file tells of it.
func (p *planner) countWithdrawn(ctx context.Context) error {
	if !p.resumed {
		return nil
	}
	fates, err := p.e.Ledger.Fates(ctx, p.run.ID)
	p.run.Add(bridge.FateWithdrawn, fates[bridge.FateWithdrawn])
	return err
}

// bitmap is a set of small numbers.
type bitmap []uint64

// set adds a number and says whether it was there.
func (b *bitmap) set(id int64) bool {
	word := int(id >> 6)
	if word >= len(*b) {
		*b = append(*b, make([]uint64, word+1-len(*b))...)
	}
	bit := uint64(1) << (id & 63)
	was := (*b)[word]&bit != 0
	(*b)[word] |= bit
	return was
}

func (b bitmap) has(id int64) bool {
	word := int(id >> 6)
	return word < len(b) && b[word]&(1<<(id&63)) != 0
}
