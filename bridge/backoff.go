package bridge

import (
	"errors"
	"time"
)

// Pauses between tries: doubled from the first to the longest, with a fifth of jitter. Trouble that only a person can
// mend, and refused logins, start at the longest, so that no account is locked and no log is flooded.
const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
)

// Backoff is how long to wait before try number n (1 is the first repetition).
func Backoff(n int, err error, jitter float64) time.Duration {
	d := longestPause
	if (err == nil || FateOf(err) == Pause && !errors.Is(err, ErrLogin)) && n < 10 {
		d = min(firstPause<<(n-1), longestPause)
	}
	d += time.Duration((jitter - 0.5) * 0.4 * float64(d))
	return max(d, RetryAfter(err))
}
