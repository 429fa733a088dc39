package sftp

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

// FuzzKnownHosts: whatever stands in known_hosts, an error has words, and a host key that the file does not hold is refused.
func FuzzKnownHosts(f *testing.F) {
	f.Add("[127.0.0.1]:2222 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJYbmJEyYtSBTRL1gQBWnKnyMHQJrA6GxgNsjbWMfQcv\n")
	f.Add("@cert-authority *.example.com ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQ==\n@revoked * ssh-dss AAAA\n")
	f.Add("|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= ssh-ed25519 AAAA # comment\n")
	f.Fuzz(func(t *testing.T, text string) {
		r := &Remote{name: "sap", address: "127.0.0.1:2222", knownHosts: filepath.Join(t.TempDir(), "known_hosts")}
		r.algorithms.HostKeys = []string{ssh.KeyAlgoED25519, ssh.KeyAlgoRSASHA512}
		if err := os.WriteFile(r.knownHosts, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := r.readPins()
		if (p == nil) == (err == nil) || err == nil && len(p.algorithms) == 0 {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

// answering is a server that grants whatever it is asked, and answers a look at a folder or a file with packets of somebody else's.
type answering struct {
	names, attrs []byte // what follows the number of the request
	kind         byte   // of the packet in the place of the names
}

// serve answers packets (draft-ietf-secsh-filexfer-02) until the client has gone.
func (a answering) serve(in io.Reader, out io.WriteCloser) {
	defer out.Close()
	listed := false
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		rest := make([]byte, binary.BigEndian.Uint32(head)-1)
		if _, err := io.ReadFull(in, rest); err != nil {
			return
		}
		q := sftptest.Request{Type: head[4]}
		if len(rest) >= 4 {
			q.ID = binary.BigEndian.Uint32(rest)
		}
		answer := q.Status(0)
		switch {
		case q.Type == 1: // the first one has a version in the number's place
			answer = []byte{0, 0, 0, 5, 2, 0, 0, 0, 3}
		case q.Type == sftptest.OpenDir:
			answer = q.Answer(sftptest.Handle, sftptest.Text("h"))
		case q.Type == sftptest.ReadDir && listed:
			answer = q.Status(1)
		case q.Type == sftptest.ReadDir:
			listed = true
			answer = q.Answer(a.kind, a.names)
		case q.Type == sftptest.Lstat:
			answer = q.Answer(sftptest.Attrs, a.attrs)
		}
		if _, err := out.Write(answer); err != nil {
			return
		}
	}
}

// FuzzListing: whatever a server says of a folder and of a file in it, a listing is in order, within its bounds and of names that stand
// once each; and it is what pkg/sftp would make of the same answers, in however many pieces they come.
func FuzzListing(f *testing.F) {
	listed := func(entries ...sftptest.Entry) []byte { return sftptest.Request{}.Names(entries...)[9:] }
	file := sftptest.FileAttrs(5, 0o100644, 1_700_000_000)
	all := slices.Concat(sftptest.Number(0x8000000f), make([]byte, 28), sftptest.Number(1), sftptest.Text("a"), sftptest.Text("b"))
	f.Add(byte(sftptest.Name), listed(sftptest.Entry{Name: "b.csv", Attrs: file}, sftptest.Entry{Name: "a.csv", Attrs: sftptest.SizeOnly(7)}), file)
	f.Add(byte(sftptest.Name), listed(sftptest.Entry{Name: "../x", Attrs: sftptest.FileAttrs(math.MaxUint64, 0o120777, 0)}), sftptest.Number(1<<31))
	f.Add(byte(sftptest.Name), listed(sftptest.Entry{Name: "..", Attrs: all}, sftptest.Entry{Name: "out", Attrs: sftptest.FileAttrs(0, 0o040755, 1)}), all)
	f.Add(byte(sftptest.Name), append(sftptest.Number(math.MaxUint32), 0, 0, 0, 1, 'x'), file[:7])
	f.Add(byte(sftptest.Attrs), file, append(sftptest.Number(1<<31), sftptest.Number(math.MaxUint32)...))
	f.Fuzz(func(t *testing.T, kind byte, listed, attrs []byte) {
		server := answering{listed, attrs, kind}
		c := server.client(t, func(out io.Reader, c *conn) io.Reader { return &input{live: live{out, c}} })
		files, err := c.list("/out")
		for i, file := range files {
			if file.Size < 0 || i > 0 && files[i-1].Name >= file.Name {
				t.Errorf("%+v", file)
			}
		}
		if info, err := c.files.Lstat("/out/f"); err == nil && asFile(info).Size < 0 {
			t.Errorf("%+v", asFile(info))
		}
		c = server.client(t, func(out io.Reader, c *conn) io.Reader {
			return iotest.OneByteReader(&input{live: live{iotest.OneByteReader(out), c}})
		})
		pieces, piecesErr := c.list("/out")
		if diff := cmp.Diff(files, pieces); diff != "" || (err == nil) != (piecesErr == nil) {
			t.Errorf("in pieces: %v, %v\n%s", err, piecesErr, diff)
		}
		c = server.client(t, func(out io.Reader, _ *conn) io.Reader { return out })
		infos, plainErr := c.files.ReadDir("/out")
		var plain []bridge.File
		for _, info := range infos {
			plain = append(plain, asFile(info))
		}
		if plainErr != nil {
			plain = nil
		}
		if diff := cmp.Diff(files, inOrder(plain)); diff != "" || (err == nil) != (plainErr == nil) {
			t.Errorf("by pkg/sftp: %v, %v\n%s", err, plainErr, diff)
		}
	})
}

// client is one of this server, which gets what the server says in some way.
func (a answering) client(t *testing.T, way func(out io.Reader, c *conn) io.Reader) *conn {
	t.Helper()
	fromClient, in := io.Pipe()
	out, toClient := io.Pipe()
	c := &conn{dog: &watchdog{limit: time.Hour, bite: func() {}}, gone: make(chan struct{}), listingTime: time.Hour}
	c.tcp, _ = net.Pipe()
	c.work.Go(func() { a.serve(fromClient, toClient) })
	t.Cleanup(func() {
		_ = errors.Join(c.tcp.Close(), in.Close(), out.Close())
		c.work.Wait()
		if c.files != nil {
			_ = c.files.Close()
		}
	})
	var err error
	if c.files, err = sftp.NewClientPipe(way(out, c), in); err != nil {
		t.Fatal(err)
	}
	return c
}

// FuzzKey: whatever stands in the place of a key, with whatever passphrase, there is one or an error that says what to do.
func FuzzKey(f *testing.F) {
	f.Add("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n-----END OPENSSH PRIVATE KEY-----\n", "")
	f.Add("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n", "x")
	f.Add("PuTTY-User-Key-File-3: ssh-ed25519\n", "")
	f.Fuzz(func(t *testing.T, key, passphrase string) {
		s, err := parseKey("sap", &Options{PrivateKey: bridge.Secret(key), Passphrase: bridge.Secret(passphrase)})
		if err != nil && bridge.HintOf(err) == "" || err == nil && s == nil && key != "" {
			t.Errorf("%v, %v", s, err)
		}
	})
}
