package inbound

import (
	"context"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
)

// A shop that was restored from a backup gives ids again, and lacks what came after the backup. No batch is sent before the
// ids in it were confirmed with their keys, so that no record is written over another's; a link whose id is not its key's
// any more is forgotten and its key looked up. One or a few of them are the work of a person who deletes records in the
// shop; many are a shop that went back in time, and somebody has to know: other keys may say what they said days ago.

// Of the ids that a run confirmed, so many have to be stale for a shop to count as restored: this share, and this number.
const (
	staleShare = 5 // percent
	staleLeast = 10
)

// restored raises an alarm when a run found a shop that went back in time.
func (l *loader) restored(ctx context.Context, stale int64) error {
	confirmed := l.run.Created + l.run.Updated + l.run.Removed + l.run.Withdrawn
	if stale < staleLeast || stale*100 < confirmed*staleShare {
		return nil
	}
	text := fmt.Sprintf("%d of %d %s that this run wrote to were not where the shop had said they are: "+
		"it was restored from a backup, or emptied", stale, confirmed, l.f.Entity.Name)
	event := l.runEvent(bridge.AlarmRaised, l.d, l.run, text)
	event.Alarm, event.Hint = bridge.AlarmRestored, bridge.AlarmRestored.Hint()
	notes, err := l.e.Ledger.Notes(ctx)
	if err == nil {
		err = l.forgetSound(ctx, notes)
	}
	if err != nil {
		return err
	}
	return l.told(l.e.Ledger.Note(ctx, bridge.AlarmNote(bridge.OfShop(bridge.ShopWork, l.e.Name), bridge.AlarmRestored), text, event), event)
}
