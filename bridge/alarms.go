package bridge

import (
	"slices"
	"strings"
	"time"
)

// Alarms that are not of an order or of its file. What is counted stands in the ledger; whoever watches it raises them.
const (
	AlarmHeld     Alarm = "held"     // of a feed: drops wait for somebody's approval
	AlarmRejected Alarm = "rejected" // of a feed: drops could not be loaded at all
	AlarmPartial  Alarm = "partial"  // of a feed: more rows of drops were rejected than is allowed
	AlarmBlocked  Alarm = "blocked"  // of a feed: drops wait for something that does not come
	AlarmMissing  Alarm = "missing"  // of a feed: a drop that is expected did not come
	AlarmPaused   Alarm = "paused"   // of pieces of work: trouble with an end lasts
	AlarmQueue    Alarm = "queue"    // of the shop: it judges no batches
	AlarmClock    Alarm = "clock"    // of the shop: its clock and this machine's differ
	AlarmExpires  Alarm = "expires"  // of the shop or a feed: a certificate or a key ends soon, or has ended
	AlarmDisk     Alarm = "disk"     // of the bridge: the disk of its state is nearly full
	AlarmMemory   Alarm = "memory"   // of the bridge: there is hardly any memory left
	AlarmGone     Alarm = "gone"     // of the bridge: it was not at work
	AlarmRoute    Alarm = "route"    // of a route: its messages don't arrive

	AlarmSubscriber Alarm = "subscriber" // of a subscriber: it does not take events, or was not told of some
)

// Severity says how bad an alarm is.
type Severity string

// The severities, from the least.
const (
	SeverityInfo    Severity = "info"
	SeverityWarning Severity = "warning"
	SeverityError   Severity = "error"
)

// AtLeast says that a severity is another one or worse.
func (s Severity) AtLeast(least Severity) bool {
	order := []Severity{SeverityInfo, SeverityWarning, SeverityError}
	return slices.Index(order, s) >= slices.Index(order, least)
}

// lesser are the alarms that can wait; all others are errors.
var lesser = map[Alarm]Severity{
	AlarmPartial: SeverityWarning, AlarmOutOfOrder: SeverityWarning, AlarmUnfinished: SeverityWarning, AlarmSums: SeverityWarning,
	AlarmUnseen: SeverityWarning, AlarmExpires: SeverityWarning, AlarmClock: SeverityWarning, AlarmGone: SeverityWarning,
	AlarmRoute: SeverityWarning, AlarmMemory: SeverityWarning, AlarmSubscriber: SeverityWarning,
}

// Severity says how bad an alarm is.
func (a Alarm) Severity() Severity {
	if s, ok := lesser[a]; ok {
		return s
	}
	return SeverityError
}

// Watched says that an alarm is found by watching the ledger and the machine. All others are found by the work that they are of, which
// tells of them one by one.
func (a Alarm) Watched() bool {
	switch a {
	case AlarmHeld, AlarmRejected, AlarmPartial, AlarmBlocked, AlarmMissing, AlarmPaused, AlarmQueue, AlarmClock, AlarmExpires, AlarmDisk,
		AlarmMemory, AlarmGone, AlarmRoute, AlarmSubscriber:
		return true
	}
	return false
}

// BridgeWork is what alarms of the bridge itself and of its machine are of.
const BridgeWork = "bridge"

// OtherBridge is what alarms of another bridge are of, which this one looks after; of one that shares its work with others, by the name of
// its machine.
func OtherBridge(name string) string { return BridgeWork + " " + name }

// RouteWork is what alarms of a route are of.
func RouteWork(name string) string { return "route " + name }

// A LiveAlarm is an alarm with its life: it begins, is raised once it has lasted long enough to be told, is acknowledged or
// snoozed, and is cleared once it has been gone for a while.
type LiveAlarm struct {
	ID    int64
	Alarm Alarm
	// Of are the pieces of work that it is of, as pauses name them: "feed prices", "export orders", "shop", [BridgeWork], a
	// [RouteWork], a [SubscriberWork]. Of more than one they stand one after the other, with a comma and a blank between.
	Of   string
	N    int64  // of how many drops, orders or files it is; at least 1
	Text string // what is wrong, in words

	File  string // the first one
	Drop  int64  // its drop, 0 for none
	Order string // identifier of the first order

	Begun   time.Time // when what is wrong began, as far as it is known
	Raised  time.Time // since when it is an alarm; zero while it has not lasted long enough
	Gone    time.Time // since when nothing is wrong any more; zero while something is
	Cleared time.Time // since when it is over

	Acknowledged time.Time // somebody knows of it: nobody is reminded, and it goes to nobody else
	Snoozed      time.Time // nobody is reminded before
	Decision               // of the one who acknowledged or snoozed it
}

