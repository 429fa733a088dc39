package state

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
	"github.com/orobridge/orobridge/state/sqlite"
)

var movedAt = time.Date(2026, 11, 22, 7, 0, 0, 0, time.UTC)

// known fills a ledger with something in most of its tables, of texts that not every database takes.
func known(t *testing.T, s *State, n int) {
	t.Helper()
	ctx := t.Context()
	d := &bridge.Drop{Feed: "prices", Name: "\xff\x00ü.csv", State: bridge.Fetched, ListedRows: -1}
	gone := &bridge.Drop{Feed: "prices", Name: "gone.csv", State: bridge.Seen, ListedRows: -1}
	must(t, s.Listed(ctx, bridge.Listing{New: []*bridge.Drop{d, gone}}, &bridge.Event{Kind: bridge.DropSeen, File: d.Name}))
	must(t, s.ForgetDrops(ctx, []int64{gone.ID}))
	run := &bridge.Run{Drop: d.ID, Kind: bridge.FirstRun, State: bridge.Running}
	from := d.State
	d.State = bridge.Loading
	must(t, s.StartRun(ctx, run, bridge.Move{Drop: d, From: from}))
	var all []bridge.Settlement
	for i := range n {
		key, values := fmt.Sprintf("SKU-%05d", i), []formats.Value{{Field: "value", Text: fmt.Sprint(i)}}
		all = append(all, bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: "prices", Key: key, Run: run.ID, Fate: bridge.FateCreated},
			Link: &bridge.Link{Entity: "prices", Key: key, OroID: "1", Content: values}})
	}
	must(t, s.Settle(ctx, 0, all))
	batch := &bridge.Batch{Entity: "prices", Changes: []*bridge.Change{{Key: "A", Record: &formats.Record{Entity: formats.Prices, Key: "A"}}}}
	must(t, s.OpenBatch(ctx, run.ID, batch))
	must(t, s.RejectRows(ctx, []bridge.RejectRow{{Drop: d.ID, Run: run.ID, State: bridge.RejectOpen, Row: map[string]string{"a": "\x00"}}}))
	file := &bridge.NewFile{Outfile: bridge.Outfile{Export: "orders", Number: 1, Name: "O.csv", State: bridge.OwedNow}, Body: []byte("\x00\xff\r\n")}
	must(t, s.Owe(ctx, "orders", &bridge.Intake{Book: bridge.Book{Number: 1}, Files: []*bridge.NewFile{file}}))
	must(t, s.Keep(ctx, &bridge.Event{Kind: bridge.DecisionTaken, Who: "olga", Why: "\xff"}))
}

// A ledger comes to PostgreSQL and back as it was: each row, its numbers, its identity.
func TestALedgerIsCarriedToPostgresAndBack(t *testing.T) {
	ctx, dir, address := t.Context(), t.TempDir(), postgrestest.Address(t)
	s, err := Open(ctx, dir, Options{})
	must(t, err)
	known(t, s, 3*copiedAtOnce/2)
	identity, pseudonym := s.Identity(), s.Pseudonym("4711")
	must(t, s.Close())
	if _, err := Open(ctx, dir, Options{Postgres: address}); err == nil || bridge.HintOf(err) == "" {
		t.Fatalf("a bridge begins anew in the database beside the ledger that it has: %v", err)
	}
	there, err := MoveToPostgres(ctx, dir, address, "1", movedAt)
	must(t, err)
	if _, err := os.Stat(filepath.Join(there.Aside, ledgerName)); err != nil || Exists(dir) {
		t.Errorf("the old ledger is not put aside: %v", err)
	}
	s, err = Open(ctx, dir, Options{Postgres: address})
	must(t, err)
	if s.Identity() != identity || s.Pseudonym("4711") != pseudonym || s.Generation() != 1 {
		t.Errorf("it is another one: %s, generation %d", s.Identity(), s.Generation())
	}
	d := &bridge.Drop{Feed: "prices", Name: "next.csv", State: bridge.Seen}
	must(t, s.Listed(ctx, bridge.Listing{New: []*bridge.Drop{d}}))
	if d.ID != 3 {
		t.Errorf("the next drop has number %d: that of one which is gone is not given again", d.ID)
	}
	end, err := s.AuditEnd(ctx)
	if must(t, err); end != 1 {
		t.Errorf("the audit ends at %d", end)
	}
	must(t, s.ForgetDrops(ctx, []int64{d.ID}))
	must(t, s.Close())
	back, err := MoveToFile(ctx, dir, address, "1", movedAt)
	must(t, err)
	differs := func(m *Moved) map[string]string {
		all := map[string]string{}
		for _, t := range m.Tables {
			if t.Table != "notes" {
				all[t.Table] = fmt.Sprint(t.Rows, " ", t.SHA256)
			}
		}
		return all
	}
	if diff := cmp.Diff(differs(there), differs(back)); diff != "" {
		t.Error(diff)
	}
	s, err = Open(ctx, dir, Options{})
	must(t, err)
	defer s.Close()
	if must(t, s.Listed(ctx, bridge.Listing{New: []*bridge.Drop{d}})); d.ID != 4 || s.Identity() != identity {
		t.Errorf("drop %d of %s", d.ID, s.Identity())
	}
	if drops, err := s.Drops(ctx, bridge.DropFilter{}); err != nil || drops[0].Name != "\xff\x00ü.csv" {
		t.Errorf("%v, %v", drops, err)
	}
}

