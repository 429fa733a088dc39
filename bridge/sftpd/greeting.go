package sftpd

import (
	"bytes"
	"encoding/binary"
	"net"
	"slices"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/cpu"
)

// The client's order of ciphers decides (RFC 4253, 7.1), and most name AES-CTR, which needs a MAC besides, before AES-GCM, which is
// twice as fast where the processor knows it. So a client is heard first: one that knows GCM is offered nothing else.

// fastGCM says whether the processor has instructions for AES-GCM.
var fastGCM = cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ || cpu.ARM64.HasAES && cpu.ARM64.HasPMULL || cpu.S390X.HasAESGCM

// gcm are the ciphers that are offered to those who know them.
var gcm = []string{ssh.CipherAES128GCM, ssh.CipherAES256GCM}

// greeted is a connection on which our version was sent already, and the client's first words were heard. Whoever reads hears
// them again, and does not say our version again.
type greeted struct {
	net.Conn
	heard []byte
	said  int // bytes of our version that are still to be swallowed
}

// Bounds of what is heard before the handshake: a version line and a packet (RFC 4253, 4.2 and 6.1), and how long a client may
// think about its algorithms before it is taken for one that waits for ours.
const (
	maxVersion  = 255
	maxProposal = 35_000
	unprompted  = 2 * time.Second
)

// greet says our version and hears the client's, and its algorithms. What is no SSH is not judged here.
func greet(tcp net.Conn, until time.Time) *greeted {
	g := &greeted{Conn: tcp}
	if _, err := tcp.Write([]byte(serverVersion + "\r\n")); err != nil {
		return g // reading tells
	}
	g.said = len(serverVersion) + 2
	_ = tcp.SetReadDeadline(until)
	if g.hear(maxVersion, func() bool { return bytes.IndexByte(g.heard, '\n') >= 0 }) {
		if soon := time.Now().Add(unprompted); soon.Before(until) {
			_ = tcp.SetReadDeadline(soon)
		}
		g.hear(maxVersion+maxProposal, func() bool { return g.proposal() != nil })
	}
	_ = tcp.SetReadDeadline(until)
	return g
}

// hear reads until something was heard; false when it was not, within so many bytes or in time.
func (g *greeted) hear(most int, enough func() bool) bool {
	piece := make([]byte, 4096)
	for !enough() {
		if len(g.heard) > most {
			return false
		}
		n, err := g.Conn.Read(piece)
		g.heard = append(g.heard, piece[:n]...)
		if err != nil {
			return enough()
		}
	}
	return true
}

// proposal is the payload of the client's KEXINIT, once it is there whole.
func (g *greeted) proposal() []byte {
	packet := g.heard[bytes.IndexByte(g.heard, '\n')+1:]
	if len(packet) < 5 {
		return nil
	}
	length, padding := int64(binary.BigEndian.Uint32(packet)), int64(packet[4])
	if length > maxProposal || length < padding+1 {
		return []byte{} // nothing that could be waited for
	}
	if int64(len(packet)) < 4+length {
		return nil
	}
	return packet[5 : 4+length-padding]
}

// ciphers are those to offer: GCM alone to one who knows it, else all.
func (g *greeted) ciphers(all []string) []string {
	var client struct {
		Cookie       [16]byte `sshtype:"20"` // SSH_MSG_KEXINIT
		Kex, HostKey []string
		In, Out      []string
		Rest         []byte `ssh:"rest"`
	}
	if !fastGCM || ssh.Unmarshal(g.proposal(), &client) != nil {
		return all
	}
	known := slices.DeleteFunc(slices.Clone(gcm), func(c string) bool {
		return !slices.Contains(all, c) || !slices.Contains(client.In, c) || !slices.Contains(client.Out, c)
	})
	if len(known) == 0 {
		return all
	}
	return known
}

func (g *greeted) Read(p []byte) (int, error) {
	if len(g.heard) > 0 {
		n := copy(p, g.heard)
		g.heard = g.heard[n:]
		return n, nil
	}
	return g.Conn.Read(p)
}

func (g *greeted) Write(p []byte) (int, error) {
	again := min(g.said, len(p))
	g.said -= again
	if again == len(p) {
		return again, nil
	}
	n, err := g.Conn.Write(p[again:])
	return again + n, err
}
