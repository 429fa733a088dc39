// Package outbound is the life of a document on its way from the shop to the ERP: noticed, owed, written, picked up,
// answered. Today the documents are orders.
//
//   - notice.go: the shop's orders → noticed → owed
//   - outbound.go: owed → written → picked up
//   - resend.go: again
//   - alarms.go: what a person has to look at
package outbound

import (
	"log/slog"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Engine carries the orders of one shop out. Its fields are set once, before any method is called.
type Engine struct {
	Exports []*config.Export
	Ledger  Ledger
	Shop    Shop
	Remotes map[string]bridge.Remote
	Clock   bridge.Clock
	Log     *slog.Logger
	// Step is called before each step that a crash could follow, with the step's name. Crash tests set it.
	Step func(name string)

	memory memory
}

func (b *Engine) step(name string) {
	if b.Step != nil {
		b.Step(name)
	}
}
