package sftpd

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"
)

// minRSA is the shortest RSA key of a partner, in bits (NIST SP 800-57).
const minRSA = 2048

// checkKey refuses keys that are too weak to tell who somebody is.
func checkKey(key ssh.PublicKey) error {
	if key.Type() == "ssh-dss" {
		return errors.New("DSA keys are not safe any more: use Ed25519")
	}
	if k, ok := key.(ssh.CryptoPublicKey); ok {
		if r, ok := k.CryptoPublicKey().(*rsa.PublicKey); ok && r.N.BitLen() < minRSA {
			return fmt.Errorf("the RSA key has %d bits: %d are the least", r.N.BitLen(), minRSA)
		}
	}
	return nil
}

// algorithms are what the server speaks: what x/crypto holds to be sound, and with legacy what old SAP PI systems,
// JSch 0.1.54 and the like need. ChaCha20 is left out: AES is as sound and, with the help of the processor, several
// times as fast, and a client that likes ChaCha20 best would get it.
func algorithms(legacy bool) ssh.Algorithms {
	a := ssh.SupportedAlgorithms()
	a.Ciphers = slices.DeleteFunc(a.Ciphers, func(c string) bool { return c == ssh.CipherChaCha20Poly1305 })
	a.MACs = slices.DeleteFunc(a.MACs, func(m string) bool { return m == ssh.HMACSHA1 && !legacy })
	a.HostKeys = nil // each key's own
	if legacy {
		a.KeyExchanges = append(a.KeyExchanges, ssh.InsecureKeyExchangeDH14SHA1, ssh.InsecureKeyExchangeDHGEXSHA1)
		a.Ciphers = append(a.Ciphers, ssh.InsecureCipherAES128CBC)
		a.MACs = append(a.MACs, ssh.InsecureHMACSHA196)
		a.PublicKeyAuths = append(a.PublicKeyAuths, ssh.KeyAlgoRSA)
	}
	return a
}

// hostAlgorithms are those that a host key signs by.
func hostAlgorithms(key ssh.PublicKey, legacy bool) []string {
	if key.Type() != ssh.KeyAlgoRSA {
		return []string{key.Type()}
	}
	sha2 := []string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512}
	if legacy {
		return append(sha2, ssh.KeyAlgoRSA)
	}
	return sha2
}
