package daemon

import (
	"cmp"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/outbound"
)

// Ends are what the engines of a shop work with.
type Ends struct {
	Ledger interface {
		inbound.Ledger
		outbound.Ledger
		Ledger
	}
	Shop interface {
		inbound.Shop
		outbound.Shop
	}
	Remotes map[string]bridge.Remote
	// OrderRemotes are ways to remotes of their own for exports, so that no import's file is in front of an order. One that
	// is not here is used by both.
	OrderRemotes map[string]bridge.Remote
	Spool        string // local folder for fetched files
	Clock        bridge.Clock
	Events       *bridge.Events
	// Patience bounds how long one piece of work waits for trouble to pass; 0 waits for as long as it takes.
	Patience time.Duration
}

// Assemble makes the engines of one of a config's shops and who drives them. The ledger is as that shop sees it.
func Assemble(c *config.Config, shop *config.Shop, e Ends) *Daemon {
	readOnly := map[string]bool{}
	orders := map[string]bridge.Remote{}
	for name, r := range c.Remotes {
		readOnly[name] = r.ReadOnly
		orders[name] = cmp.Or(e.OrderRemotes[name], e.Remotes[name])
	}
	in := &inbound.Engine{Name: shop.Name, Feeds: c.FeedsOf(shop), InFlight: shop.InFlight, Batch: shop.Batch, Ledger: e.Ledger, Shop: e.Shop,
		Remotes: e.Remotes, ReadOnly: readOnly, Spool: e.Spool, Keep: c.State.Keep.Rows.D(), KeepRefused: c.State.Keep.Refused.D(),
		Clock: e.Clock, Events: e.Events, Patience: e.Patience, Memory: &inbound.Memory{}}
	out := &outbound.Engine{Name: shop.Name, Exports: c.ExportsOf(shop), Ledger: e.Ledger, Shop: e.Shop, Remotes: orders, Clock: e.Clock,
		Events: e.Events, Keep: c.State.Keep.Orders.D(), Memory: &outbound.Memory{}}
	if len(c.Shops()) > 1 {
		in.All, in.Exports = c.Feeds, []string{}
		for _, x := range out.Exports {
			in.Exports = append(in.Exports, x.Name)
		}
		out.Own = in.Exports
	}
	d := &Daemon{Name: shop.Name, In: in, Out: out, Ledger: e.Ledger, Clock: e.Clock, Events: e.Events, losses: &losses{},
		mark: config.MarkOf(shop.Name, shop), marks: map[string]config.Mark{}}
	for _, f := range in.Feeds {
		mark := config.MarkOf(d.mark, f, c.RemoteMark(f.Remote))
		d.marks[feedWork(f.Name)], d.marks[reconcileWork(f.Name)] = mark, mark
	}
	for _, x := range out.Exports {
		d.marks[exportWork(x.Name)] = config.MarkOf(d.mark, x, c.RemoteMark(x.Remote))
	}
	d.marks[d.of(bridge.ShopWork)], d.marks[d.of(bridge.WebhookWork)] = d.mark, config.MarkOf(d.mark, c.Webhook, c.HookOf(shop))
	return d
}

// Together makes the bridge of all of a config's shops; of tells what the engines of one of them work with. Remotes, spool, clock and
// events are the same for all.
func Together(c *config.Config, of func(*config.Shop) Ends) *Bridge {
	backup := c.State.Backup
	b := &Bridge{marks: map[string]config.Mark{bridge.BackupWork: config.MarkOf(backup, c.RemoteMark(backup.To.Remote))}}
	var shared *listings
	for _, shop := range c.Shops() {
		e := of(shop)
		if shared == nil {
			shared = share(c.Feeds, e.Remotes, e.Clock)
			b.Ledger, b.Clock, b.Events = e.Ledger, e.Clock, e.Events
		}
		d := Assemble(c, shop, e)
		d.listings, d.In.List = shared, shared.list
		b.Shops = append(b.Shops, d)
	}
	b.Front = frontDesk(c, b.Shops[0])
	return b
}
