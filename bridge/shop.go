package bridge

import (
	"slices"
	"strings"
)

// MainShop is the name of the shop of a config that describes only one, by oro. What is its own carries no name: not in the ledger, not
// in a pause, not in what people read.
const MainShop = "main"

// InShop is how the ledger names what each shop has for itself, such as an entity whose keys have links: "products" of main,
// "products@b2b" of another. SplitShop takes it apart.
func InShop(name, shop string) string { return ofShop(name, "@", shop) }

// SplitShop is the reverse of [InShop].
func SplitShop(named string) (name, shop string) {
	name, shop, other := strings.Cut(named, "@")
	if !other {
		shop = MainShop
	}
	return name, shop
}

// BranchOf is the name of the part of a feed of several shops that loads into one of them: prices@b2b. FrontOf is the reverse: the
// feed's name as the config has it, prices.
func BranchOf(feed, shop string) string { return feed + "@" + shop }

// FrontOf is the name that the config has for a feed.
func FrontOf(feed string) string {
	name, _, _ := strings.Cut(feed, "@")
	return name
}

// NamesFeed says that a feed is one of some that are named, by its own name or by that of the feed whose branch it is.
func NamesFeed(names []string, feed string) bool {
	return feed != "" && (slices.Contains(names, feed) || slices.Contains(names, FrontOf(feed)))
}

// OfShop names a shop's piece of work in the words of pauses, trouble and alarms: "shop", [ShopWork], is all that needs main, and
// "shop b2b" all that needs another.
func OfShop(work, shop string) string { return ofShop(work, " ", shop) }

// ShopOf says whether a piece of work is all that needs a shop, and which one.
func ShopOf(work string) (shop string, ok bool) {
	if work == ShopWork {
		return MainShop, true
	}
	return strings.CutPrefix(work, ShopWork+" ")
}

func ofShop(what, sign, shop string) string {
	if shop == "" || shop == MainShop {
		return what
	}
	return what + sign + shop
}
