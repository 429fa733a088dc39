package crashtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
)

// A manager is what has started a bridge, as systemd has: it is told how the bridge is.
type manager struct {
	t      testing.TB
	socket *net.UnixConn
	told   []string
}

func newManager(t testing.TB) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	return &manager{t: t, socket: socket}
}

func (m *manager) env() string { return "NOTIFY_SOCKET=" + m.socket.LocalAddr().String() }

// hears waits until it is told something, and remembers what it is told before.
func (m *manager) hears(want string) {
	m.t.Helper()
	if err := m.socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		m.t.Fatal(err)
	}
	for buf := make([]byte, 1000); ; {
		n, err := m.socket.Read(buf)
		if err != nil {
			m.t.Fatalf("waiting for %q after %q: %v", want, m.told, err)
		}
		m.told = append(m.told, string(buf[:n]))
		if strings.Contains(string(buf[:n]), want) {
			return
		}
	}
}

// there waits until so many bridges share the work.
func (s *ships) there(n int) {
	s.t.Helper()
	if s.ledger == nil {
		s.look()
	}
	s.until(fmt.Sprintf("bridge %d", n), time.Minute, func() bool {
		members, err := s.ledger.Bridges(context.Background())
		return err == nil && len(members) == n && !slices.ContainsFunc(members, func(m *bridge.Member) bool { return m.Config == "" })
	})
}

