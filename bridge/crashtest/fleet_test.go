package crashtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/url"
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
	"github.com/orobridge/orobridge/state"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
)

// ships are processes of the program that share the work of a site, each with a state folder of its own.
type ships struct {
	*site
	rand    *rand.Rand
	cluster *postgrestest.Cluster
	all     []*ship

	ledger   *state.State // to look at
	waves    int          // that were dropped
	last     int64        // the last drop of those before
	orders   []string     // that were submitted, each by what stands before its shop's feeds
	upto     []int        // how many of them were there when each wave was dropped
	happened map[string]int

	back time.Time // when the database, which is away, comes back
	over bool      // nothing happens any more
}

// ship is one of them.
type ship struct {
	name    string
	dir     string          // of its state
	config  string          // the one that all have, or its own: see own
	network *sftptest.Proxy // to the database
	log     *os.File

	cmd   *exec.Cmd  // nil while none runs
	ended chan error // how it ended
	until time.Time  // while it stands still, or is cut off, or does not run: when that is over
	awake time.Time  // since when it runs, or has woken up
	still bool
	cut   bool
}

// fleetShops are shops of both releases.
var fleetShops = []string{"b2b", "outlet"}

// sailors are patient, and several: each of them lists a dozen folders so often.
var sailors = limits{request: patient.request, settle: patient.settle, server: patient.server, every: time.Second}

// newShips makes a site of two shops whose ledger stands in a database that may be killed, and so many bridges.
func newShips(t *testing.T, n int, options ...orotest.Option) *ships {
	s := &ships{site: newSites(t, sftptest.Sshd(t).Login, "", sailors, fleetShops, options...), rand: chance(t), happened: map[string]int{}}
	var err error
	if s.cluster, err = postgrestest.New(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.cluster.Remove(); err != nil {
			t.Error(err)
		}
	})
	s.inPostgres(postgrestest.Within(t, s.cluster))
	path := filepath.Join(s.dir, "orobridge.yaml") // one for all, as whoever decides something wants it
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("dir: var, postgres: '"+s.postgres+"'"), []byte("dir: '${SHIP}', postgres: '${DATABASE}'"), 1)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"SHIP=var", "DATABASE=" + s.postgres}
	for i := range n {
		b := &ship{name: fmt.Sprintf("bridge %d", i+1), dir: fmt.Sprintf("var-%d", i+1), config: path}
		if b.network, err = sftptest.NewProxy(s.cluster.Socket()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.network.Close)
		if b.log, err = os.Create(filepath.Join(s.dir, fmt.Sprintf("log-%d", i+1))); err != nil {
			t.Fatal(err)
		}
		s.all = append(s.all, b)
		t.Cleanup(func() { s.kill(b); b.log.Close() })
	}
	return s
}

// through is a database's address by way of a proxy.
func through(t testing.TB, address, proxy string) string {
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Del("host")
	q.Set("sslmode", "disable")
	u.Host, u.RawQuery = proxy, q.Encode()
	return u.String()
}

// start starts a bridge.
func (s *ships) start(b *ship, env ...string) {
	s.t.Helper()
	s.startAs(b, binary(s.t), env...)
}

// startAs starts a bridge of some version.
func (s *ships) startAs(b *ship, program string, env ...string) {
	s.t.Helper()
	b.cmd, b.ended = s.commandOf(program, b.config, "run"), make(chan error, 1)
	b.cmd.Env = append(append(b.cmd.Env, "SHIP="+b.dir, "DATABASE="+through(s.t, s.postgres, b.network.Address)), env...)
	b.cmd.Stderr = b.log
	fmt.Fprintf(b.log, "--- starts %v\n", env)
	if err := b.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(b.cmd, b.ended)
}

// signal sends one to a bridge, if it runs; one that has ended meanwhile is found by whoever looks.
func (s *ships) signal(b *ship, sig syscall.Signal) {
	fmt.Fprintf(b.log, "--- %v at %s\n", sig, time.Now().Format(time.StampMilli))
	_ = b.cmd.Process.Signal(sig)
}

// kill kills a bridge, if it runs.
func (s *ships) kill(b *ship) {
	if b.cmd == nil {
		return
	}
	s.signal(b, syscall.SIGKILL)
	<-b.ended
	b.cmd = nil
}

