package postgres

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/ledger"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
	"github.com/orobridge/orobridge/state/sqlite"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openAt(t testing.TB, address string, o Options) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), address, o)
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return l
}

// admin is a connection of whoever looks after the database.
func admin(t testing.TB, address string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close(context.Background())) })
	return c
}

func TestOneBridgeAtATimeHoldsALedger(t *testing.T) {
	address := postgrestest.Address(t)
	first, err := Open(t.Context(), address, Options{})
	must(t, err)
	_, err = Open(t.Context(), address, Options{})
	if !errors.Is(err, bridge.ErrLocked) || !strings.Contains(bridge.HintOf(err), first.Name()+" of version ") {
		t.Errorf("a second one: %v, hint %q", err, bridge.HintOf(err))
	}
	if !Held(t.Context(), address) {
		t.Error("nobody holds it")
	}
	beside := openAt(t, address, Options{Beside: true})
	must(t, beside.Note(t.Context(), "a", "b"))
	age(t, address) // it says nothing while it works, and is not thought dead for that
	if _, err := Open(t.Context(), address, Options{Shares: true}); !errors.Is(err, bridge.ErrLocked) {
		t.Errorf("one that would share it: %v", err)
	}
	must(t, first.Note(t.Context(), "a", "c"))
	must(t, first.Close())
	if Held(t.Context(), address) {
		t.Error("somebody holds it")
	}
	openAt(t, address, Options{})
}

// age has all bridges been silent for a minute.
func age(t testing.TB, address string) {
	t.Helper()
	_, err := admin(t, address).Exec(t.Context(), "UPDATE bridges SET seen = seen - 60000")
	must(t, err)
}

// newer opens a ledger by a program with one migration more.
func newer(t *testing.T, address string, o Options) (*Ledger, error) {
	t.Helper()
	d, err := connect(address)
	must(t, err)
	d.known = append(d.known, migration{"999_next.sql", "CREATE TABLE next (id BIGINT)", "its sum"})
	l, err := d.open(t.Context(), o)
	if err != nil {
		must(t, d.Close())
	}
	return &Ledger{l, d}, err
}

// A bridge of a newer version leaves a ledger alone with which older ones work, and says so. Once they have ended, or are dead, it brings
// the ledger up to date; an older one that comes then is refused.
func TestABridgeOfANewerVersionWaitsForTheOlderOnes(t *testing.T) {
	t.Parallel()
	address := postgrestest.Address(t)
	older := openAt(t, address, Options{Shares: true, Program: "1.0"})
	db := admin(t, address)
	t.Cleanup(func() { // the schema is another test's next
		_, err := db.Exec(context.Background(), "DROP TABLE next; DELETE FROM migrations WHERE name = '999_next.sql'")
		must(t, err)
	})
	pulse := func(l *Ledger) error {
		_, err := l.Pulse(t.Context(), "its work", nil, nil)
		return err
	}
	must(t, pulse(older))
	named := older.Name() + " of version 1.0"
	for name, o := range map[string]Options{"works": {Shares: true}, "works alone": {}, "looks": {ReadOnly: true}} {
		_, err := newer(t, address, o)
		if err == nil || !strings.Contains(bridge.HintOf(err), named) || errors.Is(err, bridge.ErrBehind) != (name == "works") {
			t.Errorf("one that %s: %v, hint %q", name, err, bridge.HintOf(err))
		}
	}
	must(t, errors.Join(pulse(older), older.Note(t.Context(), "a", "b")))

	age(t, address)
	l, err := newer(t, address, Options{Shares: true, Program: "2.0"})
	must(t, err)
	defer func() { must(t, l.Close()) }()
	if err := errors.Join(pulse(older), older.Note(t.Context(), "a", "")); !errors.Is(err, bridge.ErrLocked) {
		t.Errorf("one that stood still: %v", err)
	}
	notes, err := l.Notes(t.Context())
	must(t, errors.Join(err, pulse(l)))
	if notes["a"] != "b" {
		t.Errorf("the note is %q", notes["a"])
	}
	if _, err := Open(t.Context(), address, Options{Shares: true}); err == nil || !strings.Contains(bridge.HintOf(err), "install orobridge 2.0") {
		t.Errorf("an older one on the newer ledger: %v, hint %q", err, bridge.HintOf(err))
	}
}

