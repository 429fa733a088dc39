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
	}{
		{0, a, false, 1, 0},
		{time.Second, b, false, 1, 0},                     // shared, and of the time when it was made
		{time.Second, b, false, 2, 2 * time.Second},       // not twice
		{time.Second, a, false, 2, 2 * time.Second},       // nor is it a's first one again
		{time.Second, other, false, 3, 4 * time.Second},   // another folder
		{time.Second, often, false, 4, 5 * time.Second},   // another interval
		{time.Minute, a, false, 5, 65 * time.Second},      // what is old is not shared
		{time.Second, b, true, 6, 66 * time.Second},       // who was woken looks anew
		{29 * time.Second, a, false, 6, 66 * time.Second}, // and the other has it from there
		{2 * time.Minute, b, false, 7, 215 * time.Second},
	} {
		clock.now = clock.now.Add(step.after)
		if step.woken {
			l.refresh(step.of, clock.now)
		}
		files, at, err := l.list(t.Context(), step.of)
		if want := time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC).Add(step.at); err != nil || files[0].Name != fmt.Sprint(step.want) || !at.Equal(want) {
			t.Errorf("step %d: listing %s of %v, %v", i+1, files[0].Name, at, err)
		}
	}
	folder.err = errors.New("away")
	clock.now = clock.now.Add(time.Hour)
	if _, _, err := l.list(t.Context(), a); err == nil {
		t.Error("a listing that failed is none")
	}
	folder.err = nil
	if _, _, err := l.list(t.Context(), b); err != nil {
		t.Error(err)
	}
}
