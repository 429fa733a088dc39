//go:build unix && sftpgo

package sftptest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// SFTPGo starts SFTPGo on loopback for a test, as the user who runs it: a third server with SFTP code of its own, which
// partners rent as a service. It is no package of a distribution, so only `go test -tags sftpgo` knows it, and finds the
// program in PATH with its templates beside it. The test's end kills the server.
func SFTPGo(tb TB) *Daemon {
	tb.Helper()
	d, err := newSFTPGo(tb.TempDir())
	if err != nil {
		tb.Fatalf("sftpgo: %v", err)
	}
	tb.Cleanup(d.Stop)
	return d
}

func newSFTPGo(dir string) (*Daemon, error) {
	binary, err := exec.LookPath("sftpgo")
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	d := &Daemon{Login: Login{Address: net.JoinHostPort("127.0.0.1", port), User: "erp", Root: in("root"), Folder: "/",
		KeyFile: in("id"), KnownHostsFile: in("known_hosts")}}
	if err := os.MkdirAll(d.Root, 0o755); err != nil {
		return nil, err
	}
	for _, part := range []string{"templates", "static"} {
		if err := os.Symlink(filepath.Join(filepath.Dir(binary), part), in(part)); err != nil {
			return nil, err
		}
	}
	public, err := writeKey(d.KeyFile, "")
	if err != nil {
		return nil, err
	}
	key := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public)))
	d.argv = []string{"env", "-C", dir, "SFTPGO_SFTPD__BINDINGS__0__ADDRESS=127.0.0.1", binary, "portable", "-c", dir, "-d", d.Root,
		"-u", d.User, "-k", key, "-s", port, "-g", "*", "-l", in("log")}
	if err := d.Start(); err != nil {
		return nil, err
	}
	return d, d.knowSFTPGo(dir)
}

// knowSFTPGo pins the host keys that the server has made at its start.
func (s *Daemon) knowSFTPGo(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "id_*.pub"))
	if err != nil || len(files) == 0 {
		s.Stop()
		return fmt.Errorf("it made no host keys (%v): %s", err, s.log.String())
	}
	var lines []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey(text)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		lines = append(lines, KnownHost(s.Address, key))
	}
	return os.WriteFile(s.KnownHostsFile, []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}