// Bridges that begin at the same moment, where there is no ledger yet, wait for the one that makes it.
func TestBridgesMayBeginAtOnce(t *testing.T) {
	c := cluster(t)
	opened := make(chan error, 3)
	for range 3 {
		go func() {
			l, err := Open(context.Background(), c.Address(), Options{Shares: true})
			if err == nil {
				err = l.Close()
			}
			opened <- err
		}()
	}
	for range 3 {
		if err := <-opened; err != nil && !errors.Is(err, bridge.ErrBehind) { // it comes again
			t.Error(err)
		}
	}
}

// Of bridges that end because they are told to one is the last.
func TestOneBridgeEndsLast(t *testing.T) {
	address := postgrestest.Address(t)
	a, b := openAt(t, address, Options{Shares: true}), openAt(t, address, Options{Shares: true})
	for _, l := range []*Ledger{a, b} {
		_, err := l.Pulse(t.Context(), "its work", nil, nil)
		must(t, err)
	}
	for i, l := range []*Ledger{a, b} {
		last, err := l.Rest(t.Context())
		if must(t, err); last != (i == 1) {
			t.Errorf("bridge %d is the last: %t", i, last)
		}
	}
}

// A bridge whose session the database has lost may wake up when another one has the ledger: it changes nothing, and ends.
func TestABridgeThatWasThoughtDeadChangesNothing(t *testing.T) {
	address := postgrestest.Address(t)
	old := openAt(t, address, Options{})
	must(t, old.Note(t.Context(), "a", "of the old one"))
	var ended bool
	session := old.database.hold.conn.PgConn().PID()
	must(t, admin(t, address).QueryRow(t.Context(), "SELECT pg_terminate_backend($1, 10000)", session).Scan(&ended))
	fresh := openAt(t, address, Options{})
	if err := old.Note(t.Context(), "a", "of one that woke up"); !errors.Is(err, bridge.ErrLocked) || bridge.FateOf(err) != bridge.Stop {
		t.Errorf("its note: %v", err)
	}
	if err := old.database.hold.still(t.Context()); !errors.Is(err, bridge.ErrLocked) {
		t.Errorf("it holds it still: %v", err)
	}
	notes, err := fresh.Notes(t.Context())
	must(t, err)
	if notes["a"] != "of the old one" {
		t.Errorf("the note is %q", notes["a"])
	}
	must(t, fresh.Note(t.Context(), "a", ""))
	must(t, fresh.Close())
	if err := old.database.hold.still(t.Context()); !errors.Is(err, bridge.ErrLocked) {
		t.Errorf("it may go on where another one has worked meanwhile: %v", err)
	}
}

// TestABridgeThatStandsStillHoldsNobodyUp: not in the middle of what it says to the database, which waits for the rest without an end;
// nor in the middle of a transaction, which the database takes back, and that is nothing but a pause.
func TestABridgeThatStandsStillHoldsNobodyUp(t *testing.T) {
	address := postgrestest.Address(t)
	frozen, other := openAt(t, address, Options{Shares: true}), openAt(t, address, Options{Shares: true})
	must(t, frozen.Note(t.Context(), bridge.MachineNote(frozen.Name()), "its disk is full"))
	look := admin(t, address)
	var idle string
	err := frozen.database.Write(t.Context(), false, func(tx ledger.Statements) error {
		var pid int
		must(t, tx.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid))
		must(t, tx.QueryRowContext(t.Context(), "SELECT set_config('idle_in_transaction_session_timeout', '1', true)").Scan(&idle))
		for there := true; there; {
			must(t, look.QueryRow(t.Context(), "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = $1)", pid).Scan(&there))
		}
		return tx.QueryRowContext(t.Context(), "SELECT 'woken'").Scan(&idle)
	})
	if bridge.FateOf(err) != bridge.Pause {
		t.Errorf("it wakes up in a transaction that was taken back: %v", err)
	}

	c, err := frozen.database.write.Conn(t.Context())
	must(t, err)
	t.Cleanup(func() { _ = c.Close() }) // the database has ended it
	must(t, frozen.database.begin(t.Context(), c, frozen.database.commits.Add(1)))
	must(t, c.Raw(func(dc any) error {
		half, err := (&pgproto3.Parse{Query: "SELECT 1"}).Encode(nil)
		must(t, err)
		_, err = dc.(*conn).pgx().PgConn().Conn().Write(half) // and no more
		return err
	}))
	_, err = look.Exec(t.Context(), "UPDATE bridges SET seen = seen - 60000 WHERE id = $1", frozen.ID())
	must(t, err)
	for n := 1; ; n++ {
		there, err := other.Pulse(t.Context(), "config", nil, nil)
		must(t, err)
		if len(there) == 1 {
			break
		}
		if n == 5 {
			t.Fatal("what it has begun keeps it among the living")
		}
	}
	notes, err := other.Notes(t.Context())
	if must(t, err); notes[bridge.MachineNote(frozen.Name())] != "" {
		t.Error("what is wrong with its machine is told still")
	}
	must(t, other.Note(t.Context(), "a", "b"))
}

