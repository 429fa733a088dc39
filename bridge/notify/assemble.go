package notify

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/notify/signs"
)

// Assemble makes who keeps the alarms of one of a config's shops: it hears what happens from now on. facts tells what the shop's
// answers show in passing, and may be nil; remotes are the ways to remotes, by name, of which there may be several.
func Assemble(c *config.Config, shop *config.Shop, ledger Ledger, events *bridge.Events, facts func() signs.ShopFacts, send Send,
	remotes ...map[string]bridge.Remote) *Keeper {
	w := &signs.Watcher{Feeds: c.FeedsOf(shop), Limits: c.Alarms, Ledger: ledger, Disk: c.State.Dir, Ends: ends(c, shop, remotes), Shop: facts}
	events.Observe(w.Hear)
	return &Keeper{Routes: c.Notify, Shop: shop.Name, Page: c.Page(), Keep: c.State.Keep.Rows.D(), Ledger: ledger,
		Clock: bridge.SystemClock{}, Events: events, Signs: w, Send: send, Heartbeat: c.Alarms.Heartbeat, Watched: c.Alarms.Watch}
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

// endsEvery is how often files are read to know when what is in them ends.
const endsEvery = time.Minute

// ends tells when the certificates and keys end that the config names, and those that remotes know of.
func ends(c *config.Config, shop *config.Shop, remotes []map[string]bridge.Remote) func(time.Time) []bridge.End {
	var read time.Time
	var all []bridge.End
	return func(now time.Time) []bridge.End {
		if now.Sub(read) < endsEvery && !read.After(now) {
			return all
		}
		read, all = now, c.Ends(shop)
		for _, ways := range remotes {
			for _, name := range slices.Sorted(maps.Keys(ways)) {
				r, ok := ways[name].(bridge.Ending)
				if !ok {
					continue
				}
				for _, e := range r.Ends() {
					if e.Of = c.WorksOf(name); !slices.Contains(all, e) { // the other way has seen it, too
						all = append(all, e)
					}
				}
			}
		}
		return all
	}
}
