package state

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
)

// firstLedger is a state folder of the first version: four drops, of which two were loaded in part, and the sample shop's orders. Its
// ledger was made by that version's program and stays as it is: what was released once has to be brought up to date for ever.
func firstLedger(t *testing.T) string {
	t.Helper()
	packed, err := os.Open("testdata/ledger-008.db.gz")
	must(t, err)
	defer packed.Close()
	r, err := gzip.NewReader(packed)
	must(t, err)
	ledger, err := io.ReadAll(r)
	must(t, err)
	dir := filepath.Join(t.TempDir(), "var")
	must(t, errors.Join(os.MkdirAll(filepath.Join(dir, "spool"), 0o700), os.WriteFile(filepath.Join(dir, "ledger.db"), ledger, 0o600)))
	return dir
}

func TestALedgerOfTheFirstVersionIsBroughtUpToDateAfterABackup(t *testing.T) {
	dir := firstLedger(t)
	before, err := os.ReadFile(filepath.Join(dir, "ledger.db"))
	must(t, err)
	if _, err := Open(t.Context(), dir, Options{ReadOnly: true}); err == nil || !strings.Contains(bridge.HintOf(err), "state migrate") {
		t.Errorf("a reader may not guess: %v", err)
	}
	trial, err := TryMigrations(t.Context(), dir, "", "")
	must(t, err)
	if after, err := os.ReadFile(filepath.Join(dir, "ledger.db")); err != nil || !slices.Equal(before, after) || len(trial.Missing) == 0 {
		t.Errorf("the rehearsal of %v has changed the ledger, %v", trial.Missing, err)
	}
	m, err := Migrate(t.Context(), dir, "", "2.0.0")
	must(t, err)
	if !slices.Equal(m.Missing, trial.Missing) {
		t.Errorf("rehearsed %v, played %v", trial.Missing, m.Missing)
	}
	drops, orders := contents(t, dir)
	if drops != 4 || orders != 24 {
		t.Errorf("%d drops and %d orders", drops, orders)
	}
	found, err := Examine(t.Context(), dir, "")
	must(t, err)
	for _, f := range found {
		if !f.OK && f.Subject == "ledger" {
			t.Errorf("%+v", f)
		}
	}
	// The backup holds the ledger as it was: restored, it is one of the first version again, and comes here once more.
	backups, err := filepath.Glob(filepath.Join(dir, upgradePrefix+"*"+BackupExtension))
	if err != nil || len(backups) != 1 {
		t.Fatalf("%v %v", backups, err)
	}
	f, err := os.Open(backups[0])
	must(t, err)
	defer f.Close()
	again := filepath.Join(t.TempDir(), "var")
	done, err := Restore(t.Context(), again, f, false, noon)
	must(t, err)
	if done.Schema != "008_made.sql" {
		t.Errorf("the backup has %s", done.Schema)
	}
	if _, err := Migrate(t.Context(), again, "", "2.0.0"); err != nil {
		t.Error(err)
	}
	if m, err := TryMigrations(t.Context(), dir, "", ""); err != nil || len(m.Missing) > 0 {
		t.Errorf("once more: %v %v", m, err)
	}
}

func contents(t *testing.T, dir string) (drops, orders int) {
	t.Helper()
	s := openIn(t, dir, Options{ReadOnly: true})
	d, err := s.Drops(t.Context(), bridge.DropFilter{})
	must(t, err)
	o, err := s.Outbox(t.Context(), bridge.OutboxFilter{})
	must(t, err)
	return len(d), len(o)
}

func TestANewerLedgerIsRefusedWithTheVersionThatItNeeds(t *testing.T) {
	dir := damaged(t, `INSERT INTO migrations VALUES ('999_later.sql', 'x', 0); UPDATE notes SET text = '9.1.0' WHERE name = 'program'`)
	for _, o := range []Options{{}, {ReadOnly: true}, {Beside: true}} {
		s, err := Open(t.Context(), dir, o)
		if err == nil {
			must(t, s.Close())
			t.Fatalf("%+v: it was opened", o)
		}
		if !strings.Contains(err.Error(), "orobridge 9.1.0 has written it") || !strings.Contains(bridge.HintOf(err), "install orobridge 9.1.0") {
			t.Errorf("%+v: %v; %s", o, err, bridge.HintOf(err))
		}
	}
	if _, err := Backup(t.Context(), dir, "1.2.3", io.Discard, noon); err == nil {
		t.Error("an older program makes a backup of it")
	}
}
