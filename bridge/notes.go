package bridge

import (
	"strings"
)

const pausedPrefix = "paused "

// PausedNote is the name of the ledger's note of trouble with a piece of work.
func PausedNote(work string) string { return pausedPrefix + work }

// PausedWork says whether a note of the ledger tells of trouble, and with what.
func PausedWork(note string) (work string, ok bool) { return strings.CutPrefix(note, pausedPrefix) }
