package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/klauspost/compress/s2"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
)

// A block of a stage has so many rows at most, and so many bytes of them but for its first.
const (
	blockRows  = 1000
	blockBytes = 64 << 10
)

// asked is a stage's database, or a transaction of it.
type asked interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// block is the rows of one block, as they were packed.
type block struct {
	last int64
	rows []string
}

func (b *block) first() int64 { return b.last - int64(len(b.rows)) + 1 }

// writeBlocks writes changes that are put, with the sequence numbers that come next.
func (s *stage) writeBlocks(ctx context.Context, db asked, put []*bridge.Staged) error {
	for last := s.last; len(put) > 0; {
		text, b := s.packed.block[:0], &states{last: last, all: make([]state, 0, min(len(put), blockRows))}
		for _, c := range put {
			row := s.packed.row(c)
			if n := len(b.all); n > 0 && (n == blockRows || len(text)+len(row) > blockBytes) {
				break
			}
			text = append(binary.AppendUvarint(text, uint64(len(row))), row...)
			b.all = append(b.all, s.stateOf(c))
			b.last++
		}
		s.packed.block = text
		if _, err := db.ExecContext(ctx, `INSERT INTO blocks VALUES (?, ?)`, b.last, s.packed.compress(text)); err != nil {
			return err
		}
		s.recent.keep(b)
		if _, err := s.writeStates(ctx, db, b); err != nil {
			return err
		}
		last, put = b.last, put[len(b.all):]
	}
	return nil
}

// block reads the block of a sequence number, unless it is the one that was read last.
func (s *stage) block(ctx context.Context, db asked, seq int64) (*block, error) {
	if b := &s.read; seq >= b.first() && seq <= b.last {
		return b, nil
	}
	b := &block{}
	var packed []byte
	err := db.QueryRowContext(ctx, `SELECT last, rows FROM blocks WHERE last >= ? ORDER BY last LIMIT 1`, seq).Scan(&b.last, &packed)
	if err != nil {
		return nil, err
	}
	text, err := s.packed.expand(packed)
	if err != nil {
		return nil, err
	}
	b.rows = make([]string, 0, min(len(text), blockRows))
	r := read{rest: text}
	for r.rest != "" {
		b.rows = append(b.rows, r.text())
	}
	if r.err != nil || seq < b.first() {
		return nil, errCutOff
	}
	s.read = *b
	return b, nil
}

