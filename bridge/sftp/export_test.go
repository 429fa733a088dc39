package sftp

import "time"

// WithListingTime shortens what a listing may take.
func WithListingTime(d time.Duration) Option { return func(r *Remote) { r.listingTime = d } }
