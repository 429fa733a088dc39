package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
)

// How several bridges know of one another. Each has a session that holds a lock of its own, and says every second that it is there. One
// whose session has ended is dead after missedFor; one whose session stands, but which says nothing (its machine stands still, its network
// is gone without a word), after silentFor. Others take its row out, and from then on the database refuses whatever it writes, in the
// ledger and among the jobs. All times are the database's.
const (
	missedFor  = 3 * time.Second
	silentFor  = 10 * time.Second
	afterStart = 10 * time.Second // of the database, all sessions of which are new: everybody may come back first; and of who was away
)

// dead finds the bridges that are no more.
var dead = fmt.Sprintf(`SELECT id FROM %%s.bridges b WHERE id <> $1 AND (%[1]s - seen > %[3]d OR %[1]s - seen > %[2]d
	AND clock_timestamp() - pg_postmaster_start_time() > make_interval(secs => %[4]d)
	AND NOT EXISTS (SELECT 1 FROM pg_locks k WHERE k.locktype = 'advisory' AND k.granted
		AND (k.classid::bigint << 32 | k.objid::bigint) = b.lock AND k.objsubid = 1))`,
	clock, missedFor.Milliseconds(), silentFor.Milliseconds(), int(afterStart.Seconds()))

// ID is that of this bridge among those that share the ledger.
func (l *Ledger) ID() string { return l.database.word }

// Name is by what people know this bridge: its machine and its process, "erp-1:4711".
func (l *Ledger) Name() string { return l.database.name }

// Rest says that this bridge takes no work any more, and whether it is the last one that has any: of several that end at the same time
// one is.
func (l *Ledger) Rest(ctx context.Context) (last bool, err error) {
	err = l.database.Write(ctx, false, func(s ledger.Statements) error {
		if _, err := s.ExecContext(ctx, `UPDATE bridges SET config = '' WHERE id = ?`, l.ID()); err != nil {
			return err
		}
		return s.QueryRowContext(ctx, `SELECT NOT EXISTS (SELECT 1 FROM bridges WHERE config <> '')`).Scan(&last)
	})
	return last, err
}

// Pulse says that this bridge is there, what work it knows, what of it is its own now and what of that takes long; takes out those that are
// dead; and lists all that are left. An error wrapping bridge.ErrLocked says that it was thought dead itself: nothing that it does counts
// any more.
func (l *Ledger) Pulse(ctx context.Context, config string, doing, long []string) ([]*bridge.Member, error) {
	h := l.database.hold
	if err := h.still(ctx); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, silence)
	defer cancel()
	if err := h.pulse(limited, config, doing, long); err != nil {
		return nil, trouble(ctx, err, h.conn.IsClosed())
	}
	return ledger.Bridges(ctx, l.database.read)
}

// pulse says that this bridge is there. One that was away itself, as all are while the database is, leaves others some time to come back,
// too, before it finds them dead.
func (h *hold) pulse(ctx context.Context, config string, doing, long []string) error {
	var now, before int64
	err := h.conn.QueryRow(ctx, fmt.Sprintf(`UPDATE %[1]s.bridges b SET seen = %[2]s, config = $2, doing = to_json($3::text[]),
		long = to_json($4::text[])
		FROM (SELECT id, seen FROM %[1]s.bridges) last WHERE b.id = $1 AND last.id = b.id RETURNING b.seen, last.seen`, h.schema, clock),
		h.word, config, append([]string{}, doing...), append([]string{}, long...)).Scan(&now, &before)
	if errors.Is(err, pgx.ErrNoRows) {
		return h.gone()
	}
	if err != nil {
		return err
	}
	if now-before > missedFor.Milliseconds() {
		h.spares = now + afterStart.Milliseconds()
	}
	if now < h.spares {
		return nil
	}
	return h.buryDead(ctx, h.conn)
}

