package state

import (
	"context"

	"github.com/orobridge/orobridge/state/postgres"
)

// Shared is the ledger in PostgreSQL whose work several bridges share; nil for a bridge that works alone.
func (s *State) Shared() *postgres.Ledger {
	l, ok := s.kept.(*postgres.Ledger)
	if !ok || !s.shares {
		return nil
	}
	return l
}

// Member is the name of this bridge among those that share the ledger; empty for one that works alone.
func (s *State) Member() string {
	if l := s.Shared(); l != nil {
		return l.Name()
	}
	return ""
}

// Rest says that this bridge has ended because it was told to; last, that no other one works with the ledger.
func (s *State) Rest(ctx context.Context) (last bool, err error) {
	if l := s.Shared(); l != nil {
		return l.Rest(ctx)
	}
	return true, nil
}
