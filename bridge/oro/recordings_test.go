package oro

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// A recording is an exchange with a real shop (OroCommerce 6.1.11).
type recording struct {
	Request  struct{ Body json.RawMessage }
	Response struct{ Body json.RawMessage }
}

func recorded(t testing.TB, name string) recording {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("orotest", "testdata", "recordings", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	mustUnmarshal(t, string(text), &r)
	return r
}

func parsed(t *testing.T, body []byte) *document {
	t.Helper()
	doc, err := parseDocument(body)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestRecordedOrder(t *testing.T) {
	doc := parsed(t, recorded(t, "orders/003-order-get-with-includes").Response.Body)
	at := formats.Address{Label: "A", FirstName: "Amanda", LastName: "Cole", Street: "1215 Caldwell Road", City: "Rochester", PostalCode: "14608", Region: "US-NY", Country: "US"}
	got := ordersOf(doc)[0]
	want := &formats.Order{
		ID: "25", Identifier: "ORD06323", Submitted: got.Submitted, Updated: got.Updated, InternalStatus: "open", ShippingStatus: "not_shipped",
		PONumber: "PO-06323", Customer: formats.Party{ID: "250", ExternalID: "OC06323", Name: "Order customer 06323"}, Currency: "USD",
		Subtotal: "452.45", Discount: "0", Shipping: "0", Tax: "0", Total: "452.45", ShipUntil: "2027-01-15", Notes: "Call before delivery", Bill: at, Ship: at,
		Lines: []formats.OrderLine{
			{ID: "97", Number: 1, SKU: "P06323OR", Product: "Product OR 06323", Quantity: "19", Unit: "item", Price: "23.55", RowTotal: "447.45", Currency: "USD", ShipBy: "2027-01-10"},
			{ID: "98", Number: 2, SKU: "FREE", Product: "Freight note", FreeForm: true, Quantity: "1", Unit: "item", Price: "5", RowTotal: "5", Currency: "USD"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.Submitted.Format("2006-01-02T15:04:05Z07:00") != "2026-11-20T20:25:24Z" {
		t.Errorf("submitted %v", got.Submitted)
	}
	doc = parsed(t, recorded(t, "more/058-order-after-discount").Response.Body)
	if o := ordersOf(doc)[0]; o.Discount != "2" || o.Total != "18" || o.Tax != "0" || len(o.Discounts) != 1 {
		t.Errorf("%+v", o)
	}
}

// TestRecordedBatches compares what is sent with what was sent to a real shop and taken.
func TestRecordedBatches(t *testing.T) {
	_, c := newShop(t)
	create := func(rec *formats.Record) []*bridge.Change {
		return []*bridge.Change{{Op: bridge.Create, Key: rec.Key, Values: rec.Values, Record: rec}}
	}
	tests := []struct {
		name    string
		ent     entity
		changes []*bridge.Change
		replace map[string]string // ids of the recording → ours
	}{
		{"customers/042-customers-with-address", customers{c}, create(record(formats.Customers, "A06366", "name", "Addr 06366", "address_label", "HQ",
			"street", "1215 Caldwell Road", "city", "Rochester", "postal_code", "14608", "country", "US", "region", "US-NY")),
			map[string]string{"c1": "c0", "a1": "a0"}},
		{"products/001-product-create", products{c}, create(record(formats.Products, "P063081", "name", "Product 1 06308", "unit", "item")),
			map[string]string{"p1": "p0", "n1": "t0-names-default", "u1": "u0-item"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, err := tt.ent.encode(t.Context(), tt.changes)
			if err != nil || len(out.refused) > 0 {
				t.Fatal(out.refused, err)
			}
			var got, want any
			mustUnmarshal(t, string(appendDocument(nil, out.parts[0].data, out.parts[0].included)), &got)
			mustUnmarshal(t, string(recorded(t, tt.name).Request.Body), &want)
			want = renamed(want, tt.replace)
			if m := want.(map[string]any); tt.name == "products/001-product-create" {
				m["data"] = []any{m["data"]}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-recorded +ours:\n%s", diff)
			}
		})
	}
}

// renamed replaces texts all over a JSON value.
func renamed(v any, names map[string]string) any {
	switch v := v.(type) {
	case string:
		if to, ok := names[v]; ok {
			return to
		}
	case []any:
		for i := range v {
			v[i] = renamed(v[i], names)
		}
	case map[string]any:
		for k := range v {
			v[k] = renamed(v[k], names)
		}
	}
	return v
}
