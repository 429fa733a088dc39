package sftp

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
)

// conn is one SSH connection with one SFTP session in it. One operation at a time uses it. It is cut by closing the TCP
// connection: the closing functions of pkg/sftp and x/crypto/ssh can block behind a write that never ends.
type conn struct {
	tcp   net.Conn
	ssh   *ssh.Client
	files *sftp.Client
	gone  chan struct{} // closed when the SSH connection has ended
	work  sync.WaitGroup
	dog   *watchdog
	busy  atomic.Bool // an operation is under way

	configured, root string // the remote's root in the config, and what the server calls it

	listingTime time.Duration           // of a whole listing
	listing     atomic.Pointer[listing] // that is under way
	why         atomic.Pointer[error]   // for which the connection was cut; nil for what the watchdog or a context did
}

// input is the server's side of the SFTP session, as pkg/sftp gets it: while a folder is listed, packets come whole and without names.
type input struct {
	live
	length [lengthSize]byte
	head   []byte // of the packet that passes
	rest   int64  // of it, behind the head
}

func (in *input) Read(p []byte) (n int, err error) {
	if len(in.head) == 0 && in.rest == 0 {
		if err := in.begin(); err != nil {
			return 0, err
		}
	}
	if len(in.head) > 0 {
		n = copy(p, in.head)
		in.head = in.head[n:]
		return n, nil
	}
	n, err = in.live.Read(p[:min(int64(len(p)), in.rest)])
	in.rest -= int64(n)
	return n, err
}

// begin begins the next packet.
func (in *input) begin() error {
	if _, err := io.ReadFull(&in.live, in.length[:]); err != nil {
		return err
	}
	in.head, in.rest = in.length[:], int64(binary.BigEndian.Uint32(in.length[:]))
	l := in.c.listing.Load()
	if l == nil || in.rest > maxPacket {
		return nil
	}
	l.packet = append(l.packet[:0], in.head...)
	l.packet = slices.Grow(l.packet, int(in.rest))[:lengthSize+in.rest]
	_, err := io.ReadFull(&in.live, l.packet[lengthSize:])
	if err == nil {
		in.rest = 0
		if in.head, err = l.take(l.packet); err != nil {
			in.c.cut(err)
		}
	}
	return err
}

// live is the server's side of the SFTP session as it comes: each byte shows that the server is there.
type live struct {
	from io.Reader
	c    *conn
}

func (r *live) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if n == 0 {
		return 0, err
	}
	r.c.dog.progress()
	if l := r.c.listing.Load(); l != nil {
		if l.bytes -= n; l.bytes < 0 {
			r.c.cut(errCrowded)
			return 0, io.ErrUnexpectedEOF
		}
	}
	return n, err
}

// errNoSubsystem says that the server refused to start SFTP.
var errNoSubsystem = errors.New("the server has no subsystem sftp")

// start starts the SFTP session.
func (c *conn) start() error {
	session, err := c.ssh.NewSession()
	if err != nil {
		return err
	}
	in, err := session.StdinPipe()
	if err != nil {
		return err
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return err
	}
	stderr, err := session.StderrPipe()
	if err != nil {
		return err
	}
	// Session.RequestSubsystem does not tell a refusal from a broken connection.
	granted, err := session.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"}))
	if err != nil {
		return err
	}
	if !granted {
		return errNoSubsystem
	}
	// What nobody reads would fill the window of the channel.
	c.work.Go(func() { _, _ = io.Copy(io.Discard, stderr) })
	c.files, err = sftp.NewClientPipe(&input{live: live{out, c}}, in)
	return err
}

// run does an operation: the connection is cut when ctx ends or the server is silent for too long.
func (c *conn) run(ctx context.Context, f func() error) error {
	stop := context.AfterFunc(ctx, func() { _ = c.tcp.Close() })
	defer stop()
	c.busy.Store(true)
	defer c.busy.Store(false)
	c.dog.start()
	defer c.dog.stop()
	return f()
}

