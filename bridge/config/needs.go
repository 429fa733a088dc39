package config

import (
	"maps"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// This file holds what `orobridge check` tries in the folders of feeds and exports. The probe files that it writes have
// temporary names, so that no bridge and no ERP takes them, and are removed again.

// Needs lists what the config expects of the shop.
func (c *Config) Needs() bridge.Needs {
	n := bridge.Needs{Orders: len(c.Exports) > 0}
	for _, f := range c.Feeds {
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
