package sftp_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

// This file plays servers that lie. Whatever they say: no panic, memory and time within bounds, and nothing outside the folder
// that was named is ever asked for.

const regular = 0o100644

// hostile starts a server that lies, and a remote for it that waits as long as a busy machine may need: no lie is about silence.
func hostile(t *testing.T, lie sftptest.Lie) (*sftp.Remote, sftptest.Login) {
	t.Helper()
	return hostileFor(t, time.Minute, lie)
}

func hostileFor(t *testing.T, patience time.Duration, lie sftptest.Lie) (*sftp.Remote, sftptest.Login) {
	t.Helper()
	_, l := serve(t, sftptest.Options{Lie: lie})
	cfg := loginConfig(t, l)
	cfg.ReadTimeout, cfg.ConnectTimeout = bridge.Duration(patience), bridge.Duration(5*patience)
	return open(t, cfg, sftp.WithListingTime(3*patience)), l
}

// listing lies about what every folder holds: each call of next is one answer, nil the end.
func listing(next func(n int, q sftptest.Request) []byte) sftptest.Lie {
	var mu sync.Mutex
	n := 0
	return func(q sftptest.Request) []byte {
		if q.Type != sftptest.ReadDir {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		n++
		if answer := next(n, q); answer != nil {
			return answer
		}
		return q.Status(1) // the end
	}
}

// bounded runs f and fails when the heap grew by more than so many MiB meanwhile, the server's half included. How long f takes says
// more of the machine than of f: the two minutes tell what ends from what does not.
func bounded(t *testing.T, mib uint64, f func()) {
	t.Helper()
	heap := func() uint64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	runtime.GC()
	before := heap()
	peak, done, start := before, make(chan struct{}), time.Now()
	var sampler sync.WaitGroup
	sampler.Go(func() {
		for {
			peak = max(peak, heap())
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	})
	f()
	took := time.Since(start)
	close(done)
	sampler.Wait()
	if peak > before+mib<<20 {
		t.Errorf("%d MiB of heap, at most %d are allowed", (peak-before)>>20, mib)
	}
	if took > 2*time.Minute {
		t.Errorf("it took %s", took)
	}
	t.Logf("%s, %d MiB", took.Round(time.Millisecond), (peak-before)>>20)
}

// pageSize is how many names a page of a long listing has, ten times as many as those of OpenSSH: fewer answers for the same names.
const pageSize = 1000

func page(n int, q sftptest.Request) []byte {
	entries := make([]sftptest.Entry, pageSize)
	for i := range entries {
		entries[i] = sftptest.Entry{Name: fmt.Sprintf("products_%08d_%03d.csv", n, i), Attrs: sftptest.FileAttrs(1, regular, 1_700_000_000)}
	}
	return q.Names(entries...)
}

func TestListingAsLargeAsAllowed(t *testing.T) {
	_, l := serve(t, sftptest.Options{Lie: listing(func(n int, q sftptest.Request) []byte {
		if n > bridge.MaxListing/pageSize {
			return nil
		}
		return page(n, q)
	})})
	r := open(t, loginConfig(t, l))
	bounded(t, 160, func() {
		files, err := r.List(t.Context(), "")
		check(t, err)
		if len(files) != bridge.MaxListing || !slices.IsSortedFunc(files, func(x, y bridge.File) int { return strings.Compare(x.Name, y.Name) }) {
			t.Errorf("%d files", len(files))
		}
	})
}

func TestListingThatDoesNotEnd(t *testing.T) {
	long := strings.Repeat("n", 100<<10)
	tests := []struct {
		name string
		next func(n int, q sftptest.Request) []byte
		kind error
		fate bridge.Fate
	}{
		{"of names", page, nil, bridge.Stop},
		{"of long names", func(_ int, q sftptest.Request) []byte {
			return q.Names(sftptest.Entry{Name: long, Attrs: sftptest.SizeOnly(1)})
		}, nil, bridge.Stop},
		{"of nothing", func(_ int, q sftptest.Request) []byte { return q.Names() }, bridge.ErrUnreachable, bridge.Pause},
		{"of a name now and then", func(n int, q sftptest.Request) []byte {
			time.Sleep(50 * time.Millisecond)
			return q.Names(sftptest.Entry{Name: fmt.Sprint(n), Attrs: sftptest.SizeOnly(1)})
		}, bridge.ErrUnreachable, bridge.Pause},
		{"and is silent", func(n int, q sftptest.Request) []byte {
			if n > 3 {
				return []byte{}
			}
			return page(n, q)
		}, bridge.ErrUnreachable, bridge.Pause},
		{"by its count", func(_ int, q sftptest.Request) []byte {
			return q.Answer(sftptest.Name, sftptest.Number(math.MaxUint32))
		}, nil, bridge.Stop},
		{"but with a name that does not", func(_ int, q sftptest.Request) []byte {
			return q.Answer(sftptest.Name, sftptest.Number(2), sftptest.Number(1000), []byte("f.csv"))
		}, bridge.ErrUnreachable, bridge.Pause},
		{"in one packet", func(_ int, q sftptest.Request) []byte {
			return append([]byte{0xff, 0xff, 0xff, 0xff, sftptest.Name}, make([]byte, 1<<20)...)
		}, bridge.ErrUnreachable, bridge.Pause},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lying := true
			var mu sync.Mutex
			patience := 400 * time.Millisecond
			if tt.fate == bridge.Stop {
				patience = time.Minute // the bound that is meant comes first
			}
			r, l := hostileFor(t, patience, listing(func(n int, q sftptest.Request) []byte {
				mu.Lock()
				defer mu.Unlock()
				if !lying {
					return nil
				}
				return tt.next(n, q)
			}))
			bounded(t, 200, func() {
				_, err := r.List(t.Context(), "")
				fails(t, err, tt.kind, tt.fate)
				if bridge.OfFile(err) {
					t.Errorf("%v is said to be of one file", err)
				}
			})
			mu.Lock()
			lying = false
			mu.Unlock()
			write(t, l, "f.csv", []byte("x"))
			until(t, func() error { // however short its patience is
				_, err := r.Fetch(t.Context(), "f.csv", io.Discard)
				return err
			})
		})
	}
}

