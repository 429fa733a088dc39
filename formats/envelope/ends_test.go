package envelope

import (
	"testing"
	"time"

	"github.com/ProtonMail/gopenpgp/v3/crypto"
)

func TestKeysTellWhenTheyEnd(t *testing.T) {
	made := time.Now().Add(-time.Hour).Truncate(time.Second)
	armored := func(lifetime int32) string {
		key, err := crypto.PGP().KeyGeneration().AddUserId("erp", "erp@example.com").GenerationTime(made.Unix()).Lifetime(lifetime).New().GenerateKey()
		if err != nil {
			t.Fatal(err)
		}
		text, err := key.GetArmoredPublicKey()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	ends := (&Layer{Signers: armored(0) + "\n" + armored(7200)}).Ends()
	if len(ends) != 1 || !ends[0].Equal(made.Add(2*time.Hour)) {
		t.Errorf("made %s, ends %v", made, ends)
	}
	if ends := (&Layer{Signers: "no key"}).Ends(); len(ends) > 0 {
		t.Errorf("%v", ends)
	}
}
