package state

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state/sqlite"
)

// NewStage opens an empty stage for the changes of one run. It has a file as soon as they are more than a few; that of run 0, a plan
// that nobody carries out, stands in the system's folder for temporary files.
func (s *State) NewStage(_ context.Context, e *formats.Entity, run int64) (bridge.Stage, error) {
	dir := s.Spool()
	if run == 0 {
		dir = os.TempDir()
	}
	return newStage(func(ctx context.Context) (bridge.Stage, error) { return sqlite.NewStage(ctx, dir, e, run) }), nil
}

// stage is a few changes, or many on the disk.
type stage struct {
	bridge.Stage
	many func(context.Context) (bridge.Stage, error)
}

func newStage(many func(context.Context) (bridge.Stage, error)) *stage { return &stage{&few{}, many} }

// Put implements bridge.Stage.
func (s *stage) Put(ctx context.Context, changes []*bridge.Staged) (repeats []*bridge.Staged, err error) {
	if f, ok := s.Stage.(*few); ok && !f.takes(changes) {
		if s.Stage, err = f.grow(ctx, s.many); err != nil {
			s.Stage = f
			return nil, err
		}
	}
	return s.Stage.Put(ctx, changes)
}

// few is a stage in memory: a file for it would cost a small drop more than all else that is done with it.
type few struct {
	all  []*bridge.Staged // in the order of their numbers; nobody else has them
	last int64            // number that was given
	size int              // bytes of all that was put
}

// What is kept in memory of a run at most.
const (
	fewChanges = 100
	fewBytes   = 256 << 10
)

// takes says whether there is room for some more changes.
func (s *few) takes(changes []*bridge.Staged) bool {
	for _, c := range changes {
		for _, cell := range c.Raw {
			s.size += len(cell.Text)
		}
		for _, v := range c.Record.Values {
			s.size += len(v.Text)
		}
	}
	return len(s.all)+len(changes) <= fewChanges && s.size <= fewBytes
}

// grow puts the changes into a stage for many, where they get their numbers anew.
func (s *few) grow(ctx context.Context, open func(context.Context) (bridge.Stage, error)) (bridge.Stage, error) {
	many, err := open(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := many.Put(ctx, s.all); err != nil {
		return nil, errors.Join(err, many.Close())
	}
	return many, nil
}

// copied is a change that shares nothing which may be written over.
func copied(c *bridge.Staged) *bridge.Staged {
	mine, record := *c, *c.Record
	record.Values = slices.Clone(record.Values)
	mine.Record, mine.Raw, mine.Values, mine.Old = &record, slices.Clone(c.Raw), slices.Clone(c.Values), slices.Clone(c.Old)
	if c.Missing != nil {
		missing := *c.Missing
		mine.Missing = &missing
	}
	return &mine
}

// find is where a key stands; -1 for nowhere.
func (s *few) find(key string) int {
	return slices.IndexFunc(s.all, func(c *bridge.Staged) bool { return c.Key == key })
}

// Put implements bridge.Stage.
func (s *few) Put(ctx context.Context, changes []*bridge.Staged) (repeats []*bridge.Staged, _ error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, c := range changes {
		if s.find(c.Key) >= 0 {
			repeats = append(repeats, c)
			continue
		}
		s.last++
		c.Seq = s.last
		s.all = append(s.all, copied(c))
	}
	return repeats, nil
}

// Planned implements bridge.Stage.
func (s *few) Planned(ctx context.Context) error { return ctx.Err() }

// Get implements bridge.Stage.
func (s *few) Get(ctx context.Context, key string) (*bridge.Staged, error) {
	i := s.find(key)
	if i < 0 {
		return nil, ctx.Err()
	}
	return copied(s.all[i]), ctx.Err()
}

// Save implements bridge.Stage.
func (s *few) Save(ctx context.Context, changes []*bridge.Staged) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, c := range changes {
		i, ok := slices.BinarySearchFunc(s.all, c.Seq, func(c *bridge.Staged, seq int64) int { return cmp.Compare(c.Seq, seq) })
		if !ok {
			continue
		}
		kept := s.all[i]
		known := *c
		known.Key, known.Line, known.Record, known.Raw = kept.Key, kept.Line, kept.Record, kept.Raw
		known.Remove, known.Implied, known.Parked = kept.Remove, kept.Implied, kept.Parked
		s.all[i] = copied(&known)
	}
	return nil
}

// Replace implements bridge.Stage.
func (s *few) Replace(ctx context.Context, c *bridge.Staged) error {
	if i := s.find(c.Key); i >= 0 && ctx.Err() == nil {
		mine := copied(c)
		mine.Seq, s.all[i] = s.all[i].Seq, mine
	}
	return ctx.Err()
}

// Drop implements bridge.Stage.
func (s *few) Drop(ctx context.Context, key string) error {
	if i := s.find(key); i >= 0 && ctx.Err() == nil {
		s.all = slices.Delete(s.all, i, i+1)
	}
	return ctx.Err()
}

// Next implements bridge.Stage.
func (s *few) Next(ctx context.Context, status bridge.StageStatus, after int64, n int) (changes []*bridge.Staged, err error) {
	for _, c := range s.all {
		if c.Status == status && c.Seq > after && len(changes) < n {
			changes = append(changes, copied(c))
		}
	}
	return changes, ctx.Err()
}

// Count implements bridge.Stage.
func (s *few) Count(ctx context.Context) (map[bridge.StageStatus]map[bridge.Op]int64, error) {
	counts := map[bridge.StageStatus]map[bridge.Op]int64{}
	for _, c := range s.all {
		if counts[c.Status] == nil {
			counts[c.Status] = map[bridge.Op]int64{}
		}
		counts[c.Status][c.Op]++
	}
	return counts, ctx.Err()
}

// Close implements bridge.Stage.
func (s *few) Close() error { return nil }
