package sftp_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
)

func TestOldServersNeedALegacyAlgorithm(t *testing.T) {
	oldRSA, err := ssh.NewSignerWithAlgorithms(newRSA(t).(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	check(t, err)
	tests := []struct {
		name string
		old  sftptest.Options
	}{
		{"diffie-hellman-group14-sha1", sftptest.Options{SSH: ssh.Config{KeyExchanges: []string{"diffie-hellman-group14-sha1"}}}},
		{"aes128-cbc", sftptest.Options{SSH: ssh.Config{Ciphers: []string{"aes128-cbc"}}}},
		{"hmac-sha1-96", sftptest.Options{SSH: ssh.Config{Ciphers: []string{"aes128-ctr"}, MACs: []string{"hmac-sha1-96"}}}},
		{"ssh-rsa", sftptest.Options{HostKey: oldRSA}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, l := serve(t, tt.old)
			cfg := loginConfig(t, l)
			_, err := open(t, cfg).List(t.Context(), "")
			fails(t, err, nil, bridge.Stop)
			if !strings.Contains(bridge.HintOf(err), "legacy_algorithms: ["+tt.name+"]") {
				t.Errorf("%v, hint: %s", err, bridge.HintOf(err))
			}
			cfg.LegacyAlgorithms = []string{tt.name}
			r := open(t, cfg)
			_, err = r.List(t.Context(), "")
			check(t, err)
			warned := false
			for _, f := range r.Check(t.Context()) {
				warned = warned || f.OK && strings.Contains(f.Detail, "WARNING") && strings.Contains(f.Detail, "in use: "+tt.name) && f.Hint != ""
			}
			if !warned {
				t.Errorf("check does not warn: %+v", r.Check(t.Context()))
			}
		})
	}
	_, l := serve(t, sftptest.Options{})
	cfg := loginConfig(t, l)
	cfg.LegacyAlgorithms = []string{"rot13"}
	_, err = sftp.New("sap", cfg)
	fails(t, err, nil, bridge.Stop)
}

// A pinned key of another type is no reason to offer broken algorithms.
func TestChangedKeyIsNoOldServer(t *testing.T) {
	oldRSA, err := ssh.NewSignerWithAlgorithms(newRSA(t).(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	check(t, err)
	s, l := serve(t, sftptest.Options{HostKey: oldRSA})
	pin(t, l, sftptest.KnownHost(s.Address, newKey(t).PublicKey()))
	_, err = open(t, loginConfig(t, l)).List(t.Context(), "")
	fails(t, err, sftp.ErrHostKey, bridge.Stop)
	if strings.Contains(bridge.HintOf(err), "legacy") {
		t.Errorf("hint: %s", bridge.HintOf(err))
	}
}

// The hint for a certificate pins its authority, and that is enough.
func TestHintForACertificateIsRight(t *testing.T) {
	authority, key := newKey(t), newKey(t)
	certify := func(change func(c *ssh.Certificate)) ssh.Signer {
		c := &ssh.Certificate{Key: key.PublicKey(), KeyId: "sftp", CertType: ssh.HostCert, ValidPrincipals: []string{"127.0.0.1"}, ValidBefore: ssh.CertTimeInfinity}
		change(c)
		check(t, c.SignCert(rand.Reader, authority))
		signer, err := ssh.NewCertSigner(c, key)
		check(t, err)
		return signer
	}
	_, l := serve(t, sftptest.Options{HostKeys: []ssh.Signer{certify(func(*ssh.Certificate) {})}})
	pin(t, l, "# nothing")
	r := open(t, loginConfig(t, l))
	_, err := r.List(t.Context(), "")
	fails(t, err, sftp.ErrHostKey, bridge.Stop)
	_, line, _ := strings.Cut(bridge.HintOf(err), "@cert-authority ")
	if !strings.Contains(err.Error(), ssh.FingerprintSHA256(authority.PublicKey())) || line == "" {
		t.Fatalf("%v, hint: %s", err, bridge.HintOf(err))
	}
	pin(t, l, "@cert-authority "+line)
	_, err = r.List(t.Context(), "")
	check(t, err)
	if ends := r.Ends(); len(ends) > 0 {
		t.Errorf("a certificate that never ends ends: %+v", ends)
	}

	from, until := time.Now().Add(-time.Hour).Truncate(time.Second).UTC(), time.Now().Add(time.Hour).Truncate(time.Second).UTC()
	s, l := serve(t, sftptest.Options{HostKeys: []ssh.Signer{certify(func(c *ssh.Certificate) {
		c.ValidAfter, c.ValidBefore = uint64(from.Unix()), uint64(until.Unix())
	})}})
	pin(t, l, "@cert-authority "+sftptest.KnownHost(s.Address, authority.PublicKey()))
	r = open(t, loginConfig(t, l))
	if ends := r.Ends(); len(ends) > 0 {
		t.Errorf("nothing was seen yet: %+v", ends)
	}
	_, err = r.List(t.Context(), "")
	check(t, err)
	if diff := cmp.Diff([]bridge.End{{What: "the host certificate of remote sap", From: from, At: until}}, r.Ends()); diff != "" {
		t.Error(diff)
	}

	for want, change := range map[string]func(c *ssh.Certificate){
		"clock": func(c *ssh.Certificate) { c.ValidBefore = uint64(time.Now().Add(-time.Hour).Unix()) },
		"name":  func(c *ssh.Certificate) { c.ValidPrincipals = []string{"other.example.com"} },
	} {
		s, l := serve(t, sftptest.Options{HostKeys: []ssh.Signer{certify(change)}})
		pin(t, l, "@cert-authority "+sftptest.KnownHost(s.Address, authority.PublicKey()))
		_, err := open(t, loginConfig(t, l)).List(t.Context(), "")
		fails(t, err, sftp.ErrHostKey, bridge.Stop)
		if hint := bridge.HintOf(err); !strings.Contains(hint, want) || strings.Contains(hint, "@cert") {
			t.Errorf("%v, hint: %s", err, hint)
		}
	}
}

// What a server's clock says is seen in what it says of a file that was written just now.
func TestTheServersClockIsSeen(t *testing.T) {
	_, l := serve(t, sftptest.Options{})
	r := open(t, loginConfig(t, l))
	check(t, r.Put(t.Context(), "a.csv", strings.NewReader("a")))
	if ahead := r.Ahead(); ahead > time.Second || ahead < -time.Second {
		t.Errorf("the server is this machine, and %s ahead of it", ahead)
	}
	began := time.Now()
	ended := began.Add(10 * time.Minute) // a long file
	for _, x := range []struct {
		made time.Time
		want time.Duration
	}{{began.Add(5 * time.Minute), 0}, {began.Add(-3 * time.Hour), -3 * time.Hour}, {ended.Add(time.Hour), time.Hour}, {time.Time{}, time.Hour}} {
		if r.NoteClock(x.made, began, ended); r.Ahead() != x.want {
			t.Errorf("the server is %s ahead, want %s", r.Ahead(), x.want)
		}
	}
}

func TestUserCertificate(t *testing.T) {
	authority := newKey(t)
	_, l := serve(t, sftptest.Options{Users: map[string]sftptest.User{"erp": {Authority: authority.PublicKey()}}})
	_, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	key, err := ssh.NewSignerFromKey(private)
	check(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	check(t, err)
	file := filepath.Join(t.TempDir(), "id-cert.pub")
	certify := func(of ssh.PublicKey, until time.Time) {
		c := &ssh.Certificate{Key: of, KeyId: "bridge", CertType: ssh.UserCert, ValidPrincipals: []string{"erp"}, ValidBefore: uint64(until.Unix())}
		check(t, c.SignCert(rand.Reader, authority))
		check(t, os.WriteFile(file, ssh.MarshalAuthorizedKey(c), 0o600))
	}
	cfg := loginConfig(t, l)
	cfg.User, cfg.PrivateKey, cfg.CertificateFile, cfg.Connections = "erp", bridge.Secret(pem.EncodeToMemory(block)), file, 1

	for _, wrong := range []func(){
		func() {}, // no file
		func() { certify(key.PublicKey(), time.Now().Add(-time.Minute)) },
		func() { certify(newKey(t).PublicKey(), time.Now().Add(time.Hour)) },
		func() { check(t, os.WriteFile(file, ssh.MarshalAuthorizedKey(key.PublicKey()), 0o600)) },
	} {
		wrong()
		_, err := open(t, cfg).List(t.Context(), "")
		fails(t, err, nil, bridge.Stop)
		if !strings.Contains(bridge.HintOf(err), "certificate_file") {
			t.Errorf("%v, hint: %s", err, bridge.HintOf(err))
		}
	}
	until := time.Now().Add(time.Hour).Truncate(time.Second).UTC()
	certify(key.PublicKey(), until) // renewed
	r := open(t, cfg)
	_, err = r.List(t.Context(), "")
	check(t, err)
	if diff := cmp.Diff([]bridge.End{{What: "the certificate id-cert.pub of remote sap", At: until}}, r.Ends()); diff != "" {
		t.Error(diff)
	}
}

func TestAgent(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	key, err := ssh.NewSignerFromKey(private)
	check(t, err)
	_, l := serve(t, sftptest.Options{Users: map[string]sftptest.User{"erp": {Keys: []ssh.PublicKey{key.PublicKey()}}}})
	folder, err := os.MkdirTemp("", "agent") // a socket's path is short
	check(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	cfg := loginConfig(t, l)
	cfg.User, cfg.PrivateKey, cfg.Agent = "erp", "", filepath.Join(folder, "socket")
	r := open(t, cfg)
	_, err = r.List(t.Context(), "")
	fails(t, err, nil, bridge.Pause)

	ring := agent.NewKeyring()
	listen, err := net.Listen("unix", cfg.Agent)
	check(t, err)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			conn, err := listen.Accept()
			if err != nil {
				return
			}
			work.Go(func() { _ = agent.ServeAgent(ring, conn); _ = conn.Close() })
		}
	})
	t.Cleanup(func() { _ = listen.Close(); work.Wait() })
	_, err = r.List(t.Context(), "")
	fails(t, err, nil, bridge.Pause) // it holds nothing
	check(t, ring.Add(agent.AddedKey{PrivateKey: private}))
	_, err = r.List(t.Context(), "")
	check(t, err)
}
