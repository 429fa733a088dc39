package oro

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

// How often and how long a request is repeated before the caller hears of it: quick help for a stumble. Waiting out an
// outage is the caller's business.
const (
	maxTries  = 4
	firstWait = 200 * time.Millisecond
	maxWait   = 5 * time.Second
	// A Retry-After up to this is waited for here; a longer one is handed to the caller.
	maxRetryAfter = 15 * time.Second
	// Whoever asks to be left alone for longer than this is asked again after it: a proxy's idea of an hour must not keep
	// orders for one.
	longestPause = 5 * time.Minute
)

// A verdict is what to do after a try.
type verdict int

const (
	settled   verdict = iota // there is an answer to hand on
	again                    // send it once more
	giveUp                   // the shop did not take it, and not now either
	uncertain                // nobody knows whether the shop took it, and a repeat could do it twice
)

// A try is how one attempt ended.
type try struct {
	number int // 1 for the first
	effect effect
	status int   // 0 when there was no answer
	err    error // nil when there was one of the shop's own
	taken  bool  // the shop may have taken it
	after  time.Duration
}

// judge is the whole policy. It is pure: time and chance come in by t and chance (0 ≤ chance < 1).
func judge(t try, chance float64) (verdict, time.Duration) {
	busy := t.status == http.StatusTooManyRequests
	broken := t.err != nil || t.status >= 500
	switch {
	case !busy && !broken:
		return settled, 0
	case errors.Is(t.err, context.Canceled), errors.Is(t.err, errTooLarge), errors.Is(t.err, errTooMany):
		if t.effect == adds && t.taken {
			return uncertain, 0
		}
		return giveUp, 0
	case t.effect == adds && !busy && (t.taken || t.status >= 500):
		return uncertain, 0
	case t.number >= maxTries, t.after > maxRetryAfter:
		return giveUp, 0
	case t.after > 0:
		return again, t.after
	}
	wait := min(firstWait<<(t.number-1), maxWait)
	return again, wait/2 + time.Duration(chance*float64(wait/2))
}

// retryAfter reads the header's seconds or date; 0 when there is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if text == "" {
		return 0
	}
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(max(0, min(seconds, 24*60*60))) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(0, min(date.Sub(now), 24*time.Hour))
	}
	return 0
}

// retrier repeats what may be repeated.
type retrier struct {
	next   sender
	sleep  func(ctx context.Context, d time.Duration) error
	jitter func() float64
	now    func() time.Time
	log    *slog.Logger
}

// An uncertainError is a call of which nobody knows whether the shop took it.
type uncertainError struct{ err error }

func (e *uncertainError) Error() string { return e.err.Error() }
func (e *uncertainError) Unwrap() error { return e.err }

func (r *retrier) send(ctx context.Context, c *call) (*answer, error) {
	for number := 1; ; number++ {
		ans, err := r.next.send(ctx, c)
		t := try{number: number, effect: c.effect, err: err}
		switch cut, ok := err.(*wireError); { // only the wire's own: the failure of a login has been repeated already
		case ok:
			t.taken = cut.taken
		case err != nil:
			return nil, err
		default:
			t.status, t.after = ans.status, retryAfter(ans.header, r.now())
			if err = judgeAnswer(c.want, ans); err != nil {
				t.err, t.taken = err, true // who answered may have passed the request on
			}
		}
		if ctx.Err() != nil && t.err != nil {
			t.err = context.Canceled
		}
		what, wait := judge(t, r.jitter())
		switch what {
		case uncertain:
			if err == nil {
				err = &statusError{status: ans.status, errors: decodeErrors(ans.body)}
			}
			return nil, &uncertainError{err}
		case again:
			r.log.DebugContext(ctx, "again", "object", c.object, "try", number, "status", t.status, "err", err, "wait", wait)
			if err := r.sleep(ctx, wait); err != nil {
				return nil, &wireError{err: err}
			}
		default:
			return ans, err
		}
	}
}
