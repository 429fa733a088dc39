package bridge

import "context"

// A Server is a remote that others come to: the daemon serves it for as long as it runs. Without being served it is a
// place with files like any other.
type Server interface {
	Remote
	// Serve listens and answers until ctx ends, and returns when all sessions have ended. An error says what keeps it
	// from listening.
	Serve(ctx context.Context) error
}
