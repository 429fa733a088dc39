package envelope

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ProtonMail/gopenpgp/v3/crypto"

	"github.com/orobridge/orobridge/formats/hostiletest"
)

// TestOneBudgetForAllLayersAndFiles: each of a thousand files within its own cap is no way around the drop's.
func TestOneBudgetForAllLayersAndFiles(t *testing.T) {
	var members []string
	for i := range 50 {
		members = append(members, fmt.Sprintf("%02d.gz", i), string(gzipped(t, strings.Repeat("0", 1_000_000))))
	}
	bomb := zipped(t, members...)
	if _, err := unwrap(t, bomb, Layer{Kind: Zip}, Layer{Kind: Gzip}); !errors.Is(err, ErrLimit) {
		t.Errorf("50 MB come out of %d bytes: %v", len(bomb), err)
	}
	if got, err := unwrap(t, bomb, Layer{Kind: Zip, MaxRatio: 20_000}, Layer{Kind: Gzip, MaxRatio: 20_000}); err != nil || len(got) < 50_000_000 {
		t.Errorf("a larger ratio: %d bytes, %v", len(got), err)
	}
	small := zipped(t, "a.gz", string(gzipped(t, "1234")), "b.gz", string(gzipped(t, "5678")))
	if _, err := unwrap(t, small, Layer{Kind: Zip}, Layer{Kind: Gzip, MaxSize: 7}); !errors.Is(err, ErrLimit) {
		t.Errorf("two files of 4 bytes in a layer of 7: %v", err)
	}
	if _, err := unwrap(t, small, Layer{Kind: Zip, MaxSize: 90}, Layer{Kind: Gzip, MaxSize: 90}); !errors.Is(err, ErrLimit) {
		t.Errorf("two layers are more than 90 bytes: %v", err)
	}
	nested := []byte(strings.Repeat("0", 64<<20))
	for range 3 {
		nested = gzipped(t, string(nested))
	}
	if _, err := unwrap(t, nested, Layer{Kind: Gzip}, Layer{Kind: Gzip}, Layer{Kind: Gzip}); !errors.Is(err, ErrLimit) {
		t.Errorf("64 MB come out of %d bytes: %v", len(nested), err)
	}
}

// TestAnArchiveThatSaysItIsTooLargeIsNotBegun: nothing is written of it.
func TestAnArchiveThatSaysItIsTooLargeIsNotBegun(t *testing.T) {
	file := zipped(t, "a", "A", "b", strings.Repeat("0", 2<<20), "c", strings.Repeat("0", 2<<20))
	got, err := unwrap(t, file, Layer{Kind: Zip, MaxSize: 3 << 20})
	if !errors.Is(err, ErrLimit) || got != "" {
		t.Errorf("%.20q, %v", got, err)
	}
}

func TestTheListOfAnArchiveIsBounded(t *testing.T) {
	if _, err := unwrap(t, crowdedZip(1<<16+1, 1, ""), Layer{Kind: Zip}); !errors.Is(err, ErrLimit) {
		t.Errorf("65,537 entries that are said to be one: %v", err)
	}
	if _, err := unwrap(t, crowdedZip(20, 60_000, ""), Layer{Kind: Zip}); !errors.Is(err, ErrLimit) {
		t.Errorf("20 entries that are said to be 60,000: %v", err)
	}
	if _, err := unwrap(t, crowdedZip(90, 90, strings.Repeat("n", 60_000)), Layer{Kind: Zip}); !errors.Is(err, ErrLimit) {
		t.Errorf("90 entries with names of 5 MB: %v", err)
	}
	if err := (&Layer{Kind: Zip, MaxEntries: 65_536}).Check(); err == nil {
		t.Error("more entries than an archive can say are no fault")
	}
	if _, err := unwrap(t, []byte("PK"), Layer{Kind: Zip}); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
}

// crowdedZip is an archive that lists entries, and says how many.
func crowdedZip(entries, said int, name string) []byte {
	var b []byte
	for range entries {
		h := make([]byte, 46)
		copy(h, "PK\x01\x02")
		binary.LittleEndian.PutUint16(h[28:], uint16(len(name)))
		b = append(append(b, h...), name...)
	}
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	binary.LittleEndian.PutUint16(end[8:], uint16(said))
	binary.LittleEndian.PutUint16(end[10:], uint16(said))
	binary.LittleEndian.PutUint32(end[12:], uint32(len(b)))
	return append(b, end...)
}

