package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/outbound"
)

// Several shops. Each has engines of its own, and keys of its own in the ledger; a feed or export tells whose it is. With one shop
// models do not name it. A view may be of some shops only: then nothing that is another's is seen or decided about.

// Engines are those of one shop.
type Engines struct {
	In  *inbound.Engine
	Out *outbound.Engine
}

// Sight is of which shops a view shows something, and whose feeds and exports are. The zero value is that of the only shop there is.
type Sight struct {
	shops   []string
	works   map[string]string // the shop of "feed prices", "export orders": of those that are seen; several of a front
	partly  map[string]string // the seen shops of a front of which not all are
	several bool              // models name the shop
	narrow  bool              // there are shops of which nothing is seen
}

// SightOf is the sight of all of a config's shops.
func SightOf(c *config.Config) Sight {
	v := Sight{shops: c.ShopNames(), works: map[string]string{}, several: len(c.Shops()) > 1}
	for _, f := range c.Fronts() {
		v.works["feed "+f.Name] = strings.Join(f.Shop, andShop)
	}
	for _, s := range c.Shops() {
		for _, f := range c.FeedsOf(s) {
			v.works["feed "+f.Name] = s.Name
		}
		for _, x := range c.ExportsOf(s) {
			v.works["export "+x.Name], v.works["feed "+bridge.BesideFeed(x.Name)] = s.Name, s.Name
		}
	}
	return v
}

// andShop stands between the names of a front's shops.
const andShop = ", "

// Only is the view of some shops; none: of all. A shop that there is not is a [Mistake].
func (k View) Only(shops ...string) (View, error) {
	for _, name := range shops {
		if !k.Shows(name) {
			return k, noShop(name, k.keyed())
		}
	}
	return k.SeenBy(shops), nil
}

func noShop(name string, all []string) error {
	return &Mistake{fmt.Sprintf("there is no shop %q", name), "shops are: " + strings.Join(all, ", ")}
}

// SeenBy is the view of somebody who may see some shops only; none: all. Of shops that there are not nothing is seen.
func (k View) SeenBy(shops []string) View {
	hidden := func(name string) bool { return !slices.Contains(shops, name) }
	if len(shops) == 0 || !slices.ContainsFunc(k.keyed(), hidden) {
		return k
	}
	of := k
	of.narrow, of.works, of.Feeds, of.Exports = true, maps.Clone(k.works), nil, nil
	of.shops = slices.DeleteFunc(slices.Clone(k.keyed()), hidden)
	of.partly = map[string]string{}
	maps.DeleteFunc(of.works, func(work, shop string) bool {
		shops := strings.Split(shop, andShop)
		seen := slices.DeleteFunc(slices.Clone(shops), hidden)
		if len(seen) > 0 && len(seen) < len(shops) {
			of.partly[work] = strings.Join(seen, andShop)
		}
		return len(seen) < len(shops)
	})
	for _, f := range k.Feeds {
		if of.ShopOf(f.Name) != "" {
			of.Feeds = append(of.Feeds, f)
		}
	}
	for _, x := range k.Exports {
		if of.works["export "+x.Name] != "" {
			of.Exports = append(of.Exports, x)
		}
	}
	return of
}

// Narrow says that something is not seen.
func (s *Sight) Narrow() bool { return s.narrow }

// Shows says that a shop is seen.
func (s *Sight) Shows(shop string) bool { return slices.Contains(s.keyed(), shop) }

// Sees says that some shop is.
func (s *Sight) Sees() bool { return len(s.keyed()) > 0 }

// ShopOf tells the shop into which a feed loads; empty for one that is not seen.
func (s *Sight) ShopOf(feed string) string { return s.works["feed "+feed] }

// keyed are the shops whose keys are seen.
func (s *Sight) keyed() []string {
	if len(s.shops) == 0 && !s.narrow {
		return []string{bridge.MainShop}
	}
	return s.shops
}

// told is a shop's name as models have it: empty where there is only one.
func (s *Sight) told(shop string) string {
	if !s.several {
		return ""
	}
	return shop
}

// of tells the shop of a piece of work; empty for what is of none, or not seen.
func (s *Sight) of(work string) string {
	kind, name, _ := strings.Cut(work, " ")
	switch kind {
	case bridge.ShopWork, bridge.WebhookWork:
		if name = cmp.Or(name, bridge.MainShop); s.Shows(name) {
			return name
		}
		return ""
	case "reconcile":
		return s.ShopOf(name)
	}
	return s.works[work]
}

// ours says that one of some pieces of work is seen.
func (s *Sight) ours(works ...string) bool {
	return !s.narrow || slices.ContainsFunc(works, func(work string) bool { return s.of(work) != "" })
}

// concerns says that an alarm is seen: that a file is late which several shops wait for concerns whoever sees one of them.
func (s *Sight) concerns(a *bridge.LiveAlarm) bool {
	return s.ours(a.Works()...) || slices.ContainsFunc(a.Works(), func(work string) bool { return s.partly[work] != "" })
}

