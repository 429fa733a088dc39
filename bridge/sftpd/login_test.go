package sftpd_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/password"
	"github.com/orobridge/orobridge/bridge/sftpd"
)

func hashed(t testing.TB, text string) bridge.Secret {
	t.Helper()
	hash, err := password.Hash(text)
	check(t, err)
	return bridge.Secret(hash)
}

func asks(answer string) ssh.AuthMethod {
	return ssh.KeyboardInteractive(func(_, _ string, questions []string, echos []bool) ([]string, error) {
		answers := make([]string, len(questions))
		for i := range answers {
			if !echos[i] {
				answers[i] = answer
			}
		}
		return answers, nil
	})
}

func TestWhoGetsIn(t *testing.T) {
	d := serve(t, func(o *sftpd.Options) {
		wms := everything("wms")
		wms.PasswordHash = hashed(t, "warehouse 1")
		both := everything("both")
		both.KeysFile, both.PasswordHash, both.Both = o.Users[0].KeysFile, hashed(t, "and a key"), true
		far := everything("far")
		far.KeysFile, far.Allow = o.Users[0].KeysFile, []string{"10.1.0.0/16", "fd00::1"}
		near := everything("near")
		near.KeysFile, near.Allow = o.Users[0].KeysFile, []string{"127.0.0.0/8"}
		o.Users = append(o.Users, wms, both, far, near)
	})
	other, err := ssh.ParsePrivateKey(fileOf(t, func(f string) { newKey(t, f) }))
	check(t, err)
	key, stranger := ssh.PublicKeys(d.signer), ssh.PublicKeys(other)
	tests := []struct {
		name, user string
		auth       []ssh.AuthMethod
		in         bool
	}{
		{"key", "erp", []ssh.AuthMethod{key}, true},
		{"another key", "erp", []ssh.AuthMethod{stranger}, false},
		{"another user's key", "wms", []ssh.AuthMethod{key}, false},
		{"password", "wms", []ssh.AuthMethod{ssh.Password("warehouse 1")}, true},
		{"password, asked for", "wms", []ssh.AuthMethod{asks("warehouse 1")}, true},
		{"wrong password", "wms", []ssh.AuthMethod{ssh.Password("warehouse 2")}, false},
		{"a user without password", "erp", []ssh.AuthMethod{ssh.Password("")}, false},
		{"nobody", "root", []ssh.AuthMethod{key, ssh.Password("warehouse 1")}, false},
		{"both", "both", []ssh.AuthMethod{key, ssh.Password("and a key")}, true},
		{"both, asked for", "both", []ssh.AuthMethod{key, asks("and a key")}, true},
		{"both, key only", "both", []ssh.AuthMethod{key}, false},
		{"both, password only", "both", []ssh.AuthMethod{ssh.Password("and a key")}, false},
		{"both, wrong password", "both", []ssh.AuthMethod{key, ssh.Password("and a keyy")}, false},
		{"from another network", "far", []ssh.AuthMethod{key}, false},
		{"from the right network", "near", []ssh.AuthMethod{key}, true},
		{"nothing", "erp", []ssh.AuthMethod{ssh.Password("x")}, false},
	}
	for _, tt := range tests {
		c, err := d.dial(tt.user, tt.auth...)
		if (err == nil) != tt.in {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil {
			_ = c.Close()
		}
		c, err = d.dial("near") // forgets the failures, so that nothing here waits
		check(t, err)
		_ = c.Close()
	}
	reasons := []string{"no key that is known", "wrong password", "no such user", "no key (both)", "not from this address"}
	for _, reason := range reasons {
		if !slices.ContainsFunc(d.seen(bridge.PartnerRefused), func(e *bridge.Event) bool {
			return strings.Contains(e.Text,
				reason) && e.Visit.Address == "127.0.0.1"
		}) {
			t.Errorf("the journal does not know %q", reason)
		}
	}
	for _, e := range d.seen(bridge.PartnerRefused, bridge.SessionBegan) {
		if strings.Contains(e.Text, "warehouse") || strings.Contains(e.Text, "and a key") {
			t.Errorf("a password stands in an event: %+v", e)
		}
	}
}

func fileOf(t testing.TB, write func(file string)) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	write(file)
	text, err := os.ReadFile(file)
	check(t, err)
	return text
}

