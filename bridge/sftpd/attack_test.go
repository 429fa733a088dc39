package sftpd_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftpd"
)

// survives runs an attack and then says whether the server is as it was: a partner from elsewhere gets in and does the
// work, and goroutines and memory are back.
func survives(t *testing.T, d *door, attack func()) {
	t.Helper()
	d.work("127.0.0.2")
	d.quiet(0)
	goroutines, memory := usage()
	attack()
	d.work("127.0.0.2")
	d.quiet(0)
	until(t, "goroutines are back", func() bool { return runtime.NumGoroutine() <= goroutines+2 })
	if _, now := usage(); now > memory+20<<20 {
		t.Errorf("memory grew from %d to %d MiB", memory>>20, now>>20)
	}
}

func usage() (goroutines int, memory uint64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), m.HeapAlloc
}

// quiet waits until so many sessions are left.
func (d *door) quiet(sessions int) {
	d.t.Helper()
	until(d.t, "the sessions have ended", func() bool {
		return len(d.seen(bridge.SessionBegan))-len(d.seen(bridge.SessionEnded)) <= sessions
	})
}

// work logs in from an address and moves a file.
func (d *door) work(from string) {
	d.t.Helper()
	tcp, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: time.Minute}).Dial("tcp", d.address)
	check(d.t, err)
	defer tcp.Close()
	conn, channels, requests, err := ssh.NewClientConn(tcp, d.address, &ssh.ClientConfig{User: "erp",
		Auth: []ssh.AuthMethod{ssh.PublicKeys(d.signer)}, HostKeyCallback: ssh.FixedHostKey(d.host)})
	check(d.t, err)
	c := ssh.NewClient(conn, channels, requests)
	defer c.Close()
	files, err := sftp.NewClient(c)
	check(d.t, err)
	p := &partner{Client: files, ssh: c, t: d.t}
	p.put("work.part", "done")
	check(d.t, p.PosixRename("work.part", "work"))
	check(d.t, files.Close())
}

func TestManyConnections(t *testing.T) {
	n := 1_000
	if *long {
		n = 10_000
	}
	d := serve(t) // whose handshakes may take a minute: who was let in keeps his place
	survives(t, d, func() {
		var open []net.Conn
		told := map[string]int{}
		for i := range n {
			c, err := net.Dial("tcp", d.address)
			check(t, err)
			open = append(open, c)
			_ = c.SetReadDeadline(time.Now().Add(time.Minute))
			line, _ := bufio.NewReader(io.LimitReader(c, 200)).ReadString('\n')
			told[strings.TrimSpace(line)]++
			if i == n/2 {
				d.work("127.0.0.2") // in the middle of it
			}
		}
		for _, c := range open {
			_ = c.Close()
		}
		if told["SSH-2.0-orobridge"] == 0 || told["Too many logins under way: try again later"] < n*8/10 {
			t.Errorf("told: %v", told)
		}
	})
}

// Fifty who say nothing hold all that strangers may have, for as long as a handshake may last.
func TestStrangersDoNotShutTheDoor(t *testing.T) {
	d := serve(t)
	d.work("127.0.0.2")
	survives(t, d, func() {
		var open []net.Conn
		for i := range 80 {
			c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i/20))}}).Dial("tcp", d.address)
			check(t, err)
			open = append(open, c)
		}
		d.work("127.0.0.2") // a partner who has been there before
		if e := d.await(bridge.PartnerRefused, 1)[0]; e.Visit.Known {
			t.Errorf("%+v is told as a partner", e.Visit)
		}
		until(t, "a partner who comes for the first time is let in", func() bool {
			c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 2, 1)}}).Dial("tcp", d.address)
			check(t, err)
			defer c.Close()
			conn, channels, requests, err := ssh.NewClientConn(c, d.address, &ssh.ClientConfig{User: "erp",
				Auth: []ssh.AuthMethod{ssh.PublicKeys(d.signer)}, HostKeyCallback: ssh.FixedHostKey(d.host)})
			if err != nil {
				time.Sleep(50 * time.Millisecond)
				return false
			}
			files, err := sftp.NewClient(ssh.NewClient(conn, channels, requests))
			check(t, err)
			_, err = files.ReadDir("/")
			check(t, errors.Join(err, files.Close(), conn.Close()))
			return true
		})
		for _, c := range open {
			_ = c.Close()
		}
	})
}

