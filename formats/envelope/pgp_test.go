package envelope

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/s2k"
	"github.com/ProtonMail/gopenpgp/v3/crypto"
	"github.com/ProtonMail/gopenpgp/v3/profile"
)

// person is somebody with a key pair.
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
	cheap := profile.Default() // a passphrase is made a key in no time: tests do it over and over
	cheap.S2kKeyEncryption = &s2k.Config{S2KMode: s2k.IteratedSaltedS2K, S2KCount: 65536}
	locked, err := crypto.PGPWithProfile(cheap).LockKey(key, []byte("secret of "+name))
	if err != nil {
		t.Fatal(err)
	}
	private, err := locked.Armor()
	if err != nil {
		t.Fatal(err)
	}
	return person{private, public, "secret of " + name}
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
		return Seal{Recipients: shop.public, SignKey: p.private, Passphrase: p.passphrase}
	}
	armored := from(erp)
	armored.Armor = true
	unsigned := Seal{Recipients: shop.public}
	strict := Layer{Kind: PGP, Keys: shop.private, Passphrase: shop.passphrase, Signers: erp.public}
	loose := strict
	loose.Optional = true
	nobody := loose
	nobody.Signers = ""
	for _, l := range []Layer{strict, loose, nobody} {
		if err := l.Check(); err != nil {
			t.Fatal(err)
		}
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
		{"for another", seal(t, Seal{Recipients: other.public}, text), []Layer{loose}, ErrBroken},
		{"changed on its way", bent, []Layer{strict}, ErrBroken},
		{"cut off", good[:len(good)-100], []Layer{strict}, ErrBroken},
		{"no message", []byte(text), []Layer{strict}, ErrBroken},
		{"over its size", good, []Layer{{Kind: PGP, Keys: strict.Keys, Passphrase: strict.Passphrase, Signers: strict.Signers, MaxSize: 1000}}, ErrLimit},
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
		"key: a private key":  {Kind: PGP, Optional: true},
		"it is a public key":  {Kind: PGP, Optional: true, Keys: shop.public},
		"key: key 1":          {Kind: PGP, Optional: true, Keys: shop.private, Passphrase: erp.passphrase},
		"signers: the sender": {Kind: PGP, Keys: shop.private, Passphrase: shop.passphrase},
	} {
		if err := l.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if err := (&Seal{}).Check(); err == nil {
		t.Error("no recipient is no fault")
	}
}

// While a key changes, files are encrypted to both and signed by both: whoever knows one of each reads and believes them.
func TestBothKeysAreGoodWhileTheyChange(t *testing.T) {
	old, next, before, after := newPerson(t, "shop"), newPerson(t, "shop"), newPerson(t, "erp"), newPerson(t, "erp")
	file := seal(t, Seal{Recipients: before.public + "\n" + after.public, SignKey: next.private + "\n" + old.private,
		Passphrase: next.passphrase + "\n" + old.passphrase}, "a;b\n")
	for _, receiver := range []person{before, after} {
		for _, signer := range []person{old, next} {
			_, err := unwrap(t, file, Layer{Kind: PGP, Keys: receiver.private, Passphrase: receiver.passphrase, Signers: signer.public})
			if err != nil {
				t.Error(err)
			}
		}
	}
}

// TestWrap puts files back: what comes out again is what went in, for who may read it.
func TestWrap(t *testing.T) {
	shop, erp := newPerson(t, "shop"), newPerson(t, "erp")
	in := Layer{Kind: PGP, Keys: shop.private + "\n" + erp.private, Passphrase: shop.passphrase, Signers: erp.public, Optional: true}
	if err := in.Check(); err == nil {
		t.Error("a key with another passphrase is no fault")
	}
	in.Passphrase = shop.passphrase + "\n" + erp.passphrase + "\n"
	if err := in.Check(); err != nil {
		t.Errorf("two keys with a passphrase each: %v", err)
	}
	in.Passphrase = shop.passphrase
	in.Keys = shop.private
	back := Layer{Kind: PGP, Keys: erp.private, Passphrase: erp.passphrase, Signers: shop.public, Optional: true}
	files := []File{{"a.csv", []byte("A")}, {"b.csv", []byte("B")}}
	for _, c := range []struct {
		name       string
		wrap, open Layers
		files      []File
		want       string
	}{
		{"gzip", Layers{{Kind: Gzip}}, Layers{{Kind: Gzip}}, files[:1], "a.csv=A;"},
		{"zip", Layers{{Kind: Zip}}, Layers{{Kind: Zip}}, files, "a.csv=A;b.csv=B;"},
		{"gzip in zip", Layers{{Kind: Zip}, {Kind: Gzip}}, Layers{{Kind: Zip}, {Kind: Gzip}}, files, "a.csv=A;b.csv=B;"},
		{"zip in pgp", Layers{in, {Kind: Zip}}, Layers{back, {Kind: Zip}}, files, "a.csv=A;b.csv=B;"},
	} {
		body, err := c.wrap.Wrap(c.files)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got, err := unwrap(t, body, c.open...); err != nil || got != c.want {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
	if _, err := (Layers{{Kind: PGP, Optional: true}}).Wrap(files[:1]); !errors.Is(err, ErrNobody) {
		t.Errorf("without a signer: %v", err)
	}
	if _, err := (Layers{{Kind: Gzip}}).Wrap(files); err == nil {
		t.Error("two files fit into a gzip")
	}
}
