// Package remotetest is the conformance suite of [bridge.Remote]: what every place with files must do.
package remotetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/orobridge/orobridge/bridge"
)

// Place is a remote with the local folder that it shows, so that the suite can play the other side.
type Place struct {
	Remote bridge.Remote
	Root   string
	// Identity is the remote's own, as its temporary names carry it.
	Identity string
	Many     int // files in the large listing; 0: 10,000
}

// Test runs the suite. Each test opens a place of its own, with an empty root.
func Test(t *testing.T, open func(t *testing.T) Place) {
	tests := []struct {
		name string
		test func(t *testing.T, p Place)
	}{
		{"list", testList},
		{"list many", testListMany},
		{"stat", testStat},
		{"fetch", testFetch},
		{"fetch what changes", testFetchChanging},
		{"fetch into a writer that fails", testFetchWriter},
		{"fetch what is no file", testFetchSpecial},
		{"put", testPut},
		{"put reads from the beginning", testPutBody},
		{"put never overwrites", testPutExisting},
		{"put at once", testPutRace},
		{"put into nothing", testPutNoFolder},
		{"put sweeps", testPutSweeps},
		{"move", testMove},
		{"put unread", testPutUnread},
		{"move all", testMoveAll},
		{"remove", testRemove},
		{"make folder", testMakeFolder},
		{"names", testNames},
		{"names that leave", testHostileNames},
		{"links to files", testLinks},
		{"links to folders", testFolderLinks},
		{"files where folders should be", testFileForFolder},
		{"no time", testNoTime},
		{"cancel", testCancel},
		{"check", testCheck},
		{"close", testClose},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := open(t)
			t.Cleanup(func() {
				if err := p.Remote.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			tt.test(t, p)
		})
	}
}

// write makes a file of the other side.
func (p Place) write(t *testing.T, name string, body []byte) {
	t.Helper()
	full := filepath.Join(p.Root, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, body, 0o644); err != nil {
		t.Fatal(err)
	}
}

// read returns what stands under a name, and nil when nothing does.
func (p Place) read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.Root, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// names are all base names of a folder, hidden ones included, sorted.
func (p Place) names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(p.Root, folder))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// fails checks kind and fate of an error, and that an operator can read it.
func fails(t *testing.T, err, kind error, fate bridge.Fate) {
	t.Helper()
	var e *bridge.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %T (%v), want *bridge.Error", err, err)
	}
	if kind != nil && !errors.Is(err, kind) {
		t.Errorf("error %q does not wrap %q", err, kind)
	}
	if e.Fate != fate {
		t.Errorf("fate of %q is %d, want %d", err, e.Fate, fate)
	}
	if e.Op == "" || e.Object == "" {
		t.Errorf("error %q has no operation or object", err)
	}
}

