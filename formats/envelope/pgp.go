package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ProtonMail/gopenpgp/v3/constants"
	"github.com/ProtonMail/gopenpgp/v3/crypto"
)

// maxKeyFile bounds a file with a key.
const maxKeyFile = 1 << 20

func readLimited(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err == nil && len(b) > maxKeyFile {
		err = fmt.Errorf("%s is larger than any key", name)
	}
	return b, err
}

// readKeys reads one key from each file, armored or binary, and unlocks private ones.
func readKeys(files []string, passphraseFile string, private bool) (*crypto.KeyRing, error) {
	var passphrase []byte
	if passphraseFile != "" {
		b, err := readLimited(passphraseFile)
		if err != nil {
			return nil, err
		}
		passphrase = bytes.TrimRight(b, "\r\n")
	}
	ring, err := crypto.NewKeyRing(nil)
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		key, err := readKey(name, passphrase, private)
		if err == nil {
			err = ring.AddKey(key)
		}
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", name, err)
		}
	}
	return ring, nil
}

func readKey(name string, passphrase []byte, private bool) (*crypto.Key, error) {
	b, err := readLimited(name)
	if err != nil {
		return nil, err
	}
	key, err := crypto.NewKeyFromReader(bytes.NewReader(b))
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
	return key.Unlock(passphrase)
}

func (l *Layer) checkKeys() error {
	var all []error
	if len(l.Keys) == 0 {
		all = append(all, errors.New("keys: a private key is needed"))
	}
	if _, err := readKeys(l.Keys, l.PassphraseFile, true); err != nil {
		all = append(all, fmt.Errorf("keys: %w", err))
	}
	if _, err := readKeys(l.Signers, "", false); err != nil {
		all = append(all, fmt.Errorf("signers: %w", err))
	}
	switch {
	case l.Signature != "" && l.Signature != "required" && l.Signature != "optional":
		all = append(all, fmt.Errorf("signature: %q is neither required nor optional", l.Signature))
	case l.Signature != "optional" && len(l.Signers) == 0:
		all = append(all, errors.New("signers: the sender's public key is needed, or signature: optional"))
	}
	return errors.Join(all...)
}

// decrypt decrypts a message, armored or binary, and then looks at its signature: what was written before is good only
// when there is no error.
func (l *Layer) decrypt(f *os.File, c *caps, part Part) error {
	keys, err := readKeys(l.Keys, l.PassphraseFile, true)
	if err != nil {
		return err
	}
	defer keys.ClearPrivateParams()
	builder := crypto.PGP().Decryption().DecryptionKeys(keys).MaxDecompressedMessageSize(c.left + 1)
	if len(l.Signers) > 0 {
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
	case l.Signature == "optional" && bad.Status == constants.SIGNATURE_NOT_SIGNED:
		return nil
	case l.Signature == "optional" && len(l.Signers) == 0:
		return nil // nobody to compare it with
	}
	return fmt.Errorf("%w: %w", ErrSignature, *bad)
}

// Seal is how outbound files are encrypted and signed.
type Seal struct {
	// Recipients are files with one public key each.
	Recipients []string `yaml:"recipients"`
	// SignKey is a file with the private key that signs; empty: not signed.
	SignKey string `yaml:"sign_key"`
	// PassphraseFile holds its passphrase.
	PassphraseFile string `yaml:"passphrase_file"`
	// Armor writes text instead of bytes.
	Armor bool `yaml:"armor"`
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
	if len(s.Recipients) == 0 {
		return nil, errors.New("recipients: the receiver's public key is needed")
	}
	recipients, err := readKeys(s.Recipients, "", false)
	if err != nil {
		return nil, fmt.Errorf("recipients: %w", err)
	}
	builder := crypto.PGP().Encryption().Recipients(recipients)
	if s.SignKey != "" {
		ring, err := readKeys([]string{s.SignKey}, s.PassphraseFile, true)
		if err != nil {
			return nil, fmt.Errorf("sign_key: %w", err)
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
