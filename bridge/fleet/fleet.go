// Package fleet has several bridges share the work of one ledger in PostgreSQL, by River (https://riverqueue.com): each job of
// bridge/daemon is a row of River's, and whichever bridge fetches it does it, until it ends or has to hand it over.
//
// Contract. A job is done by one bridge at a time. Its row is unique over all states in which it lives, and is snoozed, never completed.
// Bridges with the same work share it evenly (see part.go): one that has more than its part gives a job back where another one has less to
// do, and one that is drained all of them. A job is given back at its next safe point, which a load has between any two of its batches: it
// ends with none on its way, and whoever takes it up plans anew from the ledger. One for which nobody has more time stays where it is,
// with its stage, for as long as it takes, and plans once. A job that no config knows any more is cancelled.
//
// River rescues a job whose worker is gone by its time alone, an hour later. Here each bridge says every second that it is there, and the
// ledger takes out those that are not: 3 seconds after their session has ended, 10 after they fell silent. What such a one was doing is
// rescued at once, by River's own statement, and the database refuses whatever it may write still, in the ledger and among the jobs. So a
// job has no time limit, and no row is ever taken from a bridge that is there.
//
// Limits. Ten thousand jobs. Machines' clocks agree to within seconds: which file stands still is told by the clock of the bridge that
// looks. A shop's imports are on one machine, so that its pace (in_flight) is kept and a file is fetched once.
package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/daemon"
)

// A Ledger knows the bridges that share it.
type Ledger interface {
	// ID is that of this bridge.
	ID() string
	// Pulse says that this bridge is there, which work it knows, what it is doing and what of that takes long; takes out those that are
	// not, and lists the others. An error wrapping bridge.ErrLocked says that this one was taken out.
	Pulse(ctx context.Context, config string, doing, long []string) ([]*bridge.Member, error)
	// Wake calls all bridges for some pieces of work; Heard waits for a time, or for such a call, and says what for.
	Wake(ctx context.Context, works []string) error
	Heard(ctx context.Context, within time.Duration) (works []string)
	// Jobs prepares River's tables, and gives connections to them.
	Jobs(ctx context.Context) (pool *pgxpool.Pool, schema string, err error)
}

// Fleet is the bridges that share a ledger, as one of them sees it. It implements [daemon.Share].
type Fleet struct {
	ledger Ledger
	log    *slog.Logger
	second time.Duration // a second, which tests make shorter
	last   time.Duration // for how long a job goes on at most that was given notice

	mu     sync.Mutex
	calls  map[string]bool // works for which the bridges are to be called
	called chan struct{}   // told when there are some
}

// New makes a fleet.
func New(l Ledger, log *slog.Logger) *Fleet {
	return &Fleet{ledger: l, log: log, second: time.Second, last: lastBatch, calls: map[string]bool{}, called: make(chan struct{}, 1)}
}

// How often, and how long, in seconds.
const (
	pulseEvery = 1
	lookEvery  = 10 // at all jobs, when nobody has come or gone
	lostAfter  = 60 // a job that counts as this bridge's and is not: River tries for 40 s to say that it has ended
	handOver   = 1  // a job that was given back leaves itself to others for so long
	noRoom     = 1  // one that is more than this bridge's part
)

// lastBatch is how long a shop may take over the last batch of a load that was given notice. Then the job is cut.
const lastBatch = 15 * time.Second

// Wake implements [daemon.Share].
func (f *Fleet) Wake(work string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[work] = true
	select {
	case f.called <- struct{}{}:
	default:
	}
}

