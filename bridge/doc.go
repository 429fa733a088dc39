// Package bridge holds the words that all rooms share, and no process: what a drop, a run, a link, a document of the outbox,
// an event and an alarm are; errors, with what becomes of the work and what a person can do next; what a remote must do;
// names from outside; the clock.
//
// What goes in: a value that several rooms hand to one another, a rule about it that needs nothing else, a port that several
// rooms need. What one room alone needs stays there, as do the ledger and the shop that it declares. Nothing here opens a
// file, a connection or a goroutine, and nothing is imported but formats. architecture_test.go holds that, and how all
// rooms stand to one another.
//
//   - drop.go, run.go, reject.go, link.go, stage.go: what comes in
//   - outbox.go, decision.go, alarm.go: what goes out, and what people look at and decide
//   - event.go: what happened, made once and told to all
//   - errors.go, backoff.go: fates, hints, and when to try again
//   - ports.go, file.go, remote_options.go, server.go: places with files
//   - capabilities.go: what a shop offers
//   - names.go, values.go, notes.go, clock.go: names, contents, facts and times
package bridge
