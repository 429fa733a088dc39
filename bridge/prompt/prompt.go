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
// What it can't spare so is Go's poller, which is woken by all that comes on a connection, and another thread with it. A connection that is
// known, and few of its kind are, may leave the poller: see [Conn.Apart].
//
// On other systems than Linux it waits as everybody does.
package prompt

import (
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
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
	apart  atomic.Bool     // it may leave Go's poller

	writing sync.Mutex
	mu      sync.Mutex              // it leaves, or is closed
	own     atomic.Pointer[os.File] // once it has left
	closed  bool
}

// New stands before a TCP connection. With one processor alone there is none to spare.
func New(tcp net.Conn) *Conn {
	c := &Conn{Conn: tcp}
	if t, ok := tcp.(syscall.Conn); ok && runtime.GOMAXPROCS(0) > 1 {
		c.raw, _ = t.SyscallConn()
	}
	return c
}

// Apart lets the connection leave Go's poller for good once its other end is prompt: then a thread waits for each read and write, and
// nobody else is woken when something comes. It has no deadlines any more. It is for connections that are known and few.
func (c *Conn) Apart() { c.apart.Store(true) }

func (c *Conn) Read(p []byte) (int, error) {
	began := time.Now()
	if c.prompt {
		runtime.Gosched()
		if c.apart.Load() && c.own.Load() == nil {
			c.leave()
		}
		if own := c.own.Load(); own != nil {
			n, err := own.Read(p)
			return n, asConn(err)
		}
		if time.Since(began) < moment && awaiting.CompareAndSwap(false, true) {
			await(c.raw, moment)
			awaiting.Store(false)
		}
	}
	n, err := c.Conn.Read(p)
	c.prompt = c.raw != nil && n < len(p) && time.Since(began) < moment
	return n, err
}

// leave takes the connection out of Go's poller, unless something is being written: that would be cut short.
func (c *Conn) leave() {
	if !c.writing.TryLock() {
		return
	}
	defer c.writing.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if own := waiting(c.raw, c.RemoteAddr().String()); own != nil {
		c.own.Store(own)
		_ = c.Conn.Close() // the connection itself goes on
	}
}

func (c *Conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if own := c.own.Load(); own != nil {
		n, err := own.Write(p)
		return n, asConn(err)
	}
	return c.Conn.Write(p)
}

// asConn is a file's error as a connection has it.
func asConn(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return net.ErrClosed
	}
	return err
}

// Close ends the connection, and whoever waits for it.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if own := c.own.Load(); own != nil {
		return errors.Join(shutdown(own), own.Close())
	}
	return c.Conn.Close()
}
