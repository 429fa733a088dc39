package state

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/postgres"
)

// openPostgres opens a ledger that stands in PostgreSQL. The folder keeps what is this machine's: the spool, from which what is missing
// is fetched again, and stages.
func (s *State) openPostgres(ctx context.Context, o Options) (err error) {
	asked := postgres.Options{ReadOnly: o.ReadOnly, Beside: o.Beside, Shares: o.Shares, Program: o.Program}
	if o.ReadOnly || o.Beside {
		_, err := s.connect(ctx, o.Postgres, asked)
		return err
	}
	if s.Doubts, err = makePrivate(s.dir, s.Spool()); err != nil {
		return err
	}
	if s.lock, err = takeLock(filepath.Join(s.dir, "lock")); err != nil {
		return err
	}
	if path := filepath.Join(s.dir, ledgerName); Exists(s.dir) {
		return &bridge.Error{Op: "open ledger", Object: path, Err: errors.New("it stands in the state folder, and the config names PostgreSQL"),
			Hint: "carry it over: `orobridge state move --to postgres`; or move the file away, if nothing in it counts"}
	}
	if err := s.lock.say("running"); err != nil {
		return err
	}
	if err := s.sweep(); err != nil {
		return err
	}
	l, err := s.connect(ctx, o.Postgres, asked)
	if err != nil {
		return err
	}
	s.checked = true
	if err := s.recogniseDump(ctx, l); err != nil {
		return err
	}
	return s.remember("lock")
}

func (s *State) connect(ctx context.Context, address string, o postgres.Options) (*postgres.Ledger, error) {
	l, err := postgres.Open(ctx, address, o)
	if err == nil {
		s.Ledger, s.kept, s.shares = l.Ledger, l, o.Shares
	}
	return l, err
}

// recogniseDump has a ledger begin another life that was put where it stands, as a dump is, or that is older than the folder knows. The
// spool of another ledger is of no use to this one.
func (s *State) recogniseDump(ctx context.Context, l *postgres.Ledger) error {
	last, err := readLife(s.dir)
	if err != nil {
		return err
	}
	now := life{s.Identity(), s.Generation()}
	if last.identity != "" && last.identity != now.identity {
		return &bridge.Error{Op: "open state", Object: s.dir, Err: errors.New("the folder was that of another ledger"),
			Hint: "name a folder of its own in state.dir, or correct state.postgres"}
	}
	put, err := l.WasPut(ctx)
	if err != nil {
		return err
	}
	if put || last.generation > now.generation {
		now.generation = max(last.generation, now.generation) + 1
		why := fmt.Sprintf("an earlier ledger was put into the database: generation %d begins", now.generation)
		if err := s.Renew(ctx, now.generation, time.Now(), why); err != nil {
			return err
		}
	}
	if now != last {
		if err := now.write(s.dir); err != nil {
			return err
		}
	}
	return l.Stay(ctx)
}

// Held says whether a bridge holds the ledger of a folder, or the one at an address of PostgreSQL.
func Held(ctx context.Context, dir, address string) bool {
	if address == "" {
		return Locked(dir)
	}
	return postgres.Held(ctx, address)
}

// Made says whether a bridge has worked with a folder, or with the ledger at an address of PostgreSQL.
func Made(ctx context.Context, dir, address string) (bool, error) {
	if address == "" {
		return Exists(dir), nil
	}
	return postgres.Made(ctx, address)
}

func lookAtPostgres(ctx context.Context, dir, address string) (*Info, error) {
	x, err := postgres.Examine(ctx, address)
	if err != nil {
		return nil, err
	}
	i := &Info{Folder: dir, Database: x.Database, Held: postgres.Held(ctx, address), Identity: x.Identity, Generation: x.Generation,
		Schema: x.Schema, Missing: append([]string{}, x.Missing...), Program: x.Size.Program, Made: x.Size.Made, Oldest: when(x.Size.Oldest),
		Newest: when(x.Size.Newest), Ledger: x.Size.Bytes, Rows: x.Size.Rows, Aside: []string{}}
	return i, i.lookAround()
}

func examinePostgres(ctx context.Context, address string) (all []bridge.Finding, err error) {
	err = postgres.Faults(ctx, address, func(what string, faults []string) error {
		all = append(all, finding(what, faults, "put the last dump back; `orobridge help machines` says how"))
		return ctx.Err()
	})
	return all, err
}

// lackedByPostgres are the migrations that the ledger at an address lacks.
func lackedByPostgres(ctx context.Context, address string) ([]string, error) {
	x, err := postgres.Examine(ctx, address)
	if err != nil {
		return nil, err
	}
	return x.Missing, nil
}
