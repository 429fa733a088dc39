package crashtest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

// A fault breaks something when the bridge comes to a step for the n-th time in a wave, and mends it once the bridge has
// noticed.
type fault struct {
	name   string
	step   string // "": before the bridge is started
	n      int
	inject func(w *world) (heal func()) // no heal: it passes by itself
	// inProcess wants the server of this process instead of OpenSSH's.
	inProcess bool
	prepare   func(w *world)
	resends   bool // requests to create are repeated, because the shop says that it did nothing
	always    bool // part of the short form
}

// once is for faults that pass by themselves.
func once(inject func(w *world)) func(*world) func() {
	return func(w *world) func() {
		inject(w)
		return nil
	}
}

func cut(d sftptest.Direction, bytes int64) func(*world) func() {
	return once(func(w *world) { w.proxy.CutAfter(d, bytes) })
}

// shop spoils requests of a method, so many of them or, with 0, all until the bridge has noticed.
func shop(method string, times int, e orotest.Effect) func(*world) func() {
	return func(w *world) func() {
		all := times
		if all == 0 {
			all = 1 << 30
		}
		in := w.shop.Inject(orotest.Fault{Method: method, Path: "/admin/api/", Times: all, Effect: e})
		if times > 0 {
			return nil
		}
		return in.Release
	}
}

const patch, get = http.MethodPatch, http.MethodGet

var faults = []fault{
	{name: "the network stalls while a file is fetched", step: "fetch", n: 2, always: true, inject: func(w *world) func() {
		w.proxy.Stall(true)
		return func() { w.proxy.Stall(false) }
	}},
	{name: "the network stalls during a listing", step: "list", n: 3, inject: func(w *world) func() {
		w.proxy.Stall(true)
		return func() { w.proxy.Stall(false) }
	}},
	{name: "the connection is cut in the middle of a file", step: "fetch", n: 1, always: true, inject: cut(sftptest.Down, 700)},
	{name: "the connection is cut at once", step: "fetch", n: 2, inject: cut(sftptest.Down, 0)},
	{name: "the answer to a claim is lost", step: "claim", n: 2, always: true, inject: cut(sftptest.Down, 0)},
	{name: "a claim is lost", step: "claim", n: 1, inject: cut(sftptest.Up, 0)},
	{name: "the answer to the last move is lost", step: "finish", n: 2, always: true, inject: cut(sftptest.Down, 0)},
	{name: "the last move is lost", step: "finish", n: 1, inject: cut(sftptest.Up, 0)},
	{name: "the connection is cut in the middle of a reject file", step: "write rejects", n: 1, always: true, inject: cut(sftptest.Up, 400)},
	{name: "the other end of the connection has lost its power", step: "fetch", n: 2, always: true, inject: once(func(w *world) { w.proxy.HalfOpen() })},
	{name: "no connection can be made", step: "finish", n: 1, inject: func(w *world) func() {
		w.proxy.Refuse(true)
		w.proxy.Cut()
		return func() { w.proxy.Refuse(false) }
	}},
	{name: "the link is slow", inject: once(func(w *world) { w.proxy.Bandwidth(60_000) })},
	{name: "a round trip takes 20 ms", inject: once(func(w *world) { w.proxy.Latency(20 * time.Millisecond) })},
	{name: "the server is started again in the middle", step: "fetch", n: 2, always: true, inject: func(w *world) func() {
		w.sshd.Stop()
		return func() {
			if err := w.sshd.Start(); err != nil {
				w.t.Error(err)
			}
		}
	}},
	{name: "the server's sessions are killed", step: "claim", n: 3, inject: once(func(w *world) { w.sshd.Kick() })},
	{name: "the server's disk is full", step: "write rejects", n: 1, inProcess: true, always: true, inject: func(w *world) func() {
		w.serve.SetSpace(10)
		return func() { w.serve.SetSpace(-1) }
	}},
	{name: "the permission to write is lost before a claim", step: "claim", n: 2, inProcess: true, inject: readOnly},
	{name: "the permission to write is lost before the last move", step: "finish", n: 1, inProcess: true, inject: readOnly},
	{name: "a folder lists fifty thousand other files", prepare: func(w *world) {
		for i := range 50_000 {
			if err := os.WriteFile(filepath.Join(w.root, "prices", fmt.Sprintf("note_%05d.txt", i)), nil, 0o644); err != nil {
				w.t.Fatal(err)
			}
		}
	}, inject: once(func(*world) {})},
	{name: "the local disk is full when a file is fetched", step: "fetch", n: 1, prepare: smallDisk, inject: fillDisk},
	{name: "the local disk is full when batches are settled", step: "submitted", n: 2, always: true, prepare: smallDisk, inject: fillDisk},

	{name: "the shop asks for patience", step: "submit", n: 2, always: true, inject: shop(patch, 3, orotest.TooManyRequests(7*time.Second))},
	{name: "the shop asks for a long patience", step: "submit", n: 1, inject: shop("", 0, orotest.TooManyRequests(time.Minute))},
	{name: "the shop stumbles over everything", step: "planned", n: 1, inject: shop("", 0, orotest.ServerError())},
	{name: "the shop stumbles after it took a batch", step: "submit", n: 2, always: true, inject: shop(patch, 3, orotest.After(orotest.ServerError()))},
	{name: "a proxy stands where the shop was", step: "submit", n: 3, always: true, inject: shop("", 0, orotest.BadGateway())},
	{name: "the shop does not answer a batch", step: "submit", n: 2, inject: shop(patch, 0, orotest.Hang())},
	{name: "the shop takes a batch and does not answer", step: "submit", n: 2, inject: shop(patch, 2, orotest.After(orotest.Hang()))},
	{name: "the shop does not answer questions", step: "await", n: 2, inject: shop(get, 0, orotest.Hang())},
	{name: "the connection to the shop is cut before a batch is taken", step: "submit", n: 1, inject: shop(patch, 3, orotest.CutBefore())},
	{name: "the connection to the shop is cut after a batch was taken", step: "submit", n: 2, always: true, inject: shop(patch, 3, orotest.CutAfter(20))},
	{name: "the shop's answers are cut", step: "await", n: 1, inject: shop(get, 9, orotest.CutAfter(120))},
	{name: "the token is revoked", step: "submit", n: 2, always: true, inject: once(func(w *world) { w.shop.RevokeTokens() })},
	{name: "the token is revoked while a batch is on its way", step: "submitted", n: 1, inject: once(func(w *world) { w.shop.RevokeTokens() })},
	{name: "the shop refuses the login for a while", step: "submit", n: 2, inject: func(w *world) func() {
		in := w.shop.Inject(orotest.Fault{Path: "/oauth2-token", Times: 1 << 30, Effect: orotest.Respond(http.StatusUnauthorized,
			"application/json", `{"error":"invalid_client","error_description":"Client authentication failed"}`)})
		w.shop.RevokeTokens()
		return in.Release
	}},
	{name: "the shop's queue stands still", step: "submitted", n: 1, always: true, inject: func(w *world) func() {
		w.shop.StallQueue()
		return w.shop.ResumeQueue
	}},
	{name: "the shop forgets operations", step: "submitted", n: 1, inject: once(func(w *world) {
		w.shop.DrainQueue()
		w.shop.PurgeOperations()
	})},
	{name: "operations fail as a whole", resends: true, step: "submit", n: 2, always: true, inject: once(func(w *world) { w.shop.FailOperations(4) })},
}