func TestCertificates(t *testing.T) {
	ca, err := ssh.ParsePrivateKey(fileOf(t, func(f string) { newKey(t, f) }))
	check(t, err)
	wrong, err := ssh.ParsePrivateKey(fileOf(t, func(f string) { newKey(t, f) }))
	check(t, err)
	d := serve(t, func(o *sftpd.Options) {
		o.CAFile = filepath.Join(t.TempDir(), "ca.pub")
		check(t, os.WriteFile(o.CAFile, append([]byte("# the ERP team's\n"), ssh.MarshalAuthorizedKey(ca.PublicKey())...), 0o644))
		o.Users = append(o.Users, everything("sap"))
	})
	now := time.Now()
	sound := ssh.Certificate{Key: d.signer.PublicKey(), CertType: ssh.UserCert, KeyId: "sap@erp", ValidPrincipals: []string{"sap"},
		ValidAfter: uint64(now.Add(-time.Minute).Unix()), ValidBefore: uint64(now.Add(time.Hour).Unix())}
	for name, tt := range map[string]struct {
		change func(c *ssh.Certificate)
		by     ssh.Signer
		in     bool
	}{
		"sound":              {func(*ssh.Certificate) {}, ca, true},
		"of another CA":      {func(*ssh.Certificate) {}, wrong, false},
		"of another user":    {func(c *ssh.Certificate) { c.ValidPrincipals = []string{"wms"} }, ca, false},
		"of everybody":       {func(c *ssh.Certificate) { c.ValidPrincipals = nil }, ca, false},
		"too old":            {func(c *ssh.Certificate) { c.ValidBefore = uint64(now.Add(-time.Second).Unix()) }, ca, false},
		"not yet":            {func(c *ssh.Certificate) { c.ValidAfter = uint64(now.Add(time.Hour).Unix()) }, ca, false},
		"of a host":          {func(c *ssh.Certificate) { c.CertType = ssh.HostCert }, ca, false},
		"from here":          {func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"source-address": "127.0.0.1"} }, ca, true},
		"from elsewhere":     {func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"source-address": "10.0.0.0/8"} }, ca, false},
		"for a command only": {func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"force-command": "id"} }, ca, false},
	} {
		cert := sound
		tt.change(&cert)
		check(t, cert.SignCert(rand.Reader, tt.by))
		signer, err := ssh.NewCertSigner(&cert, d.signer)
		check(t, err)
		c, err := d.dial("sap", ssh.PublicKeys(signer))
		if (err == nil) != tt.in {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			_ = c.Close()
		}
		c, err = d.dial("erp")
		check(t, err)
		_ = c.Close()
	}
	if e := d.seen(bridge.SessionBegan); !slices.ContainsFunc(e, func(e *bridge.Event) bool {
		return e.Visit.User == "sap" && strings.Contains(e.Text, `certificate "sap@erp" of SHA256:`)
	}) {
		t.Errorf("sessions: %+v", e)
	}
}

