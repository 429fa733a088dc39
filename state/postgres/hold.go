package postgres

import (
	"context"
	"errors"
	"fmt"
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
	spares  int64     // others until then, by the database's clock in milliseconds: see pulse
}

// patient has the database end the session of a machine that is gone without a word, and give back what it holds: after half a minute, as
// the machine gives up the database (see silence).
const patient = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 4"

// take takes the lock, or says who has it. Those who are dead have it no longer.
func (h *hold) take(ctx context.Context) error {
	c, err := pgx.ConnectConfig(ctx, h.config.Copy())
	if err != nil {
		return trouble(ctx, err, true)
	}
	mine, err := h.try(ctx, c)
	if err == nil && !mine {
		if err = h.buryDead(ctx, c); err == nil {
			mine, err = h.try(ctx, c)
		}
	}
	if err == nil && mine {
		_, err = c.Exec(ctx, fmt.Sprintf("SELECT pg_advisory_lock(%d); LISTEN %s; %s", h.own, h.channel(), patient))
	}
	if err != nil {
		return errors.Join(trouble(ctx, err, c.IsClosed()), end(c))
	}
	if !mine {
		return errors.Join(&bridge.Error{Op: "lock", Object: h.place(), Err: bridge.ErrLocked,
			Hint: "stop " + h.others(ctx) + ", or give this one a ledger of its own"}, end(c))
	}
	h.conn = c
	return nil
}

// soonTries is how often a ledger is tried that is to be shared and that another one has alone: it may do so for a moment, to bring it up
// to date.
const soonTries = 10

// takeSoon is take for whoever shares a ledger that another one may have alone for a moment.
func (h *hold) takeSoon(ctx context.Context) error {
	for n := 1; ; n++ {
		err := h.take(ctx)
		if !h.shares || n == soonTries || !errors.Is(err, bridge.ErrLocked) {
			return err
		}
		if err := (bridge.SystemClock{}).Wait(ctx, aheadEvery); err != nil {
			return err
		}
	}
}

// try takes the lock if it is free.
func (h *hold) try(ctx context.Context, c *pgx.Conn) (mine bool, err error) {
	lock := "SELECT pg_try_advisory_lock($1)"
	if h.shares {
		lock = "SELECT pg_try_advisory_lock_shared($1)"
	}
	err = c.QueryRow(ctx, lock, h.lock+1).Scan(&mine)
	return mine, err
}

// others names who works with the ledger, as far as the database tells.
func (d *database) others(ctx context.Context) (names string) {
	err := d.read.QueryRowContext(ctx, `SELECT coalesce(string_agg(name || ' of version ' || version, ', ' ORDER BY began), '') FROM bridges`).
		Scan(&names)
	if err == nil && names != "" {
		return names
	}
	var name, from string
	err = d.read.QueryRowContext(ctx, `SELECT a.application_name, coalesce(host(a.client_addr), 'this machine of the database')
		FROM pg_locks k JOIN pg_stat_activity a ON a.pid = k.pid
		WHERE k.locktype = 'advisory' AND k.granted AND (k.classid::bigint << 32 | k.objid::bigint) = ? AND k.objsubid = 1 LIMIT 1`,
		d.lock+1).Scan(&name, &from)
	if err != nil {
		return "another bridge"
	}
	return fmt.Sprintf("%s, which came from %s", name, from)
}

// clock is the database's time as the ledger keeps it.
const clock = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"

// commitsKept is how long the number of a last commit is kept of somebody who has gone: nobody doubts so long what became of it.
const commitsKept = 7 * 24 * time.Hour

// say enters this bridge among those whose writes count. One that works alone is the only one.
func (h *hold) say(ctx context.Context) error {
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
			if err := exec(fmt.Sprintf(takeOut, h.schema, "true"), refusals, machines); err != nil {
				return err
			}
		}
		return exec(`INSERT INTO bridges (id, name, version, lock, began, seen) VALUES (?, ?, ?, ?, `+clock+`, `+clock+`)`, h.word, h.name,
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
	return &bridge.Error{Op: "hold", Object: h.place(), Err: bridge.ErrThoughtDead,
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
	_, _ = h.conn.Exec(ctx, fmt.Sprintf(takeOut, h.schema, "id = $3"), refusals, machines, h.word)
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
func Held(ctx context.Context, address string) bool {
	d, err := connect(address)
	if err != nil {
		return false
	}
	defer d.Close()
	return d.held(ctx)
}

func (d *database) held(ctx context.Context) (held bool) {
	err := d.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted
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
