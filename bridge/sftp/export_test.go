package sftp

import (
	"context"
	"net"
	"time"
)

// WithListingTime shortens what a listing may take.
func WithListingTime(d time.Duration) Option { return func(r *Remote) { r.listingTime = d } }

// WithDialer replaces the way to the server.
func WithDialer(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return func(r *Remote) { r.dialTCP = dial }
}

// NoteClock notes when the server says that a file was made, which was written between two times of this machine.
func (r *Remote) NoteClock(made, began, ended time.Time) { r.noteClock(made, began, ended) }
