package daemon

import (
	"context"
	"path"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// listings lets the feeds of one folder that look equally often share what one of them has listed, of whatever shops they are: the
// server is asked once for all. A listing carries its time, and a feed gets none twice, so that a file has stood still only when it
// was looked at again.
type listings struct {
	remotes map[string]bridge.Remote
	clock   bridge.Clock
	folders map[place]*listed // those that several feeds share

	mu    sync.Mutex
	after map[string]time.Time // by feed: what was listed before is not good enough
}

type place struct {
	remote, folder string
	every          time.Duration
}

// listed is the last listing of a folder. Whoever holds turn lists, and reads the rest.
type listed struct {
	turn      chan struct{} // of one
	files     []bridge.File
	began, at time.Time // of the listing: its beginning, and its end
}

func placeOf(f *config.Feed) place { return place{f.Remote, path.Clean("/" + f.Folder), f.Every.D()} }

// share finds the folders that several of some feeds share.
func share(feeds []*config.Feed, remotes map[string]bridge.Remote, clock bridge.Clock) *listings {
	l := &listings{remotes: remotes, clock: clock, folders: map[place]*listed{}, after: map[string]time.Time{}}
	n := map[place]int{}
	for _, f := range feeds {
		if f.Front != "" {
			continue // it lists nothing
		}
		if n[placeOf(f)]++; n[placeOf(f)] == 2 {
			l.folders[placeOf(f)] = &listed{turn: make(chan struct{}, 1)}
		}
	}
	return l
}

// list lists the folder of a feed, or hands on what another feed has listed in the last half of their interval, and not before since.
func (l *listings) list(ctx context.Context, f *config.Feed, since time.Time) ([]bridge.File, time.Time, error) {
	shared := l.folders[placeOf(f)]
	if shared == nil {
		files, err := l.remotes[f.Remote].List(ctx, f.Folder)
		return files, l.clock.Now(), err
	}
	select {
	case shared.turn <- struct{}{}:
		defer func() { <-shared.turn }()
	case <-ctx.Done():
		return nil, time.Time{}, ctx.Err()
	}
	now := l.clock.Now()
	after := l.last(f)
	if after.Before(since) {
		after = since
	}
	if half := now.Add(-f.Every.D() / 2); after.Before(half) {
		after = half
	}
	if shared.began.After(after) {
		l.refresh(f, shared.at)
		return shared.files, shared.at, nil
	}
	files, err := l.remotes[f.Remote].List(ctx, f.Folder)
	if err != nil {
		return nil, now, err
	}
	shared.files, shared.began, shared.at = files, now, l.clock.Now()
	l.refresh(f, shared.at)
	return files, shared.at, nil
}

// refresh says that a feed has no use for what was listed before a time.
func (l *listings) refresh(f *config.Feed, before time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.after[f.Name] = before
}

func (l *listings) last(f *config.Feed) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.after[f.Name]
}