// failsOfFile is fails for trouble that is the file's own.
func failsOfFile(t *testing.T, err, kind error, fate bridge.Fate) {
	t.Helper()
	fails(t, err, kind, fate)
	if !bridge.OfFile(err) {
		t.Errorf("%q is not said to be of the file", err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v (hint: %s)", err, bridge.HintOf(err))
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func testList(t *testing.T, p Place) {
	ctx := t.Context()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	p.write(t, "out/b.csv", []byte("12345"))
	p.write(t, "out/.hidden", nil)
	p.write(t, "out/sub/deep.csv", []byte("x"))
	check(t, os.Chtimes(filepath.Join(p.Root, "out/b.csv"), at, at))
	for _, folder := range []string{"out", "/out", "out/", "/out/.", "//out"} {
		files, err := p.Remote.List(ctx, folder)
		check(t, err)
		slices.SortFunc(files, func(a, b bridge.File) int { return strings.Compare(a.Name, b.Name) })
		for i := range files {
			if files[i].Dir {
				files[i].Size = 0
			}
			if files[i].Name != "b.csv" {
				files[i].MTime = at
			}
		}
		want := []bridge.File{{Name: ".hidden", MTime: at}, {Name: "b.csv", Size: 5, MTime: at}, {Name: "sub", MTime: at, Dir: true}}
		if d := cmp.Diff(want, files); d != "" {
			t.Errorf("list %s: %s", folder, d)
		}
	}
	if _, err := p.Remote.List(ctx, "nowhere"); err == nil {
		t.Error("a folder that is missing can be listed")
	} else {
		fails(t, err, fs.ErrNotExist, bridge.Stop)
	}
	files, err := p.Remote.List(ctx, "")
	check(t, err)
	if len(files) != 1 || files[0].Name != "out" {
		t.Errorf("root is %v", files)
	}
}

func testListMany(t *testing.T, p Place) {
	n := p.Many
	if n == 0 {
		n = 10_000
	}
	check(t, os.Mkdir(filepath.Join(p.Root, "in"), 0o755))
	for i := range n {
		check(t, os.WriteFile(filepath.Join(p.Root, "in", fmt.Sprintf("ORD_%06d.csv", i)), []byte{'x'}, 0o644))
	}
	files, err := p.Remote.List(t.Context(), "in")
	check(t, err)
	seen := map[string]bool{}
	for _, f := range files {
		if f.Size != 1 || f.MTime.IsZero() || f.Dir {
			t.Fatalf("entry %+v", f)
		}
		seen[f.Name] = true
	}
	if len(seen) != n || len(files) != n {
		t.Errorf("%d entries, %d names, want %d", len(files), len(seen), n)
	}
}

func testStat(t *testing.T, p Place) {
	p.write(t, "a/f.csv", []byte("123"))
	f, err := p.Remote.Stat(t.Context(), "a/f.csv")
	check(t, err)
	if f.Name != "f.csv" || f.Size != 3 || f.Dir || f.MTime.IsZero() || f.MTime.Location() != time.UTC {
		t.Errorf("stat: %+v", f)
	}
	f, err = p.Remote.Stat(t.Context(), "a")
	check(t, err)
	if !f.Dir {
		t.Errorf("folder: %+v", f)
	}
	_, err = p.Remote.Stat(t.Context(), "a/none.csv")
	fails(t, err, fs.ErrNotExist, bridge.Stop)
}

func testFetch(t *testing.T, p Place) {
	for _, n := range []int{0, 1, 100, 32<<10 - 1, 32 << 10, 32<<10 + 1, 1 << 20, 2<<20 - 1, 2 << 20, 2<<20 + 1, 5<<20 + 77} {
		body := random(n)
		p.write(t, "f.bin", body)
		var got bytes.Buffer
		read, err := p.Remote.Fetch(t.Context(), "f.bin", &got)
		check(t, err)
		if read != int64(n) || !bytes.Equal(got.Bytes(), body) {
			t.Errorf("fetch of %d bytes: %d, equal %t", n, read, bytes.Equal(got.Bytes(), body))
		}
	}
	_, err := p.Remote.Fetch(t.Context(), "none.bin", io.Discard)
	fails(t, err, fs.ErrNotExist, bridge.Stop)
}

// onFirst calls f before the first bytes are taken.
type onFirst struct {
	f    func()
	once sync.Once
	n    int64
}

func (w *onFirst) Write(b []byte) (int, error) {
	w.once.Do(w.f)
	w.n += int64(len(b))
	return len(b), nil
}

func testFetchChanging(t *testing.T, p Place) {
	body := random(5 << 20)
	full := filepath.Join(p.Root, "f.bin")
	change := map[string]func(){
		"grows": func() {
			f, err := os.OpenFile(full, os.O_APPEND|os.O_WRONLY, 0)
			check(t, err)
			_, err = f.Write([]byte("more"))
			check(t, errors.Join(err, f.Close()))
		},
		"shrinks":      func() { check(t, os.Truncate(full, 3<<20)) },
		"is replaced":  func() { check(t, os.WriteFile(full+"2", body[:9], 0o644)); check(t, os.Rename(full+"2", full)) },
		"gets a time":  func() { check(t, os.Chtimes(full, time.Now(), time.Now().Add(time.Hour))) },
		"grows by MiB": func() { check(t, os.Truncate(full, 50<<20)) },
	}
	for name, f := range change {
		p.write(t, "f.bin", body)
		w := &onFirst{f: f}
		if _, err := p.Remote.Fetch(t.Context(), "f.bin", w); err == nil {
			t.Errorf("a file that %s is fetched", name)
		} else {
			fails(t, err, nil, bridge.Pause)
		}
		if w.n > int64(len(body))+1 {
			t.Errorf("a file that %s: %d bytes were written", name, w.n)
		}
	}
	p.write(t, "f.bin", body)
	if n, err := p.Remote.Fetch(t.Context(), "f.bin", io.Discard); err != nil || n != int64(len(body)) {
		t.Errorf("afterwards: %d, %v", n, err)
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func testFetchWriter(t *testing.T, p Place) {
	p.write(t, "f.bin", random(100))
	full := errors.New("spool is full")
	_, err := p.Remote.Fetch(t.Context(), "f.bin", brokenWriter{full})
	fails(t, err, full, bridge.Pause)
	own := &bridge.Error{Op: "spool", Object: "f.bin", Fate: bridge.Stop, Err: errors.New("larger than max_size")}
	_, err = p.Remote.Fetch(t.Context(), "f.bin", brokenWriter{own})
	fails(t, err, own, bridge.Stop)
}

func testFetchSpecial(t *testing.T, p Place) {
	check(t, os.Mkdir(filepath.Join(p.Root, "folder"), 0o755))
	_, err := p.Remote.Fetch(t.Context(), "folder", io.Discard)
	failsOfFile(t, err, bridge.ErrNotRegular, bridge.Stop)
	if !makePipe(t, filepath.Join(p.Root, "pipe")) {
		return
	}
	_, err = p.Remote.Fetch(t.Context(), "pipe", io.Discard)
	failsOfFile(t, err, bridge.ErrNotRegular, bridge.Stop)
	failsOfFile(t, p.Remote.Move(t.Context(), "pipe", "moved"), bridge.ErrNotRegular, bridge.Stop)
	f, err := p.Remote.Stat(t.Context(), "pipe")
	check(t, err)
	if !f.Special || f.Dir {
		t.Errorf("stat of a pipe: %+v", f)
	}
	check(t, p.Remote.Remove(t.Context(), "pipe"))
}

func testPut(t *testing.T, p Place) {
	check(t, os.Mkdir(filepath.Join(p.Root, "in"), 0o755))
	for _, n := range []int{0, 1, 32<<10 - 1, 32 << 10, 32<<10 + 1, 3<<20 + 5} {
		body := random(n)
		name := fmt.Sprintf("in/f%d.bin", n)
		check(t, p.Remote.Put(t.Context(), name, bytes.NewReader(body)))
		if got := p.read(t, name); !bytes.Equal(got, body) || got == nil {
			t.Errorf("%s holds %d bytes, want %d", name, len(got), n)
		}
	}
	if names := p.names(t, "in"); len(names) != 6 {
		t.Errorf("folder holds %v", names)
	}
}

// cutBody is a body that ends in an error.
type cutBody struct{ *bytes.Reader }

var errCut = errors.New("the local disk failed")

func (b cutBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = errCut
	}
	return n, err
}

func testPutBody(t *testing.T, p Place) {
	body := bytes.NewReader([]byte("whole"))
	for _, name := range []string{"a", "b"} { // the second time it stands at its end
		check(t, p.Remote.Put(t.Context(), name, body))
		if got := p.read(t, name); string(got) != "whole" {
			t.Errorf("%s holds %q", name, got)
		}
	}
	err := p.Remote.Put(t.Context(), "c", cutBody{bytes.NewReader(random(100_000))})
	if !errors.Is(err, errCut) {
		t.Errorf("the body's error came back as %v", err)
	}
	check(t, p.Remote.Put(t.Context(), "d", body))
	if d := cmp.Diff([]string{"a", "b", "d"}, p.names(t, ".")); d != "" {
		t.Error(d)
	}
}

func testPutExisting(t *testing.T, p Place) {
	p.write(t, "f.csv", []byte("old"))
	fails(t, p.Remote.Put(t.Context(), "f.csv", bytes.NewReader([]byte("new"))), fs.ErrExist, bridge.Stop)
	if got := p.read(t, "f.csv"); string(got) != "old" {
		t.Errorf("it holds %q", got)
	}
	check(t, os.Mkdir(filepath.Join(p.Root, "folder"), 0o755))
	fails(t, p.Remote.Put(t.Context(), "folder", bytes.NewReader([]byte("new"))), fs.ErrExist, bridge.Stop)
	check(t, os.Symlink("nowhere", filepath.Join(p.Root, "dangling")))
	fails(t, p.Remote.Put(t.Context(), "dangling", bytes.NewReader([]byte("new"))), fs.ErrExist, bridge.Stop)
	if d := cmp.Diff([]string{"dangling", "f.csv", "folder"}, p.names(t, ".")); d != "" {
		t.Errorf("folder: %s", d)
	}
}

func testPutRace(t *testing.T, p Place) {
	const writers = 8
	errs := make([]error, writers)
	var work sync.WaitGroup
	for i := range writers {
		work.Go(func() {
			errs[i] = p.Remote.Put(t.Context(), "f.csv", bytes.NewReader(bytes.Repeat([]byte{byte('a' + i)}, 1000)))
		})
	}
	work.Wait()
	winner := -1
	for i, err := range errs {
		if err != nil {
			fails(t, err, fs.ErrExist, bridge.Stop)
			continue
		}
		if winner >= 0 {
			t.Errorf("writers %d and %d both won", winner, i)
		}
		winner = i
	}
	if winner < 0 || !bytes.Equal(p.read(t, "f.csv"), bytes.Repeat([]byte{byte('a' + winner)}, 1000)) {
		t.Errorf("the file is not the winner's (%d)", winner)
	}
	if names := p.names(t, "."); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

func testPutNoFolder(t *testing.T, p Place) {
	fails(t, p.Remote.Put(t.Context(), "none/f.csv", bytes.NewReader([]byte("x"))), fs.ErrNotExist, bridge.Stop)
}

func testPutSweeps(t *testing.T, p Place) {
	old, young, other := bridge.TempName(p.Identity), bridge.TempName(p.Identity), bridge.TempName(p.Identity+"x")
	p.write(t, old, []byte("left by a killed process"))
	p.write(t, other, []byte("of another bridge, however old"))
	p.write(t, young, []byte("perhaps of another bridge"))
	p.write(t, ".theirs.tmp", []byte("not ours"))
	past := time.Now().Add(-25 * time.Hour)
	check(t, os.Chtimes(filepath.Join(p.Root, old), past, past))
	check(t, os.Chtimes(filepath.Join(p.Root, ".theirs.tmp"), past, past))
	check(t, os.Chtimes(filepath.Join(p.Root, other), past, past))
	check(t, p.Remote.Put(t.Context(), "f.csv", bytes.NewReader(nil)))
	want := []string{young, other, ".theirs.tmp", "f.csv"}
	slices.Sort(want)
	if d := cmp.Diff(want, p.names(t, ".")); d != "" {
		t.Error(d)
	}
}

// unread makes files with a hidden name and a line each.
func unread(n int) (files []bridge.Unread) {
	for i := range n {
		files = append(files, bridge.Unread{Name: fmt.Sprintf(".f%02d.part", i), Body: fmt.Appendf(nil, "line %d\n", i)})
	}
	return files
}

func testPutUnread(t *testing.T, p Place) {
	ctx := t.Context()
	p.write(t, "in/orders/.f03.part", []byte("mine"))
	files := unread(25)
	for i, err := range bridge.PutUnread(ctx, p.Remote, "in/orders", files) {
		if i == 3 {
			fails(t, err, fs.ErrExist, bridge.FateOf(err))
		} else if err != nil {
			t.Errorf("file %d: %v", i, err)
		}
	}
	files[3].Body = []byte("mine")
	for _, f := range files {
		if got := p.read(t, "in/orders/"+f.Name); !bytes.Equal(got, f.Body) {
			t.Errorf("%s holds %q", f.Name, got)
		}
	}
	if names := p.names(t, "in/orders"); len(names) != len(files) {
		t.Errorf("there are %v", names)
	}
	for name, folder := range map[string]string{"a folder that is missing": "nowhere", "a file": "in/orders/.f01.part",
		"a way out": "../out"} {
		for i, err := range bridge.PutUnread(ctx, p.Remote, folder, unread(3)) {
			if err == nil {
				t.Errorf("file %d stands in %s", i, name)
			}
		}
	}
	if err := bridge.PutUnread(ctx, p.Remote, "in", []bridge.Unread{{Name: "../x"}})[0]; err == nil {
		t.Error("a name leaves its folder")
	}
	cut, cancel := context.WithCancel(ctx)
	cancel()
	for _, err := range bridge.PutUnread(cut, p.Remote, "in", unread(2)) {
		fails(t, err, context.Canceled, bridge.Pause)
	}
}

func testMoveAll(t *testing.T, p Place) {
	ctx := t.Context()
	moves := func(of ...int) (all []bridge.Rename) {
		for _, i := range of {
			all = append(all, bridge.Rename{From: fmt.Sprintf("in/.f%02d.part", i), To: fmt.Sprintf("in/f%02d.csv", i)})
		}
		return all
	}
	for _, f := range unread(30) {
		p.write(t, "in/"+f.Name, f.Body)
	}
	p.write(t, "in/f21.csv", []byte("mine"))
	all := make([]int, 30)
	for i := range all {
		all[i] = i
	}
	n, err := bridge.MoveAll(ctx, p.Remote, moves(all...))
	fails(t, err, fs.ErrExist, bridge.FateOf(err))
	if n != 21 {
		t.Fatalf("%d files were moved", n)
	}
	n, err = bridge.MoveAll(ctx, p.Remote, moves(22, 23, 40, 24))
	fails(t, err, fs.ErrNotExist, bridge.Stop)
	if n != 2 {
		t.Fatalf("%d files were moved", n)
	}
	twice := moves(24, 25, 26)
	twice[1].To = twice[0].To
	n, err = bridge.MoveAll(ctx, p.Remote, twice)
	fails(t, err, fs.ErrExist, bridge.FateOf(err))
	if n != 1 {
		t.Fatalf("%d files were moved", n)
	}
	for i := range 30 {
		name, want := fmt.Sprintf("in/f%02d.csv", i), fmt.Appendf(nil, "line %d\n", i)
		if i == 21 {
			want = []byte("mine")
		}
		if i > 24 {
			name = fmt.Sprintf("in/.f%02d.part", i)
		}
		if got := p.read(t, name); !bytes.Equal(got, want) {
			t.Errorf("%s holds %q", name, got)
		}
	}
	odd := moves(25, 26)
	odd[1].To = "../out.csv"
	if n, err = bridge.MoveAll(ctx, p.Remote, odd); n != 1 || err == nil {
		t.Errorf("%d files were moved, %v", n, err)
	}
	if n, err = bridge.MoveAll(ctx, p.Remote, nil); n != 0 || err != nil {
		t.Errorf("%d files of none were moved, %v", n, err)
	}
}

func testMove(t *testing.T, p Place) {
	ctx := t.Context()
	p.write(t, "in/f.csv", []byte("one"))
	p.write(t, "in/g.csv", []byte("two"))
	check(t, p.Remote.MakeFolder(ctx, "in/.work"))
	before, err := p.Remote.Stat(ctx, "in/f.csv")
	check(t, err)
	writer, err := os.OpenFile(filepath.Join(p.Root, "in/f.csv"), os.O_APPEND|os.O_WRONLY, 0)
	check(t, err)
	defer writer.Close()
	check(t, p.Remote.Move(ctx, "in/f.csv", "in/.work/f.csv"))
	if p.read(t, "in/f.csv") != nil || string(p.read(t, "in/.work/f.csv")) != "one" {
		t.Error("the file was not moved")
	}
	after, err := p.Remote.Stat(ctx, "in/.work/f.csv")
	check(t, err)
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("the move is seen in what stat tells: %s", d)
	}
	_, err = writer.WriteString(", and more") // a sender that has not finished
	check(t, err)
	if after, err = p.Remote.Stat(ctx, "in/.work/f.csv"); err != nil || after.Size != before.Size+10 {
		t.Errorf("what the sender goes on writing is not seen where the file was moved to: %+v, %v", after, err)
	}
	check(t, os.Truncate(filepath.Join(p.Root, "in/.work/f.csv"), 3))
	fails(t, p.Remote.Move(ctx, "in/g.csv", "in/.work/f.csv"), fs.ErrExist, bridge.Stop)
	if string(p.read(t, "in/g.csv")) != "two" || string(p.read(t, "in/.work/f.csv")) != "one" {
		t.Error("a refused move changed something")
	}
	failsOfFile(t, p.Remote.Move(ctx, "in/f.csv", "in/.work/h.csv"), fs.ErrNotExist, bridge.Stop)
	fails(t, p.Remote.Move(ctx, "in/g.csv", "in/none/g.csv"), fs.ErrNotExist, bridge.Stop)
	fails(t, p.Remote.Move(ctx, "in/g.csv", "../g.csv"), bridge.ErrName, bridge.Stop)

	// Two that claim one file: one of them gets it.
	errs := make([]error, 4)
	var work sync.WaitGroup
	for i := range errs {
		work.Go(func() { errs[i] = p.Remote.Move(ctx, "in/g.csv", fmt.Sprintf("in/.work/g%d.csv", i)) })
	}
	work.Wait()
	got := 0
	for _, err := range errs {
		if err == nil {
			got++
			continue
		}
		fails(t, err, fs.ErrNotExist, bridge.Stop)
	}
	if got != 1 {
		t.Errorf("%d got the file", got)
	}
}

func testRemove(t *testing.T, p Place) {
	p.write(t, "f.csv", []byte("x"))
	check(t, os.Mkdir(filepath.Join(p.Root, "empty"), 0o755))
	check(t, p.Remote.Remove(t.Context(), "f.csv"))
	fails(t, p.Remote.Remove(t.Context(), "f.csv"), fs.ErrNotExist, bridge.Stop)
	fails(t, p.Remote.Remove(t.Context(), "empty"), nil, bridge.Stop)
	if d := cmp.Diff([]string{"empty"}, p.names(t, ".")); d != "" {
		t.Error(d)
	}
}

func testMakeFolder(t *testing.T, p Place) {
	for range 2 {
		check(t, p.Remote.MakeFolder(t.Context(), "/a/b/c"))
	}
	check(t, p.Remote.MakeFolder(t.Context(), ""))
	if d := cmp.Diff([]string{"c"}, p.names(t, "a/b")); d != "" {
		t.Error(d)
	}
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			if err := p.Remote.MakeFolder(t.Context(), "x/y"); err != nil {
				t.Errorf("at once: %v", err)
			}
		})
	}
	work.Wait()
	p.write(t, "file", nil)
	if p.Remote.MakeFolder(t.Context(), "file") == nil || p.Remote.MakeFolder(t.Context(), "file/below") == nil {
		t.Error("a file is a folder")
	}
}

func testNames(t *testing.T, p Place) {
	ctx := t.Context()
	names := []string{
		"with blank.csv", "*.csv", "a?b[c].csv", "-rf", "~root", "$HOME", "`id`", "'quoted\".csv", "Prüfung_€.csv", "价格.csv",
		"a;b&c|d.csv", "%2e%2e%2f", "...", strings.Repeat("n", 251) + ".csv",
	}
	for _, name := range names {
		if err := bridge.SafeName(name); err != nil {
			t.Fatal(err)
		}
		body := []byte("body of " + name)
		check(t, p.Remote.Put(ctx, name, bytes.NewReader(body)))
		var got bytes.Buffer
		_, err := p.Remote.Fetch(ctx, name, &got)
		check(t, err)
		if !bytes.Equal(got.Bytes(), body) {
			t.Errorf("%q holds %q", name, got.Bytes())
		}
		check(t, p.Remote.Move(ctx, name, bridge.DerivedName(name, "_r17")))
	}
	files, err := p.Remote.List(ctx, "")
	check(t, err)
	if len(files) != len(names) {
		t.Errorf("%d files, want %d: %v", len(files), len(names), files)
	}
	for _, name := range names {
		check(t, p.Remote.Remove(ctx, bridge.DerivedName(name, "_r17")))
	}
}

func testHostileNames(t *testing.T, p Place) {
	ctx := t.Context()
	outside := filepath.Join(filepath.Dir(p.Root), "outside.csv")
	check(t, os.WriteFile(outside, []byte("secret"), 0o644))
	p.write(t, "f.csv", []byte("x"))
	for _, name := range []string{"../outside.csv", "in/../../outside.csv", "/../outside.csv", "a\x00b", "a\nb.csv",
		"a\x1b[31m.csv", `..\outside.csv`, strings.Repeat("n", 256), "bad\xff.csv", "\u202evsc.exe"} {
		_, err := p.Remote.Fetch(ctx, name, io.Discard)
		fails(t, err, bridge.ErrName, bridge.Stop)
		fails(t, p.Remote.Put(ctx, name, bytes.NewReader([]byte("x"))), bridge.ErrName, bridge.Stop)
		fails(t, p.Remote.Move(ctx, "f.csv", name), bridge.ErrName, bridge.Stop)
		fails(t, p.Remote.Remove(ctx, name), bridge.ErrName, bridge.Stop)
		fails(t, p.Remote.MakeFolder(ctx, name), bridge.ErrName, bridge.Stop)
		if strings.ContainsAny(err.Error(), "\x00\n\x1b\u202e") || !utf8.ValidString(err.Error()) {
			t.Errorf("the error prints raw characters: %q", err)
		}
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != "secret" {
		t.Errorf("outside: %q, %v", b, err)
	}
	// A folder with names that can't be used can still be listed.
	p.write(t, "line\nbreak.csv", nil)
	files, err := p.Remote.List(ctx, "")
	check(t, err)
	if len(files) != 2 {
		t.Errorf("listing: %v", files)
	}
}

func testLinks(t *testing.T, p Place) {
	p.write(t, "f.csv", []byte("body"))
	check(t, os.Symlink("f.csv", filepath.Join(p.Root, "link.csv")))
	var got bytes.Buffer
	_, err := p.Remote.Fetch(t.Context(), "link.csv", &got)
	failsOfFile(t, err, bridge.ErrNotRegular, bridge.Stop)
	if got.Len() > 0 {
		t.Errorf("through the link: %q", got.String())
	}
	file, err := p.Remote.Stat(t.Context(), "link.csv")
	check(t, err)
	if !file.Special {
		t.Errorf("stat of a link: %+v", file)
	}
	failsOfFile(t, p.Remote.Move(t.Context(), "link.csv", "moved.csv"), bridge.ErrNotRegular, bridge.Stop)
	check(t, p.Remote.Remove(t.Context(), "link.csv"))
	if string(p.read(t, "f.csv")) != "body" {
		t.Error("removing a link removed its target")
	}
}

func testFolderLinks(t *testing.T, p Place) {
	ctx := t.Context()
	p.write(t, "theirs/secret.csv", []byte("secret"))
	p.write(t, "mine/f.csv", []byte("f"))
	check(t, os.Symlink("../theirs", filepath.Join(p.Root, "mine/link")))
	check(t, os.Symlink(filepath.Join(p.Root, "mine"), filepath.Join(p.Root, "again")))
	check(t, os.Symlink("nowhere", filepath.Join(p.Root, "mine/dangling")))
	for _, folder := range []string{"mine/link", "again", "mine/dangling", "again/link"} {
		_, err := p.Remote.List(ctx, folder)
		fails(t, err, bridge.ErrNotFolder, bridge.Stop)
		_, err = p.Remote.Fetch(ctx, folder+"/secret.csv", io.Discard)
		failsOfFile(t, err, bridge.ErrNotFolder, bridge.Stop)
		_, err = p.Remote.Stat(ctx, folder+"/secret.csv")
		failsOfFile(t, err, bridge.ErrNotFolder, bridge.Stop)
		failsOfFile(t, p.Remote.Put(ctx, folder+"/new.csv", bytes.NewReader(nil)), bridge.ErrNotFolder, bridge.Stop)
		failsOfFile(t, p.Remote.Move(ctx, "mine/f.csv", folder+"/f.csv"), bridge.ErrNotFolder, bridge.Stop)
		failsOfFile(t, p.Remote.Move(ctx, folder+"/secret.csv", "mine/s.csv"), bridge.ErrNotFolder, bridge.Stop)
		failsOfFile(t, p.Remote.Remove(ctx, folder+"/secret.csv"), bridge.ErrNotFolder, bridge.Stop)
		fails(t, p.Remote.MakeFolder(ctx, folder+"/new"), bridge.ErrNotFolder, bridge.Stop)
		fails(t, p.Remote.MakeFolder(ctx, folder), bridge.ErrNotFolder, bridge.Stop)
	}
	files, err := p.Remote.List(ctx, "mine")
	check(t, err)
	for _, f := range files {
		if f.Special != (f.Name != "f.csv") || f.Dir {
			t.Errorf("listing: %+v", f)
		}
	}
	if d := cmp.Diff([]string{"secret.csv"}, p.names(t, "theirs")); d != "" {
		t.Error(d)
	}
}

// What is asked of a folder that is a file is told, and nothing looks as if a file had gone or was moved.
func testFileForFolder(t *testing.T, p Place) {
	ctx := t.Context()
	p.write(t, "in/f.csv", []byte("f"))
	p.write(t, "in/archive", []byte("a file"))
	tell := func(err error) {
		t.Helper()
		fails(t, err, bridge.ErrNotFolder, bridge.Stop)
		if errors.Is(err, fs.ErrNotExist) || bridge.HintOf(err) == "" {
			t.Errorf("error %v, hint %q", err, bridge.HintOf(err))
		}
	}
	_, err := p.Remote.List(ctx, "in/archive")
	tell(err)
	tell(p.Remote.Move(ctx, "in/f.csv", "in/archive/f.csv"))
	tell(p.Remote.Put(ctx, "in/archive/g.csv", bytes.NewReader(nil)))
	tell(p.Remote.MakeFolder(ctx, "in/archive"))
	tell(p.Remote.MakeFolder(ctx, "in/archive/2026"))
	_, err = p.Remote.Stat(ctx, "in/archive/f.csv")
	tell(err)
	if d := cmp.Diff([]string{"archive", "f.csv"}, p.names(t, "in")); d != "" {
		t.Error(d)
	}
}

// A server without times says 1970, or nothing.
func testNoTime(t *testing.T, p Place) {
	p.write(t, "f.csv", []byte("body"))
	check(t, os.Chtimes(filepath.Join(p.Root, "f.csv"), time.Unix(0, 0), time.Unix(0, 0)))
	files, err := p.Remote.List(t.Context(), "")
	check(t, err)
	file, serr := p.Remote.Stat(t.Context(), "f.csv")
	check(t, serr)
	if len(files) != 1 || !files[0].MTime.IsZero() || !file.MTime.IsZero() {
		t.Errorf("listing %+v, stat %+v", files, file)
	}
	if n, err := p.Remote.Fetch(t.Context(), "f.csv", io.Discard); err != nil || n != 4 {
		t.Errorf("fetch: %d, %v", n, err)
	}
}

func testCancel(t *testing.T, p Place) {
	p.write(t, "f.bin", random(8<<20))
	ctx, cancel := context.WithCancel(t.Context())
	_, err := p.Remote.Fetch(ctx, "f.bin", &onFirst{f: cancel})
	fails(t, err, context.Canceled, bridge.Pause)
	fails(t, p.Remote.Put(ctx, "g.bin", bytes.NewReader([]byte("x"))), context.Canceled, bridge.Pause)
	if p.read(t, "g.bin") != nil {
		t.Error("a canceled put wrote")
	}
	if n, err := p.Remote.Fetch(t.Context(), "f.bin", io.Discard); err != nil || n != 8<<20 {
		t.Errorf("afterwards: %d, %v", n, err)
	}
}

func testCheck(t *testing.T, p Place) {
	p.write(t, "f.csv", nil)
	findings := p.Remote.Check(t.Context())
	if len(findings) == 0 {
		t.Fatal("no findings")
	}
	for _, f := range findings {
		if !f.OK || f.Subject == "" || f.What == "" || f.Detail == "" {
			t.Errorf("finding %+v", f)
		}
	}
	if d := cmp.Diff([]string{"f.csv"}, p.names(t, ".")); d != "" {
		t.Errorf("check wrote: %s", d)
	}
}

func testClose(t *testing.T, p Place) {
	p.write(t, "f.bin", random(8<<20))
	closed := make(chan error, 1)
	w := &onFirst{f: func() {
		go func() { closed <- p.Remote.Close() }()
	}}
	_, err := p.Remote.Fetch(t.Context(), "f.bin", w)
	if err != nil {
		fails(t, err, fs.ErrClosed, bridge.Stop)
	}
	check(t, <-closed)
	_, err = p.Remote.List(t.Context(), "")
	fails(t, err, fs.ErrClosed, bridge.Stop)
	check(t, p.Remote.Close())
}
