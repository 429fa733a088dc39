package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/orobridge/orobridge/bridge"
)

const dropColumns = `id, feed, remote, folder, name, path, size, mtime, sha256, state, reason, spool, date, seq, place, gap, corrects,
	lists, listed_by, listed_rows, listed_sha256, previous, same, finish, decided_by, seen_at, steady_at, listed_at, ready_at, claimed_at,
	fetched_at, settled_at, decided_at, made, front`

func scanDrop(row interface{ Scan(...any) error }) (*bridge.Drop, error) {
	d := &bridge.Drop{}
	err := row.Scan(&d.ID, &d.Feed, &d.Remote, &d.Folder, &d.Name, &d.Path, &d.Size, stamp{&d.MTime}, &d.SHA256, &d.State,
		&d.Reason, &d.Spool, &d.Date, &d.Seq, &d.Rank, &d.Gap, &d.Correction, &d.Manifest, &d.ListedBy, &d.ListedRows, &d.ListedSHA256,
		&d.Previous, &d.Same, &d.Finish, &d.DecidedBy, stamp{&d.SeenAt}, stamp{&d.SteadyAt}, stamp{&d.ListedAt}, stamp{&d.ReadyAt},
		stamp{&d.ClaimedAt}, stamp{&d.FetchedAt}, stamp{&d.SettledAt}, stamp{&d.DecidedAt}, &d.Made, &d.Front)
	return d, err
}

