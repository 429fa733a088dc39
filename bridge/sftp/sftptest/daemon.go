//go:build unix

package sftptest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// Daemon is a real server in a process of its own.
type Daemon struct {
	Login
	argv []string // of the process, which stays in the foreground
	log  bytes.Buffer
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// lodging is where a server of OpenSSH's or another's lives before it is started: a folder with an empty root that it serves, a
// key of the host and one of the user, and a port of loopback.
type lodging struct {
	Login
	dir    string
	port   string
	public ssh.PublicKey // of the user's key
}

// lodge makes a lodging for a server whose only user is user.
func lodge(dir, user string) (*lodging, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	l := &lodging{dir: dir, port: port}
	l.Login = Login{Address: net.JoinHostPort("127.0.0.1", port), User: user, Root: l.in("root"), Folder: filepath.ToSlash(l.in("root")),
		KeyFile: l.in("id_ed25519"), KnownHostsFile: l.in("known_hosts")}
	if err := os.MkdirAll(l.Root, 0o755); err != nil {
		return nil, err
	}
	hostKey, err := writeKey(l.in("host_key"), "")
	if err != nil {
		return nil, err
	}
	if l.public, err = writeKey(l.KeyFile, ""); err != nil {
		return nil, err
	}
	return l, l.write(map[string]string{"known_hosts": KnownHost(l.Address, hostKey) + "\n"})
}

// in is the path of a file of the lodging.
func (l *lodging) in(name string) string { return filepath.Join(l.dir, name) }

func (l *lodging) write(files map[string]string) error {
	for name, text := range files {
		if err := os.WriteFile(l.in(name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// started starts a server that could be made for a test, whose end kills it.
func started[S interface {
	Start() error
	Stop()
}](tb TB, s S, err error) S {
	tb.Helper()
	if err == nil {
		err = s.Start()
	}
	if err != nil {
		tb.Fatalf("start a server: %v", err)
	}
	tb.Cleanup(s.Stop)
	return s
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
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

// Worked is the processor time of the server's sessions, once they have ended, as /proc tells; none where there is no /proc.
func (s *Daemon) Worked() time.Duration {
	for end := time.Now().Add(5 * time.Second); len(children(s.cmd.Process.Pid)) > 0 && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	// Behind the command's name in parentheses: cutime and cstime are fields 16 and 17 of proc(5), counted in hundredths of a second.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var ticks time.Duration
	for _, f := range fields[13:15] {
		n, _ := strconv.Atoi(f)
		ticks += time.Duration(n)
	}
	return ticks * 10 * time.Millisecond
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
