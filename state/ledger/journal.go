package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// eventRest is what of an event has no column of its own.
type eventRest struct {
	Run     int64          `json:"run,omitempty"`
	Batch   int64          `json:"batch,omitempty"`
	File    string         `json:"file,omitempty"`
	Alarm   bridge.Alarm   `json:"alarm,omitempty"`
	Work    string         `json:"work,omitempty"`
	Who     string         `json:"who,omitempty"`
	From    string         `json:"from,omitempty"`
	Person  string         `json:"person,omitempty"`
	Why     string         `json:"why,omitempty"`
	Verdict bridge.Verdict `json:"verdict,omitempty"`
	Bytes   int64          `json:"bytes,omitempty"`
	SHA256  string         `json:"sha256,omitempty"`
	Text    string         `json:"text,omitempty"`
	Hint    string         `json:"hint,omitempty"`
	Counts  *bridge.Counts `json:"counts,omitempty"`
	Visit   *visitRest     `json:"visit,omitempty"`
}

// visitRest is what of a visit has no column of its own.
type visitRest struct {
	Address string        `json:"address,omitempty"`
	Session string        `json:"session,omitempty"`
	Known   bool          `json:"known,omitempty"`
	Client  string        `json:"client,omitempty"`
	Target  string        `json:"target,omitempty"`
	Size    int64         `json:"size,omitempty"`
	Whole   bool          `json:"whole,omitempty"`
	Broken  bool          `json:"broken,omitempty"`
	Took    time.Duration `json:"took,omitempty"`
	Times   int           `json:"times,omitempty"`
	Since   int64         `json:"since,omitempty"` // milliseconds
}

