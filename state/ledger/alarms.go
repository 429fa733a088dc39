package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// LiveAlarms lists alarms.
func (l alarmStore) LiveAlarms(ctx context.Context, f bridge.AlarmFilter) ([]*bridge.LiveAlarm, error) {
	var w where
	filter(&w, "id = ?", f.ID)
	filter(&w, "id > ?", f.After)
	if f.Open {
		w.add("cleared = 0")
	}
	if f.Raised {
		w.add("raised > 0")
	}
	if !f.Cleared.IsZero() {
		w.add("(cleared = 0 OR cleared >= ?)", millis(f.Cleared))
	}
	var all []*bridge.LiveAlarm
	err := walk(ctx, l.front, `SELECT id, alarm, of_work, n, text, file, drop_id, doc, begun, raised, gone, cleared, acknowledged, snoozed,
		who, why FROM alarms`+w.tail("id", f.First, f.Last), w.args, func(rows *sql.Rows) error {
		a := &bridge.LiveAlarm{}
		all = append(all, a)
		return rows.Scan(&a.ID, &a.Alarm, &a.Of, &a.N, &a.Text, &a.File, &a.Drop, &a.Order, stamp{&a.Begun}, stamp{&a.Raised},
			stamp{&a.Gone}, stamp{&a.Cleared}, stamp{&a.Acknowledged}, stamp{&a.Snoozed}, &a.Who, &a.Why)
	})
	return inOrder(all, f.Last), wrap("list alarms", err)
}

// Messages lists messages.
func (l alarmStore) Messages(ctx context.Context, f bridge.MessageFilter) ([]*bridge.Message, error) {
	var w where
	filter(&w, "alarm = ?", f.Alarm)
	if f.Owed {
		w.add("told = 0")
	}
	if f.Open {
		w.add("alarm IN (SELECT id FROM alarms WHERE cleared = 0)")
	}
	var all []*bridge.Message
	err := walk(ctx, l.front, `SELECT id, route, kind, alarm, letter, owed, due, told, tries, trouble FROM messages`+w.tail("id", 0, f.Last),
		w.args, func(rows *sql.Rows) error {
			m := &bridge.Message{}
			var letter string
			err := rows.Scan(&m.ID, &m.Route, &m.Kind, &m.Alarm, &letter, stamp{&m.Owed}, stamp{&m.Due}, stamp{&m.Told}, &m.Tries,
				&m.Trouble)
			if err == nil {
				err = json.Unmarshal([]byte(letter), &m.Letter)
			}
			all = append(all, m)
			return err
		})
	return inOrder(all, f.Last), wrap("list messages", err)
}

// SaveAlarms enters alarms that are new, saves what has changed of others but what people have decided about them, and owes
// messages; notes and events go with it.
func (l alarmStore) SaveAlarms(ctx context.Context, r bridge.AlarmRound, events ...*bridge.Event) error {
	return l.order(ctx, "save alarms", func(tx statements) error {
		for _, a := range r.Alarms {
			if err := saveAlarm(ctx, tx, a); err != nil {
				return err
			}
		}
		for _, m := range r.Messages {
			if err := owe(ctx, tx, m); err != nil {
				return err
			}
		}
		for name, text := range r.Notes {
			if err := note(ctx, tx, name, text); err != nil {
				return err
			}
		}
		return keep(ctx, tx, events)
	})
}

