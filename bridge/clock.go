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
