package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
)

// inSoak leaves a test to scripts/soak: it starts several servers.
func inSoak(t *testing.T) {
	t.Helper()
	if os.Getenv("OROBRIDGE_SOAK") == "" {
		t.Skip("scripts/soak plays this")
	}
}

func cluster(t *testing.T) *postgrestest.Cluster {
	t.Helper()
	c, err := postgrestest.New()
	must(t, err)
	t.Cleanup(func() { must(t, c.Remove()) })
	return c
}

// eventually tries something until the database is there again.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		err := try()
		switch {
		case err == nil:
			return
		case bridge.FateOf(err) != bridge.Pause:
			t.Fatalf("that does not pass by itself: %v", err)
		case time.Since(began) > time.Minute:
			t.Fatal(err)
		}
	}
}

// A primary dies in the middle of the work, and its replica is promoted: the bridge pauses and goes on by itself. What was committed is
// there, since the replica is a synchronous one, and nobody else has taken the ledger meanwhile.
func TestAReplicaTakesOver(t *testing.T) {
	inSoak(t)
	primary := cluster(t)
	must(t, primary.Do(t.Context(), "ALTER SYSTEM SET synchronous_standby_names = '*'"))
	standby, err := primary.Standby()
	must(t, err)
	t.Cleanup(func() { must(t, standby.Remove()) })
	must(t, primary.Do(t.Context(), "SELECT pg_reload_conf()"))
	l := openAt(t, primary.Either(standby), Options{})
	must(t, l.Note(t.Context(), "before", "1"))
	if _, err := Open(t.Context(), standby.Address(), Options{}); bridge.FateOf(err) != bridge.Pause || bridge.HintOf(err) == "" {
		t.Errorf("a ledger that is only a replica: %v, hint %q", err, bridge.HintOf(err))
	}

	// Notes are written one after the other. Only those that were said to be there count.
	var told []string
	stop, done := make(chan struct{}), make(chan struct{})
	began := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			note := fmt.Sprintf("n%05d", i)
			if err := l.Note(context.Background(), note, note, &bridge.Event{Kind: bridge.Noted, Text: note}); err == nil {
				told = append(told, note)
			} else if bridge.FateOf(err) != bridge.Pause {
				t.Error(err)
				return
			}
			if i == 20 {
				close(began)
			}
		}
	}()
	<-began
	must(t, primary.Kill())
	t.Cleanup(func() { must(t, primary.Start()) }) // so that it can be removed
	down := time.Now()
	must(t, standby.Do(t.Context(), "ALTER SYSTEM SET synchronous_standby_names = ''"))
	must(t, standby.Do(t.Context(), "SELECT pg_reload_conf()"))
	must(t, standby.Do(t.Context(), "SELECT pg_promote()"))
	eventually(t, func() error { return l.database.hold.still(t.Context()) })
	eventually(t, func() error { return l.Note(t.Context(), "after", "1") })
	t.Logf("it writes again %v after the primary's death", time.Since(down).Round(time.Millisecond))
	close(stop)
	<-done
	notes, err := l.Notes(t.Context())
	must(t, err)
	for _, note := range append([]string{"before", "after"}, told...) {
		if notes[note] == "" {
			t.Errorf("%s was told to be there, and is lost", note)
		}
	}
	var texts []string
	must(t, l.Events(t.Context(), bridge.EventFilter{}, func(e *bridge.Event) error {
		texts = append(texts, e.Text)
		return nil
	}))
	if once := slices.Compact(slices.Clone(texts)); len(once) != len(texts) {
		t.Error("an event stands in the journal twice")
	}
	if _, err := Open(t.Context(), primary.Either(standby), Options{}); !errors.Is(err, bridge.ErrLocked) {
		t.Errorf("a second bridge on the replica: %v", err)
	}
}

// A replica takes over that has not heard of a commit whose answer was lost, and gives the number that its transaction had to somebody
// else's, which is committed. The bridge hears that its own is not there.
func TestACommitThatIsLostWithItsDatabaseIsNotTakenForAnotherOne(t *testing.T) {
	inSoak(t)
	primary := cluster(t)
	standby, err := primary.Standby()
	must(t, err)
	t.Cleanup(func() { must(t, standby.Remove()) })
	l := openAt(t, primary.Either(standby), Options{})
	must(t, l.Note(t.Context(), "before", "1"))
	var caughtUp bool
	for !caughtUp {
		must(t, admin(t, primary.Address()).QueryRow(t.Context(),
			"SELECT coalesce(min(replay_lsn) >= pg_current_wal_lsn(), false) FROM pg_stat_replication").Scan(&caughtUp))
	}
	must(t, standby.Kill())
	c, err := l.database.write.Conn(t.Context())
	must(t, err)
	number := l.database.commits.Add(1)
	must(t, l.database.begin(t.Context(), c, number))
	var transaction string
	must(t, c.QueryRowContext(t.Context(), "SELECT pg_current_xact_id()::text").Scan(&transaction))
	must(t, run(t.Context(), c, "COMMIT"))
	must(t, primary.Kill())
	t.Cleanup(func() { must(t, primary.Start()) }) // so that it can be removed
	must(t, standby.Start())
	must(t, standby.Do(t.Context(), "SELECT pg_promote()"))
	db, status := admin(t, standby.Address()), ""
	for status != "committed" { // others come by until one has that number
		_, err := db.Exec(t.Context(), "SELECT pg_current_xact_id()")
		must(t, err)
		if err := db.QueryRow(t.Context(), "SELECT coalesce(pg_xact_status($1::text::xid8), 'forgotten')", transaction).Scan(&status); err != nil &&
			stateOf(err) != "22023" { // there is none of it yet
			t.Fatal(err)
		}
	}
	unanswered := pause(errors.New("unanswered"), "wait")
	if err := l.database.becameOf(t.Context(), number, unanswered); err != unanswered {
		t.Errorf("it became of it: %v", err)
	}
	must(t, closed(c))
}

// A pooler that hands out whole sessions is as good as the database itself, and may be started anew.
func TestAPoolerOfSessionsMayStandBetween(t *testing.T) {
	inSoak(t)
	c := cluster(t)
	pooler, err := c.Pooler()
	must(t, err)
	t.Cleanup(func() { must(t, pooler.Stop()) })
	l := openAt(t, pooler.Address(), Options{})
	fill(t, l, []string{"A", "B", "C"})
	refs := make([]bridge.LinkRef, 3)
	must(t, l.Lookup(t.Context(), "prices", []string{"A", "B", "C"}, refs))
	if refs[0].ID == 0 || refs[2].ID == 0 {
		t.Errorf("links are not found: %v", refs)
	}
	if _, err := Open(t.Context(), pooler.Address(), Options{}); !errors.Is(err, bridge.ErrLocked) {
		t.Errorf("a second bridge: %v", err)
	}
	if !Held(t.Context(), c.Address()) {
		t.Error("the ledger is not held")
	}
	must(t, pooler.Stop())
	if err := l.Note(t.Context(), "while", "1"); bridge.FateOf(err) != bridge.Pause {
		t.Errorf("a write without the pooler: %v", err)
	}
	must(t, pooler.Start())
	eventually(t, func() error { return l.database.hold.still(t.Context()) })
	eventually(t, func() error { return l.Note(t.Context(), "after", "1") })
	must(t, l.Close())
	must(t, openAt(t, pooler.Address(), Options{}).Note(t.Context(), "again", "1"))
}
