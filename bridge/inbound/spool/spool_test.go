package spool_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
)

// source hands out one text; with an error it breaks off before the end.
type source struct {
	text string
	err  error
}

func (s source) Fetch(_ context.Context, _ string, w io.Writer) (int64, error) {
	n, err := io.Copy(w, strings.NewReader(s.text))
	return n, errors.Join(err, s.err)
}

func TestACopyIsANewFileWhateverStandsUnderItsTemporaryName(t *testing.T) {
	for name, lay := range map[string]func(t *testing.T, part, other string){
		"nothing":         func(*testing.T, string, string) {},
		"an open file":    func(t *testing.T, part, _ string) { write(t, part, 0o644) },
		"a link":          func(t *testing.T, part, other string) { must(t, os.Symlink(other, part)) },
		"a hard link":     func(t *testing.T, part, other string) { must(t, os.Link(other, part)) },
		"a broken link":   func(t *testing.T, part, other string) { must(t, os.Symlink(other+"-not-there", part)) },
		"a pipe":          func(t *testing.T, part, _ string) { must(t, syscall.Mkfifo(part, 0o600)) },
		"an empty folder": func(t *testing.T, part, _ string) { must(t, os.Mkdir(part, 0o700)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			other, to := filepath.Join(dir, "other"), filepath.Join(dir, "7")
			write(t, other, 0o644)
			lay(t, to+spool.Part, other)
			size, sum, err := spool.Fetch(t.Context(), source{text: "sku\n"}, "p.csv", to)
			if err != nil || size != 4 || len(sum) != 64 {
				t.Fatalf("%d bytes, sha256 %s, %v", size, sum, err)
			}
			info, err := os.Lstat(to)
			must(t, err)
			if info.Mode() != 0o600 {
				t.Errorf("the copy has mode %v", info.Mode())
			}
			if left, err := os.ReadFile(other); err != nil || string(left) != "mine" {
				t.Errorf("another file says %q now, %v", left, err)
			}
			if _, err := os.Lstat(other + "-not-there"); err == nil {
				t.Error("a file was made where a link points to")
			}
		})
	}
}

func TestACopyThatIsCutShortLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := spool.Fetch(t.Context(), source{"sk", bridge.ErrUnreachable}, "p.csv", filepath.Join(dir, "7")); err == nil {
		t.Fatal("no error")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func TestAFullDiskIsTroubleThatPasses(t *testing.T) {
	err := spool.Trouble(syscall.ENOSPC)
	if bridge.FateOf(err) != bridge.Pause || !bridge.OfFile(err) || bridge.HintOf(err) == "" {
		t.Errorf("%v has fate %v, hint %q; is it this file's own: %v", err, bridge.FateOf(err), bridge.HintOf(err), bridge.OfFile(err))
	}
	if spool.Trouble(nil) != nil {
		t.Error("no trouble is some")
	}
}

func write(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	must(t, os.WriteFile(path, []byte("mine"), mode))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