// Where the database was away from all bridges, the one that is back first leaves the others some time to come back, too.
func TestABridgeThatWasAwayThinksNobodyDead(t *testing.T) {
	address := postgrestest.Address(t)
	first, other := openAt(t, address, Options{Shares: true}), openAt(t, address, Options{Shares: true})
	there := func() int {
		all, err := first.Pulse(t.Context(), "its work", nil, nil)
		must(t, err)
		return len(all)
	}
	there()
	age(t, address)
	if n := there(); n != 2 {
		t.Errorf("%d bridges are there once one is back", n)
	}
	if n := there(); n != 2 {
		t.Errorf("%d bridges are there a moment later", n)
	}
	first.database.hold.spares = 0 // when that time has passed
	if n := there(); n != 1 {
		t.Errorf("%d bridges are there at last", n)
	}
	if _, err := other.Pulse(t.Context(), "its work", nil, nil); !errors.Is(err, bridge.ErrThoughtDead) {
		t.Errorf("the other one: %v", err)
	}
}

// A database whose socket is not there is down: its ledger was made nevertheless, and verbs do not say that nothing has run yet.
func TestADatabaseThatIsDownHasALedger(t *testing.T) {
	_, err := Open(t.Context(), "postgres:///postgres?user=orobridge&host="+t.TempDir(), Options{ReadOnly: true})
	if bridge.FateOf(err) != bridge.Pause || !errors.Is(err, bridge.ErrUnreachable) || errors.Is(err, fs.ErrNotExist) ||
		bridge.HintOf(err) != "see that the database is up and can be reached" {
		t.Errorf("%v, hint %q", err, bridge.HintOf(err))
	}
}

// A database that dies costs time. What was committed is there, what was not is not, and the bridge goes on by itself.
func TestADatabaseThatDiesPauses(t *testing.T) {
	cluster, err := postgrestest.New()
	must(t, err)
	t.Cleanup(func() { must(t, cluster.Remove()) })
	l := openAt(t, cluster.Address(), Options{})
	must(t, l.Note(t.Context(), "before", "1"))
	must(t, cluster.Kill())
	event := &bridge.Event{Kind: bridge.Noted}
	for range 2 {
		err := l.Note(t.Context(), "while", "1", event)
		if bridge.FateOf(err) != bridge.Pause || bridge.HintOf(err) == "" || event.ID != 0 {
			t.Errorf("a write: %v, event %d", err, event.ID)
		}
		if _, err := l.Notes(t.Context()); bridge.FateOf(err) != bridge.Pause {
			t.Errorf("a read: %v", err)
		}
		if err := l.Lookup(t.Context(), "prices", []string{"a"}, make([]bridge.LinkRef, 1)); bridge.FateOf(err) != bridge.Pause {
			t.Errorf("a look-up: %v", err)
		}
		if err := l.database.hold.still(t.Context()); bridge.FateOf(err) != bridge.Pause {
			t.Errorf("whether it is held: %v", err)
		}
	}
	must(t, cluster.Start())
	must(t, l.database.hold.still(t.Context()))
	must(t, l.Note(t.Context(), "after", "1", event))
	notes, err := l.Notes(t.Context())
	must(t, err)
	if got := []string{notes["before"], notes["while"], notes["after"]}; !slices.Equal(got, []string{"1", "", "1"}) || event.ID == 0 {
		t.Errorf("notes %q, event %d", got, event.ID)
	}
}

// Whoever does not hear of the end of a commit asks what became of it.
func TestWhatBecameOfACommitIsFoundOut(t *testing.T) {
	l := openAt(t, postgrestest.Address(t), Options{})
	unanswered := pause(errors.New("unanswered"), "wait")
	for _, end := range []string{"COMMIT", "ROLLBACK", ""} {
		c, err := l.database.write.Conn(t.Context())
		must(t, err)
		number := l.database.commits.Add(1)
		must(t, l.database.begin(t.Context(), c, number))
		if end == "" { // its session breaks meanwhile
			var session int
			must(t, c.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&session))
			go func() {
				if _, err := l.database.read.Exec("SELECT pg_terminate_backend(?)", session); err != nil {
					t.Error(err)
				}
			}()
		} else {
			must(t, run(t.Context(), c, end))
		}
		err = l.database.becameOf(t.Context(), number, unanswered)
		if end == "COMMIT" && err != nil || end != "COMMIT" && err != unanswered {
			t.Errorf("after %q: %v", end, err)
		}
		must(t, closed(c))
	}
}

