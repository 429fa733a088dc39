package signs

import (
	"fmt"
	"maps"
	"slices"

	"github.com/orobridge/orobridge/bridge"
)

// refused is after how many tries in a row a subscriber is an alarm.
const refused = 3

// subscribers are the signs of subscribers that do not take events, and of those that were not told of some. The latter is over once
// somebody has taken note, and the subscriber takes events again.
func subscribers(notes map[string]string) []Sign {
	var signs []Sign
	for _, note := range slices.Sorted(maps.Keys(notes)) {
		name, ok := bridge.SubscriberOf(note)
		if !ok {
			continue
		}
		s, _ := bridge.ReadSubscription(notes[note])
		work := bridge.SubscriberWork(name)
		lost := s.GivenUpAt.After(bridge.Floor(notes, work, bridge.AlarmSubscriber))
		if !lost && s.Tries < refused {
			continue
		}
		sign := of(work, bridge.AlarmSubscriber, 1, s.Trouble)
		sign.Begun = s.Since
		if lost {
			sign.N, sign.Begun = s.GivenUp, s.GivenUpAt
			sign.Text = fmt.Sprintf("%d events were given up, the first is event %d", s.GivenUp, s.First)
			if s.Trouble != "" {
				sign.Text += "; " + s.Trouble
			}
			sign.Mended = s.Tries == 0
		}
		signs = append(signs, sign)
	}
	return signs
}
