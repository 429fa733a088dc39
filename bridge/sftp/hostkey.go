package sftp

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/orobridge/orobridge/bridge"
)

// ErrHostKey is wrapped when the server shows a key that is not pinned.
var ErrHostKey = errors.New("the server's host key is not trusted")

// pins is what the known_hosts file says about the server.
type pins struct {
	check      ssh.HostKeyCallback
	algorithms []string // to ask the server for
	pinned     bool     // they are those of pinned keys
}

// readPins reads the known_hosts file. A file that is missing pins nothing, so that the error tells the line to add.
func (r *Remote) readPins() (*pins, error) {
	wrong := func(err error) error {
		return &bridge.Error{Op: "read known hosts of", Object: r.name, Fate: bridge.Stop, Err: err,
			Hint: "known_hosts_file wants the form of OpenSSH: host, key type, key; ssh-dss wants legacy_algorithms, too"}
	}
	text, err := os.ReadFile(r.knownHosts)
	if r.knownHosts == "" || errors.Is(err, fs.ErrNotExist) {
		return &pins{check: func(string, net.Addr, ssh.PublicKey) error { return &knownhosts.KeyError{} }, algorithms: r.algorithms.HostKeys}, nil
	}
	if err != nil {
		return nil, wrong(err)
	}
	check, err := knownhosts.New(r.knownHosts)
	if err != nil {
		return nil, wrong(err)
	}
	if algorithms := pinnedAlgorithms(check, r.address, text); algorithms != nil {
		sound := slices.DeleteFunc(algorithms, func(a string) bool { return !slices.Contains(r.algorithms.HostKeys, a) })
		if len(sound) == 0 {
			return nil, wrong(fmt.Errorf("the key that %s pins is of a broken type", r.knownHosts))
		}
		return &pins{check: check, algorithms: sound, pinned: true}, nil
	}
	return &pins{check: check, algorithms: r.algorithms.HostKeys}, nil
}

// pinnedAlgorithms are the host key algorithms of the keys that are pinned for an address. The client has to ask for
// these alone: a server with several keys shows the one that the client prefers, which may not be the pinned one
// (golang/go issues 29286 and 49631). A key that nobody has makes the check tell the pinned ones.
func pinnedAlgorithms(check ssh.HostKeyCallback, address string, text []byte) []string {
	nobody, err := ssh.NewPublicKey(ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)))
	if err != nil {
		return nil
	}
	var mismatch *knownhosts.KeyError
	if !errors.As(check(address, &net.TCPAddr{IP: net.IPv4zero}, nobody), &mismatch) {
		return nil
	}
	lines := bytes.Split(text, []byte("\n"))
	var algorithms []string
	for _, pin := range mismatch.Want {
		if pin.Line <= len(lines) && bytes.HasPrefix(bytes.TrimSpace(lines[pin.Line-1]), []byte("@cert-authority")) {
			// The authority's key type says nothing about the server's: leave the choice to the client.
			return nil
		}
		algorithms = append(algorithms, algorithmsOf(pin.Key.Type())...)
	}
	return algorithms
}

// algorithmsOf are the signature algorithms of a key type: RSA keys sign by SHA-2 (RFC 8332), and by SHA-1 where the config
// allows it.
func algorithmsOf(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	}
	return []string{keyType}
}

