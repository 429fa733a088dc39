package crashtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

var patient = limits{request: 10 * time.Second, settle: time.Minute, server: 10 * time.Second, every: 100 * time.Millisecond}

// A kill says when a bridge dies: at the n-th time that it comes to a step, or after some time.
type kill struct {
	step   string
	n      int
	after  time.Duration
	daemon bool // `run` instead of `run --once`
}

func (k kill) String() string {
	verb := map[bool]string{false: "run --once", true: "run"}[k.daemon]
	if k.step == "" {
		return fmt.Sprintf("%s, after %s", verb, k.after)
	}
	return fmt.Sprintf("%s, at %q number %d", verb, k.step, k.n)
}

// run starts a bridge and waits for its end. It says whether the bridge was killed; one that ended by itself must have
// ended well.
func (s *site) run(k kill, env ...string) (killed bool) {
	s.t.Helper()
	args := []string{"run"}
	if !k.daemon {
		args = append(args, "--once")
	}
	ctx, cancel := context.WithTimeout(context.Background(), k.after)
	defer cancel()
	cmd := s.command(args...)
	var log bytes.Buffer
	cmd.Stderr = &log
	cmd.Env = append(cmd.Env, env...)
	if k.step != "" {
		cmd.Env = append(cmd.Env, fmt.Sprintf("OROBRIDGE_CRASH=%d:%s", k.n, k.step))
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	began := time.Now()
	err := cmd.Wait()
	stop()
	if os.Getenv("TIMES") != "" {
		s.t.Logf("%s: %s %v", k, time.Since(began), err)
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return false
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled():
		return true
	case errors.As(err, &exit) && exit.ExitCode() == 3:
		return false
	}
	s.t.Fatalf("%s: %v\n%s", k, err, &log)
	return false
}

const forever = 3 * time.Minute

// undisturbed is a load that nothing happens to: what it leaves behind, and for each wave its steps and its time.
type undisturbed struct {
	*end
	steps [][]string
	took  []time.Duration
}

var reference *undisturbed

func undisturbedEnd(t testing.TB) *undisturbed {
	t.Helper()
	if reference != nil {
		return reference
	}
	binary(t) // not in the time that is taken
	s := newSite(t, sftptest.Sshd(t).Login, "", patient)
	u := s.undisturbed()
	u.end = s.end()
	s.told(bridge.DropSettled, 0)
	u.end.same(t, u.end)
	if t.Failed() {
		t.FailNow()
	}
	reference = u
	return u
}

// undisturbed drops each wave and lets the program come to its end: the steps that it takes, and the time.
func (s *site) undisturbed() *undisturbed {
	s.t.Helper()
	u := &undisturbed{}
	record := filepath.Join(s.t.TempDir(), "steps")
	for _, w := range waves {
		s.drop(w)
		began := time.Now()
		if s.run(kill{after: forever}, "OROBRIDGE_STEPS="+record) {
			s.t.Fatal("an undisturbed bridge did not end")
		}
		u.took = append(u.took, time.Since(began))
		text, err := os.ReadFile(record)
		if err == nil {
			err = os.Remove(record)
		}
		if err != nil {
			s.t.Fatal(err)
		}
		u.steps = append(u.steps, strings.Split(strings.TrimSpace(string(text)), "\n"))
	}
	return u
}

// The load is worth its name only if it comes to everything that can become of a row and of a drop.
func TestTheLoadHasAllKindsOfRows(t *testing.T) {
	u := undisturbedEnd(t)
	var sum bridge.Counts
	states := map[bridge.DropState]bool{}
	for name, f := range u.Drops {
		t.Logf("%s: %s %+v, then %+v, %q wait", name, f.State, f.Load, f.Later, f.Waiting)
		for _, r := range f.Rejects {
			t.Log("  ", r)
		}
		states[f.State] = true
		add(&sum, f.Load)
		add(&sum, f.Later)
		if !f.Moved {
			t.Errorf("%s was not put away", name)
		}
	}
	for what, n := range map[string]int64{"created": sum.Created, "updated": sum.Updated, "unchanged": sum.Unchanged, "removed": sum.Removed,
		"collapsed": sum.Collapsed, "rejected": sum.Rejected, "parked": sum.Parked, "withdrawn": sum.Withdrawn} {
		if n == 0 {
			t.Errorf("no row is %s", what)
		}
	}
	for _, want := range []bridge.DropState{bridge.Loaded, bridge.Partial, bridge.Rejected, bridge.Duplicate} {
		if !states[want] {
			t.Errorf("no drop is %s", want)
		}
	}
}

// TestKilledAnywhereTheEndIsTheSame kills the program with SIGKILL at every named step and at random moments and starts
// it again, until it is done. Each trial has a site of its own, and begins with a kill at one step.
func TestKilledAnywhereTheEndIsTheSame(t *testing.T) {
	u := undisturbedEnd(t)
	beside(t)
	chance := chance(t)
	steps := u.firstKills(chance)
	wanted, trials := 15, 3
	if soak() {
		wanted, trials = 200, len(steps)
	}
	sshd := sftptest.Sshd(t)
	kills := map[string]int{}
	total := 0
	for i := 0; i < trials || total < wanted; i++ {
		release := orotest.Releases()[i%2] // what both releases hold in the end is the same
		s := newSite(t, sshd.Login, fmt.Sprintf("trial%d", i), patient, orotest.Version(release))
		first := steps[i%len(steps)]
		var history []string
		for w, files := range waves {
			s.drop(files)
			for _, k := range u.kills(chance, w, first) {
				if s.run(k) {
					kills[k.step]++
					total++
					history = append(history, fmt.Sprintf("wave %d: %s", w+1, k))
				} else if k == first.kill {
					t.Errorf("wave %d: the bridge did not come to %s", w+1, k)
				}
			}
			for again := true; again; again = s.approve() > 0 {
				if s.run(kill{after: forever}) {
					t.Fatal("the bridge does not end")
				}
			}
		}
		u.same(t, s.end())
		s.told(bridge.DropSettled, len(history))
		s.figures(t)
		if t.Failed() {
			t.Fatalf("trial %d, a shop %s, killed at\n%s", i, release, strings.Join(history, "\n"))
		}
		s.close()
	}
	t.Logf("%d kills: %v", total, kills)
	for _, k := range steps {
		if soak() && kills[k.step] == 0 {
			t.Errorf("never killed at %q", k.step)
		}
	}
}

// firstKill is the kill that a trial begins with, in one of its waves.
type firstKill struct {
	kill
	wave int
}

// firstKills has one kill at each named step of each wave, at a random time that the bridge comes to it.
func (u *undisturbed) firstKills(chance *rand.Rand) []firstKill {
	var list []firstKill
	for w, steps := range u.steps {
		count := map[string]int{}
		for _, name := range steps {
			count[name]++
		}
		for name, n := range count {
			if name == "await" {
				n = (n + 1) / 2 // how often it asks is not the same in each run
			}
			list = append(list, firstKill{kill{step: name, n: 1 + chance.IntN(n), after: forever}, w})
		}
	}
	slices.SortFunc(list, func(x, y firstKill) int { return strings.Compare(x.String(), y.String()) })
	chance.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// kills of one wave: the first one, if it belongs here, then others at random steps and moments.
func (u *undisturbed) kills(chance *rand.Rand, wave int, first firstKill) (list []kill) {
	if first.wave == wave {
		list = append(list, first.kill)
	}
	for range 3 {
		k := kill{after: time.Duration(chance.Int64N(int64(u.took[wave]))), daemon: chance.IntN(3) == 0}
		switch chance.IntN(3) {
		case 0:
			k.step, k.n, k.after = "*", 1+chance.IntN(len(u.steps[wave])), 2*u.took[wave]
		case 1:
			k.step, k.n, k.after = u.steps[wave][chance.IntN(len(u.steps[wave]))], 1+chance.IntN(3), 2*u.took[wave]
		}
		list = append(list, k)
	}
	return list
}

func (s *site) close() { s.shop.Close() }
