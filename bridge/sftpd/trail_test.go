package sftpd_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The folders of the last request stay open: whoever moves, replaces or removes one of them, or puts a link there, finds
// that the next request goes by what stands there now.
func TestAPathIsFollowedAnew(t *testing.T) {
	d := serve(t)
	p := d.partner("erp")
	here := func(name string) string { return filepath.Join(d.root, "erp", name) }
	read := func(name string) string {
		f, err := p.Open(name)
		if err != nil {
			return err.Error()
		}
		defer f.Close()
		body := make([]byte, 100)
		n, _ := f.ReadAt(body, 0)
		return string(body[:n])
	}
	want := func(name, body string) {
		t.Helper()
		if got := read(name); !strings.Contains(got, body) {
			t.Errorf("%s: %q, want %q", name, got, body)
		}
	}
	const gone, linked = "file does not exist", "permission denied"
	deep := strings.Repeat("x/", 12)
	check(t, errors.Join(p.MkdirAll("a/b"), p.MkdirAll(deep)))
	p.put("a/b/f", "first")
	p.put(deep+"f", "deep")
	want("a/b/f", "first")
	want(deep+"f", "deep")

	check(t, p.Rename("a", "c"))
	want("a/b/f", gone)
	want("c/b/f", "first")
	check(t, os.Rename(here("c/b"), here("old")))
	want("c/b/f", gone)
	check(t, errors.Join(os.Mkdir(here("c/b"), 0o755), os.WriteFile(here("c/b/f"), []byte("second"), 0o644)))
	want("c/b/f", "second")
	check(t, errors.Join(os.RemoveAll(here("c/b")), os.Symlink("../old", here("c/b"))))
	want("c/b/f", linked)
	check(t, errors.Join(os.Remove(here("c/b")), os.WriteFile(here("c/b"), nil, 0o644)))
	want("c/b/f", gone)
	check(t, errors.Join(os.Rename(here(deep), here("far")), os.Symlink(here("far"), strings.TrimSuffix(here(deep), "/"))))
	want(deep+"f", linked)
	if err := p.RemoveDirectory("old"); err == nil || !strings.Contains(err.Error(), "/old: the folder is not empty") {
		t.Errorf("a folder with a file: %v", err)
	}
}

// What stays open is bounded for each session, and closed with it.
func TestAPathLeavesNothingOpen(t *testing.T) {
	handles := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		if errors.Is(err, fs.ErrNotExist) {
			t.Skip("this system does not tell which handles are open")
		}
		check(t, err)
		return len(open)
	}
	d := serve(t)
	before := handles()
	p := d.partner("erp")
	for name := "x"; len(name) < 200; name += "/x" {
		check(t, p.Mkdir(name))
	}
	if more := handles() - before; more > 20 { // eight of them, the connection's two ends, the user's folder
		t.Errorf("%d handles are open", more)
	}
	p.kill()
	until(t, "all handles are closed", func() bool { return handles() <= before })
}
