package bridge

import "time"

// An End is when something that the bridge needs ends: a certificate, a key, a token.
type End struct {
	Of   string    // the pieces of work that need it: "shop", "feed prices, export orders", [BridgeWork]
	What string    // "the client certificate client.pem"
	From time.Time // since when it is valid; zero: not known
	At   time.Time
}

// Ending is implemented by a [Remote] that knows of certificates that end. What it returns says nothing of Of.
type Ending interface {
	Ends() []End
}

// Clocked is implemented by a [Remote] that has seen what its server's clock says.
type Clocked interface {
	// Ahead is how far it is ahead of this machine's; 0 while that is not known.
	Ahead() time.Duration
}