// A move that is cut short goes on where it stopped, and nobody works with half a ledger.
func TestAMoveGoesOnWhereItStopped(t *testing.T) {
	dir, address := t.TempDir(), postgrestest.Address(t)
	s, err := Open(t.Context(), dir, Options{})
	must(t, err)
	known(t, s, 2*copiedAtOnce)
	must(t, s.Close())
	cut := 0
	for limit := 5 * time.Millisecond; ; limit = limit * 3 / 2 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		m, err := MoveToPostgres(ctx, dir, address, "1", movedAt)
		over := ctx.Err() != nil // whatever it is that does not end well then: a connection may be the first to notice
		cancel()
		if err == nil {
			for _, x := range m.Tables {
				if want := map[string]int64{"links": 2 * copiedAtOnce, "history": 2 * copiedAtOnce, "outfiles": 1}[x.Table]; want != 0 && x.Rows != want {
					t.Errorf("%d rows of %s", x.Rows, x.Table)
				}
			}
			break
		}
		if cut++; limit > time.Minute || !over {
			t.Fatal(err)
		}
		if made, err := Made(t.Context(), dir, address); err == nil && made {
			if l, err := Open(t.Context(), t.TempDir(), Options{Postgres: address}); err == nil && l.Identity() != s.Identity() {
				t.Logf("it was not begun after %v", limit)
				must(t, l.Close())
			}
		}
	}
	if cut == 0 {
		t.Error("it was never cut")
	}
	s, err = Open(t.Context(), dir, Options{Postgres: address})
	must(t, err)
	must(t, s.Close())
}

// What has not come as it was is found, and nothing is put aside.
func TestAMoveThatLostSomethingIsNotedByItsSums(t *testing.T) {
	dir, address := t.TempDir(), postgrestest.Address(t)
	s, err := Open(t.Context(), dir, Options{})
	must(t, err)
	known(t, s, 10)
	must(t, s.Close())
	_, err = MoveToPostgres(t.Context(), dir, address, "1", movedAt)
	must(t, err)
	aside, err := filepath.Glob(filepath.Join(dir, movedPrefix+"*", ledgerName))
	must(t, err)
	must(t, os.Rename(aside[0], filepath.Join(dir, ledgerName))) // as if it had been cut at its end
	l, err := sqlite.Open(t.Context(), filepath.Join(dir, ledgerName), sqlite.Options{})
	must(t, err)
	must(t, l.Settle(t.Context(), 0, []bridge.Settlement{{Forget: true, HistoryEntry: bridge.HistoryEntry{Entity: "prices", Key: "SKU-00003"}}}))
	must(t, l.Close())
	_, err = MoveToPostgres(t.Context(), dir, address, "1", movedAt.Add(time.Hour))
	if err == nil || bridge.HintOf(err) == "" || !Exists(dir) {
		t.Errorf("it was taken for the same: %v", err)
	}
}

// TestASecondRoleGoesOnWithTheLedger is how the database's password is changed: PostgreSQL keeps one for a role, so a second role that is
// a member of the first takes its place with a restart, and the first may not come in any more.
func TestASecondRoleGoesOnWithTheLedger(t *testing.T) {
	ctx, dir, address := t.Context(), t.TempDir(), postgrestest.Address(t)
	postgrestest.Exec(t, address, `CREATE ROLE was LOGIN;
		DO $$ BEGIN EXECUTE 'GRANT CREATE ON DATABASE ' || quote_ident(current_database()) || ' TO was'; END $$`)
	t.Cleanup(func() {
		postgrestest.Exec(t, address, "DROP OWNED BY was, is_now CASCADE; DROP ROLE is_now; DROP ROLE was")
	})
	as := func(role string) *State {
		u, err := url.Parse(address)
		must(t, err)
		u.User = url.User(role)
		s, err := Open(ctx, dir, Options{Postgres: u.String()})
		must(t, err)
		return s
	}
	s := as("was")
	identity := s.Identity()
	must(t, s.Note(ctx, "said", "by the first"))
	must(t, s.Close())
	postgrestest.Exec(t, address, "CREATE ROLE is_now LOGIN IN ROLE was; ALTER ROLE was NOLOGIN")
	s = as("is_now")
	notes, err := s.Notes(ctx)
	must(t, err)
	if s.Identity() != identity || notes["said"] != "by the first" {
		t.Errorf("ledger %s, and not %s, with %v", s.Identity(), identity, notes)
	}
	must(t, s.Note(ctx, "said", "by the second"))
	must(t, s.Close())
}
