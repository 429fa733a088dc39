package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

// The exit codes, a contract with scripts.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitPartly      = 3
	exitUnreachable = 4
	exitLocked      = 5
)

// exitCodes explains them, for the help and the README.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{exitDone, "done"},
	{exitFailed, "failed"},
	{exitUsage, "wrong use or config"},
	{exitPartly, "done, but something waits for a person; each verb says what"},
	{exitUnreachable, "an end could not be reached"},
	{exitLocked, "another bridge holds the state"},
}

// partlyWhen says of each verb that may end with exit code 3 when it does.
var partlyWhen = []struct{ verb, when string }{
	{"drop", "with --plan: rows would be rejected or parked"},
	{"load", "rows were rejected or parked, or the drop is held"},
	{"plan", "rows would be rejected or parked"},
	{"approve", "rows were rejected or parked, or the drop is held still"},
	{"rerun", "rows were rejected or parked (with --dry-run: would be), or an order is stuck or in conflict"},
	{"undo", "something is left as it is, or the way back waits for an approval"},
	{"reconcile", "something differs and was not set right, or the repair waits for an approval"},
	{"run", "with --once: a drop of this round was not loaded in full or one is held, or an order is stuck, in conflict or has an alarm"},
	{"status", "with --strict: a drop is held, an order is stuck, in conflict or has an alarm, or the shop has one"},
	{"adopt", "with --leftovers: files stay where they are; with --orders: of some it is unknown still whether they went out"},
}

// exit is an error that only carries an exit code: what there was to say has been printed.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is a wrong use of the command line.
type usageError struct {
	message string
	hint    string
}

func (e *usageError) Error() string { return e.message }

// exitCode is what a verb's error means for the caller of the program.
func exitCode(err error) int {
	var code exit
	var usage *usageError
	var mistake *operate.Mistake
	var problems config.Problems
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &usage), errors.As(err, &mistake), errors.As(err, &problems):
		return exitUsage
	case errors.Is(err, bridge.ErrLocked):
		return exitLocked
	case errors.Is(err, bridge.ErrUnreachable):
		return exitUnreachable
	}
	return exitFailed
}

// report tells the user about an error: one error line each, and a hint where there is one.
func (a *app) report(err error) {
	var code exit
	var usage *usageError
	var mistake *operate.Mistake
	var problems config.Problems
	switch {
	case err == nil, errors.As(err, &code):
	case errors.As(err, &problems):
		for _, p := range problems {
			show.Say(a.Stderr, "error", p.Error(), p.Hint)
		}
	case errors.As(err, &usage):
		show.Say(a.Stderr, "error", usage.message, usage.hint)
	case errors.As(err, &mistake):
		show.Say(a.Stderr, "error", mistake.Message, mistake.Hint)
	case errors.Is(err, context.Canceled):
		show.Say(a.Stderr, "error", "interrupted", "")
	default:
		said := map[string]bool{}
		for _, e := range bridge.Joined(err) {
			text := e.Error()
			if !said[text] {
				show.Say(a.Stderr, "error", text, bridge.HintOf(e))
			}
			said[text] = true
		}
	}
}
