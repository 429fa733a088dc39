package web

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Profiles are asked at a socket that only its owner may open, and that goes with who has opened it.
func TestProfilesAreTheOwners(t *testing.T) {
	dir, err := os.MkdirTemp("", "p") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "pprof.sock")
	quiet := slog.New(slog.DiscardHandler)
	p, err := ListenProfiles(path, quiet)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("it is %v, %v", info.Mode(), err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Serve(ctx) }()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	resp, err := (&http.Client{Transport: transport}).Get("http://bridge/debug/pprof/goroutine?debug=1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	if resp.Body.Close(); err != nil || !strings.Contains(string(text), "goroutine profile") {
		t.Errorf("%v %s", err, text)
	}
	transport.CloseIdleConnections()
	if _, err := ListenProfiles(path, quiet); err == nil {
		t.Error("a second one has taken it away")
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	// Its process is gone, and has left it behind.
	if p, err = ListenProfiles(path, quiet); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenProfiles(path, quiet); err == nil {
		t.Error("a file has made way")
	}
	if _, err := ListenProfiles(filepath.Join(dir, strings.Repeat("x", 200)), quiet); err == nil {
		t.Error("a path that is too long is taken")
	}
}
