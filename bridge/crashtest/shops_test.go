package crashtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/daemon"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/orobridge/orobridge/state"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
)

// A mall is a site with two shops, b2b and outlet, whose files are for both: each shop has to end like the only one of a site.
type mall struct {
	*site  // its shop is b2b
	outlet *orotest.Shop
	empty  *orotest.Backup // of outlet
}

func newMall(t testing.TB, folder string, options ...orotest.Option) *mall {
	t.Helper()
	m := &mall{site: emptySite(t, sftptest.Sshd(t).Login, folder)}
	m.site.mall, m.shop, m.outlet = true, m.box("b2b", options), m.box("outlet", options)
	m.empty = m.outlet.Backup()
	shops := "shops:"
	for name, box := range m.boxes {
		shops += fmt.Sprintf("\n  %s: "+shopConfig, name, box.URL(), patient.request, patient.settle)
	}
	m.configure(patient, shops, m.feeds("", "shop: [b2b, outlet], ", patient))
	return m
}

// ends are what each shop has come to, with the files that both share.
func (m *mall) ends() map[string]*end {
	m.t.Helper()
	fates, owners := map[string]*fate{}, map[string]string{}
	m.read(func(l *state.State) error { return m.fates(l, fates, owners) })
	files, ends := m.files(owners), map[string]*end{}
	for name, box := range m.boxes {
		ends[name] = &end{Shop: box.Snapshot(), Drops: map[string]*fate{}, Files: files, Created: map[string]int{}}
		m.created(box, "", nil, ends[name].Created)
	}
	for name, f := range fates {
		if !f.Moved {
			m.t.Errorf("%s is %s, and not put away", name, f.State)
		}
		feed, file, _ := strings.Cut(name, "/")
		front, shop := bridge.SplitShop(feed)
		if front != feed {
			ends[shop].Drops[front+"/"+file] = f
		}
	}
	return ends
}

// same compares the ends of some shops with that of the only shop of an undisturbed site.
func (m *mall) same(u *undisturbed, shops ...string) {
	m.t.Helper()
	for name, e := range m.ends() {
		if slices.Contains(shops, name) {
			if u.inTheEnd().same(m.t, e.inTheEnd()); m.t.Failed() {
				m.t.Fatalf("of %s", name)
			}
		}
	}
}

// plights are what outlet is in while the program is killed: what begins with a wave, and is over with its kills.
var plights = map[string]func(m *mall, wave int) (over func()){
	"slow": func(m *mall, _ int) func() {
		m.outlet.Trouble(orotest.Trouble{Latency: 20 * time.Millisecond})
		return func() { m.outlet.Trouble(orotest.Trouble{}) }
	},
	"stalled": func(m *mall, _ int) func() {
		m.outlet.StallQueue()
		return m.outlet.ResumeQueue
	},
	"restored": func(m *mall, wave int) func() {
		if wave > 0 {
			m.outlet.Restore(m.empty)
		}
		return func() {}
	},
}

// wave drops a wave, kills the program again and again while outlet is in a plight, and lets it come to its end. It says which kills it
// came to.
func (m *mall) wave(w int, plight string, kills ...kill) (died []kill) {
	m.t.Helper()
	m.drop(waves[w])
	over := plights[plight](m, w)
	for _, k := range kills {
		if m.run(k) {
			died = append(died, k)
		}
	}
	over()
	for again := true; again; again = m.approve() > 0 {
		if m.run(kill{after: forever}) {
			m.t.Fatal("the bridge does not end")
		}
	}
	return died
}