func TestHalfHandshakes(t *testing.T) {
	d := serve(t, func(o *sftpd.Options) { o.Limits.HandshakeTimeout = bridge.Duration(2 * time.Second) })
	packet := func(body []byte) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(len(body)+9))
		return append(append(append(b, 8), body...), make([]byte, 8)...)
	}
	attacks := map[string][]byte{
		"nothing": nil, "half a version": []byte("SSH-2.0-"), "no SSH": []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"version 1":     []byte("SSH-1.5-old\r\n"),
		"version flood": bytes.Repeat([]byte("SSH"), 100_000), "line flood": bytes.Repeat([]byte("hello\r\n"), 50_000),
		"huge packet": append([]byte("SSH-2.0-x\r\n"), 0xff, 0xff, 0xff, 0xff, 4, 20), "no packet": append([]byte("SSH-2.0-x\r\n"), 0, 0, 0, 0),
		"garbage":                    append([]byte("SSH-2.0-x\r\n"), bytes.Repeat([]byte{0xa5}, 40_000)...),
		"empty kexinit":              append([]byte("SSH-2.0-x\r\n"), packet([]byte{20})...),
		"kexinit without algorithms": append([]byte("SSH-2.0-x\r\n"), packet(append([]byte{20}, make([]byte, 16+10*4+5)...))...),
		"channel before login":       append([]byte("SSH-2.0-x\r\n"), packet(append([]byte{90}, make([]byte, 60)...))...),
	}
	survives(t, d, func() {
		var work sync.WaitGroup
		for name, bytes := range attacks {
			work.Go(func() {
				c, err := net.Dial("tcp", d.address)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				defer c.Close()
				_, _ = c.Write(bytes)
				_ = c.SetReadDeadline(time.Now().Add(time.Minute))
				var late net.Error
				if _, err := io.Copy(io.Discard, c); errors.As(err, &late) && late.Timeout() {
					t.Errorf("%s: the server holds on", name)
				}
			})
		}
		work.Wait()
	})
}

func TestGuessersAreSlowedDown(t *testing.T) {
	d := serve(t, func(o *sftpd.Options) { o.Users[0].PasswordHash = hashed(t, "right password") })
	took := func() time.Duration {
		began := time.Now()
		_, err := d.dial("erp", ssh.Password("wrong password"))
		if err == nil {
			t.Fatal("in")
		}
		return time.Since(began)
	}
	for range 3 {
		took()
	}
	if e := d.await(bridge.PartnerRefused, 3)[0]; !e.Visit.Known {
		t.Error("a partner who can't get in is told as a stranger")
	}
	if fourth := took(); fourth < time.Second {
		t.Errorf("the fourth guess took %v", fourth)
	}
	d.work("127.0.0.2") // a key is not slowed down
}

// A stranger can't tell from the time whether there is such a user.
func TestWrongUserTakesAsLongAsWrongPassword(t *testing.T) {
	d := serve(t, func(o *sftpd.Options) { o.Users[0].PasswordHash = hashed(t, "right password") })
	least := map[string]time.Duration{}
	alike := func() bool { return least["e"] <= 4*least["n"] && least["n"] <= 4*least["e"] }
	for i := 0; i < 6 || i < 30 && !alike(); i++ { // at best: a busy machine may take its time, but not each time
		for _, user := range []string{"erp", fmt.Sprint("nobody", i)} {
			var asked time.Time
			_, _ = d.dial(user, ssh.PasswordCallback(func() (string, error) {
				asked = time.Now()
				return "wrong password", nil
			}))
			took := time.Since(asked)
			if kind := user[:1]; least[kind] == 0 || took < least[kind] {
				least[kind] = took
			}
			d.work("127.0.0.1")
		}
	}
	if !alike() {
		t.Errorf("a user who is there %v, one who is not %v", least["e"], least["n"])
	}
}

