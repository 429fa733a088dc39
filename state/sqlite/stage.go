package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state/ledger"
)

// stage is a scratch database beside the ledger. It is never synced: a run that was interrupted makes a new one. Changes stand in
// blocks, in the order in which they are put and read: what the file says of them, compressed together, and what is known of them, which
// is found out bit by bit. Once all of a block have their fates it goes, and its room is given back: the ledger grows meanwhile.
type stage struct {
	db       *sql.DB
	path     string
	packed   packer
	digest   func(key string) int64
	last     int64  // sequence number that was given last
	highest  string // key that was put last, while they come in order: what is behind it is new
	indexed  bool   // they do not: keys has all of them
	replaced bool   // some rows stand in replaced
	planned  bool
	read     block  // that was read last
	recent   recent // states that were looked at
}

const stageSchema = `
CREATE TABLE blocks ( -- what the file says, which stays
	last INTEGER PRIMARY KEY, -- sequence number of its last change
	rows BLOB NOT NULL
);
CREATE TABLE replaced ( -- rows that stand in the place of others
	seq INTEGER PRIMARY KEY,
	row BLOB NOT NULL
);
CREATE TABLE states ( -- of a block's changes
	last     INTEGER PRIMARY KEY,
	statuses INTEGER NOT NULL, -- which some of them have, a bit for each
	known    BLOB    NOT NULL
);
CREATE TABLE keys ( -- as long as more are put; most files have theirs in order, and need none
	digest INTEGER PRIMARY KEY, -- of the key, which stands in the row; the next one that is free, if that is another key's
	seq    INTEGER NOT NULL
)`

// NewStage opens an empty stage for the changes of one run in a folder.
func NewStage(ctx context.Context, dir string, e *formats.Entity, run int64) (bridge.Stage, error) {
	path, err := makeStageFile(dir, run)
	if err != nil {
		return nil, err
	}
	db, err := open(path, "_auto_vacuum=incremental&_journal_mode=MEMORY&_synchronous=OFF&_txlock=immediate&_cache_size=-1000&"+
		"_locking_mode=EXCLUSIVE&_stmt_cache_size=32")
	if err != nil {
		return nil, errors.Join(err, remove(path))
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, stageSchema); err != nil {
		return nil, errors.Join(fmt.Errorf("make stage: %w", trouble(err)), db.Close(), remove(path))
	}
	seed := maphash.MakeSeed()
	return &stage{db: db, path: path, packed: packer{entity: e, numbers: map[string]uint64{}},
		digest: func(key string) int64 { return int64(maphash.String(seed, key)) }}, nil
}

// StagePrefix begins the names of stages. One that a killed process has left behind is worth nothing.
const StagePrefix = "orobridge-stage-"

// makeStageFile makes a file that nobody has made before and nobody else may read: the folder may be everybody's.
func makeStageFile(dir string, run int64) (string, error) {
	f, err := os.CreateTemp(dir, fmt.Sprintf("%s%d-*.db", StagePrefix, run))
	if err != nil {
		return "", fmt.Errorf("make stage: %w", err)
	}
	if err := errors.Join(f.Chmod(0o600), f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("make stage: %w", err), remove(f.Name()))
	}
	return f.Name(), nil
}

func remove(path string) error {
	for _, p := range []string{path, path + "-journal"} {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove old stage: %w", err)
		}
	}
	return nil
}

// Close implements bridge.Stage.
func (s *stage) Close() error { return errors.Join(s.db.Close(), remove(s.path)) }

// writing does something with the stage in one transaction.
func (s *stage) writing(ctx context.Context, f func(*sql.Tx) error) error {
	err := inTx(ctx, s.db, f)
	if err != nil {
		s.read, s.recent = block{}, recent{} // they may be of what was not written
	}
	return wrap("write stage", trouble(err))
}

