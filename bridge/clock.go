package bridge

import (
	"context"
	"time"
)

// Clock is the time that the domain lives in.
type Clock interface {
	Now() time.Time
	// Wait returns after d, or with the context's error as soon as it ends.
	Wait(ctx context.Context, d time.Duration) error
}

// WaitOr waits for a time, or less when one of two channels says that there is something to do. A nil channel says nothing.
func WaitOr(ctx context.Context, c Clock, d time.Duration, first, second <-chan struct{}) error {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.Wait(waiting, d) }()
	select {
	case err := <-done:
		return err
	case <-first:
	case <-second:
	}
	cancel()
	<-done
	return ctx.Err()
}

// SystemClock is the machine's clock.
type SystemClock struct{}

// Now is the present time, UTC.
func (SystemClock) Now() time.Time { return time.Now().UTC() }

// Wait sleeps.
func (SystemClock) Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