// says runs a verb by the config of a bridge, and what it says.
func (s *ships) says(b *ship, args ...string) (said string, code int) {
	s.t.Helper()
	cmd := s.commandOf(binary(s.t), b.config, args...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// own gives a bridge a config of its own, with some lines more.
func (s *ships) own(b *ship, more string) {
	s.t.Helper()
	text, err := os.ReadFile(s.all[0].config)
	if err == nil {
		b.config = filepath.Join(s.dir, b.dir+".yaml")
		err = os.WriteFile(b.config, append(text, more...), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// name is by what a bridge that runs is known.
func (s *ships) name(b *ship) string {
	host, err := os.Hostname()
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprintf("%s:%d", host, b.cmd.Process.Pid)
}

// land ends a bridge in an orderly way.
func (s *ships) land(b *ship) {
	s.t.Helper()
	s.signal(b, syscall.SIGTERM)
	if err := <-b.ended; err != nil {
		s.fail(fmt.Sprintf("%s ends with %v", b.name, err))
	}
	b.cmd = nil
}

// TestAReloadReachesEveryBridge has each of two bridges read its own config, once: one that is not good is told by the bridge that refuses
// it. A bridge that comes later has read its config already. One that was thought dead begins anew, which is no stop.
func TestAReloadReachesEveryBridge(t *testing.T) {
	beside(t)
	s := newShips(t, 3)
	first, second, third := s.all[0], s.all[1], s.all[2]
	systemd := newManager(t)
	s.start(first, systemd.env())
	s.there(1)
	s.own(second, "")
	s.start(second)
	s.there(2)
	good := func(b *ship) string { return s.name(b) + ": the config was read again: 12 feeds, 2 exports\n" }
	if said, code := s.says(first, "reload"); code != 0 || !strings.Contains(said, good(first)) || !strings.Contains(said, good(second)) {
		t.Errorf("code %d: %s", code, said)
	}

	s.own(second, "nonsense: 1\n")
	refusal := "error: " + s.name(second) + ": read again the config: "
	if said, code := s.says(first, "reload"); code != 2 || !strings.Contains(said, good(first)) || !strings.Contains(said, refusal) {
		t.Errorf("code %d: %s", code, said)
	}
	var status struct{ Paused map[string]string }
	s.ask(&status, "status")
	if text := status.Paused["reload "+s.name(second)]; len(status.Paused) != 1 || !strings.Contains(text, "nonsense") {
		t.Errorf("status: %v", status.Paused)
	}
	s.kill(second) // whatever it refused is nobody's any more
	s.start(third)
	s.until("the third instead of the second", time.Minute, func() bool {
		members, err := s.ledger.Bridges(context.Background())
		is := func(m *bridge.Member) bool { return m.Name == s.name(third) && m.Config != "" }
		return err == nil && len(members) == 2 && slices.ContainsFunc(members, is)
	})
	if said, code := s.says(first, "reload"); code != 0 || !strings.Contains(said, good(first)) || !strings.Contains(said, good(third)) {
		t.Errorf("code %d: %s", code, said)
	}
	status.Paused = nil
	s.ask(&status, "status")
	if len(status.Paused) != 0 {
		t.Errorf("status: %v", status.Paused)
	}
	var events []struct{ Kind, Work string }
	s.ask(&events, "events", "--last", "0")
	events = slices.DeleteFunc(events, func(e struct{ Kind, Work string }) bool {
		return !strings.HasPrefix(e.Work, "reload") || !strings.HasPrefix(e.Kind, "work ")
	})
	if len(events) != 6 {
		t.Errorf("three wishes were followed so often: %v", events)
	}

	systemd.hears("RELOADING=1")
	postgrestest.Exec(t, s.postgres, "DELETE FROM bridges WHERE name = '"+s.name(first)+"'")
	s.there(2)
	s.signal(first, syscall.SIGTERM)
	systemd.hears("STOPPING=1")
	begun := slices.DeleteFunc(systemd.told, func(told string) bool { return !strings.HasPrefix(told, "READY=1") })
	if len(begun) != 1+3+1 {
		t.Errorf("systemd heard that it was ready %d times: %q", len(begun), systemd.told)
	}
	<-first.ended
	first.cmd = nil
}

// next builds the program as its next version, which brings a migration.
func next(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	migration := filepath.Join(dir, "next.sql")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "state/postgres/migrations/999_next.sql"): migration}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := errors.Join(os.WriteFile(path, overlay, 0o600), os.WriteFile(migration, []byte("CREATE TABLE next (id BIGINT);\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	built := filepath.Join(dir, "orobridge-next")
	out, err := exec.Command("go", "build", "-overlay", path, "-ldflags", "-X github.com/orobridge/orobridge/cmd/orobridge/build.version=9.9",
		"-o", built, "github.com/orobridge/orobridge/cmd/orobridge").CombinedOutput()
	if err != nil {
		t.Fatalf("build the next version: %v\n%s", err, out)
	}
	return built
}

// patience is how long a wave may take, on a machine that has much else to do.
const patience = 5 * time.Minute

// TestBridgesAreUpgradedOneAfterTheOther: a bridge of the next version, which brings a migration, stands by while two older ones load; then
// one of these is drained and stopped and the other one killed, in the midst of a load. The next version brings the ledger up to date and
// goes on, and the end is that of one bridge to which nothing happened. An older one that comes again is refused.
func TestBridgesAreUpgradedOneAfterTheOther(t *testing.T) {
	if !soak() {
		t.Skip("scripts/soak plays this; TestABridgeOfANewerVersionWaitsForTheOlderOnes of state/postgres plays the ledger's part")
	}
	s := newShips(t, 3)
	first, second, newer := s.all[0], s.all[1], s.all[2]
	s.start(first)
	s.there(1)
	s.start(second)
	s.there(2)
	s.wave()

	port, err := sftptest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s.own(newer, fmt.Sprintf("admin: { listen: '127.0.0.1:%s' }\n", port))
	systemd := newManager(t)
	program := next(t)
	s.startAs(newer, program, systemd.env())
	systemd.hears("STATUS=stands by")
	s.until("the end of the first wave", patience, s.settled)
	ready(t, port)

	if said, code := s.says(second, "drain", s.name(first), "--why", "upgrade"); code != 0 {
		t.Errorf("drain: %s", said)
	}
	s.land(first)
	taken := len(s.shop.Journal())
	s.wave()
	s.until("a batch of the second wave", patience, func() bool {
		return slices.ContainsFunc(s.shop.Journal()[taken:], func(r orotest.Request) bool { return r.Method == http.MethodPatch })
	})
	s.kill(second)
	systemd.hears("STATUS=at work")
	ready(t, port)
	s.start(first)
	err = <-first.ended
	first.cmd = nil
	if told, lerr := os.ReadFile(first.log.Name()); lerr != nil || err == nil || !bytes.Contains(told, []byte("install orobridge 9.9 again")) {
		t.Errorf("an older one that comes again ends with %v", err)
	}
	type drop struct{ Moved bool } // it is settled and put away
	for began := time.Now(); ; s.pause(100 * time.Millisecond) {
		out, err := s.commandOf(program, newer.config, "drops", "--json").Output()
		var drops []drop
		if err = errors.Join(err, json.Unmarshal(out, &drops)); err != nil {
			t.Fatal(err)
		}
		if len(drops) == s.waves*len(waves[0])*len(s.boxes) && !slices.Contains(drops, drop{}) {
			break
		}
		if time.Since(began) > patience {
			s.fail("the second wave does not end")
		}
	}
	s.land(newer)
	// Whoever looks is of this version again.
	postgrestest.Exec(t, s.postgres, "DROP TABLE next; DELETE FROM migrations WHERE name = '999_next.sql'")
	s.calm().same(t, s.site.end().inTheEnd())
}

// ready wants a bridge to say at its address that it is alive and ready.
func ready(t *testing.T, port string) {
	t.Helper()
	for _, path := range []string{"livez", "readyz"} {
		answer, err := http.Get(fmt.Sprintf("http://127.0.0.1:%s/%s", port, path))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s %s %v", path, answer.Status, text, err)
		}
	}
}