func TestHostileNamesInListing(t *testing.T) {
	given := []string{"f.csv", "a/b", "../../outside", "/etc/passwd", "nul\x00.csv", "\u202evsc.exe", "esc\x1b[31m", "", ".", "..", "a\\b", "\xff\xfe",
		strings.Repeat("n", 1000), "f.csv", "line\nbreak"}
	var mu sync.Mutex
	var asked []string
	lie := listing(func(n int, q sftptest.Request) []byte {
		if n > 1 {
			return nil
		}
		var entries []sftptest.Entry
		for i, name := range given {
			entries = append(entries, sftptest.Entry{Name: name, Attrs: sftptest.FileAttrs(uint64(i), regular, 1)})
		}
		return q.Names(entries...)
	})
	r, _ := hostile(t, func(q sftptest.Request) []byte {
		if p := q.Path(); strings.Contains(p, "/") {
			mu.Lock()
			asked = append(asked, p)
			mu.Unlock()
		}
		return lie(q)
	})
	check(t, r.MakeFolder(t.Context(), "in"))
	files, err := r.List(t.Context(), "in")
	check(t, err)
	seen := map[string]bool{}
	for _, f := range files {
		if seen[f.Name] {
			t.Errorf("%q is listed twice", f.Name)
		}
		seen[f.Name] = true
		p := "in/" + f.Name
		_, statErr := r.Stat(t.Context(), p)
		_, fetchErr := r.Fetch(t.Context(), p, io.Discard)
		if bridge.SafeName(f.Name) != nil {
			continue // a path that SplitPath makes of it may be another one's: see what was asked
		}
		fails(t, statErr, fs.ErrNotExist, bridge.Stop)
		fails(t, fetchErr, fs.ErrNotExist, bridge.Stop)
	}
	for _, p := range asked {
		if p != "/" && p != "/in" && (!strings.HasPrefix(p, "/in/") || strings.Contains(p, "..")) {
			t.Errorf("the server was asked for %q", p)
		}
	}
}

