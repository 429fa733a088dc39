package envelope

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

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
	return key.Unlock([]byte(passphrase))
}

func (l *Layer) checkKeys() error {
	var all []error
	if l.Keys == "" {
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

// decrypt decrypts a message, armored or binary, and then looks at its signature: what was written before is good only
// when there is no error.
func (l *Layer) decrypt(f *os.File, c *caps, part Part) error {
	keys, err := readKeys(l.Keys, l.Passphrase, true)
	if err != nil {
		return err
	}
	defer keys.ClearPrivateParams()
	builder := crypto.PGP().Decryption().DecryptionKeys(keys).MaxDecompressedMessageSize(c.left + 1)
	if l.Signers != "" {
		signers, err := readKeys(l.Signers, "", false)
		if err != nil {
			return err
		}
		builder = builder.VerificationKeys(signers)
	}
	handle, err := builder.New()
	if err != nil {
		return err
	}
	r, err := handle.DecryptingReader(f, crypto.Auto)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	if err := c.copy("", r, part); err != nil {
		return err
	}
	return l.verify(r)
}

// verify judges the signature of a message that was read to its end.
func (l *Layer) verify(r *crypto.VerifyDataReader) error {
	result, err := r.VerifySignature()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	bad := result.SignatureErrorExplicit()
	switch {
	case bad == nil:
		return nil
	case l.Optional && bad.Status == constants.SIGNATURE_NOT_SIGNED:
		return nil
	case l.Optional && l.Signers == "":
		return nil // nobody to compare it with
	}
	return fmt.Errorf("%w: %w", ErrSignature, *bad)
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
