package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

const dropColumns = `id, feed, remote, folder, name, path, size, mtime, sha256, state, reason, spool, date, seq,
	previous, same, finish, decided_by, seen_at, steady_at, listed_at, ready_at, claimed_at, fetched_at, settled_at, decided_at`

func scanDrop(row interface{ Scan(...any) error }) (*bridge.Drop, error) {
	d := &bridge.Drop{}
	err := row.Scan(&d.ID, &d.Feed, &d.Remote, &d.Folder, &d.Name, &d.Path, &d.Size, stamp{&d.MTime}, &d.SHA256, &d.State,
		&d.Reason, &d.Spool, &d.Date, &d.Seq, &d.Previous, &d.Same, &d.Finish, &d.DecidedBy, stamp{&d.SeenAt}, stamp{&d.SteadyAt},
		stamp{&d.ListedAt}, stamp{&d.ReadyAt}, stamp{&d.ClaimedAt}, stamp{&d.FetchedAt}, stamp{&d.SettledAt}, stamp{&d.DecidedAt})
	return d, err
}

type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}

func queryDrops(ctx context.Context, q querier, tail string, args ...any) ([]*bridge.Drop, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+dropColumns+` FROM drops`+tail, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var drops []*bridge.Drop
	for rows.Next() {
		d, err := scanDrop(rows)
		if err != nil {
			return nil, err
		}
		drops = append(drops, d)
	}
	return drops, rows.Err()
}

// Listed implements bridge.Ledger. Which drops of the folder are still open is read once, so that a poll costs one
// query and one write per file that is new or has changed.
func (l *Ledger) Listed(ctx context.Context, f *bridge.FeedConfig, files []bridge.File, at time.Time, keep bool) ([]*bridge.Drop, error) {
	var waiting []*bridge.Drop
	err := l.tx(ctx, "record listing of "+f.Name, func(tx *sql.Tx) error {
		open, err := queryDrops(ctx, tx, ` WHERE feed = ? AND remote = ? AND folder = ? AND state IN ('seen', 'ready')`, f.Name, f.Remote, f.Folder)
		if err != nil {
			return err
		}
		known := make(map[string]*bridge.Drop, len(open))
		for _, d := range open {
			known[d.Name] = d
		}
		for _, file := range files {
			d, err := listed(ctx, tx, f, file, known[file.Name], at, keep)
			if err != nil {
				return err
			}
			delete(known, file.Name)
			if d != nil {
				waiting = append(waiting, d)
			}
		}
		return vanish(ctx, tx, known, at)
	})
	return waiting, err
}