// checkHostKey explains what is wrong with the key that the server shows.
func (r *Remote) checkHostKey(pins *pins, address string, remote net.Addr, key ssh.PublicKey) error {
	err := pins.check(address, remote, key)
	if err == nil {
		return nil
	}
	if certificate, ok := key.(*ssh.Certificate); ok {
		return r.explainCertificate(address, certificate, err)
	}
	shown := key.Type() + " " + ssh.FingerprintSHA256(key)
	line := knownhosts.Line([]string{knownhosts.Normalize(address)}, key)
	file := cmp.Or(r.knownHosts, "a file, and name it as known_hosts_file")
	e := &bridge.Error{Op: "check host key of", Object: r.name + " at " + r.address, Fate: bridge.Stop}
	var mismatch *knownhosts.KeyError
	var revoked *knownhosts.RevokedError
	switch {
	case errors.As(err, &revoked):
		e.Err = fmt.Errorf("%w: the key is revoked (%s, line %d of %s)", ErrHostKey, shown, revoked.Revoked.Line, revoked.Revoked.Filename)
		e.Hint = "do not connect: whoever has this key is not to be trusted; ask the server's operator for the new one"
	case errors.As(err, &mismatch) && len(mismatch.Want) > 0:
		var pinned []string
		for _, w := range mismatch.Want {
			pinned = append(pinned, fmt.Sprintf("%s %s (line %d)", w.Key.Type(), ssh.FingerprintSHA256(w.Key), w.Line))
		}
		e.Err = fmt.Errorf("%w: the key has CHANGED: the server shows %s, %s pins %s", ErrHostKey, shown, r.knownHosts,
			strings.Join(pinned, ", "))
		e.Hint = "somebody may stand between you and the server: ask its operator, by another way, whether the key was replaced; only " +
			"then put this in the place of the old line: " + line
	case errors.As(err, &mismatch):
		e.Err = fmt.Errorf("%w: the key is unknown: %s", ErrHostKey, shown)
		e.Hint = "ask the server's operator whether this is the server's fingerprint; if it is, add this line to " + file + ": " + line
	default:
		e.Err = fmt.Errorf("%w: %s: %w", ErrHostKey, shown, err)
		e.Hint = "ask the server's operator for the right key"
	}
	return e
}

// explainCertificate explains what is wrong with a certificate that the server shows. What is pinned of it is its authority: a
// pinned certificate would not be known again once it is renewed, and x/crypto/ssh takes none.
func (r *Remote) explainCertificate(address string, c *ssh.Certificate, err error) error {
	e := &bridge.Error{Op: "check host key of", Object: r.name + " at " + r.address, Fate: bridge.Stop}
	authority := c.SignatureKey.Type() + " " + ssh.FingerprintSHA256(c.SignatureKey)
	shown := fmt.Sprintf("certificate %q of authority %s", c.KeyId, authority)
	host, _, _ := net.SplitHostPort(address)
	now := uint64(time.Now().Unix())
	var revoked *knownhosts.RevokedError
	switch {
	case errors.As(err, &revoked):
		e.Err = fmt.Errorf("%w: the %s is revoked (line %d of %s)", ErrHostKey, shown, revoked.Revoked.Line, revoked.Revoked.Filename)
		e.Hint = "do not connect: ask the server's operator for the new one"
	case c.CertType != ssh.HostCert:
		e.Err = fmt.Errorf("%w: the %s is no host's: %w", ErrHostKey, shown, err)
		e.Hint = "ask the server's operator to mend its HostCertificate"
	case now < c.ValidAfter || c.ValidBefore != ssh.CertTimeInfinity && now >= c.ValidBefore:
		e.Err = fmt.Errorf("%w: the %s is valid from %s to %s: %w", ErrHostKey, shown, certTime(c.ValidAfter), certTime(c.ValidBefore), err)
		e.Hint = "ask the server's operator to renew it; then look at this machine's clock"
	case len(c.ValidPrincipals) > 0 && !slices.Contains(c.ValidPrincipals, host):
		e.Err = fmt.Errorf("%w: the %s is for %s, not for %s: %w", ErrHostKey, shown, strings.Join(c.ValidPrincipals, ", "), host, err)
		e.Hint = "name the server in address as the certificate does, or ask its operator for one with this name"
	default:
		e.Err = fmt.Errorf("%w: the authority is unknown: %s: %w", ErrHostKey, shown, err)
		e.Hint = "ask the server's operator whether this is the fingerprint of the authority for its hosts; if it is, add this line to " +
			cmp.Or(r.knownHosts, "a file, and name it as known_hosts_file") + ": @cert-authority " +
			knownhosts.Line([]string{knownhosts.Normalize(address)}, c.SignatureKey)
	}
	return e
}
