package spool_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

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
			c, err := spool.Fetch(t.Context(), source{text: "sku\n"}, "p.csv", dir, 7)
			if err != nil || c.Name != "7" || c.Size != 4 || len(c.SHA256) != 64 {
				t.Fatalf("%+v, %v", c, err)
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
	if _, err := spool.Fetch(t.Context(), source{"sk", bridge.ErrUnreachable}, "p.csv", dir, 7); err == nil {
		t.Fatal("no error")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// once hands out a file to whoever comes while the first one waits, and counts who has come.
type once struct {
	come  atomic.Int64
	begun chan struct{}
	goOn  chan struct{}
}

func (o *once) Fetch(ctx context.Context, _ string, w io.Writer) (int64, error) {
	if o.come.Add(1) == 1 {
		close(o.begun)
		select {
		case <-o.goOn:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	n, err := io.WriteString(w, "sku")
	return int64(n), err
}

// Several shops have parts of one drop, and its copy is the same for all: it is brought once, and nobody takes it from under another's
// hands. Whoever is cut cuts nobody else.
func TestWhoeverWantsTheSameCopyWaitsForIt(t *testing.T) {
	for _, cut := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			dir, from := t.TempDir(), &once{begun: make(chan struct{}), goOn: make(chan struct{})}
			bring := func(ctx context.Context) error {
				return spool.Have(ctx, from, &bridge.Drop{ID: 7, Path: "p.csv", SHA256: "bc7b047a694516575d0e5e3bcf9dac08b21153554d27465116f40ee55eaf0b53"}, dir, "load")
			}
			first, stop := context.WithCancel(t.Context())
			ended := make(chan error, 2)
			go func() { ended <- bring(first) }()
			<-from.begun
			go func() { ended <- bring(t.Context()) }()
			synctest.Wait()
			if cut {
				stop()
			} else {
				close(from.goOn)
			}
			for range 2 {
				if err := <-ended; err != nil && !(cut && errors.Is(err, context.Canceled)) {
					t.Error(err)
				}
			}
			stop()
			if text, err := os.ReadFile(filepath.Join(dir, "7")); err != nil || string(text) != "sku" {
				t.Errorf("%q, %v", text, err)
			}
			if n := from.come.Load(); !cut && n != 1 {
				t.Errorf("it was fetched %d times", n)
			}
		})
	}
}

func TestWhatWouldNotBecomeSmallerIsKeptAsItIs(t *testing.T) {
	dir, bytes := t.TempDir(), make([]byte, 200_000)
	rand.NewChaCha8([32]byte{}).Read(bytes)
	c, err := spool.Fetch(t.Context(), source{text: string(bytes)}, "p.gz", dir, 7)
	must(t, err)
	kept, err := os.ReadFile(filepath.Join(dir, "7"))
	if err != nil || c.Name != "7" || string(kept) != string(bytes) {
		t.Errorf("%+v, %d bytes, %v", c, len(kept), err)
	}
}

// A copy is what was fetched, whatever its size, and takes less room where it is large. Of a damaged one nothing passes for whole.
func TestALargeCopyIsCompressed(t *testing.T) {
	for _, rows := range []int{0, 1, 3000, 10_000, 200_000} {
		dir := t.TempDir()
		text := strings.Repeat("Retail EUR,SKU-00000000,item,1,EUR,12.50\n", rows)
		c, err := spool.Fetch(t.Context(), source{text: text}, "p.csv", dir, 7)
		must(t, err)
		path := filepath.Join(dir, c.Name)
		must(t, spool.Check(path, c.SHA256))
		file, err := spool.Open(path)
		must(t, err)
		if size, err := spool.Size(file); err != nil || size != c.Size {
			t.Errorf("%d rows: it says that it has %d bytes, of %d, %v", rows, size, c.Size, err)
		}
		read, err := io.ReadAll(file)
		if err = errors.Join(err, file.Close()); err != nil || string(read) != text || c.Size != int64(len(text)) {
			t.Errorf("%d rows: %d bytes come back, of %d, %v", rows, len(read), c.Size, err)
		}
		packed, err := os.ReadFile(path)
		must(t, err)
		if large := len(text) > 64<<10; large != (len(packed) < len(text)/4) || large != strings.HasSuffix(c.Name, spool.Packed) {
			t.Errorf("%d bytes are kept in %d, as %s", len(text), len(packed), c.Name)
		}
		for _, damaged := range [][]byte{packed[:len(packed)*2/3], append(packed[:len(packed)/2:len(packed)/2], 'x')} {
			must(t, os.WriteFile(path, damaged, 0o600))
			if err := spool.Check(path, c.SHA256); len(packed) > 0 && !errors.Is(err, spool.ErrDamaged) {
				t.Errorf("%d bytes, damaged: %v", len(text), err)
			}
		}
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
