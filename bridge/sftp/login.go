package sftp

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

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
			return nil, wrong(errors.New("the key has a passphrase"),
				"set passphrase_file or passphrase_env for the remote, or let an agent hold the key")
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(pem, []byte(cfg.Passphrase.Reveal()))
	}
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, wrong(err, "the passphrase is wrong")
	case err != nil:
		return nil, wrong(err, "private_key_file wants a private key in OpenSSH or PEM form; "+
			"PuTTY's .ppk: puttygen key.ppk -O private-openssh -o key")
	}
	return signer, nil
}

// signers are what a login may sign with: the config's key with its certificate, the key alone, then what an agent holds. The
// certificate is read for each login, since those that live for hours are renewed by others. What comes back ends the agent.
func (r *Remote) signers(ctx context.Context) (signers []ssh.Signer, end func(), err error) {
	end = func() {}
	if r.signer != nil && r.certificate != "" {
		certified, err := certify(r.signer, r.certificate)
		if err != nil {
			return nil, end, &bridge.Error{Op: "read certificate of", Object: r.name, Fate: bridge.Stop, Err: err,
				Hint: "certificate_file wants what ssh-keygen -s made of the remote's own key (…-cert.pub), still valid"}
		}
		signers = append(signers, certified)
	}
	if r.signer != nil {
		signers = append(signers, r.signer)
	}
	if r.agent != "" {
		held, close, err := r.askAgent(ctx)
		if err != nil {
			return nil, end, &bridge.Error{Op: "ask agent of", Object: r.name + " at " + r.agent, Fate: bridge.Pause, Err: err,
				Hint: "look whether the agent runs, and holds the key (ssh-add -l); agent names its socket"}
		}
		signers, end = append(signers, held...), close
	}
	for i, s := range signers {
		if signers[i], err = r.withoutSHA1(s); err != nil {
			end()
			return nil, func() {}, &bridge.Error{Op: "use key for", Object: r.name, Fate: bridge.Stop, Err: err, Hint: "use an ed25519 key"}
		}
	}
	return signers, end, nil
}

// certify joins a key with the certificate in a file, if that is of the key and valid now.
func certify(signer ssh.Signer, file string) (ssh.Signer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	certificate, ok := key.(*ssh.Certificate)
	if !ok || certificate.CertType != ssh.UserCert {
		return nil, fmt.Errorf("%s holds a %s, no user's certificate", file, key.Type())
	}
	now := uint64(time.Now().Unix())
	if now < certificate.ValidAfter || certificate.ValidBefore != ssh.CertTimeInfinity && now >= certificate.ValidBefore {
		return nil, fmt.Errorf("%s is valid from %s to %s", file, certTime(certificate.ValidAfter), certTime(certificate.ValidBefore))
	}
	certified, err := ssh.NewCertSigner(certificate, signer)
	if err != nil {
		return nil, fmt.Errorf("%s is of another key: %w", file, err)
	}
	return certified, nil
}

func certTime(t uint64) string {
	if t == ssh.CertTimeInfinity {
		return "ever"
	}
	return time.Unix(int64(t), 0).UTC().Format(time.RFC3339)
}

// askAgent lists what an agent holds. It is asked for signatures until the returned function is called.
func (r *Remote) askAgent(ctx context.Context) ([]ssh.Signer, func(), error) {
	ctx, cancel := context.WithTimeout(ctx, r.connectTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", r.agent)
	if err != nil {
		return nil, nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(3 * r.connectTimeout)) // signatures are asked for during the handshake
	held, err := agent.NewClient(conn).Signers()
	if err == nil && len(held) == 0 {
		err = errors.New("it holds no key")
	}
	if err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return held, func() { _ = conn.Close() }, nil
}

// withoutSHA1 keeps a signer from algorithms that are not allowed: an RSA key would sign with SHA-1 for a server that does not say
// what it knows.
func (r *Remote) withoutSHA1(s ssh.Signer) (ssh.Signer, error) {
	multi, ok := s.(ssh.AlgorithmSigner)
	if !ok || !strings.HasPrefix(s.PublicKey().Type(), ssh.KeyAlgoRSA) || slices.Contains(r.algorithms.PublicKeyAuths, ssh.KeyAlgoRSA) {
		return s, nil
	}
	return ssh.NewSignerWithAlgorithms(multi, []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256})
}

// login is one attempt to log in.
type login struct {
	user     string
	signers  []ssh.Signer
	password bridge.Secret
	offered  int         // how many of the passwords were offered, as such or as an answer
	tried    atomic.Bool // a method was tried
}

// errOnce ends a method without an attempt.
var errOnce = errors.New("the password was offered already")

// methods are tried in this order as far as the server offers them.
func (l *login) methods() []ssh.AuthMethod {
	var methods []ssh.AuthMethod
	if len(l.signers) > 0 {
		methods = append(methods, ssh.PublicKeysCallback(func() ([]ssh.Signer, error) {
			l.tried.Store(true)
			return l.signers, nil
		}))
	}
	if l.password != "" {
		n := len(l.password.Lines())
		methods = append(methods, ssh.RetryableAuthMethod(ssh.PasswordCallback(l.answer), n),
			ssh.RetryableAuthMethod(ssh.KeyboardInteractive(l.challenge), n))
	}
	return methods
}

func (l *login) answer() (string, error) {
	all := l.password.Lines()
	if l.offered == len(all) {
		return "", errOnce
	}
	l.offered++
	l.tried.Store(true)
	return all[l.offered-1].Reveal(), nil
}

// challenge answers keyboard-interactive (RFC 4256): one question that does not echo is the password's. Rounds without a
// question, and questions that echo (asking for the user's name), are answered as they want.
func (l *login) challenge(_, _ string, questions []string, echos []bool) ([]string, error) {
	answers := make([]string, len(questions))
	asked := false
	for i := range questions {
		if echos[i] {
			answers[i] = l.user
			continue
		}
		password, err := l.answer()
		if err != nil {
			return nil, err
		}
		if asked { // for something else: a code, a new password
			return nil, errOnce
		}
		answers[i], asked = password, true
	}
	return answers, nil
}

// means names what the login has, without telling it.
func (l *login) means() string {
	var means []string
	for _, s := range l.signers {
		if certificate, ok := s.PublicKey().(*ssh.Certificate); ok {
			means = append(means, fmt.Sprintf("certificate %q of key %s", certificate.KeyId, ssh.FingerprintSHA256(certificate.Key)))
			continue
		}
		means = append(means, fmt.Sprintf("key %s", ssh.FingerprintSHA256(s.PublicKey())))
	}
	if l.password != "" {
		means = append(means, "password")
	}
	return strings.Join(means, " and ")
}

func (l *login) hint() string {
	for _, s := range slices.Backward(l.signers) {
		key := s.PublicKey()
		if certificate, ok := key.(*ssh.Certificate); ok {
			return "have the server's operator trust the authority of the certificate (TrustedUserCAKeys) and look at its principals: " +
				strings.TrimSpace(string(ssh.MarshalAuthorizedKey(certificate.SignatureKey)))
		}
		hint := "have the server's operator add this line to the user's authorized_keys: " +
			strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
		if strings.HasPrefix(key.Type(), ssh.KeyAlgoRSA) {
			hint += "; a server that knows RSA keys with SHA-1 only needs another key, or legacy_algorithms: [ssh-rsa]"
		}
		return hint
	}
	return "look whether user and password are right; then whether the server lets the user in by password"
}
