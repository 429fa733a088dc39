package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/prompt"
)

// A stage is how far a dial came.
type stage int

const (
	connecting   stage = iota // no TCP connection
	identifying               // no key of the server that is known
	loggingIn                 // the server is who it should be
	startingSFTP              // the user is in
	ready
)

// dial makes a connection and says how far it came. Errors are *bridge.Error, or ctx's.
func (r *Remote) dial(ctx context.Context) (*conn, stage, error) {
	if err := r.life.Err(); err != nil {
		return nil, connecting, err
	}
	pins, err := r.readPins()
	if err != nil {
		return nil, connecting, err
	}
	signers, end, err := r.signers(ctx)
	if err != nil {
		return nil, connecting, err
	}
	defer end()
	tcp, err := r.connect(ctx)
	if err != nil {
		return nil, connecting, err
	}
	stop := context.AfterFunc(ctx, func() { _ = tcp.Close() })
	c, at, err := r.handshake(tcp, pins, signers)
	if !stop() && err == nil {
		c.close()
		return nil, at, ctx.Err()
	}
	if err != nil {
		_ = tcp.Close()
		return nil, at, err
	}
	_ = tcp.SetDeadline(time.Time{})
	return c, ready, nil
}

// connect makes the TCP connection.
func (r *Remote) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, r.connectTimeout)
	defer cancel()
	tcp, err := r.dialTCP(ctx, "tcp", r.address)
	if err != nil {
		return nil, r.unreachable("no connection", err, "look whether the address is right, the server runs, and a firewall stands between")
	}
	return tcp, nil
}

// handshake does all that comes after TCP, within one more ConnectTimeout. When it fails, everything that it has
// started has ended, or ends with the TCP connection, which the caller closes.
func (r *Remote) handshake(tcp net.Conn, pins *pins, signers []ssh.Signer) (*conn, stage, error) {
	_ = tcp.SetDeadline(time.Now().Add(r.connectTimeout))
	login := &login{user: r.user, signers: signers, password: r.password}
	var keyErr error
	var known bool
	config := &ssh.ClientConfig{
		User: r.user,
		Auth: login.methods(),
		HostKeyCallback: func(address string, remote net.Addr, key ssh.PublicKey) error {
			keyErr = r.checkHostKey(pins, address, remote, key)
			if known = keyErr == nil; known {
				r.noteHost(key)
			}
			return keyErr
		},
		HostKeyAlgorithms: pins.algorithms,
		Config:            ssh.Config{KeyExchanges: r.algorithms.KeyExchanges, Ciphers: r.algorithms.Ciphers, MACs: r.algorithms.MACs},
		ClientVersion:     "SSH-2.0-orobridge",
	}
	sshConn, channels, requests, err := ssh.NewClientConn(prompt.New(tcp), r.address, config)
	switch {
	case keyErr != nil:
		return nil, identifying, keyErr
	case err != nil && !known:
		return nil, identifying, r.explainHandshake(pins, err)
	case err != nil:
		return nil, loggingIn, r.explainLogin(login, err)
	}
	c := &conn{tcp: tcp, ssh: ssh.NewClient(sshConn, channels, requests), gone: make(chan struct{}), listingTime: r.listingTime}
	c.dog = &watchdog{limit: r.readTimeout, bite: func() { _ = tcp.Close() }}
	c.work.Go(func() {
		_ = c.ssh.Wait()
		close(c.gone)
	})
	err = c.start()
	if err == nil {
		err = c.resolveRoot(r.root)
	}
	if err != nil {
		c.close()
		return nil, startingSFTP, r.explainOpen(err)
	}
	c.work.Go(func() { c.keep(r.keepAlive, r.readTimeout) })
	return c, ready, nil
}

// explainHandshake explains why no key was agreed on.
func (r *Remote) explainHandshake(pins *pins, err error) error {
	var none *ssh.AlgorithmNegotiationError
	if !errors.As(err, &none) {
		return r.unreachable("no SSH handshake", err, "look whether an SSH server answers at this address, and has connections left")
	}
	e := &bridge.Error{Op: "connect", Object: r.name + " at " + r.address, Fate: bridge.Stop, Err: err,
		Hint: "the server is too old for what is safe today, or too new: ask its operator for algorithms"}
	broken := offered(none.RequestedAlgorithms)
	ofHost := slices.Equal(none.SupportedAlgorithms, pins.algorithms)
	if ofHost && pins.pinned {
		e.Err = fmt.Errorf("%w: %w", ErrHostKey, err)
		// A pinned RSA key is the one key whose algorithm may be too old and the key right all the same.
		if !slices.Contains(pins.algorithms, ssh.KeyAlgoRSASHA256) {
			broken = nil
		}
		e.Hint = "the server has no host key of the type that " + r.knownHosts + " pins: ask its operator whether the key was replaced, " +
			"then pin the new one"
	}
	if len(broken) > 0 {
		e.Hint = "the server knows only what is broken: have it renewed; until then legacy_algorithms: [" + strings.Join(broken, ", ") +
			"] lets the remote use it, and whoever stands between may read and change what is transferred"
	}
	return e
}

// explainLogin tells a refusal from a broken connection. x/crypto/ssh has no type for a refusal, but breakage has: a
// server that has answered at least one attempt, and then neither closed the connection nor ran into the deadline, has
// refused.
func (r *Remote) explainLogin(l *login, err error) error {
	if trouble(err) {
		hint := "look whether the server is overloaded"
		if l.tried.Load() {
			hint = "the server hung up during the login: look whether it refuses user " + r.user + " or has too many connections"
		}
		return r.unreachable("no login", err, hint)
	}
	return &bridge.Error{Op: "log in", Object: r.name + " at " + r.address, Fate: bridge.Pause,
		Err:  fmt.Errorf("%w for user %s by %s: %w", bridge.ErrLogin, r.user, l.means(), err),
		Hint: l.hint()}
}

// explainOpen says why there is no SFTP session although the login was right: the server refused it, which is one of two
// errors, or the connection broke.
func (r *Remote) explainOpen(err error) error {
	var channel *ssh.OpenChannelError
	refused := errors.As(err, &channel) && channel.Reason != ssh.ResourceShortage
	if !refused && !errors.Is(err, errNoSubsystem) {
		return r.unreachable("no SFTP session", err, "look whether the server allows user "+r.user+" SFTP, and has sessions left")
	}
	return &bridge.Error{Op: "start SFTP", Object: r.name + " at " + r.address, Fate: bridge.Stop, Err: err,
		Hint: "the login works, but the server offers no SFTP to user " + r.user + ": ask its operator to allow it"}
}

// trouble says whether err is of the connection: closed, reset, timed out.
func trouble(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, os.ErrDeadlineExceeded)
}

func (r *Remote) unreachable(what string, err error, hint string) error {
	return &bridge.Error{Op: "connect", Object: r.name + " at " + r.address, Fate: bridge.Pause,
		Err: fmt.Errorf("%w: %s: %w", bridge.ErrUnreachable, what, err), Hint: hint}
}
