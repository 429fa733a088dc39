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

// Assemble makes who keeps the alarms of a config's shops: it hears what happens from now on. facts tell what the answers of each
// shop show in passing, and may be nil; remotes are the ways to remotes, by name, of which there may be several.
func Assemble(c *config.Config, ledger Ledger, events *bridge.Events, facts map[string]func() signs.ShopFacts, send Send,
	remotes ...map[string]bridge.Remote) *Keeper {
	w := &signs.Watcher{Feeds: c.Feeds, Limits: c.Alarms, Ledger: ledger, Disk: c.State.Dir, Ends: ends(c, remotes),
		Clocks: clocks(c, remotes), Shops: facts, ShopOf: c.ShopOf}
	return &Keeper{stop: events.Observe(w.Hear),
		Routes: c.Notify, ShopsOf: c.ShopsOf, Page: c.Page(), Keep: c.State.Keep.Rows.D(), Ledger: ledger,
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
func ends(c *config.Config, remotes []map[string]bridge.Remote) func(time.Time) []bridge.End {
	var read time.Time
	var all []bridge.End
	return func(now time.Time) []bridge.End {
		if now.Sub(read) < endsEvery && !read.After(now) {
			return all
		}
		read, all = now, nil
		for _, shop := range c.Shops() {
			for _, e := range c.Ends(shop) {
				if !slices.Contains(all, e) { // the page's certificate is everybody's
					all = append(all, e)
				}
			}
		}
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

// clocks tells what the clocks of remotes' servers say, as far as a way to them has seen it.
func clocks(c *config.Config, remotes []map[string]bridge.Remote) func() []signs.Clock {
	return func() []signs.Clock {
		ahead := map[string]time.Duration{}
		for _, ways := range remotes {
			for name, r := range ways {
				if r, ok := r.(bridge.Clocked); ok && r.Ahead() != 0 {
					ahead[name] = r.Ahead()
				}
			}
		}
		var all []signs.Clock
		for _, name := range slices.Sorted(maps.Keys(ahead)) {
			all = append(all, signs.Clock{Of: c.WorksOf(name), Whose: "the server of remote " + name, Ahead: ahead[name]})
		}
		return all
	}
}
