package crashtest

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/daemon"
	"github.com/orobridge/orobridge/bridge/dir"
	"github.com/orobridge/orobridge/bridge/oro"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
	"github.com/orobridge/orobridge/state"
)

// hurried is a clock for which pauses, schedules and deadlines pass many times faster than for the machine.
type hurried struct{ began time.Time }

const hurry = 250

func (h hurried) Now() time.Time {
	return time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC).Add(hurry * time.Since(h.began))
}

func (h hurried) Wait(ctx context.Context, d time.Duration) error {
	return bridge.SystemClock{}.Wait(ctx, d/hurry)
}

// impatient are the limits under a hurried clock. Those of connections are the machine's time.
var impatient = limits{request: time.Second, settle: 4 * time.Minute, server: 700 * time.Millisecond, every: 25 * time.Second}

// A world is a site with a bridge in this process, so that tests see its steps and its troubles and hurry its clock.
// Between the bridge and the server stands a proxy.
type world struct {
	*site
	clock hurried
	proxy *sftptest.Proxy
	sshd  *sftptest.SSHD   // the server, unless it is
	serve *sftptest.Server // the one in this process, which can be out of room

	mu      sync.Mutex
	log     bytes.Buffer
	trouble chan struct{}     // told when the bridge pauses
	onStep  func(name string) // may be nil
}

func newWorld(t testing.TB, inProcess bool, options ...orotest.Option) *world {
	w := &world{clock: hurried{time.Now()}, trouble: make(chan struct{}, 1)}
	var login sftptest.Login
	if inProcess {
		dir := t.TempDir()
		var err error
		if w.serve, err = sftptest.Serve(sftptest.Options{Root: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { w.serve.Close() })
		if login, err = w.serve.Login(dir, "erp"); err != nil {
			t.Fatal(err)
		}
	} else {
		w.sshd = sftptest.Sshd(t)
		login = w.sshd.Login
	}
	var err error
	if w.proxy, err = sftptest.NewProxy(login.Address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.proxy.Close)
	if login, err = login.Via(w.proxy.Address); err != nil {
		t.Fatal(err)
	}
	w.site = newSite(t, login, "", impatient, append(options, orotest.Clock(w.clock.Now))...)
	return w
}

// Write implements io.Writer for the log.
func (w *world) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, told := range []string{`msg="work paused"`, `msg="batch lost"`, `msg="drop trouble"`} {
		if !bytes.Contains(p, []byte(told)) {
			continue
		}
		select {
		case w.trouble <- struct{}{}:
		default:
		}
	}
	return w.log.Write(p)
}

// step is what the bridge calls.
func (w *world) step(name string) {
	w.mu.Lock()
	f := w.onStep
	w.mu.Unlock()
	if f != nil {
		f(name)
	}
}

// run runs a bridge until so many files are settled and put away, and a fault meanwhile. It says whether the fault came to
// its step.
func (w *world) run(files int, f fault) (hit bool) {
	w.t.Helper()
	b, closeAll := w.open()
	defer closeAll()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	var work sync.WaitGroup
	work.Go(func() { hit = w.suffer(ctx, f) })
	work.Go(func() {
		if err := b.Run(ctx); err != nil {
			w.t.Errorf("run: %v", err)
		}
	})
	for still := 0; still < 2; { // a moment between two pieces of work is no end
		if w.settled(ctx, b, files) {
			still++
		} else {
			still = 0
		}
		if (bridge.SystemClock{}).Wait(ctx, 10*time.Millisecond) != nil {
			w.t.Error("the bridge does not come to an end")
			break
		}
	}
	cancel()
	work.Wait()
	return hit
}

// kinds are what the configs of these tests name.
var kinds = config.Kinds{
	Remotes: map[string]func() bridge.RemoteOptions{
		"dir":  func() bridge.RemoteOptions { return &dir.Options{} },
		"sftp": func() bridge.RemoteOptions { return &sftp.Options{} },
	},
	Formats: map[string]func() formats.Format{"csv": func() formats.Format { return &csv.Options{} }},
	Orders:  map[string]func() formats.OrderFormat{"csv": func() formats.OrderFormat { return &csv.OrderOptions{} }},
}

func (w *world) open() (b *daemon.Daemon, stop func()) {
	w.t.Helper()
	check := func(err error) {
		w.t.Helper()
		if err != nil {
			w.t.Fatal(err)
		}
	}
	cfg, err := config.Load(filepath.Join(w.dir, "orobridge.yaml"), kinds, os.LookupEnv)
	check(err)
	ledger, err := state.Open(context.Background(), cfg.State.Dir, state.Options{Postgres: cfg.State.Postgres.Reveal()})
	check(err)
	remote, err := cfg.OpenRemote("erp", ledger.Identity(), nil)
	check(err)
	shop, err := oro.New(cfg.Oro, oro.Options{Now: w.clock.Now, Sleep: w.clock.Wait})
	check(err)
	events := &bridge.Events{}
	events.Observe(bridge.LogEvents(slog.New(slog.NewTextHandler(w, nil))))
	events.Observe(func(e *bridge.Event) {
		if e.Kind == bridge.StepReached {
			w.step(e.Text)
		}
	})
	return daemon.Assemble(cfg, &cfg.Oro, daemon.Ends{Ledger: ledger, Shop: shop, Remotes: map[string]bridge.Remote{"erp": remote}, Spool: ledger.Spool(),
			Clock: w.clock, Events: events}), func() {
			shop.Close()
			remote.Close()
			if err := ledger.Close(); err != nil {
				w.t.Error(err)
			}
		}
}

// settled says that nothing is left to do.
func (w *world) settled(ctx context.Context, b *daemon.Daemon, files int) bool {
	drops, err := b.In.Ledger.Drops(ctx, bridge.DropFilter{})
	if err != nil || len(drops) < files {
		return false
	}
	for _, d := range drops {
		if !d.State.Settled() || d.Finish != "" {
			return false
		}
	}
	due := 0
	err = b.In.Ledger.Parked(ctx, "", b.Clock.Now().Add(-72*time.Hour), func(bridge.ParkedRow) error { due++; return nil })
	return err == nil && due == 0
}

// tail is the end of the log.
func (w *world) tail() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := w.log.Bytes()
	return string(text[max(0, len(text)-8000):])
}
