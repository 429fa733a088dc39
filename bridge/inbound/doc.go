// Package inbound is a drop's life: how a file on a remote becomes records of the shop, and what its sender gets back.
//
// # Contract
//
// Each step is recorded in the ledger before the next begins, so that a bridge that was killed goes on from there; what was
// recorded is told as an event in the same transaction. Trouble pauses the work and rejects nothing. The package declares the
// ledger and the shop that it needs (ports.go) and knows no network, no SQL and no file format. An [Engine] belongs to one
// shop: it holds the ports and hands out; the work is done by a poller, a queue, a loader and an ending, each of one feed or
// one drop. At most one drop of an entity is loaded at a time: who calls Load sees to that.
//
// # One drop's way
//
// To be read from one file to the next, in the order of a drop's states:
//
//	seen.go      a listing shows it: seen, then ready     manifest.go  files that list files: what is whole
//	claim.go     ready → claimed
//	fetch.go     claimed → fetched                        handover.go  a file that a person hands over
//	corrects.go  is it a file of rejects that came back?
//	terms.go     who does it, where several bridges may
//	queue.go     whose turn it is, and what keeps it: held for a gap, superseded
//	load.go      fetched → loading → loaded, partial, rejected, duplicate
//	guards.go    loading → held                           restored.go  was the shop set back?
//	mend.go      what a run says of earlier rejects       parked.go    records that wait for a parent
//	settle.go    what is left to do of a settled drop: papers, last move
//	again.go     files that were no whole ones after all
//	shadow.go    fetched → shadowed, in place of loading
//	prune.go     what is old goes
//
// Beside the way: journal.go and alarms.go write down what happens, decide.go is what an admin decides, preview.go plans
// without doing, undo.go and reconcile.go find what sets things right and have made.go make a drop of it, drift.go compares on
// a schedule, adopt.go and leftovers.go begin from what is there, strangers.go tells of files that no feed takes. engine.go
// holds the ports.
//
// # Rooms below
//
// What stands by itself has a package of its own. Arrows point downwards only: this package imports all of them, plan
// imports order and rows, papers imports rows and spool, answers imports rows and trouble, apply imports trouble, rows
// imports spool, leftovers imports moves.
//
//	plan         what a drop would change: rows against the ledger
//	apply        a plan on its way to the shop: look-ups, batches, outcomes
//	answers      the ERP's answers to orders, which travel one by one
//	papers       reject files and receipts
//	rows         bytes → rows → records, out of their wrappings
//	listing      a folder's listing, taken apart
//	order        which drop comes before which
//	spool, moves copies on the local disk; how files move on a remote
//	leftovers    what an earlier ledger had claimed
//	trouble      waiting until trouble passes
//
// # What may go in
//
// States of a drop and what moves it from one to the next; who decides and what follows. What may not: how a row is read
// (rows, formats), compared (plan) or sent (apply, bridge/oro); what an operator sees (bridge/operate); who works when
// (bridge/daemon); anything about orders that go out (bridge/outbound).
package inbound
