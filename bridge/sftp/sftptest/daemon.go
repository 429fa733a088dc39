//go:build unix

package sftptest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Daemon is a real server in a process of its own.
type Daemon struct {
	Login
	argv []string // of the process, which stays in the foreground
	log  bytes.Buffer
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// Start starts the server and waits until it answers.
func (s *Daemon) Start() error {
	s.log.Reset()
	s.cmd = exec.Command(s.argv[0], s.argv[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	go func() {
		_ = s.cmd.Wait()
		close(s.done)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		if answers(ctx, s.Address) {
			return nil
		}
		select {
		case <-s.done:
			return fmt.Errorf("%s ended: %s", s.argv[0], s.log.String())
		case <-ctx.Done():
			s.Stop()
			return fmt.Errorf("%s does not answer at %s: %s", s.argv[0], s.Address, s.log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// answers says whether an SSH server greets at the address.
func answers(ctx context.Context, address string) bool {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	greeting := make([]byte, 4)
	_, err = conn.Read(greeting)
	return err == nil && string(greeting) == "SSH-"
}

// Stop kills the server with all its sessions and waits until it has ended. Start starts it again at the same address
// with the same key.
func (s *Daemon) Stop() {
	select {
	case <-s.done:
		return
	default:
	}
	// Sessions leave the group of the daemon: find them before it is gone.
	for _, pid := range children(s.cmd.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	<-s.done
}

// Kick kills the sessions, not the server.
func (s *Daemon) Kick() {
	for _, pid := range children(s.cmd.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// children are the processes below pid, as /proc tells; none where there is no /proc.
func children(pid int) []int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var all []int
	for _, f := range strings.Fields(string(text)) {
		var child int
		if _, err := fmt.Sscan(f, &child); err == nil {
			all = append(append(all, child), children(child)...)
		}
	}
	return all
}
