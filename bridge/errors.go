package bridge

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"
)

// Fate is what an error means for the work at hand. It is decided where the error is born.
type Fate int

// The fates.
const (
	Stop  Fate = iota // a person must change something; trying again as it is will not help
	Pause             // trouble that passes: wait and go on
)

// Error is what an operator reads: an operation, its object, and what to do next.
type Error struct {
	Op     string // "fetch", "submit batch"
	Object string // "sap:/out/prices/p.csv"
	Fate   Fate   //
	Hint   string // what to do next; empty when waiting is all
	// File says that the trouble is one file's own: the end works, and other files can go on.
	File bool
	// After is how long the other side asked to be left alone; 0 when it did not say.
	After time.Duration
	Err   error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s %s: %v", e.Op, e.Object, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Sentinels that callers branch on.
var (
	// ErrUncertain: it is unknown whether the shop took a batch.
	ErrUncertain = errors.New("unknown whether the shop took it")
	// ErrOperationLost: the shop does not know the operation any more, or it did not end in time.
	ErrOperationLost = errors.New("the shop no longer knows the operation")
	// ErrOperationFailed: the batch failed as a whole.
	ErrOperationFailed = errors.New("the operation failed as a whole")
	// ErrContent, beside ErrUncertain: the shop takes other batches, so what this one holds is to blame. Once nothing of it
	// can be under way any more its halves may pass.
	ErrContent = errors.New("the shop takes other batches, but not this one")
	// ErrUnreachable: an end could not be reached (exit code 4).
	ErrUnreachable = errors.New("not reachable")
	// ErrLogin: an end refused who we are: pause for longer, so that no account is locked.
	ErrLogin = errors.New("login refused")
	// ErrMoved: what was to be advanced is no longer in the state that it was read in.
	ErrMoved = errors.New("no longer in that state")
	// ErrTakenUp: the work was another worker's by then, and nothing was done (see [Term]).
	ErrTakenUp = errors.New("another worker has taken it up")
	// ErrUnknown: the ledger has no such drop, run or order.
	ErrUnknown = errors.New("not known here")
	// ErrTaken: there is another one of that name.
	ErrTaken = errors.New("the name is taken")
	// ErrReading: the ledger was opened for reading and takes no notes.
	ErrReading = errors.New("the ledger was opened for reading")
	// ErrLocked: another bridge holds the state (exit code 5).
	ErrLocked = errors.New("another bridge holds the state")
	// ErrThoughtDead: others have taken up this bridge's work. One that shares it may begin anew.
	ErrThoughtDead = fmt.Errorf("%w: this one was thought dead", ErrLocked)
	// ErrBehind: the ledger is not of this program's version yet, and bridges of an older one work with it.
	ErrBehind = errors.New("bridges of an older version work with it")
)

// FateOf finds the fate of an error; one that has none stops.
func FateOf(err error) Fate {
	var e *Error
	if errors.As(err, &e) {
		return e.Fate
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Pause
	}
	return Stop
}

// OfFile says whether an error is the trouble of one file, of which the others know nothing, and not that of an end.
func OfFile(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.File
}

// HintOf finds what to do about an error.
func HintOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// RetryAfter finds how long the other side asked to be left alone; 0 when it did not say.
func RetryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.After
	}
	return 0
}

// joinedType is what errors.Join makes. An error of fmt with several %w holds several, too, but is one sentence.
var joinedType = reflect.TypeOf(errors.Join(errors.ErrUnsupported))

// Joined takes apart what errors.Join has put together, however deep. An error of another kind is alone; nil is none.
func Joined(err error) []error {
	if err == nil {
		return nil
	}
	list, ok := err.(interface{ Unwrap() []error })
	if !ok || reflect.TypeOf(err) != joinedType {
		return []error{err}
	}
	var all []error
	for _, e := range list.Unwrap() {
		all = append(all, Joined(e)...)
	}
	return all
}

// Within says of each of the errors joined in err where it came about, so that each stays a sentence with a hint of its
// own: "feed prices: connect sap: …". It returns nil for nil.
func Within(where string, err error) error {
	var all []error
	for _, e := range Joined(err) {
		all = append(all, fmt.Errorf("%s: %w", where, e))
	}
	return errors.Join(all...)
}
