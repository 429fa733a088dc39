package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/orobridge/orobridge/bridge"
)

// takenOver is the state of the error by which the ledger refuses a bridge that does not hold it any more: see the function turn.
const takenOver = "OB001"

// lockNotAvailable is the state of the error that a lock was waited for long enough.
const lockNotAvailable = "55P03"

// unknownTable is the state of the error that there is no such table.
const unknownTable = "42P01"

// stoodStill is the state of the error by which the database has ended a session that stood still in the middle of a transaction.
const stoodStill = "25P03"

// stateOf is the state of an error of the database; empty for any other.
func stateOf(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// classes are the classes of states (https://www.postgresql.org/docs/15/errcodes-appendix.html) that pass by themselves, or once
// somebody has made room.
var classes = map[string]string{
	"08": "see that the database is up and can be reached",
	"40": "wait: a deadlock was broken, or a failover is under way",
	"53": "give the database room: its disk, its memory or max_connections is used up",
	"55": "wait: somebody else works on the same tables",
	"57": "see that the database is up: it stops, starts or ends connections",
	"58": "look into the database's log: its disk is in trouble",
}

// trouble gives an error of the database its fate where it is born. What a lost connection or a database that is down costs is time.
func trouble(ctx context.Context, err error, lost bool) error {
	if err == nil || errors.Is(err, driver.ErrBadConn) || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		if lost {
			return pause(err, classes["08"])
		}
		return err
	}
	class := e.Code[:min(len(e.Code), 2)]
	hint, passes := classes[class]
	switch {
	case e.Code == takenOver:
		return &bridge.Error{Op: "write", Object: "ledger", Err: bridge.ErrThoughtDead,
			Hint: "others have taken up its work: let it end, or begin anew"}
	case e.Code == "25006":
		return pause(err, "the database is a replica: name all of its hosts in state.postgres, with target_session_attrs=read-write")
	case e.Code == stoodStill:
		return pause(err, "nothing: this machine stood still in the middle of a transaction, which was taken back")
	case passes:
		return pause(err, hint)
	case class == "28" || e.Code == "3D000":
		return &bridge.Error{Op: "open", Object: "ledger", Err: err, Hint: "correct user, password and database in state.postgres"}
	case e.Code == "42501":
		return &bridge.Error{Op: "open", Object: "ledger", Err: err, Hint: "let the bridge's user make a schema in its database: " +
			"GRANT CREATE ON DATABASE … TO …, or make the schema for it"}
	}
	return err
}

// pause is trouble that passes: a bridge that runs waits for it, and a verb ends with it. A socket that is not there is not a ledger that
// nobody has made.
func pause(err error, hint string) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New(err.Error())
	}
	err = fmt.Errorf("%w: %w", bridge.ErrUnreachable, err)
	return &bridge.Error{Op: "reach", Object: "PostgreSQL", Fate: bridge.Pause, Err: err, Hint: hint}
}