// Put implements bridge.Stage.
func (s *stage) Put(ctx context.Context, changes []*bridge.Staged) (repeats []*bridge.Staged, err error) {
	s.packed.learn(changes)
	if !s.rises(changes) {
		if err := s.index(ctx); err != nil {
			return nil, err
		}
	}
	put := changes
	err = s.writing(ctx, func(tx *sql.Tx) error {
		if s.indexed {
			if put, repeats, err = s.enter(ctx, tx, changes, s.last+1); err != nil {
				return err
			}
		}
		return s.writeBlocks(ctx, tx, put)
	})
	if err != nil {
		return nil, err
	}
	if len(put) > 0 {
		s.highest = max(s.highest, put[len(put)-1].Key)
	}
	for i, c := range put {
		c.Seq = s.last + int64(i) + 1
	}
	s.last += int64(len(put))
	return repeats, nil
}

// rises says that the keys of changes are behind all that were put, and each behind the one before.
func (s *stage) rises(changes []*bridge.Staged) bool {
	highest := s.highest
	for _, c := range changes {
		if c.Key <= highest {
			return false
		}
		highest = c.Key
	}
	return true
}

// index enters the keys that were put in order, unless that is done.
func (s *stage) index(ctx context.Context) error {
	if s.indexed {
		return nil
	}
	if _, err := s.db.ExecContext(ctx, `PRAGMA cache_size = -4000`); err != nil { // each key is on another page
		return wrap("write stage", trouble(err))
	}
	err := s.writing(ctx, func(tx *sql.Tx) error {
		for seq := int64(1); seq <= s.last; {
			first, changes := seq, make([]*bridge.Staged, 0, blockRows)
			for ; seq <= s.last && len(changes) < blockRows; seq++ {
				c, err := s.change(ctx, tx, seq, state{status: bridge.Finished})
				if err != nil {
					return err
				}
				changes = append(changes, c)
			}
			if _, _, err := s.enter(ctx, tx, changes, first); err != nil {
				return err
			}
		}
		return nil
	})
	s.indexed = err == nil
	return err
}

// keysAtOnce is how many keys one statement enters: a statement for each would cost more than the keys do.
const keysAtOnce = 25

// enter gives the keys of changes the sequence numbers from the first on; those that have one are repeats.
func (s *stage) enter(ctx context.Context, tx *sql.Tx, changes []*bridge.Staged, first int64) (put, repeats []*bridge.Staged, err error) {
	put = make([]*bridge.Staged, 0, len(changes))
	for some := range slices.Chunk(changes, keysAtOnce) {
		if len(some) == keysAtOnce {
			n, err := s.enterKeys(ctx, tx, some, first+int64(len(put)))
			if err != nil {
				return nil, nil, err
			}
			if n == keysAtOnce {
				put = append(put, some...)
				continue
			}
		}
		for _, c := range some {
			seq := first + int64(len(put))
			n, err := s.enterKeys(ctx, tx, []*bridge.Staged{c}, seq)
			entered := n == 1
			if err == nil && !entered {
				entered, err = s.enterBeside(ctx, tx, c.Key, seq, put)
			}
			if err != nil {
				return nil, nil, err
			}
			if entered {
				put = append(put, c)
			} else {
				repeats = append(repeats, c)
			}
		}
	}
	return put, repeats, nil
}

