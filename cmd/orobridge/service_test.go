package main

import (
	"bytes"
	"context"
	"net"
	"os"
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
		if err := socket.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
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
