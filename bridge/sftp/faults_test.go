package sftp_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v (hint: %s)", err, bridge.HintOf(err))
	}
}

func names(t *testing.T, l sftptest.Login) []string {
	t.Helper()
	entries, err := os.ReadDir(l.Root)
	check(t, err)
	list := []string{}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// until tries again until it works: the moment at which a broken connection is noticed is not the test's to know.
func until(t *testing.T, f func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := f()
		if err == nil {
			return
		}
		if bridge.FateOf(err) != bridge.Pause || time.Now().After(deadline) {
			t.Fatalf("it does not recover: %v", err)
		}
	}
}

// cuts are positions in a stream: each of the first ones, some in the middle, those at the end.
func cuts(total int64) []int64 {
	at := []int64{0, 1, 5, 30, total - 1, total - 2, total - 40}
	for i := range int64(30) {
		at = append(at, total*i/30)
	}
	slices.Sort(at)
	return slices.Compact(at)
}

func TestFetchCutAnywhere(t *testing.T) {
	t.Parallel()
	_, l := serve(t, sftptest.Options{})
	p, l := proxy(t, l)
	body := random(300_000)
	write(t, l, "f.bin", body)
	fetch := func() ([]byte, error) {
		r := open(t, loginConfig(t, l))
		defer r.Close()
		var got bytes.Buffer
		_, err := r.Fetch(t.Context(), "f.bin", &got)
		return got.Bytes(), err
	}
	for _, d := range []sftptest.Direction{sftptest.Down, sftptest.Up} {
		before := p.Passed(d)
		_, err := fetch()
		check(t, err)
		for _, at := range cuts(p.Passed(d) - before) {
			p.CutAfter(d, at)
			got, err := fetch()
			if err == nil {
				if !bytes.Equal(got, body) {
					t.Errorf("cut after %d bytes: %d bytes of %d are reported as whole", at, len(got), len(body))
				}
				continue
			}
			fails(t, err, bridge.ErrUnreachable, bridge.Pause)
			if errors.Is(err, bridge.ErrLogin) {
				t.Errorf("cut after %d bytes: %v", at, err)
			}
		}
		p.CutAfter(d, -1)
	}
}

func TestPutCutAnywhere(t *testing.T) {
	t.Parallel()
	sshd := sftptest.Sshd(t)
	p, l := proxy(t, sshd.Login)
	body := random(300_000)
	target := filepath.Join(l.Root, "f.bin")
	for _, d := range []sftptest.Direction{sftptest.Up, sftptest.Down} {
		r := open(t, loginConfig(t, l))
		_, err := r.List(t.Context(), "")
		check(t, err)
		before := p.Passed(d)
		check(t, r.Put(t.Context(), "f.bin", bytes.NewReader(body)))
		for _, at := range cuts(p.Passed(d) - before) {
			check(t, os.Remove(target))
			until(t, func() error { _, err := r.List(t.Context(), ""); return err })
			p.CutAfter(d, at)
			err := r.Put(t.Context(), "f.bin", bytes.NewReader(body))
			if err != nil {
				fails(t, err, bridge.ErrUnreachable, bridge.Pause)
			}
			p.CutAfter(d, -1)
			sshd.Kick() // or its sessions go on with what has arrived, and the end is a race
			got, rerr := os.ReadFile(target)
			if rerr == nil && !bytes.Equal(got, body) {
				t.Fatalf("cut after %d bytes: the target holds %d bytes of %d", at, len(got), len(body))
			}
			if err == nil && rerr != nil {
				t.Fatalf("cut after %d bytes: it is reported as written, but %v", at, rerr)
			}
			until(t, func() error {
				if err := r.Put(t.Context(), "f.bin", bytes.NewReader(body)); !errors.Is(err, fs.ErrExist) {
					return err
				}
				return nil
			})
			got, rerr = os.ReadFile(target)
			if rerr != nil || !bytes.Equal(got, body) {
				t.Fatalf("cut after %d bytes, put again: %d bytes, %v", at, len(got), rerr)
			}
		}
		check(t, os.Remove(target))
		check(t, r.Put(t.Context(), "f.bin", bytes.NewReader(body)))
		if d := cmp.Diff([]string{"f.bin"}, names(t, l)); d != "" {
			t.Errorf("left behind: %s", d)
		}
		check(t, os.Remove(target))
		check(t, r.Close())
	}
}

