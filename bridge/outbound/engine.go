// Package outbound is the life of a document on its way from the shop to the ERP: noticed, owed, written, picked up,
// answered. Today the documents are orders; a second kind is one more implementation of the interface kind.
//
// Contract. Every document that an export wants is written once, whole, in order, under one name and with one content,
// whatever crashes. Each step is recorded in the ledger before the next begins; what was recorded is told as an event in
// the same transaction. The package declares the ledger and the shop that it needs (ports.go). An Engine belongs to one
// shop.
//
//   - kind.go: what must be known of a kind of documents
//   - notice.go: the shop's documents → noticed; owe.go, render.go: → owed, with number, name and bytes
//   - deliver.go: owed → written; watch.go: written → picked up; fetched.go: who has read it
//   - resend.go: again; alarms.go: what a person has to look at
package outbound

import (
	"context"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Engine carries the documents of one shop out. Its fields are set once, before any method is called.
type Engine struct {
	Name    string // the shop's; empty for the only one
	Exports []*config.Export
	Ledger  Ledger
	Shop    Shop
	Own     []string // the exports' names, where the ledger holds orders of others; nil for all
	Remotes map[string]bridge.Remote
	Clock   bridge.Clock
	Events  *bridge.Events
	Keep    time.Duration // of orders that are done with; 0 keeps them for ever
	// Beside looks at what another system writes into an export's folder, in place of writing and watching: that of a shadow. nil
	// for a bridge that writes.
	Beside func(ctx context.Context, x *config.Export) error

	Memory *Memory
}

// event is something that happened to a file, or to one order in it.
func (e *Engine) event(kind bridge.EventKind, f *bridge.Outfile, order string) *bridge.Event {
	return &bridge.Event{At: e.Clock.Now(), Kind: kind, Export: f.Export, File: f.Name, Order: order}
}

// save saves what happened to files and orders, and tells it.
func (e *Engine) save(ctx context.Context, c bridge.OutboxChange, events ...*bridge.Event) error {
	err := e.Ledger.SaveOutbox(ctx, c, events...)
	if err == nil {
		e.Events.Tell(events...)
	}
	return err
}
