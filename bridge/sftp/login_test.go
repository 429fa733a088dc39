package sftp_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

func pin(t *testing.T, l sftptest.Login, lines ...string) {
	t.Helper()
	check(t, os.WriteFile(l.KnownHostsFile, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}

func newKey(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := sftptest.NewKey()
	check(t, err)
	return key
}

func newRSA(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	check(t, err)
	return signer
}

func TestHostKeyUnknown(t *testing.T) {
	s, l := serve(t, sftptest.Options{})
	for _, prepare := range []func(){
		func() { pin(t, l, "# nothing") },
		func() { pin(t, l, sftptest.KnownHost("other.example.com:22", s.HostKey().PublicKey())) },
		func() { check(t, os.Remove(l.KnownHostsFile)) },
	} {
		prepare()
		r := open(t, loginConfig(t, l))
		_, err := r.List(t.Context(), "")
		fails(t, err, sftp.ErrHostKey, bridge.Stop)
		if !strings.Contains(bridge.HintOf(err), s.KnownHost()) || !strings.Contains(err.Error(), ssh.FingerprintSHA256(s.HostKey().PublicKey())) {
			t.Errorf("error %v, hint %s", err, bridge.HintOf(err))
		}
		findings := r.Check(t.Context())
		last := findings[len(findings)-1]
		if len(findings) != 2 || last.OK || last.Unreachable || !strings.Contains(last.Hint, s.KnownHost()) {
			t.Errorf("findings %+v", findings)
		}
		// Adding the line is enough; nothing has to be started anew.
		pin(t, l, s.KnownHost())
		_, err = r.List(t.Context(), "")
		check(t, err)
	}
}

func TestHostKeyChanged(t *testing.T) {
	for name, pinned := range map[string]ssh.Signer{"same type": newKey(t), "other type": newRSA(t)} {
		t.Run(name, func(t *testing.T) {
			s, l := serve(t, sftptest.Options{})
			pin(t, l, sftptest.KnownHost(s.Address, pinned.PublicKey()))
			_, err := open(t, loginConfig(t, l)).List(t.Context(), "")
			fails(t, err, sftp.ErrHostKey, bridge.Stop)
			if bridge.HintOf(err) == "" {
				t.Error("no hint")
			}
			t.Logf("%v\n%s", err, bridge.HintOf(err))
		})
	}
}

func TestHostKeyRevoked(t *testing.T) {
	s, l := serve(t, sftptest.Options{})
	pin(t, l, s.KnownHost(), "@revoked * "+strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.HostKey().PublicKey()))))
	_, err := open(t, loginConfig(t, l)).List(t.Context(), "")
	fails(t, err, sftp.ErrHostKey, bridge.Stop)
}

// A server with several keys must show the pinned one.
func TestHostKeyOneOfSeveral(t *testing.T) {
	rsaKey := newRSA(t)
	s, l := serve(t, sftptest.Options{HostKeys: []ssh.Signer{rsaKey}})
	for _, key := range []ssh.PublicKey{rsaKey.PublicKey(), s.HostKey().PublicKey()} {
		pin(t, l, sftptest.KnownHost(s.Address, key))
		_, err := open(t, loginConfig(t, l)).List(t.Context(), "")
		check(t, err)
	}
}

func TestHostKeyAuthority(t *testing.T) {
	authority, key := newKey(t), newKey(t)
	certificate := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"127.0.0.1"}, ValidBefore: ssh.CertTimeInfinity}
	check(t, certificate.SignCert(rand.Reader, authority))
	signer, err := ssh.NewCertSigner(certificate, key)
	check(t, err)
	s, l := serve(t, sftptest.Options{HostKeys: []ssh.Signer{signer}})
	pin(t, l, "@cert-authority "+sftptest.KnownHost(s.Address, authority.PublicKey()))
	_, err = open(t, loginConfig(t, l)).List(t.Context(), "")
	check(t, err)
}