// Do implements [daemon.Share]. A database that is away is waited for. An error wrapping bridge.ErrLocked says that this bridge was
// thought dead: what it did is others' now, and it may begin anew.
func (f *Fleet) Do(ctx context.Context, jobs []daemon.Job, called func(work string)) error {
	pool, schema, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var calling sync.WaitGroup
	defer calling.Wait()
	calling.Go(func() { f.call(ctx) })
	defer stop()
	c := newCrew(f, jobs, riverpgxv5.New(pool), schema)
	defer c.dismiss(context.WithoutCancel(ctx))
	for {
		switch err := c.pulse(ctx); {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, bridge.ErrLocked):
			go pool.Close() // the jobs refuse whatever River would say: it is not to try for long, and this bridge begins anew the sooner
			return err
		default:
			f.tell(ctx, err)
		}
		select {
		case err := <-c.failed:
			return err
		default:
		}
		for _, work := range f.ledger.Heard(ctx, pulseEvery*f.second) {
			called(work)
		}
	}
}

// open opens the jobs.
func (f *Fleet) open(ctx context.Context) (pool *pgxpool.Pool, schema string, err error) {
	for {
		pool, schema, err = f.ledger.Jobs(ctx)
		if err == nil || bridge.FateOf(err) != bridge.Pause || ctx.Err() != nil {
			return pool, schema, err
		}
		f.tell(ctx, err)
		if err := (bridge.SystemClock{}).Wait(ctx, pulseEvery*f.second); err != nil {
			return nil, "", err
		}
	}
}

// tell logs what keeps this bridge from taking jobs.
func (f *Fleet) tell(ctx context.Context, err error) {
	if err != nil {
		f.log.WarnContext(ctx, "no job can be taken or given back now", "error", err, "hint", bridge.HintOf(err))
	}
}

// callEvery is how often calls are passed on, ten times a second: many at once are one.
const callEvery = 10

// call passes calls on to the other bridges. One that is lost costs a few seconds: everybody looks by himself, too.
func (f *Fleet) call(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.called:
			f.mu.Lock()
			works := slices.Sorted(maps.Keys(f.calls))
			clear(f.calls)
			f.mu.Unlock()
			f.tell(ctx, f.ledger.Wake(ctx, works))
		}
		if (bridge.SystemClock{}).Wait(ctx, f.second/callEvery) != nil {
			return
		}
	}
}

// crew is the jobs that this bridge has now.
type crew struct {
	*Fleet
	jobs   map[string]daemon.Job // by name
	config string                // a hash of their names
	driver *riverpgxv5.Driver
	schema string
	failed chan error // of a job; of one

	client  *river.Client[pgx.Tx] // nil while none works
	stopped chan struct{}         // closed once the last one has ended

	members []string            // who was there at the last look
	looked  time.Time           // when that was
	missed  map[int64]time.Time // jobs that count as ours and are not, since when

	mu    sync.Mutex
	share map[string]amount    // what of a kind is this bridge's part
	mine  map[string]*held     // by the job's name
	long  map[string]time.Time // jobs that take long: when that was last said
}

// held is a job that this bridge has.
type held struct {
	daemon.Job
	id    int64
	give  context.CancelFunc // notice
	cut   context.CancelFunc
	over  time.Time     // since when it has notice
	loads time.Duration // for how long it has loaded more than not
	asked time.Time     // when that was found out
}

func newCrew(f *Fleet, jobs []daemon.Job, driver *riverpgxv5.Driver, schema string) *crew {
	c := &crew{Fleet: f, jobs: map[string]daemon.Job{}, driver: driver, schema: schema, failed: make(chan error, 1),
		stopped: make(chan struct{}), missed: map[int64]time.Time{}, share: map[string]amount{}, mine: map[string]*held{},
		long: map[string]time.Time{}}
	close(c.stopped)
	for _, j := range jobs {
		c.jobs[j.String()] = j
	}
	c.config = digest(jobs)
	return c
}

// pulse is what happens every second.
func (c *crew) pulse(ctx context.Context) error {
	there, err := c.say(ctx)
	if err != nil {
		return err
	}
	me, ids, peers := c.among(there)
	drained := me == nil || me.Drained
	c.part(drained, peers)
	switch doing, _ := c.doing(); {
	case !drained:
		err = c.work(ctx)
	case len(doing) == 0:
		c.rest()
	}
	if err != nil {
		return err
	}
	if slices.Equal(ids, c.members) && time.Since(c.looked) < lookEvery*c.second {
		return nil
	}
	if err := c.look(ctx); err != nil {
		return err
	}
	c.members, c.looked = ids, time.Now()
	return nil
}

