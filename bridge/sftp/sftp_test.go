package sftp_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/remotetest"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// loginConfig is the config of a remote that logs in so.
func loginConfig(t *testing.T, l sftptest.Login) *sftp.Options {
	t.Helper()
	key, err := os.ReadFile(l.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	return &sftp.Options{Path: l.Folder, Address: l.Address, User: l.User,
		PrivateKey: bridge.Secret(key), KnownHostsFile: l.KnownHostsFile}
}

func open(t *testing.T, cfg *sftp.Options, options ...sftp.Option) *sftp.Remote {
	t.Helper()
	r, err := sftp.New("sap", cfg, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// serve starts a server in this process; its root is empty.
func serve(t *testing.T, o sftptest.Options) (*sftptest.Server, sftptest.Login) {
	t.Helper()
	dir := t.TempDir()
	if o.Root == "" {
		o.Root = filepath.Join(dir, "root")
		if err := os.Mkdir(o.Root, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s, err := sftptest.Serve(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	l, err := s.Login(dir, "oro")
	if err != nil {
		t.Fatal(err)
	}
	return s, l
}

func proxy(t *testing.T, l sftptest.Login) (*sftptest.Proxy, sftptest.Login) {
	t.Helper()
	p, err := sftptest.NewProxy(l.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	l, err = l.Via(p.Address)
	if err != nil {
		t.Fatal(err)
	}
	return p, l
}

func write(t *testing.T, l sftptest.Login, name string, body []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(l.Root, name), body, 0o644); err != nil {
		t.Fatal(err)
	}
}

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
}

// Files take what the server gives them, or the config's mode from their first byte.
func TestMode(t *testing.T) {
	for name, l := range map[string]sftptest.Login{"OpenSSH": sftptest.Sshd(t).Login, "ProFTPD": sftptest.ProFTPD(t).Login} {
		t.Run(name, func(t *testing.T) {
			cfg := loginConfig(t, l)
			cfg.Mode = 0o640
			r := open(t, cfg)
			check(t, r.MakeFolder(t.Context(), "in"))
			check(t, r.Put(t.Context(), "in/f.csv", strings.NewReader("order")))
			for at, want := range map[string]os.FileMode{"in/f.csv": 0o640, "in": 0o750 | os.ModeDir} {
				info, err := os.Stat(filepath.Join(l.Root, at))
				check(t, err)
				if info.Mode() != want {
					t.Errorf("%s has %s, want %s", at, info.Mode(), want)
				}
			}
		})
	}
	_, lying := serve(t, sftptest.Options{Lie: func(q sftptest.Request) []byte {
		if q.Type == sftptest.Fsetstat {
			return q.Status(8)
		}
		return nil
	}})
	cfg := loginConfig(t, lying)
	cfg.Mode = 0o640
	err := open(t, cfg).Put(t.Context(), "f.csv", strings.NewReader("order"))
	fails(t, err, nil, bridge.Stop)
	if !strings.Contains(bridge.HintOf(err), "mode") || len(names(t, lying)) != 0 {
		t.Errorf("%v, hint %s, left %v", err, bridge.HintOf(err), names(t, lying))
	}
}

func TestConformanceInProcess(t *testing.T) {
	t.Parallel()
	remotetest.Test(t, func(t *testing.T) remotetest.Place {
		_, l := serve(t, sftptest.Options{})
		return remotetest.Place{Remote: open(t, loginConfig(t, l), sftp.WithIdentity("l1")), Root: l.Root, Identity: "l1", Many: 5_000}
	})
}

func TestConformancePlainServer(t *testing.T) {
	t.Parallel()
	remotetest.Test(t, func(t *testing.T) remotetest.Place {
		_, l := serve(t, sftptest.Options{NoExtensions: true, ShortReads: 10_000})
		return remotetest.Place{Remote: open(t, loginConfig(t, l)), Root: l.Root, Many: 2_000}
	})
}

func TestConformanceOpenSSH(t *testing.T) {
	t.Parallel()
	remotetest.Test(t, func(t *testing.T) remotetest.Place {
		s := sftptest.Sshd(t)
		return remotetest.Place{Remote: open(t, loginConfig(t, s.Login)), Root: s.Root, Many: 5_000}
	})
}

func TestConformanceProFTPD(t *testing.T) {
	t.Parallel()
	remotetest.Test(t, func(t *testing.T) remotetest.Place {
		s := sftptest.ProFTPD(t)
		return remotetest.Place{Remote: open(t, loginConfig(t, s.Login)), Root: s.Root, Many: 2_000}
	})
}

func TestConformanceSlowLink(t *testing.T) {
	t.Parallel()
	remotetest.Test(t, func(t *testing.T) remotetest.Place {
		_, l := serve(t, sftptest.Options{})
		p, l := proxy(t, l)
		p.Latency(10 * time.Millisecond)
		return remotetest.Place{Remote: open(t, loginConfig(t, l)), Root: l.Root, Many: 1_000}
	})
}