func TestAttributesThatLie(t *testing.T) {
	const folded = "ORD_1.csv"
	tests := []struct {
		name  string
		attrs []byte
		kind  error
		fate  bridge.Fate
		most  int64 // bytes that may come
	}{
		{"more bytes than there are", sftptest.FileAttrs(1<<40, regular, 1), nil, bridge.Pause, 5},
		{"fewer", sftptest.FileAttrs(3, regular, 1), nil, bridge.Pause, 4},
		{"none", sftptest.FileAttrs(0, regular, 1), nil, bridge.Pause, 1},
		{"more than an int64 holds", sftptest.FileAttrs(1<<63, regular, 1), nil, bridge.Pause, 0},
		{"one less than that", sftptest.FileAttrs(1<<63-1, regular, 1), nil, bridge.Pause, 0},
		{"a pipe", sftptest.FileAttrs(5, 0o010644, 1), bridge.ErrNotRegular, bridge.Stop, 0},
		{"a type that there is not", sftptest.FileAttrs(5, 0o160644, 1), bridge.ErrNotRegular, bridge.Stop, 0},
		{"cut short", sftptest.FileAttrs(5, regular, 1)[:9], bridge.ErrUnreachable, bridge.Pause, 0},
		{"4 billion extensions", append(sftptest.Number(1<<31), sftptest.Number(math.MaxUint32)...), bridge.ErrUnreachable, bridge.Pause, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, l := hostile(t, func(q sftptest.Request) []byte {
				if q.Type == sftptest.Lstat && strings.HasSuffix(q.Path(), folded) {
					return q.Answer(sftptest.Attrs, tt.attrs)
				}
				return nil
			})
			write(t, l, folded, []byte("order"))
			var got bytes.Buffer
			bounded(t, 32, func() {
				_, err := r.Fetch(t.Context(), folded, &got)
				fails(t, err, tt.kind, tt.fate)
			})
			if int64(got.Len()) > tt.most {
				t.Errorf("%d bytes came, at most %d may", got.Len(), tt.most)
			}
		})
	}
}

func TestListedSizeIsNeverNegative(t *testing.T) {
	r, _ := hostile(t, listing(func(n int, q sftptest.Request) []byte {
		if n > 1 {
			return nil
		}
		return q.Names(sftptest.Entry{Name: "f.csv", Attrs: sftptest.FileAttrs(math.MaxUint64, regular, math.MaxUint32)})
	}))
	files, err := r.List(t.Context(), "")
	check(t, err)
	if len(files) != 1 || files[0].Size != math.MaxInt64 || files[0].MTime.Year() != 2106 {
		t.Errorf("%+v", files)
	}
}

// A server that tells sizes alone: no times, no types. A link is found by asking for its target.
func TestServerThatTellsOnlySizes(t *testing.T) {
	r, l := hostile(t, func(q sftptest.Request) []byte {
		switch {
		case q.Type == sftptest.Lstat && strings.HasSuffix(q.Path(), ".csv"):
			return q.Answer(sftptest.Attrs, sftptest.SizeOnly(5))
		case q.Type == sftptest.ReadDir:
			return nil
		case q.Type == sftptest.ReadLink && strings.HasSuffix(q.Path(), "link.csv"):
			return q.Names(sftptest.Entry{Name: "/secret", Attrs: sftptest.Number(0)})
		}
		return nil
	})
	write(t, l, "f.csv", []byte("order"))
	write(t, l, "link.csv", []byte("order"))
	file, err := r.Stat(t.Context(), "f.csv")
	check(t, err)
	if !file.MTime.IsZero() || file.Size != 5 || file.Special || file.Dir {
		t.Errorf("%+v", file)
	}
	if n, err := r.Fetch(t.Context(), "f.csv", io.Discard); err != nil || n != 5 {
		t.Errorf("fetch: %d, %v", n, err)
	}
	_, err = r.Fetch(t.Context(), "link.csv", io.Discard)
	fails(t, err, bridge.ErrNotRegular, bridge.Stop)
}

// A link, or another file, takes the place of the one that was looked at.
func TestSwappedBeforeItIsOpened(t *testing.T) {
	for name, swap := range map[string]func(root string) error{
		"for a link": func(root string) error {
			return errors.Join(os.Remove(filepath.Join(root, "f.csv")), os.Symlink("secret", filepath.Join(root, "f.csv")))
		},
		"for a longer file": func(root string) error {
			return os.WriteFile(filepath.Join(root, "f.csv"), make([]byte, 1<<20), 0o644)
		},
		"for a folder": func(root string) error {
			return errors.Join(os.Remove(filepath.Join(root, "f.csv")), os.Mkdir(filepath.Join(root, "f.csv"), 0o755))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var root string
			r, l := hostile(t, func(q sftptest.Request) []byte {
				if q.Type == sftptest.Open && strings.HasSuffix(q.Path(), "f.csv") {
					if err := swap(root); err != nil {
						t.Error(err)
					}
				}
				return nil
			})
			root = l.Root
			write(t, l, "f.csv", []byte("order"))
			write(t, l, "secret", []byte("12345")) // as long as the file
			var got bytes.Buffer
			_, err := r.Fetch(t.Context(), "f.csv", &got)
			fails(t, err, nil, bridge.Pause)
			if !bridge.OfFile(err) || got.Len() > 6 {
				t.Errorf("%d bytes, of the file: %t, %v", got.Len(), bridge.OfFile(err), err)
			}
		})
	}
}

