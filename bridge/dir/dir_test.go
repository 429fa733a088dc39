package dir_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/dir"
	"github.com/orobridge/orobridge/bridge/remotetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, root string) *dir.Remote {
	t.Helper()
	r, err := dir.New("disk", &dir.Options{Path: root})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestConformance(t *testing.T) {
	remotetest.Test(t, func(t *testing.T) remotetest.Place {
		root := filepath.Join(t.TempDir(), "root")
		if err := os.Mkdir(root, 0o755); err != nil {
			t.Fatal(err)
		}
		return remotetest.Place{Remote: open(t, root), Root: root}
	})
}

func await(t *testing.T, wake <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-wake:
	case <-time.After(10 * time.Second):
		t.Fatalf("no wake: %s", what)
	}
}

func TestWatch(t *testing.T) {
	root := t.TempDir()
	r := open(t, root)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wake, err := r.Watch(ctx, "")
	if err != nil || wake == nil {
		t.Fatalf("watch: %v, %v", wake, err)
	}
	await(t, wake, "at the start")
	if err := os.WriteFile(filepath.Join(root, "a"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	await(t, wake, "a new file")
	if err := os.Rename(filepath.Join(root, "a"), filepath.Join(root, "b")); err != nil {
		t.Fatal(err)
	}
	await(t, wake, "a rename")
	if _, err := r.Watch(ctx, "none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("watch of nothing: %v", err)
	}
}

func TestRootMissing(t *testing.T) {
	r := open(t, filepath.Join(t.TempDir(), "none"))
	_, err := r.List(t.Context(), "")
	if !errors.Is(err, bridge.ErrUnreachable) || !errors.Is(err, os.ErrNotExist) || bridge.FateOf(err) != bridge.Pause {
		t.Errorf("list: %v", err)
	}
	findings := r.Check(t.Context())
	if len(findings) != 1 || findings[0].OK || !findings[0].Unreachable || findings[0].Hint == "" {
		t.Errorf("check: %+v", findings)
	}
}

func TestLinkThatLeaves(t *testing.T) {
	outer := t.TempDir()
	root := filepath.Join(outer, "root")
	if err := errors.Join(os.Mkdir(root, 0o755), os.WriteFile(filepath.Join(outer, "secret"), []byte("x"), 0o644),
		os.Symlink("../secret", filepath.Join(root, "link")), os.Symlink("..", filepath.Join(root, "up"))); err != nil {
		t.Fatal(err)
	}
	r := open(t, root)
	if _, err := r.Fetch(t.Context(), "link", io.Discard); err == nil || bridge.FateOf(err) != bridge.Stop {
		t.Errorf("fetch through a link: %v", err)
	}
	if err := r.Put(t.Context(), "up/new", bytes.NewReader([]byte("x"))); err == nil {
		t.Error("put through a link that leaves")
	}
	if err := r.Move(t.Context(), "link", "up/link"); err == nil {
		t.Error("move through a link that leaves")
	}
}
