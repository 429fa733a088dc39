package inbound

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// Engine takes the drops of one shop's feeds through their life. Its fields are set once, before any method is called.
type Engine struct {
	Feeds    []*config.Feed
	InFlight int // batches on their way at once
	Batch    int // records of a batch at most
	Ledger   Ledger
	Shop     Shop
	Remotes  map[string]bridge.Remote
	ReadOnly map[string]bool // remotes on which nothing is moved: the ledger alone claims their files
	Spool    string          // local folder for fetched files
	Keep     time.Duration   // how long archived files, spooled bytes and the details of rows are kept; 0 keeps them
	Clock    bridge.Clock
	Log      *slog.Logger
	// Patience bounds how long one piece of work waits for trouble to pass; 0 waits for as long as it takes.
	Patience time.Duration
	// Progress is told how a run goes on, often; it may be nil.
	Progress func(Progress)
	// Step is called before each step that a crash could follow, with the step's name. Crash tests set it.
	Step func(name string)

	finishing sync.Mutex // one last move at a time
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

func (b *Engine) step(name string) {
	if b.Step != nil {
		b.Step(name)
	}
}

func (b *Engine) progress(p Progress) {
	if b.Progress != nil {
		b.Progress(p)
	}
}

// pace is shared by all feeds: it is one shop.
func (b *Engine) pace() *pace {
	b.paceOnce.Do(func() { b.shared = newPace(b.InFlight) })
	return b.shared
}

// spool is the path of a drop's local copy.
func (b *Engine) spool(d *bridge.Drop) string { return filepath.Join(b.Spool, d.Spool) }

// Feed finds a feed of the config by its name.
func (b *Engine) Feed(name string) (*config.Feed, bool) {
	for _, f := range b.Feeds {
		if f.Name == name {
			return f, true
		}
	}
	return nil, false
}

// persist does f until it succeeds: trouble pauses the work, it does not end it. What it waits for stands in the
// ledger's notes under the given name, so that an admin can see it. It gives up with f's last error when ctx ends, and,
// where the bridge's patience is bounded, when that is used up or when waiting could not help.
func (b *Engine) persist(ctx context.Context, what string, f func() error) error {
	began := b.Clock.Now()
	for n := 1; ; n++ {
		err := f()
		if err == nil {
			if n > 1 {
				b.Log.Info("trouble has passed", "work", what)
				return b.Ledger.Note(ctx, bridge.PausedNote(what), "")
			}
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		wait := bridge.Backoff(n, err, rand.Float64())
		if b.Patience > 0 && (bridge.FateOf(err) != bridge.Pause || b.Clock.Now().Add(wait).Sub(began) > b.Patience) {
			return err
		}
		b.Log.Warn("paused", "work", what, "error", err, "hint", bridge.HintOf(err), "again_in", wait.Round(time.Second))
		if noteErr := b.Ledger.Note(ctx, bridge.PausedNote(what), err.Error()); noteErr != nil && !errors.Is(noteErr, bridge.ErrReading) {
			b.Log.Error("note", "work", what, "error", noteErr)
		}
		if b.Clock.Wait(ctx, wait) != nil {
			return err
		}
	}
}

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
