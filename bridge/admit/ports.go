package admit

import (
	"context"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// A Ledger keeps sessions and tokens. What is asked for and not there is an error wrapping [bridge.ErrUnknown]. Secrets are given
// as [bridge.KeyHash] only.
type Ledger interface {
	// BeginSession enters a session and forgets those that ended before it began.
	BeginSession(ctx context.Context, s bridge.Session, events ...*bridge.Event) error
	Session(ctx context.Context, hash string) (*bridge.Session, error)
	// TouchSession notes that a session was used.
	TouchSession(ctx context.Context, hash string, seen time.Time) error
	EndSession(ctx context.Context, hash string, events ...*bridge.Event) error
	// EndSessions ends all of a user.
	EndSessions(ctx context.Context, user string, events ...*bridge.Event) error
	Token(ctx context.Context, hash string) (*bridge.Token, error)
	// Keep enters events in the journal, and in the audit what belongs there.
	Keep(ctx context.Context, events ...*bridge.Event) error
}