// queryDrops lists drops by what stands behind FROM drops.
func (l dropStore) queryDrops(ctx context.Context, tail string, args ...any) ([]*bridge.Drop, error) {
	rows, err := l.read.QueryContext(ctx, `SELECT `+dropColumns+` FROM drops`+tail, args...)
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

// Drop reads one drop. An unknown id is an error wrapping bridge.ErrUnknown.
func (l dropStore) Drop(ctx context.Context, id int64) (*bridge.Drop, error) {
	drops, err := l.queryDrops(ctx, ` WHERE id = ?`, id)
	if err != nil {
		return nil, fmt.Errorf("read drop %d: %w", id, err)
	}
	if len(drops) == 0 {
		return nil, fmt.Errorf("drop %d: %w", id, bridge.ErrUnknown)
	}
	return drops[0], nil
}

// Drops lists drops, oldest first.
func (l dropStore) Drops(ctx context.Context, f bridge.DropFilter) ([]*bridge.Drop, error) {
	var w where
	filter(&w, "feed = ?", f.Feed)
	oneOf(&w, "feed", f.Feeds)
	if f.IDs != nil {
		w.add("id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))", numbers(f.IDs))
	}
	filter(&w, "front = ? AND front > 0", f.Front) // in these words, for the index
	if len(f.Joined) > 0 {
		w.add("(front = 0 OR state = 'held' OR feed NOT IN (SELECT value FROM json_each(?)))", list(f.Joined))
	}
	filter(&w, "remote = ?", f.Remote)
	filter(&w, "folder = ?", f.Folder)
	filter(&w, "name = ?", f.Name)
	filter(&w, "sha256 = ? AND sha256 <> ''", f.SHA256) // in these words, for the index
	filter(&w, "sha256 <> ?", f.Other)
	filter(&w, "id > ?", f.After)
	filter(&w, "id < ?", f.Before)
	filter(&w, "instr(name, ?) > 0", f.Word)
	if f.Begins != "" {
		w.add("name >= ? AND name < ?", f.Begins, f.Begins+string(utf8.MaxRune))
	}
	among(&w, "state", f.States)
	filter(&w, "seen_at >= ?", millis(f.From))
	filter(&w, "seen_at < ?", millis(f.To))
	filter(&w, "settled_at > 0 AND settled_at >= ?", millis(f.Settled))
	if f.Owed {
		w.add("finish <> ''")
	}
	switch seen := !f.From.IsZero() || !f.To.IsZero(); {
	case seen && f.Last > 0 && f.Feed != "":
		w.conditions[0] = "feed || '' = ?" // what came at a time is found by the time
	case f.Last > 0 && !seen:
		w.add("id > 0") // for the indexes of the newest
	}
	drops, err := l.queryDrops(ctx, w.tail("id", f.First, f.Last), w.args...)
	return inOrder(drops, f.Last), wrap("list drops", err)
}

// Unclaimed walks the drops of a feed's folder that nobody has claimed yet, in short: what of them tells whether a listing shows them as
// they were. The drop is the walker's own and is used again.
func (l dropStore) Unclaimed(ctx context.Context, feed, remote, folder string, each func(*bridge.Drop)) error {
	for _, state := range []bridge.DropState{bridge.Seen, bridge.Ready} {
		d := &bridge.Drop{Feed: feed, Remote: remote, Folder: folder, State: state}
		into := []any{&d.ID, &d.Name, &d.Size, stamp{&d.MTime}, &d.Reason, &d.Manifest, &d.Previous, stamp{&d.SteadyAt}, stamp{&d.ListedAt}}
		err := walk(ctx, l.read, `SELECT id, name, size, mtime, reason, lists, previous, steady_at, listed_at FROM drops
			WHERE state = ? AND feed = ? AND remote || '' = ? AND folder || '' = ? ORDER BY id`, // by the index of states
			[]any{string(state), feed, remote, folder}, func(rows *sql.Rows) error {
				err := rows.Scan(into...)
				if err == nil {
					each(d)
				}
				return err
			})
		if err != nil {
			return wrap("list what is not claimed of "+feed, err)
		}
	}
	return nil
}

// Ranked finds the drop of a feed whose rank is the highest below a bound ("": of all), in one of some states (none: in
// any); nil if there is none.
func (l dropStore) Ranked(ctx context.Context, feed, below string, states ...bridge.DropState) (*bridge.Drop, error) {
	var w where
	w.add("feed = ? AND place <> ''", feed)
	filter(&w, "place < ?", below)
	highest := func(more string) string {
		return `SELECT * FROM (SELECT id, place FROM drops` + w.String() + more + ` ORDER BY place DESC LIMIT 1) highest`
	}
	query, args := highest(""), w.args
	if len(states) > 0 { // one descent of the index for each: a long line stands between the last drop that was loaded and the next
		var each []string
		args = nil
		for _, s := range states {
			each, args = append(each, highest(" AND state = ?")), append(append(args, w.args...), string(s))
		}
		query = strings.Join(each, " UNION ALL ")
	}
	drops, err := l.queryDrops(ctx, ` WHERE id = (SELECT id FROM (`+query+`) each ORDER BY place DESC LIMIT 1)`, args...)
	if err != nil || len(drops) == 0 {
		return nil, wrap("read the order of drops of "+feed, err)
	}
	return drops[0], nil
}

// Places finds the drops of a feed's folder that were entered with exactly the names, sizes and times of some files, and
// did not vanish.
func (l dropStore) Places(ctx context.Context, feed, remote, folder string, files []bridge.File) ([]bridge.Place, error) {
	if len(files) == 0 {
		return nil, nil
	}
	type asked struct {
		Name  string `json:"n"`
		Size  int64  `json:"s"`
		MTime int64  `json:"t"`
	}
	list := make([]asked, len(files))
	for i, f := range files {
		list[i] = asked{f.Name, f.Size, millis(f.MTime)}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	rows, err := l.read.QueryContext(ctx, `SELECT d.name, d.path FROM json_each(?) j
		CROSS JOIN drops d ON d.feed = ? AND d.remote = ? AND d.folder = ? AND d.name = json_extract(j.value, '$.n')
		WHERE d.size = CAST(json_extract(j.value, '$.s') AS BIGINT) AND d.mtime = CAST(json_extract(j.value, '$.t') AS BIGINT)
		AND d.state <> 'vanished'`, string(text), feed, remote, folder)
	if err != nil {
		return nil, fmt.Errorf("find files of %s: %w", feed, err)
	}
	defer rows.Close()
	var places []bridge.Place
	for rows.Next() {
		var p bridge.Place
		if err := rows.Scan(&p.Name, &p.Path); err != nil {
			return nil, err
		}
		places = append(places, p)
	}
	return places, rows.Err()
}

// Listed enters what a listing has brought. Moves are saved, all or nothing; a new drop gets its number, and the number
// of the drop before it of the same place.
func (l dropStore) Listed(ctx context.Context, in bridge.Listing, events ...*bridge.Event) error {
	if len(in.New)+len(in.Moves)+len(in.Same)+len(events) == 0 {
		return nil
	}
	return l.tx(ctx, "record listing", func(tx statements) error {
		for _, d := range in.New {
			if err := insertDrop(ctx, tx, d); err != nil {
				return err
			}
		}
		if err := moveDrops(ctx, tx, in.Moves); err != nil {
			return err
		}
		if len(in.Same) > 0 {
			ids, err := json.Marshal(in.Same)
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `UPDATE drops SET listed_at = ? WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(?))`,
				millis(in.At), string(ids))
			if err != nil {
				return err
			}
		}
		numbers := make(map[string]int64, len(in.New))
		for _, d := range in.New {
			numbers[d.Name] = d.ID
		}
		for _, e := range events {
			if e.Drop == 0 {
				tx.give(&e.Drop, numbers[e.File])
			}
		}
		return keep(ctx, tx, events)
	})
}

// Advance saves drops that are still in the states from which they are moved: all, or none with ErrMoved.
func (l dropStore) Advance(ctx context.Context, moves []bridge.Move, events ...*bridge.Event) error {
	if len(moves)+len(events) == 0 {
		return nil
	}
	return l.tx(ctx, "advance drops", func(tx statements) error {
		if err := moveDrops(ctx, tx, moves); err != nil {
			return err
		}
		return keep(ctx, tx, events)
	})
}

func moveDrops(ctx context.Context, tx statements, moves []bridge.Move) error {
	for _, m := range moves {
		if err := moveDrop(ctx, tx, m); err != nil {
			return err
		}
		for _, run := range m.Told {
			if _, err := tx.ExecContext(ctx, `UPDATE runs SET told = 1 WHERE id = ?`, run); err != nil {
				return err
			}
		}
		if m.Acknowledge != nil {
			if _, err := endRejects(ctx, tx, bridge.RejectFilter{Drop: m.ID}, bridge.RejectAcknowledged, *m.Acknowledge); err != nil {
				return err
			}
		}
	}
	return nil
}

func insertDrop(ctx context.Context, tx statements, d *bridge.Drop) error {
	err := tx.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM drops WHERE feed = ? AND remote = ? AND folder = ? AND name = ?`,
		d.Feed, d.Remote, d.Folder, d.Name).Scan(&d.Previous)
	if err != nil {
		return err
	}
	return tx.insert(ctx, &d.ID, newDrop, slices.Concat([]any{d.Feed, d.Remote, d.Folder, d.Name, d.Front}, indexed(d), others(d))...)
}

// What of a drop may change. A statement that sets a column of an index writes that index anew, changed or not, and drops have many
// indexes: of the first columns a move sets those that do change.
var (
	indexedColumns = []string{"path", "sha256", "state", "place", "listed_by", "finish", "seen_at", "settled_at"}
	otherColumns   = []string{"size", "mtime", "reason", "spool", "date", "seq", "gap", "corrects", "lists", "listed_rows", "listed_sha256",
		"previous", "same", "decided_by", "steady_at", "listed_at", "ready_at", "claimed_at", "fetched_at", "decided_at", "made"}
	fixedColumns = []string{"feed", "remote", "folder", "name", "front"}
	indexedNow   = `SELECT ` + strings.Join(indexedColumns, ", ") + ` FROM drops WHERE id = ?`
	newDrop      = `INSERT INTO drops (` + strings.Join(slices.Concat(fixedColumns, indexedColumns, otherColumns), ", ") +
		`) VALUES (?, ?, ?, ?, ?` + strings.Repeat(", ?", len(indexedColumns)+len(otherColumns)) + `)`
)

func indexed(d *bridge.Drop) []any {
	return []any{d.Path, d.SHA256, string(d.State), d.Rank, d.ListedBy, d.Finish, millis(d.SeenAt), millis(d.SettledAt)}
}

func others(d *bridge.Drop) []any {
	return []any{d.Size, millis(d.MTime), d.Reason, d.Spool, d.Date, d.Seq, d.Gap, d.Correction, d.Manifest, d.ListedRows, d.ListedSHA256,
		d.Previous, d.Same, d.DecidedBy, millis(d.SteadyAt), millis(d.ListedAt), millis(d.ReadyAt), millis(d.ClaimedAt), millis(d.FetchedAt),
		millis(d.DecidedAt), d.Made}
}

// moveDrop saves a drop that is still in the state from which it is moved.
func moveDrop(ctx context.Context, tx statements, m bridge.Move) error {
	var was bridge.Drop
	err := tx.QueryRowContext(ctx, indexedNow, m.ID).Scan(&was.Path, &was.SHA256, &was.State, &was.Rank, &was.ListedBy, &was.Finish,
		stamp{&was.SeenAt}, stamp{&was.SettledAt})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("drop %d: %w", m.ID, bridge.ErrUnknown)
	case err != nil:
		return err
	case was.State != m.From:
		return &bridge.Error{Op: "move", Object: fmt.Sprintf("drop %d", m.ID), Hint: fmt.Sprintf("look at it again: `orobridge drop %d`", m.ID),
			Err: fmt.Errorf("it is %s by now, not %s: %w", was.State, m.From, bridge.ErrMoved)}
	}
	columns, args := slices.Clone(otherColumns), others(m.Drop)
	before := indexed(&was)
	for i, v := range indexed(m.Drop) {
		if v != before[i] {
			columns, args = append(columns, indexedColumns[i]), append(args, v)
		}
	}
	_, err = tx.ExecContext(ctx, `UPDATE drops SET `+strings.Join(columns, " = ?, ")+` = ? WHERE id = ?`, append(args, m.ID)...)
	return err
}

// Old lists up to n drops after an id that were settled before a time, are put away, and still have bytes somewhere.
func (l dropStore) Old(ctx context.Context, settled time.Time, after int64, n int) ([]*bridge.Drop, error) {
	drops, err := l.queryDrops(ctx, ` WHERE id > ? AND settled_at > 0 AND settled_at < ? AND finish = '' AND (path <> '' OR spool <> '')
		AND state IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?`, after, millis(settled), list(bridge.SettledStates), n)
	return drops, wrap("list old drops", err)
}

// Papers are the paths of what was written of a drop for its sender.
func (l dropStore) Papers(ctx context.Context, drop int64) ([]string, error) {
	rows, err := l.read.QueryContext(ctx, `SELECT path FROM papers WHERE drop_id = ? ORDER BY path`, drop)
	if err != nil {
		return nil, fmt.Errorf("list papers of drop %d: %w", drop, err)
	}
	defer rows.Close()
	var paths []string
	for rows.Next() {
		var p string
		if err := rows.Scan(&p); err != nil {
			return nil, err
		}
		paths = append(paths, p)
	}
	return paths, rows.Err()
}

// wrap says what was tried, when it failed.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
