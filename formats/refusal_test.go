package formats

import (
	"slices"
	"strings"
	"testing"
)

// TestRefusal: what real shops refused and took (sku, precision, quantity, currency: groups products, prices and pricelists of
// the recorded exchanges).
func TestRefusal(t *testing.T) {
	for _, tt := range []struct {
		name   string
		entity *Entity
		key    string
		values []string
		known  bool // the shop has it
		want   string
	}{
		{"a product", Products, "PHGT-67_8", []string{"name", "A", "unit", "item"}, false, ""},
		{"without a name", Products, "PHGT", []string{"unit", "item"}, false, "missing name"},
		{"without a unit", Products, "PHGT", []string{"name", "A"}, false, "missing unit"},
		{"without both, known", Products, "PHGT", nil, true, ""},
		{"of two characters", Products, "AB", []string{"name", "A", "unit", "item"}, false, "key sku"},
		{"of two characters, known", Products, "AB", []string{"name", "A"}, true, ""},
		{"of three characters", Products, "ABC", []string{"name", "A", "unit", "item"}, false, ""},
		{"with a blank", Products, "PHGT67 5", []string{"name", "A", "unit", "item"}, false, "key sku"},
		{"with a slash", Products, "PHGT67/6", []string{"name", "A", "unit", "item"}, false, "key sku"},
		{"with a dot", Products, "PHGT67.7", []string{"name", "A", "unit", "item"}, false, "key sku"},
		{"with an umlaut", Products, "PÄHGT67", []string{"name", "A", "unit", "item"}, false, "key sku"},
		{"with a bar", Products, `PHGT\|67`, []string{"name", "A", "unit", "item"}, false, "key sku"},
		{"of 256 characters", Products, strings.Repeat("P", 256), []string{"name", "A", "unit", "item"}, false, "key sku"},
		{"with zeros before", Products, "00062214598", []string{"name", "A", "unit", "item"}, false, ""},
		{"10 decimals", Products, "ABC", []string{"precision", "10"}, true, ""},
		{"11 decimals", Products, "ABC", []string{"precision", "11"}, true, "amount precision"},
		{"half a decimal", Products, "ABC", []string{"precision", "1.5"}, true, "amount precision"},
		{"a unit with 11 decimals", Products, "ABC", []string{"more_units", "set:0:12 pal:11:2"}, true, "amount more_units"},
		{"a customer", Customers, "100", []string{"name", "A"}, false, ""},
		{"without a name", Customers, "100", []string{"city", "C"}, false, "missing name"},
		{"with half an address", Customers, "100", []string{"city", "C", "name", "A", "street", "S"}, false, "missing postal_code"},
		{"with an address", Customers, "100", []string{"city", "C", "country", "US", "name", "A", "postal_code", "1", "street", "S"}, false, ""},
		{"a list", PriceLists, "L", []string{"currencies", "EUR USD"}, false, ""},
		{"a list without currencies", PriceLists, "L", []string{"active", "1"}, false, "missing currencies"},
		{"a list with none there is", PriceLists, "L", []string{"currencies", "EUR XYZ"}, false, "value currencies"},
		{"a list in small letters", PriceLists, "L", []string{"currencies", "usd"}, true, "value currencies"},
		{"a price", Prices, "L|S|item|1|USD", []string{"value", "5"}, false, ""},
		{"a price of nothing", Prices, "L|S|item|1|USD", nil, false, "missing value"},
		{"below nothing", Prices, "L|S|item|-1|USD", []string{"value", "5"}, false, "amount quantity"},
		{"in no currency", Prices, "L|S|item|1|XYZ", []string{"value", "5"}, false, "value currency"},
		{"a stock", Inventory, "S|", []string{"quantity", "-5"}, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := &Record{Entity: tt.entity, Key: tt.key}
			for i := 0; i < len(tt.values); i += 2 {
				r.Values = append(r.Values, Value{tt.values[i], tt.values[i+1]})
			}
			slices.SortFunc(r.Values, func(a, b Value) int { return strings.Compare(a.Field, b.Field) })
			got := ""
			if bad := tt.entity.Refusal(r, !tt.known); bad != nil {
				got = bad.Code + " " + bad.Field
			}
			if got != tt.want {
				t.Errorf("refused %q, want %q", got, tt.want)
			}
			r.Remove = true
			if bad := tt.entity.Refusal(r, true); bad != nil {
				t.Errorf("a removal is refused: %v", bad)
			}
		})
	}
}

// TestEntitiesTellTheirFacts: nothing else in the product asks an entity for its name.
func TestEntitiesTellTheirFacts(t *testing.T) {
	for _, e := range Entities {
		if len(e.OnMissing) == 0 || e.OnMissing[0] != "keep" {
			t.Errorf("%s: what becomes of what is missing: %v", e.Name, e.OnMissing)
		}
		for _, field := range append(slices.Clone(e.ToCreate), e.Worth) {
			if _, ok := e.Lookup(field); field != "" && !ok {
				t.Errorf("%s has no field %s", e.Name, field)
			}
		}
		for _, parent := range e.After {
			if _, ok := EntityByName(parent); !ok {
				t.Errorf("%s comes after %s, which is none", e.Name, parent)
			}
		}
	}
}
