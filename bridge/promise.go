package bridge

import "time"

// PromiseKept is how long the answer to a decision that carried a key is kept.
const PromiseKept = 24 * time.Hour

// A Promise is a decision of another system that is carried out once, however often it is sent: its sender's key with the answer.
type Promise struct {
	Caller string
	Key    string // the sender's
	Digest string // sha256 of what was asked, hex: the same key for something else is a mistake
	Status int    // of the answer; 0 while it is carried out
	Answer []byte // JSON
	At     time.Time
}
