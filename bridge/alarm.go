package bridge

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Alarm is what is wrong, for a person to look at: with an outbound order or its file, with a drop, or with the shop. It is
// raised once, stands in the outbox or in a note of the ledger as long as it holds, and is cleared by what ends it.
type Alarm string

// The alarms. Those of files come first.
const (
	AlarmOverdue    Alarm = "overdue"    // not picked up within pickup_within; cleared when the file goes
	AlarmChanged    Alarm = "changed"    // somebody changed the file in the folder
	AlarmReturned   Alarm = "returned"   // picked up, and there again: the ERP may take it twice; cleared when it goes
	AlarmUnseen     Alarm = "unseen"     // gone before the bridge saw it there; cleared by the ERP's answer
	AlarmConflict   Alarm = "conflict"   // another file of the name is in the way; cleared by running the order again
	AlarmUnknown    Alarm = "unknown"    // the ledger was put back, and nobody knows whether it went out; cleared by ack, rerun or an answer
	AlarmStuck      Alarm = "stuck"      // the order can't be written in the format; cleared by rendering it again
	AlarmUnanswered Alarm = "unanswered" // no answer within answer_within; cleared by the answer
	AlarmRefused    Alarm = "refused"    // the ERP refused the order; cleared by another answer
	AlarmReused     Alarm = "reused"     // written, under an id that another order had: the shop was restored; cleared by the ERP's answer
	AlarmSums       Alarm = "sums"       // written, though its sums do not add up; cleared by the ERP's answer
	AlarmUntold     Alarm = "untold"     // the shop lists the order and does not tell it in full; cleared once it does

	AlarmRestored   Alarm = "restored"     // the shop went back in time; cleared once every entity was compared with it and nothing differs
	AlarmDrifted    Alarm = "drifted"      // the shop has not what it last accepted; cleared by a comparison that finds less
	AlarmOutOfOrder Alarm = "out of order" // a file that was seen later stands before one that was loaded, by its name
	AlarmUnfinished Alarm = "unfinished"   // a file was taken before its sender had finished; both: cleared when a later one is loaded
)

// AlarmCount is how many files or orders an alarm is about.
type AlarmCount struct {
	N     int64
	First string // name of the oldest one
}

// String says it in a few words.
func (c AlarmCount) String() string {
	if c.N == 1 {
		return c.First
	}
	return fmt.Sprintf("%d, the oldest is %s", c.N, c.First)
}

// ReadAlarmCount reads what [AlarmCount.String] has written.
func ReadAlarmCount(text string) AlarmCount {
	number, first, several := strings.Cut(text, ", the oldest is ")
	if n, err := strconv.ParseInt(number, 10, 64); several && err == nil && n > 1 {
		return AlarmCount{n, first}
	}
	return AlarmCount{1, text}
}

// OfFile says that an export's alarm is about files; the others are about orders.
func (a Alarm) OfFile() bool {
	switch a {
	case AlarmOverdue, AlarmChanged, AlarmReturned, AlarmUnseen, AlarmConflict:
		return true
	}
	return false
}

// hints say what to do about an alarm.
var alarmHints = map[Alarm]string{
	AlarmOverdue:    "check that the ERP's channel runs and looks into this folder",
	AlarmChanged:    "compare the file with `orobridge order`; run the order again if the ERP took the wrong bytes",
	AlarmReturned:   "check in the ERP that the order is not there twice",
	AlarmUnseen:     "check that the ERP has the order; if not, run it again",
	AlarmConflict:   "move the other file away, then run the order again",
	AlarmUnknown:    "look those of `orobridge orders --unknown` up in the ERP: `orobridge ack order` what it has, rerun the others",
	AlarmStuck:      "mend the order or the export's format, then `orobridge rerun --order … --render`",
	AlarmUnanswered: "look the order up in the ERP",
	AlarmRefused:    "see the reason with `orobridge order`",
	AlarmReused:     "the shop seems to be restored from a backup: compare the orders before it with the ERP's",
	AlarmSums:       "compare the order's sums in the shop and in the file; its flags say which do not add up",
	AlarmUntold:     "look at the order in the shop, and at the shop's log: something that belongs to the order can't be read",
	AlarmRestored:   "have each feed's newest full files sent once more, or compare and repair each with `orobridge reconcile FEED --repair`",
	AlarmDrifted:    "see what differs with `orobridge reconcile`; --repair sets it right",
	AlarmUnfinished: "the file was taken before its sender had finished: give the feed a marker or a manifest, or a longer ready.stable",
	AlarmHeld:       "look at the plan with `orobridge drop`, then approve or discard the drop",
	AlarmRejected:   "see why with `orobridge drop`; mend the file and send it again, or run the drop again",
	AlarmPartial:    "see the rows with `orobridge rejects`; have them mended and sent again, or acknowledge them",
	AlarmBlocked:    "see what the drops wait for with `orobridge status`",
	AlarmMissing:    "ask those who run the ERP why the file was not sent; check the folder and the name in the feed's config",
	AlarmPaused:     "see with `orobridge check` which end does not work; the bridge goes on by itself once it does",
	AlarmQueue:      "have the shop's message consumers started again; nothing is lost, the bridge waits",
	AlarmClock:      "let this machine and the shop's take their time from a time server",
	AlarmExpires:    "renew it, then `orobridge reload`",
	AlarmDisk:       "make room on the disk of state.dir; the bridge waits while there is none",
	AlarmMemory:     "give the machine or the container more memory, or find what else uses it up",
	AlarmGone:       "see why the bridge was not running; nothing is lost, it goes on where it stopped",
	AlarmRoute:      "check the route's address with `orobridge notify test`",
	AlarmSubscriber: "try it with `orobridge notify test`; what was given up is told once more by `orobridge notify again`",
	AlarmOutOfOrder: "check the date and number in the file's name; run the drop again with --force if it is the newer statement",
}

// Hint says what to do about an alarm.
func (a Alarm) Hint() string { return alarmHints[a] }

// Alarms lists every kind of alarm.
func Alarms() []Alarm { return slices.Sorted(maps.Keys(alarmHints)) }