// onFirst calls f before the first bytes are taken.
type onFirst struct {
	f func()
	n int
}

func (w *onFirst) Write(b []byte) (int, error) {
	if w.n++; w.n == 1 {
		w.f()
	}
	return len(b), nil
}

func TestStall(t *testing.T) {
	t.Parallel()
	_, l := serve(t, sftptest.Options{})
	write(t, l, "f.bin", random(6<<20))
	operations := map[string]func(r *sftp.Remote, p *sftptest.Proxy) error{
		"list": func(r *sftp.Remote, p *sftptest.Proxy) error {
			p.Stall(true)
			_, err := r.List(context.Background(), "")
			return err
		},
		"fetch": func(r *sftp.Remote, p *sftptest.Proxy) error {
			_, err := r.Fetch(context.Background(), "f.bin", &onFirst{f: func() { p.Stall(true) }})
			return err
		},
		"put": func(r *sftp.Remote, p *sftptest.Proxy) error {
			p.Stall(true)
			return r.Put(context.Background(), "g.bin", bytes.NewReader(random(8<<20)))
		},
		"half-open": func(r *sftp.Remote, p *sftptest.Proxy) error {
			p.HalfOpen()
			return r.Put(context.Background(), "h.bin", bytes.NewReader(random(8<<20)))
		},
	}
	for name, operation := range operations {
		t.Run(name, func(t *testing.T) {
			p, l := proxy(t, l)
			cfg := loginConfig(t, l)
			cfg.ReadTimeout = bridge.Duration(500 * time.Millisecond)
			r := open(t, cfg)
			until(t, func() error { _, err := r.List(t.Context(), ""); return err })
			err := operation(r, p)
			fails(t, err, os.ErrDeadlineExceeded, bridge.Pause)
			fails(t, err, bridge.ErrUnreachable, bridge.Pause)
			p.Stall(false)
			until(t, func() error { _, err := r.Fetch(t.Context(), "f.bin", io.Discard); return err })
		})
	}
}

func TestCancelWhileStalled(t *testing.T) {
	t.Parallel()
	_, l := serve(t, sftptest.Options{})
	p, l := proxy(t, l)
	r := open(t, loginConfig(t, l))
	_, err := r.List(t.Context(), "")
	check(t, err)
	p.Stall(true)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	fails(t, r.Put(ctx, "f.bin", bytes.NewReader(random(20<<20))), context.DeadlineExceeded, bridge.Pause)
	// Also while it connects.
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	fails(t, r.Put(ctx, "f.bin", bytes.NewReader(nil)), context.DeadlineExceeded, bridge.Pause)
}

func TestSlowLinkIsNoStall(t *testing.T) {
	t.Parallel()
	_, l := serve(t, sftptest.Options{})
	p, l := proxy(t, l)
	cfg := loginConfig(t, l)
	cfg.ReadTimeout = bridge.Duration(2 * time.Second)
	r := open(t, cfg)
	_, err := r.List(t.Context(), "")
	check(t, err)
	p.Bandwidth(256 << 10)
	body := random(1 << 20) // twice as long as the silence that is allowed
	check(t, r.Put(t.Context(), "f.bin", bytes.NewReader(body)))
	var got bytes.Buffer
	_, err = r.Fetch(t.Context(), "f.bin", &got)
	check(t, err)
	if !bytes.Equal(got.Bytes(), body) {
		t.Error("other bytes came back")
	}
}

