package envelope

import (
	"time"

	"github.com/ProtonMail/gopenpgp/v3/crypto"
)

// Ends lists when the layer's OpenPGP keys end, its own and the signers'; keys that never end, or can't be read, are left out.
func (l *Layer) Ends() []time.Time {
	var all []time.Time
	for _, keys := range []string{l.Keys, l.Signers} {
		ring, err := readKeys(keys, l.Passphrase, false)
		if err != nil {
			continue // whoever uses them tells
		}
		for _, key := range ring.GetKeys() {
			if at := endOf(key); !at.IsZero() {
				all = append(all, at)
			}
		}
	}
	return all
}

// endOf is when a key ends, by its newest self-signature; zero for never.
func endOf(key *crypto.Key) time.Time {
	entity := key.GetEntity()
	signature, err := entity.PrimarySelfSignature(time.Now(), nil)
	if err != nil || signature == nil || signature.KeyLifetimeSecs == nil || *signature.KeyLifetimeSecs == 0 {
		return time.Time{}
	}
	return entity.PrimaryKey.CreationTime.Add(time.Duration(*signature.KeyLifetimeSecs) * time.Second).UTC()
}