// look opens the ledger to look at it, once the first bridge has made it.
func (s *ships) look() {
	s.t.Helper()
	for range 600 {
		ledger, err := state.Open(s.t.Context(), filepath.Join(s.dir, "var"), state.Options{Postgres: s.postgres, ReadOnly: true})
		if err == nil {
			s.ledger = ledger
			s.t.Cleanup(func() { ledger.Close() }) // it was only read
			return
		}
		if !errors.Is(err, fs.ErrNotExist) {
			s.t.Fatal(err)
		}
		s.pause(100 * time.Millisecond)
	}
	s.fail("nobody has made the ledger")
}

func (s *ships) pause(d time.Duration) {
	s.t.Helper()
	if err := (bridge.SystemClock{}).Wait(s.t.Context(), d); err != nil {
		s.t.Fatal(err)
	}
}

// until waits for something.
func (s *ships) until(what string, limit time.Duration, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(limit); !is(); s.pause(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.fail(what + " has not come")
		}
	}
}

// fail ends the test with the end of what the bridges have logged.
func (s *ships) fail(why string) {
	s.t.Helper()
	var told strings.Builder
	for _, b := range s.all {
		s.kill(b)
		text, err := os.ReadFile(b.log.Name())
		fmt.Fprintf(&told, "\n--- %s %v\n%s", b.name, err, text[max(0, len(text)-8000):])
	}
	s.t.Fatal(why, told.String())
}

// settled says that all files of the last wave are settled and put away.
func (s *ships) settled() bool {
	drops, err := s.ledger.Drops(context.Background(), bridge.DropFilter{After: s.last})
	if err != nil || s.waves > 0 && len(drops) < len(waves[0])*len(s.boxes) ||
		slices.ContainsFunc(drops, func(d *bridge.Drop) bool { return !d.State.Settled() || d.Finish != "" }) {
		return false
	}
	for _, d := range drops {
		s.last = max(s.last, d.ID)
	}
	return true
}

// wave drops the next files, and says of which orders they are the contemporaries.
func (s *ships) wave() {
	s.t.Helper()
	s.upto = append(s.upto, len(s.orders))
	for prefix := range s.boxes {
		s.drop(waveOf(s.waves, prefix))
	}
	s.waves++
}

// order has somebody order something.
func (s *ships) order(site *site, prefix string, n int) {
	s.t.Helper()
	if _, err := site.boxes[prefix].SubmitOrder(orotest.Order{Identifier: fmt.Sprintf("%s%05d", prefix, n), Currency: "EUR", Customer: "1",
		Lines: []orotest.Line{{FreeForm: "Work", Unit: "item", Quantity: "1", Price: "1"}}}); err != nil {
		s.t.Fatal(err)
	}
}

// calm is the end of the same load with one bridge whose ledger is a file, and to which nothing happens.
func (s *ships) calm() *end {
	s.t.Helper()
	one := newSites(s.t, sftptest.Sshd(s.t).Login, "", sailors, fleetShops)
	count, at := map[string]int{}, 0
	order := func(upto int) {
		for ; at < upto; at++ {
			prefix := s.orders[at]
			s.order(one, prefix, count[prefix])
			count[prefix]++
		}
	}
	for n := range s.waves {
		order(s.upto[n])
		for prefix := range one.boxes {
			one.drop(waveOf(n, prefix))
		}
		if one.run(kill{after: forever}) {
			s.t.Fatal("an undisturbed bridge did not end")
		}
	}
	if order(len(s.orders)); one.run(kill{after: forever}) {
		s.t.Fatal("an undisturbed bridge did not end")
	}
	one.told(bridge.DropSettled, 0)
	return one.end().inTheEnd()
}

// A voyage is what is going to happen: how often a bridge is killed, stands still and is cut off from the database, and how often the
// database is stopped or killed; and for how long.
type voyage struct {
	kills, stops, cuts, ends int
	lasts                    time.Duration // about
	still, cut, without      span
	waves                    int // of files, at least
}

// span is between two times.
type span [2]time.Duration