// keep enters events in the journal and numbers them, and in the audit those that belong there.
func keep(ctx context.Context, tx statements, events []*bridge.Event) error {
	for _, e := range events {
		rest := eventRest{e.Run, e.Batch, e.File, e.Alarm, e.Work, e.Who, e.From, e.Person, e.Why, e.Verdict, e.Bytes, e.SHA256, e.Text, e.Hint,
			e.Counts, nil}
		var remote, user string
		if v := e.Visit; v != nil {
			remote, user = v.Remote, v.User
			rest.Visit = &visitRest{v.Address, v.Session, v.Known, v.Client, v.Target, v.Size, v.Whole, v.Broken, v.Took, v.Times, millis(v.Since)}
		}
		text, err := json.Marshal(rest)
		if err != nil {
			return err
		}
		err = tx.insert(ctx, &e.ID, `INSERT INTO events (at, kind, feed, export, drop_id, doc, remote, "user", rest)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			millis(e.At), string(e.Kind), e.Feed, e.Export, e.Drop, e.Order, remote, user, string(text))
		if err != nil {
			return err
		}
		if e.Kind.Audited() {
			if err := audit(ctx, tx, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// Keep enters events in the journal that no other change of the ledger goes with.
func (l journal) Keep(ctx context.Context, events ...*bridge.Event) error {
	return l.order(ctx, "keep events", func(tx statements) error { return keep(ctx, tx, events) })
}

// Events walks the journal, oldest first.
func (l journal) Events(ctx context.Context, f bridge.EventFilter, each func(*bridge.Event) error) error {
	var w where
	filter(&w, "id > ?", f.After)
	filter(&w, "drop_id = ? AND drop_id <> 0", f.Drop) // said in these words, for the index
	filter(&w, "doc = ? AND doc <> ''", f.Order)
	if f.Visits || f.User != "" {
		w.add("remote <> ''")
	}
	filter(&w, `"user" = ?`, f.User)
	if f.Outline {
		w.add("kind NOT IN (SELECT value FROM json_each(?))", list(names(bridge.BatchKinds)))
	}
	filter(&w, "at >= ?", millis(f.Since))
	if of := f.Of; of != nil {
		works := make([]string, len(of.Works))
		for i, work := range of.Works {
			works[i] = string(formats.AppendText([]byte(`"work":`), work)) // as the rest of an event has it
		}
		const isOne = " IN (SELECT value FROM json_each(?))"
		w.add("(feed"+isOne+" OR export"+isOne+" OR EXISTS (SELECT 1 FROM json_each(?) j WHERE instr(rest, j.value) > 0))",
			list(of.Feeds), list(of.Exports), list(works))
	}
	query := `SELECT * FROM (SELECT id, at, kind, feed, export, drop_id, doc, remote, "user", rest FROM events` +
		w.tail("id", f.First, f.Last) + `) chosen`
	rows, err := l.walks.QueryContext(ctx, query+` ORDER BY id`, w.args...)
	if err != nil {
		return fmt.Errorf("read journal: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		e, rest := &bridge.Event{}, eventRest{}
		var remote, user string
		var text []byte
		if err := rows.Scan(&e.ID, stamp{&e.At}, &e.Kind, &e.Feed, &e.Export, &e.Drop, &e.Order, &remote, &user, &text); err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		if err := json.Unmarshal(text, &rest); err != nil {
			return fmt.Errorf("read event %d: %w", e.ID, err)
		}
		e.Run, e.Batch, e.File, e.Alarm, e.Work, e.Who, e.Why = rest.Run, rest.Batch, rest.File, rest.Alarm, rest.Work, rest.Who, rest.Why
		e.From, e.Person, e.Verdict = rest.From, rest.Person, rest.Verdict
		e.Bytes, e.SHA256, e.Text, e.Hint, e.Counts = rest.Bytes, rest.SHA256, rest.Text, rest.Hint, rest.Counts
		if v := rest.Visit; v != nil {
			e.Visit = &bridge.Visit{Remote: remote, User: user, Address: v.Address, Session: v.Session, Known: v.Known,
				Client: v.Client, Target: v.Target, Size: v.Size, Whole: v.Whole, Broken: v.Broken, Took: v.Took, Times: v.Times,
				Since: fromMillis(v.Since)}
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return rows.Err()
}

// PruneEvents removes up to n events from before a time, decisions excepted; more says that some may be left.
func (l journal) PruneEvents(ctx context.Context, before time.Time, n int) (more bool, err error) {
	err = l.tx(ctx, "prune journal", func(tx statements) error {
		res, err := tx.ExecContext(ctx, `DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ? AND kind <> ? LIMIT ?)`,
			millis(before), bridge.DecisionTaken, n)
		if err != nil {
			return err
		}
		gone, err := res.RowsAffected()
		more = gone == int64(n)
		return err
	})
	return more, err
}

// Decided tells the number of the last event, and whether one after the given number is a decision that somebody took. It
// costs as much as there are events after that number.
func (l journal) Decided(ctx context.Context, after int64) (last int64, decided bool, err error) {
	err = l.front.QueryRowContext(ctx, `SELECT coalesce((SELECT max(id) FROM events), 0),
		EXISTS (SELECT 1 FROM events WHERE id > ? AND kind = ?)`, after, bridge.DecisionTaken).Scan(&last, &decided)
	return last, decided, wrap("look for decisions", err)
}

// Note keeps a small fact under a name, such as why an end is paused; an empty text removes it.
func (l journal) Note(ctx context.Context, name, text string, events ...*bridge.Event) error {
	return l.order(ctx, "note "+name, func(tx statements) error {
		if err := note(ctx, tx, name, text); err != nil {
			return err
		}
		return keep(ctx, tx, events)
	})
}

func note(ctx context.Context, tx statements, name, text string) error {
	query, args := `INSERT INTO notes VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET text = excluded.text`, []any{name, text}
	if text == "" {
		query, args = `DELETE FROM notes WHERE name = ?1`, args[:1]
	}
	_, err := tx.ExecContext(ctx, query, args...)
	return err
}

// Notes reads all notes.
func (l journal) Notes(ctx context.Context) (map[string]string, error) {
	rows, err := l.front.QueryContext(ctx, `SELECT name, text FROM notes`)
	if err != nil {
		return nil, fmt.Errorf("read notes: %w", err)
	}
	defer rows.Close()
	notes := map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, err
		}
		notes[name] = text
	}
	return notes, rows.Err()
}