func TestKeepAliveFindsHalfOpen(t *testing.T) {
	t.Parallel()
	_, l := serve(t, sftptest.Options{})
	p, l := proxy(t, l)
	cfg := loginConfig(t, l)
	cfg.KeepAlive = bridge.Duration(50 * time.Millisecond)
	cfg.ReadTimeout = bridge.Duration(3 * time.Second)
	r := open(t, cfg)
	_, err := r.List(t.Context(), "")
	check(t, err)
	sent := p.Passed(sftptest.Up)
	until(t, func() error { // keep-alives go, and the connection stays
		if p.Passed(sftptest.Up) == sent || p.Connections() != 1 {
			time.Sleep(time.Millisecond)
			return &bridge.Error{Fate: bridge.Pause, Err: errors.New("no keep-alive")}
		}
		return nil
	})
	p.HalfOpen()
	until(t, func() error {
		if p.Connections() != 0 {
			time.Sleep(time.Millisecond)
			return &bridge.Error{Fate: bridge.Pause, Err: errors.New("the connection is still open")}
		}
		return nil
	})
	_, err = r.List(t.Context(), "")
	check(t, err)
}

func TestReconnect(t *testing.T) {
	t.Parallel()
	sshd := sftptest.Sshd(t)
	r := open(t, loginConfig(t, sshd.Login))
	_, err := r.List(t.Context(), "")
	check(t, err)
	sshd.Kick()
	until(t, func() error { _, err := r.List(t.Context(), ""); return err })
	sshd.Stop()
	until(t, func() error {
		_, err := r.List(t.Context(), "")
		if err == nil {
			return &bridge.Error{Fate: bridge.Pause, Err: errors.New("it still answers")}
		}
		fails(t, err, bridge.ErrUnreachable, bridge.Pause)
		return nil
	})
	check(t, sshd.Start())
	until(t, func() error { _, err := r.List(t.Context(), ""); return err })
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	_, l := serve(t, sftptest.Options{})
	p, l := proxy(t, l)
	cfg := loginConfig(t, l)
	cfg.ConnectTimeout = bridge.Duration(300 * time.Millisecond)
	tests := map[string]struct {
		set func(cfg *sftp.Options)
	}{
		"refused":      {func(cfg *sftp.Options) { cfg.Address = "127.0.0.1:1" }},
		"hung up":      {func(*sftp.Options) { p.Refuse(true) }},
		"no greeting":  {func(*sftp.Options) { p.Refuse(false); p.Stall(true) }},
		"no such host": {func(cfg *sftp.Options) { cfg.Address = "sftp.invalid:22" }},
	}
	for _, name := range []string{"refused", "hung up", "no greeting", "no such host"} {
		t.Run(name, func(t *testing.T) {
			cfg := *cfg
			tests[name].set(&cfg)
			r := open(t, &cfg, sftp.WithDialer(func(ctx context.Context, network, address string) (net.Conn, error) {
				if strings.Contains(address, "invalid") {
					return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: address, IsNotFound: true}}
				}
				return (&net.Dialer{}).DialContext(ctx, network, address)
			}))
			_, err := r.List(t.Context(), "")
			fails(t, err, bridge.ErrUnreachable, bridge.Pause)
			findings := r.Check(t.Context())
			last := findings[len(findings)-1]
			if last.OK || !last.Unreachable || last.Hint == "" {
				t.Errorf("finding %+v", last)
			}
		})
	}
}

func TestPoolIsBounded(t *testing.T) {
	t.Parallel()
	_, l := serve(t, sftptest.Options{})
	p, l := proxy(t, l)
	p.Latency(5 * time.Millisecond)
	cfg := loginConfig(t, l)
	cfg.Connections = 3
	r := open(t, cfg)
	errs := make(chan error)
	for range 12 {
		go func() { _, err := r.List(context.Background(), ""); errs <- err }()
	}
	for range 12 {
		check(t, <-errs)
		if n := p.Connections(); n > 3 {
			t.Errorf("%d connections", n)
		}
	}
}

