package notify

import (
	"context"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// patience bounds how long one message may take.
const patience = 30 * time.Second

// longestWait is how long a route that failed is left alone at most.
const longestWait = 15 * time.Minute

// deliver sends what a route is owed and due, in its order, until nothing is left or the route does not take it. That a route
// fails is no error of the bridge: the message says why, and the round makes an alarm of it.
func (k *Keeper) deliver(ctx context.Context, to *config.Route) error {
	owed, err := k.Ledger.Messages(ctx, bridge.MessageFilter{Owed: true})
	if err != nil {
		return err
	}
	for _, m := range owed {
		if m.Route != to.Name {
			continue
		}
		if m.Due.After(k.Clock.Now()) {
			return nil
		}
		failed := k.send(ctx, to, m.Letter)
		if ctx.Err() != nil {
			return ctx.Err() // it is not known whether it was told: it is told again
		}
		if failed == nil {
			m.Told, m.Trouble = k.Clock.Now(), ""
		} else {
			m.Tries++
			m.Trouble, m.Due = failed.Error(), k.Clock.Now().Add(min(bridge.Backoff(m.Tries, failed, 0.5), longestWait))
		}
		if err := k.Ledger.SaveMessage(context.WithoutCancel(ctx), m); err != nil {
			return err
		}
		if failed != nil {
			return nil
		}
	}
	return nil
}

func (k *Keeper) send(ctx context.Context, to *config.Route, l bridge.Letter) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	k.Events.Step("message is sent to " + to.Name)
	return k.Send(ctx, to, l)
}
