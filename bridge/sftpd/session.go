package sftpd

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/prompt"
)

// Channels, which are SFTP sessions, of one connection: OpenSSH's MaxSessions.
const maxChannels = 10

// connection is one client's.
type connection struct {
	*server
	tcp      *prompt.Conn
	address  netip.Addr
	began    time.Time
	entered  bool // its login is over; the server's lock guards it
	expected bool // a partner may be there

	id      string
	account *account
	root    *os.Root
	handles atomic.Int64 // open files and listings
	active  atomic.Int64 // when the last request came, unix nanoseconds
	in, out atomic.Int64 // bytes of files
	idle    atomic.Bool  // it ended because nothing happened
}

// serve does all that a connection asks for, until it ends.
func (c *connection) serve() {
	ctx, cancel := context.WithCancel(c.life)
	defer cancel()
	until := time.Now().Add(c.options.Limits.HandshakeTimeout.D())
	_ = c.tcp.SetDeadline(until)
	l := &login{server: c.server, address: c.address, ctx: ctx}
	client := greet(c.tcp, until)
	config := l.config()
	config.Ciphers = client.ciphers(config.Ciphers)
	conn, channels, requests, err := ssh.NewServerConn(&watchedConn{client, cancel}, config)
	c.server.entered(c)
	if err != nil {
		l.failed(l.user, err)
		return
	}
	defer conn.Close()
	_ = c.tcp.SetDeadline(time.Time{})
	c.tcp.Apart()
	c.account = conn.Permissions.ExtraData[accountData{}].(*account)
	method := conn.Permissions.ExtraData[methodData{}].(string)
	c.id = hex.EncodeToString(conn.SessionID()[:8])
	c.throttle.Succeeded(c.address, c.account.Name)
	if reason := c.take(c.account); reason != "" {
		c.turnDown(channels, requests, reason)
		return
	}
	defer c.give(c.account)
	if c.root, err = c.openRoot(); err != nil {
		c.log.Error("open a partner's folder", "remote", c.name, "user", c.account.Name, "error", err)
		c.turnDown(channels, requests, "your folder can't be opened: ask the operator")
		return
	}
	defer c.root.Close()
	version := printable(string(conn.ClientVersion()))
	c.tell(bridge.Event{Kind: bridge.SessionBegan, Text: method}, bridge.Visit{Client: version})
	why := c.run(conn, channels, requests)
	c.tell(bridge.Event{Kind: bridge.SessionEnded, Bytes: c.in.Load() + c.out.Load(), Text: why},
		bridge.Visit{Client: version, Took: time.Since(c.began)})
}

// watchedConn ends a context with the connection, so that a login that waits does not outlive it.
type watchedConn struct {
	net.Conn
	gone func()
}

func (w *watchedConn) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if err != nil {
		w.gone()
	}
	return n, err
}

// openRoot opens the user's folder, which is made where it is missing.
func (c *connection) openRoot() (*os.Root, error) {
	root, err := os.OpenRoot(c.options.Path)
	if err != nil || c.account.folder == "." {
		return root, err
	}
	defer root.Close()
	if err := plainPath(root, c.account.folder); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err := root.MkdirAll(c.account.folder, 0o755); err != nil {
		return nil, err
	}
	return root.OpenRoot(filepath.FromSlash(c.account.folder))
}

// turnDown tells a user who is logged in why there is no session.
func (c *connection) turnDown(channels <-chan ssh.NewChannel, requests <-chan *ssh.Request, reason string) {
	c.refuse("", reason)
	go ssh.DiscardRequests(requests)
	end := time.AfterFunc(5*time.Second, func() { _ = c.tcp.Close() })
	defer end.Stop()
	if ch, ok := <-channels; ok {
		_ = ch.Reject(ssh.ResourceShortage, reason)
	}
}

// run answers requests and channels until the connection ends, and says why it did.
func (c *connection) run(conn *ssh.ServerConn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) string {
	var work sync.WaitGroup
	defer work.Wait()
	stop := c.watchIdle()
	defer stop()
	work.Go(func() {
		if len(c.keys) > 0 {
			_, _, _ = conn.SendRequest(announceKeys, false, announcement(c.keys))
		}
		for r := range requests {
			c.global(conn, r)
		}
	})
	var open atomic.Int64
	for ch := range channels {
		if ch.ChannelType() != "session" {
			_ = ch.Reject(ssh.Prohibited, "this server offers SFTP only")
			c.refuse("", "a channel of type "+printable(ch.ChannelType()))
			continue
		}
		if open.Add(1) > maxChannels {
			open.Add(-1)
			reason := fmt.Sprintf("more than %d sessions on one connection", maxChannels)
			_ = ch.Reject(ssh.ResourceShortage, reason)
			c.refuse("", reason)
			continue
		}
		channel, requests, err := ch.Accept()
		if err != nil {
			open.Add(-1)
			continue
		}
		work.Go(func() {
			defer open.Add(-1)
			c.channel(channel, requests)
		})
	}
	err := conn.Wait()
	switch {
	case c.idle.Load():
		return fmt.Sprintf("nothing was asked for %v", c.options.Limits.IdleTimeout)
	case c.life.Err() != nil:
		return "the server ended"
	case err == nil, errors.Is(err, io.EOF):
		return "the client hung up"
	}
	return printable(err.Error())
}

