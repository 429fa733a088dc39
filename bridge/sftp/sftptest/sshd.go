//go:build unix

package sftptest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// TB is the part of testing.TB that this package needs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	TempDir() string
	Cleanup(func())
}

// SSHD is OpenSSH's server.
type SSHD struct{ Daemon }

// Sshd starts OpenSSH's sshd on loopback for a test, as the user who runs it: generated keys, internal-sftp, no chroot.
// Login.Root is an empty folder in the test's temporary folder; the test's end kills the server. A machine without sshd
// fails the test.
func Sshd(tb TB) *SSHD {
	tb.Helper()
	s, err := NewSSHD(tb.TempDir())
	return started(tb, s, err)
}

// NewSSHD writes keys and config of a server into dir; Start starts it.
func NewSSHD(dir string) (*SSHD, error) {
	binary, err := findSSHD()
	if err != nil {
		return nil, err
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 { // sshd as root wants its folder for privilege separation
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	l, err := lodge(dir, me.Username)
	if err != nil {
		return nil, err
	}
	return &SSHD{Daemon{Login: l.Login, argv: []string{binary, "-D", "-e", "-f", l.in("sshd_config")}}}, l.write(map[string]string{
		"authorized_keys": string(ssh.MarshalAuthorizedKey(l.public)),
		"sshd_config":     sshdConfig(dir, l.port),
	})
}

func sshdConfig(dir, port string) string {
	return strings.Join([]string{
		"ListenAddress 127.0.0.1",
		"Port " + port,
		"HostKey " + filepath.Join(dir, "host_key"),
		"PidFile none",
		"AuthorizedKeysFile " + filepath.Join(dir, "authorized_keys"),
		"StrictModes no",
		"UsePAM no",
		"PermitRootLogin yes",
		"PasswordAuthentication no",
		"KbdInteractiveAuthentication no",
		"MaxStartups 100",
		"MaxSessions 100",
		"UseDNS no",
		"PrintMotd no",
		"Subsystem sftp internal-sftp",
		"ForceCommand internal-sftp",
		"",
	}, "\n")
}

// findSSHD finds the binary by its full path, without which sshd refuses to start.
func findSSHD() (string, error) {
	if p, err := exec.LookPath("sshd"); err == nil {
		return filepath.Abs(p)
	}
	for _, p := range []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"} {
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
	}
	return "", errors.New("OpenSSH's server is not installed: " +
		"sudo apt-get install openssh-server (Debian, Ubuntu), sudo dnf install openssh-server (Fedora)")
}

// FreePort is a port of loopback that nobody has, for a server of another process. It is below those that connections to elsewhere are
// given: one of these could take it meanwhile.
func FreePort() (string, error) {
	const first, ports, tries = 20_000, 12_000, 50
	for n := 1; ; n++ {
		port := strconv.Itoa(first + rand.IntN(ports))
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			return port, l.Close()
		}
		if n == tries {
			return "", err
		}
	}
}

// Batch runs commands in the real sftp client (sftp -b -) as the login's user and returns what it printed. It fails the
// test when a command fails; a command that begins with "-" may fail. Paths on the server are below Login.Folder.
func Batch(tb TB, l Login, commands ...string) string {
	tb.Helper()
	out, err := TryBatch(context.Background(), l, commands...)
	if err != nil {
		tb.Fatalf("sftp: %v\n%s", err, out)
	}
	return out
}

// TryBatch is Batch for callers that are no test.
func TryBatch(ctx context.Context, l Login, commands ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cmd, err := Client(ctx, l)
	if err != nil {
		return "", err
	}
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Client is OpenSSH's sftp client, logged in. It plays the commands that come by its standard input, as they come, and ends at
// the first that fails.
func Client(ctx context.Context, l Login) (*exec.Cmd, error) {
	binary, err := exec.LookPath("sftp")
	if err != nil {
		return nil, errors.New("OpenSSH's sftp client is not installed: sudo apt-get install openssh-client")
	}
	host, port, err := net.SplitHostPort(l.Address)
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, binary, "-q", "-b", "-", "-F", "none", "-P", port, "-i", l.KeyFile,
		"-o", "UserKnownHostsFile="+l.KnownHostsFile, "-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes",
		"-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "PreferredAuthentications=publickey", l.User+"@"+host+":"+l.Folder), nil
}
