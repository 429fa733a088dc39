package inbound

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Comparisons on a feed's schedule, and what they mean for alarms. When the last scheduled one was, and what it found, stands
// in a note of the ledger, so that one which was missed is made up for.

const (
	reconciledPrefix = "reconciled "
	straysPrefix     = "strays "               // of a feed: for which life of the ledger they were looked for
	soundPrefix      = "sound since restored " // an entity that was found as it should be since the shop went back in time
)

// ReconciledNote says whether a note of the ledger tells of a feed's last scheduled comparison. Its text is the time, and
// behind it what was found; nothing while there was none.
func ReconciledNote(name string) (feed string, ok bool) {
	return strings.CutPrefix(name, reconciledPrefix)
}

// ReconcileDue compares the shop with the ledger if the feed's schedule wants it, and returns when to ask again. What differs
// beyond the feed's limit is an alarm.
func (e *Engine) ReconcileDue(ctx context.Context, f *config.Feed) (wait time.Duration, err error) {
	ctx, done, err := e.TakeUpLoads(ctx, f)
	if err != nil {
		return 0, err
	}
	defer done()
	notes, err := e.Ledger.Notes(ctx)
	if err != nil {
		return 0, err
	}
	now, note := e.Clock.Now(), reconciledPrefix+f.Name
	stamp, _, _ := strings.Cut(notes[note], " ")
	last, err := time.Parse(time.RFC3339, stamp)
	if err != nil || last.After(now) { // it is the feed's first time, or the clock was set back
		last = now
		err = e.Ledger.Note(ctx, note, now.UTC().Format(time.RFC3339))
	}
	if next := f.Reconcile.Next(last); err != nil || next.After(now) {
		return next.Sub(now), err
	}
	r, err := e.Reconcile(ctx, f, ReconcileOptions{}, bridge.Decision{})
	if err != nil {
		return 0, err
	}
	if r.beyond(f.Drift) {
		err = journal{e}.drifted(ctx, f, fmt.Sprintf("%s: more than %s (reconcile_alarm)", r, f.Drift))
	}
	return f.Reconcile.Next(now).Sub(now), errors.Join(err, e.Ledger.Note(ctx, note, now.UTC().Format(time.RFC3339)+" "+r.String()))
}

// strays has the shop compared once after a ledger was put back and the first full file of a feed was loaded: what was made since the
// backup, and this file lacks, no withdrawal finds.
func (l *loader) strays(ctx context.Context) error {
	notes, err := l.e.Ledger.Notes(ctx)
	if err != nil || notes[bridge.RenewedNote] == notes[straysPrefix+l.f.Name] {
		return err
	}
	if _, err := l.e.Reconcile(ctx, l.f, ReconcileOptions{}, bridge.Decision{}); err != nil {
		return err
	}
	return l.e.Ledger.Note(ctx, straysPrefix+l.f.Name, notes[bridge.RenewedNote])
}

func (j journal) drifted(ctx context.Context, f *config.Feed, text string) error {
	event := &bridge.Event{At: j.e.Clock.Now(), Kind: bridge.AlarmRaised, Feed: f.Name, Alarm: bridge.AlarmDrifted, Text: text,
		Hint: bridge.AlarmDrifted.Hint()}
	return j.told(j.e.Ledger.Note(ctx, alarmNote(f.Name, bridge.AlarmDrifted), text, event), event)
}

// String says what was found.
func (r *Reconciliation) String() string {
	text := fmt.Sprintf("%d compared: %d missing, %d different, %d unknown here", r.Compared, r.Missing, r.Different, r.Unknown)
	if r.Stray > 0 {
		text += fmt.Sprintf(", %d of these made since the backup", r.Stray)
	}
	return text
}

// beyond says that more of what is known differs than a limit allows.
func (r *Reconciliation) beyond(limit config.Limit) bool {
	return limit.Exceeded(r.Missing+r.Different, r.Compared-r.Unknown+r.Missing)
}

// reconciled tells of a comparison, and ends the alarms that it answers.
func (j journal) reconciled(ctx context.Context, f *config.Feed, r *Reconciliation) error {
	e := j.e
	if err := j.keep(ctx, &bridge.Event{At: e.Clock.Now(), Kind: bridge.Reconciled, Feed: f.Name, Text: r.String()}); err != nil {
		return err
	}
	notes, err := e.Ledger.Notes(ctx)
	if err != nil {
		return err
	}
	end := func(name, feed string, a bridge.Alarm) error {
		event := &bridge.Event{At: e.Clock.Now(), Kind: bridge.AlarmCleared, Feed: feed, Alarm: a}
		if feed == "" {
			event.Work = bridge.OfShop(bridge.ShopWork, e.Name)
		}
		return j.told(e.Ledger.Note(ctx, name, "", event), event)
	}
	drifted := alarmNote(f.Name, bridge.AlarmDrifted)
	if r.Stray > 0 {
		err = j.drifted(ctx, f, r.String())
	} else if notes[drifted] != "" && !r.beyond(f.Drift) {
		err = end(drifted, f.Name, bridge.AlarmDrifted)
	}
	restored := bridge.AlarmNote(bridge.OfShop(bridge.ShopWork, e.Name), bridge.AlarmRestored)
	if err != nil || notes[restored] == "" || r.Missing+r.Different > 0 {
		return err
	}
	notes[bridge.InShop(soundPrefix+f.Entity.Name, e.Name)] = "yes"
	for _, x := range e.Feeds {
		if !x.Entity.Answers && notes[bridge.InShop(soundPrefix+x.Entity.Name, e.Name)] == "" {
			return e.Ledger.Note(ctx, bridge.InShop(soundPrefix+f.Entity.Name, e.Name), "yes")
		}
	}
	return errors.Join(end(restored, "", bridge.AlarmRestored), j.forgetSound(ctx, notes))
}

// forgetSound forgets what was found as it should be: from now on it may be otherwise.
func (j journal) forgetSound(ctx context.Context, notes map[string]string) error {
	for name := range notes {
		if bare, _ := bridge.SplitShop(name); strings.HasPrefix(name, soundPrefix) && name == bridge.InShop(bare, j.e.Name) {
			if err := j.e.Ledger.Note(ctx, name, ""); err != nil {
				return err
			}
		}
	}
	return nil
}
