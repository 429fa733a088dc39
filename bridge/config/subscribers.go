package config

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"

	"github.com/orobridge/orobridge/bridge"
)

// Subscriber is another system that is told of events: a warehouse, a monitoring, a chat's robot.
type Subscriber struct {
	Name      string          `yaml:"name" jsonschema:"required" doc:"small letters, digits, - and _; it stands in the ledger, so keep it"`
	URL       bridge.Secret   `yaml:"url" doc:"where events are posted: https://wms.example.com/orobridge; private addresses are allowed, redirects are not followed"`
	Secret    bridge.Secret   `yaml:"secret" doc:"key of the signatures, by Standard Webhooks: whsec_ and 24 to 64 bytes in base64"`
	OldSecret bridge.Secret   `yaml:"old_secret" doc:"the key before it, while the receiver changes over: events are signed by both"`
	Events    []string        `yaml:"events" jsonschema:"required" doc:"of which kinds of events: [drop settled, order written, alarm raised, alarm cleared]"`
	Shops     []string        `yaml:"shops" doc:"only of events of these shops; all by default"`
	Feeds     []string        `yaml:"feeds" doc:"only of events of these feeds and exports; all by default, and those of none"`
	GiveUp    bridge.Duration `yaml:"give_up" jsonschema:"default=24h" doc:"how old an event may become that is not taken; after that it is given up, which is an alarm"`
}

// SigningKeys are the keys by which events for a subscriber are signed: the new one first.
func (s *Subscriber) SigningKeys() [][]byte {
	var keys [][]byte
	for _, secret := range []bridge.Secret{s.Secret, s.OldSecret} {
		if key, err := signingKey(secret); err == nil && secret != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// keyPrefix begins a key by Standard Webhooks, which bounds its bytes, too.
const (
	keyPrefix   = "whsec_"
	shortestKey = 24
	longestKey  = 64
)

func signingKey(secret bridge.Secret) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.Reveal(), keyPrefix))
	switch {
	case err != nil:
		return nil, errors.New("is not in base64")
	case len(key) < shortestKey || len(key) > longestKey:
		return nil, errors.New("has not 24 to 64 bytes")
	}
	return key, nil
}

// Subscriber finds the subscriber of a name; nil for none.
func (c *Config) Subscriber(name string) *Subscriber {
	for _, s := range c.Subscribers {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// subscribers checks who is told of events. Their names are not those of routes: both are tried by name.
func (k alarmChecker) subscribers(seen map[string]bool) {
	kinds := []string{}
	for _, kind := range bridge.EventKinds() {
		kinds = append(kinds, string(kind))
	}
	for i, s := range k.c.Subscribers {
		key := k.element("subscribers", i, s.Name)
		if s.Name != "" && !validName(s.Name) {
			k.problem(join(key, "name"), nameHint, "%q is not a name", s.Name)
		}
		k.unique(seen, key, s.Name)
		if k.given(join(key, "events")) && len(s.Events) == 0 && !k.failed(join(key, "events")) {
			k.problem(join(key, "events"), "write events: [drop settled, order written]", "is empty: it would be told of nothing")
		}
		k.known(join(key, "events"), "kind of event", s.Events, kinds)
		k.known(join(key, "feeds"), "feed or export", s.Feeds, k.streamNames())
		k.known(join(key, "shops"), "shop", s.Shops, k.c.ShopNames())
		k.receiver(key, s)
		k.positive(join(key, "give_up"), s.GiveUp)
		if keep := k.c.State.Keep.Rows; keep > 0 && s.GiveUp >= keep {
			k.problem(join(key, "give_up"), "make it shorter", "the journal keeps events for %s only (state.keep.rows)", keep)
		}
	}
}

// receiver checks where a subscriber is, and what events for it are signed by.
func (k alarmChecker) receiver(key string, s *Subscriber) {
	if !k.anyForm(key, "url") {
		k.problem(key, "write url: https://wms.example.com/orobridge", "url is missing")
	}
	if !k.anyForm(key, "secret") {
		k.problem(key, "write secret_env: WMS_SECRET", "secret is missing: the receiver could not tell who it hears from")
	}
	if k.blind {
		return
	}
	for name, secret := range map[string]bridge.Secret{"secret": s.Secret, "old_secret": s.OldSecret} {
		if _, err := signingKey(secret); secret != "" && secret != notRead && err != nil {
			k.problem(k.form(join(key, name)), "make one with: echo whsec_$(openssl rand -base64 32)", "it %v", err)
		}
	}
	if u := k.webAddress(key, s.URL); u != nil && u.Scheme == "http" && !loopback(u.Hostname()) {
		k.warn(k.form(join(key, "url")), "use https", "the way to %s is not encrypted: events can be read on it", u.Hostname())
	}
}

// webAddress checks the address, url, of a web server, which may hold a secret; nil when it is not known, or wrong.
func (k alarmChecker) webAddress(key string, address bridge.Secret) *url.URL {
	if address == "" || address == notRead || k.blind {
		return nil
	}
	u, err := url.Parse(address.Reveal())
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.Fragment != "" {
		k.problem(k.form(join(key, "url")), "write https://host/path", "it is not the address of a web server, without user and fragment")
		return nil
	}
	return u
}

// life checks the signs of life that the bridge gives, and those that it looks for in others.
func (k alarmChecker) life() {
	beat := &k.c.Alarms.Heartbeat
	if k.given("alarms.heartbeat") && !k.anyForm("alarms.heartbeat", "url") {
		k.problem("alarms.heartbeat", "write url_env: HEARTBEAT_URL", "url is missing")
	}
	k.webAddress("alarms.heartbeat", beat.URL)
	k.positive("alarms.heartbeat.every", beat.Every)
	seen := map[string]bool{}
	for i, w := range k.c.Alarms.Watch {
		key := k.element("alarms.watch", i, w.Name)
		if w.Name != "" && !validName(w.Name) {
			k.problem(join(key, "name"), nameHint, "%q is not a name", w.Name)
		}
		k.unique(seen, key, w.Name)
		if !k.anyForm(key, "url") {
			k.problem(key, "write url: https://other.example.com/livez", "url is missing")
		}
		k.webAddress(key, w.URL)
		k.positive(join(key, "every"), w.Every)
		k.positive(join(key, "after"), w.After)
	}
}
