package envelope

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/gopenpgp/v3/constants"
	"github.com/ProtonMail/gopenpgp/v3/crypto"

	"github.com/orobridge/orobridge/formats"
)

// readKeys reads armored keys, one after the other, and unlocks private ones. Of private keys that stand where public
// ones are wanted only the public half is used.
func readKeys(text, passphrase string, private bool) (*crypto.KeyRing, error) {
	ring, err := crypto.NewKeyRing(nil)
	if err != nil {
		return nil, err
	}
	const begin = "-----BEGIN PGP "
	for n, rest := 1, strings.TrimSpace(text); rest != ""; n++ {
		if !strings.HasPrefix(rest, begin) {
			return nil, fmt.Errorf("key %d: it is not armored: write it by gpg --armor", n)
		}
		next := strings.Index(rest[1:], begin) + 1
		if next == 0 {
			next = len(rest)
		}
		key, err := readKey(rest[:next], passphrase, private)
		if err == nil {
			err = ring.AddKey(key)
		}
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", n, err)
		}
		rest = rest[next:]
	}
	return ring, nil
}

func readKey(text, passphrase string, private bool) (*crypto.Key, error) {
	key, err := crypto.NewKeyFromArmored(text)
	if err != nil {
		return nil, err
	}
	if !private {
		if key.IsPrivate() {
			return key.ToPublic()
		}
		return key, nil
	}
	if !key.IsPrivate() {
		return nil, errors.New("it is a public key; a private one is needed")
	}
	locked, err := key.IsLocked()
	if err != nil || !locked {
		return key, err
	}
	all := strings.Split(strings.TrimRight(passphrase, "\r\n"), "\n") // while keys change
	for i, one := range all {
		var open *crypto.Key
		if open, err = key.Unlock([]byte(strings.TrimSuffix(one, "\r"))); err == nil || i == len(all)-1 {
			return open, err
		}
	}
	return nil, err
}

func (l *Layer) checkKeys() error {
	var all []error
	if l.Keys == "" && !l.Plain {
		all = append(all, formats.AtKey("key", errors.New("a private key is needed")))
	}
	if _, err := readKeys(l.Keys, l.Passphrase, true); err != nil {
		all = append(all, formats.AtKey("key", err))
	}
	if _, err := readKeys(l.Signers, "", false); err != nil {
		all = append(all, formats.AtKey("signers", err))
	}
	if !l.Optional && l.Signers == "" {
		all = append(all, formats.AtKey("signers", errors.New("the sender's public key is needed, or signature: optional")))
	}
	return errors.Join(all...)
}

// Signature is a good signature of a message.
type Signature struct {
	Signer string    // fingerprint of the signer's key, in hexadecimal
	At     time.Time // when it was made, by the signer's clock; UTC
	ID     string    // of this signature of this text: whatever else is changed about a message that is sent again, it stays
}

// maxHead is how much of a message may stand before its text: keys for each of its recipients, and what announces
// signatures. All of it is held in memory.
const maxHead = 64 << 10

// head is a message that is not open yet.
type head struct {
	r    io.Reader
	left int
	open bool
}

func (h *head) Read(p []byte) (int, error) {
	if h.open {
		return h.r.Read(p)
	}
	if h.left <= 0 {
		return 0, ErrLimit
	}
	n, err := h.r.Read(p[:min(len(p), h.left)])
	h.left -= n
	return n, err
}

// opened lifts the cap once the text begins, and marks an error as the message's fault.
func (h *head) opened(err error) error {
	switch {
	case err == nil:
		h.open = true
		return nil
	case h.left <= 0:
		return fmt.Errorf("%w: more than %d bytes stand before the message's text", ErrLimit, maxHead)
	}
	return fmt.Errorf("%w: %w", ErrBroken, err)
}

// decrypt decrypts a message, armored or binary, and then looks at its signature: what was written before is good only
// when there is no error. A signature is good when its key was at the time at which it was made, and it is not from the
// future.
func (u *unwrapping) decrypt(l *Layer, f *os.File) error {
	signers, err := readKeys(l.Signers, "", false)
	if err != nil {
		return err
	}
	// What stands before the text costs the library the square of its length. It is opened for a look first: no more than a
	// head's length is decompressed then.
	_, done, err := l.openMessage(f, signers, maxHead)
	done()
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r, done, err := l.openMessage(f, signers, u.room())
	defer done()
	if err != nil {
		return err
	}
	sum := sha256.New()
	if err := u.copy("", io.TeeReader(r, sum)); err != nil {
		return err
	}
	signature, err := l.verify(r, signers, sum.Sum(nil))
	if err != nil || signature == nil || u.signed == nil {
		return err
	}
	return u.signed(*signature)
}