// TestWhateverHappensToTheFleetNothingIsLost has three real processes bring in the load of two shops and write their orders, while chance
// kills them at named steps and at any moment, has them stand still for longer than others wait, cuts them off from the database, and
// ends the database itself: the end is that of one bridge with a file to which nothing happened.
func TestWhateverHappensToTheFleetNothingIsLost(t *testing.T) {
	beside(t)
	v, options := voyage{kills: 2, ends: 1, lasts: 4 * time.Second, waves: 2}, []orotest.Option{}
	if soak() {
		v = voyage{kills: 200, stops: 50, cuts: 10, ends: 20, lasts: 28 * time.Minute, still: span{40 * time.Second, 2 * time.Minute},
			cut: span{5 * time.Second, time.Minute}, without: span{0, time.Minute}, waves: 2}
		options = append(options, orotest.Latency(orotest.Delays{Read: 5 * time.Millisecond, Write: 5 * time.Millisecond,
			Record: map[string]time.Duration{"": 5 * time.Millisecond}}))
	}
	s := newShips(t, 3, options...)
	s.endDatabase(voyage{})
	for _, b := range s.all { // who begins while it is away waits
		s.start(b)
	}
	s.tendDatabase()
	s.look()
	s.sail(v)
	s.moor()
	for again := true; again; again = s.approve() > 0 { // whatever has begun to wait for its parent, or for a person
		if s.run(kill{after: forever}) {
			t.Fatal("the bridge does not end")
		}
	}
	t.Logf("%d waves, %d orders; %v", s.waves, len(s.orders), s.happened)
	s.calm().same(t, s.site.end().inTheEnd())
	s.told(bridge.DropSettled, 2*(v.kills+v.stops+v.cuts+v.ends))
	if out, err := s.command("state", "check").CombinedOutput(); err != nil {
		t.Errorf("state check: %v: %s", err, out)
	}
	if t.Failed() {
		s.fail("")
	}
}

// draw is a time of a span, more often a short one.
func (s *ships) draw(in span) time.Duration {
	part := s.rand.Float64()
	return in[0] + time.Duration(part*part*float64(in[1]-in[0]))
}

// A bell rings so often, at times that nobody foresees. Once it had to wait it rings the sooner the next time.
type bell struct {
	left  int
	every time.Duration
	next  time.Time
}

func (v voyage) bell(n int) *bell {
	every := v.lasts / time.Duration(max(n, 1))
	return &bell{n, every, time.Now().Add(every)}
}

// ring says whether it rings now; do says whether anything came of it.
func (b *bell) ring(s *ships, do func() bool) {
	if now := time.Now(); b.left > 0 && now.After(b.next) && do() {
		b.left--
		b.next = b.next.Add(time.Duration(min(s.rand.ExpFloat64(), 3) * float64(b.every)))
	}
}

// sail has everything of a voyage happen, and goes on until the last wave is settled.
func (s *ships) sail(v voyage) {
	s.t.Helper()
	kills, stops, cuts, ends := v.bell(v.kills), v.bell(v.stops), v.bell(v.cuts), v.bell(v.ends)
	began := time.Now()
	var look, order, held, told time.Time
	again := func(at *time.Time, every time.Duration) bool {
		now := time.Now()
		ring := now.After(*at)
		if ring {
			*at = now.Add(every)
		}
		return ring
	}
	for {
		s.tendDatabase()
		for _, b := range s.all {
			s.tend(b, time.Now())
		}
		ends.ring(s, func() bool { return s.endDatabase(v) })
		stops.ring(s, func() bool { return s.stop(s.draw(v.still)) })
		cuts.ring(s, func() bool { return s.cutOff(s.draw(v.cut)) })
		kills.ring(s, s.killOne)
		over := kills.left+stops.left+cuts.left+ends.left == 0 && s.waves >= v.waves
		if again(&look, 300*time.Millisecond) && s.settled() {
			if over {
				return
			}
			s.wave()
		}
		if !over && again(&order, time.Duration(s.rand.Int64N(int64(3*time.Second)))) {
			prefix := fleetShops[s.rand.IntN(len(fleetShops))] + "-"
			s.order(s.site, prefix, s.orderOf(prefix))
			s.orders = append(s.orders, prefix)
		}
		if again(&held, 20*time.Second) {
			s.approveHeld()
		}
		if again(&told, time.Minute) {
			s.t.Logf("%s: %d waves, %d orders; %v", time.Since(began).Round(time.Second), s.waves, len(s.orders), s.happened)
		}
		if time.Since(began) > 10*time.Minute+3*v.lasts {
			s.fail("the voyage has no end")
		}
		s.pause(20 * time.Millisecond)
	}
}

// moor waits until all bridges are well and know of one another, and has them end in order.
func (s *ships) moor() {
	s.t.Helper()
	s.over = true
	s.until("the whole fleet", time.Minute, func() bool {
		for _, b := range s.all {
			b.until = time.Time{}
			s.tend(b, time.Now())
		}
		there, err := s.ledger.Bridges(context.Background())
		return err == nil && len(there) == len(s.all) && !slices.ContainsFunc(there, func(m *bridge.Member) bool { return m.Config == "" })
	})
	for _, b := range s.all {
		s.signal(b, syscall.SIGTERM)
		if err := <-b.ended; err != nil && !killed(err) {
			s.t.Errorf("%s ended with %v", b.name, err)
		}
		b.cmd = nil
	}
}

