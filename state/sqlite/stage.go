package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state/ledger"
)

// stage is a scratch database beside the ledger. It is never synced: a run that was interrupted makes a new one. Changes are read
// in the order in which they were put, so that an index by status would cost more than it saves.
type stage struct {
	db     *sql.DB
	path   string
	packed packer
}

const stageSchema = `CREATE TABLE changes (
	seq    INTEGER PRIMARY KEY,
	digest BLOB    NOT NULL UNIQUE, -- of the key, which stands in the row
	status INTEGER NOT NULL,
	op     INTEGER NOT NULL, -- in operations; a number, so that the change does not grow once it is known
	known  BLOB    NOT NULL, -- what is known of the change, which is found out bit by bit
	row    BLOB    NOT NULL  -- what the file says, which stays
)`

var operations = []bridge.Op{"", bridge.Create, bridge.Update, bridge.Remove}

func operation(op bridge.Op) int { return slices.Index(operations, op) }

// digest stands for a key: no two keys have the same.
func digest(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:16]
}

// NewStage opens an empty stage for the changes of one run in a folder.
func NewStage(ctx context.Context, dir string, e *formats.Entity, run int64) (bridge.Stage, error) {
	path, err := makeStageFile(dir, run)
	if err != nil {
		return nil, err
	}
	db, err := open(path, "_journal_mode=MEMORY&_synchronous=OFF&_txlock=immediate&_cache_size=-4000&_locking_mode=EXCLUSIVE")
	if err != nil {
		return nil, errors.Join(err, remove(path))
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, stageSchema); err != nil {
		return nil, errors.Join(fmt.Errorf("make stage: %w", trouble(err)), db.Close(), remove(path))
	}
	return &stage{db: db, path: path, packed: packer{entity: e, numbers: map[string]uint64{}}}, nil
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

func (s *stage) tx(ctx context.Context, f func(*sql.Tx) error) error {
	if err := inTx(ctx, s.db, f); err != nil {
		return fmt.Errorf("write stage: %w", trouble(err))
	}
	return nil
}

// Put implements bridge.Stage.
func (s *stage) Put(ctx context.Context, changes []*bridge.Staged) (repeats []*bridge.Staged, err error) {
	s.packed.learn(changes)
	err = s.tx(ctx, func(tx *sql.Tx) error {
		st, err := tx.PrepareContext(ctx, `INSERT INTO changes (digest, status, op, known, row) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO NOTHING`)
		if err != nil {
			return err
		}
		defer st.Close()
		whole := context.WithoutCancel(ctx) // as for the ledger's statements
		for _, c := range changes {
			res, err := st.ExecContext(whole, digest(c.Key), int(c.Status), operation(c.Op), s.packed.known(c), s.packed.row(c))
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			if n == 0 {
				repeats = append(repeats, c)
				continue
			}
			if c.Seq, err = res.LastInsertId(); err != nil {
				return err
			}
		}
		return nil
	})
	return repeats, err
}

// Replace implements bridge.Stage.
func (s *stage) Replace(ctx context.Context, c *bridge.Staged) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE changes SET status = ?, op = ?, known = ?, row = ? WHERE digest = ?`,
			int(c.Status), operation(c.Op), s.packed.known(c), s.packed.row(c), digest(c.Key))
		return err
	})
}

// alike are changes of which the same is known.
type alike struct {
	status bridge.StageStatus
	op     bridge.Op
	known  string
}

// Save implements bridge.Stage. Of most changes of a page the same is known, and one statement says so; of one that is finished
// nothing but that matters any more.
func (s *stage) Save(ctx context.Context, changes []*bridge.Staged) error {
	groups := map[alike][]int64{}
	for _, c := range changes {
		g := alike{status: c.Status, op: c.Op}
		if c.Status != bridge.Finished {
			g.known = string(s.packed.known(c))
		}
		groups[g] = append(groups[g], c.Seq)
	}
	return s.tx(ctx, func(tx *sql.Tx) error {
		one, err := tx.PrepareContext(ctx, `UPDATE changes SET status = ?, op = ?, known = ? WHERE seq = ?`)
		if err != nil {
			return err
		}
		defer one.Close()
		for g, seqs := range groups {
			if len(seqs) == 1 {
				_, err = one.ExecContext(ctx, int(g.status), operation(g.op), []byte(g.known), seqs[0])
			} else {
				_, err = tx.ExecContext(ctx, `UPDATE changes SET status = ?, op = ?, known = ? WHERE seq IN (SELECT value FROM json_each(?))`,
					int(g.status), operation(g.op), []byte(g.known), ledger.Numbers(seqs))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

const stagedColumns = `seq, status, op, known, row`

func (s *stage) scan(row interface{ Scan(...any) error }) (*bridge.Staged, error) {
	c := &bridge.Staged{Change: bridge.Change{Record: &formats.Record{}}}
	var known, text sql.RawBytes
	var op int
	if err := row.Scan(&c.Seq, &c.Status, &op, &known, &text); err != nil {
		return nil, err
	}
	c.Op = operations[op]
	return c, s.packed.unpack(c, text, known)
}

// Get implements bridge.Stage.
func (s *stage) Get(ctx context.Context, key string) (c *bridge.Staged, err error) {
	const query = `SELECT ` + stagedColumns + ` FROM changes WHERE digest = ?`
	err = ledger.Walk(ctx, s.db, query, []any{digest(key)}, func(rows *sql.Rows) (err error) {
		c, err = s.scan(rows)
		return err
	})
	return c, wrap("read stage", err)
}

// Drop implements bridge.Stage.
func (s *stage) Drop(ctx context.Context, key string) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM changes WHERE digest = ?`, digest(key))
		return err
	})
}

// Next implements bridge.Stage.
func (s *stage) Next(ctx context.Context, status bridge.StageStatus, after int64, n int) ([]*bridge.Staged, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+stagedColumns+` FROM changes WHERE status = ? AND seq > ? ORDER BY seq LIMIT ?`,
		int(status), after, n)
	if err != nil {
		return nil, fmt.Errorf("read stage: %w", err)
	}
	defer rows.Close()
	var changes []*bridge.Staged
	for rows.Next() {
		c, err := s.scan(rows)
		if err != nil {
			return nil, fmt.Errorf("read stage: %w", err)
		}
		changes = append(changes, c)
	}
	return changes, rows.Err()
}

// Count implements bridge.Stage.
func (s *stage) Count(ctx context.Context) (map[bridge.StageStatus]map[bridge.Op]int64, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT status, op, count(*) FROM changes GROUP BY status, op`)
	if err != nil {
		return nil, fmt.Errorf("count stage: %w", err)
	}
	defer rows.Close()
	counts := map[bridge.StageStatus]map[bridge.Op]int64{}
	for rows.Next() {
		var status bridge.StageStatus
		var op int
		var n int64
		if err := rows.Scan(&status, &op, &n); err != nil {
			return nil, err
		}
		if counts[status] == nil {
			counts[status] = map[bridge.Op]int64{}
		}
		counts[status][operations[op]] = n
	}
	return counts, rows.Err()
}
