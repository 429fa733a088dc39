package bridge

import "strings"

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
