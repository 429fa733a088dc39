package state

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
)

// A damaged page costs what stands on it, and no more; what is left can be worked with.
func TestWhatCanBeReadOfADamagedLedgerIsSalvaged(t *testing.T) {
	dir := damaged(t, ``)
	breakLedger(t, dir) // notes, in the middle of the file
	path := filepath.Join(dir, ledgerName)
	must(t, os.WriteFile(filepath.Join(dir, "lock"), []byte("4711 running\n"), 0o600))
	if s, err := Open(t.Context(), dir, Options{}); err == nil || !strings.Contains(bridge.HintOf(err), "state salvage") {
		t.Fatalf("it was opened, or nobody says what to do: %v %v", err, s.Close())
	}
	if _, err := Salvage(t.Context(), dir, path, false, noon); err == nil || bridge.HintOf(err) == "" {
		t.Errorf("nobody has agreed: %v", err)
	}
	done, err := Salvage(t.Context(), dir, path, true, noon)
	must(t, err)
	lost := map[string]string{}
	for _, s := range done.Tables {
		if s.Lost != "" {
			lost[s.Table] = s.Lost
		}
	}
	if len(lost) == 0 || lost["notes"] == "" {
		t.Errorf("lost: %v", lost)
	}
	found, err := Examine(t.Context(), dir, "")
	must(t, err)
	for _, f := range found {
		if !f.OK {
			t.Errorf("%+v", f)
		}
	}
	drops, orders := contents(t, dir)
	if drops != 2 || orders != 2 {
		t.Errorf("%d drops, %d orders", drops, orders)
	}
	s := openIn(t, dir, Options{})
	if s.Generation() != done.Life || done.Life < 2 {
		t.Errorf("generation %d", s.Generation())
	}
	notes, err := s.Notes(t.Context())
	must(t, err)
	if len(notes) < 50 {
		t.Errorf("only %d notes were read", len(notes))
	}
}

// Whatever a ledger keeps is carried over: audit, tokens, sessions, alarms, what is owed to routes, and tables that come in later versions.
func TestEveryTableIsSalvaged(t *testing.T) {
	dir := kept(t)
	path := filepath.Join(dir, ledgerName)
	db, err := sql.Open("sqlite3", path)
	must(t, err)
	filled := map[string]bool{}
	for _, table := range texts(t, db, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT IN ('migrations', 'bridges')`) {
		_, err := db.Exec(`DELETE FROM ` + table)
		must(t, err)
		columns := texts(t, db, `SELECT name FROM pragma_table_info('`+table+`')`)
		values := texts(t, db, `SELECT CASE WHEN name = 'print' THEN '0' WHEN name IN ('head', 'tail') THEN '''''' ELSE quote(CASE type WHEN 'BLOB' THEN x'78' WHEN 'TEXT' THEN '1' ELSE 1 END) END
			FROM pragma_table_info('`+table+`')`)
		_, err = db.Exec(`INSERT INTO ` + table + ` (` + strings.Join(columns, ", ") + `) VALUES (` + strings.Join(values, ", ") + `)`)
		must(t, err)
		filled[table] = true
	}
	for _, table := range []string{"audit", "tokens", "sessions", "alarms", "messages", "links", "settings", "accepted", "history", "outbox", "outfiles", "parked"} {
		if !filled[table] {
			t.Errorf("there is no table %s", table)
		}
	}
	_, err = db.Exec(`UPDATE sqlite_sequence SET seq = 4711 WHERE name = 'audit'`)
	must(t, errors.Join(err, db.Close()))
	into := filepath.Join(t.TempDir(), "var")
	done, err := Salvage(t.Context(), into, path, false, noon)
	must(t, err)
	for _, s := range done.Tables {
		if delete(filled, s.Table); s.Read == 0 && s.Lost == "" {
			t.Errorf("nothing of %s was read", s.Table)
		}
	}
	if len(filled) > 0 {
		t.Errorf("left out: %v", filled)
	}
	db, err = sql.Open("sqlite3", filepath.Join(into, ledgerName))
	must(t, err)
	defer db.Close()
	for _, s := range done.Tables {
		if n := texts(t, db, `SELECT count(*) FROM `+s.Table); n[0] == "0" {
			t.Errorf("%s is empty", s.Table)
		}
	}
	if got := texts(t, db, `SELECT seq FROM sqlite_sequence WHERE name = 'audit'`); got[0] != "4711" {
		t.Errorf("the audit's numbers go on behind %v", got)
	}
}

// texts is the first column of what a query finds.
func texts(t *testing.T, db *sql.DB, query string) (all []string) {
	t.Helper()
	rows, err := db.Query(query)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		must(t, rows.Scan(&text))
		all = append(all, text)
	}
	must(t, rows.Err())
	return all
}

func TestWhatIsNoLedgerAtAllGivesAnEmptyOne(t *testing.T) {
	dir, other := filepath.Join(t.TempDir(), "var"), filepath.Join(t.TempDir(), "x.db")
	if _, err := Salvage(t.Context(), dir, other, false, noon); err == nil || bridge.HintOf(err) == "" {
		t.Errorf("there is no file: %v", err)
	}
	must(t, os.WriteFile(other, []byte(strings.Repeat("what? ", 5000)), 0o600))
	done, err := Salvage(t.Context(), dir, other, false, noon)
	must(t, err)
	for _, s := range done.Tables {
		if s.Lost == "" {
			t.Errorf("%s was read", s.Table)
		}
	}
	openIn(t, dir, Options{})
}