// broken says whether the connection is of no more use, given the error of the operation that used it.
func (c *conn) broken(err error) bool {
	select {
	case <-c.gone:
		return true
	default:
	}
	var done *bridge.Error
	var writer *writerError
	var size *sizeError
	var body *bodyError
	known := err == nil || serverSaid(err) || errors.As(err, &writer) || errors.As(err, &size) || errors.As(err, &body) ||
		errors.Is(err, bridge.ErrNotRegular) || errors.Is(err, bridge.ErrNotFolder) ||
		errors.As(err, &done) && !errors.Is(err, bridge.ErrUnreachable)
	return !known || c.dog.bit() || c.whyCut() != nil
}

// keep sends keepalive@openssh.com while the connection is idle, one at a time, and cuts it when no answer comes.
func (c *conn) keep(every, wait time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-c.gone:
			return
		case <-tick.C:
		}
		if c.busy.Load() {
			continue // the operation has a watchdog of its own
		}
		cut := time.AfterFunc(wait, func() { _ = c.tcp.Close() })
		_, _, err := c.ssh.SendRequest("keepalive@openssh.com", true, nil)
		cut.Stop()
		if err != nil {
			return
		}
	}
}

// close cuts the connection and waits for all that ran on it.
func (c *conn) close() {
	_ = c.tcp.Close()
	c.dog.stop()
	if c.files != nil {
		_ = c.files.Close()
	}
	<-c.gone
	c.work.Wait()
}

// watchdog bites when nothing happens for too long.
type watchdog struct {
	limit time.Duration
	bite  func()

	mu    sync.Mutex
	timer *time.Timer
	due   time.Time
	on    bool
	has   bool
}

func (d *watchdog) start() { d.set(true) }
func (d *watchdog) stop()  { d.set(false) }

func (d *watchdog) set(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.on = on
	if d.timer == nil {
		d.timer = time.AfterFunc(d.limit, d.expire)
	}
	if on {
		d.reset()
	} else {
		d.timer.Stop()
	}
}

func (d *watchdog) reset() {
	d.due = time.Now().Add(d.limit)
	d.timer.Reset(d.limit)
}

// progress starts the time anew.
func (d *watchdog) progress() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.on {
		d.reset()
	}
}

func (d *watchdog) expire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.on && !time.Now().Before(d.due) {
		d.has = true
		d.bite()
	}
}

// bit says whether it has.
func (d *watchdog) bit() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.has
}

// do runs an operation on a connection of the pool and explains its error.
func (r *Remote) do(ctx context.Context, op, p string, f func(c *conn, at place) error) error {
	at, err := r.locate(op, p)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.life, cancel)()

	c, err := r.acquire(ctx)
	if err == nil {
		err = c.run(ctx, func() error { return f(c, at) })
		broken := c.broken(err) || ctx.Err() != nil
		if err != nil && ctx.Err() == nil {
			err = r.explain(op, p, c, err)
		}
		r.release(c, broken)
	}
	if err == nil {
		return nil
	}
	if r.life.Err() != nil {
		return &bridge.Error{Op: op, Object: bridge.FileObject(r.name, p), Fate: bridge.Stop, Err: fs.ErrClosed}
	}
	if ctx.Err() != nil {
		return &bridge.Error{Op: op, Object: bridge.FileObject(r.name, p), Fate: bridge.Pause, Err: ctx.Err()}
	}
	return err
}

// acquire takes a connection that nobody uses, or dials one. Its errors are explained.
func (r *Remote) acquire(ctx context.Context) (*conn, error) {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for {
		c := r.pop()
		if c == nil {
			break
		}
		if !c.broken(nil) {
			return c, nil
		}
		c.close()
	}
	c, _, err := r.dial(ctx)
	if err != nil {
		<-r.slots
		return nil, err
	}
	return c, nil
}

// release gives a connection back, or ends it.
func (r *Remote) release(c *conn, broken bool) {
	if broken {
		c.close()
	} else {
		r.mu.Lock()
		r.idle = append(r.idle, c)
		r.mu.Unlock()
	}
	<-r.slots
}

func (r *Remote) pop() *conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.idle) == 0 {
		return nil
	}
	c := r.idle[len(r.idle)-1]
	r.idle = r.idle[:len(r.idle)-1]
	return c
}
