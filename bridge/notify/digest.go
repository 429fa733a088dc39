package notify

import (
	"context"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/notify/words"
)

// digestNote is the name of the note that keeps until when a route knows all that happened.
func digestNote(route string) string { return "digest " + route }

// digests owes each route that wants one its digest, once a day. A route that is new gets its first one at the next time.
func (r *round) digests(ctx context.Context) error {
	for _, to := range r.Routes {
		if to.Digest == nil {
			continue
		}
		from := timeOf(r.notes[digestNote(to.Name)])
		if from.IsZero() {
			r.Notes[digestNote(to.Name)] = stampOf(r.now)
			continue
		}
		if due := lastTime(to, r.now); due.After(from) {
			if err := r.digest(ctx, to, from); err != nil {
				return err
			}
		}
	}
	return nil
}

// lastTime is when the digest of a route was last due.
func lastTime(to *config.Route, now time.Time) time.Time {
	today := now.In(to.Location)
	due := to.Digest.On(today, to.Location)
	if due.After(now) {
		due = to.Digest.On(today.AddDate(0, 0, -1), to.Location)
	}
	return due
}

// longestDigest is how far back a digest goes at most, after a time in which no bridge was at work.
const longestDigest = 7 * 24 * time.Hour

func (r *round) digest(ctx context.Context, to *config.Route, from time.Time) error {
	if r.now.Sub(from) > longestDigest {
		from = r.now.Add(-longestDigest)
	}
	day := words.Day{From: from, To: r.now}
	recent, err := r.Ledger.LiveAlarms(ctx, bridge.AlarmFilter{Raised: true, Cleared: from})
	if err != nil {
		return err
	}
	saved := map[int64]*bridge.LiveAlarm{}
	for _, a := range r.standing { // what this round has found is newer
		if a.ID != 0 {
			saved[a.ID] = a
		} else if !a.Raised.IsZero() {
			recent = append(recent, a)
		}
	}
	for _, a := range recent {
		if newer := saved[a.ID]; newer != nil {
			a = newer
		}
		if !to.Escalated && !r.wants(to, a) {
			continue
		}
		if a.Cleared.IsZero() {
			day.Standing = append(day.Standing, a)
		} else {
			day.Over = append(day.Over, a)
		}
	}
	if day.Drops, err = r.Ledger.SettledSince(ctx, from); err != nil {
		return err
	}
	r.Notes[digestNote(to.Name)] = stampOf(r.now)
	r.Messages = append(r.Messages, &bridge.Message{Route: to.Name, Kind: bridge.MessageDigest, Letter: r.voice(to).Digest(day),
		Owed: r.now, Due: r.now})
	return nil
}
