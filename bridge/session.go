package bridge

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// A Session is a log-in to the page that has not ended.
type Session struct {
	Hash  string // [KeyHash] of what the browser keeps
	User  string
	Stamp string // of the user's password as it was then: when it changes, the session is over
	From  string // IP address of the log-in
	Began time.Time
	Seen  time.Time // last use, to within a minute
	Ends  time.Time // at the latest
}

// A Token lets a program in.
type Token struct {
	ID      int64
	Name    string
	Hash    string // [KeyHash] of the token
	Role    string
	Shops   []string // whose data it may see; none: all
	By      string   // who made it
	Made    time.Time
	Expires time.Time // zero: never
	Revoked time.Time // zero: it is good
}

// KeyHash is how the ledger keeps a random key: a hash without salt does, since nobody can guess 128 bits and more.
func KeyHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}
