package bridge

import (
	"strconv"
	"strings"
	"time"
)

const pausedPrefix = "paused "

// PausedNote is the name of the ledger's note of trouble with a piece of work.
func PausedNote(work string) string { return pausedPrefix + work }

// PausedWork says whether a note of the ledger tells of trouble, and with what.
func PausedWork(note string) (work string, ok bool) { return strings.CutPrefix(note, pausedPrefix) }

// ReloadWork is the piece of work that PausedNote tells of when a changed config was refused: the bridge goes on by the one before.
const ReloadWork = "reload"

// ReloadOf is that work of one of several bridges, by its name; of one that works alone, whose name is empty, it is ReloadWork itself.
func ReloadOf(name string) string {
	if name == "" {
		return ReloadWork
	}
	return ReloadWork + " " + name
}

// IsReload says whether a piece of work is that of one bridge or another, and ReloadedBy names the bridge.
func IsReload(work string) bool { return work == ReloadWork || strings.HasPrefix(work, ReloadWork+" ") }

// ReloadedBy names the bridge of which a piece of work is to read its config again; empty for one that works alone.
func ReloadedBy(work string) string {
	_, name, _ := strings.Cut(work, " ")
	return name
}

// RenewedNote is the name of the ledger's note of when it was put back, as RFC 3339: what it knew then may be older than the world.
const RenewedNote = "renewed"

// Renewed reads it; the zero time of a ledger that never was.
func Renewed(notes map[string]string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, notes[RenewedNote])
	if err != nil { // there is none
		return time.Time{}
	}
	return t
}

// RenewedTopPrefix begins the names of the ledger's notes of the highest number by which the shop knew a record of an entity, when the
// ledger that was put back was made. The entity's name follows.
const RenewedTopPrefix = "renewed top "

// MadeSince says of the shop's id of a record whether it was made after the ledger that was put back was: numbers grow. Where the shop has
// no numbers, and where no ledger was put back, nothing is said to be.
func MadeSince(notes map[string]string, entity, id string) bool {
	top, err := strconv.ParseInt(notes[RenewedTopPrefix+entity], 10, 64)
	n, noNumber := strconv.ParseInt(id, 10, 64)
	return err == nil && noNumber == nil && n > top
}

// BackupWork is the piece of work that PausedNote tells of when no backup could be made.
const BackupWork = "backup"

// ReloadAsked is the name of the ledger's note by which another process asks all bridges to read their configs again: it says when. Each
// of them follows it once, and one that begins later has read its config already.
const ReloadAsked = "reload asked"

// MachineNote is the name of the ledger's note of what one of several bridges sees of its machine that is wrong. It goes with the bridge.
func MachineNote(name string) string { return machinePrefix + name }

const machinePrefix = "machine "

// MachineOf says whether a note of the ledger tells of the machine of a bridge, and of which.
func MachineOf(note string) (name string, ok bool) { return strings.CutPrefix(note, machinePrefix) }

const alarmPrefix = "alarm "

// AlarmNote is the name of the ledger's note of an alarm of an export, of a feed, or of the shop.
func AlarmNote(of string, a Alarm) string { return alarmPrefix + of + " " + string(a) }

// AlarmOf says whether a note of the ledger tells of an alarm, and of which: "orders overdue".
func AlarmOf(note string) (alarm string, ok bool) { return strings.CutPrefix(note, alarmPrefix) }

// FloorNote is the name of the note that keeps until when somebody has taken note of what an alarm was of: what is older is over.
func FloorNote(of string, a Alarm) string { return "alarms seen " + of + " " + string(a) }

// Floor reads it; zero where there is none.
func Floor(notes map[string]string, of string, a Alarm) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, notes[FloorNote(of, a)]) // what is no time is none
	return t
}

// AliveNote is the name of the ledger's note by which a running bridge says when it was last at work. One that is stopped in an orderly
// way takes it away.
const AliveNote = "alive"
