package signs

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// What is wrong with a machine only the bridge on it sees. Where several share the work each leaves a note of what it sees, and whoever
// looks for all signs reads them.

// seen is a sign as a note holds it.
type seen struct {
	Alarm bridge.Alarm  `json:"alarm"`
	Of    string        `json:"of"`
	N     int64         `json:"n"`
	Text  string        `json:"text"`
	After time.Duration `json:"after"` // nanoseconds
}

// Machine says what is wrong with this machine, as a note that [bridge.MachineNote] names; empty for nothing. Of what can't be looked at
// the error says why, and the rest is said all the same.
func (w *Watcher) Machine(now time.Time) (note string, err error) {
	signs, err := w.machine(now, nil)
	if len(signs) == 0 {
		return "", err
	}
	all := make([]seen, len(signs))
	for i, s := range signs {
		all[i] = seen{s.Alarm, s.Of, s.N, s.Text, s.After}
	}
	text, jsonErr := json.Marshal(all)
	return string(text), errors.Join(err, jsonErr)
}

// machines are the signs of all machines that bridges have left notes of. What is wrong with a machine itself is of the bridge on it, which
// its machine names: it may begin anew meanwhile. What is wrong elsewhere, such as with the shop's clock, and is seen from several machines
// is one sign that names them.
func machines(notes map[string]string) ([]Sign, error) {
	var signs []Sign
	var from [][]string // the machines that have seen each
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(notes)) {
		member, ok := bridge.MachineOf(name)
		if !ok {
			continue
		}
		machine, _, _ := strings.Cut(member, ":")
		var all []seen
		if err := json.Unmarshal([]byte(notes[name]), &all); err != nil {
			errs = append(errs, fmt.Errorf("read the note %s: %w", name, err))
		}
		for _, x := range all {
			s := Sign{LiveAlarm: bridge.LiveAlarm{Alarm: x.Alarm, Of: x.Of, N: x.N, Text: x.Text}, After: x.After}
			if s.Of == bridge.BridgeWork {
				s.Of = bridge.OtherBridge(machine)
			}
			i := slices.IndexFunc(signs, func(o Sign) bool { return o.Alarm == s.Alarm && o.Of == s.Of })
			if i < 0 {
				signs, from = append(signs, s), append(from, []string{machine})
			} else if !slices.Contains(from[i], machine) {
				from[i] = append(from[i], machine)
			}
		}
	}
	for i := range signs {
		if s := &signs[i]; !strings.HasPrefix(s.Of, bridge.OtherBridge("")) {
			s.Text = strings.Join(from[i], ", ") + ": " + s.Text
		}
	}
	return signs, errors.Join(errs...)
}
