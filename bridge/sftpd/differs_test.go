package sftpd_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

// TestWhereItDiffersFromOpenSSH is the list of what a partner finds to be different here, all of it on purpose. What is in
// no list is the same: TestRealClients and TestItAnswersAsOpenSSH.
func TestWhereItDiffersFromOpenSSH(t *testing.T) {
	ours, theirs := both(t)
	differs(t, ours, theirs, true, []request{
		{"a symbolic link", "links are not made", func(p *partner) error { return p.Symlink(p.at("f"), p.at("soft")) }},
		{"a hard link", "links are not made", func(p *partner) error { return p.Link(p.at("f"), p.at("hard")) }},
		{"a name with a line break", "the bridge could not name it", func(p *partner) error { return p.write(p.at("two\nlines"), "") }},
		{"a name with a backslash", "the bridge could not name it", func(p *partner) error { return p.write(p.at(`a\b`), "") }},
		{"a name that is no UTF-8", "the bridge could not name it", func(p *partner) error { return p.write(p.at("\xff"), "") }},
		{"to read through a link", "links are not followed", func(p *partner) error { return read(p, p.at("link")) }},
		{"fsync", "nobody asks for it but other bridges", func(p *partner) error {
			f, err := p.OpenFile(p.at("synced"), os.O_WRONLY|os.O_CREATE)
			if err != nil {
				return err
			}
			return errors.Join(f.Sync(), f.Close())
		}},
		{"stat by a handle whose file was renamed", "pkg/sftp goes by the name", func(p *partner) error {
			f, err := p.Create(p.at("open"))
			if err != nil {
				return err
			}
			_ = p.Rename(p.at("open"), p.at("other"))
			_, err = f.Stat()
			return errors.Join(err, f.Close())
		}},
	})
}

// TestItAnswersAsOpenSSH asks both servers for what goes wrong, and wants the same code of the protocol.
func TestItAnswersAsOpenSSH(t *testing.T) {
	ours, theirs := both(t)
	differs(t, ours, theirs, false, []request{
		{"open what is not there", "", func(p *partner) error { return read(p, p.at("none")) }},
		{"open a folder", "", func(p *partner) error { return p.write(p.at("sub"), "") }},
		{"write below what is not there", "", func(p *partner) error { return p.write(p.at("none/f"), "") }},
		{"write below a file", "", func(p *partner) error { return p.write(p.at("f/below"), "") }},
		{"make what is there", "", func(p *partner) error { return p.Mkdir(p.at("sub")) }},
		{"make below what is not there", "", func(p *partner) error { return p.Mkdir(p.at("none/sub")) }},
		{"remove what is not there", "", func(p *partner) error { return p.Remove(p.at("none")) }},
		{"remove a folder with files", "", func(p *partner) error { return p.RemoveDirectory(p.at("sub")) }},
		{"rename what is not there", "", func(p *partner) error { return p.Rename(p.at("none"), p.at("x")) }},
		{"rename onto a file", "", func(p *partner) error { return p.Rename(p.at("f"), p.at("sub/in")) }},
		{"rename onto a folder", "", func(p *partner) error { return p.Rename(p.at("f"), p.at("sub")) }},
		{"rename into what is not there", "", func(p *partner) error { return p.Rename(p.at("f"), p.at("none/f")) }},
		{"posix-rename onto a folder", "", func(p *partner) error { return p.PosixRename(p.at("f"), p.at("sub")) }},
		{"posix-rename onto a file", "", func(p *partner) error { return p.PosixRename(p.at("g"), p.at("f")) }},
		{"list what is not there", "", func(p *partner) error { _, err := p.ReadDir(p.at("none")); return err }},
		{"list a file", "", func(p *partner) error { _, err := p.ReadDir(p.at("f")); return err }},
		{"stat what is not there", "", func(p *partner) error { _, err := p.Stat(p.at("none")); return err }},
		{"create what is there", "", func(p *partner) error { _, err := p.OpenFile(p.at("f"), os.O_WRONLY|os.O_CREATE|os.O_EXCL); return err }},
		{"cut short what is not there", "", func(p *partner) error { return p.Truncate(p.at("none"), 1) }},
		{"too long a name", "", func(p *partner) error { return p.write(p.at(strings.Repeat("n", 256)), "") }},
		{"statvfs", "", func(p *partner) error { _, err := p.StatVFS(p.at(".")); return err }},
	})
}

type request struct {
	what, why string
	do        func(p *partner) error
}

// differs asks both, and says where their answers are the same, or differ, against expectation.
func differs(t *testing.T, ours, theirs *partner, want bool, requests []request) {
	t.Helper()
	for _, r := range requests {
		a, b := code(r.do(ours)), code(r.do(theirs))
		if (a != b) != want {
			t.Errorf("%s: %s here, %s there (%s)", r.what, a, b, r.why)
		}
	}
}

// code is what an error is to the protocol.
func code(err error) string {
	var status *sftp.StatusError
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &status):
		return fmt.Sprint("status ", status.Code)
	case errors.Is(err, os.ErrNotExist):
		return "status 2"
	case errors.Is(err, os.ErrPermission):
		return "status 3"
	}
	return err.Error()
}

func read(p *partner, name string) error {
	f, err := p.Open(name)
	if err != nil {
		return err
	}
	return f.Close()
}

// both logs in to this server and to OpenSSH's, each with the same few files.
func both(t *testing.T) (ours, theirs *partner) {
	t.Helper()
	d, sshd := serve(t), sftptest.Sshd(t)
	ours = d.partner("erp")
	text, err := os.ReadFile(sshd.KeyFile)
	check(t, err)
	signer, err := ssh.ParsePrivateKey(text)
	check(t, err)
	c, err := ssh.Dial("tcp", sshd.Address, &ssh.ClientConfig{User: sshd.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	check(t, err)
	t.Cleanup(func() { _ = c.Close() })
	client, err := sftp.NewClient(c)
	check(t, err)
	theirs = &partner{client, c, t, sshd.Folder + "/"}
	for _, root := range []string{d.root + "/erp", sshd.Root} {
		check(t, errors.Join(os.Mkdir(root+"/sub", 0o755), os.WriteFile(root+"/f", []byte("f"), 0o644), os.WriteFile(root+"/g",
			[]byte("g"), 0o644),
			os.WriteFile(root+"/sub/in", nil, 0o644), os.Symlink("f", root+"/link")))
	}
	return ours, theirs
}
