package operate

import (
	"maps"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Subscriber is another system that is told of events, and how far it was.
type Subscriber struct {
	Name    string     `json:"name"`
	Told    int64      `json:"told"`     // the number of the last event that it has taken, or that is not its business
	Tries   int        `json:"tries"`    // that failed in a row; 0: it takes events
	Since   *time.Time `json:"since"`    // when the first of them was
	Due     *time.Time `json:"due"`      // it is tried again then
	Trouble string     `json:"trouble"`  // why the last try failed
	GivenUp int64      `json:"given_up"` // events that it will not be told of, since somebody took note
}

// subscribers are those that notes of the ledger tell of, by name.
func subscribers(notes map[string]string) []Subscriber {
	list := []Subscriber{}
	for _, note := range slices.Sorted(maps.Keys(notes)) {
		name, is := bridge.SubscriberOf(note)
		if !is {
			continue
		}
		s, _ := bridge.ReadSubscription(notes[note]) // what can't be read is begun anew by who tells it
		list = append(list, Subscriber{name, s.Told, s.Tries, moment(s.Since), moment(s.Due), s.Trouble, s.GivenUp})
	}
	return list
}
