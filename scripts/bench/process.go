package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// A process is the program at work, started by a small process of its own: Linux counts what the parent used when it started a child
// among the most that the child has used, and this one makes ledgers and files. Its standard input stays open until it is to end.
type process struct {
	*exec.Cmd
	began time.Time
	end   io.Closer
	cost  bytes.Buffer
}

// took is what a process has cost.
type took struct {
	wall, cpu time.Duration
	peak      float64 // MB
}

// told is how the process between tells it.
type told struct {
	CPU  time.Duration
	Peak float64 // MB
	Exit int
}

// start begins the program in a folder. What it prints goes to out.
func (b *bench) start(dir string, out io.Writer, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{Cmd: exec.Command(self, append([]string{"-start", b.program()}, args...)...)}
	p.Dir, p.Stderr, p.Stdout, p.began = dir, out, &p.cost, time.Now()
	if p.end, err = p.StdinPipe(); err != nil {
		return nil, err
	}
	return p, p.Start()
}

// stop asks the program to end.
func (p *process) stop() error { return p.end.Close() }

// ended waits for the program. Exit code 3 is none of its business.
func (p *process) ended() (took, error) {
	err := p.Wait()
	t := took{wall: time.Since(p.began)}
	var all told
	if err = errors.Join(err, json.Unmarshal(p.cost.Bytes(), &all)); err != nil {
		return t, err
	}
	if all.Exit != 0 && all.Exit != 3 {
		return t, fmt.Errorf("it ended with exit code %d", all.Exit)
	}
	t.cpu, t.peak = all.CPU, all.Peak
	return t, nil
}

// orobridge runs the program in a folder to its end.
func (b *bench) orobridge(dir string, args ...string) (t took, err error) {
	var out bytes.Buffer
	p, err := b.start(dir, &out, args...)
	if err == nil {
		t, err = p.ended()
	}
	if err != nil {
		text := out.Bytes()
		return took{}, fmt.Errorf("orobridge %s: %w: %s", strings.Join(args, " "), err, text[max(0, len(text)-2000):])
	}
	return t, nil
}

// between is the process between: it starts a program, ends it when its standard input ends, and tells what it has cost.
func between(program string, args []string) error {
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = cmd.Process.Signal(syscall.SIGTERM) // one that has ended hears nothing
	}()
	if err := ended(cmd.Wait()); err != nil {
		return err
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return errors.New("the operating system does not tell what a process has cost")
	}
	s := cmd.ProcessState
	return json.NewEncoder(os.Stdout).Encode(told{s.UserTime() + s.SystemTime(), float64(usage.Maxrss) / 1024, s.ExitCode()})
}
