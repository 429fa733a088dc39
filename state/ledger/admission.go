package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Who may come in: sessions of people, tokens of programs. Requests wait for no import.

// BeginSession enters a session and forgets those that ended before it began.
func (l admission) BeginSession(ctx context.Context, s bridge.Session, events ...*bridge.Event) error {
	return l.order(ctx, "begin session", func(tx statements) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM sessions WHERE ends <= ?`, millis(s.Began)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO sessions (hash, "user", stamp, origin, began, seen, ends) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			s.Hash, s.User, s.Stamp, s.From, millis(s.Began), millis(s.Seen), millis(s.Ends))
		if err != nil {
			return err
		}
		return keep(ctx, tx, events)
	})
}

// Session finds a session by its hash.
func (l admission) Session(ctx context.Context, hash string) (*bridge.Session, error) {
	s := &bridge.Session{Hash: hash}
	err := l.front.QueryRowContext(ctx, `SELECT "user", stamp, origin, began, seen, ends FROM sessions WHERE hash = ?`, hash).
		Scan(&s.User, &s.Stamp, &s.From, stamp{&s.Began}, stamp{&s.Seen}, stamp{&s.Ends})
	if err != nil {
		return nil, wrap("read session", known(err))
	}
	return s, nil
}

// known has what was not found be unknown.
func known(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return bridge.ErrUnknown
	}
	return err
}

// TouchSession notes that a session was used.
func (l admission) TouchSession(ctx context.Context, hash string, seen time.Time) error {
	return l.order(ctx, "touch session", func(tx statements) error {
		_, err := tx.ExecContext(ctx, `UPDATE sessions SET seen = ?1 WHERE hash = ?2 AND seen < ?1`, millis(seen), hash)
		return err
	})
}

// EndSession ends a session, if there is one of that hash.
func (l admission) EndSession(ctx context.Context, hash string, events ...*bridge.Event) error {
	return l.endSessions(ctx, `DELETE FROM sessions WHERE hash = ?`, hash, events)
}

// EndSessions ends all sessions of a user.
func (l admission) EndSessions(ctx context.Context, user string, events ...*bridge.Event) error {
	return l.endSessions(ctx, `DELETE FROM sessions WHERE "user" = ?`, user, events)
}

func (l admission) endSessions(ctx context.Context, query, of string, events []*bridge.Event) error {
	return l.order(ctx, "end sessions", func(tx statements) error {
		if _, err := tx.ExecContext(ctx, query, of); err != nil {
			return err
		}
		return keep(ctx, tx, events)
	})
}

// AddToken enters a token and numbers it. [bridge.ErrTaken]: one of its name is good still.
func (l admission) AddToken(ctx context.Context, t *bridge.Token, events ...*bridge.Event) error {
	shops, err := json.Marshal(t.Shops)
	if err != nil {
		return err
	}
	return l.order(ctx, "add token", func(tx statements) error {
		var taken bool
		err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM tokens WHERE hash = ? OR name = ? AND revoked = 0)`, t.Hash, t.Name).
			Scan(&taken)
		if err == nil && taken {
			err = bridge.ErrTaken
		}
		if err != nil {
			return err
		}
		err = tx.insert(ctx, &t.ID, `INSERT INTO tokens (name, hash, role, shops, who, made, expires, revoked) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			t.Name, t.Hash, t.Role, string(shops), t.By, millis(t.Made), millis(t.Expires), millis(t.Revoked))
		if err != nil {
			return err
		}
		return keep(ctx, tx, events)
	})
}

const tokenColumns = `SELECT id, name, hash, role, shops, who, made, expires, revoked FROM tokens`

func scanToken(row interface{ Scan(...any) error }) (*bridge.Token, error) {
	t := &bridge.Token{}
	var shops []byte
	err := row.Scan(&t.ID, &t.Name, &t.Hash, &t.Role, &shops, &t.By, stamp{&t.Made}, stamp{&t.Expires}, stamp{&t.Revoked})
	if err != nil {
		return nil, err
	}
	return t, json.Unmarshal(shops, &t.Shops)
}

// Token finds a token by its hash, whether or not it is good still.
func (l admission) Token(ctx context.Context, hash string) (*bridge.Token, error) {
	t, err := scanToken(l.front.QueryRowContext(ctx, tokenColumns+` WHERE hash = ?`, hash))
	return t, wrap("read token", known(err))
}

// Tokens lists all tokens, oldest first.
func (l admission) Tokens(ctx context.Context) ([]*bridge.Token, error) {
	var all []*bridge.Token
	err := walk(ctx, l.read, tokenColumns+` ORDER BY id`, nil, func(rows *sql.Rows) error {
		t, err := scanToken(rows)
		all = append(all, t)
		return err
	})
	return all, wrap("list tokens", err)
}

// RevokeToken ends the token of a name that is good still; [bridge.ErrUnknown] when there is none.
func (l admission) RevokeToken(ctx context.Context, name string, at time.Time, events ...*bridge.Event) error {
	return l.order(ctx, "revoke token "+name, func(tx statements) error {
		res, err := tx.ExecContext(ctx, `UPDATE tokens SET revoked = ? WHERE name = ? AND revoked = 0`, millis(at), name)
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err == nil && n == 0 {
			err = bridge.ErrUnknown
		}
		if err != nil {
			return err
		}
		return keep(ctx, tx, events)
	})
}