// killed says that a process ended by a signal.
func killed(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled()
}

// orderOf counts the orders of a shop.
func (s *ships) orderOf(prefix string) (n int) {
	for _, of := range s.orders {
		if of == prefix {
			n++
		}
	}
	return n
}

// tend lets what happened to a bridge be over, and finds out whether it has ended.
func (s *ships) tend(b *ship, now time.Time) {
	s.t.Helper()
	if b.cmd != nil {
		select {
		case err := <-b.ended:
			b.cmd, b.still = nil, false
			b.until = now.Add(time.Duration(s.rand.Int64N(int64(3 * time.Second))))
			if !killed(err) {
				s.fail(fmt.Sprintf("%s has ended by itself: %v", b.name, err))
			}
			s.happened["killed at a step"]++
		default:
		}
	}
	if now.Before(b.until) {
		return
	}
	switch {
	case b.cmd == nil:
		b.cut = false
		b.network.Stall(false)
		var env []string
		if !s.over && s.rand.IntN(3) == 0 {
			env = append(env, fmt.Sprintf("OROBRIDGE_CRASH=%d:*", 1+s.rand.IntN(300)))
		}
		s.start(b, env...)
		b.until, b.awake = now, now
	case b.still:
		b.still, b.awake = false, now
		s.signal(b, syscall.SIGCONT)
	case b.cut:
		b.cut = false
		b.network.Stall(false)
	}
}

// well is a bridge to which nothing has happened for some time; nil when there is none.
func (s *ships) well(since time.Duration) *ship {
	var all []*ship
	for _, b := range s.all {
		if b.cmd != nil && !b.still && !b.cut && time.Since(b.awake) >= since {
			all = append(all, b)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[s.rand.IntN(len(all))]
}

// killOne kills a bridge.
func (s *ships) killOne() bool {
	b := s.well(0)
	if b == nil {
		return false
	}
	s.happened["killed"]++
	s.kill(b)
	b.until = time.Now().Add(time.Duration(s.rand.Int64N(int64(3 * time.Second))))
	return true
}

// aMoment is for how long a bridge works at least before it stands still: one that wakes up is to do what it was about to do.
const aMoment = 5 * time.Second

// stop has a bridge stand still.
func (s *ships) stop(d time.Duration) bool {
	b := s.well(aMoment)
	if b == nil {
		return false
	}
	s.happened["stopped"]++
	b.still, b.until = true, time.Now().Add(d)
	s.signal(b, syscall.SIGSTOP)
	return true
}

// cutOff cuts a bridge off from the database.
func (s *ships) cutOff(d time.Duration) bool {
	b := s.well(aMoment)
	if b == nil {
		return false
	}
	s.happened["cut off"]++
	b.cut, b.until = true, time.Now().Add(d)
	fmt.Fprintf(b.log, "--- cut off at %s\n", b.until.Add(-d).Format(time.StampMilli))
	b.network.Stall(true)
	return true
}

// endDatabase kills the database or has it end in order.
func (s *ships) endDatabase(v voyage) bool {
	s.t.Helper()
	if !s.back.IsZero() {
		return false
	}
	end := s.cluster.Kill
	if s.rand.IntN(2) == 0 {
		end = s.cluster.Stop
	}
	s.happened["database ended"]++
	if err := end(); err != nil {
		s.t.Error(err)
	}
	s.back = time.Now()
	if s.rand.IntN(4) == 0 { // most are back at once
		s.back = s.back.Add(s.draw(v.without))
	}
	return true
}

// tendDatabase starts the database again once it is time.
func (s *ships) tendDatabase() {
	s.t.Helper()
	if s.back.IsZero() || time.Now().Before(s.back) {
		return
	}
	if err := s.cluster.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.back = time.Time{}
}

// approveHeld is the admin who lets the drops go on in whose loading bridges died so often that they were held.
func (s *ships) approveHeld() {
	s.t.Helper()
	held, err := s.ledger.Drops(context.Background(), bridge.DropFilter{States: []bridge.DropState{bridge.Held}})
	there := slices.ContainsFunc(s.all, func(b *ship) bool { return b.cmd != nil }) // else it would be loaded right here
	if err == nil && len(held) > 0 && there && s.back.IsZero() {
		s.happened["approved"] += s.approve()
	}
}