// change is the change of a sequence number.
func (s *stage) change(ctx context.Context, db asked, seq int64, of state) (*bridge.Staged, error) {
	c := s.packed.change()
	c.Seq, c.Status, c.Op = seq, of.status, of.op
	if s.replaced {
		var packed []byte
		err := db.QueryRowContext(ctx, `SELECT row FROM replaced WHERE seq = ?`, seq).Scan(&packed)
		if err == nil {
			row, err := s.packed.expand(packed)
			if err == nil {
				err = s.packed.unpack(c, row, of.known)
			}
			return c, err
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
	}
	b, err := s.block(ctx, db, seq)
	if err != nil {
		return nil, err
	}
	return c, s.packed.unpack(c, b.rows[seq-b.first()], of.known)
}

// state is what is known of a change.
type state struct {
	status bridge.StageStatus
	op     bridge.Op
	known  string
}

// gone is the status of a change that was dropped.
const gone = bridge.Finished + 1

var operations = []bridge.Op{"", bridge.Create, bridge.Update, bridge.Remove}

// states are those of a block's changes.
type states struct {
	last int64
	all  []state
}

func (b *states) first() int64        { return b.last - int64(len(b.all)) + 1 }
func (b *states) of(seq int64) *state { return &b.all[seq-b.first()] }

// writeStates writes the states of a block. One of which nobody needs anything any more goes.
func (s *stage) writeStates(ctx context.Context, db asked, b *states) (finished bool, err error) {
	text, statuses := make([]byte, 0, 24*len(b.all)), 0
	for _, of := range b.all {
		statuses |= 1 << of.status
		text = append(text, byte(of.status), byte(slices.Index(operations, of.op)))
		text = append(binary.AppendUvarint(text, uint64(len(of.known))), of.known...)
	}
	if s.planned && statuses&^finishedOnes == 0 {
		return true, s.forget(ctx, db, b)
	}
	_, err = db.ExecContext(ctx, `INSERT INTO states VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET statuses = ?2, known = ?3`,
		b.last, statuses, ledger.SealBytes(s2.Encode(nil, text)))
	return false, err
}

// recent are the states of the blocks that were read or put last, as they stand in the database: they are asked for with each batch that a
// block's changes travel in, of several blocks in turn.
type recent struct {
	all  [8]*states
	next int
}

func (r *recent) keep(b *states) {
	r.all[r.next] = b
	r.next = (r.next + 1) % len(r.all)
}

func (r *recent) find(seq int64) *states {
	for _, b := range r.all {
		if b != nil && b.first() <= seq && seq <= b.last {
			return b
		}
	}
	return nil
}

func (r *recent) drop(last int64) {
	for i, b := range r.all {
		if b != nil && b.last == last {
			r.all[i] = nil
		}
	}
}

// finishedOnes are the statuses of changes that nobody needs any more, a bit for each.
const finishedOnes = 1<<bridge.Finished | 1<<gone

// states reads those of the block of a sequence number; nil when it is gone.
func (s *stage) states(ctx context.Context, db asked, seq int64) (*states, error) {
	if b := s.recent.find(seq); b != nil {
		return b, nil
	}
	b, err := scanStates(db.QueryRowContext(ctx, `SELECT last, known FROM states WHERE last >= ? ORDER BY last LIMIT 1`, seq))
	if errors.Is(err, sql.ErrNoRows) || err == nil && seq < b.first() {
		return nil, nil
	}
	if err == nil {
		s.recent.keep(b)
	}
	return b, err
}

// stateAt is the state of a change.
func (s *stage) stateAt(ctx context.Context, db asked, seq int64) (state, error) {
	b, err := s.states(ctx, db, seq)
	if err != nil || b == nil {
		return state{status: gone}, err
	}
	return *b.of(seq), nil
}

// next reads the states of the first block, from a sequence number on, of which some change has a status; nil for none.
func (s *stage) next(ctx context.Context, seq int64, status bridge.StageStatus) (*states, error) {
	var last int64
	err := s.db.QueryRowContext(ctx, `SELECT last FROM states WHERE last >= ? AND statuses & ? <> 0 ORDER BY last LIMIT 1`,
		seq, 1<<status).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return s.states(ctx, s.db, last)
}

func scanStates(row interface{ Scan(...any) error }) (*states, error) {
	b := &states{}
	err := eachState(row, &b.last, func(of state, left int) {
		if b.all == nil {
			b.all = make([]state, 0, min(1+left/3, blockRows)) // each has three bytes at least
		}
		b.all = append(b.all, of)
	})
	return b, err
}

// eachState reads the states of a block, with how many bytes are left behind each.
func eachState(row interface{ Scan(...any) error }, last *int64, each func(of state, left int)) error {
	var packed []byte
	if err := row.Scan(last, &packed); err != nil {
		return err
	}
	packed, err := ledger.UnsealBytes(packed, "staged changes")
	if err != nil {
		return err
	}
	text, err := s2.Decode(nil, packed)
	if err != nil {
		return err
	}
	for r := (read{rest: string(text)}); r.rest != ""; {
		status, op := r.unsigned(), r.count(len(operations))
		known := r.text()
		if r.err != nil {
			return r.err
		}
		each(state{bridge.StageStatus(status), operations[op], known}, len(r.rest))
	}
	return nil
}

// forget takes a block away.
func (s *stage) forget(ctx context.Context, db asked, b *states) error {
	s.recent.drop(b.last)
	for _, query := range []string{`DELETE FROM blocks WHERE last = ?`, `DELETE FROM states WHERE last = ?`} {
		if _, err := db.ExecContext(ctx, query, b.last); err != nil {
			return err
		}
	}
	if !s.replaced {
		return nil
	}
	_, err := db.ExecContext(ctx, `DELETE FROM replaced WHERE seq BETWEEN ? AND ?`, b.first(), b.last)
	return err
}

// forgetFinished takes all blocks away of which nobody needs anything any more.
func (s *stage) forgetFinished(ctx context.Context, db asked) error {
	s.recent = recent{}
	const finished = ` WHERE last IN (SELECT last FROM states WHERE statuses & ? = 0)`
	for _, query := range []string{`DELETE FROM blocks` + finished, `DELETE FROM states` + finished} {
		if _, err := db.ExecContext(ctx, query, ^finishedOnes); err != nil {
			return err
		}
	}
	return nil
}
