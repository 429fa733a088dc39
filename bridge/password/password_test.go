package password_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge/password"
)

func verify(t *testing.T, hash, text string) bool {
	t.Helper()
	ok, err := password.Verify(t.Context(), hash, text)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestHashAndVerify(t *testing.T) {
	hash, err := password.Hash("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if err := password.Check(hash); err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("hash %s: %v", hash, err)
	}
	if again, _ := password.Hash("correct horse"); again == hash {
		t.Error("two hashes of one password are the same: no salt")
	}
	for text, want := range map[string]bool{"correct horse": true, "correct hors": false, "": false, "correct horse ": false} {
		if verify(t, hash, text) != want {
			t.Errorf("%q: want %t", text, want)
		}
	}
	if verify(t, "", "") || verify(t, "", "x") || verify(t, "", "correct horse") {
		t.Error("nobody has a password")
	}
}

// While a password changes its user has two: both are good, each as a line.
func TestTwoPasswordsAreGoodForAWhile(t *testing.T) {
	before, err := password.Hash("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	after, err := password.Hash("battery staple")
	if err != nil {
		t.Fatal(err)
	}
	both := after + "\r\n" + before + "\n"
	if err := password.Check(both); err != nil {
		t.Error(err)
	}
	if !verify(t, both, "correct horse") || !verify(t, both, "battery staple") || verify(t, both, "correct staple") || verify(t, both, "") {
		t.Error("not each of two passwords is good, or another one is")
	}
	if verify(t, after, "correct horse") {
		t.Error("the one before is good for ever")
	}
	if password.Check(before+"\nsecret") == nil || password.Check(before+"\n\n"+after) == nil {
		t.Error("a line that is no hash is taken")
	}
}

func TestWhatIsNoPassword(t *testing.T) {
	for _, text := range []string{"", "short12", strings.Repeat("x", 1025), "two\nlines..", "nul\x00byte..."} {
		if _, err := password.Hash(text); err == nil {
			t.Errorf("%.20q was taken", text)
		}
	}
}

func TestWhatIsNoHash(t *testing.T) {
	for _, hash := range []string{"", "secret", "$2y$10$abcdefghijklmnopqrstuv",
		"$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5a2V5a2V5",
		"$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5a2V5a2V5",
		"$argon2id$v=19$m=19456,t=999,p=1$c2FsdHNhbHRzYWx0$a2V5a2V5a2V5a2V5a2V5a2V5",
		"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$a2V5"} {
		if password.Check(hash) == nil {
			t.Errorf("%s can be used", hash)
		}
		if verify(t, hash, "whatever") {
			t.Errorf("%s matches", hash)
		}
	}
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		if _, err := password.Verify(ctx, "", "x"); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// A stranger can't tell from the time whether there is such a user.
func TestNobodyTakesAsLong(t *testing.T) {
	hash, err := password.Hash("correct horse")
	if err != nil {
		t.Fatal(err)
	}
	verify(t, "", "makes the hash that nobody's are compared with")
	someone, nobody := time.Hour, time.Hour
	for range 9 { // in turns, so that both meet the same machine
		for h, least := range map[string]*time.Duration{hash: &someone, "": &nobody} {
			began := time.Now()
			verify(t, h, "wrong password")
			*least = min(*least, time.Since(began))
		}
	}
	if someone > 3*nobody || nobody > 3*someone {
		t.Errorf("someone %v, nobody %v", someone, nobody)
	}
}
