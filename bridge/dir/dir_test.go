package dir_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
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
	r, err := dir.New("disk", &dir.Options{Path: root}, dir.WithIdentity("l1"))
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
		return remotetest.Place{Remote: open(t, root), Root: root, Identity: "l1"}
	})
}

func await(t *testing.T, wake <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-wake:
	case <-time.After(time.Minute):
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

func TestMode(t *testing.T) {
	root := t.TempDir()
	r, err := dir.New("disk", &dir.Options{Path: root, Mode: 0o660})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := errors.Join(r.MakeFolder(t.Context(), "in/archive"), r.Put(t.Context(), "in/f.csv", strings.NewReader("order"))); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]os.FileMode{"in/f.csv": 0o660, "in": 0o770 | os.ModeDir, "in/archive": 0o770 | os.ModeDir} {
		if info, err := os.Stat(filepath.Join(root, at)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %s", at, info.Mode(), err, want)
		}
	}
}

func TestRootIsAFile(t *testing.T) {
	root := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(root, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r := open(t, root)
	if _, err := r.List(t.Context(), ""); !errors.Is(err, bridge.ErrNotFolder) || bridge.FateOf(err) != bridge.Stop {
		t.Errorf("list: %v", err)
	}
	if f := r.Check(t.Context()); len(f) != 1 || f[0].OK || f[0].Unreachable || f[0].Hint == "" {
		t.Errorf("check: %+v", f)
	}
}

// Somebody puts a link in the place of a file, or a folder, after it was looked at: what the link points to is neither read nor
// written to.
func TestLinksSwappedIn(t *testing.T) {
	for _, name := range []string{"f.csv", "mine"} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			in := func(name string) string { return filepath.Join(root, name) }
			for folder, body := range map[string]string{"mine": "public", "theirs": "secret"} {
				if err := errors.Join(os.Mkdir(in(folder), 0o755), os.WriteFile(filepath.Join(in(folder), "f.csv"), []byte(body), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			once := sync.OnceFunc(func() {
				err := os.Rename(in("mine"), in("moved"))
				if name == "mine" {
					err = errors.Join(err, os.Symlink("theirs", in("mine")))
				} else {
					err = errors.Join(os.Rename(in("moved"), in("mine")), os.Remove(in("mine/f.csv")), os.Symlink("hidden.csv", in("mine/f.csv")),
						os.WriteFile(in("mine/hidden.csv"), []byte("secret"), 0o600))
				}
				if err != nil {
					t.Error(err)
				}
			})
			dir.WhenLooked(t, func(seen string) {
				if seen == name {
					once()
				}
			})
			r := open(t, root)
			var got bytes.Buffer
			if _, err := r.Fetch(t.Context(), "mine/f.csv", &got); !bridge.OfFile(err) || got.Len() > 0 {
				t.Errorf("fetch: %v, read %q", err, got.String())
			}
		})
	}
	root := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(root, "mine"), 0o755), os.Mkdir(filepath.Join(root, "theirs"), 0o755)); err != nil {
		t.Fatal(err)
	}
	dir.WhenLooked(t, func(string) {
		_ = os.Remove(filepath.Join(root, "mine"))
		_ = os.Symlink("theirs", filepath.Join(root, "mine"))
	})
	if err := open(t, root).Put(t.Context(), "mine/f.csv", strings.NewReader("x")); !errors.Is(err, bridge.ErrNotFolder) {
		t.Errorf("put: %v", err)
	}
	if entries, err := os.ReadDir(filepath.Join(root, "theirs")); err != nil || len(entries) > 0 {
		t.Errorf("their folder: %v, %v", entries, err)
	}
}
