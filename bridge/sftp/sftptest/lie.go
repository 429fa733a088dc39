package sftptest

import (
	"encoding/binary"
	"io"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Lie answers a request in the server's place. It returns what is sent, whole packets or not; nil lets the server answer, perhaps
// after the lie has changed something behind its back; an empty slice is silence. The numbers and shapes are those of
// draft-ietf-secsh-filexfer-02.
type Lie func(q Request) []byte

// Request is a packet from the client.
type Request struct {
	Type byte
	ID   uint32
	Body []byte // what follows the id
}

// Types of packets.
const (
	Open     = 3
	Read     = 5
	Lstat    = 7
	Fsetstat = 10
	OpenDir  = 11
	ReadDir  = 12
	RealPath = 16
	ReadLink = 19
	Extended = 200
	Status   = 101
	Handle   = 102
	Data     = 103
	Name     = 104
	Attrs    = 105
)

// Path is the first text of a request: its path, or its handle.
func (q Request) Path() string {
	if len(q.Body) < 4 || uint32(len(q.Body)-4) < binary.BigEndian.Uint32(q.Body) {
		return ""
	}
	return string(q.Body[4 : 4+binary.BigEndian.Uint32(q.Body)])
}

// Answer is a whole packet.
func (q Request) Answer(kind byte, body ...[]byte) []byte {
	packet := binary.BigEndian.AppendUint32([]byte{kind}, q.ID)
	for _, b := range body {
		packet = append(packet, b...)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(packet))), packet...)
}

// Status answers with a code.
func (q Request) Status(code uint32) []byte {
	return q.Answer(Status, Number(code), Text("it is so"), Text("en"))
}

// Names answers a listing.
func (q Request) Names(entries ...Entry) []byte {
	body := [][]byte{Number(uint32(len(entries)))}
	for _, e := range entries {
		body = append(body, Text(e.Name), Text("-rw-r--r-- "+e.Name), e.Attrs)
	}
	return q.Answer(Name, body...)
}

// Entry is one of a listing.
type Entry struct {
	Name  string
	Attrs []byte
}

// Number and Text are how packets hold them.
func Number(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// Text is a string with its length.
func Text(s string) []byte { return append(Number(uint32(len(s))), s...) }

// FileAttrs are size, permissions with type, and time of modification, as most servers send them.
func FileAttrs(size uint64, mode, mtime uint32) []byte {
	b := binary.BigEndian.AppendUint64(Number(0x1|0x4|0x8), size)
	return append(append(append(b, Number(mode)...), Number(mtime)...), Number(mtime)...)
}

// SizeOnly are attributes of a server that tells nothing else.
func SizeOnly(size uint64) []byte { return binary.BigEndian.AppendUint64(Number(0x1), size) }

// liar is a session in which requests come by a lie first. It keeps packets whole in both directions.
type liar struct {
	ssh.Channel
	lie Lie

	in  []byte // of a request that the server gets
	mu  sync.Mutex
	out []byte // of an answer that the server has begun
}

func (l *liar) Read(p []byte) (int, error) {
	for len(l.in) == 0 {
		head := make([]byte, 4)
		if _, err := io.ReadFull(l.Channel, head); err != nil {
			return 0, err
		}
		packet := make([]byte, 4+binary.BigEndian.Uint32(head))
		copy(packet, head)
		if _, err := io.ReadFull(l.Channel, packet[4:]); err != nil {
			return 0, err
		}
		const initialize = 1
		if packet[4] != initialize && len(packet) >= 9 {
			lie := l.lie(Request{Type: packet[4], ID: binary.BigEndian.Uint32(packet[5:]), Body: packet[9:]})
			if lie != nil {
				if err := l.say(lie); err != nil {
					return 0, err
				}
				continue
			}
		}
		l.in = packet
	}
	n := copy(p, l.in)
	l.in = l.in[n:]
	return n, nil
}

func (l *liar) say(packet []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.Channel.Write(packet)
	return err
}

func (l *liar) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = append(l.out, p...)
	for len(l.out) >= 4 {
		whole := 4 + int(binary.BigEndian.Uint32(l.out))
		if len(l.out) < whole {
			break
		}
		if _, err := l.Channel.Write(l.out[:whole]); err != nil {
			return 0, err
		}
		l.out = append(l.out[:0], l.out[whole:]...)
	}
	return len(p), nil
}