// Statements travel together: what is told of a transaction is what went wrong first, not that the others came too late.
func TestTheFirstStatementThatGoesWrongIsTold(t *testing.T) {
	l := openAt(t, postgrestest.Address(t), Options{})
	for name, behind := range map[string]func(ledger.Statements) error{
		"nothing": func(ledger.Statements) error { return nil },
		"a question": func(s ledger.Statements) error {
			var one int
			return s.QueryRowContext(t.Context(), "SELECT 1").Scan(&one)
		},
		"a count": func(s ledger.Statements) error {
			res, err := s.ExecContext(t.Context(), "DELETE FROM notes")
			must(t, err)
			_, err = res.RowsAffected()
			return err
		},
	} {
		err := l.database.Write(t.Context(), false, func(s ledger.Statements) error {
			if _, err := s.ExecContext(t.Context(), "INSERT INTO notes (name, text) VALUES (?, ?)", "a", name); err != nil {
				return err
			}
			if _, err := s.ExecContext(t.Context(), "INSERT INTO nowhere VALUES (?)", 1); err != nil {
				return err
			}
			return behind(s)
		})
		if err == nil || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("before %s: %v", name, err)
		}
		notes, err := l.Notes(t.Context())
		must(t, err)
		if notes["a"] != "" {
			t.Errorf("before %s: something of it stays", name)
		}
	}
}

func TestALedgerOfANewerProgramAndAnotherSchemaAreRefused(t *testing.T) {
	address := postgrestest.Address(t)
	must(t, openAt(t, address, Options{Program: "9.9"}).Close())
	db := admin(t, address)
	for name, c := range map[string]struct{ change, back, said string }{
		"newer": {"INSERT INTO migrations VALUES ('999_later.sql', 'x', 0)", "DELETE FROM migrations WHERE name = '999_later.sql'",
			"install orobridge 9.9"},
		"other": {"UPDATE migrations SET sha256 = sha256 || 'x'", "UPDATE migrations SET sha256 = rtrim(sha256, 'x')", ""},
	} {
		_, err := db.Exec(t.Context(), c.change)
		must(t, err)
		for _, o := range []Options{{}, {ReadOnly: true}, {Beside: true}} {
			if _, err := Open(t.Context(), address, o); err == nil || !strings.Contains(bridge.HintOf(err), c.said) {
				t.Errorf("%s, %+v: %v, hint %q", name, o, err, bridge.HintOf(err))
			}
		}
		_, err = db.Exec(t.Context(), c.back)
		must(t, err)
	}
	if _, err := Open(t.Context(), strings.Replace(address, "search_path=", "search_path=pg_catalog_", 1), Options{ReadOnly: true}); err == nil {
		t.Error("a ledger that is not there was opened for reading")
	}
	other := strings.Replace(address, "search_path=", "search_path=information_schema&application_name=", 1)
	if _, err := Open(t.Context(), other, Options{}); err == nil {
		t.Error("a schema of something else was taken")
	}
}

// The two editions have the same tables with the same columns: a migration of the one has its twin in the other. Only between a bridge
// and PostgreSQL the end of a commit may be lost.
func TestTheSchemaIsThatOfTheFile(t *testing.T) {
	l := openAt(t, postgrestest.Address(t), Options{})
	path := filepath.Join(t.TempDir(), "ledger.db")
	must(t, os.WriteFile(path, nil, 0o600))
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{New: true})
	must(t, err)
	must(t, s.Close())
	file, err := sql.Open("sqlite3", path)
	must(t, err)
	defer file.Close()
	columns := func(db *sql.DB, query string) (all []string) {
		rows, err := db.Query(query)
		must(t, err)
		defer rows.Close()
		for rows.Next() {
			var table, column string
			must(t, rows.Scan(&table, &column))
			all = append(all, table+"."+column)
		}
		must(t, rows.Err())
		slices.Sort(all)
		return all
	}
	want := columns(file, `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type IN ('table', 'view')`)
	got := columns(l.database.read, `SELECT table_name, column_name FROM information_schema.columns
		WHERE table_schema = current_schema() AND table_name NOT LIKE 'river_%' AND table_name <> 'commits'`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if odd := columns(l.database.read, `SELECT table_name, column_name FROM information_schema.columns
		WHERE table_schema = current_schema() AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`); len(odd) > 0 {
		t.Errorf("not sorted by their bytes: %s", odd)
	}
}

