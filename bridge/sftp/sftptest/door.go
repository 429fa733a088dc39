package sftptest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftpd"
)

// Door starts a server that behaves: the bridge's own (package sftpd), in this process, whose only user may do everything.
// Login.Root is an empty folder in the test's temporary folder; the test's end stops the server.
func Door(tb TB) Login {
	tb.Helper()
	l, err := openDoor(tb)
	if err != nil {
		tb.Fatalf("door: %v", err)
	}
	return l
}

func openDoor(tb TB) (Login, error) {
	dir := tb.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	l := Login{User: "erp", KeyFile: file("id_erp"), KnownHostsFile: file("known_hosts"), Root: file("root"), Folder: "/"}
	public, err := writeKey(l.KeyFile, "")
	if err != nil {
		return l, err
	}
	host, err := writeKey(file("host_key"), "")
	if err != nil {
		return l, err
	}
	if err := os.WriteFile(file("id_erp.pub"), ssh.MarshalAuthorizedKey(public), 0o600); err != nil {
		return l, err
	}
	all := []string{"/**"}
	door, err := sftpd.New(&sftpd.Options{Listen: net.JoinHostPort("127.0.0.1", "0"), Path: l.Root, HostKeys: []string{file("host_key")},
		Users: []sftpd.User{{Name: l.User, KeysFile: file("id_erp.pub"), Folder: "/", Write: all, Read: all, Delete: all}}},
		bridge.RemoteSetup{Name: "door", State: file("state")})
	if err != nil {
		return l, err
	}
	ctx, stop := context.WithCancel(context.Background())
	if err := door.Listen(ctx); err != nil {
		stop()
		return l, err
	}
	served := make(chan error, 1)
	go func() { served <- door.Serve(ctx) }()
	tb.Cleanup(func() {
		stop()
		_ = door.Close() // what a session did that was cut off is the test's business
		<-served
	})
	l.Address = door.Address()
	if err := os.WriteFile(l.KnownHostsFile, []byte(KnownHost(l.Address, host)+"\n"), 0o600); err != nil {
		return l, fmt.Errorf("pin the host key: %w", err)
	}
	return l, nil
}