// openMessage reads what stands before a message's text, of which at most so many bytes are decompressed. Done forgets the
// private keys; it is never nil.
func (l *Layer) openMessage(f io.Reader, signers *crypto.KeyRing, most int64) (r *crypto.VerifyDataReader, done func(), err error) {
	done = func() {}
	in := &head{r: f, left: maxHead}
	most = min(most, math.MaxInt64-maxHead) + maxHead
	if l.Keys == "" { // nothing can be decrypted
		handle, err := crypto.PGP().Verify().VerificationKeys(signers).MaxDecompressedMessageSize(most).New()
		if err != nil {
			return nil, done, err
		}
		r, err = handle.VerifyingReader(nil, in, crypto.Auto)
		return r, done, in.opened(err)
	}
	keys, err := readKeys(l.Keys, l.Passphrase, true)
	if err != nil {
		return nil, done, err
	}
	done = func() { keys.ClearPrivateParams() }
	decrypt := crypto.PGP().Decryption().DecryptionKeys(keys).MaxDecompressedMessageSize(most).RetrieveSessionKey()
	if signers.CountEntities() > 0 {
		decrypt = decrypt.VerificationKeys(signers)
	}
	handle, err := decrypt.New()
	if err != nil {
		return nil, done, err
	}
	r, err = handle.DecryptingReader(in, crypto.Auto)
	if err = in.opened(err); err != nil {
		return nil, done, err
	}
	session := r.SessionKey() // there is one when the message was encrypted
	if session != nil {
		session.Clear()
	} else if !l.Plain {
		return nil, done, ErrNotEncrypted
	}
	return r, done, nil
}

// verify judges the signature of a message that was read to its end. It is nil when there is none, or nobody to compare it
// with, and that is allowed.
func (l *Layer) verify(r *crypto.VerifyDataReader, signers *crypto.KeyRing, sum []byte) (*Signature, error) {
	result, err := r.VerifySignature()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	bad := result.SignatureErrorExplicit()
	switch {
	case l.Optional && l.Signers == "":
		return nil, nil // nobody to compare it with
	case l.Optional && bad != nil && bad.Status == constants.SIGNATURE_NOT_SIGNED:
		return nil, nil
	case bad != nil:
		return nil, fmt.Errorf("%w: %w", ErrSignature, *bad)
	}
	key := result.SignedByKey()
	if key == nil || !slices.ContainsFunc(signers.GetKeys(), func(k *crypto.Key) bool { return k.GetFingerprint() == key.GetFingerprint() }) {
		return nil, fmt.Errorf("%w: the key that signed is none of the signers'", ErrSignature) // the receiver's own can be tried too
	}
	for _, s := range result.Signatures {
		if s.SignatureError == nil {
			id := sha256.Sum256(append(sum, s.Signature.HashSuffix...))
			return &Signature{Signer: key.GetFingerprint(), At: s.Signature.CreationTime.UTC(), ID: hex.EncodeToString(id[:16])}, nil
		}
	}
	return nil, fmt.Errorf("%w: none was found", ErrSignature)
}

// Seal is how outbound files are encrypted and signed. Keys are texts, armored.
type Seal struct {
	Recipients string // public keys, one after the other
	SignKey    string // private key that signs; empty: not signed
	Passphrase string // of SignKey
	Armor      bool   // writes text instead of bytes
}

// Check reports keys that can't be read.
func (s *Seal) Check() error {
	_, err := s.handle()
	return err
}

// Extension is put behind the name of a sealed file.
func (s *Seal) Extension() string {
	if s.Armor {
		return ".asc"
	}
	return ".pgp"
}

func (s *Seal) handle() (crypto.PGPEncryption, error) {
	if s.Recipients == "" {
		return nil, formats.AtKey("recipients", errors.New("the receiver's public key is needed"))
	}
	recipients, err := readKeys(s.Recipients, "", false)
	if err != nil {
		return nil, formats.AtKey("recipients", err)
	}
	builder := crypto.PGP().Encryption().Recipients(recipients)
	if s.SignKey != "" {
		ring, err := readKeys(s.SignKey, s.Passphrase, true)
		if err != nil {
			return nil, formats.AtKey("sign_key", err)
		}
		builder = builder.SigningKeys(ring)
	}
	return builder.New()
}

// Writer encrypts and signs what is written to it. The message is whole once Close has returned nil; w is not closed.
func (s *Seal) Writer(w io.Writer) (io.WriteCloser, error) {
	handle, err := s.handle()
	if err != nil {
		return nil, err
	}
	encoding := crypto.Bytes
	if s.Armor {
		encoding = crypto.Armor
	}
	out, err := handle.EncryptingWriter(w, encoding)
	if err != nil {
		handle.ClearPrivateParams()
		return nil, err
	}
	return &sealed{out, handle}, nil
}

type sealed struct {
	io.WriteCloser
	handle crypto.PGPEncryption
}

func (s *sealed) Close() error {
	defer s.handle.ClearPrivateParams()
	return s.WriteCloser.Close()
}
