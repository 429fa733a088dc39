package config

// MainShop is the name of the shop of a config that describes only one, by oro.
const MainShop = "main"

// Shops lists the shops of the config. Each has feeds and exports of its own.
func (c *Config) Shops() []*Shop { return []*Shop{&c.Oro} }

// FeedsOf lists the feeds that load into a shop.
func (c *Config) FeedsOf(*Shop) []*Feed { return c.Feeds }

// ExportsOf lists the exports that write a shop's orders.
func (c *Config) ExportsOf(*Shop) []*Export { return c.Exports }
