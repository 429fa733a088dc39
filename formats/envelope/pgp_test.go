package envelope

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/gopenpgp/v3/crypto"
)

// person is somebody with a key pair in files.
type person struct{ private, public, passphrase string }

func newPerson(t *testing.T, name string) person {
	t.Helper()
	key, err := crypto.PGP().KeyGeneration().AddUserId(name, name+"@example.com").New().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.GetArmoredPublicKey()
	if err != nil {
		t.Fatal(err)
	}
	locked, err := crypto.PGP().LockKey(key, []byte("secret of "+name))
	if err != nil {
		t.Fatal(err)
	}
	private, err := locked.Armor()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := person{filepath.Join(dir, "private.asc"), filepath.Join(dir, "public.asc"), filepath.Join(dir, "passphrase")}
	for file, text := range map[string]string{p.private: private, p.public: public, p.passphrase: "secret of " + name + "\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func seal(t *testing.T, s Seal, text string) []byte {
	t.Helper()
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := s.Writer(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPGP(t *testing.T) {
	shop, erp, other := newPerson(t, "shop"), newPerson(t, "erp"), newPerson(t, "other")
	text := strings.Repeat("a;b\n", 50_000)
	from := func(p person) Seal {
		return Seal{Recipients: []string{shop.public}, SignKey: p.private, PassphraseFile: p.passphrase}
	}
	armored := from(erp)
	armored.Armor = true
	unsigned := Seal{Recipients: []string{shop.public}}
	strict := Layer{Kind: PGP, Keys: []string{shop.private}, PassphraseFile: shop.passphrase, Signers: []string{erp.public}}
	loose := strict
	loose.Signature = "optional"
	nobody := loose
	nobody.Signers = nil
	if err := (Layers{strict, loose, nobody}).Check(); err != nil {
		t.Fatal(err)
	}
	good := seal(t, from(erp), text)
	bent := bytes.Clone(good)
	bent[len(bent)/2] ^= 1
	for _, c := range []struct {
		name   string
		file   []byte
		layers []Layer
		err    error
	}{
		{"signed", good, []Layer{strict}, nil},
		{"armored", seal(t, armored, text), []Layer{strict}, nil},
		{"signed, may be", good, []Layer{loose}, nil},
		{"signed, not compared", good, []Layer{nobody}, nil},
		{"gzip inside", seal(t, from(erp), string(gzipped(t, text))), []Layer{strict, {Kind: Gzip}}, nil},
		{"unsigned", seal(t, unsigned, text), []Layer{strict}, ErrSignature},
		{"unsigned, may be", seal(t, unsigned, text), []Layer{loose}, nil},
		{"signed by another", seal(t, from(other), text), []Layer{strict}, ErrSignature},
		{"signed by another, may be", seal(t, from(other), text), []Layer{loose}, ErrSignature},
		{"for another", seal(t, Seal{Recipients: []string{other.public}}, text), []Layer{loose}, ErrBroken},
		{"changed on its way", bent, []Layer{strict}, ErrBroken},
		{"cut off", good[:len(good)-100], []Layer{strict}, ErrBroken},
		{"no message", []byte(text), []Layer{strict}, ErrBroken},
		{"over its size", good, []Layer{{Kind: PGP, Keys: strict.Keys, PassphraseFile: strict.PassphraseFile, Signers: strict.Signers, MaxSize: 1000}}, ErrLimit},
	} {
		got, err := unwrap(t, c.file, c.layers...)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		}
		if c.err == nil && !strings.HasSuffix(got, "="+text+";") {
			t.Errorf("%s: %d bytes came out", c.name, len(got))
		}
	}
}

func TestKeyFaults(t *testing.T) {
	shop, erp := newPerson(t, "shop"), newPerson(t, "erp")
	for want, l := range map[string]Layer{
		"keys: a private key": {Kind: PGP, Signature: "optional"},
		"it is a public key":  {Kind: PGP, Signature: "optional", Keys: []string{shop.public}},
		"keys: key ":          {Kind: PGP, Signature: "optional", Keys: []string{shop.private}, PassphraseFile: erp.passphrase},
		"signers: the sender": {Kind: PGP, Keys: []string{shop.private}, PassphraseFile: shop.passphrase},
		"signature: ":         {Kind: PGP, Signature: "some", Signers: []string{erp.public}, Keys: []string{shop.private}, PassphraseFile: shop.passphrase},
	} {
		if err := (Layers{l}).Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if err := (&Seal{}).Check(); err == nil {
		t.Error("no recipient is no fault")
	}
}