// buryDead takes the bridges out that are dead, if there are any. One that works alone says nothing, and ends with its session. What is
// asked of the rows is the same in all versions.
func (h *hold) buryDead(ctx context.Context, c *pgx.Conn) error {
	query := fmt.Sprintf(dead, h.schema)
	if h.conn == nil { // it does not share the ledger yet
		query += " AND config <> ''"
	}
	var ids []string
	rows, err := c.Query(ctx, query, h.word)
	if err == nil {
		ids, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if stateOf(err) == unknownTable { // nobody has made it yet
		return nil
	}
	if err != nil || len(ids) == 0 {
		return err
	}
	return h.bury(ctx, c, ids)
}

// takeOut takes the rows of bridges out, and what the ledger says of configs that these have refused, by which nobody goes any more, and
// of their machines.
const takeOut = `WITH gone AS (DELETE FROM %[1]s.bridges WHERE %[2]s RETURNING lock, name),
	said AS (DELETE FROM %[1]s.notes n USING gone WHERE n.name IN ($1 || gone.name, $2 || gone.name)) SELECT lock FROM gone`

var refusals, machines = bridge.PausedNote(bridge.ReloadOf("")) + " ", bridge.MachineNote("")

// bury takes bridges out, and ends their sessions: a machine that stands still has some that live, and the database waits without an end
// for one that stands in the middle of what it says. A transaction that one of them has under way is waited for, but not for long: the
// next pulse tries again then.
func (h *hold) bury(ctx context.Context, c *pgx.Conn, ids []string) error {
	rows, err := c.Query(ctx, "SELECT lock FROM "+h.schema+".bridges WHERE id = ANY($1)", ids)
	if err != nil {
		return err
	}
	locks, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		for _, statement := range []string{"SET LOCAL search_path = " + h.schema, "SET LOCAL lock_timeout = '1s'",
			fmt.Sprintf("SELECT turn(%d, '')", h.lock)} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, fmt.Sprintf(takeOut, h.schema, "id = ANY($3)"), refusals, machines, ids)
		return err
	})
	if err == nil || stateOf(err) == lockNotAvailable {
		_, err = c.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
			AND (classid::bigint << 32 | objid::bigint) = ANY($1)`, locks)
	}
	return err
}

// signs has a session hold a lock with others of its bridge by which they are known as its: see bury.
func (h *hold) signs() string {
	return fmt.Sprintf("SELECT pg_advisory_lock_shared(%d, %d)", int32(h.own>>32), int32(h.own))
}

// channel is where bridges wake one another.
func (d *database) channel() string { return d.schema + "_wake" }

// aCall is how many pieces of work one notification names at most: it has less than 8000 bytes, and a name less than 100.
const aCall = 50

// Wake calls all bridges that share the ledger for some pieces of work: see [Ledger.Heard].
func (l *Ledger) Wake(ctx context.Context, works []string) error {
	for some := range slices.Chunk(works, aCall) {
		_, err := l.database.read.ExecContext(ctx, "SELECT pg_notify(?, ?)", l.database.channel(), strings.Join(some, "\n"))
		if err != nil {
			return err
		}
	}
	return nil
}

// Heard waits for a time, or until somebody calls [Ledger.Wake], and says for which pieces of work.
func (l *Ledger) Heard(ctx context.Context, within time.Duration) (works []string) {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if c := l.database.hold.conn; c != nil && !c.IsClosed() {
		if n, err := c.WaitForNotification(limited); err == nil {
			return strings.Split(n.Payload, "\n")
		}
	}
	<-limited.Done()
	return nil
}

// Jobs prepares the tables of River in the ledger's schema, and gives connections to them that have no power over the jobs any more once
// the bridge was taken out. Whoever called closes them.
func (l *Ledger) Jobs(ctx context.Context) (_ *pgxpool.Pool, schema string, err error) {
	d := l.database
	c, err := pgxpool.ParseConfig(d.config.ConnString())
	if err != nil {
		return nil, "", err
	}
	c.ConnConfig = d.config.Copy()
	c.MaxConns = jobConnections
	c.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		return d.prepare(ctx, c, "SET orobridge.bridge = '"+d.word+"'")
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, "", trouble(ctx, err, true)
	}
	if err := d.makeJobs(ctx, pool); err != nil {
		pool.Close()
		return nil, "", bridge.Within("prepare the tables of River", trouble(ctx, err, true)) // by whichever connection
	}
	return pool, d.schema, nil
}

// jobConnections are enough: one listens, and the others have little to do.
const jobConnections = 4

// fence refuses what a bridge does among the jobs that was taken out, and keeps it there while it does something.
const fence = `CREATE OR REPLACE FUNCTION bridge_is_there() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS
$$ BEGIN
	IF coalesce(current_setting('orobridge.bridge', true), '') <> '' THEN
		PERFORM 1 FROM bridges WHERE id = current_setting('orobridge.bridge') FOR KEY SHARE;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'another bridge has taken the work over' USING ERRCODE = 'OB001';
		END IF;
	END IF;
	RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS fence ON river_job;
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON river_job FOR EACH STATEMENT EXECUTE FUNCTION bridge_is_there()`

// makeJobs makes River's tables, or brings them up to date; one bridge after the other. One that stands still meanwhile loses its turn:
// see frozen.
func (d *database) makeJobs(ctx context.Context, pool *pgxpool.Pool) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", d.lock+2); err != nil {
			return err
		}
		m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: d.schema, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			return err
		}
		done, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		if err != nil {
			return err
		}
		var fenced bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = 'fence' AND tgrelid = 'river_job'::regclass)").
			Scan(&fenced); err != nil || fenced && len(done.Versions) == 0 {
			return err
		}
		_, err = tx.Exec(ctx, fence)
		return err
	})
}

// JobCounts implements ledger.Edition.
func (d *database) JobCounts(ctx context.Context) (all []bridge.JobCount, err error) {
	var made bool
	if err := d.read.QueryRowContext(ctx, "SELECT to_regclass('river_job') IS NOT NULL").Scan(&made); err != nil || !made {
		return nil, err
	}
	err = ledger.Walk(ctx, d.read, "SELECT kind, state, count(*) FROM river_job GROUP BY kind, state ORDER BY kind, state", nil,
		func(rows *sql.Rows) error {
			var j bridge.JobCount
			err := rows.Scan(&j.Kind, &j.State, &j.Count)
			all = append(all, j)
			return err
		})
	return all, err
}