// TestKilledWithTwoShopsEachEndsAsIfAlone kills the program while each file goes to two shops, of which one is slow, judges nothing, or is
// restored: both end like the only shop of a bridge to which nothing happened, with the same files. Of one that was restored that is the
// business of others; here it is nothing to the other shop.
func TestKilledWithTwoShopsEachEndsAsIfAlone(t *testing.T) {
	u := undisturbedEnd(t)
	if !soak() {
		m := newMall(t, "both")
		for w, k := range []kill{{step: "parted", n: 3, after: forever}, {step: "joined", n: 2, after: forever}} {
			if len(m.wave(w, "slow", k)) == 0 {
				t.Errorf("the bridge did not come to %s", k)
			}
		}
		m.same(u, "b2b", "outlet")
		return
	}
	chance := chance(t)
	v := undisturbedMall(t, u)
	steps := v.firstKills(chance)
	total, kills := 0, map[string]int{}
	for i := 0; i < len(steps) || total < 200; i++ {
		m := newMall(t, fmt.Sprintf("both%d", i), orotest.Version(orotest.Releases()[i%2]))
		plight := []string{"slow", "stalled", "restored"}[i%3]
		var history []string
		for w := range waves {
			deaths := v.kills(chance, w, steps[i%len(steps)])
			if plight == "stalled" { // a third death in one load holds its drop, and what is approved then is older than what has passed it
				deaths = deaths[:min(len(deaths), 2)]
			}
			for _, k := range m.wave(w, plight, deaths...) {
				history = append(history, fmt.Sprintf("wave %d: %s", w+1, k))
				kills[k.step]++
				total++
			}
		}
		if m.same(u, "b2b"); plight != "restored" {
			m.same(u, "outlet")
		}
		if t.Failed() {
			t.Fatalf("trial %d, outlet is %s, killed at\n%s", i, plight, strings.Join(history, "\n"))
		}
		m.close()
	}
	t.Logf("%d kills: %v", total, kills)
}

// undisturbedMall is a load of both shops that nothing happens to: its steps, and the time that it takes.
func undisturbedMall(t *testing.T, u *undisturbed) *undisturbed {
	t.Helper()
	m := newMall(t, "undisturbed")
	v := m.undisturbed()
	m.same(u, "b2b", "outlet")
	return v
}

// close ends the shops: there are many malls.
func (m *mall) close() {
	for _, box := range m.boxes {
		box.Close()
	}
}

// TestTwoBridgesShareAFeedOfTwoShops: one takes the files, and each loads those of one shop. The one that takes them is killed, and the
// other goes on with all: both shops end like the only one of a bridge to which nothing happened.
func TestTwoBridgesShareAFeedOfTwoShops(t *testing.T) {
	u := undisturbedEnd(t)
	beside(t)
	m := newMall(t, "shared")
	m.inPostgres(postgrestest.Address(t))
	bridges := []*exec.Cmd{m.bridge(1), m.bridge(2)}
	taker := m.doing(bridges, daemon.KindFronts)
	m.doing(bridges[1-taker:2-taker], daemon.KindImports) // each has one of the shops
	m.drop(waves[0])
	m.settled(len(waves[0]))
	if err := bridges[taker].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = bridges[taker].Wait() // it was killed
	m.drop(waves[1])
	m.settled(len(waves[0]) + len(waves[1]))
	m.same(u, "b2b", "outlet")
}

// bridge starts the n-th bridge of a mall with a ledger in PostgreSQL.
func (m *mall) bridge(n int) *exec.Cmd {
	m.t.Helper()
	text, err := os.ReadFile(filepath.Join(m.dir, "orobridge.yaml"))
	path := filepath.Join(m.dir, fmt.Sprintf("orobridge-%d.yaml", n))
	if err == nil {
		err = os.WriteFile(path, bytes.Replace(text, []byte("dir: var,"), fmt.Appendf(nil, "dir: var%d,", n), 1), 0o600)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	cmd, log := m.commandOf(binary(m.t), path, "run"), &bytes.Buffer{}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if m.t.Failed() {
			m.t.Logf("bridge %d:\n%s", n, log)
		}
	})
	return cmd
}

// until waits for something that the ledger says.
func (m *mall) until(what string, is func(*state.State) (bool, error)) {
	m.t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; {
		done := false
		ledger, err := state.Open(m.t.Context(), filepath.Join(m.dir, "var"), state.Options{Postgres: m.postgres, ReadOnly: true})
		if err == nil { // the first bridge has made it
			done, err = is(ledger)
			ledger.Close() // it was only read
		}
		if done {
			return
		}
		if time.Now().After(end) {
			m.t.Fatalf("no %s: %v", what, err)
		}
		if err := (bridge.SystemClock{}).Wait(m.t.Context(), 100*time.Millisecond); err != nil {
			m.t.Fatal(err)
		}
	}
}

