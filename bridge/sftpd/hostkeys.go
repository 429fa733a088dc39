package sftpd

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"github.com/orobridge/orobridge/bridge"
)

// hostKey is one of the server's keys.
type hostKey struct {
	ssh.Signer
	file  string
	shown bool // it is the server's; otherwise it is only made known, for the time after the next rotation
}

// hostKeyFiles are the files that the config names, or those of the state folder.
func (r *Remote) hostKeyFiles() (files []string, made bool) {
	if len(r.options.HostKeys) > 0 {
		return r.options.HostKeys, false
	}
	for _, kind := range keyKinds {
		files = append(files, filepath.Join(r.state, "host_"+kind.name))
	}
	return files, true
}

// keyKinds are what is made at the first start, the best first.
var keyKinds = []struct {
	name string
	make func() (crypto.Signer, error)
}{
	{"ed25519", func() (crypto.Signer, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}},
	{"ecdsa", func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }},
	{"rsa", func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 3072) }},
}

// makeHostKeys makes those of the state folder that are missing, with mode 0600.
func (r *Remote) makeHostKeys() error {
	files, made := r.hostKeyFiles()
	if !made {
		return nil
	}
	for i, file := range files {
		if _, err := os.Lstat(file); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		key, err := keyKinds[i].make()
		if err != nil {
			return err
		}
		if err := writeKey(file, key); err != nil {
			return fmt.Errorf("make host key: %w", err)
		}
	}
	return nil
}

// writeKey writes a key under a temporary name and links it to its own, so that two that start at once agree on one.
func writeKey(file string, key crypto.Signer) error {
	block, err := ssh.MarshalPrivateKey(key, "orobridge")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".host-key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(pem.EncodeToMemory(block))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), file); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// readHostKeys reads all of them; one that others can read is refused, as OpenSSH does. none is an error wrapping
// fs.ErrNotExist.
func (r *Remote) readHostKeys() ([]hostKey, error) {
	files, _ := r.hostKeyFiles()
	var keys []hostKey
	shown := map[string]bool{}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		if info.Mode().Perm()&0o077 != 0 {
			return nil, &bridge.Error{Op: "read host key", Object: file, Fate: bridge.Stop,
				Err: fmt.Errorf("others than its owner can read it (mode %04o)", info.Mode().Perm()), Hint: "chmod 600 " + file}
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		signer, err := ssh.ParsePrivateKey(text)
		if err == nil {
			err = checkKey(signer.PublicKey())
		}
		if err != nil {
			return nil, &bridge.Error{Op: "read host key", Object: file, Fate: bridge.Stop, Err: err,
				Hint: "host_keys wants private keys without passphrase, in OpenSSH or PEM form"}
		}
		kind := signer.PublicKey().Type()
		if multi, ok := signer.(ssh.AlgorithmSigner); ok {
			if signer, err = ssh.NewSignerWithAlgorithms(multi, hostAlgorithms(signer.PublicKey(), r.options.LegacyAlgorithms)); err != nil {
				return nil, err
			}
		}
		keys = append(keys, hostKey{signer, file, !shown[kind]})
		shown[kind] = true
	}
	return keys, nil
}

// Messages of OpenSSH's host key rotation (PROTOCOL, section 2.5).
const (
	announceKeys = "hostkeys-00@openssh.com"
	proveKeys    = "hostkeys-prove-00@openssh.com"
)

// announcement tells a client all host keys, so that it learns the next one while the present one still holds.
func announcement(keys []hostKey) []byte {
	var b []byte
	for _, k := range keys {
		b = append(b, ssh.Marshal(struct{ Key []byte }{k.PublicKey().Marshal()})...)
	}
	return b
}

// maxProofs is how many keys a client may ask proof for at once.
const maxProofs = 16

// prove signs for each key that the client asks about that the server has it.
func prove(keys []hostKey, session, payload []byte) ([]byte, error) {
	var answer []byte
	for n := 0; len(payload) > 0; n++ {
		var ask struct {
			Key  []byte
			Rest []byte `ssh:"rest"`
		}
		if err := ssh.Unmarshal(payload, &ask); err != nil {
			return nil, err
		}
		payload = ask.Rest
		key := find(keys, ask.Key)
		if key == nil || n >= maxProofs {
			return nil, errors.New("asked about a key that is not the server's")
		}
		signed := ssh.Marshal(struct {
			What         string
			Session, Key []byte
		}{proveKeys, session, ask.Key})
		signature, err := key.Sign(rand.Reader, signed)
		if err != nil {
			return nil, err
		}
		answer = append(answer, ssh.Marshal(struct{ Signature []byte }{ssh.Marshal(signature)})...)
	}
	return answer, nil
}

func find(keys []hostKey, wire []byte) *hostKey {
	for i := range keys {
		if string(keys[i].PublicKey().Marshal()) == string(wire) {
			return &keys[i]
		}
	}
	return nil
}
