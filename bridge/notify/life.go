package notify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/notify/signs"
)

// beatEvery is how often a bridge says so, and Silence says after how long without it was not at work.
const (
	beatEvery = time.Minute
	Silence   = 5 * time.Minute
)

// beat says that the bridge is at work, once a minute.
func (k *Keeper) beat(ctx context.Context) error {
	now := k.Clock.Now()
	notes, err := k.Ledger.Notes(ctx)
	if err != nil || now.Sub(timeOf(notes[bridge.AliveNote])) < beatEvery {
		return err
	}
	return k.Ledger.Note(ctx, bridge.AliveNote, stampOf(now))
}

// Rest says that the bridge has stopped because it was told to.
func (k *Keeper) Rest(ctx context.Context) error { return k.Ledger.Note(ctx, bridge.AliveNote, "") }

// longestLook is how long the last look at what is wrong may be ago for the bridge to count as at work.
const longestLook = 2 * time.Minute

// wentWell notes that a round did.
func (k *Keeper) wentWell() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.looked = k.Clock.Now()
}

// Live gives the sign of life that others wait for, unless people would hear of nothing: the ledger does not answer, the schedule stands
// still, nobody looks what is wrong, or no route takes messages. A bridge that makes a round calls it after one that went well.
func (k *Keeper) Live(ctx context.Context) error {
	if k.Heartbeat.URL == "" {
		return nil
	}
	k.mu.Lock()
	looked, mute := k.looked, k.mute
	k.mu.Unlock()
	if mute {
		return errors.New("no route takes messages, so no sign of life is given")
	}
	if k.Well != nil {
		if k.Clock.Now().Sub(looked) > longestLook {
			return errors.New("no look at what is wrong has gone well of late, so no sign of life is given")
		}
		if err := k.Well(ctx); err != nil {
			return fmt.Errorf("no sign of life is given: %w", err)
		}
	}
	return k.ping(ctx, k.Heartbeat.URL)
}

func (k *Keeper) ping(ctx context.Context, address bridge.Secret) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return k.Ping(ctx, address)
}

// visit asks another bridge whether it is alive. That it is not is no error of this one: the next round makes an alarm of it.
func (k *Keeper) visit(ctx context.Context, w *config.Watched) error {
	err := k.ping(ctx, w.URL)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.silent == nil {
		k.silent = map[string]error{}
	}
	k.silent[w.Name] = err
	return nil
}

// others are the signs of other bridges that do not answer. One that was not asked yet is as it was.
func (r *round) others() []signs.Sign {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []signs.Sign
	for _, w := range r.Watched {
		s := signs.Sign{LiveAlarm: bridge.LiveAlarm{Alarm: bridge.AlarmGone, Of: bridge.OtherBridge(w.Name), N: 1}, After: w.After.D()}
		err, asked := r.silent[w.Name]
		if !asked {
			if a := r.alarmOf(&s); a != nil {
				s.Text = a.Text
				all = append(all, s)
			}
			continue
		}
		if err != nil {
			s.Text = fmt.Sprintf("it does not answer: %v", err)
			all = append(all, s)
		}
	}
	return all
}