// session is SFTP by hand.
type session struct {
	t testing.TB
	io.Writer
	in  *bufio.Reader
	ssh *ssh.Client
}

func (d *door) session() *session {
	d.t.Helper()
	c, err := d.dial("erp")
	check(d.t, err)
	s, err := c.NewSession()
	check(d.t, err)
	in, err := s.StdinPipe()
	check(d.t, err)
	out, err := s.StdoutPipe()
	check(d.t, err)
	check(d.t, s.RequestSubsystem("sftp"))
	h := &session{d.t, in, bufio.NewReader(out), c}
	h.send(1, uint32(3))
	if kind, _ := h.read(); kind != 2 {
		d.t.Fatalf("answer to init is %d", kind)
	}
	return h
}

// send a packet; fields are uint32, uint64, string or raw bytes.
func (s *session) send(kind byte, fields ...any) {
	_, _ = s.Write(sftpPacket(kind, fields...))
}

func sftpPacket(kind byte, fields ...any) []byte {
	b := []byte{0, 0, 0, 0, kind}
	for _, f := range fields {
		switch f := f.(type) {
		case uint32:
			b = binary.BigEndian.AppendUint32(b, f)
		case uint64:
			b = binary.BigEndian.AppendUint64(b, f)
		case string:
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
		case []byte:
			b = append(b, f...)
		}
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// read an answer: kind 0 when the server hung up.
func (s *session) read() (kind byte, body []byte) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(s.in, head); err != nil {
		return 0, nil
	}
	body = make([]byte, binary.BigEndian.Uint32(head))
	if _, err := io.ReadFull(s.in, body); err != nil {
		return 0, nil
	}
	return body[0], body[1:]
}

// status is the answer's request and code.
func (s *session) status() (id, code uint32) {
	s.t.Helper()
	kind, body := s.read()
	if kind != 101 || len(body) < 8 {
		s.t.Fatalf("answer of kind %d: %x", kind, body)
	}
	return binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:])
}

func (s *session) close() { _ = s.ssh.Close() }

const okStatus, failure = 0, 4

func TestHostileRequests(t *testing.T) {
	d := serve(t)
	check(t, d.Put(t.Context(), "/erp/f", strings.NewReader("hello")))
	// Answered with a status that is not OK; the session goes on.
	refused := map[string][]byte{
		"read of no handle":       sftpPacket(5, uint32(7), "99", uint64(0), uint32(10)),
		"write to no handle":      sftpPacket(6, uint32(7), "99", uint64(0), "x"),
		"close of no handle":      sftpPacket(4, uint32(7), strings.Repeat("h", 10_000)),
		"readdir of no handle":    sftpPacket(12, uint32(7), ""),
		"open without flags":      sftpPacket(3, uint32(7), "f", uint32(0), uint32(0)),
		"open of a NUL":           sftpPacket(3, uint32(7), "f\x00", uint32(1), uint32(0)),
		"open of bad UTF-8":       sftpPacket(3, uint32(7), "\xff\xfe", uint32(0x1a), uint32(0)),
		"open of a long path":     sftpPacket(3, uint32(7), strings.Repeat("a/", 100_000), uint32(1), uint32(0)),
		"open of a backslash":     sftpPacket(3, uint32(7), `..\..\etc\passwd`, uint32(0x1a), uint32(0)),
		"make of a line break":    sftpPacket(14, uint32(7), "a\nb", uint32(0)),
		"setstat cut short":       sftpPacket(9, uint32(7), "f", uint32(0xf), []byte{1}),
		"setstat with extensions": sftpPacket(9, uint32(7), "f", uint32(0x80000000), uint32(0xffffffff)),
		"setstat of a huge size":  sftpPacket(9, uint32(7), "f", uint32(1), uint64(1)<<63),
		"unknown extension":       sftpPacket(200, uint32(7), "evil@example.com", "x"),
		"hard link":               sftpPacket(200, uint32(7), "hardlink@openssh.com", "f", "g"),
		"symlink":                 sftpPacket(20, uint32(7), "/etc/passwd", "g"),
		"readlink":                sftpPacket(19, uint32(7), "f"),
		"rename of the root":      sftpPacket(18, uint32(7), "/", "/x"),
		"remove of the root":      sftpPacket(15, uint32(7), "/"),
		"limits, too late":        sftpPacket(200, uint32(7), "limits@openssh.com"),
	}
	// Not to be understood: the server hangs up on this channel.
	ended := map[string][]byte{
		"huge packet": {0xff, 0xff, 0xff, 0xff, 5}, "large packet": append([]byte{0, 4, 0, 1, 5}, make([]byte, 300_000)...),
		"empty packet": {0, 0, 0, 0, 0},
		"unknown type": sftpPacket(250, uint32(7)), "cut short": sftpPacket(5, uint32(7)),
		"a string longer than its packet": sftpPacket(17, uint32(7), []byte{0xff, 0xff, 0xff, 0xff, 'x'}),
	}
	survives(t, d, func() {
		s := d.session()
		s.send(17, uint32(1), "f") // so that limits is not first
		if kind, _ := s.read(); kind != 105 {
			t.Fatalf("stat: %d", kind)
		}
		for name, packet := range refused {
			_, _ = s.Write(packet)
			if id, code := s.status(); id != 7 || code == okStatus {
				t.Errorf("%s: id %d, code %d", name, id, code)
			}
		}
		s.close()
		for name, packet := range ended {
			s := d.session()
			_, _ = s.Write(packet)
			if kind, body := s.read(); kind != 0 {
				t.Errorf("%s: answer %d %q", name, kind, body)
			}
			s.close()
		}
	})
	if !slices.ContainsFunc(d.seen(bridge.PartnerRefused), func(e *bridge.Event) bool { return strings.HasPrefix(e.Text, "what is no SFTP: ") }) {
		t.Error("no event says that somebody sent what is no SFTP")
	}
}

