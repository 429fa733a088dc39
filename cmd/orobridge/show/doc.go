// Package show prints what the verbs of the command line show: each model of bridge/operate in its own form, for people or,
// with AsJSON, as the JSON that programs read.
//
// Contract. A [Pen] prints results to Stdout, and everything else (hints, warnings, progress) to Stderr. What comes from outside
// is made harmless for a terminal by [Printable]. An error is one of writing; what a model means for the exit code is the verb's.
// Nothing here asks a ledger, opens an end or parses a command line.
package show
