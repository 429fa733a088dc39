package fleet

import (
	"context"
	"errors"
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
	news chan struct{}     // closed and replaced
}

func newWorks(t *testing.T) *works {
	return &works{t: t, by: map[string]string{}, told: map[string]bool{}, dead: map[string]bool{}, news: make(chan struct{})}
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
		j.Do = func(ctx context.Context) error {
			w.set(func() {
				if other := w.by[j.String()]; other != "" && !w.dead[other] {
					w.t.Errorf("%s begins %s, which %s does", by, j, other)
				}
				w.by[j.String()] = by
			})
			<-ctx.Done()
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

// until waits until bridges have so many jobs each: "AAAAAA BBBB", or as many in one of some other ways.
func (w *works) until(ways ...string) {
	w.t.Helper()
	limit := time.After(time.Minute)
	for {
		w.mu.Lock()
		n, news := map[string]int{}, w.news
		for _, by := range w.by {
			n[by]++
		}
		w.mu.Unlock()
		var parts []string
		for by, jobs := range n {
			parts = append(parts, strings.Repeat(by, jobs))
		}
		slices.Sort(parts)
		if slices.Contains(ways, strings.Join(parts, " ")) {
			return
		}
		select {
		case <-news:
		case <-limit:
			w.t.Fatalf("the jobs are done by %q, and not %q", parts, ways)
		}
	}
}

// untilTold waits until a bridge was called for something: "A feed prices".
func (w *works) untilTold(what string) {
	w.t.Helper()
	limit := time.After(time.Minute)
	for {
		w.mu.Lock()
		told, news := w.told[what], w.news
		w.mu.Unlock()
		if told {
			return
		}
		select {
		case <-news:
		case <-limit:
			w.t.Fatalf("nobody told %s", what)
		}
	}
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
func (m *member) Pulse(ctx context.Context, config string, doing []string) ([]*bridge.Member, error) {
	m.mu.Lock()
	frozen := m.frozen
	m.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
	return m.Ledger.Pulse(ctx, config, doing)
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
