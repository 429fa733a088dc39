// Package postgres is the ledger in a schema of a PostgreSQL database.
//
// Contract: what package ledger says. A commit is on the disk of the database when a method returns (as far as the database itself
// keeps synchronous_commit), even where SQLite would leave it to the next one: PostgreSQL may crash while the bridge goes on, and
// must not forget what the bridge remembers. When the connection breaks in the middle of a commit, the database is asked what became
// of it, for as long as it takes. Trouble with the database is bridge.Pause: nothing is lost, and everything goes on once it is back.
//
// One bridge at a time holds a ledger (bridge.ErrLocked), or any number of them share it: by a lock of the session of each, and by its
// row among the bridges, for which each of its writes looks, so that a bridge which was thought dead and wakes up again changes
// nothing: see [Ledger.Pulse]. Others may look, or change a word beside them.
//
// Limits: PostgreSQL 13 or newer, any encoding and collation. One writes at a time, as with SQLite. A pooler between has to pool
// sessions, not transactions. Keys and paths are indexed up to 2,600 bytes. Connections: one that holds, one that writes, two for
// reads, two for look-ups, one for orders, and one for each list that is being walked. A replica that takes over may lack the last
// commits, unless synchronous_standby_names is set.
package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	mrand "math/rand/v2"
	"net"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/sys/unix"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
)

// Ledger is an open ledger: one schema of a database.
type Ledger struct {
	*ledger.Ledger
	database *database
}

// Of is the ledger as a shop's engines see it: see [ledger.Ledger.Of]. It is closed with the whole.
func (l *Ledger) Of(shop string) *Ledger { return &Ledger{l.Ledger.Of(shop), l.database} }

// database is the connections to a ledger's database.
type database struct {
	config  *pgx.ConnConfig
	schema  string
	known   []migration  // of this program, in their order
	lock    int64        // advisory locks of this ledger have this number and the next one
	word    string       // the bridge's id, which each writing transaction says; empty for who writes beside the bridges that work
	name    string       // of this machine and process
	writer  string       // by what its commits are known
	commits atomic.Int64 // how many it has begun
	hold    *hold        // nil for who does not hold it

	write, read, find, front, walks *sql.DB
	links                           block // numbers of links to come
}

// Options change how a ledger is opened.
type Options struct {
	ReadOnly bool   // take no notes, and need a ledger that is there
	Beside   bool   // write a word or two beside the bridge that holds it, and need a ledger that is there
	Shares   bool   // work with it beside others that share the work, by the jobs of [Ledger.Jobs]
	Moving   bool   // a ledger is being carried over to here
	Program  string // version that opens it, which the ledger keeps for those that are older
}

// Schema is the name of the schema, unless the address says search_path.
const Schema = "orobridge"

var schemaForm = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// Open opens the ledger at an address, such as postgres://user@host/db, with all that pgx understands in it
// (https://pkg.go.dev/github.com/jackc/pgx/v5/pgconn#ParseConfig). It makes the schema if need be, and brings it up to date. It
// refuses a ledger of a newer program, and one that another bridge holds.
func Open(ctx context.Context, address string, o Options) (*Ledger, error) {
	d, err := connect(address)
	if err != nil {
		return nil, err
	}
	l, err := d.open(ctx, o)
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return &Ledger{l, d}, nil
}

// connect prepares the connections to a ledger; none is made yet.
func connect(address string) (*database, error) {
	c, err := pgx.ParseConfig(address)
	if err != nil { // pgx leaves the password out
		return nil, &bridge.Error{Op: "read", Object: "state.postgres", Err: err, Hint: "write postgres://user@host:5432/database"}
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("name this machine: %w", err)
	}
	d := &database{config: c, schema: Schema, known: known(), name: fmt.Sprintf("%s:%d", host, os.Getpid()), writer: rand.Text()}
	if named := c.RuntimeParams["search_path"]; named != "" {
		d.schema = named
		delete(c.RuntimeParams, "search_path")
	}
	if !schemaForm.MatchString(d.schema) {
		return nil, &bridge.Error{Op: "read", Object: "state.postgres", Err: errors.New("search_path names no single schema"),
			Hint: "use small letters, digits and _, or leave search_path out"}
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "orobridge"
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 10 * time.Second
	}
	alive := net.KeepAliveConfig{Enable: true, Idle: silence / 3, Interval: silence / 9, Count: 6}
	c.DialFunc = (&net.Dialer{KeepAliveConfig: alive, Control: giveUp}).DialContext
	sum := fnv.New64a()
	sum.Write([]byte("orobridge " + d.schema))
	d.lock = int64(sum.Sum64() &^ 1)
	d.write, d.front = d.pool(1), d.pool(1)
	d.read, d.walks = d.pool(2), d.pool(0)
	d.find = d.pool(2, lookingUp...)
	return d, nil
}

// silence is how long a database may leave unanswered what was sent to it, by its machine: then the connection is lost. An answer to a
// statement may take longer.
const silence = 30 * time.Second

// giveUp has a connection end when what was sent is not acknowledged.
func giveUp(network, _ string, c syscall.RawConn) error {
	if network == "unix" {
		return nil
	}
	var err error
	controlErr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
	})
	return errors.Join(controlErr, err)
}

// pool is a pool of so many connections at most, each prepared by some statements; 0 is no bound.
func (d *database) pool(n int, prepare ...string) *sql.DB {
	db := sql.OpenDB(connector{stdlib.GetConnector(*d.config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		return d.prepare(ctx, c, prepare...)
	}))})
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(2)
	return db
}