func TestRequestsInAnyOrder(t *testing.T) {
	d := serve(t)
	s := d.session()
	defer s.close()
	s.send(3, uint32(1), "f", uint32(0x1a), uint32(0))
	kind, body := s.read()
	if kind != 102 {
		t.Fatalf("open: %d", kind)
	}
	handle := string(body[8:])
	// One id for everything, all in one go, and a close behind it.
	var all []byte
	for i := range 100 {
		all = append(all, sftpPacket(6, uint32(5), handle, uint64(99-i)*10, fmt.Sprintf("%010d", 99-i))...)
	}
	all = append(all, sftpPacket(4, uint32(5), handle)...)
	_, _ = s.Write(all)
	for i := range 101 {
		if id, code := s.status(); id != 5 || code != okStatus {
			t.Fatalf("answer %d: id %d, code %d", i, id, code)
		}
	}
	s.send(6, uint32(5), handle, uint64(0), "late")
	if _, code := s.status(); code == okStatus {
		t.Error("a write after the close")
	}
	f, ok := d.listed("/erp", "f")
	if !ok || f.Size != 1000 || f.Writing {
		t.Errorf("%+v", f)
	}
	s.send(3, uint32(1), "g", uint32(0x1a), uint32(0))
	_, body = s.read()
	s.send(6, uint32(2), string(body[8:]), uint64(1)<<63, "x")
	if _, code := s.status(); code != failure {
		t.Errorf("write at 2^63: %d", code)
	}
	s.send(6, uint32(2), string(body[8:]), uint64(1)<<60, "x")
	if _, code := s.status(); code != failure {
		t.Errorf("write at 2^60: %d", code)
	}
	s.send(5, uint32(2), string(body[8:]), uint64(0), uint32(0xffffffff))
	if _, code := s.status(); code == okStatus {
		t.Errorf("read by a handle for writing: %d", code)
	}
	if f, _ := d.listed("/erp", "g"); f.Size != 0 {
		t.Errorf("reading wrote %d bytes", f.Size)
	}
}