// enterKeys enters the keys of changes whose digests are free, all of them or none, and says how many these were.
func (s *stage) enterKeys(ctx context.Context, tx *sql.Tx, changes []*bridge.Staged, first int64) (int64, error) {
	ctx = context.WithoutCancel(ctx) // as for the ledger's statements
	args := make([]any, 0, 2*len(changes))
	for i, c := range changes {
		args = append(args, s.digest(c.Key), first+int64(i))
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO keys VALUES `+ledger.RowsOf(len(changes), `(?, ?)`)+` ON CONFLICT DO NOTHING`, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	if err != nil || n == int64(len(changes)) {
		return n, err
	}
	for i := 0; n > 0 && i < len(args); i += 2 {
		if _, err := tx.ExecContext(ctx, `DELETE FROM keys WHERE digest = ? AND seq >= ?`, args[i], first); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// enterBeside enters a key whose digest is there, unless the key is. Some changes are being put just now.
func (s *stage) enterBeside(ctx context.Context, tx *sql.Tx, key string, seq int64, put []*bridge.Staged) (entered bool, err error) {
	digest, found, err := s.find(ctx, tx, key, put)
	if err != nil || found > s.last {
		return false, err
	}
	if found != 0 {
		of, err := s.stateAt(ctx, tx, found)
		if err != nil || of.status != gone {
			return false, err
		}
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO keys VALUES (?1, ?2) ON CONFLICT DO UPDATE SET seq = ?2`, digest, seq)
	return true, err
}

// find tells the sequence number of a key, 0 for none, and the digest under which it stands or may be entered.
func (s *stage) find(ctx context.Context, db asked, key string, put []*bridge.Staged) (digest, seq int64, err error) {
	for digest = s.digest(key); ; digest++ {
		err := db.QueryRowContext(ctx, `SELECT seq FROM keys WHERE digest = ?`, digest).Scan(&seq)
		if errors.Is(err, sql.ErrNoRows) {
			return digest, 0, nil
		}
		if err != nil {
			return 0, 0, err
		}
		if i := seq - s.last - 1; i >= 0 {
			if put[i].Key == key {
				return digest, seq, nil
			}
			continue
		}
		c, err := s.change(ctx, db, seq, state{status: bridge.Finished})
		if err != nil || c.Key == key {
			return digest, seq, err
		}
	}
}

// Get implements bridge.Stage.
func (s *stage) Get(ctx context.Context, key string) (*bridge.Staged, error) {
	if !s.indexed && key > s.highest {
		return nil, nil
	}
	if err := s.index(ctx); err != nil {
		return nil, err
	}
	_, seq, err := s.find(ctx, s.db, key, nil)
	if err != nil || seq == 0 {
		return nil, wrap("read stage", err)
	}
	of, err := s.stateAt(ctx, s.db, seq)
	if err != nil || of.status == gone {
		return nil, wrap("read stage", err)
	}
	c, err := s.change(ctx, s.db, seq, of)
	return c, wrap("read stage", err)
}

