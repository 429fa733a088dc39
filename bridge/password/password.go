// Package password keeps passwords of people and partners as argon2id hashes (RFC 9106), in the form that other programs
// write and read too: $argon2id$v=19$m=19456,t=2,p=1$salt$key; and it has those who guess wait, see [Throttle].
//
// Contract: a check costs the same whether or not there is such a user, provided that all hashes come from [Hash]. At
// most two checks run at once, so that strangers who guess cost no more memory than that.
package password

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/alexedwards/argon2id"
)

// The cost of a hash: OWASP's first choice for argon2id, 19 MiB and two passes; about 20 ms.
var cost = &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// What a hash of another origin may cost at most.
const (
	maxMemory     = 1 << 20 // KiB
	maxIterations = 64
)

// MinLength and MaxLength are what a password has in bytes (NIST SP 800-63B asks for eight characters at least).
const (
	MinLength = 8
	MaxLength = 1024
)

// Hash makes the hash of a new password.
func Hash(password string) (string, error) {
	switch {
	case len(password) < MinLength:
		return "", fmt.Errorf("the password has fewer than %d characters", MinLength)
	case len(password) > MaxLength:
		return "", fmt.Errorf("the password has more than %d bytes", MaxLength)
	case strings.ContainsAny(password, "\r\n\x00"):
		return "", errors.New("the password has a line break in it")
	}
	return argon2id.CreateHash(password, cost)
}

// Check says whether a text is a hash that can be used, or several of them, one a line.
func Check(hashes string) error {
	var all []error
	for _, hash := range lines(hashes) {
		all = append(all, check(hash))
	}
	return errors.Join(all...)
}

// lines are the hashes of a text: a single one is there at least, though empty.
func lines(hashes string) []string {
	return strings.Split(strings.ReplaceAll(strings.TrimSpace(hashes), "\r", ""), "\n")
}

func check(hash string) error {
	params, _, key, err := argon2id.DecodeHash(hash)
	switch {
	case err != nil:
		return fmt.Errorf("not an argon2id hash: %w", err)
	case params.Memory > maxMemory || params.Iterations > maxIterations || params.Parallelism == 0 || params.Iterations == 0:
		return fmt.Errorf("the hash costs too much: m=%d, t=%d, p=%d", params.Memory, params.Iterations, params.Parallelism)
	case len(key) < 16:
		return fmt.Errorf("the hash has only %d bytes", len(key))
	}
	return nil
}

// nobody is the hash that a password is compared with where there is no user: nobody knows what it is of.
var nobody = sync.OnceValue(func() string {
	hash, err := argon2id.CreateHash("", cost)
	if err != nil {
		panic(err) // the system has no random numbers
	}
	return hash
})

var turns = make(chan struct{}, 2)

// Verify says whether a password is the one of a hash, or of one of several, one a line, of which each costs a comparison. An empty hash is
// nobody's: false, after the same time as one. An error is ctx's.
func Verify(ctx context.Context, hashes, password string) (bool, error) {
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	for _, hash := range lines(hashes) {
		if verify(hash, password) {
			return true, nil
		}
	}
	return false, nil
}

func verify(hash, password string) bool {
	known := hash != "" && check(hash) == nil && len(password) <= MaxLength
	if !known {
		hash, password = nobody(), "x"
	}
	match, err := argon2id.ComparePasswordAndHash(password, hash)
	return match && known && err == nil
}
