package notify

import (
	"context"
	"errors"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/notify/signs"
)

// Assemble makes who keeps the alarms of one of a config's shops: it hears what happens from now on. facts tells what the shop's
// answers show in passing, and may be nil.
func Assemble(c *config.Config, shop *config.Shop, ledger Ledger, events *bridge.Events, facts func() signs.ShopFacts, send Send) *Keeper {
	w := &signs.Watcher{Feeds: c.FeedsOf(shop), Limits: c.Alarms, Ledger: ledger, Disk: c.State.Dir, Ends: c.Ends(shop), Shop: facts}
	events.Observe(w.Hear)
	return &Keeper{Routes: c.Notify, Shop: shop.Name, Page: c.Page(), Keep: c.State.Keep.Rows.D(), Ledger: ledger,
		Clock: bridge.SystemClock{}, Events: events, Signs: w, Send: send}
}

// Try sends a route a message that says nothing else than that somebody tries the route. It needs no ledger, and no bridge.
func Try(ctx context.Context, c *config.Config, to *config.Route, send Send, who string) error {
	k := &Keeper{Page: c.Page(), Send: send}
	if err := k.send(ctx, to, k.voice(to).Test(to.Name, who)); err != nil {
		return &bridge.Error{Op: "send by", Object: "route " + to.Name, Err: errors.Join(err, bridge.ErrUnreachable),
			Hint: "check its address, and that the way there is open"}
	}
	return nil
}
