package bridge

import (
	"errors"
	"time"
)

// Pauses between tries: doubled from the first to the longest, with a fifth of jitter. What only a person can mend is tried
// as soon as the rest: a folder that is not there may be back in seconds. Refused logins start at the longest, so that no
// account is locked.
const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
)

// Backoff is how long to wait before try number n (1 is the first repetition). It is never much longer than the longest
// pause, however long the other side asked to be left alone: it is asked again then.
func Backoff(n int, err error, jitter float64) time.Duration {
	d := longestPause
	if !errors.Is(err, ErrLogin) && n < 10 {
		d = min(firstPause<<(n-1), longestPause)
	}
	d += time.Duration((jitter - 0.5) * 0.4 * float64(d))
	return max(d, min(RetryAfter(err), longestPause))
}
