package page

import (
	"context"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge/operate"
)

const (
	planPatience = 1500 * time.Millisecond // then a page says that the plan is being made
	planFresh    = time.Minute
	planTime     = 15 * time.Minute
	maxPlans     = 32 // that are kept
)

// plans are made once for all who look, two at a time, and kept for a while. Whoever asks does not wait for long: a large file takes its
// time, and the reader's browser asks again.
type plans struct {
	ctx   context.Context
	stop  *sync.WaitGroup
	slots chan struct{}
	now   func() time.Time

	mu   sync.Mutex
	jobs map[string]*job
}

// planning makes a plan.
type planning func(context.Context) (*operate.Plan, error)

type job struct {
	done chan struct{}
	at   time.Time
	plan *operate.Plan
	err  error
}

// get is the plan of a name; pending says that it is not made yet.
func (p *plans) get(ctx context.Context, name string, make planning) (_ *operate.Plan, pending bool, err error) {
	j := p.job(name, make)
	wait := time.NewTimer(planPatience)
	defer wait.Stop()
	select {
	case <-j.done:
		return j.plan, false, j.err
	case <-wait.C:
		return nil, true, nil
	case <-ctx.Done():
		return nil, true, ctx.Err()
	}
}

func (p *plans) job(name string, work planning) *job {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	for n, j := range p.jobs {
		select {
		case <-j.done:
			if age := now.Sub(j.at); age >= planFresh || j.err != nil || len(p.jobs) > maxPlans {
				delete(p.jobs, n)
			}
		default:
		}
	}
	if j := p.jobs[name]; j != nil {
		return j
	}
	j := &job{done: make(chan struct{}), at: now}
	p.jobs[name] = j
	p.stop.Go(func() {
		defer close(j.done)
		ctx, cancel := context.WithTimeout(p.ctx, planTime)
		defer cancel()
		select {
		case p.slots <- struct{}{}:
			defer func() { <-p.slots }()
			j.plan, j.err = work(ctx)
		case <-ctx.Done():
			j.err = ctx.Err()
		}
	})
	return j
}
