package bridge

import (
	"encoding/json"
	"strings"
	"time"
)

// A Subscription is how far a subscriber, which is another system, was told of the journal's events. The ledger keeps it as a note: what
// is owed to a subscriber are the events behind Told that are its business, and nothing is kept twice.
type Subscription struct {
	Told    int64     `json:"told"`             // the number of the last event that it has taken, or that is not its business
	Tries   int       `json:"tries,omitempty"`  // that failed in a row
	Since   time.Time `json:"since,omitzero"`   // when the first of them was
	Due     time.Time `json:"due,omitzero"`     // it is tried again from then on
	Trouble string    `json:"trouble,omitzero"` // why the last try failed
	Again   time.Time `json:"again,omitzero"`   // when somebody had it told again of what was: no event counts as older

	GivenUp   int64     `json:"given_up,omitempty"`   // how many events it was not told of, and will not be, since somebody took note
	First     int64     `json:"first,omitempty"`      // the number of the first of these
	GivenUpAt time.Time `json:"given_up_at,omitzero"` // when the last of them was given up
}

const subscriptionPrefix = "subscription "

// SubscriptionNote is the name of the ledger's note of a subscriber.
func SubscriptionNote(name string) string { return subscriptionPrefix + name }

// SubscriberOf says whether a note of the ledger is a subscription, and whose.
func SubscriberOf(note string) (name string, ok bool) {
	return strings.CutPrefix(note, subscriptionPrefix)
}

// AgainNote is the name of the ledger's note by which somebody has a subscriber told again: its text is the number of the first event.
func AgainNote(name string) string { return "tell again " + name }

// SubscriberWork is what alarms of a subscriber are of.
func SubscriberWork(name string) string { return "subscriber " + name }

// Note is what [ReadSubscription] reads.
func (s Subscription) Note() string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // it holds numbers, times and words
	}
	return string(text)
}

// ReadSubscription reads a note; ok is false where there is none.
func ReadSubscription(text string) (s Subscription, ok bool) {
	return s, json.Unmarshal([]byte(text), &s) == nil
}