// doing waits until one of some bridges has a job of a kind, and says which.
func (m *mall) doing(bridges []*exec.Cmd, kind string) (n int) {
	m.t.Helper()
	m.until("bridge does "+kind, func(l *state.State) (bool, error) {
		members, err := l.Bridges(m.t.Context())
		for _, b := range members {
			n = slices.IndexFunc(bridges, func(c *exec.Cmd) bool { return strings.HasSuffix(b.Name, fmt.Sprintf(":%d", c.Process.Pid)) })
			if n >= 0 && slices.ContainsFunc(b.Doing, func(job string) bool { return strings.HasPrefix(job, kind) }) {
				return true, nil
			}
		}
		return false, err
	})
	return n
}

// settled waits until so many files are settled and put away.
func (m *mall) settled(files int) {
	m.t.Helper()
	m.until(fmt.Sprintf("end of %d files", files), func(l *state.State) (bool, error) {
		drops, err := l.Drops(m.t.Context(), bridge.DropFilter{})
		open := slices.ContainsFunc(drops, func(d *bridge.Drop) bool { return !d.State.Settled() || d.Finish != "" })
		return err == nil && len(drops) == 3*files && !open, err
	})
}

// TestThirtyShopsOverSSH measures the program with thirty shops of five feeds each in one folder of a server, and an export each, while
// nothing happens: its CPU, memory and connections, and what the shops are asked.
func TestThirtyShopsOverSSH(t *testing.T) {
	if !soak() {
		t.Skip("scripts/soak measures this; TestThirtyShops in bridge/daemon holds in short that a listing is shared")
	}
	sshd := sftptest.Sshd(t)
	proxy, err := sftptest.NewProxy(sshd.Login.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	login, err := sshd.Login.Via(proxy.Address)
	if err != nil {
		t.Fatal(err)
	}
	s := emptySite(t, login, "thirty")
	s.folder("out")
	shops, feeds, exports := "shops:", "", "exports:"
	for i := range 30 {
		name := fmt.Sprintf("s%02d", i)
		shops += fmt.Sprintf("\n  %s: "+shopConfig, name, s.box(name, nil).URL(), patient.request, patient.settle)
		for _, entity := range []string{"customers", "products", "pricelists", "prices", "inventory"} {
			feeds += fmt.Sprintf("  - { name: %[1]s-%[2]s, shop: %[1]s, entity: %[2]s, remote: erp, folder: out, match: '%[1]s_%[2]s_*.csv', format: { kind: csv } }\n",
				name, entity)
		}
		exports += fmt.Sprintf("\n  - { name: %[1]s-orders, shop: %[1]s, remote: erp, folder: %[1]s-orders, format: { kind: csv } }", name)
		s.folder(name + "-orders")
	}
	s.configure(patient, shops, feeds+exports)
	asked := func() (n int) {
		for _, box := range s.boxes {
			n += len(box.Journal())
		}
		return n
	}
	cmd := s.command("run")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it is not to end by itself
		_ = cmd.Wait()
	})
	wait := func(d time.Duration) {
		if err := (bridge.SystemClock{}).Wait(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	wait(40 * time.Second) // it begins
	const look = time.Minute
	cpu, before := spent(t, cmd.Process.Pid), asked()
	wait(look)
	share := (spent(t, cmd.Process.Pid) - cpu).Seconds() / look.Seconds()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var memory []string
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "Threads") {
			memory = append(memory, strings.Join(strings.Fields(line), " "))
		}
	}
	t.Logf("thirty shops with five feeds and an export each: %.1f%% of a core, %s, %d connections to the server, %.1f requests/s",
		100*share, strings.Join(memory, ", "), proxy.Connections(), float64(asked()-before)/look.Seconds())
	if share > 0.05 || proxy.Connections() > 4 {
		t.Errorf("%.1f%% of a core, %d connections", 100*share, proxy.Connections())
	}
}

// spent is the CPU time that a process has taken.
func spent(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] { // utime and stime, in hundredths of a second
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
