//go:build unix

package sftptest_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/pkg/sftp"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestClientsStayInTheRoot(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	check(t, os.Mkdir(root, 0o755))
	check(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("x"), 0o644))
	check(t, os.Symlink("../secret", filepath.Join(root, "link")))
	check(t, os.Symlink("..", filepath.Join(root, "up")))
	s, err := sftptest.Serve(sftptest.Options{Root: root, Users: map[string]sftptest.User{"erp": {Password: "geheim"}}})
	check(t, err)
	defer s.Close()
	conn, err := ssh.Dial("tcp", s.Address, &ssh.ClientConfig{User: "erp", Auth: []ssh.AuthMethod{ssh.Password("geheim")},
		HostKeyCallback: ssh.FixedHostKey(s.HostKey().PublicKey())})
	check(t, err)
	defer conn.Close()
	client, err := sftp.NewClient(conn)
	check(t, err)
	defer client.Close()

	for _, p := range []string{"../secret", "/../secret", "link", "up/secret", "/up/../../secret", filepath.Join(dir, "secret")} {
		if _, err := client.Open(p); err == nil {
			t.Errorf("open %s", p)
		}
		if _, err := client.Stat(p); err == nil {
			t.Errorf("stat %s", p)
		}
		if err := client.Truncate(p, 0); err == nil {
			t.Errorf("truncate %s", p)
		}
		if err := client.Chmod(p, 0); err == nil {
			t.Errorf("chmod %s", p)
		}
	}
	if _, err := client.ReadDir("up"); err == nil {
		t.Error("list up")
	}
	if _, err := client.Create("up/new"); err == nil {
		t.Error("create up/new")
	}
	if err := client.Rename("link", "up/link"); err == nil {
		t.Error("rename to up/link")
	}
	if b, err := os.ReadFile(filepath.Join(dir, "secret")); err != nil || string(b) != "x" {
		t.Errorf("secret: %q, %v", b, err)
	}
	if _, err := ssh.Dial("tcp", s.Address, &ssh.ClientConfig{User: "nobody", Auth: []ssh.AuthMethod{ssh.Password("")},
		HostKeyCallback: ssh.FixedHostKey(s.HostKey().PublicKey())}); err == nil {
		t.Error("a stranger is in")
	}
}

// echo answers each line with itself.
func echo(t *testing.T) string {
	t.Helper()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = listen.Close() })
	go func() {
		for {
			conn, err := listen.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); _ = conn.Close() }()
		}
	}()
	return listen.Addr().String()
}

func TestProxy(t *testing.T) {
	p, err := sftptest.NewProxy(echo(t))
	check(t, err)
	defer p.Close()
	dial := func() (net.Conn, *bufio.Reader) {
		conn, err := net.Dial("tcp", p.Address)
		check(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn, bufio.NewReader(conn)
	}
	hear := func(conn net.Conn, r *bufio.Reader, within time.Duration) string {
		_ = conn.SetReadDeadline(time.Now().Add(within))
		line, _ := r.ReadString('\n')
		return line
	}
	say := func(conn net.Conn, r *bufio.Reader) (string, time.Duration) {
		start := time.Now()
		_, _ = conn.Write([]byte("hello\n"))
		return hear(conn, r, time.Minute), time.Since(start)
	}
	silent := func(conn net.Conn, r *bufio.Reader) string {
		_, _ = conn.Write([]byte("hello\n"))
		return hear(conn, r, 300*time.Millisecond)
	}
	conn, r := dial()
	if line, _ := say(conn, r); line != "hello\n" {
		t.Fatalf("echo %q", line)
	}
	p.Latency(60 * time.Millisecond)
	if line, took := say(conn, r); line != "hello\n" || took < 60*time.Millisecond {
		t.Errorf("latency: %q after %v", line, took)
	}
	p.Latency(0)
	p.Stall(true)
	if line := silent(conn, r); line != "" {
		t.Errorf("stalled: %q", line)
	}
	p.Stall(false)
	if line := hear(conn, r, time.Minute); line != "hello\n" {
		t.Errorf("after the stall: %q", line)
	}
	p.CutAfter(sftptest.Down, 3)
	_, _ = conn.Write([]byte("hello\n"))
	if rest, _ := io.ReadAll(r); string(rest) != "hel" {
		t.Errorf("cut after 3: %q", rest)
	}
	conn, r = dial()
	if line, _ := say(conn, r); line != "hello\n" {
		t.Errorf("after the cut: %q", line)
	}
	p.HalfOpen()
	if line := silent(conn, r); line != "" {
		t.Errorf("half-open: %q", line)
	}
	conn, r = dial()
	if line, _ := say(conn, r); line != "hello\n" {
		t.Errorf("beside the half-open one: %q", line)
	}
	p.Refuse(true)
	conn, _ = dial()
	_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("refused: %v", err)
	}
}

// scripts/sshd, as the README has it.
func TestScript(t *testing.T) {
	dir := t.TempDir()
	port, err := sftptest.FreePort()
	check(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "../../../scripts/sshd", dir, port)
	log, err := cmd.StderrPipe()
	check(t, err)
	check(t, cmd.Start())
	defer func() { cancel(); _ = cmd.Wait() }()
	lines := bufio.NewScanner(log)
	for lines.Scan() && !strings.Contains(lines.Text(), "Server listening") {
	}
	erp := exec.CommandContext(ctx, filepath.Join(dir, "erp"))
	erp.Stdin = strings.NewReader("ls -1\n")
	list, err := erp.CombinedOutput()
	if err != nil || !strings.Contains(string(list), "in") || !strings.Contains(string(list), "out") {
		t.Errorf("listing %q: %v", list, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "orobridge.yaml")); err != nil {
		t.Error(err)
	}
}
