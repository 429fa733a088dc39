package subscribe

import (
	"fmt"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Assemble makes who tells a config's subscribers. identity and generation are the ledger's.
func Assemble(c *config.Config, ledger Ledger, identity string, generation int64, events *bridge.Events, post Post) *Teller {
	streams := map[string][]string{} // the shops of feeds and exports
	for _, s := range c.Shops() {
		for _, f := range c.FeedsOf(s) {
			streams["feed "+f.Name] = append(streams["feed "+f.Name], s.Name)
		}
		for _, x := range c.ExportsOf(s) {
			streams["export "+x.Name] = append(streams["export "+x.Name], s.Name)
		}
	}
	for _, f := range c.Fronts() {
		streams["feed "+f.Name] = f.Shop
	}
	shopsOf := func(e *bridge.Event) []string {
		if shops := streams["feed "+e.Feed]; e.Feed != "" {
			return shops
		}
		if shops := streams["export "+e.Export]; e.Export != "" {
			return shops
		}
		if shop := c.ShopOf(e.Work); shop != "" {
			return []string{shop}
		}
		return nil
	}
	return &Teller{Subscribers: c.Subscribers, ShopsOf: shopsOf, Several: len(c.Shops()) > 1,
		Origin: fmt.Sprintf("%s_%d", identity, generation), Ledger: ledger, Clock: bridge.SystemClock{}, Events: events, Post: post}
}