// say says that this bridge is there.
func (c *crew) say(ctx context.Context) ([]*bridge.Member, error) {
	doing, long := c.doing()
	return c.ledger.Pulse(ctx, c.config, doing, long)
}

// among finds this bridge among all, and those that share its work with it.
func (c *crew) among(all []*bridge.Member) (me *bridge.Member, ids []string, peers []*bridge.Member) {
	for _, m := range all {
		ids = append(ids, m.ID)
		switch {
		case m.ID == c.ledger.ID():
			me = m
		case m.Config == c.config && !m.Drained:
			peers = append(peers, m)
		}
	}
	return me, ids, peers
}

// doing names the jobs that this bridge has, and those of them that take long.
func (c *crew) doing() (all, long []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, h := range c.mine {
		all = append(all, name)
		if h.long(c.second) {
			long = append(long, name)
		}
	}
	slices.Sort(all)
	slices.Sort(long)
	return all, long
}

// begin takes a job for this bridge; nil when it has its part already.
func (c *crew) begin(ctx context.Context, j daemon.Job, id int64) (context.Context, *held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.room(j.String()) || c.mine[j.String()] != nil {
		return nil, nil
	}
	ctx, cut := context.WithCancel(ctx)
	ctx, give := bridge.WithNotice(ctx)
	h := &held{Job: j, id: id, give: give, cut: cut, asked: time.Now()}
	if c.takesLong(j.String()) {
		h.loads = longMost * c.second // where it comes from
	}
	c.mine[j.String()] = h
	return ctx, h
}

// end gives a job back.
func (c *crew) end(h *held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h.give()
	h.cut()
	delete(c.mine, h.String())
}

// do does a job for as long as it is this bridge's, and says how River goes on with it.
func (c *crew) do(ctx context.Context, name string, id int64) error {
	j, known := c.jobs[name]
	if !known {
		return river.JobCancel(errors.New("the config does not know it any more"))
	}
	ctx, h := c.begin(ctx, j, id)
	if h == nil {
		return river.JobSnooze(noRoom * c.second)
	}
	defer c.end(h)
	if err := j.Do(ctx); err != nil {
		select {
		case c.failed <- bridge.Within(name, err):
		default:
		}
	}
	return river.JobSnooze(handOver * c.second)
}

// work has River's client work.
func (c *crew) work(ctx context.Context) error {
	if c.client != nil {
		return nil
	}
	select {
	case <-c.stopped:
	default:
		return nil // the last one is ending still
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker[imports]{crew: c})
	river.AddWorker(workers, &worker[fronts]{crew: c})
	river.AddWorker(workers, &worker[export]{crew: c})
	river.AddWorker(workers, &worker[house]{crew: c})
	client, err := river.NewClient(c.driver, &river.Config{ID: c.ledger.ID(), Schema: c.schema, Workers: workers, JobTimeout: -1,
		Queues:        map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: max(1, len(c.jobs))}},
		FetchCooldown: c.second / 10, FetchPollInterval: c.second / 2,
		CancelledJobRetentionPeriod: time.Hour, Logger: slog.New(&calm{to: c.log.Handler()})})
	if err != nil {
		return err
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return bridge.Within("start River", err)
	}
	c.client, c.stopped = client, make(chan struct{})
	return nil
}

// rest has River's client end, once what this bridge has is handed over.
func (c *crew) rest() {
	client, stopped := c.client, c.stopped
	if client == nil {
		return
	}
	c.client = nil
	go func() {
		defer close(stopped)
		if err := client.StopAndCancel(context.Background()); err != nil { // it is waited for until the work at hand is recorded
			c.tell(context.Background(), bridge.Within("stop River", err))
		}
	}()
}

