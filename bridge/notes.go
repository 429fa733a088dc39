package bridge

import (
	"strings"
)

const pausedPrefix = "paused "

// PausedNote is the name of the ledger's note of trouble with a piece of work.
func PausedNote(work string) string { return pausedPrefix + work }

// PausedWork says whether a note of the ledger tells of trouble, and with what.
func PausedWork(note string) (work string, ok bool) { return strings.CutPrefix(note, pausedPrefix) }

// ReloadWork is the piece of work that PausedNote tells of when a changed config was refused: the bridge goes on by the one before.
const ReloadWork = "reload"

// ReloadAsked is the name of the ledger's note by which another process asks the bridge to read its config again.
const ReloadAsked = "reload asked"

const alarmPrefix = "alarm "

// AlarmNote is the name of the ledger's note of an alarm of an export, of a feed, or of the shop.
func AlarmNote(of string, a Alarm) string { return alarmPrefix + of + " " + string(a) }

// AlarmOf says whether a note of the ledger tells of an alarm, and of which: "orders overdue".
func AlarmOf(note string) (alarm string, ok bool) { return strings.CutPrefix(note, alarmPrefix) }
