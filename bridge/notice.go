package bridge

import (
	"context"
	"errors"
)

// Work that may be somebody else's next is given notice: it ends at its next safe point, with nothing under way, where the end of its
// context would cut it. Who works through many pieces asks between two of them; who waits for something to do waits no longer.

// errNoticed ends work at a safe point. Whoever gave notice knows why: it is nobody's trouble.
var errNoticed = errors.New("the work is given back")

type noticeKey struct{}

// WithNotice is a context for work to which notice can be given.
func WithNotice(ctx context.Context) (within context.Context, give context.CancelFunc) {
	notice, give := context.WithCancel(ctx)
	return context.WithValue(ctx, noticeKey{}, notice), give
}

// Noticed is an error once notice was given to the work that has a context.
func Noticed(ctx context.Context) error {
	if notice, ok := ctx.Value(noticeKey{}).(context.Context); ok && notice.Err() != nil {
		return errNoticed
	}
	return nil
}

// UntilNotice is a context that ends with another one, and when notice is given to the work that has it.
func UntilNotice(ctx context.Context) (until context.Context, end context.CancelFunc) {
	until, cancel := context.WithCancel(ctx)
	notice, ok := ctx.Value(noticeKey{}).(context.Context)
	if !ok {
		return until, cancel
	}
	stop := context.AfterFunc(notice, cancel)
	return until, func() { stop(); cancel() }
}