// Works lists the pieces of work that an alarm is of.
func (a *LiveAlarm) Works() []string { return strings.Split(a.Of, ", ") }

// Feeds lists the feeds that an alarm is of.
func (a *LiveAlarm) Feeds() []string {
	var feeds []string
	for _, w := range a.Works() {
		if name, ok := strings.CutPrefix(w, "feed "); ok {
			feeds = append(feeds, name)
		}
	}
	return feeds
}

// Silent says that nobody is reminded of an alarm now: somebody has acknowledged it, or it is snoozed.
func (a *LiveAlarm) Silent(now time.Time) bool {
	return !a.Acknowledged.IsZero() || now.Before(a.Snoozed)
}

// AlarmFilter chooses alarms; zero fields choose all.
type AlarmFilter struct {
	ID      int64
	After   int64     // a higher number
	Open    bool      // only those that are not cleared
	Raised  bool      // only those that were raised
	Cleared time.Time // only those that are not cleared, or were since
	Last    int       // only the last so many; the answer is oldest first all the same
	First   int       // only the first so many; not beside Last
}

// MessageKind says why a message is sent.
type MessageKind string

// The kinds of messages.
const (
	MessageBegun     MessageKind = "begun"
	MessageReminder  MessageKind = "reminder"
	MessageEscalated MessageKind = "escalated" // begun, for those whom it reaches because others did not take note
	MessageOver      MessageKind = "over"
	MessageDigest    MessageKind = "digest"
	MessageTest      MessageKind = "test"
)

// A Message is owed to a route: what is to be told stands in the ledger before it is sent.
type Message struct {
	ID    int64
	Route string
	Kind  MessageKind
	Alarm int64 // the number of the alarm that it is about; 0: of none
	Letter

	Owed    time.Time
	Due     time.Time // it is sent from then on
	Told    time.Time // zero: not yet
	Tries   int       // that failed
	Trouble string    // why the last one did; of a message that was given up, why
}

// A Letter is what of a message its receiver gets. Its JSON is a contract with commands and webhooks: add to it, change none.
type Letter struct {
	Message  MessageKind `json:"message"`  // begun, reminder, escalated, over, digest or test
	Kind     Alarm       `json:"kind"`     // of alarm; empty for a digest and a test
	Severity Severity    `json:"severity"` // info, warning or error
	Subject  string      `json:"subject"`  // one line
	Text     string      `json:"text"`     // what happened, what it means, what to do
	Of       string      `json:"of"`       // the pieces of work that it is of
	Feed     string      `json:"feed"`     // the first feed among them
	File     string      `json:"file"`
	Drop     int64       `json:"drop"`  // 0: of none
	Order    string      `json:"order"` // identifier
	Count    int64       `json:"count"` // of how many drops, orders or files it is
	Number   int64       `json:"alarm"` // what `orobridge ack alarm` takes; 0: none
	Link     string      `json:"link"`  // to the page; empty where there is none
	Begun    *time.Time  `json:"begun"` // null: not an alarm
}

// MessageFilter chooses messages; zero fields choose all.
type MessageFilter struct {
	Owed  bool  // only those that were not told yet
	Open  bool  // only those of alarms that are not cleared
	Alarm int64 // only those of one alarm
	Last  int   // only the last so many; the answer is oldest first all the same
}

// AlarmRound is what somebody who has looked what is wrong enters in the ledger: alarms that are new or have changed, the
// messages that are owed for them, and notes.
type AlarmRound struct {
	Alarms   []*LiveAlarm
	Messages []*Message
	Notes    map[string]string // an empty text removes one
}

// Unjudged tells of the batches whose outcome is not known.
type Unjudged struct {
	N      int64
	Oldest time.Time // when the first of them was sent
	Feed   string    // the feed of that one, its drop and its file
	Drop   int64
	File   string
}
