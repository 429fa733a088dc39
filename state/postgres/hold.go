package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/orobridge/orobridge/bridge"
)

// hold is that a bridge works with a ledger, alone or with others that share the work: a lock that a session of its own has, which the
// database gives back when the session ends in whatever way, and its row among the bridges, which each of its writes looks for.
type hold struct {
	*database
	shares  bool
	version string    // of the program
	own     int64     // the lock by which others see that this one's session lives
	conn    *pgx.Conn // nil while it is lost
}

// take takes the lock, or says who has it.
func (h *hold) take(ctx context.Context) error {
	c, err := pgx.ConnectConfig(ctx, h.config.Copy())
	if err != nil {
		return trouble(ctx, err, true)
	}
	lock := "SELECT pg_try_advisory_lock($1)"
	if h.shares {
		lock = "SELECT pg_try_advisory_lock_shared($1)"
	}
	var mine bool
	err = c.QueryRow(ctx, lock, h.lock+1).Scan(&mine)
	if err == nil && mine {
		_, err = c.Exec(ctx, fmt.Sprintf("SELECT pg_advisory_lock(%d); LISTEN %s", h.own, h.channel()))
	}
	if err != nil {
		return errors.Join(trouble(ctx, err, c.IsClosed()), end(c))
	}
	if !mine {
		who := h.holder(ctx, c)
		return errors.Join(&bridge.Error{Op: "lock", Object: h.place(), Err: bridge.ErrLocked,
			Hint: who + " works with this ledger: stop it, or give this one a ledger of its own"}, end(c))
	}
	h.conn = c
	return nil
}

// holder tells who has the lock, as far as the database does.
func (h *hold) holder(ctx context.Context, c *pgx.Conn) string {
	var name, from string
	err := c.QueryRow(ctx, `SELECT a.application_name, coalesce(host(a.client_addr), 'this machine of the database')
		FROM pg_locks k JOIN pg_stat_activity a ON a.pid = k.pid
		WHERE k.locktype = 'advisory' AND k.granted AND (k.classid::bigint << 32 | k.objid::bigint) = $1 AND k.objsubid = 1 LIMIT 1`,
		h.lock+1).Scan(&name, &from)
	if err != nil {
		return "another bridge"
	}
	return fmt.Sprintf("%s, which came from %s,", name, from)
}

// clock is the database's time as the ledger keeps it.
const clock = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"

// commitsKept is how long the number of a last commit is kept of somebody who has gone: nobody doubts so long what became of it.
const commitsKept = 7 * 24 * time.Hour

// say enters this bridge among those whose writes count. One that works alone is the only one.
func (h *hold) say(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("name this machine: %w", err)
	}
	name := fmt.Sprintf("%s:%d", host, os.Getpid())
	c, err := h.write.Conn(ctx)
	if err != nil {
		return broken(err)
	}
	return errors.Join(inTx(ctx, c, func(exec func(query string, args ...any) error) error {
		if err := exec(fmt.Sprintf("SELECT turn(%d, '')", h.lock)); err != nil {
			return err
		}
		if err := exec("DELETE FROM commits WHERE at < "+clock+" - ?", commitsKept.Milliseconds()); err != nil {
			return err
		}
		if !h.shares {
			if err := exec("DELETE FROM bridges"); err != nil {
				return err
			}
		}
		return exec(`INSERT INTO bridges (id, name, version, lock, began, seen) VALUES (?, ?, ?, ?, `+clock+`, `+clock+`)`, h.word, name,
			h.version, h.own)
	}), closed(c))
}

// still says whether the bridge works with the ledger still, and takes a lock that was lost again. Another one that has taken its work
// over has won.
func (h *hold) still(ctx context.Context) error {
	if h.conn != nil {
		ctx, cancel := context.WithTimeout(ctx, silence)
		defer cancel()
		if err := h.conn.Ping(ctx); err == nil || ctx.Err() != nil {
			return err
		}
		h.conn = nil
	}
	if err := h.take(ctx); err != nil {
		return err
	}
	var there bool
	err := h.conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+h.schema+".bridges WHERE id = $1)", h.word).Scan(&there)
	if err == nil && !there {
		return h.gone()
	}
	return trouble(ctx, err, h.conn.IsClosed())
}

// gone is the error of a bridge whose work others have taken over.
func (h *hold) gone() error {
	return &bridge.Error{Op: "hold", Object: h.place(), Err: bridge.ErrLocked,
		Hint: "another bridge has worked with the ledger meanwhile: let this one end, and start it again if it is to be the one"}
}

// end gives the ledger back, so that another bridge can have it at once.
func (h *hold) end() error {
	if h.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), ending)
	defer cancel()
	// The end of the session does the same, a moment later; its row goes when others miss it.
	_, _ = h.conn.Exec(ctx, "DELETE FROM "+h.schema+".bridges WHERE id = $1", h.word)
	_, _ = h.conn.Exec(ctx, "SELECT pg_advisory_unlock_all()")
	return end(h.conn)
}

// end ends a connection that may be lost already.
func end(c *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), ending)
	defer cancel()
	_ = c.Close(ctx) // the database ends it by itself
	return nil
}

// heldEvery is how often a bridge looks whether it holds its ledger still.
const heldEvery = 2 * time.Second

// Watch looks, until ctx ends, whether the ledger is held still. While the database is away nothing can be known, and nothing written;
// an error says that the bridge must not go on.
func (l *Ledger) Watch(ctx context.Context) error {
	if l.database.hold == nil || l.database.hold.shares { // who shares it says so again and again: see Pulse
		return nil
	}
	tick := time.NewTicker(heldEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := l.database.hold.still(ctx); err != nil && bridge.FateOf(err) != bridge.Pause && ctx.Err() == nil {
			return err
		}
	}
}

// Held says whether a bridge holds the ledger at an address. One that can't be reached is held by nobody.
func Held(ctx context.Context, address string) (held bool) {
	d, err := connect(address)
	if err != nil {
		return false
	}
	defer d.Close()
	err = d.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted
		AND (classid::bigint << 32 | objid::bigint) = ? AND objsubid = 1)`, d.lock+1).Scan(&held)
	return err == nil && held
}

// Made says whether a ledger stands at an address.
func Made(ctx context.Context, address string) (made bool, err error) {
	d, err := connect(address)
	if err != nil {
		return false, err
	}
	made, err = d.there(ctx)
	return made, errors.Join(err, d.Close())
}
