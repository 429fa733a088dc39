package plan

import (
	"context"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/formats"
)

// chunkPlan is the work on one chunk.
type chunkPlan struct {
	*Planner
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
	if ref.ID != 0 && s.seen.Add(ref.ID) || ref.ID == 0 && s.pending[r.rec.Key] != nil {
		return s.repeat(ctx, r, ref)
	}
	if fate, ok := s.fates[r.rec.Key]; ok {
		if ref.ID == 0 {
			s.add(s.staged(r, bridge.Finished))
		}
		s.Run.Add(fate, 1)
		return nil
	}
	c, fate, err := s.change(ctx, r, ref)
	if err != nil {
		return err
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
	s.Run.Add(fate, n)
	if fate == bridge.FateSuperseded && n > 0 && ref.ID != 0 {
		s.kept.Add(ref.ID)
	}
}

// spare keeps what a rejected row names from being withdrawn: a row that could not be read removes nothing. A row whose key
// can't be read could be any record's.
func (s *chunkPlan) spare(r *planRow) {
	switch {
	case r.ref < 0:
		s.nameless++
	case s.c.refs[r.ref].ID != 0:
		s.spared.Add(s.c.refs[r.ref].ID)
	case s.refused != nil:
		s.refused[strings.Clone(s.c.keys[r.ref])] = true
	}
}

func (s *chunkPlan) add(c *bridge.Staged) {
	s.pending[c.Key] = c
	s.changes = append(s.changes, c)
}

// change compares a row with its link. Without a change, fate says why: it is unchanged or superseded. What is unchanged is
// looked at in the shop where the feed wants that.
func (s *chunkPlan) change(ctx context.Context, r *planRow, ref bridge.LinkRef) (c *bridge.Staged, fate bridge.RowFate, err error) {
	c, fate, err = s.compare(ctx, r, ref)
	if err == nil && ref.Doubtful() {
		return s.doubt(r, ref, c, fate), fate, nil
	}
	if c == nil && fate == bridge.FateUnchanged && s.Verify && ref.ID != 0 && !r.rec.Remove {
		c = s.staged(r, bridge.Undecided)
		c.Link, c.Verify = ref.ID, true
	}
	return c, fate, err
}

// doubt has the shop asked about a row whose link is doubtful: only that tells whether there is something to do. A removal, and what
// takes one back, is sent in any case; what a later drop has set stays superseded.
func (s *chunkPlan) doubt(r *planRow, ref bridge.LinkRef, c *bridge.Staged, fate bridge.RowFate) *bridge.Staged {
	switch {
	case c == nil && fate == bridge.FateUnchanged:
		c = s.staged(r, bridge.Undecided)
		c.Link = ref.ID
	case c != nil && c.Op == bridge.Update && !s.links[r.rec.Key].Removed:
		c.Status, c.Op, c.Values, c.Old = bridge.Undecided, "", nil, nil
	}
	return c
}

func (s *chunkPlan) compare(ctx context.Context, r *planRow, ref bridge.LinkRef) (c *bridge.Staged, fate bridge.RowFate, err error) {
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
	if r.rec.Remove && link.Removed && !s.Run.Force {
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
	c.Values, c.Old = bridge.Differing(c.Record.Values, link.Content, s.Run.Force)
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
func (p *Planner) leaveLater(ctx context.Context, c *bridge.Staged, link *bridge.Link) error {
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
	made := &struct { // at once
		bridge.Staged
		rec formats.Record
	}{rec: r.rec}
	rec := &made.rec
	rec.Values = slices.Clone(r.rec.Values)
	made.Staged = bridge.Staged{Change: bridge.Change{Key: rec.Key, Record: rec, Line: rec.Pos.Line}, Remove: rec.Remove, Status: status,
		Raw: rows.CellsOf(s.columns, s.c.row(r))}
	return &made.Staged
}

// repeat handles a key that came before in this file: the feed's policy says which row counts.
func (s *chunkPlan) repeat(ctx context.Context, r *planRow, ref bridge.LinkRef) error {
	switch s.Feed.Repeats {
	case "first":
		s.Run.Collapsed++
		return nil
	case "reject":
		return s.reject(ctx, r, &formats.Reject{Pos: r.rec.Pos, Key: r.rec.Key, Code: formats.CodeDuplicate,
			Message: "the key stands in an earlier row of this file already"})
	}
	s.Run.Collapsed++
	if _, ok := s.fates[r.rec.Key]; ok {
		return nil // what the interrupted run sent was the last row's content already
	}
	older, err := s.earlier(ctx, r.rec.Key)
	if err != nil {
		return err
	}
	leaveEarlier(&r.rec, older)
	newer, fate, err := s.change(ctx, r, ref)
	if err != nil {
		return err
	}
	switch {
	case older == nil && newer == nil: // unchanged twice
	case older == nil: // the earlier row was unchanged
		was := bridge.FateUnchanged
		if s.kept.Has(ref.ID) {
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
			return s.Stage.Replace(ctx, older)
		}
	}
	return nil
}

// leaveEarlier leaves to a record what an earlier row of the file has set and it does not carry itself, as rows of reduced
// messages do.
func leaveEarlier(rec *formats.Record, older *bridge.Staged) {
	if older != nil && !older.Remove && !rec.Remove {
		rec.Values = bridge.Merge(older.Record.Values, rec.Values)
	}
}

// earlier finds what the file's earlier row of a key has staged.
func (s *chunkPlan) earlier(ctx context.Context, key string) (*bridge.Staged, error) {
	if c := s.pending[key]; c != nil {
		return c, nil
	}
	return s.Stage.Get(ctx, key)
}

// unstage takes a staged change away again.
func (s *chunkPlan) unstage(ctx context.Context, c *bridge.Staged) error {
	if s.pending[c.Key] == nil {
		return s.Stage.Drop(ctx, c.Key)
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
	repeats, err := s.Stage.Put(ctx, s.changes)
	if err != nil {
		return err
	}
	for _, c := range repeats {
		if c.Status == bridge.Finished {
			// Settled by an earlier attempt of this run and counted again just now: the key repeats.
			s.Run.Add(s.fates[c.Key], -1)
			s.Run.Collapsed++
			continue
		}
		switch s.Feed.Repeats {
		case "first":
			s.Run.Collapsed++
		case "reject":
			s.keep(bridge.RejectRow{Row: c.Raw.Row(), Reject: formats.Reject{Pos: c.Record.Pos, Key: c.Key, Code: formats.CodeDuplicate,
				Message: "the key stands in an earlier row of this file already"}})
		default:
			s.Run.Collapsed++
			older, err := s.Stage.Get(ctx, c.Key)
			if err != nil {
				return err
			}
			leaveEarlier(c.Record, older)
			if err := s.Stage.Replace(ctx, c); err != nil {
				return err
			}
		}
	}
	return s.flushFullRejects(ctx)
}

func (s *chunkPlan) reject(ctx context.Context, r *planRow, why *formats.Reject) error {
	row := s.c.row(r)
	if !s.room.Take(row, why) {
		s.Run.Rejected++
		return nil
	}
	s.held += row.Size()
	s.keep(bridge.RejectRow{Reject: *why, Row: rows.CellsOf(s.columns, row).Row()})
	return s.flushFullRejects(ctx)
}
