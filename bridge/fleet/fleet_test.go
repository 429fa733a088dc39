package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/daemon"
	"github.com/orobridge/orobridge/state/postgres"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
)

// works says who does which job now, and minds that nobody does one that somebody else does who counts.
type works struct {
	t    *testing.T
	mu   sync.Mutex
	by   map[string]string // the bridge that does a job
	told map[string]bool   // bridges, each with what it was called for
	dead map[string]bool   // bridges that do not count any more
	long map[string]bool   // jobs in which files are being loaded
	news chan struct{}     // closed and replaced
}

func newWorks(t *testing.T) *works {
	return &works{t: t, by: map[string]string{}, told: map[string]bool{}, dead: map[string]bool{},
		long: map[string]bool{}, news: make(chan struct{})}
}

func (w *works) set(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
	close(w.news)
	w.news = make(chan struct{})
}

// jobs are those of four shops with an export each, the fronts, and the house, done by a bridge.
func (w *works) jobs(by string) (all []daemon.Job) {
	add := func(kind, of string) {
		j := daemon.Job{Kind: kind, Of: of}
		j.Loads = func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.long[j.String()]
		}
		j.Do = func(ctx context.Context) error {
			w.set(func() {
				if other := w.by[j.String()]; other != "" && !w.dead[other] {
					w.t.Errorf("%s begins %s, which %s does", by, j, other)
				}
				w.by[j.String()] = by
			})
			until, end := bridge.UntilNotice(ctx)
			defer end()
			<-until.Done()
			w.set(func() {
				if w.by[j.String()] == by {
					delete(w.by, j.String())
				}
			})
			return nil
		}
		all = append(all, j)
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		add(daemon.KindImports, name)
		add(daemon.KindExport, name)
	}
	add(daemon.KindFronts, "")
	add(daemon.KindHouse, "")
	return all
}

// wait waits until something is so, which is asked with the lock held.
func (w *works) wait(is func() bool, told func() string) {
	w.t.Helper()
	limit := time.After(5 * time.Minute)
	for {
		w.mu.Lock()
		so, news, text := is(), w.news, told()
		w.mu.Unlock()
		if so {
			return
		}
		select {
		case <-news:
		case <-limit:
			w.t.Fatal(text)
		}
	}
}

// until waits until bridges have so many jobs each: "AAAAAA BBBB".
func (w *works) until(way string) {
	w.t.Helper()
	now := func() string {
		n := map[string]int{}
		for _, by := range w.by {
			n[by]++
		}
		var parts []string
		for by, jobs := range n {
			parts = append(parts, strings.Repeat(by, jobs))
		}
		slices.Sort(parts)
		return strings.Join(parts, " ")
	}
	w.wait(func() bool { return now() == way }, func() string { return fmt.Sprintf("the jobs are done by %q, and not %q", now(), way) })
}

// untilTold waits until a bridge was called for something: "A feed prices".
func (w *works) untilTold(what string) {
	w.t.Helper()
	w.wait(func() bool { return w.told[what] }, func() string { return "nobody told " + what })
}

// a member is a bridge with a ledger of its own to the same database.
type member struct {
	*postgres.Ledger
	fleet *Fleet
	stop  func()
	ended chan error

	mu     sync.Mutex
	frozen chan struct{} // while its machine stands still: closed when it goes on
}

// Pulse implements Ledger.
func (m *member) Pulse(ctx context.Context, config string, doing, long []string) ([]*bridge.Member, error) {
	m.mu.Lock()
	frozen := m.frozen
	m.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
	return m.Ledger.Pulse(ctx, config, doing, long)
}

func (m *member) freeze() (goOn func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	frozen := make(chan struct{})
	m.frozen = frozen
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		close(frozen)
		m.frozen = nil
	}
}

