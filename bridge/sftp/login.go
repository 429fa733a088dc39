package sftp

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
)

// parseKey reads the private key of the options; nil without one.
func parseKey(name string, cfg *Options) (ssh.Signer, error) {
	wrong := func(err error, hint string) error {
		return &bridge.Error{Op: "read private key of", Object: name, Fate: bridge.Stop, Err: err, Hint: hint}
	}
	if cfg.PrivateKey == "" {
		return nil, nil
	}
	pem := []byte(cfg.PrivateKey.Reveal())
	signer, err := ssh.ParsePrivateKey(pem)
	var missing *ssh.PassphraseMissingError
	if errors.As(err, &missing) {
		if cfg.Passphrase == "" {
			return nil, wrong(errors.New("the key has a passphrase"), "set passphrase_file or passphrase_env for the remote")
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(pem, []byte(cfg.Passphrase.Reveal()))
	}
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, wrong(err, "the passphrase is wrong")
	case err != nil:
		return nil, wrong(err, "private_key_file wants a private key in OpenSSH or PEM form; PuTTY's .ppk: puttygen key.ppk -O private-openssh -o key")
	}
	return signer, nil
}

// login is one attempt to log in.
type login struct {
	user     string
	signer   ssh.Signer
	password bridge.Secret
	offered  bool        // the password was offered, as such or as an answer
	tried    atomic.Bool // a method was tried
}

// errOnce ends a method without an attempt.
var errOnce = errors.New("the password was offered already")

// methods are tried in this order as far as the server offers them.
func (l *login) methods() []ssh.AuthMethod {
	var methods []ssh.AuthMethod
	if l.signer != nil {
		methods = append(methods, ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
			l.tried.Store(true)
			return []ssh.Signer{l.signer}, nil
		}))
	}
	if l.password != "" {
		methods = append(methods, ssh.PasswordCallback(func() (string, error) {
			return l.answer()
		}), ssh.KeyboardInteractive(l.challenge))
	}
	return methods
}

func (l *login) answer() (string, error) {
	if l.offered {
		return "", errOnce
	}
	l.offered = true
	l.tried.Store(true)
	return l.password.Reveal(), nil
}

// challenge answers keyboard-interactive (RFC 4256): one question that does not echo is the password's. Rounds without a
// question, and questions that echo (asking for the user's name), are answered as they want.
func (l *login) challenge(_, _ string, questions []string, echos []bool) ([]string, error) {
	answers := make([]string, len(questions))
	for i := range questions {
		if echos[i] {
			answers[i] = l.user
			continue
		}
		password, err := l.answer()
		if err != nil {
			return nil, err
		}
		answers[i] = password
	}
	return answers, nil
}

// means names what the login has, without telling it.
func (l *login) means() string {
	var means []string
	if l.signer != nil {
		means = append(means, fmt.Sprintf("key %s", ssh.FingerprintSHA256(l.signer.PublicKey())))
	}
	if l.password != "" {
		means = append(means, "password")
	}
	return strings.Join(means, " and ")
}

func (l *login) hint() string {
	if l.signer == nil {
		return "look whether user and password are right; then whether the server lets the user in by password"
	}
	return "have the server's operator add this line to the user's authorized_keys: " + strings.TrimSpace(string(ssh.MarshalAuthorizedKey(l.signer.PublicKey())))
}
