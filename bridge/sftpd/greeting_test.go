package sftpd

import (
	"bytes"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"
)

// proposalOf is what a client of these ciphers says first.
func proposalOf(ciphers ...string) []byte {
	payload := ssh.Marshal(struct {
		Cookie              [16]byte `sshtype:"20"`
		Kex, HostKey        []string
		In, Out, MACs, MACt []string
		Rest                []byte `ssh:"rest"`
	}{Kex: []string{"curve25519-sha256"}, HostKey: []string{"ssh-ed25519"}, In: ciphers, Out: ciphers, Rest: make([]byte, 21)})
	padding := 8 - (len(payload)+5)%8 + 8
	packet := append([]byte{0, 0, 0, byte(len(payload) + padding + 1), byte(padding)}, payload...)
	packet[2] = byte((len(payload) + padding + 1) >> 8)
	return append([]byte("SSH-2.0-test\r\n"), append(packet, make([]byte, padding)...)...)
}

// A client that knows AES-GCM is offered nothing else, whatever it likes best; one that does not has all there is.
func TestWhoKnowsGCMIsOfferedIt(t *testing.T) {
	if !fastGCM {
		t.Log("this processor has no instructions for it: all are offered everything")
	}
	all := algorithms(true).Ciphers
	for _, c := range []struct {
		client []string
		want   []string
	}{
		{[]string{"aes128-ctr", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com"}, gcm},
		{[]string{"chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com"}, []string{"aes256-gcm@openssh.com"}},
		{[]string{"aes128-ctr", "aes128-cbc"}, all},
		{nil, all},
	} {
		if !fastGCM {
			c.want = all
		}
		g := &greeted{heard: proposalOf(c.client...)}
		if got := g.ciphers(all); !slices.Equal(got, c.want) {
			t.Errorf("%v is offered %v", c.client, got)
		}
	}
}

// What was heard is handed on byte by byte, and our version is said once. A client that waits for our algorithms, or breaks off, or
// says what is no SSH, is left to the handshake.
func TestAGreetingHidesNothing(t *testing.T) {
	whole := proposalOf("aes128-gcm@openssh.com")
	for _, c := range []struct {
		name  string
		says  []byte
		hangs bool          // up
		takes time.Duration // at most
	}{
		{"all at once", whole, false, 0},
		{"the version, and then nothing", []byte("SSH-2.0-test\r\n"), false, unprompted},
		{"half its algorithms", whole[:60], false, unprompted},
		{"nothing", nil, false, time.Minute},
		{"nothing, and hangs up", nil, true, 0},
		{"no line end", bytes.Repeat([]byte("x"), 100_000), false, 0},
		{"a length out of reach", append([]byte("SSH-2.0-test\r\n"), bytes.Repeat([]byte{255}, 90_000)...), false, 0},
		{"a packet that is shorter than its padding", []byte("SSH-2.0-test\r\n\x00\x00\x00\x04\xff....."), false, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer ours.Close()
			began := time.Now()
			said := make(chan string)
			go func() { // a client that reads beside what it says
				b := make([]byte, 100)
				n, _ := io.ReadAtLeast(theirs, b, len(serverVersion)+2+len("next"))
				said <- string(b[:n])
			}()
			go func() {
				_, _ = theirs.Write(c.says)
				if c.hangs {
					theirs.Close()
				}
			}()
			g := greet(ours, began.Add(time.Minute))
			if took := time.Since(began); took > c.takes {
				t.Errorf("%s: it took %v", c.name, took)
			}
			if len(g.heard) > maxVersion+maxProposal+4096 || !bytes.HasPrefix(c.says, g.heard) {
				t.Errorf("%s: %d bytes are kept of %d", c.name, len(g.heard), len(c.says))
			}
			first := make([]byte, len(g.heard))
			if _, err := io.ReadFull(g, first); err != nil || !bytes.HasPrefix(c.says, first) {
				t.Errorf("%s: %q is handed on, %v", c.name, first, err)
			}
			if !c.hangs {
				if _, err := g.Write([]byte(serverVersion + "\r\n")); err != nil {
					t.Error(err)
				}
				if _, err := g.Write([]byte("next")); err != nil {
					t.Error(err)
				}
			}
			theirs.SetReadDeadline(time.Now().Add(time.Second))
			if got, want := <-said, serverVersion+"\r\nnext"; got != want && !c.hangs {
				t.Errorf("%s: the client was told %q", c.name, got)
			}
			theirs.Close()
		})
	}
}

// Whatever a stranger says first, it is kept within bounds and never ends the server.
func FuzzGreeting(f *testing.F) {
	f.Add(proposalOf("aes128-ctr", "aes128-gcm@openssh.com"))
	f.Add([]byte("SSH-2.0-x\r\n\x00\x00\x00\x01\x00"))
	f.Add([]byte("\n\x00\x00\x88\xb8\x00\x14"))
	all := algorithms(false).Ciphers
	f.Fuzz(func(t *testing.T, says []byte) {
		g := &greeted{heard: says}
		if got := g.ciphers(all); len(got) == 0 {
			t.Errorf("nothing is offered")
		}
		if g.hear(maxVersion+maxProposal, func() bool { return true }); len(g.proposal()) > maxProposal {
			t.Errorf("a proposal of %d bytes", len(g.proposal()))
		}
	})
}
