package sftpd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/password"
	"github.com/orobridge/orobridge/bridge/prompt"
)

// Handshakes under way at once: of strangers, of those who are expected, and of one address. Connections beyond are told so
// and closed. A stranger who dawdles makes room for the next, so that fifty who say nothing do not shut the door.
const (
	maxHandshakes        = 50
	maxAddressHandshakes = 20
	dawdling             = 2 * time.Second
)

// grace is how long transfers that are under way may go on when the server ends.
const grace = 5 * time.Second

// server is a remote while it listens.
type server struct {
	*Remote
	keys     []hostKey
	accounts map[string]*account
	checker  *ssh.CertChecker // nil without authorities
	throttle *password.Throttle
	hasher   *hasher
	coverage *coverages
	usage    map[string]*usage
	pace     map[string]*pace

	mu         sync.Mutex
	conns      map[*connection]bool
	handshakes map[netip.Addr]int
	waiting    int // sum of handshakes
	strangers  int // of these, who are not expected
	sessions   map[string]int
	inside     int // sum of sessions
	ended      bool
	work       sync.WaitGroup
}

// Listen makes the host keys, reads those of users and opens the address, before [Remote.Serve] answers there.
func (r *Remote) Listen(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.listen(ctx)
}

// listen opens the address if it is not open yet. Callers hold the lock.
func (r *Remote) listen(ctx context.Context) error {
	if r.listener != nil {
		return nil
	}
	if err := r.makeHostKeys(); err != nil {
		return &bridge.Error{Op: "make host keys", Object: r.name, Fate: bridge.Stop, Err: err,
			Hint: "give the user that runs the bridge the right to write into " + r.state}
	}
	if _, err := r.newServer(); err != nil { // so that it is known now
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", r.options.Listen)
	if err != nil {
		return &bridge.Error{Op: "listen for SFTP", Object: r.options.Listen, Fate: bridge.Stop, Err: err,
			Hint: "look whether another program has the port, and whether listen names an address of this machine"}
	}
	r.listener = listener
	return nil
}

// Serve answers partners until ctx ends, and returns when all sessions have ended. Transfers that are under way then
// have five seconds. Errors are *bridge.Error with fate Stop: something keeps it from listening.
func (r *Remote) Serve(ctx context.Context) error {
	r.mu.Lock()
	if r.life.Err() != nil || ctx.Err() != nil {
		r.mu.Unlock()
		return nil
	}
	r.work.Add(1)
	defer r.work.Done()
	err := r.listen(ctx)
	listener := r.listener
	r.mu.Unlock()
	switch {
	case err != nil && ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	s, err := r.newServer()
	if err != nil {
		_ = listener.Close()
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var hashing sync.WaitGroup
	hashing.Go(s.hasher.run)
	s.accept(listener)
	s.drain()
	s.hasher.close()
	hashing.Wait()
	return nil
}

func (r *Remote) newServer() (*server, error) {
	keys, err := r.readHostKeys()
	if err != nil {
		return nil, err
	}
	accounts, err := r.accounts()
	if err != nil {
		return nil, err
	}
	s := &server{Remote: r, keys: keys, accounts: accounts,
		throttle: password.NewThrottle(), hasher: newHasher(), coverage: newCoverages(),
		usage: map[string]*usage{}, pace: map[string]*pace{},
		conns: map[*connection]bool{}, handshakes: map[netip.Addr]int{}, sessions: map[string]int{}}
	for name, a := range accounts {
		s.usage[name], s.pace[name] = newUsage(a.Quota), newPace(a.Rate)
	}
	if r.options.CAFile != "" {
		if s.checker, err = newChecker(r.options.CAFile); err != nil {
			return nil, &bridge.Error{Op: "read ca_file of", Object: r.name, Fate: bridge.Stop, Err: err,
				Hint: "ca_file wants public keys, one a line"}
		}
	}
	return s, nil
}

// accept connections until the listener is closed.
func (s *server) accept(listener net.Listener) {
	for {
		tcp, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no file handles, for example: it passes
			s.log.Warn("accept connection", "remote", s.name, "error", err)
			select {
			case <-s.life.Done():
				return
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		c := &connection{server: s, tcp: prompt.New(tcp), address: addressOf(tcp), began: time.Now()}
		c.expected = s.expects(c.address)
		if reason := s.admit(c); reason != "" {
			s.refuseStranger(c.address, "", reason)
			turnAway(tcp, reason)
			continue
		}
		s.work.Go(func() {
			defer s.leave(c)
			c.serve()
		})
	}
}

func addressOf(c net.Conn) netip.Addr {
	a, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap().WithZone("")
}

// turnAway tells a client why, in a line before the protocol begins, which RFC 4253 (4.2) allows for and OpenSSH prints.
func turnAway(tcp net.Conn, reason string) {
	_ = tcp.SetDeadline(time.Now().Add(time.Second))
	_, _ = tcp.Write([]byte(reason + "\r\n"))
	_ = tcp.Close()
}

// admit counts a connection, or says why not.
func (s *server) admit(c *connection) string {
	if left := s.throttle.Shut(c.address); left > 0 {
		return fmt.Sprintf("Too many failed logins from this address: try again in %v", left.Round(time.Second))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return "The server is stopping"
	case s.inside >= s.options.Limits.Connections, len(s.conns) >= s.options.Limits.Connections+2*maxHandshakes:
		return tooMany
	case s.handshakes[c.address] >= maxAddressHandshakes,
		c.expected && s.waiting-s.strangers >= maxHandshakes,
		!c.expected && s.strangers >= maxHandshakes && !s.makeRoom():
		return "Too many logins under way: try again later"
	}
	s.conns[c] = true
	s.handshakes[c.address]++
	if s.waiting++; !c.expected {
		s.strangers++
	}
	return ""
}

const tooMany = "Too many connections: try again later"

// expects says whether a partner may be at an address: one has logged in from there, or the config says that one comes from
// there. Strangers do not keep them out.
func (s *server) expects(a netip.Addr) bool {
	for _, account := range s.accounts {
		if s.throttle.Knows(a, account.Name) || len(account.networks) > 0 && account.allowed(a) {
			return true
		}
	}
	return false
}

// makeRoom ends the oldest handshake of a stranger, if it dawdles. Callers hold the lock.
func (s *server) makeRoom() bool {
	var oldest *connection
	for c := range s.conns {
		if !c.entered && !c.expected && (oldest == nil || c.began.Before(oldest.began)) {
			oldest = c
		}
	}
	if oldest == nil || time.Since(oldest.began) < dawdling {
		return false
	}
	_ = oldest.tcp.Close()
	s.enter(oldest)
	return true
}

// entered says that a connection's login is over.
func (s *server) entered(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enter(c)
}

func (s *server) enter(c *connection) {
	if c.entered {
		return
	}
	c.entered = true
	if s.waiting--; !c.expected {
		s.strangers--
	}
	if s.handshakes[c.address]--; s.handshakes[c.address] == 0 {
		delete(s.handshakes, c.address)
	}
}

func (s *server) leave(c *connection) {
	_ = c.tcp.Close()
	s.entered(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// take counts a session of a user, or says why there can't be one.
func (s *server) take(a *account) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.inside >= s.options.Limits.Connections:
		return tooMany
	case s.sessions[a.Name] >= a.Connections:
		return fmt.Sprintf("user %s has %d connections already", a.Name, a.Connections)
	}
	s.sessions[a.Name]++
	s.inside++
	return ""
}

func (s *server) give(a *account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[a.Name]--
	s.inside--
}

// drain lets transfers go on for a while, then ends all connections and waits for what they did.
func (s *server) drain() {
	until := time.Now().Add(grace)
	for s.life.Err() == nil && time.Now().Before(until) && s.cut(func(c *connection) bool { return c.handles.Load() == 0 }) > 0 {
		select {
		case <-s.life.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	s.cut(func(*connection) bool { return true })
	s.work.Wait()
	s.Remote.mu.Lock()
	s.Remote.listener = nil
	s.Remote.mu.Unlock()
}

// stopping says whether the server is about to end.
func (s *server) stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// cut ends some connections and returns how many are left.
func (s *server) cut(which func(*connection) bool) (left int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for c := range s.conns {
		if which(c) {
			_ = c.tcp.Close()
		} else {
			left++
		}
	}
	return left
}