// dismiss ends all. Until the work at hand is recorded this bridge is there.
func (c *crew) dismiss(ctx context.Context) {
	c.rest()
	tick := time.NewTicker(pulseEvery * c.second)
	defer tick.Stop()
	for {
		select {
		case <-c.stopped:
			return
		case <-tick.C:
			if _, err := c.say(ctx); !errors.Is(err, bridge.ErrLocked) {
				c.tell(ctx, err)
			}
		}
	}
}

// look looks at all jobs: those that are missing are entered, and those whose bridge is gone are rescued.
func (c *crew) look(ctx context.Context) error {
	if c.client == nil {
		return nil // others do
	}
	found, err := c.client.JobList(ctx, river.NewJobListParams().First(10_000).States(living...))
	if err != nil {
		return err
	}
	// Who is there now was there when it fetched what is running.
	there, err := c.say(ctx)
	if err != nil {
		return err
	}
	if err := c.rescue(ctx, found.Jobs, there); err != nil {
		return err
	}
	return c.enter(ctx, found.Jobs)
}

// living are the states of jobs that live.
var living = []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
	rivertype.JobStateRetryable, rivertype.JobStateScheduled}

// rescue has jobs be done again whose bridge is gone, or which count as this one's and are not, since River could not say that they have
// ended.
func (c *crew) rescue(ctx context.Context, all []*rivertype.JobRow, there []*bridge.Member) error {
	now := time.Now()
	params := &riverdriver.JobRescueManyParams{Schema: c.schema}
	seen := map[int64]bool{}
	for _, j := range all {
		if j.State != rivertype.JobStateRunning || len(j.AttemptedBy) == 0 || j.AttemptedAt == nil {
			continue
		}
		by := j.AttemptedBy[len(j.AttemptedBy)-1]
		gone := !slices.ContainsFunc(there, func(m *bridge.Member) bool { return m.ID == by })
		if by == c.ledger.ID() && !c.has(j.ID) {
			seen[j.ID] = true
			if c.missed[j.ID].IsZero() {
				c.missed[j.ID] = now
			}
			gone = now.Sub(c.missed[j.ID]) > lostAfter*c.second
		}
		if !gone {
			continue
		}
		trouble, err := json.Marshal(rivertype.AttemptError{At: now.UTC(), Attempt: j.Attempt, Error: "bridge " + by + " is gone"})
		if err != nil {
			return err
		}
		params.ID = append(params.ID, j.ID)
		params.Error = append(params.Error, trouble)
		params.FinalizedAt = append(params.FinalizedAt, nil)
		params.ScheduledAt = append(params.ScheduledAt, *j.AttemptedAt)
		params.State = append(params.State, string(rivertype.JobStateAvailable))
		// One that was fetched anew since is left alone.
		if horizon := j.AttemptedAt.Add(time.Microsecond); horizon.After(params.StuckHorizon) {
			params.StuckHorizon = horizon
		}
	}
	for id := range c.missed {
		if !seen[id] {
			delete(c.missed, id)
		}
	}
	if len(params.ID) == 0 {
		return nil
	}
	_, err := c.driver.GetExecutor().JobRescueMany(ctx, params)
	if err == nil {
		c.log.InfoContext(ctx, "jobs of a bridge that is gone are taken up", "jobs", len(params.ID))
	}
	return err
}

// has says whether this bridge has a job.
func (c *crew) has(id int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.mine {
		if h.id == id {
			return true
		}
	}
	return false
}

// enter enters the jobs that are missing.
func (c *crew) enter(ctx context.Context, all []*rivertype.JobRow) error {
	known := map[string]bool{}
	for _, row := range all {
		known[nameOf(row)] = true
	}
	var missing []river.InsertManyParams
	for name, j := range c.jobs {
		if !known[name] {
			missing = append(missing, river.InsertManyParams{Args: argsOf(j), InsertOpts: &river.InsertOpts{MaxAttempts: mostAttempts,
				UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: living}}})
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err := c.client.InsertMany(ctx, missing)
	return err
}

// mostAttempts is what River's column holds: each rescue counts as one, and none is the last.
const mostAttempts = 32_767
