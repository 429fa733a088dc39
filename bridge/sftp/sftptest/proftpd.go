//go:build unix

package sftptest

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
)

// ProFTPD starts ProFTPD's mod_sftp on loopback for a test, as the user who runs it. It has code of its own for SSH and SFTP:
// neither OpenSSH's nor Go's. The test's end kills the server. A machine without it fails the test.
func ProFTPD(tb TB) *Daemon {
	tb.Helper()
	d, err := newProFTPD(tb.TempDir())
	return started(tb, d, err)
}

func newProFTPD(dir string) (*Daemon, error) {
	binary, err := findProFTPD()
	if err != nil {
		return nil, err
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		return nil, err
	}
	l, err := lodge(dir, "erp")
	if err != nil {
		return nil, err
	}
	return &Daemon{Login: l.Login, argv: []string{binary, "-n", "-q", "-c", l.in("proftpd.conf")}}, l.write(map[string]string{
		"authorized_keys": "---- BEGIN SSH2 PUBLIC KEY ----\n" + base64.StdEncoding.EncodeToString(l.public.Marshal()) + "\n" +
			"---- END SSH2 PUBLIC KEY ----\n", // RFC 4716
		"users":        fmt.Sprintf("erp:*:%d:%d::%s:/bin/false\n", os.Getuid(), os.Getgid(), l.Root),
		"proftpd.conf": proftpdConfig(dir, l.port, me, group),
	})
}

func proftpdConfig(dir, port string, me *user.User, group *user.Group) string {
	lines := []string{
		"ServerType standalone",
		"DefaultAddress 127.0.0.1",
		"Port " + port,
		"UseIPv6 off",
		"UseReverseDNS off",
		"PidFile " + filepath.Join(dir, "pid"),
		"ScoreboardFile " + filepath.Join(dir, "score"),
		"DelayEngine off",
		"WtmpLog off",
		"TransferLog none",
		"SystemLog none",
		"MaxInstances none",
		"ControlsEngine off",
		"ControlsSocket " + filepath.Join(dir, "controls"),
		"AuthOrder mod_auth_file.c",
		"AuthUserFile " + filepath.Join(dir, "users"),
		"RequireValidShell off",
		"LoadModule mod_sftp.c",
		"SFTPEngine on",
		"SFTPLog " + filepath.Join(dir, "sftp.log"),
		"SFTPHostKey " + filepath.Join(dir, "host_key"),
		"SFTPAuthorizedUserKeys file:" + filepath.Join(dir, "authorized_keys"),
		"SFTPAuthMethods publickey",
		"AllowOverwrite on",
		"User " + me.Username,
		"Group " + group.Name,
		"RootLogin on", // where root runs the tests
	}
	return strings.Join(append(lines, ""), "\n")
}

func findProFTPD() (string, error) {
	if p, err := exec.LookPath("proftpd"); err == nil {
		return filepath.Abs(p)
	}
	if _, err := os.Stat("/usr/sbin/proftpd"); err == nil {
		return "/usr/sbin/proftpd", nil
	}
	return "", errors.New("ProFTPD is not installed: sudo apt-get install proftpd-core proftpd-mod-crypto (Debian, Ubuntu)")
}
