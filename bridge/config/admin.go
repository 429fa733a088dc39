package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/password"
)

// This file checks who may come, and where.

// maxLogin is the longest login name in bytes.
const maxLogin = 64

func (k checker) admin() {
	a := k.c.Admin
	if a == nil {
		return
	}
	host, ok := k.listen("admin.listen", "127.0.0.1:8085", a.Listen)
	k.hosts(a)
	k.proxy(&a.Proxy)
	if (a.TLS.CertFile == "") != (a.TLS.KeyFile == "") {
		k.problem("admin.tls", "name both files, or neither", "certificate_file and key_file belong together")
	}
	for i, u := range a.Users {
		k.user(k.element("admin.users", i, u.Name), u)
	}
	switch a.Pprof {
	case "":
	case "true":
		a.Pprof = Socket(filepath.Join(k.c.State.Dir, "pprof.sock"))
	default:
		a.Pprof = Socket(k.c.resolve(string(a.Pprof)))
	}
	checkProvider(k, a)
	if ok && !loopback(host) && a.TLS.CertFile == "" && len(a.Proxy.Addresses) == 0 {
		k.warn("admin.listen", "add admin.tls, or listen on 127.0.0.1 behind a proxy that does TLS",
			"others than this machine can reach it without encryption: passwords can be read on the way")
	}
}

// checkProvider checks who is asked who people are.
func checkProvider(k checker, a *Admin) {
	o := a.OIDC
	if o == nil {
		return
	}
	if !k.anyForm("admin.oidc", "client_secret") {
		k.problem("admin.oidc", "write client_secret_env: OIDC_SECRET, or client_secret_file", "client_secret is missing")
	}
	u, err := url.Parse(o.Issuer)
	good := err == nil && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" &&
		(u.Scheme == "https" || u.Scheme == "http" && loopback(u.Hostname()))
	if o.Issuer != "" && !good {
		k.problem("admin.oidc.issuer", "write https://login.example.com, as the provider's own description does",
			"%q is not the address of a provider", o.Issuer)
	}
	switch u, err := url.Parse(a.URL); {
	case a.URL == "":
		k.problem("admin.oidc", "add admin.url: https://bridge.example.com", "needs admin.url: the provider sends people back there")
	case err == nil && u.Scheme == "http" && !loopback(u.Hostname()):
		k.problem("admin.url", "write https://", "a provider sends nobody back to an address that is not encrypted")
	}
	for group, role := range o.Groups {
		if !slices.Contains([]string{"viewer", "operator", "admin"}, role) {
			k.problem(join("admin.oidc.groups", group), "", "%q is not one of viewer, operator, admin", role)
		}
	}
	if o.Scopes == nil {
		o.Scopes = []string{"profile", "email"}
	}
}

func (k checker) hosts(a *Admin) {
	for i, h := range a.Hosts {
		if h == "" || strings.ContainsAny(h, ":/@*? \t") {
			k.problem(join("admin.hosts", number(i)), "write bridge.example.com, without a port", "%q is not the name of a host", h)
		}
		a.Hosts[i] = strings.ToLower(h)
	}
}

func (k checker) proxy(p *Proxy) {
	for i, text := range p.Addresses {
		n, err := network(text)
		switch key := join("admin.trusted_proxy.addresses", number(i)); {
		case err != nil:
			k.problem(key, "write an address, or a network such as 10.1.0.0/16", "%q is neither", text)
		case n.Bits() == 0:
			k.problem(key, "name the proxy's own addresses", "%s is everybody", n)
		}
		p.Networks = append(p.Networks, n)
	}
	switch {
	case p.UserHeader == "":
	case len(p.Addresses) == 0:
		k.problem("admin.trusted_proxy", "add the proxy's addresses", "user_header needs addresses: everybody could say who they are")
	case strings.Trim(strings.ToLower(p.UserHeader), "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		k.problem("admin.trusted_proxy.user_header", "write X-Remote-User", "%q is not the name of a header", p.UserHeader)
	}
}

// network reads a network, or a single address.
func network(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return a.Prefix(a.BitLen())
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

func (k checker) user(key string, u *User) {
	if u.Name != "" && (bridge.SafeName(u.Name) != nil || len(u.Name) > maxLogin || strings.TrimSpace(u.Name) != u.Name) {
		k.problem(join(key, "name"), fmt.Sprintf("use at most %d characters", maxLogin), "%q can't be a login name",
			bridge.Shorten(u.Name, maxLogin))
	}
	first := slices.IndexFunc(k.c.Admin.Users, func(other *User) bool { return other.Name == u.Name })
	if k.c.Admin.Users[first] != u && u.Name != "" {
		k.problem(join(key, "name"), "give each user a name of its own", "%q stands twice", u.Name)
	}
	hash := u.PasswordHash.Reveal()
	switch {
	case hash == "" && k.c.Admin.Proxy.UserHeader == "":
		k.problem(key, "make one with: orobridge admin passwd", "password_hash is missing: the user can't log in by anything")
	case hash != "" && hash != notRead:
		u.PasswordHash = bridge.Secret(strings.TrimSpace(hash))
		if err := password.Check(u.PasswordHash.Reveal()); err != nil {
			k.problem(key, "make one with: orobridge admin passwd", "password_hash: %v", err)
		}
	}
	for _, shop := range u.Shops {
		if !slices.Contains(k.c.ShopNames(), shop) {
			k.problem(join(key, "shops"), "leave it out where there is one shop", "there is no shop %q", shop)
		}
	}
}

// shared is for a webhook of an earlier release's keys, which listens where the admin section says: what then is left of that section
// is not the operator's, and has no users.
func (k checker) shared() {
	if k.given("admin.users") {
		k.problem("webhook", "add webhook.listen: 127.0.0.1:8086", "the page and the shop's webhooks need addresses of their own")
	}
	k.c.Admin = nil
}

// apart checks that the operator's address is not the shop's.
func (k checker) apart() {
	if k.c.Admin == nil || k.c.Webhook.Secret == "" {
		return
	}
	if k.c.Admin.Listen == k.c.Webhook.Listen {
		k.problem("webhook.listen", "write webhook.listen: 127.0.0.1:8086", "is admin.listen, too: what faces the shop shows no log-in")
	}
}
