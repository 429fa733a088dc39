package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

const dropColumns = `id, feed, remote, folder, name, path, size, mtime, sha256, state, reason, spool, date, seq, gap, corrects,
	lists, listed_by, listed_rows, listed_sha256, previous, same, finish, decided_by, seen_at, steady_at, listed_at, ready_at, claimed_at, fetched_at, settled_at, decided_at`

func scanDrop(row interface{ Scan(...any) error }) (*bridge.Drop, error) {
	d := &bridge.Drop{}
	err := row.Scan(&d.ID, &d.Feed, &d.Remote, &d.Folder, &d.Name, &d.Path, &d.Size, stamp{&d.MTime}, &d.SHA256, &d.State,
		&d.Reason, &d.Spool, &d.Date, &d.Seq, &d.Gap, &d.Correction, &d.Manifest, &d.ListedBy, &d.ListedRows, &d.ListedSHA256, &d.Previous, &d.Same, &d.Finish, &d.DecidedBy, stamp{&d.SeenAt}, stamp{&d.SteadyAt},
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
// query for each file that has no open drop, and one write for each that is new or has changed.
func (l *Ledger) Listed(ctx context.Context, f *config.Feed, in bridge.Listing) ([]*bridge.Drop, error) {
	var waiting []*bridge.Drop
	err := l.tx(ctx, "record listing of "+f.Name, func(tx *sql.Tx) error {
		waiting = nil
		open, err := queryDrops(ctx, tx, ` WHERE feed = ? AND remote = ? AND folder = ? AND state IN ('seen', 'ready')`, f.Name, f.Remote, f.Folder)
		if err != nil {
			return err
		}
		known := make(map[string]*bridge.Drop, len(open))
		for _, d := range open {
			known[d.Name] = d
		}
		n := &sighting{tx: tx, feed: f, in: &in}
		for _, file := range in.Files {
			d, err := n.file(ctx, file, known[file.Name])
			if err != nil {
				return err
			}
			delete(known, file.Name)
			if d != nil {
				waiting = append(waiting, d)
			}
		}
		for _, r := range in.Refused {
			if err := n.refuse(ctx, r); err != nil {
				return err
			}
		}
		return errors.Join(n.same(ctx), vanish(ctx, tx, known, in.At))
	})
	return waiting, err
}

// sighting is the work on one listing.
type sighting struct {
	tx        *sql.Tx
	feed      *config.Feed
	in        *bridge.Listing
	unchanged []int64
}

// file brings one file of the listing into the ledger and returns its open drop, or nil when it is known for good: one
// that was claimed on a remote where nothing is moved, or one that was settled where it stands and is not moved yet.
func (s *sighting) file(ctx context.Context, file bridge.File, d *bridge.Drop) (*bridge.Drop, error) {
	f, at := s.feed, s.in.At
	if d != nil && d.Size == file.Size && d.MTime.Equal(file.MTime.Truncate(time.Millisecond)) {
		d.ListedAt = at
		s.unchanged = append(s.unchanged, d.ID)
		return d, nil
	}
	if d != nil {
		d.Size, d.MTime, d.State, d.Reason, d.SteadyAt, d.ListedAt = file.Size, file.MTime.UTC(), bridge.Seen, "", at, at
		d.ListedBy, d.ListedRows, d.ListedSHA256 = 0, -1, ""
		return d, saveDrop(ctx, s.tx, d)
	}
	place := path.Join(f.Folder, file.Name)
	var known bool
	err := s.tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM drops WHERE feed = ? AND remote = ? AND folder = ? AND name = ?
		AND size = ? AND mtime = ? AND state <> 'vanished' AND (? OR path = ?))`,
		f.Name, f.Remote, f.Folder, file.Name, file.Size, millis(file.MTime), s.in.Keep, place).Scan(&known)
	if err != nil || known {
		return nil, err
	}
	d = &bridge.Drop{Feed: f.Name, Remote: f.Remote, Folder: f.Folder, Name: file.Name, Path: place, Size: file.Size,
		MTime: file.MTime.UTC(), State: bridge.Seen, Manifest: f.Ready.Lists(file.Name), ListedRows: -1, SeenAt: at, SteadyAt: at, ListedAt: at}
	d.Date, d.Seq, _ = f.Match.Match(file.Name)
	return d, insertDrop(ctx, s.tx, d)
}

// refuse keeps that a file with a name that can't be used was there. It has no path: nothing is ever done to it.
func (s *sighting) refuse(ctx context.Context, r bridge.Refusal) error {
	f, at := s.feed, s.in.At
	var known bool
	err := s.tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM drops WHERE feed = ? AND remote = ? AND folder = ? AND name = ? AND path = '')`,
		f.Name, f.Remote, f.Folder, r.Name).Scan(&known)
	if err != nil || known {
		return err
	}
	return insertDrop(ctx, s.tx, &bridge.Drop{Feed: f.Name, Remote: f.Remote, Folder: f.Folder, Name: r.Name, Size: r.Size, MTime: r.MTime.UTC(),
		State: bridge.Rejected, Reason: r.Why, ListedRows: -1, SeenAt: at, ListedAt: at, SettledAt: at})
}

