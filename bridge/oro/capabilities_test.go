package oro

import (
	"net/http"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// refusing makes a shop refuse reads of a path whose address holds a text.
func refusing(shop *orotest.Shop, path, text string, status int) {
	shop.Inject(orotest.Fault{Method: http.MethodGet, Path: "/admin/api/" + path, Times: 1000,
		Match:  func(r *http.Request, _ []byte) bool { return strings.Contains(r.URL.RawQuery, text) },
		Effect: orotest.Respond(status, mediaType, `{"errors":[{"status":"400","title":"filter constraint","detail":"The filter is not supported."}]}`)})
}

func TestProbe(t *testing.T) {
	for _, tt := range []struct {
		name  string
		opts  []orotest.Option
		shop  func(*orotest.Shop)
		words []string
		check func(bridge.Capabilities) bool
	}{
		{"7.0.4", []orotest.Option{orotest.Version(orotest.V70)}, func(s *orotest.Shop) {},
			[]string{"7.0.2 or later", "carry the ERP's numbers", "by sku", "webhooks for order.created"},
			func(c bridge.Capabilities) bool { return c.ExtID && c.ExternalID && c.Webhooks && c.Paged && c.Kits }},
		{"6.1.11", nil, func(*orotest.Shop) {}, []string{"6.1.11 or like it"},
			func(c bridge.Capabilities) bool { return c.ExtID && c.ExternalID && c.Webhooks && !c.Paged }},
		{"6.1.5", []orotest.Option{orotest.ExtIDEntities()}, func(s *orotest.Shop) {
			refusing(s, "webhooktopics", "", 404)
			refusing(s, "customers", "externalId", 400)
		}, []string{"6.1.9 or earlier", "no externalId", "no webhooks", "looked up by sku first"},
			func(c bridge.Capabilities) bool { return !c.ExtID && !c.ExternalID && !c.Webhooks && !c.Paged }},
		{"7.0.1 without kits", []orotest.Option{orotest.Version(orotest.V70), orotest.ExtIDEntities()}, func(s *orotest.Shop) {
			refusing(s, "webhooktopics", "", 404)
			refusing(s, "customers", "externalId", 400)
			refusing(s, "orders", "kitItemLineItems", 400)
		}, []string{"7.0.0, 7.0.1 or like it", "no kits"}, func(c bridge.Capabilities) bool { return c.Paged && !c.Kits }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			shop, c := newShop(t, tt.opts...)
			tt.shop(shop)
			before := shop.Requests()
			found, err := c.Probe(t.Context())
			if err != nil || !tt.check(found) {
				t.Fatalf("%+v, %v", found, err)
			}
			for _, word := range tt.words {
				if !strings.Contains(found.String(), word) {
					t.Errorf("%q is not in %q", word, found)
				}
			}
			if n := shop.Requests() - before; n > 10 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestLostCapabilities(t *testing.T) {
	before := bridge.Capabilities{ExtID: true, Webhooks: true, Topics: []string{"order.created", "order.updated"}}
	now := bridge.Capabilities{Webhooks: true, Topics: []string{"order.created"}, Kits: true}
	if lost := bridge.LossWords(now.Lost(before)); lost != "ext_id mode, webhook topic order.updated" {
		t.Errorf("%v", lost)
	}
}