// frozen has the database end the session of a bridge that stands still in the middle of a transaction, for which all others wait.
const frozen = "SET idle_in_transaction_session_timeout = '15s'"

// prepare makes a connection one to the ledger's schema.
func (d *database) prepare(ctx context.Context, c *pgx.Conn, more ...string) error {
	all := append([]string{"SET search_path = " + d.schema, "SET standard_conforming_strings = on", "SET client_encoding = UTF8", frozen},
		more...)
	if d.hold != nil {
		all = append(all, d.hold.signs())
	}
	_, err := c.PgConn().Exec(ctx, strings.Join(all, "; ")).ReadAll() // and not as parameters of the session, which poolers refuse
	return err
}

func (d *database) open(ctx context.Context, o Options) (*ledger.Ledger, error) {
	switch holds := !o.ReadOnly && !o.Beside; {
	case holds:
		if err := d.work(ctx, o); err != nil {
			return nil, err
		}
	default:
		there, err := d.there(ctx)
		if err != nil {
			return nil, err
		}
		if !there {
			return nil, &bridge.Error{Op: "open ledger", Object: d.place(), Err: fs.ErrNotExist,
				Hint: "check state.postgres, or start `orobridge run`"}
		}
		if err := d.upToDate(ctx); err != nil {
			return nil, err
		}
	}
	if !o.Moving {
		if err := d.unmoved(ctx); err != nil {
			return nil, err
		}
	}
	return ledger.Open(ctx, d, ledger.Connections{Read: d.read, Front: d.front, Walks: d.walks}, !o.ReadOnly, o.Program)
}

// work takes the ledger, alone or with others, and brings it up to date.
func (d *database) work(ctx context.Context, o Options) error {
	d.word = rand.Text()
	if o.Shares {
		if err := d.ahead(ctx, o.Program); err != nil {
			return err
		}
	}
	d.hold = &hold{database: d, shares: o.Shares, version: o.Program, own: mrand.Int64()}
	if err := d.hold.takeSoon(ctx); err != nil {
		return err
	}
	if o.Shares {
		if err := d.upToDate(ctx); err != nil {
			return err
		}
	} else if err := d.migrate(ctx); err != nil {
		return bridge.Within("bring the ledger up to date", err)
	}
	return d.hold.say(ctx)
}

// ahead brings a ledger up to date that is going to be shared. Nobody else may work with it meanwhile: bridges of an older version end
// first ([bridge.ErrBehind]), and another one that starts does the same right now.
func (d *database) ahead(ctx context.Context, program string) error {
	for n := 1; ; n++ {
		there, err := d.there(ctx)
		if err != nil {
			return err
		}
		if there {
			missing, err := d.missing(ctx)
			if err != nil || len(missing) == 0 {
				return err
			}
		}
		alone := &hold{database: d, version: program, own: mrand.Int64()}
		err = alone.take(ctx)
		if err == nil {
			return errors.Join(bridge.Within("bring the ledger up to date", d.migrate(ctx)), alone.end())
		}
		if !errors.Is(err, bridge.ErrLocked) {
			return err
		}
		if there && n >= aheadTries { // a ledger that is being made will be there soon
			return &bridge.Error{Op: "bring up to date", Object: d.place(), Err: fmt.Errorf("%w: %w", bridge.ErrLocked, bridge.ErrBehind),
				Hint: "drain and stop " + d.others(ctx) + ", and this one goes on: `orobridge help machines`"}
		}
		wait := time.NewTimer(aheadEvery)
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
	}
}

// A bridge that finds a ledger out of date tries for so long to have it alone.
const (
	aheadTries = 5
	aheadEvery = 200 * time.Millisecond
)

// place names the ledger for people.
func (d *database) place() string {
	return d.config.Host + "/" + d.config.Database + ", schema " + d.schema
}

// Close ends all connections and lets another bridge in.
func (l *Ledger) Close() error { return l.database.Close() }

func (d *database) Close() error {
	var errs []error
	for _, db := range []*sql.DB{d.write, d.read, d.find, d.front, d.walks} {
		errs = append(errs, db.Close())
	}
	if d.hold != nil {
		errs = append(errs, d.hold.end())
	}
	return errors.Join(errs...)
}

// placeNote is where the ledger was when it was held last: a dump of it that is restored gets another place.
const placeNote = "place"

func (l *Ledger) place(ctx context.Context) (place string, err error) {
	err = l.database.read.QueryRowContext(ctx, `SELECT d.oid::text || '/' || n.oid::text FROM pg_database d, pg_namespace n
		WHERE d.datname = current_database() AND n.nspname = ?`, l.database.schema).Scan(&place)
	return place, err
}

// WasPut says whether somebody has put the ledger where it stands since it was held last: its like stood elsewhere then.
func (l *Ledger) WasPut(ctx context.Context) (bool, error) {
	notes, err := l.Notes(ctx)
	if err != nil || notes[placeNote] == "" {
		return false, err
	}
	place, err := l.place(ctx)
	return place != notes[placeNote], err
}

// Stay keeps where the ledger stands.
func (l *Ledger) Stay(ctx context.Context) error {
	place, err := l.place(ctx)
	if err != nil {
		return err
	}
	return l.Note(ctx, placeNote, place)
}

// Check looks whether the database answers. What stands on its disk is its own to check.
func (l *Ledger) Check(ctx context.Context) error {
	var one int
	return l.database.read.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}

// GiveBack leaves it to the database's autovacuum to give room back.
func (l *Ledger) GiveBack(context.Context) (more bool, err error) { return false, nil }