// same records for all drops that have not changed that they were listed again.
func (s *sighting) same(ctx context.Context) error {
	if len(s.unchanged) == 0 {
		return nil
	}
	ids, err := json.Marshal(s.unchanged)
	if err != nil {
		return err
	}
	_, err = s.tx.ExecContext(ctx, `UPDATE drops SET listed_at = ? WHERE id IN (SELECT value FROM json_each(?))`, millis(s.in.At), string(ids))
	return err
}

// Watched implements bridge.Ledger.
func (l *Ledger) Watched(ctx context.Context, drops []*bridge.Drop) error {
	return l.tx(ctx, "record what drops wait for", func(tx *sql.Tx) error {
		for _, d := range drops {
			if err := stillIn(ctx, tx, d.ID, bridge.Seen); err != nil {
				return err
			}
			if err := saveDrop(ctx, tx, d); err != nil {
				return err
			}
		}
		return nil
	})
}

// vanish ends the drops whose files were taken back before they were claimed.
func vanish(ctx context.Context, tx *sql.Tx, gone map[string]*bridge.Drop, at time.Time) error {
	for _, d := range gone {
		// A file that is being claimed may be gone from the folder because it was moved: the claim finds out.
		if d.State != bridge.Seen {
			continue
		}
		d.State, d.Reason, d.Path, d.SettledAt = bridge.Vanished, "the file left the folder before it was whole", "", at
		if err := saveDrop(ctx, tx, d); err != nil {
			return err
		}
	}
	return nil
}

