package state

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/dir"
)

// atHand is a clock that a test moves.
type atHand struct{ now time.Time }

func (c *atHand) Now() time.Time                            { return c.now }
func (c *atHand) Wait(context.Context, time.Duration) error { return nil }

// spoiled is a remote that loses the last byte of what it is given.
type spoiled struct{ bridge.Remote }

func (r spoiled) Fetch(ctx context.Context, path string, w io.Writer) (int64, error) {
	var all strings.Builder
	n, err := r.Remote.Fetch(ctx, path, &all)
	_, writeErr := io.WriteString(w, all.String()[:max(0, all.Len()-5)])
	return n, errors.Join(err, writeErr)
}

func TestBackupsAreMadeOnScheduleAndTheOldestGo(t *testing.T) {
	s, folder := openIn(t, kept(t), Options{}), t.TempDir()
	must(t, os.WriteFile(filepath.Join(folder, "orobridge-another-20260101T000000Z.tar.zst"), nil, 0o600))
	remote, err := dir.New("disk", &dir.Options{Path: folder, Mode: 0o600})
	must(t, err)
	t.Cleanup(func() { must(t, remote.Close()) })
	clock := &atHand{noon}
	plan := &Schedule{State: s, Every: time.Hour, Keep: 2, Remote: remote, Name: "disk", Folder: "/backup", Clock: clock, Events: &bridge.Events{}}
	names := func() []string {
		t.Helper()
		entries, err := os.ReadDir(filepath.Join(folder, "backup"))
		must(t, err)
		var all []string
		for _, e := range entries {
			all = append(all, e.Name()[len(e.Name())-len("20261121T120000.000Z.tar.zst"):])
		}
		return all
	}
	for range 3 {
		wait, err := plan.Due(t.Context())
		must(t, err)
		if wait != time.Hour {
			t.Errorf("the next one in %v", wait)
		}
		clock.now = clock.now.Add(time.Hour)
	}
	if got := names(); !slices.Equal(got, []string{"20261121T130000.000Z.tar.zst", "20261121T140000.000Z.tar.zst"}) {
		t.Errorf("there are %v", got)
	}
	clock.now = clock.now.Add(-20 * time.Minute)
	if wait, err := plan.Due(t.Context()); err != nil || wait != 20*time.Minute || len(names()) != 2 {
		t.Errorf("before it is due: %v %v %v", wait, err, names())
	}
	// One that can't be read back is none, and the others stay.
	clock.now = clock.now.Add(time.Hour)
	plan.Remote = spoiled{remote}
	if _, err := plan.Due(t.Context()); err == nil || len(names()) != 2 {
		t.Errorf("spoiled: %v %v", err, names())
	}
	plan.Remote = remote
	_, err = plan.Due(t.Context())
	must(t, err)
	if _, err := os.Stat(filepath.Join(folder, "orobridge-another-20260101T000000Z.tar.zst")); err != nil {
		t.Error("another bridge's backup is gone")
	}
	i, err := Look(t.Context(), s.dir, "")
	must(t, err)
	if i.Backup == nil || !strings.HasPrefix(i.Backup.Place, "disk:/backup/orobridge-"+s.Identity()+"-20261121T154000.000Z") || i.Backup.Bytes == 0 {
		t.Errorf("%+v", i.Backup)
	}
	left, err := filepath.Glob(filepath.Join(s.dir, ".backup-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}
