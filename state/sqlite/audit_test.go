package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/state"
)

// Whoever can write into the ledger's file can change its audit; it is found.
func TestTamperingWithTheAuditIsFound(t *testing.T) {
	base := t.TempDir()
	l, err := state.Open(t.Context(), base, state.Options{})
	must(t, err)
	at := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)
	for i := range 5 {
		must(t, l.Keep(t.Context(), &bridge.Event{At: at.Add(time.Duration(i+1) * time.Minute), Kind: bridge.DecisionTaken, Who: "olga",
			Why: "<b> & \u2028 \xff"}))
	}
	must(t, l.Close())
	const open = `DROP TRIGGER audit_stays; DROP TRIGGER audit_says;`
	for _, test := range []struct {
		name, sql string
		want      []string
	}{
		{"nothing", ``, []string{}},
		{"a reason that was changed", open + `UPDATE audit SET why = 'asked' WHERE n = 3`,
			[]string{"entry 3 of 2026-11-21T07:03:00Z was changed"}},
		{"a person who was changed", open + `UPDATE audit SET who = 'kai' WHERE n = 1`, []string{"entry 1 of 2026-11-21T07:01:00Z was changed"}},
		{"a time that was changed", open + `UPDATE audit SET at = at + 1 WHERE n = 5`, []string{"entry 5 of 2026-11-21T07:05:00Z was changed"}},
		{"two that were taken out", open + `DELETE FROM audit WHERE n IN (2, 3)`, []string{"entries 2 to 3 are missing"}},
		{"the first one taken out", open + `DELETE FROM audit WHERE n = 1`, []string{"entries 1 to 1 are missing"}},
		{"the last ones taken off", open + `DELETE FROM audit WHERE n >= 4`, []string{"entries 4 to 5 are missing"}},
		{"all of them", open + `DELETE FROM audit`, []string{"entries 1 to 5 are missing"}},
		{"one taken out, and the numbers closed up", open + `DELETE FROM audit WHERE n = 2; UPDATE audit SET n = n - 1 WHERE n > 2`,
			[]string{"entry 2 does not follow on entry 1", "entry 2 of 2026-11-21T07:03:00Z was changed", "entry 3 of 2026-11-21T07:04:00Z was changed",
				"entry 4 of 2026-11-21T07:05:00Z was changed", "entries 5 to 5 are missing"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			must(t, os.CopyFS(dir, os.DirFS(base)))
			db, err := sql.Open("sqlite3", filepath.Join(dir, "ledger.db"))
			must(t, err)
			_, err = db.Exec(test.sql)
			must(t, err)
			must(t, db.Close())
			l, err := state.Open(t.Context(), dir, state.Options{ReadOnly: true})
			must(t, err)
			defer l.Close()
			v, err := (&operate.View{Ledger: l}).VerifyAudit(t.Context(), nil)
			must(t, err)
			if diff := cmp.Diff(test.want, v.Faults); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A whole chain that was made anew is in order by itself; a copy that was exported before tells.
func TestAChainThatWasMadeAnewDiffersFromTheCopy(t *testing.T) {
	audit := func(whys ...string) (*state.State, string) {
		l, err := state.Scratch(context.Background())
		must(t, err)
		t.Cleanup(func() { must(t, l.Close()) })
		var copied strings.Builder
		for _, why := range whys {
			must(t, l.Keep(t.Context(), &bridge.Event{At: time.UnixMilli(1), Kind: bridge.DecisionTaken, Why: why}))
		}
		must(t, l.Audit(t.Context(), bridge.AuditFilter{}, func(a *bridge.AuditEntry) error {
			copied.WriteString(a.Line() + "\n")
			return nil
		}))
		return l, copied.String()
	}
	_, before := audit("a", "b")
	_, later := audit("a", "b", "c")
	honest, _ := audit("a", "b", "c")
	forged, _ := audit("a", "x", "c")
	for _, test := range []struct {
		name   string
		ledger *state.State
		copied string
		n      int64
		faults int
	}{
		{"the same", honest, later, 3, 0}, {"an earlier copy", honest, before, 2, 0},
		{"the end of a copy", honest, later[strings.Index(later, "\n")+1:], 2, 0},
		{"no copy", honest, "", 0, 0}, {"a forged chain", forged, later, 1, 2},
	} {
		v, err := (&operate.View{Ledger: test.ledger}).VerifyAudit(t.Context(), strings.NewReader(test.copied))
		must(t, err)
		if v.Copied != test.n || len(v.Faults) != test.faults {
			t.Errorf("%s: %+v", test.name, v)
		}
	}
	cut, _ := audit("a")
	v, err := (&operate.View{Ledger: cut}).VerifyAudit(t.Context(), strings.NewReader(before))
	must(t, err)
	if diff := cmp.Diff([]string{"entry 2 of the copy is not here"}, v.Faults); diff != "" {
		t.Error(diff)
	}
	if _, err := (&operate.View{Ledger: cut}).VerifyAudit(t.Context(), bytes.NewReader(make([]byte, 2<<20))); err == nil {
		t.Error("a copy that is none is read")
	}
}

// The program itself can neither change an entry nor take one out.
func TestTheAuditIsOnlyAddedTo(t *testing.T) {
	dir := t.TempDir()
	l, err := state.Open(t.Context(), dir, state.Options{})
	must(t, err)
	must(t, l.Keep(t.Context(), &bridge.Event{Kind: bridge.DecisionTaken}))
	must(t, l.Close())
	db, err := sql.Open("sqlite3", filepath.Join(dir, "ledger.db"))
	must(t, err)
	defer db.Close()
	for _, change := range []string{`UPDATE audit SET why = 'x'`, `DELETE FROM audit`} {
		if _, err := db.Exec(change); err == nil {
			t.Error(change)
		}
	}
}