// fullDisk takes so many bytes.
type fullDisk struct{ left int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > d.left {
		return d.left, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}
	}
	d.left -= len(p)
	return len(p), nil
}

func (d *fullDisk) Close() error { return nil }

func TestAFullDiskIsNoFaultOfTheFile(t *testing.T) {
	for _, c := range []struct {
		file  []byte
		layer Layer
		needs int64
	}{
		{zipped(t, "a", strings.Repeat("a", 5000), "b", strings.Repeat("b", 7000)), Layer{Kind: Zip}, 12_000},
		{gzipped(t, strings.Repeat("a", 5000)), Layer{Kind: Gzip}, 1},
	} {
		name := filepath.Join(t.TempDir(), "src")
		if err := os.WriteFile(name, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		src, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		disk := &fullDisk{100}
		err = Layers{c.layer}.Unwrap(src, t.TempDir(), func(string) (io.WriteCloser, error) { return disk, nil }, nil)
		var full *NoSpaceError
		if !errors.As(err, &full) || full.Needs < c.needs || !errors.Is(err, syscall.ENOSPC) || errors.Is(err, ErrBroken) || errors.Is(err, ErrLimit) {
			t.Errorf("%s: %v", c.layer.Kind, err)
		}
	}
}

// unwrapSigned is unwrap with ears for signatures.
func unwrapSigned(t *testing.T, file []byte, signed func(Signature) error, ls ...Layer) (string, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "src")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var o out
	err = Layers(ls).Unwrap(src, t.TempDir(), o.part, signed)
	return o.String(), err
}

