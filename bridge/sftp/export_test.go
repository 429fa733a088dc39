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