// Save implements bridge.Stage.
func (s *stage) Save(ctx context.Context, changes []*bridge.Staged) error {
	changes = slices.DeleteFunc(slices.Clone(changes), func(c *bridge.Staged) bool { return c.Seq < 1 || c.Seq > s.last })
	slices.SortFunc(changes, func(a, b *bridge.Staged) int { return cmp.Compare(a.Seq, b.Seq) })
	done := false
	err := s.writing(ctx, func(tx *sql.Tx) error {
		for len(changes) > 0 {
			b, err := s.states(ctx, tx, changes[0].Seq)
			if err != nil {
				return err
			}
			if b == nil {
				changes = changes[1:]
				continue
			}
			for len(changes) > 0 && changes[0].Seq <= b.last {
				if of := b.of(changes[0].Seq); of.status != gone {
					*of = s.stateOf(changes[0])
				}
				changes = changes[1:]
			}
			finished, err := s.writeStates(ctx, tx, b)
			if done = done || finished; err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && done {
		err = s.giveBack(ctx)
	}
	return err
}

// stateOf is what is known of a change: of one that is finished nothing but that matters any more.
func (s *stage) stateOf(c *bridge.Staged) state {
	of := state{status: c.Status, op: c.Op}
	if c.Status != bridge.Finished {
		of.known = s.packed.known(c)
	}
	return of
}

// Replace implements bridge.Stage.
func (s *stage) Replace(ctx context.Context, c *bridge.Staged) error {
	return s.rewrite(ctx, c.Key, func(tx *sql.Tx, seq int64, of *state) error {
		*of = s.stateOf(c)
		s.replaced, s.read = true, block{}
		_, err := tx.ExecContext(ctx, `INSERT INTO replaced VALUES (?1, ?2) ON CONFLICT DO UPDATE SET row = ?2`,
			seq, s.packed.compress(s.packed.row(c)))
		return err
	})
}

// Drop implements bridge.Stage.
func (s *stage) Drop(ctx context.Context, key string) error {
	return s.rewrite(ctx, key, func(_ *sql.Tx, _ int64, of *state) error {
		*of = state{status: gone}
		return nil
	})
}

// rewrite changes what is known of a key's change, if there is one.
func (s *stage) rewrite(ctx context.Context, key string, change func(tx *sql.Tx, seq int64, of *state) error) error {
	if err := s.index(ctx); err != nil {
		return err
	}
	return s.writing(ctx, func(tx *sql.Tx) error {
		_, seq, err := s.find(ctx, tx, key, nil)
		if err != nil || seq == 0 {
			return err
		}
		b, err := s.states(ctx, tx, seq)
		if err != nil || b == nil || b.of(seq).status == gone {
			return err
		}
		if err := change(tx, seq, b.of(seq)); err != nil {
			return err
		}
		_, err = s.writeStates(ctx, tx, b)
		return err
	})
}

// Planned implements bridge.Stage.
func (s *stage) Planned(ctx context.Context) error {
	s.planned = true
	err := s.writing(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DROP TABLE keys`); err != nil {
			return err
		}
		return s.forgetFinished(ctx, tx)
	})
	if err == nil {
		err = s.giveBack(ctx)
	}
	return err
}

// pageBytes bounds what [stage.Next] hands out at once: rows may have very many cells.
const pageBytes = 4 << 20

// Next implements bridge.Stage.
func (s *stage) Next(ctx context.Context, status bridge.StageStatus, after int64, n int) (changes []*bridge.Staged, err error) {
	size := 0
	for seq := after + 1; len(changes) < n && size < pageBytes; {
		b, err := s.next(ctx, seq, status)
		if err != nil || b == nil {
			return changes, wrap("read stage", err)
		}
		for seq = max(seq, b.first()); seq <= b.last && len(changes) < n && size < pageBytes; seq++ {
			of := b.of(seq)
			if of.status != status {
				continue
			}
			c, err := s.change(ctx, s.db, seq, *of)
			if err != nil {
				return nil, wrap("read stage", err)
			}
			changes = append(changes, c)
			size += sizeOf(c)
		}
	}
	return changes, nil
}

// sizeOf is about how many bytes of memory a change takes.
func sizeOf(c *bridge.Staged) (size int) {
	const strings = 32 // two of them, without their bytes
	for _, values := range [][]formats.Value{c.Raw, c.Record.Values} {
		size += strings * len(values)
		for _, v := range values {
			size += len(v.Text)
		}
	}
	return size
}

// Count implements bridge.Stage.
func (s *stage) Count(ctx context.Context) (map[bridge.StageStatus]map[bridge.Op]int64, error) {
	counts := map[bridge.StageStatus]map[bridge.Op]int64{}
	err := ledger.Walk(ctx, s.db, `SELECT last, known FROM states`, nil, func(rows *sql.Rows) error {
		return eachState(rows, new(int64), func(of state, _ int) {
			if of.status == gone {
				return
			}
			if counts[of.status] == nil {
				counts[of.status] = map[bridge.Op]int64{}
			}
			counts[of.status][of.op]++
		})
	})
	return counts, wrap("count stage", err)
}

// giveBack returns the room of what went to the disk.
func (s *stage) giveBack(ctx context.Context) error {
	err := ledger.Walk(ctx, s.db, `PRAGMA incremental_vacuum`, nil, func(*sql.Rows) error { return nil })
	return wrap("write stage", trouble(err))
}
