package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/klauspost/compress/s2"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// stage is a scratch database beside the ledger. It is never synced: a run that was interrupted makes a new one.
type stage struct {
	db     *sql.DB
	path   string
	entity *formats.Entity
	dict   *s2.Dict // of the first changes: most of a change's text, names of columns and all, stands in any other
	filled bool
}

const stageSchema = `CREATE TABLE changes (
	seq     INTEGER PRIMARY KEY AUTOINCREMENT,
	key     TEXT NOT NULL UNIQUE,
	line    INTEGER NOT NULL,
	off     INTEGER NOT NULL,
	segment TEXT NOT NULL,
	doc     TEXT NOT NULL,
	part    TEXT NOT NULL,
	op      TEXT NOT NULL,
	oro_id  TEXT NOT NULL,
	link    INTEGER NOT NULL,
	status  INTEGER NOT NULL,
	cap     INTEGER NOT NULL,
	remove  INTEGER NOT NULL,
	implied INTEGER NOT NULL,
	again   INTEGER NOT NULL,
	verify  INTEGER NOT NULL,
	tries   INTEGER NOT NULL,
	missing_entity TEXT NOT NULL,
	missing_key    TEXT NOT NULL,
	texts   BLOB NOT NULL, -- record, values to send, old values and row: they repeat one another, and are packed together
	parked  INTEGER NOT NULL
);
CREATE INDEX changes_status ON changes (status, seq)`

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
	return &stage{db: db, path: path, entity: e}, nil
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
	if !s.filled {
		if err := s.learn(changes); err != nil {
			return nil, err
		}
		s.filled = len(changes) > 0
	}
	err = s.tx(ctx, func(tx *sql.Tx) error {
		st, err := tx.PrepareContext(ctx, `INSERT INTO changes (line, off, segment, doc, part, op, oro_id, link, status,
			cap, remove, implied, again, verify, tries, missing_entity, missing_key, texts, parked, key)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (key) DO NOTHING RETURNING seq`)
		if err != nil {
			return err
		}
		defer st.Close()
		for _, c := range changes {
			args, err := s.args(c)
			if err != nil {
				return err
			}
			err = st.QueryRowContext(ctx, args...).Scan(&c.Seq)
			if errors.Is(err, sql.ErrNoRows) {
				repeats, err = append(repeats, c), nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return repeats, err
}

// Save implements bridge.Stage.
func (s *stage) Save(ctx context.Context, changes []*bridge.Staged) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		st, err := tx.PrepareContext(ctx, `UPDATE changes SET line = ?, off = ?, segment = ?, doc = ?, part = ?, op = ?, oro_id = ?,
			link = ?, status = ?, cap = ?, remove = ?, implied = ?, again = ?, verify = ?, tries = ?, missing_entity = ?, missing_key = ?,
			texts = ?, parked = ? WHERE key = ?`)
		if err != nil {
			return err
		}
		defer st.Close()
		for _, c := range changes {
			args, err := s.args(c)
			if err != nil {
				return err
			}
			if _, err := st.ExecContext(ctx, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// dictionary is how many bytes of the first changes all others are packed by.
const dictionary = 4 << 10

// learn makes the dictionary of the first changes that are staged.
func (s *stage) learn(changes []*bridge.Staged) error {
	var sample []byte
	for _, c := range changes {
		text, err := texts(c)
		if err != nil {
			return err
		}
		if sample = append(sample, text...); len(sample) >= dictionary {
			break
		}
	}
	s.dict = s2.MakeDict(sample[:min(len(sample), dictionary)], nil) // nil of a text that is too short for one
	return nil
}

func (s *stage) args(c *bridge.Staged) ([]any, error) {
	packed, err := s.pack(c)
	if err != nil {
		return nil, err
	}
	var missing bridge.Missing
	if c.Missing != nil {
		missing = *c.Missing
	}
	p := c.Record.Pos
	return []any{p.Line, p.Offset, p.Segment, p.Doc, p.Part, string(c.Op), c.OroID, c.Link, int(c.Status), c.Cap, c.Remove, c.Implied,
		c.Again, c.Verify, c.Tries, missing.Entity, missing.Key, packed, millis(c.Parked), c.Key}, nil
}

const stagedColumns = `seq, line, off, segment, doc, part, op, oro_id, link, status, cap, remove, implied, again, verify,
	tries, missing_entity, missing_key, texts, parked, key`

func (s *stage) scan(row interface{ Scan(...any) error }) (*bridge.Staged, error) {
	c := &bridge.Staged{Change: bridge.Change{Record: &formats.Record{Entity: s.entity}}}
	p := &c.Record.Pos
	var missing bridge.Missing
	var packed []byte
	err := row.Scan(&c.Seq, &p.Line, &p.Offset, &p.Segment, &p.Doc, &p.Part, &c.Op, &c.OroID, &c.Link, &c.Status, &c.Cap, &c.Remove,
		&c.Implied, &c.Again, &c.Verify, &c.Tries, &missing.Entity, &missing.Key, &packed, stamp{&c.Parked}, &c.Key)
	if err != nil {
		return nil, err
	}
	if missing.Entity != "" {
		c.Missing = &missing
	}
	c.Line, c.Record.Key, c.Record.Remove = p.Line, c.Key, c.Remove
	return c, s.unpack(packed, c)
}

// texts are those of a change: one JSON value a line, which a JSON value itself never breaks.
func texts(c *bridge.Staged) ([]byte, error) {
	raw, err := json.Marshal(c.Raw)
	if err != nil {
		return nil, err
	}
	text := make([]byte, 0, 2*len(raw)+512)
	for _, values := range [][]formats.Value{c.Record.Values, c.Values, c.Old} {
		text = append(formats.AppendContent(text, values), '\n')
	}
	return append(text, raw...), nil
}

func (s *stage) pack(c *bridge.Staged) ([]byte, error) {
	text, err := texts(c)
	if err != nil {
		return nil, err
	}
	if s.dict == nil {
		return s2.EncodeBetter(nil, text), nil
	}
	return s.dict.Encode(nil, text), nil
}

func (s *stage) unpack(packed []byte, c *bridge.Staged) (err error) {
	var text []byte
	if s.dict == nil {
		text, err = s2.Decode(nil, packed)
	} else {
		text, err = s.dict.Decode(nil, packed)
	}
	if err != nil {
		return err
	}
	for _, values := range []*[]formats.Value{&c.Record.Values, &c.Values, &c.Old} {
		line, rest, ok := bytes.Cut(text, []byte{'\n'})
		if !ok {
			return errors.New("a change was cut off")
		}
		if *values, err = formats.ParseContent(string(line)); err != nil {
			return err
		}
		text = rest
	}
	return json.Unmarshal(text, &c.Raw)
}

// Get implements bridge.Stage.
func (s *stage) Get(ctx context.Context, key string) (*bridge.Staged, error) {
	c, err := s.scan(s.db.QueryRowContext(ctx, `SELECT `+stagedColumns+` FROM changes WHERE key = ?`, key))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read stage: %w", err)
	}
	return c, nil
}

// Drop implements bridge.Stage.
func (s *stage) Drop(ctx context.Context, key string) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM changes WHERE key = ?`, key)
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
		var op bridge.Op
		var n int64
		if err := rows.Scan(&status, &op, &n); err != nil {
			return nil, err
		}
		if counts[status] == nil {
			counts[status] = map[bridge.Op]int64{}
		}
		counts[status][op] = n
	}
	return counts, rows.Err()
}