func TestHostKeysAreMadeAtTheFirstStart(t *testing.T) {
	d := serve(t, func(o *sftpd.Options) { o.HostKeys = nil })
	folder := filepath.Join(d.setup.State, "sftpd/door")
	kinds := map[string]string{"host_ed25519": "ssh-ed25519", "host_ecdsa": "ecdsa-sha2-nistp256", "host_rsa": "ssh-rsa"}
	for name, kind := range kinds {
		file := filepath.Join(folder, name)
		info, err := os.Stat(file)
		check(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		text, err := os.ReadFile(file)
		check(t, err)
		key, err := ssh.ParsePrivateKey(text)
		check(t, err)
		shown := ""
		for _, f := range d.Check(t.Context()) {
			if !f.OK {
				t.Errorf("finding %+v", f)
			}
			if f.What == "host key "+kind {
				shown = f.Detail
			}
		}
		if want := ssh.FingerprintSHA256(key.PublicKey()); !strings.HasPrefix(shown, want) {
			t.Errorf("check says %q of the %s key, whose fingerprint is %s", shown, kind, want)
		}
	}
	before := d.shownKey()
	d.stop()
	d.start()
	if !bytes.Equal(before.Marshal(), d.shownKey().Marshal()) {
		t.Error("the second start made another key")
	}
	d.stop()
	check(t, os.Chmod(filepath.Join(folder, "host_rsa"), 0o644))
	err := d.Serve(t.Context())
	if err == nil || bridge.FateOf(err) != bridge.Stop || !strings.HasPrefix(bridge.HintOf(err), "chmod 600") {
		t.Errorf("a key that others can read: %v", err)
	}
}

// While keys rotate the old one is shown, and a client that asks learns the next one and its proof.
func TestHostKeysRotate(t *testing.T) {
	var next ssh.PublicKey
	d := serve(t, func(o *sftpd.Options) {
		file := filepath.Join(t.TempDir(), "next")
		next = newKey(t, file)
		o.HostKeys = append(o.HostKeys, file)
	})
	tcp, err := net.Dial("tcp", d.address)
	check(t, err)
	conn, channels, requests, err := ssh.NewClientConn(tcp, d.address, &ssh.ClientConfig{User: "erp",
		Auth: []ssh.AuthMethod{ssh.PublicKeys(d.signer)}, HostKeyCallback: ssh.FixedHostKey(d.host)})
	check(t, err)
	defer conn.Close()
	go func() {
		for ch := range channels {
			_ = ch.Reject(ssh.Prohibited, "")
		}
	}()
	announced := <-requests
	go ssh.DiscardRequests(requests)
	if announced.Type != "hostkeys-00@openssh.com" || !bytes.Contains(announced.Payload,
		next.Marshal()) || !bytes.Contains(announced.Payload, d.host.Marshal()) {
		t.Fatalf("announced: %s %x", announced.Type, announced.Payload)
	}
	ok, proof, err := conn.SendRequest("hostkeys-prove-00@openssh.com", true, ssh.Marshal(struct{ Key []byte }{next.Marshal()}))
	if !ok || err != nil {
		t.Fatalf("no proof: %v", err)
	}
	var wire struct{ Blob []byte }
	check(t, ssh.Unmarshal(proof, &wire))
	var signature ssh.Signature
	check(t, ssh.Unmarshal(wire.Blob, &signature))
	check(t, next.Verify(ssh.Marshal(struct {
		What         string
		Session, Key []byte
	}{"hostkeys-prove-00@openssh.com", conn.SessionID(), next.Marshal()}), &signature))
	other := newKey(t, filepath.Join(t.TempDir(), "other"))
	for _, payload := range [][]byte{ssh.Marshal(struct{ Key []byte }{other.Marshal()}), {0, 0, 0, 9, 1}, {1}} {
		if ok, _, err := conn.SendRequest("hostkeys-prove-00@openssh.com", true, payload); ok || err != nil {
			t.Errorf("proof of %x: %t, %v", payload, ok, err)
		}
	}
}

func TestLegacyAlgorithmsAreAChoice(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	signer, err := ssh.NewSignerFromKey(rsaKey)
	check(t, err)
	withRSA := func(o *sftpd.Options) {
		u := everything("pi")
		u.KeysFile = filepath.Join(t.TempDir(), "pi.pub")
		check(t, os.WriteFile(u.KeysFile, ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o600))
		o.Users = append(o.Users, u)
	}
	modern, old := serve(t, withRSA), serve(t, withRSA, func(o *sftpd.Options) { o.LegacyAlgorithms = true })
	sha1, err := ssh.NewSignerWithAlgorithms(signer.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	check(t, err)
	for _, d := range []*door{modern, old} {
		for name, config := range map[string]ssh.Config{
			"group14-sha1": {KeyExchanges: []string{ssh.InsecureKeyExchangeDH14SHA1}},
			"cbc":          {Ciphers: []string{ssh.InsecureCipherAES128CBC}},
			"hmac-sha1-96": {Ciphers: []string{ssh.CipherAES128CTR}, MACs: []string{ssh.InsecureHMACSHA196}},
			"hmac-sha1":    {Ciphers: []string{ssh.CipherAES128CTR}, MACs: []string{ssh.HMACSHA1}},
		} {
			c, err := ssh.Dial("tcp", d.address, &ssh.ClientConfig{Config: config, User: "erp",
				Auth: []ssh.AuthMethod{ssh.PublicKeys(d.signer)}, HostKeyCallback: ssh.FixedHostKey(d.host)})
			if (err == nil) != (d == old) {
				t.Errorf("%s, legacy %t: %v", name, d == old, err)
			}
			if err == nil {
				_ = c.Close()
			}
		}
	}
	for name, never := range map[string]ssh.Config{
		"group1": {KeyExchanges: []string{ssh.InsecureKeyExchangeDH1SHA1}}, "rc4": {Ciphers: []string{ssh.InsecureCipherRC4}},
		"3des": {Ciphers: []string{ssh.InsecureCipherTripleDESCBC}},
	} {
		if _, err := ssh.Dial("tcp", old.address, &ssh.ClientConfig{Config: never, User: "erp",
			Auth: []ssh.AuthMethod{ssh.PublicKeys(old.signer)}, HostKeyCallback: ssh.FixedHostKey(old.host)}); err == nil {
			t.Errorf("%s even with legacy_algorithms", name)
		}
	}
	for _, d := range []*door{modern, old} {
		for name, s := range map[string]ssh.Signer{"rsa-sha2": signer, "ssh-rsa": sha1} {
			c, err := d.dial("pi", ssh.PublicKeys(s))
			if (err == nil) != (d == old || name == "rsa-sha2") {
				t.Errorf("login by %s, legacy %t: %v", name, d == old, err)
			}
			if err == nil {
				_ = c.Close()
			}
		}
	}
	found := false
	for _, f := range old.Check(t.Context()) {
		found = found || strings.Contains(f.Hint, "take legacy_algorithms away")
	}
	if !found {
		t.Error("check does not warn")
	}
}

// Strangers learn nothing from the text.
func TestWrongUserAndWrongPasswordSoundTheSame(t *testing.T) {
	d := serve(t, func(o *sftpd.Options) { o.Users[0].PasswordHash = hashed(t, "right password") })
	said := func(user string) string {
		_, err := d.dial(user, ssh.Password("wrong password"))
		if err == nil {
			t.Fatal("in")
		}
		c, err2 := d.dial("erp")
		check(t, errors.Join(err2))
		_ = c.Close()
		return err.Error()
	}
	if a, b := said("erp"), said("nobody-of-that-name"); a != b {
		t.Errorf("%q and %q", a, b)
	}
}

func TestUsersFilesThatCannotBe(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	check(t, err)
	signer, err := ssh.NewSignerFromKey(weak)
	check(t, err)
	for name, text := range map[string]string{
		"empty": "", "garbage": "not a key", "weak": string(ssh.MarshalAuthorizedKey(signer.PublicKey())),
		"options": `command="id" ` + string(ssh.MarshalAuthorizedKey(newKey(t, filepath.Join(t.TempDir(), "k")))),
	} {
		file := filepath.Join(t.TempDir(), "keys")
		check(t, os.WriteFile(file, []byte(text), 0o600))
		u := everything("erp")
		u.KeysFile = file
		r, err := sftpd.New(&sftpd.Options{Listen: "127.0.0.1:0", Path: t.TempDir(), HostKeys: []string{hostKey(t)}, Users: []sftpd.User{u}},
			bridge.RemoteSetup{Name: "door", State: t.TempDir()})
		check(t, err)
		err = r.Serve(context.Background())
		if err == nil || bridge.FateOf(err) != bridge.Stop || bridge.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
		check(t, r.Close())
	}
}
