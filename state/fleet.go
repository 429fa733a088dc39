package state

import "github.com/orobridge/orobridge/state/postgres"

// Shared is the ledger in PostgreSQL whose work several bridges share; nil for a bridge that works alone.
func (s *State) Shared() *postgres.Ledger {
	l, ok := s.kept.(*postgres.Ledger)
	if !ok || !s.shares {
		return nil
	}
	return l
}
