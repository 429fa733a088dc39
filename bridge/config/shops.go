package config

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// MainShop is the name of the shop of a config that describes only one, by oro.
const MainShop = bridge.MainShop

// Names is a list of names; one may be written by itself.
type Names []string

// UnmarshalText takes one name.
func (n *Names) UnmarshalText(text []byte) error {
	*n = Names{string(text)}
	return nil
}

// Meet says that some shop is in both lists; none at all is the only shop there is, or all of them.
func (n Names) Meet(other Names) bool {
	return len(n) == 0 || len(other) == 0 || slices.ContainsFunc(n, func(name string) bool { return slices.Contains(other, name) })
}

// Shops lists the shops of the config by their names. Each has feeds and exports of its own.
func (c *Config) Shops() []*Shop {
	if len(c.Several) == 0 {
		return []*Shop{&c.Oro}
	}
	var all []*Shop
	for _, name := range slices.Sorted(maps.Keys(c.Several)) {
		all = append(all, c.Several[name])
	}
	return all
}

// ShopBy is the shop of a name; nil when there is none.
func (c *Config) ShopBy(name string) *Shop {
	for _, s := range c.Shops() {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// FeedsOf lists the feeds that load into a shop. A feed that says nothing belongs to the only one, a front to none.
func (c *Config) FeedsOf(shop *Shop) []*Feed {
	return slices.DeleteFunc(slices.Clone(c.Feeds), func(f *Feed) bool {
		return len(f.Branches) > 0 || len(f.Shop) > 0 && !slices.Contains(f.Shop, shop.Name)
	})
}

// ExportsOf lists the exports that write a shop's orders. An export that says nothing belongs to the only one.
func (c *Config) ExportsOf(shop *Shop) []*Export {
	return slices.DeleteFunc(slices.Clone(c.Exports), func(x *Export) bool { return x.Shop != "" && x.Shop != shop.Name })
}

// ShopOf tells the shop of a piece of work, as pauses and alarms name it: of "feed prices", "export orders" or "shop b2b". What is
// of no shop is of the only one, and of none (empty) where there are several.
func (c *Config) ShopOf(work string) string {
	if len(c.Several) == 0 {
		return MainShop
	}
	if shop, ok := bridge.ShopOf(work); ok {
		return shop
	}
	kind, name, _ := strings.Cut(work, " ")
	for _, s := range c.Shops() {
		switch {
		case len(c.Several) == 1,
			(kind == "feed" || kind == "reconcile") && slices.ContainsFunc(c.FeedsOf(s), func(f *Feed) bool { return f.Name == name }),
			kind == "export" && slices.ContainsFunc(c.ExportsOf(s), func(x *Export) bool { return x.Name == name }),
			work == bridge.OfShop(bridge.WebhookWork, s.Name):
			return s.Name
		}
	}
	return ""
}

// ShopsOf tells the shops that a piece of work is about: that of [Config.ShopOf], and of a feed whose files are for several all of them.
// None: it is of no shop.
func (c *Config) ShopsOf(work string) Names {
	for _, f := range c.Fronts() {
		if work == "feed "+f.Name {
			return f.Shop
		}
	}
	if shop := c.ShopOf(work); shop != "" {
		return Names{shop}
	}
	return nil
}

// HookOf is where a shop tells of orders: webhook.url for the only one, with its name behind that for one of several. It is empty where the
// bridge registers itself nowhere.
func (c *Config) HookOf(shop *Shop) string {
	if c.Webhook.URL == "" || len(c.Several) < 2 {
		return c.Webhook.URL
	}
	return strings.TrimRight(c.Webhook.URL, "/") + "/" + shop.Name
}

// ShopNames lists the names of the shops.
func (c *Config) ShopNames() []string {
	var names []string
	for _, s := range c.Shops() {
		names = append(names, s.Name)
	}
	return names
}

// This part checks shops, and whose feeds and exports are.

func (k checker) shops() {
	k.c.Oro.Name = MainShop
	switch one, several := k.given("oro"), k.given("shops"); {
	case one && several:
		k.problem("oro", "describe it below shops, by the name main", "stands beside shops")
		return
	case one:
		k.shop("oro", &k.c.Oro)
	case len(k.c.Several) > 0:
		k.several()
	case !k.failed("shops"):
		k.problem("", "add oro: the shop", "oro is missing")
	}
}

func (k checker) several() {
	shops := k.c.Several
	for _, name := range slices.Sorted(maps.Keys(shops)) {
		shops[name].Name = name
	}
	seen := map[string]string{}
	for _, s := range k.c.Shops() {
		key := join("shops", s.Name)
		if !validName(s.Name) {
			k.problem(key, nameHint, "%q is not a name", s.Name)
		}
		k.shop(key, s)
		who := s.account()
		if other := seen[who]; other != "" && s.URL != "" {
			k.problem(key, "give each its own API user, or keep one of them", "is %s: the same address and the same user", join("shops", other))
		}
		seen[who] = s.Name
		if len(k.c.FeedsOf(s))+len(k.c.ExportsOf(s)) == 0 {
			k.warn(key, "write shop: "+s.Name+" in the feeds and exports that are its", "no feed and no export uses it")
		}
	}
}

// account is which records of which installation the shop's API shows.
func (s *Shop) account() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return s.URL + " " + s.ClientID
	}
	return strings.ToLower(u.Host) + strings.TrimRight(u.Path, "/") + " " + s.ClientID
}

// whose checks which shops a feed or an export names.
func (k checker) whose(key string, names []string) {
	known := k.c.ShopNames()
	if len(names) == 0 && len(known) > 1 && !k.failed(join(key, "shop")) {
		k.problem(key, "write shop: "+known[0], "does not say of which shop it is: %s", strings.Join(known, ", "))
	}
	for i, name := range names {
		switch {
		case !slices.Contains(known, name):
			k.problem(join(key, "shop"), formats.DidYouMean(name, known), "there is no shop %q", name)
		case slices.Contains(names[:i], name):
			k.problem(join(key, "shop"), "", "%q stands twice", name)
		}
	}
}

func (k checker) shop(key string, o *Shop) {
	if !k.anyForm(key, "client_secret") {
		k.problem(key, "write client_secret_env: ORO_CLIENT_SECRET, or client_secret_file", "client_secret is missing")
	}
	k.rooted(join(key, "api_path"), o.APIPath)
	k.rooted(join(key, "token_path"), o.TokenPath)
	k.positive(join(key, "timeout"), o.Timeout)
	k.positive(join(key, "settle"), o.Settle)
	o.CAFile, o.CertFile, o.KeyFile = k.c.resolve(o.CAFile), k.c.resolve(o.CertFile), k.c.resolve(o.KeyFile)
	if (o.CertFile == "") != (o.KeyFile == "") {
		k.problem(key, "name both files, or neither", "client_certificate_file and client_key_file belong together")
	}
	if o.URL == "" {
		return
	}
	address := join(key, "url")
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		k.problem(address, "write https://shop.example.com", "%q is not the address of a shop", o.URL)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		k.problem(address, "write scheme, host and, if need be, a path", "must hold no user, query or fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()) && !o.Insecure:
		k.problem(address, "use https, or write "+join(key, "insecure")+": true where the way is safe",
			"%s is not encrypted: secrets and orders can be read on the way", o.URL)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		k.warn(address, "use https", "%s is not encrypted: secrets and orders can be read on the way", o.URL)
	}
}
