package oro

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

func mustUnmarshal(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
}

func TestCheck(t *testing.T) {
	all := bridge.Needs{
		Entities: []string{"customers", "products", "pricelists", "prices", "inventory", "order_feedback"},
		Units:    []string{"item"}, PriceLists: []string{"Default Price List"}, Orders: true, Feedback: true,
	}
	bad := func(findings []bridge.Finding) (list []string) {
		for _, f := range findings {
			if !f.OK {
				list = append(list, f.What+": "+f.Detail+" -> "+f.Hint)
			}
			if f.OK && f.Detail == "" {
				list = append(list, f.What+": no detail")
			}
		}
		return list
	}
	_, c := newShop(t)
	if list := bad(c.Check(t.Context(), all)); len(list) > 0 {
		t.Errorf("a good shop:\n%s", strings.Join(list, "\n"))
	}

	shop, c := newShop(t, orotest.ExtIDEntities())
	shop.Deny("view pricelists", "view orders")
	list := bad(c.Check(t.Context(), bridge.Needs{Entities: []string{"prices"}, Units: []string{"KAR"}, PriceLists: []string{"None"}, Orders: true}))
	for _, want := range []string{"read pricelists", "permission View for pricelists", "read orders", `the unit "KAR"`, "the shop has: each, hour", `the price list "None"`} {
		if !strings.Contains(strings.Join(list, "\n"), want) {
			t.Errorf("%q is not among the findings:\n%s", want, strings.Join(list, "\n"))
		}
	}

	for name, cfg := range map[string]config.Shop{
		"secret": {ClientSecret: "wrong"}, "token path": {TokenPath: "/token"}, "API path": {APIPath: "/api"},
	} {
		_, c := newShopWith(t, cfg, Options{})
		findings := c.Check(t.Context(), all)
		last := findings[len(findings)-1]
		if last.OK || last.Hint == "" || last.Unreachable || len(findings) > 2 {
			t.Errorf("%s: %+v", name, findings)
		}
	}
	if err := shop.Close(); err != nil {
		t.Fatal(err)
	}
	_, c = newShop(t)
	c.tokens.url = strings.Replace(c.tokens.url, "127.0.0.1:", "127.0.0.1:1", 1)
	if findings := c.Check(t.Context(), all); len(findings) != 1 || !findings[0].Unreachable || findings[0].Hint == "" {
		t.Errorf("%+v", findings)
	}
}
