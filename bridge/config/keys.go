package config

import (
	"strings"

	"github.com/orobridge/orobridge/formats/envelope"
)

// This file checks what a config says of wrapped files and of keys.

// unwrap makes a layer of its config.
func (k checker) unwrap(key string, u *Wrapping) {
	u.layer = envelope.Layer{Kind: u.Kind, MaxSize: int64(u.MaxSize), MaxRatio: u.MaxRatio, Match: u.Match, MaxEntries: u.MaxFiles,
		Keys: u.Key.Reveal(), Passphrase: u.Passphrase.Reveal(),
		Signers: k.publicKeys(join(key, "signers"), u.Signers), Optional: u.Signature.Is == "optional", Plain: u.Encryption == "optional"}
	for _, only := range []struct{ kind, names string }{
		{envelope.Zip, "match max_files"}, {envelope.PGP, "key passphrase signers signature encryption"},
	} {
		for _, name := range strings.Fields(only.names) {
			if u.Kind != only.kind && u.Kind != "" && k.anyForm(key, name) {
				k.problem(join(key, name), "remove it", "has a meaning for kind %s only", only.kind)
			}
		}
	}
	if u.Kind != "" && !k.failed(key) && !k.blind {
		k.spread(key, u.layer.Check())
	}
}

// encrypt makes a seal of its config.
func (k checker) encrypt(key string, e *Encrypt) {
	e.Seal = envelope.Seal{Recipients: k.publicKeys(join(key, "recipients"), e.Recipients),
		SignKey: e.SignKey.Reveal(), Passphrase: e.Passphrase.Reveal(), Armor: e.Armor}
	if !k.failed(key) && !k.blind {
		k.spread(key, e.Seal.Check())
	}
}

// maxKey is the longest file with keys.
const maxKey = 1 << 20

// publicKeys reads files with public keys, armored, into one text.
func (k checker) publicKeys(key string, files []string) string {
	var all strings.Builder
	for _, name := range files {
		data, err := readLimited(name, maxKey)
		if err != nil {
			k.problem(key, "relative paths are relative to the config's folder", "read %s: %v", name, reason(err))
			continue
		}
		all.Write(data)
		all.WriteByte('\n')
	}
	return all.String()
}