// oursAlarm is ours of a note's alarm, "orders overdue", "feed prices drifted", "shop b2b restored", which has two words at its end at
// most.
func (s *Sight) oursAlarm(alarm string) bool {
	for what := alarm; s.narrow; {
		i := strings.LastIndexByte(what, ' ')
		if i < 0 {
			return false
		}
		if what = what[:i]; s.ours(what, "export "+what) {
			return true
		}
	}
	return true
}

// names are those of the feeds, or exports, that are seen, for a filter; nil for all.
func (s *Sight) names(kind string) []string {
	if !s.narrow {
		return nil
	}
	names := []string{}
	for _, work := range slices.Sorted(maps.Keys(s.works)) {
		if name, is := strings.CutPrefix(work, kind+" "); is {
			names = append(names, name)
		}
	}
	return names
}

func (s *Sight) feeds() []string { return s.names("feed") }

func (s *Sight) exports() []string { return s.names("export") }

// whose chooses the events that are seen; nil for all.
func (s *Sight) whose() *bridge.Whose {
	if !s.narrow {
		return nil
	}
	w := &bridge.Whose{Feeds: s.feeds(), Exports: s.exports()}
	for work := range s.works {
		w.Works = append(w.Works, work, strings.Replace(work, "feed ", "reconcile ", 1))
	}
	for _, shop := range s.shops {
		w.Works = append(w.Works, bridge.OfShop(bridge.ShopWork, shop), bridge.OfShop(bridge.WebhookWork, shop))
	}
	slices.Sort(w.Works)
	return w
}

// DropOf finds a drop that a view shows. Of a drop for several shops it is the part of the only one that is seen.
func DropOf(ctx context.Context, k *View, id int64) (*bridge.Drop, error) {
	d, err := k.Ledger.Drop(ctx, id)
	if err != nil || k.ours("feed "+d.Feed) {
		return d, err
	}
	parts, err := partsOf(ctx, k, d)
	parts = slices.DeleteFunc(parts, func(part *bridge.Drop) bool { return !k.ours("feed " + part.Feed) })
	if err != nil || len(parts) != 1 {
		return nil, errors.Join(err, fmt.Errorf("drop %d: %w", id, bridge.ErrUnknown))
	}
	return parts[0], nil
}

// keysOf is the ledger with the keys of a shop.
func keysOf(k *View, shop string) Ledger {
	if k.Of == nil || shop == "" {
		return k.Ledger
	}
	return k.Of(shop)
}

// inOf is the engine of a feed.
func inOf(k *Desk, feed string) *inbound.Engine {
	for _, e := range k.Each {
		if _, ok := e.In.Feed(feed); ok {
			return e.In
		}
	}
	return k.In
}

// inShop is the engine of a shop.
func inShop(k *Desk, shop string) *inbound.Engine {
	for _, e := range k.Each {
		if e.In.Name == shop {
			return e.In
		}
	}
	return k.In
}

// outOf is the engine of an export.
func outOf(k *Desk, export string) *outbound.Engine {
	for _, e := range k.Each {
		if slices.ContainsFunc(e.Out.Exports, func(x *config.Export) bool { return x.Name == export }) {
			return e.Out
		}
	}
	return k.Out
}

// outsOf are the engines of an export, or ("") of all of the view's.
func outsOf(k *Desk, export string) (all []*outbound.Engine) {
	if export != "" || len(k.Each) == 0 {
		return []*outbound.Engine{outOf(k, export)}
	}
	for _, x := range k.Exports {
		if e := outOf(k, x.Name); !slices.Contains(all, e) {
			all = append(all, e)
		}
	}
	return all
}

// outOfOrder is the engine of the shop that has an order; one that several have is a [Mistake], unless an export is named.
func outOfOrder(ctx context.Context, k *Desk, order, export string) (*outbound.Engine, error) {
	if export != "" || !k.several {
		return outOf(k, export), nil
	}
	owed, err := k.Ledger.Outbox(ctx, bridge.OutboxFilter{Order: order, Exports: k.exports()})
	if err != nil {
		return nil, err
	}
	if len(owed) == 0 {
		return nil, &bridge.Error{Op: "find", Object: "order " + order, Err: bridge.ErrUnknown, Hint: "see `orobridge orders`"}
	}
	first := k.of("export " + owed[0].Export)
	for _, o := range owed {
		if shop := k.of("export " + o.Export); shop != first {
			return nil, &Mistake{fmt.Sprintf("order %s is one of %s and one of %s", order, first, shop), "name the shop, or the export"}
		}
	}
	return outOf(k, owed[0].Export), nil
}

// shopWork is all that needs a shop, which needs no name where there is one.
func shopWork(s *Sight, name string) (string, error) {
	all := s.keyed()
	switch {
	case name == "" && len(all) == 1:
		name = all[0]
	case name == "":
		return "", &Mistake{"there are several shops", "name one of " + strings.Join(all, ", ")}
	case !s.Shows(name):
		return "", noShop(name, all)
	}
	return bridge.OfShop(bridge.ShopWork, name), nil
}

// inShopOf takes apart what names a feed or an entity, and perhaps the shop: "products", or "products@b2b" where there are several.
func inShopOf(s *Sight, word string) (name, shop string, err error) {
	name, shop, named := strings.Cut(word, "@")
	if named && !s.Shows(shop) {
		return "", "", noShop(shop, s.keyed())
	}
	return name, shop, nil
}
