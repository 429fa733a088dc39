package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSystemdIsTold plays systemd: it hears that the bridge is ready, that it is alive, that it reads its config again, and that it stops.
func TestSystemdIsTold(t *testing.T) {
	dir := t.TempDir()
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	t.Setenv("NOTIFY_SOCKET", filepath.Join(dir, "notify"))
	t.Setenv("WATCHDOG_USEC", "600000")
	path := filepath.Join(dir, "orobridge.yaml")
	if err := os.WriteFile(path, []byte("state: { dir: var }\noro: { url: 'http://127.0.0.1:1', client_id: demo, client_secret: demo }\n"+
		"remotes: { disk: { kind: dir, path: . } }\n"+
		"feeds: [{ name: products, entity: products, remote: disk, match: '*.csv', format: { kind: csv } }]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var said bytes.Buffer
	done := make(chan int, 1)
	go func() { done <- run(ctx, []string{"-c", path, "run"}, strings.NewReader(""), &said, &said) }()
	hear := func(want string) {
		t.Helper()
		buf := make([]byte, 1000)
		if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		for {
			n, err := socket.Read(buf)
			if err != nil {
				t.Fatalf("waiting for %s: %v", want, err)
			}
			if strings.Contains(string(buf[:n]), want) {
				return
			}
		}
	}
	hear("READY=1")
	hear("WATCHDOG=1")
	hear("WATCHDOG=1")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	hear("RELOADING=1\nMONOTONIC_USEC=")
	hear("READY=1")
	for range 20 { // whenever they come, they end nothing
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	hear("RELOADING=1\nMONOTONIC_USEC=")
	hear("READY=1")
	stop()
	hear("STOPPING=1")
	if code := <-done; code != exitDone {
		t.Errorf("exit code %d\n%s", code, said.String())
	}
}

// TestAnAbortIsNoWrongConfig: systemd starts a bridge anew that the watchdog aborts, or that panics. The unit keeps it from that
// where the exit code is a wrong config's, with which a program of Go would end then.
func TestAnAbortIsNoWrongConfig(t *testing.T) {
	if os.Getenv("OROBRIDGE_TEST_ABORTS") != "" {
		_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
		_ = syscall.Kill(os.Getpid(), syscall.SIGABRT)
		select {}
	}
	unit, err := os.ReadFile("../../scripts/deploy/package/orobridge.service")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "OROBRIDGE_TEST_ABORTS=1")
	for line := range strings.Lines(string(unit)) {
		if variable, is := strings.CutPrefix(strings.TrimSpace(line), "Environment="); is {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	out, _ := cmd.CombinedOutput()
	if status, is := cmd.ProcessState.Sys().(syscall.WaitStatus); !is || !status.Signaled() || status.Signal() != syscall.SIGABRT {
		t.Errorf("it ends with %v:\n%.500s", cmd.ProcessState, out)
	}
}
