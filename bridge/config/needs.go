package config

import (
	"maps"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Needs lists what the config expects of a shop.
func (c *Config) Needs(shop *Shop) bridge.Needs {
	n := bridge.Needs{Orders: len(c.ExportsOf(shop)) > 0}
	for _, f := range c.FeedsOf(shop) {
		if f.Entity.Answers {
			n.Feedback = true
			continue
		}
		n.Entities = append(n.Entities, f.Entity.Name)
		n.Units = append(n.Units, named(&f.Mapping, "unit")...)
		n.PriceLists = append(n.PriceLists, named(&f.Mapping, "price_list")...)
	}
	for _, list := range []*[]string{&n.Entities, &n.Units, &n.PriceLists} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return n
}

// named lists the shop's values that a mapping names for a field.
func named(m *formats.Mapping, field string) []string {
	values := slices.Collect(maps.Values(m.Values[field]))
	values = append(values, m.Constants[field], m.Defaults[field])
	return slices.DeleteFunc(values, func(v string) bool { return v == "" })
}
