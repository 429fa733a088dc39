// Package bridge is the domain: what a feed, a drop, a run, a reject, a link and an outbox are, how a drop comes in and
// how an order goes out.
//
// It declares the interfaces that it needs (ports.go, ledger.go) and knows no network, no SQL and no file format; its
// adapters below it and the ledger in package state know it. The rule of the whole: each step is recorded in the
// ledger before the next begins, so that a bridge that was killed goes on from there.
//
//   - inbound.go: listing → seen → ready → claimed → fetched
//   - plan.go: rows → records → changes
//   - apply.go: changes → batches → outcomes
//   - order.go: which drop is the next, and what keeps it
//   - rows.go, rejects.go: the rows of a file, out of its wrappings; those that were rejected
//   - settle.go, receipt.go, receipt_documents.go: reject file, receipt, last move
//   - prune.go: what is old goes
//   - notice.go: the shop's orders → noticed → owed
//   - outbound.go: owed → written → picked up; resend.go: again
//   - answers.go: the ERP's answers → the shop's orders; alarms.go: what a person has to look at
//   - run.go: the daemon that does all of it, each feed and export on its own schedule
package bridge

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/orobridge/orobridge/formats"
)

// Bridge ties one config's ends together. Its fields are set once, before any method is called.
type Bridge struct {
	Config  *Config
	Ledger  Ledger
	Shop    Shop
	Remotes map[string]Remote
	// OrderRemotes are ways to remotes that only exports use, so that no import's file is in front of an order. A remote
	// that is not here is used by both.
	OrderRemotes map[string]Remote
	Spool        string // local folder for fetched files
	Clock        Clock
	Log          *slog.Logger
	// Patience bounds how long one piece of work waits for trouble to pass; 0 waits for as long as it takes.
	Patience time.Duration
	// Progress is told how a run goes on, often; it may be nil.
	Progress func(Progress)
	// Step is called before each step that a crash could follow, with the step's name. Crash tests set it.
	Step func(name string)

	finishing sync.Mutex // one last move at a time
	outbound  outboundState
	paceOnce  sync.Once
	shared    *pace // batches on their way, of all feeds
}

// Progress says how far a run is.
type Progress struct {
	Feed  string
	File  string
	Phase string // "reading", "looking up", "sending"
	Done  int64
	Total int64 // 0: not known
}

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

func (b *Bridge) step(name string) {
	if b.Step != nil {
		b.Step(name)
	}
}

func (b *Bridge) progress(p Progress) {
	if b.Progress != nil {
		b.Progress(p)
	}
}

// pace is shared by all feeds: it is one shop.
func (b *Bridge) pace() *pace {
	b.paceOnce.Do(func() { b.shared = newPace(b.Config.Oro.InFlight) })
	return b.shared
}

// spool is the path of a drop's local copy.
func (b *Bridge) spool(d *Drop) string { return filepath.Join(b.Spool, d.Spool) }

// Feed finds a feed of the config by its name.
func (b *Bridge) Feed(name string) (*FeedConfig, bool) {
	for _, f := range b.Config.Feeds {
		if f.Name == name {
			return f, true
		}
	}
	return nil, false
}

// Pauses between tries: doubled from the first to the longest, with a fifth of jitter. Trouble that only a person can
// mend, and refused logins, start at the longest, so that no account is locked and no log is flooded.
const (
	firstPause   = time.Second
	longestPause = 5 * time.Minute
)

// pause is how long to wait before try number n (1 is the first repetition).
func pause(n int, err error, jitter float64) time.Duration {
	d := longestPause
	if (err == nil || FateOf(err) == Pause && !errors.Is(err, ErrLogin)) && n < 10 {
		d = min(firstPause<<(n-1), longestPause)
	}
	d += time.Duration((jitter - 0.5) * 0.4 * float64(d))
	return max(d, RetryAfter(err))
}

// persist does f until it succeeds: trouble pauses the work, it does not end it. What it waits for stands in the
// ledger's notes under the given name, so that an admin can see it. It gives up with f's last error when ctx ends, and,
// where the bridge's patience is bounded, when that is used up or when waiting could not help.
func (b *Bridge) persist(ctx context.Context, what string, f func() error) error {
	began := b.Clock.Now()
	for n := 1; ; n++ {
		err := f()
		if err == nil {
			if n > 1 {
				b.Log.Info("trouble has passed", "work", what)
				return b.Ledger.Note(ctx, pausedNote(what), "")
			}
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		wait := pause(n, err, rand.Float64())
		if b.Patience > 0 && (FateOf(err) != Pause || b.Clock.Now().Add(wait).Sub(began) > b.Patience) {
			return err
		}
		b.Log.Warn("paused", "work", what, "error", err, "hint", HintOf(err), "again_in", wait.Round(time.Second))
		if noteErr := b.Ledger.Note(ctx, pausedNote(what), err.Error()); noteErr != nil && !errors.Is(noteErr, ErrReading) {
			b.Log.Error("note", "work", what, "error", noteErr)
		}
		if b.Clock.Wait(ctx, wait) != nil {
			return err
		}
	}
}

// pausedNote is the ledger's note of trouble with a piece of work.
func pausedNote(work string) string { return "paused " + work }

// PausedNote says whether a note of the ledger tells of trouble, and with what.
func PausedNote(name string) (work string, ok bool) { return strings.CutPrefix(name, "paused ") }

// raw joins the sender's columns and cells.
func raw(columns []string, row *formats.Row) map[string]string {
	m := make(map[string]string, len(row.Cells))
	for i, c := range row.Cells {
		switch {
		case i >= len(columns):
			m[extraCell(i)] = c
		case row.Absent == nil || !row.Absent[i]:
			m[columns[i]] = c
		}
	}
	return m
}
