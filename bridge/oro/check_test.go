package oro

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

func mustUnmarshal(t testing.TB, text string, into any) {
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

// A permission that is missing hides relations without a word: check says which, and what would come of it.
func TestCheckTellsWhatAMissingPermissionHides(t *testing.T) {
	shop, c := newShop(t)
	shop.Deny("view customergroups", "view customeraddresses", "view orderlineitems")
	for _, tt := range []struct {
		need bridge.Needs
		want map[string][]string
	}{
		{bridge.Needs{Entities: []string{"customers"}}, map[string][]string{
			"read customergroups":    {"without it a customer's group would look empty", "write it again and again"},
			"read customeraddresses": {"without it a customer's address would look empty", "write it again and again"},
		}},
		{bridge.Needs{Orders: true}, map[string][]string{
			"read customergroups": {"the group of an order's customer would look empty", "missing from the ERP's files"},
			"read orderlineitems": {"without it an order's lines would look empty", "missing from the ERP's files"},
		}},
		{bridge.Needs{Entities: []string{"prices", "inventory"}}, nil},
	} {
		failed := make(map[string]string)
		for _, f := range c.Check(t.Context(), tt.need) {
			if !f.OK {
				failed[f.What] = f.Detail
			}
		}
		if len(failed) != len(tt.want) {
			t.Errorf("%+v: failed %v", tt.need, failed)
		}
		for what, words := range tt.want {
			for _, w := range words {
				if !strings.Contains(failed[what], w) {
					t.Errorf("%+v: %s says %q, without %q", tt.need, what, failed[what], w)
				}
			}
		}
	}
}
