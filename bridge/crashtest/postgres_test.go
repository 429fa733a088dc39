package crashtest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
)

// inPostgres has a site's ledger stand in a database.
func (s *site) inPostgres(address string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "orobridge.yaml")
	text, err := os.ReadFile(path)
	if err == nil {
		s.postgres = address
		text = bytes.Replace(text, []byte("state: { dir: var }"), []byte("state: { dir: var, postgres: '"+address+"' }"), 1)
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestADatabaseThatIsKilledEndsInTheUndisturbedState plays the whole load with a ledger in PostgreSQL, which is killed at a step of each
// wave and started again once the bridge has noticed: the end is that of a bridge with a file to which nothing happened.
func TestADatabaseThatIsKilledEndsInTheUndisturbedState(t *testing.T) {
	u := undisturbedEnd(t)
	beside(t)
	cluster, err := postgrestest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Remove(); err != nil {
			t.Error(err)
		}
	})
	kill := func(w *world) func() {
		if err := cluster.Kill(); err != nil {
			w.t.Error(err)
		}
		return func() {
			if err := cluster.Start(); err != nil {
				w.t.Error(err)
			}
		}
	}
	kills := []fault{{step: "claim", n: 1}, {step: "submitted", n: 2}}
	if soak() {
		kills = append(kills, fault{step: "fetch", n: 1}, fault{step: "planned", n: 1}, fault{step: "submit", n: 1}, fault{step: "submit", n: 3},
			fault{step: "await", n: 1}, fault{step: "write rejects", n: 1}, fault{step: "finish", n: 1})
	}
	for i, f := range kills {
		w := newWorld(t, false, orotest.Version(orotest.Releases()[i%2]))
		w.inPostgres(postgrestest.Within(t, cluster))
		f.inject = kill
		hit, files := false, 0
		for _, wave := range waves {
			w.drop(wave)
			files += len(wave)
			hit = w.run(files, f) || hit
		}
		if !hit {
			t.Errorf("the bridge never came to %s", f.step)
		}
		if u.inTheEnd().same(t, w.end().inTheEnd()); t.Failed() {
			t.Fatalf("killed at %s\n%s", f.step, w.tail())
		}
	}
}
