package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// A Term is one worker's time with a piece of work: from when it takes the work up until another worker does. Works are named in the
// words of who does them: "load products@b2b".
//
// Whatever is done within a term is refused once it is over: the ledger looks in each transaction whose term it is, and who is about
// to change something outside asks (see [StillMine]). So a worker that was thought dead and wakes up again changes nothing. Terms do
// not say who is to work: that two do not take the same work from each other in turns is the schedule's part.
type Term struct {
	Work   string
	Number int64  // of this work's terms, from 1
	Worker string // who has it: the ledger's word for whoever has opened it
}

// A TermLedger keeps which term of each work is the latest.
type TermLedger interface {
	// TakeUp begins a term of a work; last is given back, and nothing written, while it is the latest.
	TakeUp(ctx context.Context, work string, last Term) (Term, error)
	// Holds is an error wrapping [ErrTakenUp] when a term is not the latest of its work.
	Holds(ctx context.Context, t Term) error
	// Confirm is Holds in a transaction of its own: whatever was said before is on the disk then.
	Confirm(ctx context.Context, t Term) error
}

// Over is the error of what was to be done in a term that is over.
func (t Term) Over() error {
	return &Error{Op: "go on with", Object: t.Work, Err: ErrTakenUp}
}

type termKey struct{}

type termOf struct {
	Term
	ledger TermLedger
}

// InTerm is a context for what is done within a term.
func InTerm(ctx context.Context, t Term, ledger TermLedger) context.Context {
	return context.WithValue(ctx, termKey{}, termOf{t, ledger})
}

// TermOf is the term within which something is done; false for what is nobody's work alone, such as a person's decision.
func TermOf(ctx context.Context) (Term, bool) {
	t, ok := ctx.Value(termKey{}).(termOf)
	return t.Term, ok
}

// StillMine is asked right before something outside the ledger is changed. Its error wraps [ErrTakenUp] when the term is over within
// which that is done; without a term it is nil.
//
// Limit: whoever is stopped between the answer and the change still makes the change when it wakes up. What is done must allow that:
// files have names of their own, and a batch is in the ledger before it goes.
func StillMine(ctx context.Context) error {
	t, ok := ctx.Value(termKey{}).(termOf)
	if !ok {
		return nil
	}
	return t.ledger.Holds(ctx, t.Term)
}

// Confirmed is [StillMine] of somebody who acts on what the ledger was told, some of which may wait for the next thing that is said: it
// is on the disk then. Without a term that is an error.
func Confirmed(ctx context.Context) error {
	t, ok := ctx.Value(termKey{}).(termOf)
	if !ok {
		return errors.New("confirm what was said: it is nobody's work")
	}
	return t.ledger.Confirm(ctx, t.Term)
}

// Terms are one worker's terms. The zero value is ready.
type Terms struct {
	mu sync.Mutex
	of map[string]*works
}

// works is a piece of work as one worker has it.
type works struct {
	free chan struct{} // holds one while nobody here is at work
	last Term
}

func (t *Terms) find(work string) *works {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.of[work]
	if w == nil {
		if w = (&works{free: make(chan struct{}, 1)}); t.of == nil {
			t.of = map[string]*works{}
		}
		w.free <- struct{}{}
		t.of[work] = w
	}
	return w
}

// TakeUp takes a work up: it is done within the context that comes back, until done is called. Others who do it here are waited for.
// Fresh says that somebody else may have done it since it was done here last: what is remembered of it may be wrong. Whoever is in a
// term of this work already stays in it.
func (t *Terms) TakeUp(ctx context.Context, ledger TermLedger, work string) (within context.Context, fresh bool, done func(), err error) {
	if now, ok := TermOf(ctx); ok && now.Work == work {
		return ctx, false, func() {}, nil
	}
	w := t.find(work)
	select {
	case <-w.free:
	case <-ctx.Done():
		return nil, false, nil, ctx.Err()
	}
	term, err := ledger.TakeUp(ctx, work, w.last)
	if err != nil {
		w.free <- struct{}{}
		return nil, false, nil, fmt.Errorf("take up %s: %w", work, err)
	}
	fresh, w.last = term != w.last, term
	return InTerm(ctx, term, ledger), fresh, func() { w.free <- struct{}{} }, nil
}

// Guarded is a remote in which something is changed only by whose work it is: see [StillMine].
func Guarded(r Remote) Remote { return guarded{r} }

type guarded struct{ Remote }

func (g guarded) Put(ctx context.Context, path string, body io.ReadSeeker) error {
	if err := StillMine(ctx); err != nil {
		return err
	}
	return g.Remote.Put(ctx, path, body)
}

func (g guarded) Move(ctx context.Context, from, to string) error {
	if err := StillMine(ctx); err != nil {
		return err
	}
	return g.Remote.Move(ctx, from, to)
}

func (g guarded) Remove(ctx context.Context, path string) error {
	if err := StillMine(ctx); err != nil {
		return err
	}
	return g.Remote.Remove(ctx, path)
}