// join has a bridge take part.
func join(t *testing.T, address, name string, w *works) *member {
	t.Helper()
	l, err := postgres.Open(t.Context(), address, postgres.Options{Shares: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &member{Ledger: l, ended: make(chan error, 1)}
	m.fleet = New(m, slog.New(slog.DiscardHandler))
	m.fleet.second /= 20
	called := func(work string) { w.set(func() { w.told[name+" "+work] = true }) }
	go func() { m.ended <- m.fleet.Do(ctx, w.jobs(name), called) }()
	m.stop = sync.OnceFunc(func() {
		stop()
		if err := <-m.ended; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	t.Cleanup(m.stop)
	return m
}

func on(t *testing.T, address string, do func(*pgx.Conn) error) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err == nil {
		err = errors.Join(do(c), c.Close(context.Background()))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestBridgesShareTheWork evenly, whoever comes and goes, and no job is ever done by two.
func TestBridgesShareTheWork(t *testing.T) {
	t.Parallel()
	address, w := postgrestest.Address(t), newWorks(t)
	a := join(t, address, "A", w)
	w.until("AAAAAAAAAA")
	b := join(t, address, "B", w)
	w.until("AAAAAA BBBB")
	b.fleet.Wake("feed prices")
	b.fleet.Wake("webhook b2b")
	for _, told := range []string{"A feed prices", "A webhook b2b", "B feed prices", "B webhook b2b"} {
		w.untilTold(told)
	}
	jobs, err := a.JobCounts(t.Context())
	want := []bridge.JobCount{{Kind: "export", State: "running", Count: 4}, {Kind: "fronts", State: "running", Count: 1}, {Kind: "house", State: "running", Count: 1},
		{Kind: "imports", State: "running", Count: 4}}
	if diff := cmp.Diff(want, jobs); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if err := a.Drain(t.Context(), a.ID(), true); err != nil {
		t.Fatal(err)
	}
	w.until("BBBBBBBBBB")
	if err := a.Drain(t.Context(), a.ID(), false); err != nil {
		t.Fatal(err)
	}
	w.until("AAAA BBBBBB")
	b.stop()
	w.until("AAAAAAAAAA")
}

// TestWhatTakesLongIsShared evenly, too: two shops that have very much to load are not left to the bridge that happens to have both, and
// each bridge has as many shops as before.
func TestWhatTakesLongIsShared(t *testing.T) {
	t.Parallel()
	address, w := postgrestest.Address(t), newWorks(t)
	join(t, address, "A", w)
	w.until("AAAAAAAAAA")
	join(t, address, "B", w)
	w.until("AAAAAA BBBB")
	shops := func() (n, long map[string]int) {
		n, long = map[string]int{}, map[string]int{}
		for job, by := range w.by {
			if strings.HasPrefix(job, daemon.KindImports) {
				n[by]++
			}
			if w.long[job] {
				long[by]++
			}
		}
		return n, long
	}
	w.set(func() {
		for job, by := range w.by {
			w.long[job] = by == "A" && strings.HasPrefix(job, daemon.KindImports)
		}
	})
	w.wait(func() bool {
		n, long := shops()
		return n["A"] == 2 && n["B"] == 2 && long["A"] == 1 && long["B"] == 1
	}, func() string { return fmt.Sprint("the shops are done by ", w.by, ", these take long: ", w.long) })
}

// TestABridgeThatStandsStill loses its work to others. When it goes on nothing that it does counts: its end takes no job from anybody.
func TestABridgeThatStandsStill(t *testing.T) {
	t.Parallel()
	address, w := postgrestest.Address(t), newWorks(t)
	a := join(t, address, "A", w)
	w.until("AAAAAAAAAA")
	goOn := a.freeze()
	b := join(t, address, "B", w)
	w.set(func() { w.dead["A"] = true })
	on(t, address, func(c *pgx.Conn) error {
		_, err := c.Exec(t.Context(), "UPDATE bridges SET seen = seen - 60000 WHERE id = $1", a.ID())
		return err
	})
	w.until("BBBBBBBBBB")
	goOn()
	if err := <-a.ended; !errors.Is(err, bridge.ErrLocked) {
		t.Errorf("it ended with %v", err)
	}
	a.ended <- nil
	if err := a.Note(t.Context(), "a", "b"); !errors.Is(err, bridge.ErrLocked) {
		t.Errorf("its note: %v", err)
	}
	var running int
	on(t, address, func(c *pgx.Conn) error {
		return c.QueryRow(t.Context(), "SELECT count(*) FROM river_job WHERE state = 'running' AND attempted_by[array_length(attempted_by, 1)] = $1",
			b.ID()).Scan(&running)
	})
	if running != 10 {
		t.Errorf("%d jobs are running still", running)
	}
}
