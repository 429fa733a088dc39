package sftptest

import (
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// Direction is one of the two ways through a [Proxy].
type Direction int

// The directions.
const (
	Up   Direction = iota // from the client to the server
	Down                  // from the server to the client
)

// Proxy is a TCP proxy on loopback that plays bad networks. Its methods switch it while connections go through it.
type Proxy struct {
	Address string // where it listens
	target  string
	listen  net.Listener
	work    sync.WaitGroup

	mu      sync.Mutex
	changed *sync.Cond
	conns   map[*link]struct{}
	refuse  bool
	stalled bool
	latency time.Duration // one way
	rate    int           // bytes a second, 0: without limit
	left    [2]int64      // bytes until the cut; below 0: no cut
	count   [2]int64
	ended   bool
}

// link is one connection through the proxy.
type link struct {
	client, server net.Conn
	gone           bool
}

// NewProxy starts a proxy in front of a server, which is named by its address or by the path of its socket. Close ends it.
func NewProxy(target string) (*Proxy, error) {
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{Address: listen.Addr().String(), target: target, listen: listen, conns: map[*link]struct{}{}, left: [2]int64{-1, -1}}
	p.changed = sync.NewCond(&p.mu)
	p.work.Go(p.accept)
	return p, nil
}

// set changes the proxy and tells those who wait.
func (p *Proxy) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.changed.Broadcast()
}

// Refuse closes new connections at once, or stops doing so.
func (p *Proxy) Refuse(on bool) { p.set(func() { p.refuse = on }) }

// Stall stops all traffic; connections stay open, new ones are taken and stall, too. Stall(false) lets what has
// gathered go on.
func (p *Proxy) Stall(on bool) { p.set(func() { p.stalled = on }) }

// HalfOpen makes the present connections lose everything in both directions, for ever, without being closed: what is
// left of a connection when the other end has lost its power. New connections are good.
func (p *Proxy) HalfOpen() {
	p.set(func() {
		for l := range p.conns {
			l.gone = true
		}
	})
}

// Latency sets the time of a round trip through the proxy.
func (p *Proxy) Latency(roundTrip time.Duration) { p.set(func() { p.latency = roundTrip / 2 }) }

// Bandwidth limits each connection and direction to so many bytes a second; 0 ends the limit.
func (p *Proxy) Bandwidth(bytesPerSecond int) { p.set(func() { p.rate = bytesPerSecond }) }

// CutAfter lets n more bytes pass in a direction, then closes all connections, once. Later connections are good.
func (p *Proxy) CutAfter(d Direction, n int64) { p.set(func() { p.left[d] = n }) }

// Cut closes all connections.
func (p *Proxy) Cut() { p.set(p.cut) }

func (p *Proxy) cut() {
	for l := range p.conns {
		l.close()
	}
}

// Passed is the number of bytes that have passed in a direction since the proxy was started.
func (p *Proxy) Passed(d Direction) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count[d]
}

// Connections is the number of connections that are open.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// Close ends the proxy and waits for its connections.
func (p *Proxy) Close() {
	_ = p.listen.Close()
	p.set(func() {
		p.ended = true
		p.cut()
	})
	p.work.Wait()
}

func (l *link) close() {
	_ = l.client.Close()
	_ = l.server.Close()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listen.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		refuse := p.refuse || p.ended
		p.mu.Unlock()
		if refuse {
			_ = client.Close()
			continue
		}
		p.work.Go(func() { p.forward(client) })
	}
}

func (p *Proxy) forward(client net.Conn) {
	network := "tcp"
	if strings.HasPrefix(p.target, "/") {
		network = "unix"
	}
	server, err := net.Dial(network, p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	l := &link{client: client, server: server}
	p.mu.Lock()
	p.conns[l] = struct{}{}
	if p.ended {
		l.close()
	}
	p.mu.Unlock()
	var ways sync.WaitGroup
	ways.Go(func() { p.pump(l, Up, client, server) })
	ways.Go(func() { p.pump(l, Down, server, client) })
	ways.Wait()
	p.mu.Lock()
	delete(p.conns, l)
	p.mu.Unlock()
}

// piece is on its way until due.
type piece struct {
	body []byte
	due  time.Time
}

// pump one direction: one goroutine reads, this one delays and writes.
func (p *Proxy) pump(l *link, d Direction, from, to net.Conn) {
	defer l.close()
	flying := make(chan piece, 1024)
	done := make(chan struct{})
	var reader sync.WaitGroup
	defer reader.Wait()
	defer l.close()
	defer close(done)
	reader.Go(func() {
		defer close(flying)
		for {
			buffer := make([]byte, 16<<10)
			n, err := from.Read(buffer)
			if n > 0 {
				p.mu.Lock()
				due := time.Now().Add(p.latency)
				p.mu.Unlock()
				select {
				case flying <- piece{buffer[:n], due}:
				case <-done:
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	for next := range flying {
		time.Sleep(time.Until(next.due))
		if err := p.pass(l, d, next.body, to); err != nil {
			return
		}
	}
}

// pass writes a piece as the proxy is switched.
func (p *Proxy) pass(l *link, d Direction, body []byte, to net.Conn) error {
	p.mu.Lock()
	for p.stalled && !p.ended && !l.gone {
		p.changed.Wait()
	}
	if l.gone {
		p.mu.Unlock()
		return nil // lost
	}
	last := p.left[d] >= 0 && p.left[d] <= int64(len(body))
	if last {
		body = body[:p.left[d]]
		p.left[d] = -1
	} else if p.left[d] > 0 {
		p.left[d] -= int64(len(body))
	}
	p.count[d] += int64(len(body))
	rate := p.rate
	p.mu.Unlock()
	if rate > 0 {
		time.Sleep(time.Duration(len(body)) * time.Second / time.Duration(rate))
	}
	_, err := to.Write(body)
	if last {
		p.Cut()
		return io.EOF
	}
	return err
}