func TestPassword(t *testing.T) {
	for name, u := range map[string]sftptest.User{
		"password":             {Password: "geheim"},
		"keyboard-interactive": {Password: "geheim", KeyboardInteractive: true},
	} {
		t.Run(name, func(t *testing.T) {
			_, l := serve(t, sftptest.Options{Users: map[string]sftptest.User{"erp": u}})
			cfg := loginConfig(t, l)
			cfg.PrivateKey, cfg.User, cfg.Password = "", "erp", "geheim"
			_, err := open(t, cfg).List(t.Context(), "")
			check(t, err)

			// While it changes, both are offered, the new one first; nobody sees which of them was good.
			for _, both := range []bridge.Secret{"next-secret\ngeheim", "geheim\nnext-secret"} {
				cfg.Password = both
				_, err := open(t, cfg).List(t.Context(), "")
				check(t, err)
			}

			cfg.Password = "wrong-secret\nwrong-too"
			_, err = open(t, cfg).List(t.Context(), "")
			fails(t, err, bridge.ErrLogin, bridge.Pause)

			cfg.Password = "wrong-secret"
			r := open(t, cfg)
			_, err = r.List(t.Context(), "")
			fails(t, err, bridge.ErrLogin, bridge.Pause)
			if text := err.Error() + bridge.HintOf(err); strings.Contains(text, "wrong-secret") || errors.Is(err, bridge.ErrUnreachable) {
				t.Errorf("error %s", text)
			}
			findings := r.Check(t.Context())
			last := findings[len(findings)-1]
			if len(findings) != 3 || last.OK || last.Unreachable || last.Hint == "" {
				t.Errorf("findings %+v", findings)
			}
		})
	}
}

func TestLoginRefusedByOpenSSH(t *testing.T) {
	sshd := sftptest.Sshd(t)
	_, other := serve(t, sftptest.Options{})
	cfg := loginConfig(t, sshd.Login)
	cfg.PrivateKey = loginConfig(t, other).PrivateKey
	_, err := open(t, cfg).List(t.Context(), "")
	fails(t, err, bridge.ErrLogin, bridge.Pause)
	if !strings.Contains(bridge.HintOf(err), "ssh-ed25519 ") {
		t.Errorf("hint %s", bridge.HintOf(err))
	}
	cfg.PrivateKey, cfg.Password = "", "password"
	_, err = open(t, cfg).List(t.Context(), "")
	fails(t, err, bridge.ErrLogin, bridge.Pause)
}

func TestKeys(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	check(t, err)
	block, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte("satz"))
	check(t, err)
	_, l := serve(t, sftptest.Options{Users: map[string]sftptest.User{"erp": {Keys: []ssh.PublicKey{signer.PublicKey()}}}})
	cfg := loginConfig(t, l)
	cfg.User, cfg.PrivateKey, cfg.Passphrase = "erp", bridge.Secret(pem.EncodeToMemory(block)), "satz"
	_, err = open(t, cfg).List(t.Context(), "")
	check(t, err)

	for name, change := range map[string]func(cfg *sftp.Options){
		"no passphrase":    func(cfg *sftp.Options) { cfg.Passphrase = "" },
		"wrong passphrase": func(cfg *sftp.Options) { cfg.Passphrase = "falsch" },
		"no key at all":    func(cfg *sftp.Options) { cfg.PrivateKey = "PuTTY-User-Key-File-3: ssh-ed25519" },
		"nothing":          func(cfg *sftp.Options) { cfg.PrivateKey = "" },
	} {
		cfg := *cfg
		change(&cfg)
		_, err := sftp.New("sap", &cfg)
		fails(t, err, nil, bridge.Stop)
		if bridge.HintOf(err) == "" || strings.Contains(err.Error(), "falsch") {
			t.Errorf("%s: %v, hint %s", name, err, bridge.HintOf(err))
		}
	}
}

func TestRSALogin(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	check(t, err)
	block, err := ssh.MarshalPrivateKey(key, "")
	check(t, err)
	_, l := serve(t, sftptest.Options{Users: map[string]sftptest.User{"erp": {Keys: []ssh.PublicKey{signer.PublicKey()}}}})
	cfg := loginConfig(t, l)
	cfg.User, cfg.PrivateKey = "erp", bridge.Secret(pem.EncodeToMemory(block))
	_, err = open(t, cfg).List(t.Context(), "")
	check(t, err)
}

func TestNoSFTP(t *testing.T) {
	_, l := serve(t, sftptest.Options{NoSFTP: true})
	r := open(t, loginConfig(t, l))
	_, err := r.List(t.Context(), "")
	fails(t, err, nil, bridge.Stop)
	findings := r.Check(t.Context())
	if last := findings[len(findings)-1]; len(findings) != 4 || last.OK || last.Hint == "" {
		t.Errorf("findings %+v", findings)
	}
}