func TestASignatureIsToldBeforeWhatItSignsIsUsed(t *testing.T) {
	shop, erp := newPerson(t, "shop"), newPerson(t, "erp")
	strict := Layer{Kind: PGP, Keys: shop.private, Passphrase: shop.passphrase, Signers: erp.public}
	from := Seal{Recipients: shop.public, SignKey: erp.private, Passphrase: erp.passphrase}
	text := string(gzipped(t, "a;b\n"))
	first, again := seal(t, from, text), seal(t, from, text+" ")
	var seen []Signature
	keep := func(s Signature) error { seen = append(seen, s); return nil }
	for _, file := range [][]byte{first, first, again} {
		if _, err := unwrapSigned(t, file, keep, strict); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 3 || seen[0] != seen[1] || seen[0].ID == seen[2].ID || seen[0].Signer != seen[2].Signer || len(seen[0].Signer) != 40 && len(seen[0].Signer) != 64 {
		t.Errorf("%+v", seen)
	}
	if age := time.Since(seen[0].At); age < -time.Second || age > time.Minute || seen[0].At.Location() != time.UTC {
		t.Errorf("signed at %v", seen[0].At)
	}
	replayed := errors.New("seen before")
	got, err := unwrapSigned(t, first, func(Signature) error { return replayed }, strict, Layer{Kind: Gzip})
	if !errors.Is(err, replayed) || got != "" {
		t.Errorf("a replay: %q, %v", got, err)
	}
	if got, err := unwrapSigned(t, seal(t, Seal{Recipients: shop.public}, text), keep, strict, Layer{Kind: Gzip}); !errors.Is(err, ErrSignature) || got != "" || len(seen) != 3 {
		t.Errorf("without a signature: %q, %v", got, err)
	}
}

// TestTheReceiversOwnKeySignsNothing: it is among the keys that are tried.
func TestTheReceiversOwnKeySignsNothing(t *testing.T) {
	shop, erp := newPerson(t, "shop"), newPerson(t, "erp")
	file := seal(t, Seal{Recipients: shop.public, SignKey: shop.private, Passphrase: shop.passphrase}, "a;b\n")
	if _, err := unwrap(t, file, Layer{Kind: PGP, Keys: shop.private, Passphrase: shop.passphrase, Signers: erp.public}); !errors.Is(err, ErrSignature) {
		t.Error(err)
	}
}

// aged is somebody whose key was made some time ago, and whose public key says that it is good for some time. The key
// itself signs whenever it is asked to.
func aged(t *testing.T, made, good time.Duration) (*crypto.Key, string) {
	t.Helper()
	key, err := crypto.PGP().KeyGeneration().AddUserId("erp", "erp@example.com").GenerationTime(time.Now().Add(-made).Unix()).New().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	short, err := key.Copy()
	if err != nil {
		t.Fatal(err)
	}
	entity, seconds := short.GetEntity(), uint32(good.Seconds())
	for _, id := range entity.Identities {
		for _, c := range id.SelfCertifications {
			c.Packet.KeyLifetimeSecs = &seconds
			if err := c.Packet.SignUserId(id.Name, entity.PrimaryKey, entity.PrivateKey, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	public, err := short.GetArmoredPublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return key, public
}

func signedBy(t *testing.T, key *crypto.Key, at time.Time, text string) []byte {
	t.Helper()
	handle, err := crypto.PGP().Sign().SigningKey(key).SignTime(at.Unix()).New()
	if err != nil {
		t.Fatal(err)
	}
	message, err := handle.Sign([]byte(text), crypto.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return message
}

func TestAKeyMustHaveBeenGoodWhenItSigned(t *testing.T) {
	const day = 24 * time.Hour
	key, public := aged(t, 10*day, 5*day)
	plain := Layer{Kind: PGP, Plain: true, Signers: public}
	for _, c := range []struct {
		name string
		ago  time.Duration
		err  error
	}{
		{"it was good, and is no more", 7 * day, nil},
		{"it was good no more", 2 * day, ErrSignature},
	} {
		file := signedBy(t, key, time.Now().Add(-c.ago), "a;b\n")
		if _, err := unwrap(t, file, plain); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	key, public = aged(t, day, 30*day)
	if _, err := unwrap(t, signedBy(t, key, time.Now().Add(2*day), "a;b\n"), Layer{Kind: PGP, Plain: true, Signers: public}); !errors.Is(err, ErrSignature) {
		t.Errorf("in two days: %v", err)
	}
}

func TestAMessageThatEverybodyCanReadIsTakenOnlyWhereTheLayerSaysSo(t *testing.T) {
	shop, other := newPerson(t, "shop"), newPerson(t, "other")
	key, public := aged(t, time.Hour, 24*time.Hour)
	file := signedBy(t, key, time.Now().Add(-time.Minute), "a;b\n")
	strict := Layer{Kind: PGP, Keys: shop.private, Passphrase: shop.passphrase, Signers: public}
	loose, keyless := strict, Layer{Kind: PGP, Plain: true, Signers: public}
	loose.Plain = true
	if err := keyless.Check(); err != nil {
		t.Fatal(err)
	}
	unsigned := append([]byte{0xcb, 10, 'b', 0, 0, 0, 0, 0}, "a;b\n"...) // a literal packet
	for _, c := range []struct {
		name  string
		file  []byte
		layer Layer
		err   error
	}{
		{"strict", file, strict, ErrNotEncrypted},
		{"allowed", file, loose, nil},
		{"allowed, nothing can be decrypted", file, keyless, nil},
		{"signed by another", file, Layer{Kind: PGP, Plain: true, Signers: other.public}, ErrSignature},
		{"neither signed nor encrypted", unsigned, loose, ErrSignature},
		{"neither signed nor encrypted, strict", unsigned, strict, ErrNotEncrypted},
		{"encrypted all the same", seal(t, Seal{Recipients: shop.public, SignKey: shop.private, Passphrase: shop.passphrase}, "a;b\n"),
			Layer{Kind: PGP, Plain: true, Keys: shop.private, Passphrase: shop.passphrase, Signers: shop.public}, nil},
		{"encrypted, and no key", seal(t, Seal{Recipients: shop.public}, "a;b\n"), keyless, ErrBroken},
	} {
		got, err := unwrap(t, c.file, c.layer)
		if !errors.Is(err, c.err) || c.err == nil && got != "=a;b\n;" {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}

func TestAMessagesTextHasARatioToo(t *testing.T) {
	shop := newPerson(t, "shop")
	public, err := crypto.NewKeyFromArmored(shop.public)
	if err != nil {
		t.Fatal(err)
	}
	handle, err := crypto.PGP().Encryption().Recipient(public).Compress().New()
	if err != nil {
		t.Fatal(err)
	}
	message, err := handle.Encrypt(bytes.Repeat([]byte("0"), 24<<20))
	if err != nil {
		t.Fatal(err)
	}
	layer := Layer{Kind: PGP, Keys: shop.private, Passphrase: shop.passphrase, Optional: true}
	if _, err := unwrap(t, message.Bytes(), layer); !errors.Is(err, ErrLimit) {
		t.Errorf("24 MB come out of %d bytes: %v", len(message.Bytes()), err)
	}
	layer.MaxRatio = 10_000
	if _, err := unwrap(t, message.Bytes(), layer); err != nil {
		t.Errorf("a larger ratio: %v", err)
	}
}

// TestWhatStandsBeforeAMessagesTextIsBounded: packets are held in memory until the text begins.
func TestWhatStandsBeforeAMessagesTextIsBounded(t *testing.T) {
	shop := newPerson(t, "shop")
	layer := Layer{Kind: PGP, Keys: shop.private, Passphrase: shop.passphrase, Optional: true, Plain: true}
	forAnyone := append([]byte{0xc1, 16, 3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0xff}, 0, 0, 0) // a session key for whoever tries, RSA
	announced := []byte{0xc4, 13, 3, 0, 8, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0}                     // one signature of several
	var squeezed bytes.Buffer                                                                // millions of them in some KB
	squeezed.Write([]byte{0xc8, 0xff, 0, 0, 0, 0, 1})                                        // compressed, ZIP; its length comes below
	z, err := flate.NewWriter(&squeezed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(bytes.Repeat(announced, 1_000_000)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var ending bytes.Buffer // signatures behind the text that nobody announced
	ending.Write([]byte{0xc8, 0xff, 0, 0, 0, 0, 1})
	if z, err = flate.NewWriter(&ending, flate.BestCompression); err != nil {
		t.Fatal(err)
	}
	signature := []byte{0xc2, 24, 4, 0, 1, 8, 0, 6, 5, 2, 1, 2, 3, 4, 0, 10, 9, 16, 1, 2, 3, 4, 5, 6, 7, 8}
	text := append([]byte{0xcb, 10, 'b', 0, 0, 0, 0, 0}, "a;b\n"...)
	if _, err := z.Write(append(text, bytes.Repeat(signature, 1_000_000)...)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	binary.BigEndian.PutUint32(ending.Bytes()[2:], uint32(ending.Len()-6))
	binary.BigEndian.PutUint32(squeezed.Bytes()[2:], uint32(squeezed.Len()-6))
	for name, c := range map[string]struct {
		file []byte
		err  error
	}{
		"session keys": {bytes.Repeat(forAnyone, 60_000), ErrLimit},
		"signatures":   {bytes.Repeat(announced, 60_000), ErrLimit},
		"squeezed":     {squeezed.Bytes(), ErrBroken},
		"behind it":    {ending.Bytes(), ErrBroken},
	} {
		began := hostiletest.Spent()
		if _, err := unwrap(t, c.file, layer); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
		if took := hostiletest.Spent() - began; took > 10*time.Second {
			t.Errorf("%s: %v", name, took)
		} else {
			t.Logf("%s: %v", name, took)
		}
	}
}

func FuzzPGP(f *testing.F) {
	shop, err := crypto.PGP().KeyGeneration().AddUserId("shop", "shop@example.com").New().GenerateKey()
	if err != nil {
		f.Fatal(err)
	}
	private, err := shop.Armor()
	if err != nil {
		f.Fatal(err)
	}
	public, err := shop.GetArmoredPublicKey()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []Seal{{Recipients: public}, {Recipients: public, SignKey: private}, {Recipients: public, SignKey: private, Armor: true}} {
		var b bytes.Buffer
		w, err := s.Writer(&b)
		if err != nil {
			f.Fatal(err)
		}
		if _, err := w.Write([]byte("a;b\n")); err != nil {
			f.Fatal(err)
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte{0xc4, 13, 3, 0, 8, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0})
	f.Add(append([]byte{0xcb, 10, 'b', 0, 0, 0, 0, 0}, "a;b\n"...))
	f.Fuzz(func(t *testing.T, file []byte) {
		l := Layer{Kind: PGP, Keys: private, Signers: public, Plain: true, MaxSize: 1 << 20}
		got, err := unwrap(t, file, l)
		if err == nil && got != "=a;b\n;" {
			t.Fatalf("%q came out, and the signer never wrote it", got)
		}
	})
}
