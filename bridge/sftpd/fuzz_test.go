package sftpd

import (
	"bytes"
	"encoding/binary"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
)

// duplex reads a client's packets and forgets what the server answers.
type duplex struct {
	io.Reader
	answers bytes.Buffer
}

func (d *duplex) Write(p []byte) (int, error) { return d.answers.Write(p) }
func (d *duplex) Close() error                { return nil }

func packet(kind byte, body string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)+1))
	return append(append(b, kind), body...)
}

func text(s string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s
}

// FuzzRequests plays a client that has logged in and sends what it likes: nothing panics, nothing outside the own folder
// changes, no handle stays open, and no file is left that is half written and taken for whole.
func FuzzRequests(f *testing.F) {
	id, none := "\x00\x00\x00\x07", "\x00\x00\x00\x00"
	hello := packet(typeInit, "\x00\x00\x00\x03")
	open := packet(3, id+text("/out/f")+"\x00\x00\x00\x1a"+none)
	write := packet(6, id+text("1")+none+none+text("body"))
	f.Add(bytes.Join([][]byte{hello, packet(typeExtended, id+text(limitsExtension)), open, write, packet(4, id+text("1"))}, nil))
	f.Add(bytes.Join([][]byte{hello, open, write, packet(9, id+text("/out/f")+"\x00\x00\x00\x01"+none+"\x00\x00\x00\x02"), packet(18,
		id+text("/out/f")+text("/out/../../../x"))}, nil))
	f.Add(bytes.Join([][]byte{hello, packet(11, id+text("/")), packet(12, id+text("1")), packet(5,
		id+text("1")+none+none+"\x00\x00\x10\x00"), packet(20, id+text("../../secret")+text("/out/l"))}, nil))
	f.Add(bytes.Join([][]byte{hello, packet(14, id+text("/out/d")+none), packet(15, id+text("/out/d")), packet(13,
		id+text("/in/order")), packet(typeExtended, id+text("posix-rename@openssh.com")+text("/in/order")+text("/out/o"))}, nil))
	f.Add(bytes.Join([][]byte{hello, packet(16, id+text("../..")), packet(17, id+text("/in/order")), packet(8, id+text("1")),
		packet(10, id+text("1")+"\x80\x00\x00\x00\xff\xff\xff\xff")}, nil))
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, stream []byte) {
		top := t.TempDir()
		for name, body := range map[string]string{"secret": "secret", "door/wms/stock": "stock", "door/sap/in/order": "order",
			"door/sap/out/old": "old"} {
			full := filepath.Join(top, name)
			if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(full, []byte(body), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		u := User{Name: "sap", PasswordHash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5a2V5a2V5",
			Write: []string{"/out/**"}, Read: []string{"/in/**"}, Delete: []string{"/in/**"}}
		r, err := New(&Options{Path: filepath.Join(top, "door"), Users: []User{u}, Limits: Limits{FileSize: 1 << 20}},
			bridge.RemoteSetup{Name: "door", State: filepath.Join(top, "state")})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		a, err := readAccount(r.options.Users[0])
		if err != nil {
			t.Fatal(err)
		}
		s := &server{Remote: r, accounts: map[string]*account{"sap": a}, hasher: newHasher(), coverage: newCoverages(),
			usage: map[string]*usage{"sap": newUsage(Quota{})}, pace: map[string]*pace{}}
		done := make(chan struct{})
		go func() { s.hasher.run(); close(done) }()
		c := &connection{server: s, account: a, address: netip.MustParseAddr("192.0.2.1"), began: time.Now()}
		if c.root, err = c.openRoot(); err != nil {
			t.Fatal(err)
		}
		tr := &tree{connection: c}
		wire := newPackets(&duplex{Reader: bytes.NewReader(stream)}, c.touch)
		_ = sftp.NewRequestServer(wire, sftp.Handlers{FileGet: tr, FilePut: tr, FileCmd: tr, FileList: tr}, sftp.WithRSAllocator(),
			sftp.WithRSMaxTxPacket(maxData)).Serve()
		tr.leave(0)
		s.hasher.close()
		<-done
		_ = c.root.Close()
		if n := c.handles.Load(); n != 0 {
			t.Errorf("%d handles are open", n)
		}
		for name, body := range map[string]string{"secret": "secret", "door/wms/stock": "stock"} {
			if got, err := os.ReadFile(filepath.Join(top, name)); err != nil || string(got) != body {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		}
		r.arrivals.mu.Lock()
		defer r.arrivals.mu.Unlock()
		for p, file := range r.arrivals.files {
			if file.writers != 0 || file.path != p {
				t.Errorf("%s: %+v", p, file)
			}
		}
		entries, err := os.ReadDir(top)
		if err != nil || len(entries) != 3 {
			t.Errorf("something else came to be: %v, %v", entries, err)
		}
	})
}

// FuzzRule asks that no rule panics, and that what matches is seen on the way there.
func FuzzRule(f *testing.F) {
	f.Add("/in/**", "/in/orders/a.csv")
	f.Add("/**/[a-c]?*.csv", "/x/y/bcd.csv")
	f.Add("/a/**/b/**/c", "/a/x/b/y/c")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		r, err := parseRule(pattern)
		elements, perr := split(path)
		if err != nil || perr != nil || strings.Count(pattern, "**") > 4 || len(elements) > 20 {
			return
		}
		if r.match(elements, false) {
			for i := range len(elements) + 1 {
				if !r.match(elements[:i], true) {
					t.Errorf("%s matches %s, and %v is not on the way", pattern, path, elements[:i])
				}
			}
		}
	})
}

// FuzzNotes reads notes that a dying process or a disk has torn.
func FuzzNotes(f *testing.F) {
	f.Add([]byte("+ \"sap/out/a\"\n- \"sap/out/a\"\n+ \"b\"\n"))
	f.Add([]byte("+ \"sap/out/a\"\n+ \"sap/o"))
	f.Fuzz(func(t *testing.T, text []byte) {
		name := filepath.Join(t.TempDir(), "uploads")
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		n, err := readNotes(name, nil)
		if err != nil {
			return
		}
		before := n.unfinished()
		if err := n.begin("one more"); err != nil {
			t.Fatal(err)
		}
		n.end("one more")
		if err := n.close(); err != nil {
			t.Fatal(err)
		}
		again, err := readNotes(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		want := len(before)
		for _, p := range before {
			if p == "one more" {
				want--
			}
		}
		if got := again.unfinished(); len(got) != want {
			t.Errorf("%q, then %q", before, got)
		}
	})
}

// FuzzKeys: whatever stands in a file of keys, each line is a key of its own, or the file is refused.
func FuzzKeys(f *testing.F) {
	f.Add("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJYbmJEyYtSBTRL1gQBWnKnyMHQJrA6GxgNsjbWMfQcv erp\n# one more\n\n")
	f.Add("command=\"ls\" ssh-rsa AAAA\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		name := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := readKeys(name)
		for _, k := range keys {
			if again, _ := ssh.ParsePublicKey(k.Marshal()); err == nil && (again == nil || again.Type() != k.Type()) {
				t.Errorf("%s of %q is no key", k.Type(), text)
			}
		}
	})
}