func saveAlarm(ctx context.Context, tx statements, a *bridge.LiveAlarm) error {
	life := []any{string(a.Alarm), a.Of, a.N, a.Text, a.File, a.Drop, a.Order, millis(a.Begun), millis(a.Raised), millis(a.Gone),
		millis(a.Cleared)}
	if a.ID == 0 {
		return tx.insert(ctx, &a.ID, `INSERT INTO alarms (alarm, of_work, n, text, file, drop_id, doc, begun, raised, gone, cleared)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, life...)
	}
	_, err := tx.ExecContext(ctx, `UPDATE alarms SET alarm = ?, of_work = ?, n = ?, text = ?, file = ?, drop_id = ?, doc = ?, begun = ?,
		raised = ?, gone = ?, cleared = ? WHERE id = ?`, append(life, a.ID)...)
	return err
}

// owe enters a message.
func owe(ctx context.Context, tx statements, m *bridge.Message) error {
	letter, err := json.Marshal(m.Letter)
	if err != nil {
		return err
	}
	return tx.insert(ctx, &m.ID, `INSERT INTO messages (route, kind, alarm, letter, owed, due) VALUES (?, ?, ?, ?, ?, ?)`,
		m.Route, string(m.Kind), m.Alarm, string(letter), millis(m.Owed), millis(m.Due))
}

// DecideAlarm saves that somebody has acknowledged or snoozed an alarm that is not cleared; ErrMoved when it is.
func (l alarmStore) DecideAlarm(ctx context.Context, a *bridge.LiveAlarm, events ...*bridge.Event) error {
	return l.order(ctx, fmt.Sprintf("decide about alarm %d", a.ID), func(tx statements) error {
		res, err := tx.ExecContext(ctx, `UPDATE alarms SET acknowledged = ?, snoozed = ?, who = ?, why = ? WHERE id = ? AND cleared = 0`,
			millis(a.Acknowledged), millis(a.Snoozed), a.Who, a.Why, a.ID)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			if err == nil {
				err = bridge.ErrMoved
			}
			return err
		}
		return keep(ctx, tx, events)
	})
}

// SaveMessage saves when a message was told, or why it was not.
func (l alarmStore) SaveMessage(ctx context.Context, m *bridge.Message) error {
	return l.order(ctx, fmt.Sprintf("save message %d", m.ID), func(tx statements) error {
		_, err := tx.ExecContext(ctx, `UPDATE messages SET due = ?, told = ?, tries = ?, trouble = ? WHERE id = ?`,
			millis(m.Due), millis(m.Told), m.Tries, m.Trouble, m.ID)
		return err
	})
}

// PruneAlarms removes up to n alarms that were cleared before a time with their messages, and up to n other messages of that
// age that were told; more says that some may be left.
func (l alarmStore) PruneAlarms(ctx context.Context, before time.Time, n int) (more bool, err error) {
	err = l.tx(ctx, "prune alarms", func(tx statements) error {
		const old = `SELECT id FROM alarms WHERE cleared > 0 AND cleared < ? AND NOT EXISTS
			(SELECT 1 FROM messages m WHERE m.alarm = alarms.id AND m.told = 0) ORDER BY id LIMIT ?`
		for _, query := range []string{`DELETE FROM messages WHERE alarm IN (` + old + `)`, `DELETE FROM alarms WHERE id IN (` + old + `)`,
			`DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE alarm = 0 AND told > 0 AND told < ? LIMIT ?)`} {
			res, err := tx.ExecContext(ctx, query, millis(before), n)
			if err != nil {
				return err
			}
			gone, err := res.RowsAffected()
			if err != nil {
				return err
			}
			more = more || gone >= int64(n)
		}
		return nil
	})
	return more, err
}

// Unjudged tells of the batches of runs at work whose outcome is not known, by feed: how many there are, and which is the oldest.
func (l alarmStore) Unjudged(ctx context.Context) (all []bridge.Unjudged, err error) {
	of := map[string]int{} // where a feed stands
	err = walk(ctx, l.front, `SELECT b.sent, d.feed, d.id, d.name FROM batches b JOIN runs r ON r.id = b.run JOIN drops d ON d.id = r.drop_id
		ORDER BY b.sent`, nil, func(rows *sql.Rows) error {
		u := bridge.Unjudged{N: 1}
		err := rows.Scan(stamp{&u.Oldest}, &u.Feed, &u.Drop, &u.File)
		if i, known := of[u.Feed]; known {
			all[i].N++
			return err
		}
		of[u.Feed] = len(all)
		all = append(all, u)
		return err
	})
	return all, wrap("count unjudged batches", err)
}

// CameSince lists when the drops of a feed came that were seen since a time and are more than seen: the last n, oldest first.
// Manifests are none, nor is what the bridge itself has made.
func (l alarmStore) CameSince(ctx context.Context, feed string, since time.Time, n int) ([]time.Time, error) {
	var all []time.Time
	err := walk(ctx, l.read, `SELECT seen_at FROM drops WHERE feed = ? AND seen_at >= ? AND state NOT IN ('seen', 'ready', 'vanished')
		AND lists = 0 AND made = '' ORDER BY seen_at DESC LIMIT ?`, []any{feed, millis(since), n}, func(rows *sql.Rows) error {
		var t time.Time
		err := rows.Scan(stamp{&t})
		all = append(all, t)
		return err
	})
	slices.Reverse(all)
	return all, wrap("list arrivals of "+feed, err)
}

// SettledSince counts the drops that were settled since a time, by feed and state; manifests are none.
func (l alarmStore) SettledSince(ctx context.Context, since time.Time) (map[string]map[bridge.DropState]int64, error) {
	counts := map[string]map[bridge.DropState]int64{}
	err := walk(ctx, l.read, `SELECT feed, state, count(*) FROM drops WHERE settled_at >= ? AND lists = 0 GROUP BY feed, state`,
		[]any{millis(since)}, func(rows *sql.Rows) error {
			var feed string
			var state bridge.DropState
			var n int64
			if err := rows.Scan(&feed, &state, &n); err != nil {
				return err
			}
			if counts[feed] == nil {
				counts[feed] = map[bridge.DropState]int64{}
			}
			counts[feed][state] = n
			return nil
		})
	return counts, wrap("count settled drops", err)
}
