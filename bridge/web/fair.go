package web

import (
	"net"
	"net/netip"
	"sync"
)

// fair is a listener of which no address holds more than so many connections: whoever opens them all keeps only itself out. Behind a
// trusted proxy everybody comes from one address, which has no bound.
type fair struct {
	net.Listener
	most    int // of an address
	proxies []netip.Prefix

	mu   sync.Mutex
	open map[netip.Prefix]int
}

// Accept waits for a connection. One too many of its address is closed at once.
func (f *fair) Accept() (net.Conn, error) {
	for {
		c, err := f.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from, bound := f.from(c)
		if !bound {
			return c, nil
		}
		f.mu.Lock()
		if f.open == nil {
			f.open = map[netip.Prefix]int{}
		}
		full := f.open[from] >= f.most
		if !full {
			f.open[from]++
		}
		f.mu.Unlock()
		if !full {
			return &counted{Conn: c, gone: sync.OnceFunc(func() { f.leave(from) })}, nil
		}
		_ = c.Close() // nothing was said yet
	}
}

// from is who is counted as one: an address, or a network of IPv6 such as one household has.
func (f *fair) from(c net.Conn) (from netip.Prefix, bound bool) {
	at, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return from, false
	}
	a, bits := at.Addr().Unmap().WithZone(""), 64
	if a.Is4() {
		bits = 32
	}
	for _, p := range f.proxies {
		if p.Contains(a) {
			return from, false
		}
	}
	from, err = a.Prefix(bits)
	return from, err == nil
}

func (f *fair) leave(from netip.Prefix) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[from]--; f.open[from] == 0 {
		delete(f.open, from)
	}
}

// counted is a connection that gives its place back when it is closed.
type counted struct {
	net.Conn
	gone func()
}

// Close ends the connection.
func (c *counted) Close() error {
	defer c.gone()
	return c.Conn.Close()
}
