// Package prompt waits well for who answers at once.
//
// A client that moves small files waits for each answer before it asks again, which it does within a fraction of a millisecond; so does a
// server that is asked for one page of a folder after the other. What they say passes through half a dozen goroutines of x/crypto and
// pkg/sftp, and as long as the process has a processor to spare Go's scheduler wakes a thread for each hand-over, which finds nothing to
// do: that took a third of the processor time, and a processor from whoever else is on the machine. So the goroutine that reads lets those
// go first whom it has handed a packet, and waits for the next one in its thread, outside of Go's poller: it takes the spare processor, and
// nobody is woken for that. One does so at a time, for a moment only, and not where others took long to let it go on: what else is to be
// done comes first.
//
// On other systems than Linux it waits as everybody does.
package prompt

import (
	"net"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
)

// moment is how soon a prompt one says more.
const moment = time.Millisecond

// awaiting says that somebody waits in a thread.
var awaiting atomic.Bool

// Conn is a connection to one that may be prompt.
type Conn struct {
	net.Conn
	raw    syscall.RawConn // nil: it always waits in Go's poller
	prompt bool            // the last read took all there was, and that came within a moment
}

// New stands before a TCP connection. With one processor alone there is none to spare.
func New(tcp net.Conn) *Conn {
	c := &Conn{Conn: tcp}
	if t, ok := tcp.(syscall.Conn); ok && runtime.GOMAXPROCS(0) > 1 {
		c.raw, _ = t.SyscallConn()
	}
	return c
}

func (c *Conn) Read(p []byte) (int, error) {
	began := time.Now()
	if c.prompt {
		runtime.Gosched()
		if time.Since(began) < moment && awaiting.CompareAndSwap(false, true) {
			await(c.raw, moment)
			awaiting.Store(false)
		}
	}
	n, err := c.Conn.Read(p)
	c.prompt = c.raw != nil && n < len(p) && time.Since(began) < moment
	return n, err
}