// global answers a request that is of no channel. Most want to know whether somebody is there.
func (c *connection) global(conn *ssh.ServerConn, r *ssh.Request) {
	if r.Type == proveKeys && r.WantReply {
		proof, err := prove(c.keys, conn.SessionID(), r.Payload)
		_ = r.Reply(err == nil, proof)
		return
	}
	if strings.HasSuffix(r.Type, "-forward") || strings.HasSuffix(r.Type, "-forward@openssh.com") {
		c.refuse("", "forwarding")
	}
	if r.WantReply {
		_ = r.Reply(false, nil)
	}
}

// watchIdle ends a connection that asks for nothing.
func (c *connection) watchIdle() (stop func()) {
	limit := c.options.Limits.IdleTimeout.D()
	c.active.Store(time.Now().UnixNano())
	var timer *time.Timer
	var mu sync.Mutex
	ended := false
	timer = time.AfterFunc(limit, func() {
		mu.Lock()
		defer mu.Unlock()
		if ended {
			return
		}
		if left := limit - time.Since(time.Unix(0, c.active.Load())); left > 0 {
			timer.Reset(left)
			return
		}
		c.idle.Store(true)
		_ = c.tcp.Close()
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		timer.Stop()
	}
}

// what is said to those who want a shell or a command.
const sftpOnly = "This server offers SFTP only: use sftp, or scp without -O.\r\n"

// channel waits for the request to start SFTP, and serves it.
func (c *connection) channel(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer channel.Close()
	var work sync.WaitGroup
	defer work.Wait()
	started := false
	for r := range requests {
		var subsystem struct{ Name string }
		ok, status := false, uint32(0)
		switch {
		case r.Type == "subsystem" && !started:
			if ok = ssh.Unmarshal(r.Payload, &subsystem) == nil && subsystem.Name == "sftp"; !ok {
				c.refuse("", "the subsystem "+printable(subsystem.Name))
			}
		case r.Type == "shell", r.Type == "exec":
			ok, status = !started, 1
		case r.Type == "pty-req":
			ok = true // so that a person sees what is said
		}
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
		if !ok || r.Type == "pty-req" {
			continue
		}
		started = true
		work.Go(func() {
			defer channel.Close()
			if status == 0 {
				status = c.files(channel)
			} else {
				_, _ = channel.Stderr().Write([]byte(sftpOnly))
				c.refuse("", "a shell or command")
			}
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
		})
	}
}

// files serves SFTP on a channel and returns the exit status.
func (c *connection) files(channel ssh.Channel) uint32 {
	t := &tree{connection: c}
	defer t.leave(0)
	server := sftp.NewRequestServer(newPackets(channel, c.touch), sftp.Handlers{FileGet: t, FilePut: t, FileCmd: t, FileList: t},
		sftp.WithRSAllocator(), sftp.WithRSMaxTxPacket(maxData))
	err := server.Serve()
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return 0
	case !errors.Is(err, io.ErrUnexpectedEOF): // as when a connection dies
		c.refuse("", "what is no SFTP: "+printable(err.Error()))
	}
	return 1
}

// checkAnswer connects to the server as a stranger and looks at its key.
func (r *Remote) checkAnswer(ctx context.Context, keys []hostKey) bridge.Finding {
	f := bridge.Finding{Subject: "remote " + r.name, What: "look whether the server answers on " + r.Address(), OK: true}
	dialer := net.Dialer{Timeout: 3 * time.Second}
	tcp, err := dialer.DialContext(ctx, "tcp", r.Address())
	if err != nil {
		f.Detail = "nobody listens there: the server runs inside orobridge run"
		return f
	}
	defer tcp.Close()
	_ = tcp.SetDeadline(time.Now().Add(5 * time.Second))
	var shown ssh.PublicKey
	look := func(_ string, _ net.Addr, key ssh.PublicKey) error {
		shown = key
		return errors.New("seen")
	}
	_, _, _, err = ssh.NewClientConn(tcp, r.Address(), &ssh.ClientConfig{User: "orobridge-check", HostKeyCallback: look})
	switch {
	case shown == nil:
		f.OK, f.Detail, f.Hint = false, "no SSH server answers there: "+printable(err.Error()), "look which program has the port"
	case find(keys, shown.Marshal()) == nil:
		f.OK, f.Detail, f.Hint = false, "another server answers there, with the key "+fingerprint(shown), "look which program has the port"
	default:
		f.Detail = "it answers with the key " + fingerprint(shown)
	}
	return f
}