func TestReadOnlyFolder(t *testing.T) {
	t.Parallel()
	_, l := serve(t, sftptest.Options{ReadOnly: true})
	write(t, l, "f.csv", []byte("x"))
	r := open(t, loginConfig(t, l))
	fails(t, r.Put(t.Context(), "g.csv", bytes.NewReader([]byte("x"))), fs.ErrPermission, bridge.Stop)
	fails(t, r.Move(t.Context(), "f.csv", "g.csv"), fs.ErrPermission, bridge.Stop)
	fails(t, r.Remove(t.Context(), "f.csv"), fs.ErrPermission, bridge.Stop)
	fails(t, r.MakeFolder(t.Context(), "folder"), fs.ErrPermission, bridge.Stop)
	_, err := r.Fetch(t.Context(), "f.csv", io.Discard)
	check(t, err)
	if d := cmp.Diff([]string{"f.csv"}, names(t, l)); d != "" {
		t.Error(d)
	}
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	s, l := serve(t, sftptest.Options{Space: 100_000})
	r := open(t, loginConfig(t, l))
	fails(t, r.Put(t.Context(), "f.csv", bytes.NewReader(random(300_000))), nil, bridge.Pause)
	if d := cmp.Diff([]string{}, names(t, l)); d != "" {
		t.Errorf("left behind: %s", d)
	}
	s.SetSpace(-1)
	check(t, r.Put(t.Context(), "f.csv", bytes.NewReader(random(300_000))))
}

func TestReadOnceServer(t *testing.T) {
	t.Parallel()
	_, l := serve(t, sftptest.Options{ReadOnce: true})
	body := random(3 << 20)
	write(t, l, "f.bin", body)
	r := open(t, loginConfig(t, l))
	var got bytes.Buffer
	n, err := r.Fetch(t.Context(), "f.bin", &got)
	check(t, err)
	if n != int64(len(body)) || !bytes.Equal(got.Bytes(), body) {
		t.Errorf("%d bytes", n)
	}
	_, err = r.Fetch(t.Context(), "f.bin", io.Discard)
	fails(t, err, fs.ErrNotExist, bridge.Stop)
}

func TestRootAndLoginFolder(t *testing.T) {
	t.Parallel()
	_, l := serve(t, sftptest.Options{})
	for _, folder := range []string{"drops/out", "out"} {
		check(t, os.MkdirAll(filepath.Join(l.Root, folder), 0o755))
	}
	write(t, l, "drops/out/a.csv", nil)
	write(t, l, "out/b.csv", nil)
	tests := []struct{ root, folder, want string }{
		{"/drops", "out", "a.csv"}, {"/drops", "/out", "a.csv"}, {"drops", "/out", "a.csv"},
		{"", "out", "b.csv"}, {"", "/out", "b.csv"}, {"/", "out", "b.csv"},
	}
	for _, tt := range tests {
		cfg := loginConfig(t, l)
		cfg.Path = tt.root
		r := open(t, cfg)
		files, err := r.List(t.Context(), tt.folder)
		check(t, err)
		if len(files) != 1 || files[0].Name != tt.want {
			t.Errorf("root %q, folder %q: %v", tt.root, tt.folder, files)
		}
	}
}

func TestRealClient(t *testing.T) {
	t.Parallel()
	_, inProcess := serve(t, sftptest.Options{})
	for name, l := range map[string]sftptest.Login{"in process": inProcess, "OpenSSH": sftptest.Sshd(t).Login} {
		t.Run(name, func(t *testing.T) {
			r := open(t, loginConfig(t, l))
			local := filepath.Join(t.TempDir(), "prices.csv")
			body := random(100_000)
			check(t, os.WriteFile(local, body, 0o644))
			check(t, r.Put(t.Context(), "ORD_1.csv", bytes.NewReader([]byte("order"))))
			got := filepath.Join(t.TempDir(), "got.csv")
			out := sftptest.Batch(t, l, "put "+local+" .prices.csv.part", "rename .prices.csv.part prices.csv", "ls -1",
				"get ORD_1.csv "+got, "rm ORD_1.csv", "mkdir archive", "-mkdir archive", "rename prices.csv archive/prices.csv", "ls -1 archive")
			if !strings.Contains(out, "ORD_1.csv") || !strings.Contains(out, "prices.csv") {
				t.Errorf("listing: %s", out)
			}
			if b, err := os.ReadFile(got); err != nil || string(b) != "order" {
				t.Errorf("order: %q, %v", b, err)
			}
			var fetched bytes.Buffer
			_, err := r.Fetch(t.Context(), "archive/prices.csv", &fetched)
			check(t, err)
			if !bytes.Equal(fetched.Bytes(), body) {
				t.Error("other bytes came back")
			}
			if _, err := sftptest.TryBatch(t.Context(), l, "get none.csv "+got); err == nil {
				t.Error("a command that fails is no error")
			}
		})
	}
}
