package config

import (
	"slices"

	"github.com/orobridge/orobridge/bridge"
)

// A feed of several shops has a branch for each: a feed that loads into that one, with a line, guards, pauses and rejects of its own.
// Where the names of files say for which shop each is (group shop of match), each branch lists and takes its own. Otherwise a file is
// for all of them: the feed itself is the front then, which lists, takes and puts away, and loads nothing, and the branches load what
// it brings.

// branched puts the branches of feeds into the list of feeds, behind their fronts.
func branched(feeds []*Feed) (all []*Feed) {
	for _, f := range feeds {
		named := f.Match.HasGroup(shopGroup) && len(f.Shop) > 0
		switch {
		case named && len(f.Shop) == 1:
			f.Match.shop = f.Shop[0]
			all = append(all, f)
		case named:
			for _, shop := range f.Shop {
				b := f.branch(shop)
				b.Match.shop = shop
				all = append(all, b)
			}
		case len(f.Shop) > 1:
			for _, shop := range f.Shop {
				b := f.branch(shop)
				b.Front, b.Expect = f.Name, nil
				f.Branches = append(f.Branches, b)
			}
			f.Reconcile = Schedule{}
			all = append(append(all, f), f.Branches...)
		default:
			all = append(all, f)
		}
	}
	return all
}

// shopGroup is the group of a pattern that says for which shop a file is.
const shopGroup = "shop"

func (f *Feed) branch(shop string) *Feed {
	b := *f
	b.Name, b.Shop, b.Branches = bridge.BranchOf(f.Name, shop), Names{shop}, nil
	return &b
}

// Loads are the feeds that load what a feed takes: itself, or the branches of a front.
func (f *Feed) Loads() []*Feed {
	if len(f.Branches) > 0 {
		return f.Branches
	}
	return []*Feed{f}
}

// Fronts are the feeds whose files are for several shops.
func (c *Config) Fronts() []*Feed {
	return slices.DeleteFunc(slices.Clone(c.Feeds), func(f *Feed) bool { return len(f.Branches) == 0 })
}