// A server for which names that differ in case are one.
func TestServerThatFoldsCase(t *testing.T) {
	r, l := hostile(t, func(q sftptest.Request) []byte {
		if q.Type == sftptest.Lstat && strings.EqualFold(q.Path(), "/ord_1.csv") {
			return q.Answer(sftptest.Attrs, sftptest.FileAttrs(3, regular, 1))
		}
		return nil
	})
	write(t, l, "ORD_1.csv", []byte("old"))
	fails(t, r.Put(t.Context(), "ord_1.csv", strings.NewReader("new")), fs.ErrExist, bridge.Stop)
	fails(t, r.Move(t.Context(), "ORD_1.csv", "Ord_1.csv"), fs.ErrExist, bridge.Stop)
	if b, err := os.ReadFile(filepath.Join(l.Root, "ORD_1.csv")); err != nil || string(b) != "old" {
		t.Errorf("%q, %v", b, err)
	}
}

// A server that answers more than it was asked for.
func TestDataBeyondWhatWasAsked(t *testing.T) {
	r, l := hostile(t, func(q sftptest.Request) []byte {
		if q.Type == sftptest.Read {
			return q.Answer(sftptest.Data, sftptest.Text(strings.Repeat("x", 200<<10)))
		}
		return nil
	})
	write(t, l, "f.csv", []byte("order"))
	var got bytes.Buffer
	_, err := r.Fetch(t.Context(), "f.csv", &got)
	if err == nil || got.Len() > 6 {
		t.Errorf("%d bytes, %v", got.Len(), err)
	}
}

// A server that says yes to everything and gives nothing.
func TestYes(t *testing.T) {
	for _, kind := range []byte{sftptest.Open, sftptest.Read, sftptest.Lstat, sftptest.OpenDir, sftptest.RealPath, sftptest.ReadLink, sftptest.Extended} {
		r, l := hostileFor(t, 100*time.Millisecond, func(q sftptest.Request) []byte {
			if q.Type == kind {
				return q.Status(0)
			}
			return nil
		})
		write(t, l, "f.csv", []byte("order"))
		bounded(t, 16, func() {
			for _, err := range []error{
				second(r.List(t.Context(), "")), second(r.Fetch(t.Context(), "f.csv", io.Discard)), second(r.Stat(t.Context(), "f.csv")),
				r.MakeFolder(t.Context(), "a"), r.Put(t.Context(), "g.csv", strings.NewReader("body")), r.Move(t.Context(), "g.csv", "h.csv"),
				r.Remove(t.Context(), "h.csv"),
			} {
				var e *bridge.Error
				if err != nil && !errors.As(err, &e) {
					t.Errorf("%d: %T %v", kind, err, err)
				}
			}
			r.Check(t.Context())
		})
	}
}

func second[T any](_ T, err error) error { return err }

// Answers of every kind with anything in them, to every request. Whatever comes is an error that an operator can read, or is right.
func TestGarbage(t *testing.T) {
	kinds := []byte{sftptest.Status, sftptest.Handle, sftptest.Data, sftptest.Name, sftptest.Attrs, 0, 2, 201, 255}
	bounded(t, 64, func() {
		for seed := range uint64(60) {
			random := rand.New(rand.NewPCG(seed, 1))
			var mu sync.Mutex
			r, l := hostileFor(t, 50*time.Millisecond, func(q sftptest.Request) []byte {
				mu.Lock()
				defer mu.Unlock()
				if random.IntN(4) > 0 {
					return nil
				}
				body := make([]byte, random.IntN(60))
				for i := range body {
					if random.IntN(2) == 0 {
						body[i] = byte(random.Uint32())
					}
				}
				answer := q.Answer(kinds[random.IntN(len(kinds))], body)
				if random.IntN(6) == 0 {
					answer[random.IntN(len(answer))] ^= byte(1 + random.IntN(255)) // the length or the id, perhaps
				}
				return answer
			})
			write(t, l, "f.csv", []byte("order"))
			tell := func(err error) {
				var e *bridge.Error
				if err != nil && !errors.As(err, &e) {
					t.Errorf("seed %d: %T %v", seed, err, err)
				}
			}
			_, err := r.List(t.Context(), "")
			tell(err)
			_, err = r.Fetch(t.Context(), "f.csv", io.Discard)
			tell(err)
			_, err = r.Stat(t.Context(), "f.csv")
			tell(err)
			tell(r.MakeFolder(t.Context(), "a/b"))
			tell(r.Put(t.Context(), "g.csv", strings.NewReader("body")))
			tell(r.Move(t.Context(), "f.csv", "h.csv"))
			tell(r.Remove(t.Context(), "h.csv"))
			check(t, r.Close())
		}
	})
}
