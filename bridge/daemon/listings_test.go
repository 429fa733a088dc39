package daemon

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// listing is a folder that tells how often it was listed.
type listing struct {
	bridge.Remote
	n   int
	err error
}

func (l *listing) List(context.Context, string) ([]bridge.File, error) {
	l.n++
	return []bridge.File{{Name: fmt.Sprint(l.n)}}, l.err
}

// still is a clock that stands where it was put.
type still struct{ now time.Time }

func (s *still) Now() time.Time                            { return s.now }
func (s *still) Wait(context.Context, time.Duration) error { return nil }

// TestFeedsOfAFolderShareAListing, and none gets one twice: what stood there once must not look as if it had stood there for long.
func TestFeedsOfAFolderShareAListing(t *testing.T) {
	folder, clock := &listing{}, &still{time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC)}
	feed := func(name, path string, every time.Duration) *config.Feed {
		return &config.Feed{Name: name, Remote: "sap", Folder: path, Every: bridge.Duration(every)}
	}
	a, b, other, often := feed("a", "/out", time.Minute), feed("b", "/out/", time.Minute), feed("c", "/in", time.Minute), feed("d", "/out", time.Second)
	l := share([]*config.Feed{a, b, other, often}, map[string]bridge.Remote{"sap": folder}, clock)
	for i, step := range []struct {
		after time.Duration
		of    *config.Feed
		woken bool
		want  int // which listing it gets
		at    time.Duration
		since time.Time // it has moved files
	}{
		{0, a, false, 1, 0, time.Time{}},
		{time.Second, b, false, 1, 0, time.Time{}},                     // shared, and of the time when it was made
		{time.Second, b, false, 2, 2 * time.Second, time.Time{}},       // not twice
		{time.Second, a, false, 2, 2 * time.Second, time.Time{}},       // nor is it a's first one again
		{time.Second, other, false, 3, 4 * time.Second, time.Time{}},   // another folder
		{time.Second, often, false, 4, 5 * time.Second, time.Time{}},   // another interval
		{time.Minute, a, false, 5, 65 * time.Second, time.Time{}},      // what is old is not shared
		{time.Second, b, true, 6, 66 * time.Second, time.Time{}},       // who was woken looks anew
		{29 * time.Second, a, false, 6, 66 * time.Second, time.Time{}}, // and the other has it from there
		{2 * time.Minute, b, false, 7, 215 * time.Second, time.Time{}},
		{0, a, false, 8, 215 * time.Second, time.Date(2026, 11, 21, 7, 3, 35, 0, time.UTC)}, // what it moved would show
	} {
		clock.now = clock.now.Add(step.after)
		if step.woken {
			l.refresh(step.of, clock.now)
		}
		files, at, err := l.list(t.Context(), step.of, step.since)
		if want := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC).Add(step.at); err != nil || files[0].Name != fmt.Sprint(step.want) || !at.Equal(want) {
			t.Errorf("step %d: listing %s of %v, %v", i+1, files[0].Name, at, err)
		}
	}
	folder.err = errors.New("away")
	clock.now = clock.now.Add(time.Hour)
	if _, _, err := l.list(t.Context(), a, time.Time{}); err == nil {
		t.Error("a listing that failed is none")
	}
	folder.err = nil
	if _, _, err := l.list(t.Context(), b, time.Time{}); err != nil {
		t.Error(err)
	}
}
