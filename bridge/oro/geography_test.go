package oro

import (
	"net/http"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

// at is a customer with an address.
func at(number, country, region string) *formats.Record {
	return record(formats.Customers, number, "name", "Company", "street", "Main 1", "city", "C", "postal_code", "1", "country", country, "region", region)
}

// TestPlacesInAnyWords: records name countries and regions by its codes, by those of today or by
// name; what was written so is not written again.
func TestPlacesInAnyWords(t *testing.T) {
	_, c := newShop(t)
	for i, tt := range []struct{ country, region, wantCountry, wantRegion string }{
		{"US", "US-NY", "US", "US-NY"},
		{"USA", "New York", "US", "US-NY"},
		{"united states", "NY", "US", "US-NY"},
		{"PL", "PL-DS", "PL", "PL-DS"},
		{"PL", "PL-02", "PL", "PL-DS"},
		{"POL", "dolnoslaskie", "PL", "PL-DS"},
		{"DEU", "BE", "DE", "DE-BE"},
	} {
		number := string(rune('A' + i))
		load(t, c, at(number, tt.country, tt.region))
		load(t, c, record(formats.Customers, number, "name", "Company", "city", "D", "region", tt.region))
		held := find(t, c, record(formats.Customers, number, "country", "", "region", "")).Found.Values
		if held[0].Text != tt.wantCountry || held[1].Text != tt.wantRegion && held[1].Text != otherCodes()[tt.wantRegion] {
			t.Errorf("%s %s is %s %s", tt.country, tt.region, held[0].Text, held[1].Text)
		}
	}
}

// TestPlacesThatTheShopLacks are refused before anything is sent, and the nearest ones are named.
func TestPlacesThatTheShopLacks(t *testing.T) {
	shop, c := newShop(t)
	for _, tt := range []struct{ country, region, want string }{
		{"US", "US-XX", `reject reference region: the shop has no region "US-XX" in US; nearest are US-`},
		{"PL", "Dolnoslaskje", " Dolno"},
		{"UX", "", `reject reference country: the shop has no country "UX"; nearest are `},
		{"Germani", "", "DE Germany"},
		{"DE", "", "reject missing region: the shop demands a region for an address in DE: name one of its 16, as DE-"},
		{"DE", "US-NY", `the shop has no region "US-NY" in DE`},
	} {
		rec := at("X", tt.country, tt.region)
		l := find(t, c, rec)
		if got := show(bridge.Outcome{Reject: l.Reject}); !strings.Contains(got, tt.want) {
			t.Errorf("%s %s: %s, want %s", tt.country, tt.region, got, tt.want)
		}
		outcomes := send(t, c, &bridge.Batch{Entity: "customers", Changes: []*bridge.Change{{Op: bridge.Create, Key: rec.Key, Values: rec.Values, Record: rec}}})
		if got := show(outcomes[0]); !strings.Contains(got, tt.want) {
			t.Errorf("%s %s, sent: %s, want %s", tt.country, tt.region, got, tt.want)
		}
	}
	if n := writes(shop, apiCustomers); n != 0 {
		t.Errorf("%d batches were sent", n)
	}
	load(t, c, at("Y", "GI", "")) // a country without regions
}

// TestPlacesOfAShopOfToday: a shop with the list of 7.0 takes the old codes.
func TestPlacesOfAShopOfToday(t *testing.T) {
	shop, c := newShop(t)
	shop.Inject(orotest.Fault{Method: http.MethodGet, Path: "/admin/api/regions", Times: 9,
		Effect: orotest.Respond(200, mediaType, `{"data":[{"type":"regions","id":"PL-02","attributes":{"code":"02","name":"Dolnośląskie"}}]}`)})
	for _, words := range []string{"PL-DS", "PL-02", "Dolnoslaskie", "02"} {
		if got, bad, err := c.locate(t.Context(), nil, "PL", words); err != nil || bad != nil || got.region != "PL-02" {
			t.Errorf("%s: %v, %v, %v", words, got, bad, err)
		}
	}
}

// TestIncomplete: what an address lacks is told by the shop's own rules, and what the shop holds already is not lacking. A place
// that the shop does not have is no lack.
func TestIncomplete(t *testing.T) {
	shop, c := newShop(t)
	load(t, c, at("HELD", "US", "US-NY"))
	for _, tt := range []struct {
		name string
		rec  *formats.Record
		want string
	}{
		{"whole", at("NEW", "US", "US-NY"), ""},
		{"a country without regions", at("NEW", "GI", ""), ""},
		{"no region", at("NEW", "US", ""), "region: the shop demands a region"},
		{"no region, though the shop holds one", at("HELD", "US", ""), "region: the shop demands a region"},
		{"region not carried", record(formats.Customers, "NEW", "street", "Main 1", "city", "C", "postal_code", "1", "country", "US"), "region: "},
		{"region not carried, held", record(formats.Customers, "HELD", "street", "Main 1", "city", "C", "postal_code", "1", "country", "US"), ""},
		{"street alone", record(formats.Customers, "NEW", "street", "Main 1"), "city: city is empty"},
		{"street alone, the rest held", record(formats.Customers, "HELD", "street", "Main 1"), ""},
		{"no address at all", record(formats.Customers, "NEW", "name", "Company"), ""},
		{"cleared", record(formats.Customers, "HELD", "street", "", "city", "", "postal_code", "", "country", ""), ""},
		{"a region that is none", at("NEW", "US", "US-XX"), ""},
		{"a number that can't be looked up", record(formats.Customers, "A,B", "street", "Main 1"), "city: "},
	} {
		lacks, err := c.Incomplete(t.Context(), formats.Customers, []*formats.Record{tt.rec})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if lacks[0] != nil {
			got = lacks[0].Field + ": " + lacks[0].Why
		}
		if (got == "") != (tt.want == "") || !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if lacks, err := c.Incomplete(t.Context(), formats.Products, []*formats.Record{record(formats.Products, "SKU-1", "name", "x")}); err != nil || len(lacks) != 1 || lacks[0] != nil {
		t.Errorf("a product lacks %v, %v", lacks, err)
	}
	if n := writes(shop, apiCustomers); n != 1 {
		t.Errorf("%d batches were sent", n)
	}
}