func TestTheAuditIsOnlyAddedTo(t *testing.T) {
	address := postgrestest.Address(t)
	l := openAt(t, address, Options{})
	must(t, l.Keep(t.Context(), &bridge.Event{Kind: bridge.DecisionTaken}))
	for _, change := range []string{`UPDATE audit SET why = 'x'`, `DELETE FROM audit`, `TRUNCATE audit`} {
		if _, err := l.database.write.Exec(change); err == nil {
			t.Error(change)
		}
	}
}

func TestParametersAreNumbered(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT 1":                             "SELECT 1",
		"a = ? AND b = ?":                      "a = $1 AND b = $2",
		"a = ?2 AND b = ?1 OR c = ?2 OR d = ?": "a = $2 AND b = $1 OR c = $2 OR d = $3",
		`a = '?' AND "b?" = ? AND c = 'it''s ?' AND d = ?`: `a = '?' AND "b?" = $1 AND c = 'it''s ?' AND d = $2`,
		"a = ?10":             "a = $10",
		"'open at ?":          "'open at ?",
		"x CROSS JOIN y ON z": "x JOIN y ON z",
	} {
		if got := said(query); got != want {
			t.Errorf("%s became %s, and not %s", query, got, want)
		}
	}
}

func FuzzTextsComeBackAndAreTwo(f *testing.F) {
	for _, s := range []string{"", "a", "\x00", "\xff\xfe.csv", "ü☃\U0010FF00\U0010FFFF", "\U0010F000", "a\xf4\x8f"} {
		f.Add(s, s+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		one, other := storable(a), storable(b)
		if stored(one) != a || (one == other) != (a == b) || strings.ContainsRune(one, 0) || !strings.EqualFold(strings.ToValidUTF8(one, "?"), one) {
			t.Errorf("%q is stored as %q and read as %q; %q as %q", a, one, stored(one), b, other)
		}
	})
}

func TestTextsOfAnyBytesAreKept(t *testing.T) {
	l := openAt(t, postgrestest.Address(t), Options{})
	for _, text := range []string{"\x00", "\xff\xfe.csv", "\U0010FF00", "plain ü"} {
		must(t, l.Note(t.Context(), text, text))
	}
	notes, err := l.Notes(t.Context())
	must(t, err)
	for _, text := range []string{"\x00", "\xff\xfe.csv", "\U0010FF00", "plain ü"} {
		if notes[text] != text {
			t.Errorf("%q is %q", text, notes[text])
		}
	}
}

// BenchmarkLookup is what planning asks of the ledger.
func BenchmarkLookup(b *testing.B) {
	l := openAt(b, postgrestest.Address(b), Options{})
	const n = 10_000
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "Retail|SKU-" + time.Duration(i).String() + "|item|1|EUR"
	}
	slices.Sort(keys)
	fill(b, l, keys)
	refs := make([]bridge.LinkRef, 1000)
	rows := 0
	b.ReportAllocs()
	for i := 0; b.Loop(); i = (i + 1000) % n {
		must(b, l.Lookup(context.Background(), "prices", keys[i:i+1000], refs))
		if refs[999].ID == 0 {
			b.Fatal("a key is not found")
		}
		rows += 1000
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkSettle is what loading asks of it.
func BenchmarkSettle(b *testing.B) {
	l := openAt(b, postgrestest.Address(b), Options{})
	rows := 0
	for b.Loop() {
		keys := make([]string, 500)
		for i := range keys {
			rows++
			keys[i] = "K" + time.Duration(rows).String()
		}
		fill(b, l, keys)
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

func fill(b testing.TB, l *Ledger, keys []string) {
	b.Helper()
	for page := range slices.Chunk(keys, 5000) {
		done := make([]bridge.Settlement, len(page))
		for i, key := range page {
			done[i] = bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: "prices", Key: key, Fate: bridge.FateCreated},
				Link: &bridge.Link{Entity: "prices", Key: key, OroID: "1"}}
		}
		must(b, l.Settle(context.Background(), 0, done))
	}
}
