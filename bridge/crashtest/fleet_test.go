package crashtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/orobridge/orobridge/state"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
)

// ships are processes of the program that share the work of a site, each with a state folder of its own.
type ships struct {
	*site
	rand *rand.Rand
	all  []*ship
}

type ship struct {
	name   string
	config string
	cmd    *exec.Cmd // nil while none runs
	log    bytes.Buffer
}

// newShips makes a site whose ledger stands in a database, with an export beside its feeds, and so many bridges.
func newShips(t *testing.T, address string, n int, options ...orotest.Option) *ships {
	s := &ships{site: newSite(t, sftptest.Sshd(t).Login, "", patient, options...), rand: chance(t)}
	s.inPostgres(address)
	path := filepath.Join(s.dir, "orobridge.yaml")
	text, err := os.ReadFile(path)
	if err == nil {
		err = os.MkdirAll(filepath.Join(s.root, "orders"), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("alarms:"), []byte("exports:\n  - { name: orders, remote: erp, folder: orders, every: 1s, since: all, "+
		"file: 'ORD_{number}_{identifier}.csv', format: { kind: csv } }\nalarms:"), 1)
	for i := range n {
		b := &ship{name: fmt.Sprintf("bridge %d", i+1), config: filepath.Join(s.dir, fmt.Sprintf("orobridge-%d.yaml", i+1))}
		own := bytes.Replace(text, []byte("dir: var,"), fmt.Appendf(nil, "dir: var-%d,", i+1), 1)
		if err := os.WriteFile(b.config, own, 0o600); err != nil {
			t.Fatal(err)
		}
		s.all = append(s.all, b)
		t.Cleanup(func() { s.end9(b) })
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

// start starts a bridge.
func (s *ships) start(b *ship, env ...string) {
	s.t.Helper()
	b.cmd = exec.Command(binary(s.t), "--config", b.config, "run")
	b.cmd.Env = append(os.Environ(), env...)
	b.cmd.Dir, b.cmd.Stderr = s.dir, &b.log
	if err := b.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
}

// end9 kills a bridge, if it runs.
func (s *ships) end9(b *ship) {
	if b.cmd == nil {
		return
	}
	_ = b.cmd.Process.Kill() // it may have ended
	_ = b.cmd.Wait()
	b.cmd = nil
}

// look opens the ledger to look at it.
func (s *ships) look() *state.State {
	s.t.Helper()
	for range 600 { // until the first bridge has made it
		ledger, err := state.Open(s.t.Context(), filepath.Join(s.dir, "var"), state.Options{Postgres: s.postgres, ReadOnly: true})
		if err == nil {
			return ledger
		}
		if !errors.Is(err, fs.ErrNotExist) {
			s.t.Fatal(err)
		}
		if err := (bridge.SystemClock{}).Wait(s.t.Context(), 100*time.Millisecond); err != nil {
			s.t.Fatal(err)
		}
	}
	s.t.Fatalf("nobody has made the ledger: %s", s.story())
	return nil
}

// until waits for something of the ledger, and lets things happen meanwhile.
func (s *ships) until(what string, limit time.Duration, is func(*state.State) bool, meanwhile func()) {
	s.t.Helper()
	ledger := s.look()
	defer ledger.Close() // it was only read
	for end := time.Now().Add(limit); ; {
		if is(ledger) {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s has not come: %s", what, s.story())
		}
		if meanwhile != nil {
			meanwhile()
		}
		if err := (bridge.SystemClock{}).Wait(s.t.Context(), 50*time.Millisecond); err != nil {
			s.t.Fatal(err)
		}
	}
}

// story is the end of what the bridges have logged.
func (s *ships) story() string {
	var told strings.Builder
	for _, b := range s.all {
		s.end9(b)
		text := b.log.String()
		fmt.Fprintf(&told, "\n--- %s\n%s", b.name, text[max(0, len(text)-6000):])
	}
	return told.String()
}

// settled says that so many files are settled and put away, and nothing is parked that may come in yet.
func settled(files int) func(*state.State) bool {
	return func(l *state.State) bool {
		drops, err := l.Drops(context.Background(), bridge.DropFilter{})
		return err == nil && len(drops) == files && !slices.ContainsFunc(drops, func(d *bridge.Drop) bool { return !d.State.Settled() || d.Finish != "" })
	}
}

// doing finds the bridge that has a job.
func (s *ships) doing(l *state.State, job string) *ship {
	members, err := l.Bridges(context.Background())
	if err != nil {
		return nil
	}
	for _, m := range members {
		if !slices.ContainsFunc(m.Doing, func(doing string) bool { return strings.HasPrefix(doing, job) }) {
			continue
		}
		for _, b := range s.all {
			if b.cmd != nil && strings.HasSuffix(m.Name, fmt.Sprintf(":%d", b.cmd.Process.Pid)) {
				return b
			}
		}
	}
	return nil
}

// at waits for the bridge that does a job.
func (s *ships) at(job string) (found *ship) {
	s.t.Helper()
	s.until("a bridge that does "+job, time.Minute, func(l *state.State) bool { found = s.doing(l, job); return found != nil }, nil)
	return found
}

// batches are when the shop took changes.
func (s *ships) batches() (at []time.Time) {
	for _, r := range s.shop.Journal() {
		if r.Method == "PATCH" && r.Status == 202 {
			at = append(at, r.When)
		}
	}
	return at
}

// ordersOut are the names of order files, as the ERP reads them.
func (s *ships) ordersOut() (names []string) {
	s.t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.root, "orders"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "ORD_") {
			names = append(names, e.Name())
		}
	}
	return names
}

func (s *ships) order(n int) {
	s.t.Helper()
	if _, err := s.shop.SubmitOrder(orotest.Order{Identifier: fmt.Sprintf("A%05d", n), Currency: "EUR", Customer: "1",
		Lines: []orotest.Line{{FreeForm: "Work", Unit: "item", Quantity: "1", Price: "1"}}}); err != nil {
		s.t.Fatal(err)
	}
}

// TestWorkOfADeadBridgeIsTakenUp kills the bridge that loads a file, and then the one that writes orders: the other one goes on with both,
// and the end is that of one bridge with a file to which nothing happened.
func TestWorkOfADeadBridgeIsTakenUp(t *testing.T) {
	u := undisturbedEnd(t)
	s := newShips(t, postgrestest.Address(t), 2)
	first, second := s.all[0], s.all[1]
	s.start(first, "OROBRIDGE_CRASH=2:submitted")
	s.at("imports")
	s.start(second)
	s.drop(waves[0])
	_ = first.cmd.Wait() // it kills itself
	killed, taken := time.Now(), len(s.batches())
	first.cmd = nil
	s.until("the next batch", time.Minute, func(*state.State) bool { return len(s.batches()) > taken }, nil)
	t.Logf("the next batch came %s after the kill", s.batches()[taken].Sub(killed).Round(10*time.Millisecond))
	s.start(first)
	s.until("the end of the first wave", time.Minute, settled(len(waves[0])), nil)
	s.order(1)
	s.until("an order", time.Minute, func(*state.State) bool { return len(s.ordersOut()) == 1 }, nil)
	writer := s.at("export orders")
	killed = time.Now()
	s.end9(writer)
	s.order(2)
	s.until("the next order", time.Minute, func(*state.State) bool { return len(s.ordersOut()) == 2 }, nil)
	t.Logf("the next order came %s after the kill", time.Since(killed).Round(10*time.Millisecond))
	s.drop(waves[1])
	s.until("the end of the second wave", time.Minute, settled(len(waves[0])+len(waves[1])), nil)
	s.same(u)
}

// same compares the end with that of an undisturbed bridge.
func (s *ships) same(u *undisturbed) {
	s.t.Helper()
	e := s.site.end().inTheEnd()
	for name := range e.Files {
		if strings.HasPrefix(name, "orders/") {
			delete(e.Files, name)
		}
	}
	delete(e.Shop, "orders") // nobody had submitted any there
	delete(e.Shop, "orderlineitems")
	if u.inTheEnd().same(s.t, e); s.t.Failed() {
		s.t.Log(s.story())
	}
}
