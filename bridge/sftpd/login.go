package sftpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"syscall"
	"time"
	"unicode"

	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge/password"
)

// serverVersion is what clients and scanners are told.
const serverVersion = "SSH-2.0-orobridge"

// errRefused is all that a client learns, whatever is wrong.
var errRefused = errors.New("refused")

// login is the log-in of one connection. What strangers are told, and how long it takes, is the same for a wrong user,
// a wrong password and a wrong address.
type login struct {
	*server
	address netip.Addr
	ctx     context.Context // ends with the connection
	user    string          // the name that was tried last
	tries   int             // passwords that were refused
	keyed   bool            // a user who needs both has shown the key
}

// what a connection's permissions carry.
type (
	accountData struct{}
	methodData  struct{}
)

func admitted(a *account, method string) *ssh.Permissions {
	return &ssh.Permissions{ExtraData: map[any]any{accountData{}: a, methodData{}: method}}
}

// config is the server's side of a connection's handshake.
func (l *login) config() *ssh.ServerConfig {
	a := algorithms(l.options.LegacyAlgorithms)
	c := &ssh.ServerConfig{
		Config:                    ssh.Config{KeyExchanges: a.KeyExchanges, Ciphers: a.Ciphers, MACs: a.MACs},
		PublicKeyAuthAlgorithms:   a.PublicKeyAuths,
		ServerVersion:             serverVersion,
		PublicKeyCallback:         l.publicKey,
		VerifiedPublicKeyCallback: l.verifiedKey,
	}
	for _, a := range l.accounts {
		if a.hash != "" {
			c.PasswordCallback, c.KeyboardInteractiveCallback = l.password, l.ask
		}
	}
	for _, k := range l.keys {
		if k.shown {
			c.AddHostKey(k)
		}
	}
	return c
}

// publicKey says whether a key, or a certificate, would let the user in; that the client has it is not shown yet.
func (l *login) publicKey(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	l.user = c.User()
	a := l.accounts[l.user]
	if a == nil || !a.allowed(l.address) || checkKey(plain(key)) != nil {
		return nil, errRefused
	}
	if cert, ok := key.(*ssh.Certificate); ok {
		return l.certificate(c, a, cert)
	}
	if !a.keys[string(key.Marshal())] {
		return nil, errRefused
	}
	return admitted(a, "key "+fingerprint(key)), nil
}

// plain is the key that a certificate is of.
func plain(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

func fingerprint(key ssh.PublicKey) string { return ssh.FingerprintSHA256(key) }

// newChecker trusts the authorities of a file. x/crypto enforces the critical option source-address; a certificate with
// any other is refused.
func newChecker(file string) (*ssh.CertChecker, error) {
	keys, err := readKeys(file)
	if err != nil {
		return nil, err
	}
	trusted := map[string]bool{}
	for _, k := range keys {
		trusted[string(k.Marshal())] = true
	}
	return &ssh.CertChecker{IsUserAuthority: func(key ssh.PublicKey) bool { return trusted[string(key.Marshal())] }}, nil
}

func (l *login) certificate(c ssh.ConnMetadata, a *account, cert *ssh.Certificate) (*ssh.Permissions, error) {
	// A certificate without principals is good for every user, which nobody means: OpenSSH refuses it too.
	if l.checker == nil || len(cert.ValidPrincipals) == 0 {
		return nil, errRefused
	}
	granted, err := l.checker.Authenticate(c, cert)
	if err != nil {
		return nil, errRefused
	}
	p := admitted(a, fmt.Sprintf("certificate %q of %s", cert.KeyId, fingerprint(cert.SignatureKey)))
	p.CriticalOptions, p.Extensions = granted.CriticalOptions, granted.Extensions
	return p, nil
}

// verifiedKey lets the user in, or asks for the password as well.
func (l *login) verifiedKey(_ ssh.ConnMetadata, _ ssh.PublicKey, p *ssh.Permissions, _ string) (*ssh.Permissions, error) {
	if p.ExtraData[accountData{}].(*account).Both {
		l.keyed = true
		return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{PasswordCallback: l.password, KeyboardInteractiveCallback: l.ask}}
	}
	return p, nil
}

// ask for the password (RFC 4256), as WinSCP and others like it.
func (l *login) ask(c ssh.ConnMetadata, challenge ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
	answers, err := challenge("", "", []string{"Password: "}, []bool{false})
	if err != nil || len(answers) != 1 {
		return nil, errRefused
	}
	return l.password(c, []byte(answers[0]))
}

// password looks at a password, later each time that one was wrong.
func (l *login) password(c ssh.ConnMetadata, text []byte) (*ssh.Permissions, error) {
	l.user = c.User()
	name := accountName(l.user)
	if wait := l.throttle.Wait(l.address, name); wait > 0 {
		select {
		case <-time.After(wait):
		case <-l.ctx.Done():
			return nil, errRefused
		}
	}
	a, hash := l.accounts[l.user], ""
	if a != nil && a.allowed(l.address) && (!a.Both || l.keyed) {
		hash = a.hash
	}
	ok, err := password.Verify(l.ctx, hash, string(text))
	if err != nil {
		return nil, errRefused
	}
	if !ok {
		l.tries++
		l.throttle.Failed(l.address, name)
		l.refuseStranger(l.address, name, "login refused: "+l.reason(a, "wrong password"))
		return nil, errRefused
	}
	method := "password"
	if l.keyed {
		method = "key and password"
	}
	return admitted(a, method), nil
}

// reason is why a login failed, for the journal alone.
func (l *login) reason(a *account, otherwise string) string {
	switch {
	case a == nil:
		return "no such user"
	case !a.allowed(l.address):
		return "not from this address (allow)"
	case a.Both && !l.keyed:
		return "no key (both)"
	}
	return otherwise
}

// accountName is what is remembered of a name that a stranger sent.
func accountName(name string) string {
	if len(name) > maxUserName {
		name = name[:maxUserName]
	}
	return printable(name)
}

// failed counts a connection whose keys were all refused; passwords have been counted. One that went before it tried to
// log in is no event: load balancers look at the port in this way.
func (l *login) failed(user string, err error) {
	name, text := accountName(user), ""
	var auth *ssh.ServerAuthError
	switch {
	case l.tries > 0, l.life.Err() != nil:
		return
	case errors.As(err, &auth):
		if len(auth.Errors) < 2 { // it asked which methods there are, and went
			return
		}
		l.throttle.Failed(l.address, name)
		text = "login refused: " + l.reason(l.accounts[user], "no key that is known")
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return
	default:
		text = "no handshake: " + printable(err.Error())
	}
	l.refuseStranger(l.address, name, text)
}

// printable is a text that strangers had a hand in.
func printable(text string) string {
	if len(text) > 300 {
		text = text[:300]
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
