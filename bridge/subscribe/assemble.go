package subscribe

import (
	"fmt"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Assemble makes who tells a config's subscribers. identity and generation are the ledger's.
func Assemble(c *config.Config, ledger Ledger, identity string, generation int64, events *bridge.Events, post Post) *Teller {
	shops := map[string]string{}
	for _, s := range c.Shops() {
		for _, f := range c.FeedsOf(s) {
			shops["feed "+f.Name] = s.Name
		}
		for _, x := range c.ExportsOf(s) {
			shops["export "+x.Name] = s.Name
		}
	}
	return &Teller{Subscribers: c.Subscribers, Origin: fmt.Sprintf("%s_%d", identity, generation), Ledger: ledger, Clock: bridge.SystemClock{},
		Events: events, Post: post, ShopOf: func(e *bridge.Event) string {
			if e.Feed != "" {
				return shops["feed "+e.Feed]
			}
			return shops["export "+e.Export]
		}}
}
