package daemon

import (
	"context"
	"slices"
	"sync"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// What somebody has paused stands still: a feed is neither listed nor loaded, an export notices and writes nothing, and while
// the shop is paused nothing is loaded or noticed. What is under way is cut as by a stop of the bridge, and goes on from the
// ledger. A pause that was given an end is over then.

// halted finds the pause of some pieces of work; nil when all of them may be done.
func (d *Daemon) halted(ctx context.Context, works ...string) (*bridge.Halt, error) {
	notes, err := d.Ledger.Notes(ctx)
	if err != nil {
		return nil, err
	}
	return bridge.HaltedNow(notes, d.Clock.Now(), works...), nil
}

func feedWork(name string) string { return "feed " + name }

// feedWorks are those whose pause stops a feed: its own, and that of the front whose branch it is.
func feedWorks(f *config.Feed) []string {
	if f.Front == "" {
		return []string{feedWork(f.Name)}
	}
	return []string{feedWork(f.Name), feedWork(f.Front)}
}

func exportWork(name string) string { return "export " + name }

// endHalts lists the works that are paused, and says whether one of those that were before is not any more. Whoever keeps the house
// takes the pauses away whose end has come.
func (b *Bridge) endHalts(ctx context.Context, before []string) (halted []string, ended bool, err error) {
	notes, err := b.Ledger.Notes(ctx)
	if err != nil {
		return before, false, err
	}
	defer func() {
		ended = ended || slices.ContainsFunc(before, func(work string) bool { return !slices.Contains(halted, work) })
	}()
	for _, h := range bridge.Halts(notes) {
		if !h.Over(b.Clock.Now()) {
			halted = append(halted, h.Work)
			continue
		}
		if !b.housed.Load() {
			continue
		}
		event := &bridge.Event{At: b.Clock.Now(), Kind: bridge.WorkResumed, Work: h.Work, Text: "the end of its pause has come"}
		if err := b.Ledger.Note(ctx, bridge.HaltedNote(h.Work), "", event); err != nil {
			return halted, ended, err
		}
		b.Events.Tell(event)
		ended = true
	}
	return halted, ended, nil
}

// underWay is what can be cut when somebody pauses it.
type underWay struct {
	mu   sync.Mutex
	cuts []*cut
}

type cut struct {
	works []string
	stop  context.CancelFunc
}

// begin returns a context that ends as well once somebody pauses one of some pieces of work.
func (u *underWay) begin(ctx context.Context, works ...string) (context.Context, func()) {
	work, stop := context.WithCancel(ctx)
	c := &cut{works, stop}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.cuts = append(u.cuts, c)
	return work, func() {
		stop()
		u.mu.Lock()
		defer u.mu.Unlock()
		u.cuts = slices.DeleteFunc(u.cuts, func(x *cut) bool { return x == c })
	}
}

// cutHalted stops what is under way and paused.
func (s *schedule) cutHalted(ctx context.Context) error {
	notes, err := s.Ledger.Notes(ctx)
	if err != nil {
		return err
	}
	s.underWay.mu.Lock()
	defer s.underWay.mu.Unlock()
	for _, c := range s.underWay.cuts {
		if bridge.HaltedNow(notes, s.Clock.Now(), c.works...) != nil {
			c.stop()
		}
	}
	return nil
}