func insertDrop(ctx context.Context, tx *sql.Tx, d *bridge.Drop) error {
	err := tx.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM drops WHERE feed = ? AND remote = ? AND folder = ? AND name = ?`,
		d.Feed, d.Remote, d.Folder, d.Name).Scan(&d.Previous)
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
		gap = ?, corrects = ?, lists = ?, listed_by = ?, listed_rows = ?, listed_sha256 = ?, previous = ?, same = ?, finish = ?, decided_by = ?, seen_at = ?, steady_at = ?, listed_at = ?, ready_at = ?, claimed_at = ?,
		fetched_at = ?, settled_at = ?, decided_at = ? WHERE id = ?`,
		d.Path, d.Size, millis(d.MTime), d.SHA256, d.State, d.Reason, d.Spool, d.Date, d.Seq, d.Gap, d.Correction, d.Manifest, d.ListedBy,
		d.ListedRows, d.ListedSHA256, d.Previous, d.Same, d.Finish, d.DecidedBy,
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
	if f.Name != "" {
		w.add("name = ?", f.Name)
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
		WHERE feed = ?1 AND sha256 = ?2 AND id <> ?3 AND lists = 0 AND state IN ('loaded', 'partial', 'loading', 'held')
		AND NOT EXISTS (SELECT 1 FROM drops AS x WHERE x.feed = ?1 AND x.id > e.id AND x.id <> ?3 AND x.sha256 <> ?2 AND x.lists = 0
			AND x.mtime <= ?4 AND x.state IN ('loaded', 'partial', 'loading'))`,
		d.Feed, d.SHA256, d.ID, millis(d.MTime)).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("find content of drop %d: %w", d.ID, err)
	}
	return id, nil
}

// The columns of a feed's own order (bridge.inOrder), as the index drops_order has them.
const (
	orderNumber = `date, length(ltrim(seq, '0')), ltrim(seq, '0')`
	orderLast   = ` ORDER BY date DESC, length(ltrim(seq, '0')) DESC, ltrim(seq, '0') DESC, mtime DESC, name DESC, id DESC LIMIT 1`
)

// Newest implements bridge.Ledger.
func (l *Ledger) Newest(ctx context.Context, feed string) (*bridge.Drop, error) {
	return l.first(ctx, ` WHERE feed = ? AND remote <> ? AND lists = 0 AND corrects = 0 AND state IN ('loaded', 'partial', 'duplicate')`+orderLast,
		feed, bridge.ByHand)
}

// Numbered implements bridge.Ledger.
func (l *Ledger) Numbered(ctx context.Context, d *bridge.Drop) (*bridge.Drop, error) {
	return l.first(ctx, ` WHERE feed = ? AND seq <> '' AND lists = 0 AND state <> 'vanished'
		AND (`+orderNumber+`) < (?2, length(ltrim(?3, '0')), ltrim(?3, '0'))`+orderLast, d.Feed, d.Date, d.Seq)
}

// first reads the first drop of a query; nil if there is none.
func (l *Ledger) first(ctx context.Context, tail string, args ...any) (*bridge.Drop, error) {
	drops, err := queryDrops(ctx, l.read, tail, args...)
	if err != nil {
		return nil, fmt.Errorf("read the order of drops: %w", err)
	}
	if len(drops) == 0 {
		return nil, nil
	}
	return drops[0], nil
}

// Old implements bridge.Ledger.
func (l *Ledger) Old(ctx context.Context, settled time.Time, after int64, n int) ([]*bridge.Drop, error) {
	drops, err := queryDrops(ctx, l.read, ` WHERE id > ? AND settled_at > 0 AND settled_at < ? AND finish = '' AND (path <> '' OR spool <> '')
		AND state IN ('loaded', 'partial', 'rejected', 'duplicate', 'superseded', 'discarded', 'vanished') ORDER BY id LIMIT ?`, after, millis(settled), n)
	if err != nil {
		return nil, fmt.Errorf("list old drops: %w", err)
	}
	return drops, nil
}

// Prune implements bridge.Ledger. A run that has nothing left is not looked at again.
func (l *Ledger) Prune(ctx context.Context, ended time.Time, n int) (more bool, err error) {
	err = l.tx(ctx, "prune details", func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT id FROM runs WHERE pruned = 0 AND ended > 0 AND ended < ? ORDER BY ended LIMIT ?`, millis(ended), n)
		if err != nil {
			return err
		}
		runs, err := ids(rows)
		left := int64(n)
		for _, run := range runs {
			for _, table := range []string{"rejects", "history"} {
				if err == nil && left > 0 {
					left, err = pruneRun(ctx, tx, table, run, left)
				}
			}
			if err != nil || left == 0 {
				break
			}
			_, err = tx.ExecContext(ctx, `UPDATE runs SET pruned = 1 WHERE id = ?`, run)
		}
		more = left == 0 || len(runs) == n
		return err
	})
	return more, err
}

// pruneRun removes up to so many rows of a run, and returns how many more may go.
func pruneRun(ctx context.Context, tx *sql.Tx, table string, run, left int64) (int64, error) {
	r, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE id IN (SELECT id FROM `+table+` WHERE run = ? LIMIT ?)`, run, left)
	if err != nil {
		return left, err
	}
	gone, err := r.RowsAffected()
	return left - gone, err
}

func ids(rows *sql.Rows) ([]int64, error) {
	defer rows.Close()
	var list []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	return list, rows.Err()
}

// RowLines implements bridge.Ledger. What planning refused is among the rejects only, everything else in the history.
func (l *Ledger) RowLines(ctx context.Context, drop int64, each func(bridge.RowLine) error) error {
	rows, err := l.read.QueryContext(ctx, `SELECT h.run, h.line, h.key, h.fate, h.detail FROM runs r JOIN history h ON h.run = r.id WHERE r.drop_id = ?1
		UNION ALL SELECT run, line, key, 'rejected', code || ': ' || message FROM rejects WHERE drop_id = ?1 AND planned = 1
		ORDER BY 1, 2, 3`, drop)
	if err != nil {
		return fmt.Errorf("list rows of drop %d: %w", drop, err)
	}
	defer rows.Close()
	for rows.Next() {
		var x bridge.RowLine
		if err := rows.Scan(&x.Run, &x.Line, &x.Key, &x.Fate, &x.Detail); err != nil {
			return fmt.Errorf("list rows of drop %d: %w", drop, err)
		}
		if err := each(x); err != nil {
			return err
		}
	}
	return rows.Err()
}