// listed brings one file of a listing into the ledger and returns its open drop, or nil when it is known for good.
func listed(ctx context.Context, tx *sql.Tx, f *bridge.FeedConfig, file bridge.File, d *bridge.Drop, at time.Time, keep bool) (*bridge.Drop, error) {
	if d != nil && d.Size == file.Size && d.MTime.Equal(file.MTime.Truncate(time.Millisecond)) {
		d.ListedAt = at
		_, err := tx.ExecContext(ctx, `UPDATE drops SET listed_at = ? WHERE id = ?`, millis(at), d.ID)
		return d, err
	}
	if d != nil {
		d.Size, d.MTime, d.State, d.SteadyAt, d.ListedAt = file.Size, file.MTime.UTC(), bridge.Seen, at, at
		return d, saveDrop(ctx, tx, d)
	}
	if keep {
		var n int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM drops WHERE feed = ? AND remote = ? AND folder = ? AND name = ? AND size = ? AND mtime = ?`,
			f.Name, f.Remote, f.Folder, file.Name, file.Size, millis(file.MTime)).Scan(&n)
		if err != nil || n > 0 {
			return nil, err
		}
	}
	d = &bridge.Drop{Feed: f.Name, Remote: f.Remote, Folder: f.Folder, Name: file.Name, Path: path.Join(f.Folder, file.Name), Size: file.Size,
		MTime: file.MTime.UTC(), State: bridge.Seen, SeenAt: at, SteadyAt: at, ListedAt: at}
	d.Date, d.Seq, _ = f.Match.Match(file.Name)
	return d, insertDrop(ctx, tx, d)
}

// vanish ends the drops whose files were taken back before they were claimed.
func vanish(ctx context.Context, tx *sql.Tx, gone map[string]*bridge.Drop, at time.Time) error {
	for _, d := range gone {
		// A file that is being claimed may be gone from the folder because it was moved: the claim finds out.
		if d.State != bridge.Seen {
			continue
		}
		d.State, d.Reason, d.SettledAt = bridge.Vanished, "the file left the folder before it was whole", at
		if err := saveDrop(ctx, tx, d); err != nil {
			return err
		}
	}
	return nil
}

func insertDrop(ctx context.Context, tx *sql.Tx, d *bridge.Drop) error {
	err := tx.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM drops WHERE feed = ? AND name = ?`, d.Feed, d.Name).Scan(&d.Previous)
	if err != nil {
		return err
	}
	r, err := tx.ExecContext(ctx, `INSERT INTO drops (feed, remote, folder, name, path, size, mtime, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		d.Feed, d.Remote, d.Folder, d.Name, d.Path, d.Size, millis(d.MTime), d.State)
	if err != nil {
		return err
	}
	if d.ID, err = r.LastInsertId(); err != nil {
		return err
	}
	return saveDrop(ctx, tx, d)
}

func saveDrop(ctx context.Context, tx *sql.Tx, d *bridge.Drop) error {
	_, err := tx.ExecContext(ctx, `UPDATE drops SET path = ?, size = ?, mtime = ?, sha256 = ?, state = ?, reason = ?, spool = ?, date = ?, seq = ?,
		previous = ?, same = ?, finish = ?, decided_by = ?, seen_at = ?, steady_at = ?, listed_at = ?, ready_at = ?, claimed_at = ?,
		fetched_at = ?, settled_at = ?, decided_at = ? WHERE id = ?`,
		d.Path, d.Size, millis(d.MTime), d.SHA256, d.State, d.Reason, d.Spool, d.Date, d.Seq, d.Previous, d.Same, d.Finish, d.DecidedBy,
		millis(d.SeenAt), millis(d.SteadyAt), millis(d.ListedAt), millis(d.ReadyAt), millis(d.ClaimedAt), millis(d.FetchedAt),
		millis(d.SettledAt), millis(d.DecidedAt), d.ID)
	return err
}

// AddDrop implements bridge.Ledger.
func (l *Ledger) AddDrop(ctx context.Context, d *bridge.Drop) error {
	return l.tx(ctx, "add drop "+d.Name, func(tx *sql.Tx) error { return insertDrop(ctx, tx, d) })
}

// Advance implements bridge.Ledger.
func (l *Ledger) Advance(ctx context.Context, d *bridge.Drop, from bridge.DropState) error {
	return l.tx(ctx, fmt.Sprintf("advance drop %d", d.ID), func(tx *sql.Tx) error {
		if err := stillIn(ctx, tx, d.ID, from); err != nil {
			return err
		}
		return saveDrop(ctx, tx, d)
	})
}

func stillIn(ctx context.Context, tx *sql.Tx, drop int64, from bridge.DropState) error {
	var state bridge.DropState
	if err := tx.QueryRowContext(ctx, `SELECT state FROM drops WHERE id = ?`, drop).Scan(&state); err != nil {
		return err
	}
	if state != from {
		return fmt.Errorf("drop %d is %s, not %s: %w", drop, state, from, bridge.ErrMoved)
	}
	return nil
}

// Drop implements bridge.Ledger. An unknown id is an error wrapping bridge.ErrUnknown.
func (l *Ledger) Drop(ctx context.Context, id int64) (*bridge.Drop, error) {
	d, err := scanDrop(l.read.QueryRowContext(ctx, `SELECT `+dropColumns+` FROM drops WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("drop %d: %w", id, bridge.ErrUnknown)
	}
	if err != nil {
		return nil, fmt.Errorf("read drop %d: %w", id, err)
	}
	return d, nil
}

// Drops implements bridge.Ledger.
func (l *Ledger) Drops(ctx context.Context, f bridge.DropFilter) ([]*bridge.Drop, error) {
	var w where
	if f.Feed != "" {
		w.add("feed = ?", f.Feed)
	}
	if len(f.States) > 0 {
		c, args := in("state", f.States)
		w.add(c, args...)
	}
	if !f.From.IsZero() {
		w.add("seen_at >= ?", millis(f.From))
	}
	if !f.To.IsZero() {
		w.add("seen_at < ?", millis(f.To))
	}
	if f.Owed {
		w.add("finish <> ''")
	}
	tail := w.String() + " ORDER BY id"
	if f.Last > 0 {
		tail = w.String() + fmt.Sprintf(" ORDER BY id DESC LIMIT %d", f.Last)
	}
	drops, err := queryDrops(ctx, l.read, tail, w.args...)
	if err != nil {
		return nil, fmt.Errorf("list drops: %w", err)
	}
	if f.Last > 0 {
		slices.Reverse(drops)
	}
	return drops, nil
}

// SameContent implements bridge.Ledger.
func (l *Ledger) SameContent(ctx context.Context, d *bridge.Drop) (int64, error) {
	var id int64
	err := l.read.QueryRowContext(ctx, `
		SELECT coalesce(max(id), 0) FROM drops AS e
		WHERE feed = ?1 AND sha256 = ?2 AND id <> ?3 AND state IN ('loaded', 'partial', 'loading', 'held')
		AND NOT EXISTS (SELECT 1 FROM drops AS x WHERE x.feed = ?1 AND x.id > e.id AND x.id <> ?3 AND x.sha256 <> ?2
			AND x.mtime <= ?4 AND x.state IN ('loaded', 'partial', 'loading'))`,
		d.Feed, d.SHA256, d.ID, millis(d.MTime)).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("find content of drop %d: %w", d.ID, err)
	}
	return id, nil
}
