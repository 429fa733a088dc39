package sftpd

import (
	"encoding/binary"
	"io"
	"sync"

	"golang.org/x/crypto/ssh"
)

// maxPacket is the longest packet that pkg/sftp takes.
const maxPacket = 256 << 10

// maxData is the most that one packet reads or writes: what OpenSSH's server takes.
const maxData = 255 << 10

// Packet types of draft-ietf-secsh-filexfer-02.
const (
	typeInit          = 1
	typeVersion       = 2
	typeOpen          = 3
	typeRead          = 5
	typeWrite         = 6
	typeOpendir       = 11
	typeExtended      = 200
	typeExtendedReply = 201
)

// extensions that are offered: those of pkg/sftp without hard links, and OpenSSH's limits, by which its client learns
// that it may send larger packets.
var extensions = []string{"posix-rename@openssh.com", "1", "statvfs@openssh.com", "2", limitsExtension, "1"}

const limitsExtension = "limits@openssh.com"

// newPackets stands before a channel; active is told of each request.
func newPackets(channel io.ReadWriteCloser, active func()) *packets {
	p := &packets{channel: channel, active: active}
	p.moved = sync.NewCond(&p.mu)
	return p
}

// packets stands between the SSH channel and pkg/sftp's server. On the way in it sees that something is asked for, and
// answers limits@openssh.com when it comes first, as OpenSSH's client sends it. On the way out it replaces the list of
// extensions, which pkg/sftp has for all servers of a process, and makes one write of a packet's two. And it keeps two
// weaknesses of pkg/sftp (1.13.12) from clients: see [openForBoth], and asks.
type packets struct {
	channel io.ReadWriteCloser
	active  func()

	begun bool    // the first packets have passed
	left  int     // bytes of the present packet that are still to be read
	head  [5]byte // its length and type
	ahead []byte  // read from the channel, not by the server yet

	told    bool // the version has passed
	out     []byte
	sending sync.Mutex // one whole packet at a time

	mu       sync.Mutex
	moved    *sync.Cond // answered or closed has changed
	asked    int        // requests that were handed on
	answered int        // each has one answer, in their order
	opened   int        // the last of them that opens something
	closed   bool
}

// Read hands packets on. One that begins has its length and type read ahead.
func (p *packets) Read(into []byte) (int, error) {
	if len(p.ahead) == 0 && p.left == 0 {
		if err := p.next(); err != nil {
			return 0, err
		}
	}
	if len(p.ahead) > 0 {
		n := copy(into, p.ahead)
		p.ahead = p.ahead[n:]
		return n, nil
	}
	if len(into) > p.left {
		into = into[:p.left]
	}
	n, err := p.channel.Read(into)
	p.left -= n
	return n, err
}

// next begins a packet.
func (p *packets) next() error {
	for {
		head := p.head[:]
		if n, err := io.ReadFull(p.channel, head); err != nil {
			p.ahead = head[:n] // the server tells a cut packet from the end
			if n > 0 {
				return nil
			}
			return io.EOF
		}
		p.active()
		length, kind := int64(binary.BigEndian.Uint32(head)), head[4]
		p.ahead = head
		if length == 0 || length > maxPacket { // the server refuses it
			return nil
		}
		p.left = int(length - 1)
		p.asks(kind)
		first := !p.begun && kind != typeInit
		p.begun = p.begun || first
		if kind != typeOpen && !(first && kind == typeExtended) {
			return nil
		}
		rest := make([]byte, p.left)
		n, err := io.ReadFull(p.channel, rest)
		p.left = 0
		switch {
		case err != nil:
		case kind == typeOpen:
			openForBoth(rest)
		case p.limits(rest):
			p.mu.Lock()
			p.asked--
			p.mu.Unlock()
			continue
		}
		p.ahead = append(head, rest[:n]...)
		return nil
	}
}

// asks counts a request. A read or write waits until the answer to the last opening is out, without which no client knows
// its handle: one that guesses would make pkg/sftp read what another goroutine is writing.
func (p *packets) asks(kind byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	switch kind {
	case typeOpen, typeOpendir:
		p.opened = p.asked
	case typeRead, typeWrite:
		for p.answered < p.opened && !p.closed {
			p.moved.Wait()
		}
	}
}

// openForBoth makes an opening for writing one for reading and writing: pkg/sftp (1.13.12) takes a read by a handle that
// is for writing alone for a write of what its buffer happens to hold.
func openForBoth(request []byte) {
	const read = 1
	flags := 8 // behind the id and the path's length
	if len(request) >= flags {
		flags += int(min(binary.BigEndian.Uint32(request[4:]), maxPacket))
	}
	if len(request) < flags+4 {
		return
	}
	if f := binary.BigEndian.Uint32(request[flags:]); f&^read != 0 {
		binary.BigEndian.PutUint32(request[flags:], f|read)
	}
}

// limits answers limits@openssh.com (OpenSSH's PROTOCOL, section 4.8). It is false when that is not what was asked.
func (p *packets) limits(request []byte) bool {
	var ask struct {
		ID   uint32
		Name string
		Rest []byte `ssh:"rest"`
	}
	if ssh.Unmarshal(request, &ask) != nil || ask.Name != limitsExtension {
		return false
	}
	reply := []byte{0, 0, 0, 0, typeExtendedReply}
	reply = binary.BigEndian.AppendUint32(reply, ask.ID)
	for _, limit := range []uint64{maxPacket, maxData, maxData, 0} { // packet, read, write, handles: not told
		reply = binary.BigEndian.AppendUint64(reply, limit)
	}
	binary.BigEndian.PutUint32(reply, uint32(len(reply)-4))
	_ = p.send(reply) // an error shows at the next read
	return true
}

// Write sends a packet once it is whole. pkg/sftp's server writes from one goroutine at a time.
func (p *packets) Write(b []byte) (int, error) {
	p.out = append(p.out, b...)
	for len(p.out) >= 4 {
		size := 4 + int(binary.BigEndian.Uint32(p.out))
		if len(p.out) < size {
			break
		}
		packet := p.out[:size]
		if !p.told && packet[4] == typeVersion {
			p.told = true
			packet = version()
		}
		err := p.send(packet)
		p.mu.Lock()
		p.answered++
		p.mu.Unlock()
		p.moved.Broadcast()
		p.out = append(p.out[:0], p.out[size:]...)
		if err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

func (p *packets) send(packet []byte) error {
	p.sending.Lock()
	defer p.sending.Unlock()
	_, err := p.channel.Write(packet)
	return err
}

// version is SSH_FXP_VERSION with our extensions.
func version() []byte {
	packet := []byte{0, 0, 0, 0, typeVersion, 0, 0, 0, 3}
	for _, e := range extensions {
		packet = append(binary.BigEndian.AppendUint32(packet, uint32(len(e))), e...)
	}
	binary.BigEndian.PutUint32(packet, uint32(len(packet)-4))
	return packet
}

// Close ends the channel.
func (p *packets) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.moved.Broadcast()
	return p.channel.Close()
}
