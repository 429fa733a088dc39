// Package crash ends the program at a step of its work, as kill -9 does, for tests of what that leaves behind.
package crash

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Step is to be called at each named step of a journey; nil: nobody wants to know. OROBRIDGE_CRASH=n:step in the environment
// makes the program kill itself at the n-th time that it comes to the step, with * at any step; OROBRIDGE_STEPS=file makes it write down
// the name of each step that it comes to.
func Step(env func(string) (string, bool)) func(string) {
	var hooks []func(string)
	if path, ok := env("OROBRIDGE_STEPS"); ok {
		if f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600); err == nil {
			hooks = append(hooks, newStepRecorder(f))
		}
	}
	if spec, ok := env("OROBRIDGE_CRASH"); ok {
		count, step, _ := strings.Cut(spec, ":")
		if n, err := strconv.Atoi(count); err == nil {
			hooks = append(hooks, newCrasher(step, n, killSelf))
		}
	}
	if len(hooks) == 0 {
		return nil
	}
	return func(name string) {
		for _, hook := range hooks {
			hook(name)
		}
	}
}

// killSelf ends the program as kill -9 does: at once, with nothing put in order.
func killSelf() {
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		p.Kill()
	}
	select {}
}

// newCrasher calls die when a step is reached for the n-th time. With step "*" every step counts.
func newCrasher(step string, n int, die func()) func(string) {
	var mu sync.Mutex
	return func(name string) {
		if step != "*" && name != step {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if n--; n == 0 {
			die()
		}
	}
}

// newStepRecorder writes a line for each step.
func newStepRecorder(w io.Writer) func(string) {
	var mu sync.Mutex
	return func(name string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(w, name)
	}
}
