package bridge

import "context"

// A Server is a remote that others come to: the daemon serves it for as long as it runs. Without being served it is a
// place with files like any other.
type Server interface {
	Remote
	// Observe sets who is told what partners do, in events that have a [Visit], from many goroutines; it must not block. It
	// is called before Serve.
	Observe(tell func(*Event))
	// Listen opens the address, so that what keeps it from listening is known before Serve answers there.
	Listen(ctx context.Context) error
	// Address is where it listens; what the config says before it does.
	Address() string
	// Serve listens and answers until ctx ends, and returns when all sessions have ended. An error says what keeps it
	// from listening.
	Serve(ctx context.Context) error
}

// Settling is implemented by the [RemoteOptions] of a remote that knows itself when a file is whole, and says so by
// [File.Writing]: a feed of it needs no window of its own.
type Settling interface {
	Settles()
}
