package sftp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pkg/sftp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bites := 0
		d := &watchdog{limit: time.Minute, bite: func() { bites++ }}
		after := func(wait time.Duration, want int, what string) {
			t.Helper()
			time.Sleep(wait)
			synctest.Wait()
			if bites != want || d.bit() != (want > 0) {
				t.Errorf("%s: %d bites, want %d", what, bites, want)
			}
		}
		after(time.Hour, 0, "before it was started")
		d.start()
		for range 10 {
			after(59*time.Second, 0, "with progress")
			d.progress()
		}
		d.stop()
		after(time.Hour, 0, "when stopped")
		d.progress()
		after(time.Hour, 0, "progress does not start it")
		d.start()
		after(59*time.Second, 0, "before the minute")
		after(2*time.Second, 1, "after the minute")
		d.stop()
	})
}

// here starts a server in this process, and a remote that uses it.
func here(t *testing.T) (*Remote, string) {
	t.Helper()
	l := sftptest.Door(t)
	key, err := os.ReadFile(l.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New("sap", &Options{Address: l.Address, User: l.User, PrivateKey: bridge.Secret(key), KnownHostsFile: l.KnownHostsFile})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r, l.Root
}

func TestInputIsLimited(t *testing.T) {
	r, root := here(t)
	if err := os.WriteFile(filepath.Join(root, "f.bin"), make([]byte, 1<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	err := r.do(context.Background(), "list", "f.bin", func(c *conn, at place) error {
		c.listing.Store(&listing{bytes: 100_000})
		_, err := c.read(c.full(at), 1<<20, io.Discard)
		return err
	})
	if err == nil || bridge.FateOf(err) != bridge.Stop {
		t.Errorf("error %v", err)
	}
	if _, err := r.List(t.Context(), ""); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestReadWithWrongSize(t *testing.T) {
	r, root := here(t)
	if err := os.WriteFile(filepath.Join(root, "f.bin"), make([]byte, 100_000), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{0, 1, 50_000, 99_999, 100_000, 5 << 20} {
		var got bytes.Buffer
		err := r.do(t.Context(), "read", "f.bin", func(c *conn, at place) error {
			n, err := c.read(c.full(at), size, &got)
			if want := min(size+1, 100_000); n != want {
				t.Errorf("size %d: read %d, want %d", size, n, want)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// asks runs a function at each write.
type asks func()

func (f asks) Write(b []byte) (int, error) { f(); return len(b), nil }

// A writer that takes its time is no silence of the server.
func TestSlowWriterIsNoStall(t *testing.T) {
	r, root := here(t)
	if err := os.WriteFile(filepath.Join(root, "f.bin"), make([]byte, 3<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	err := r.do(t.Context(), "read", "f.bin", func(c *conn, at place) error {
		watched := func() bool {
			c.dog.mu.Lock()
			defer c.dog.mu.Unlock()
			return c.dog.on
		}
		if !watched() {
			t.Error("nobody watches the server")
		}
		_, err := c.read(c.full(at), 3<<20, asks(func() {
			if watched() {
				t.Error("the writer is watched")
			}
		}))
		if !watched() {
			t.Error("nobody watches the server any more")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAnswers(t *testing.T) {
	r := &Remote{name: "sap", user: "oro"}
	c := &conn{dog: &watchdog{}, gone: make(chan struct{})}
	tests := []struct {
		err  error
		kind error
		fate bridge.Fate
		good bool // the connection is
		file bool // it is the file's own trouble
	}{
		{os.ErrNotExist, fs.ErrNotExist, bridge.Stop, true, true},
		{os.ErrPermission, fs.ErrPermission, bridge.Stop, true, true},
		{&sftp.StatusError{Code: 4}, nil, bridge.Pause, true, true},
		{&sftp.StatusError{Code: 5}, nil, bridge.Stop, true, true},
		{&sftp.StatusError{Code: 7}, bridge.ErrUnreachable, bridge.Pause, true, false},
		{&sftp.StatusError{Code: 8}, nil, bridge.Stop, true, false},
		{&sftp.StatusError{Code: 10}, fs.ErrNotExist, bridge.Stop, true, true},
		{&sftp.StatusError{Code: 11}, fs.ErrExist, bridge.Stop, true, true},
		{&sftp.StatusError{Code: 12}, fs.ErrPermission, bridge.Stop, true, true},
		{&sftp.StatusError{Code: 14}, syscall.ENOSPC, bridge.Pause, true, false},
		{&sftp.StatusError{Code: 15}, syscall.ENOSPC, bridge.Pause, true, false},
		{&sftp.StatusError{Code: 17}, nil, bridge.Pause, true, true},
		{&sftp.StatusError{Code: 4711}, nil, bridge.Stop, true, true},
		{sftp.ErrSSHFxConnectionLost, bridge.ErrUnreachable, bridge.Pause, false, false},
		{io.EOF, bridge.ErrUnreachable, bridge.Pause, false, false},
		{sftp.ErrInternalInconsistency, bridge.ErrUnreachable, bridge.Pause, false, false},
		{&sizeError{2, 1}, nil, bridge.Pause, true, false},
		{&writerError{io.ErrShortWrite}, io.ErrShortWrite, bridge.Pause, true, false},
		{bridge.WantFile(fs.ModeSymlink), bridge.ErrNotRegular, bridge.Stop, true, true},
		{bridge.WantFolder(0, "archive"), bridge.ErrNotFolder, bridge.Stop, true, true},
	}
	for _, tt := range tests {
		e := r.explain("put", "f.csv", c, tt.err)
		if e.Fate != tt.fate || tt.kind != nil && !errors.Is(e, tt.kind) {
			t.Errorf("%v: fate %d of %v, want %d of %v", tt.err, e.Fate, e, tt.fate, tt.kind)
		}
		if e.File != tt.file || r.explain("list", "", c, tt.err).File {
			t.Errorf("%v: of the file: %t, of a folder that is listed: %t", tt.err, e.File, r.explain("list", "", c, tt.err).File)
		}
		if c.broken(tt.err) == tt.good {
			t.Errorf("%v: the connection is broken: %t", tt.err, tt.good)
		}
	}
}