func readOnly(w *world) func() {
	w.serve.SetReadOnly(true)
	return func() { w.serve.SetReadOnly(false) }
}

// smallDisk gives the state folder a disk of its own.
func smallDisk(w *world) {
	dir := filepath.Join(w.dir, "var")
	if err := os.Mkdir(dir, 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16m,mode=0700"); err != nil {
		w.t.Skipf("SKIPPED, run it as root: mount a small disk: %v", err)
	}
	w.t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			w.t.Error(err)
		}
	})
}

// fillDisk leaves no room on it.
func fillDisk(w *world) func() {
	ballast := filepath.Join(w.dir, "var", "ballast")
	f, err := os.Create(ballast)
	if err != nil {
		w.t.Error(err)
		return nil
	}
	defer f.Close()
	for piece := make([]byte, 64<<10); len(piece) > 0; {
		if _, err := f.Write(piece); err != nil {
			piece = piece[:len(piece)/2]
		}
	}
	return func() { os.Remove(ballast) }
}

// TestEachFaultEndsInTheUndisturbedState plays the whole load once for each fault, which hits it in both waves where its
// step comes in both.
func TestEachFaultEndsInTheUndisturbedState(t *testing.T) {
	u := undisturbedEnd(t)
	for i, f := range faults {
		if !f.always && !soak() {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, f.inProcess, orotest.Version(orotest.Releases()[i%2]))
			if f.prepare != nil {
				f.prepare(w)
			}
			hit, files := false, 0
			for _, wave := range waves {
				w.drop(wave)
				files += len(wave)
				hit = w.run(files, f) || hit
			}
			if !hit {
				t.Error("the fault's step never came")
			}
			if !t.Failed() {
				got := w.end().inTheEnd()
				if f.resends {
					got.Created = nil
				}
				u.inTheEnd().same(t, got)
			}
			if t.Failed() {
				t.Logf("the log ends\n%s", w.tail())
			}
		})
	}
}

// suffer injects a fault when its step comes, waits until the bridge has noticed, and mends it. It says whether the step
// came.
func (w *world) suffer(ctx context.Context, f fault) bool {
	injected := make(chan func(), 1)
	w.mu.Lock()
	n := 0
	w.onStep = func(name string) {
		w.mu.Lock()
		if name == f.step {
			n++
		}
		now := name == f.step && n == f.n
		w.mu.Unlock()
		if now {
			w.calm()
			injected <- f.inject(w)
		}
	}
	w.mu.Unlock()
	if f.step == "" {
		injected <- f.inject(w)
	}
	select {
	case heal := <-injected:
		if heal == nil {
			return true
		}
		select {
		case <-w.trouble:
		case <-ctx.Done():
		}
		heal()
		return true
	case <-ctx.Done():
		return false
	}
}

// calm forgets troubles of earlier times.
func (w *world) calm() {
	select {
	case <-w.trouble:
	default:
	}
}