// A client that asks and never listens holds nothing for longer than an idle one.
func TestTheIdleAndTheDeafAreCutOff(t *testing.T) {
	d := serve(t, func(o *sftpd.Options) { o.Limits.IdleTimeout = bridge.Duration(2 * time.Second) })
	d.work("127.0.0.2")
	check(t, d.Put(t.Context(), "/erp/big", bytes.NewReader(make([]byte, 8<<20))))
	survives(t, d, func() {
		idle, deaf := d.session(), d.session()
		defer idle.close()
		defer deaf.close()
		deaf.send(3, uint32(1), "big", uint32(1), uint32(0))
		_, body := deaf.read()
		go func() {
			for i := range 2000 {
				deaf.send(5, uint32(i), string(body[8:]), uint64(0), uint32(255<<10))
			}
		}()
		until(t, "both are cut off", func() bool { return len(d.seen(bridge.SessionEnded)) >= 4 })
		for _, e := range d.seen(bridge.SessionEnded)[2:] {
			if !strings.Contains(e.Text, "nothing was asked for") {
				t.Errorf("ended: %s", e.Text)
			}
		}
		_ = deaf.ssh.Wait()
		_ = idle.ssh.Wait()
	})
}

func TestTooManyChannels(t *testing.T) {
	d := serve(t)
	c, err := d.dial("erp")
	check(t, err)
	defer c.Close()
	for i := range 11 {
		_, err := c.NewSession()
		if (err == nil) != (i < 10) {
			t.Errorf("session %d: %v", i, err)
		}
	}
	if _, _, err := c.OpenChannel("direct-tcpip", nil); err == nil {
		t.Error("the server forwards")
	}
	if _, err := c.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Error("the server listens for others")
	}
	var told []string
	for _, e := range d.await(bridge.PartnerRefused, 3) {
		told = append(told, e.Text)
	}
	want := []string{"more than 10 sessions on one connection", "a channel of type direct-tcpip", "forwarding"}
	if slices.Sort(told); !slices.Equal(told, slices.Sorted(slices.Values(want))) {
		t.Errorf("told: %q", told)
	}
}

// A client that was let in by sound algorithms can't go over to weak ones. paramiko lets one try.
func TestAWeakRekeyIsRefused(t *testing.T) {
	d := serve(t)
	l := d.login("erp")
	host, port, err := net.SplitHostPort(l.Address)
	check(t, err)
	survives(t, d, func() {
		for _, weak := range []string{"_preferred_kex = ('diffie-hellman-group14-sha1',)", "_preferred_kex = ('diffie-hellman-group1-sha1',)",
			"_preferred_ciphers = ('3des-cbc',)", "_preferred_macs = ('hmac-md5',); t._preferred_ciphers = ('aes128-ctr',)",
			"_preferred_keys = ('ssh-dss',)"} {
			out := run(t, "/usr/bin/python3", "-c", `
import paramiko, sys, logging
logging.getLogger("paramiko").addHandler(logging.NullHandler())
host, port, user, key = sys.argv[1:]
t = paramiko.Transport((host, int(port)))
t.connect(username=user, pkey=paramiko.Ed25519Key.from_private_key_file(key))
s = paramiko.SFTPClient.from_transport(t); s.listdir("/")
t.renegotiate_keys(); s.listdir("/"); print("sound: done")
t.`+weak+`
try: t.renegotiate_keys(); s.listdir("/"); print("weak: done")
except Exception: print("weak: refused")
`, host, port, l.User, l.KeyFile)
			if out != "sound: done\nweak: refused\n" {
				t.Errorf("%s: %s", weak, out)
			}
		}
	})
}

func TestRekey(t *testing.T) {
	d := serve(t)
	c, err := ssh.Dial("tcp", d.address, &ssh.ClientConfig{Config: ssh.Config{RekeyThreshold: 100_000}, User: "erp",
		Auth: []ssh.AuthMethod{ssh.PublicKeys(d.signer)}, HostKeyCallback: ssh.FixedHostKey(d.host)})
	check(t, err)
	defer c.Close()
	files, err := sftp.NewClient(c)
	check(t, err)
	body := strings.Repeat("0123456789", 300_000)
	p := &partner{Client: files, ssh: c, t: t}
	p.put("f", body)
	f, err := files.Open("f")
	check(t, err)
	got, err := io.ReadAll(f)
	check(t, errors.Join(err, f.Close()))
	if string(got) != body {
		t.Errorf("%d bytes", len(got))
	}
}
