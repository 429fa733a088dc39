package formats_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/formats"
)

func TestAKeyOfOneFieldIsItsText(t *testing.T) {
	for _, key := range []string{`A|B`, `A\B`, `\|`, "plain"} {
		rec, bad := record(t, formats.Products, formats.Mapping{}, point, "sku="+key, "unit=item")
		if bad != nil || rec.Key != key {
			t.Fatalf("%s becomes %+v, %v", key, rec, bad)
		}
		if sku, ok := rec.Get("sku"); !ok || sku != key {
			t.Errorf("%s: the record's sku is %q", key, sku)
		}
	}
	rec, _ := record(t, formats.Inventory, formats.Mapping{}, point, `sku=A|B`, `unit=x\y`, "quantity=1")
	if rec.Key != `A\|B|x\\y` {
		t.Errorf("a key of two fields is %s", rec.Key)
	}
	if sku, _ := rec.Get("sku"); sku != "A|B" {
		t.Errorf("its sku is %s", sku)
	}
}

func TestKeysThatLookTheSameAreOneKeyOrNone(t *testing.T) {
	key := func(sku string) (string, *formats.Reject) {
		rec, bad := record(t, formats.Products, formats.Mapping{}, point, "sku="+sku, "unit=item")
		if bad != nil {
			return "", bad
		}
		return rec.Key, nil
	}
	for _, sku := range []string{"Öl-1", "O\u0308l-1", " Öl-1\t", "\u00a0Öl-1\u2003", "\u200bÖl-1\ufeff", "O\u0308l-1\u200d\u00a0"} {
		if got, bad := key(sku); bad != nil || got != "Öl-1" {
			t.Errorf("%q is the key %q, %v", sku, got, bad)
		}
	}
	for _, sku := range []string{"Öl\u200b-1", "\u00d6l\u00ad-1", "O\u0308\u200dl", "S\u202e1", "S\u20661", "S\ufe0f1", "S\u034f1", "S\u115f1", "S\U000e00411"} {
		_, bad := key(sku)
		if bad == nil || bad.Code != formats.CodeControl || bad.Field != "sku" || bad.Keyed {
			t.Errorf("%q: %+v", sku, bad)
		}
	}
	prices := []string{"sku=\u200b1", "price_list=Großha\u0308ndler ", "unit=u", "currency=EUR", "value=1"}
	if rec, bad := record(t, formats.Prices, formats.Mapping{}, point, prices...); bad != nil || rec.Key != "Großhändler|1|u|1|EUR" {
		t.Errorf("%+v, %v", rec, bad)
	}
	parent := []string{"customer_number=1", "name=a", "parent_number=O\u0308\ufeff"}
	if rec, bad := record(t, formats.Customers, formats.Mapping{}, point, parent...); bad != nil || contents(rec) != "1 name=a parent_number=Ö" {
		t.Errorf("%+v, %v", rec, bad)
	}
}

func TestTextsAreTrimmedAsTheShopTrimsThem(t *testing.T) {
	m := formats.Mapping{Defaults: map[string]string{"brand": "none"}}
	rec, bad := record(t, formats.Products, m, point, "sku=1", "name=\u200b\u00a0Größe\u200b 42\u00ad\u3000", "category=A\ufeff > \u200bB", "brand=\u200b\u00a0", "description=O\u0308l")
	if bad != nil {
		t.Fatal(bad)
	}
	if got, want := contents(rec), "1 brand=none category=A > B description=O\u0308l name=Größe\u200b 42"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// bind fits an empty mapping, or the given one, to columns.
func bind(t *testing.T, e *formats.Entity, m formats.Mapping, columns ...string) *formats.Mapper {
	t.Helper()
	p, err := m.Bind(e, columns, point)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestARejectedRowTellsItsKeyWhereItCanBeRead(t *testing.T) {
	units := formats.Mapping{Values: map[string]map[string]string{"unit": {"ST": "item"}}}
	for _, tt := range []struct {
		name    string
		columns string
		cells   string
		key     string
		keyed   bool
	}{
		{"a bad value", "sku,price_list,unit,currency,value", "S-1,L,ST,EUR,x", "L|S-1|item|1|EUR", true},
		{"a value that is missing", "sku,price_list,unit,currency,value", "S-1,L,ST,EUR,", "L|S-1|item|1|EUR", true},
		{"a mark of removal that is none", "sku,price_list,unit,currency,value,delete", "S-1,L,ST,EUR,1,maybe", "L|S-1|item|1|EUR", true},
		{"a unit that is not in values", "sku,price_list,unit,currency,value", "S-1,L,PAL,EUR,1", "L|S-1|PAL|1|EUR", false},
		{"no sku", "sku,price_list,unit,currency,value", ",L,ST,EUR,1", "L||item|1|EUR", false},
	} {
		p := bind(t, formats.Prices, units, strings.Split(tt.columns, ",")...)
		err := p.Record(&formats.Row{Cells: strings.Split(tt.cells, ",")}, new(formats.Record))
		bad, ok := err.(*formats.Reject)
		if !ok || bad.Key != tt.key || bad.Keyed != tt.keyed {
			t.Errorf("%s: %+v, want %s, %v", tt.name, err, tt.key, tt.keyed)
		}
	}
	p := bind(t, formats.Inventory, formats.Mapping{Columns: map[string]string{"MATNR": "sku", "unit": "lower(MEINS)"}}, "MATNR", "MEINS", "quantity", "note")
	single := bind(t, formats.Products, formats.Mapping{}, "sku")
	for _, code := range []string{formats.CodeQuote, formats.CodeTooLong} {
		bad := formats.Reject{Code: code}
		if single.Reject(&formats.Row{Cells: []string{`"S"-1`}}, &bad); bad.Keyed {
			t.Errorf("a line that could not be taken apart is the key %s", bad.Key)
		}
	}
	for _, tt := range []struct {
		name  string
		cells string
		bad   formats.Reject
		key   string
		keyed bool
	}{
		{"the reader found fault with another cell", "S-1,ST,1,x", formats.Reject{Field: "note"}, "S-1|st", true},
		{"with the row as a whole, its cells in place", "S-1,ST,1,x", formats.Reject{}, "S-1|st", true},
		{"with a cell of the key", "S-1,ST,1,x", formats.Reject{Field: "MATNR"}, "S-1|st", false},
		{"with one that the key is computed of", "S-1,ST,1,x", formats.Reject{Field: "MEINS"}, "S-1|st", false},
		{"a cell too many", "S-1,ST,1,x,y", formats.Reject{Code: formats.CodeRagged}, "S-1|st", false},
		{"a cell too few", "S-1,ST,1", formats.Reject{Code: formats.CodeRagged}, "S-1|st", false},
		{"a row that could not be taken apart", "S-1;ST;1;x", formats.Reject{Code: formats.CodeQuote}, "", false},
		{"a key that is empty", ",ST,1,x", formats.Reject{}, "|st", false},
		{"the reader knows better", "S-1,ST,1,x", formats.Reject{Key: "S-9|st", Keyed: true}, "S-9|st", true},
	} {
		p.Reject(&formats.Row{Cells: strings.Split(tt.cells, ",")}, &tt.bad)
		if tt.bad.Key != tt.key || tt.bad.Keyed != tt.keyed {
			t.Errorf("%s: %+v, want %s, %v", tt.name, tt.bad, tt.key, tt.keyed)
		}
	}
}

func TestNegativeQuantitiesAreRejectedUnlessTheFeedAllowsThem(t *testing.T) {
	stock := []string{"sku=1", "quantity=5-"}
	if _, bad := record(t, formats.Inventory, formats.Mapping{}, point, stock...); bad == nil || bad.Code != formats.CodeAmount || !bad.Keyed || !strings.Contains(bad.Message, "allow_negative") {
		t.Errorf("%+v", bad)
	}
	if rec, bad := record(t, formats.Inventory, formats.Mapping{AllowNegative: true}, point, stock...); bad != nil || contents(rec) != "1| quantity=-5" {
		t.Errorf("%v, %v", rec, bad)
	}
	tier := []string{"sku=1", "price_list=L", "unit=u", "currency=EUR", "value=1", "quantity=-10"}
	if _, bad := record(t, formats.Prices, formats.Mapping{AllowNegative: true}, point, tier...); bad == nil || bad.Field != "quantity" || bad.Keyed {
		t.Errorf("%+v", bad)
	}
	for text, want := range map[string]int{"": 0, "1": 0, "-1.5": 1, "0.00012": 5} {
		if got := formats.Decimals(text); got != want {
			t.Errorf("%s has %d decimals", text, got)
		}
	}
}

func TestNothingIsItsOwnParent(t *testing.T) {
	row := []string{"customer_number=1000", "name=Chairs", "parent_number=1000"}
	if _, bad := record(t, formats.Customers, formats.Mapping{}, point, row...); bad == nil || bad.Code != formats.CodeReference || bad.Field != "parent_number" || !bad.Keyed {
		t.Errorf("%+v", bad)
	}
	row[2] = "parent_number=999"
	if rec, bad := record(t, formats.Customers, formats.Mapping{}, point, row...); bad != nil || contents(rec) != "1000 name=Chairs parent_number=999" {
		t.Errorf("%v, %+v", contents(rec), bad)
	}
}

func TestAnExpressionFitsItsField(t *testing.T) {
	for _, tt := range []struct {
		entity *formats.Entity
		m      formats.Mapping
		want   string
	}{
		{formats.Prices, formats.Mapping{Columns: map[string]string{"value": "amount(K) == 3"}}, "gives a condition, and value is of kind money"},
		{formats.Inventory, formats.Mapping{Columns: map[string]string{"quantity": "K != ''"}}, "gives a condition, and quantity is of kind quantity"},
		{formats.Products, formats.Mapping{Columns: map[string]string{"sku": "K == 'x'"}}, "gives a condition, and sku is of kind code"},
		{formats.Products, formats.Mapping{Columns: map[string]string{"status": "K == 'x'"}}, "gives a condition, and status is of kind choice"},
		{formats.Products, formats.Mapping{Columns: map[string]string{"delete": "amount(K)"}}, "gives a number, and delete is of kind flag"},
		{formats.Products, formats.Mapping{Columns: map[string]string{"status": "amount(K)"}}, "gives a number, and status is of kind choice"},
		{formats.Products, formats.Mapping{Columns: map[string]string{"status": "K == 'x'"}, Values: map[string]map[string]string{"status": {"1": "enabled", "0": "disabled"}}}, ""},
		{formats.Products, formats.Mapping{Columns: map[string]string{"delete": "K == 'x'", "attr.new": "K == 'y'", "precision": "3", "name": "amount(K)"}}, ""},
		{formats.Prices, formats.Mapping{Columns: map[string]string{"value": "amount(K) == 3 ? amount('1') : amount(K)", "quantity": "text(amount(K))"}}, ""},
	} {
		switch err := tt.m.Check(tt.entity); {
		case tt.want == "" && err != nil:
			t.Error(err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

func TestAColumnThatMapsToNothingIsNamedWithItsNearestField(t *testing.T) {
	m := formats.Mapping{Columns: map[string]string{"ERSDA": "-", "MATNR": "sku"}}
	p := bind(t, formats.Products, m, "MATNR", "ERSDA", "Naem", "Short Description", "LABST", "descripton", "", "sku2")
	want := []formats.Unmapped{{"Naem", "name"}, {"Short Description", "short_description"}, {"LABST", ""}, {"descripton", "description"}, {"sku2", "sku"}}
	if d := cmp.Diff(want, p.Unmapped()); d != "" {
		t.Error(d)
	}
	for column, want := range map[string]string{"SKU": "sku", "nme": "name", "inventorystatus": "inventory_status", "x": "", "": "", strings.Repeat("n", 10_000): ""} {
		if got := formats.Products.Nearest(column); got != want {
			t.Errorf("%.20q is like %q, want %q", column, got, want)
		}
	}
}

func TestRowsAreKnownByTheirHash(t *testing.T) {
	hash := func(columns, cells string) int64 {
		return formats.NewRowHasher(strings.Split(columns, ",")).Hash(&formats.Row{Cells: strings.Split(cells, ",")})
	}
	row := hash("sku,name", "1,Rohr")
	for name, same := range map[string]int64{
		"with the columns of a reject file": hash("_line,_code,_message,sku,name", "7,amount,no,1,Rohr"),
		"in another order":                  hash("name,sku", "Rohr,1"),
		"with blanks":                       hash("sku,name", " 1 ,Rohr\u00a0"),
		"with an empty column":              hash("sku,x,name", "1,,Rohr"),
	} {
		if same != row {
			t.Errorf("%s it is another row", name)
		}
	}
	for name, other := range map[string]int64{
		"mended": hash("sku,name", "1,Rohre"), "in other columns": hash("name,sku", "1,Rohr"), "with a cell more": hash("sku,name", "1,Rohr,x"), "joined": hash("sku,name", "1Rohr,"),
	} {
		if other == row {
			t.Errorf("%s it is the same row", name)
		}
	}
}

func TestRoomForRejectsEnds(t *testing.T) {
	room := formats.RejectRoom{Rows: 3, Bytes: 1000}
	small, large := &formats.Row{Cells: []string{"a"}}, &formats.Row{Cells: []string{strings.Repeat("x", 900)}}
	var kept []bool
	for _, r := range []*formats.Row{small, large, large, small, small} {
		kept = append(kept, room.Take(r, &formats.Reject{Message: "no"}))
	}
	if d := cmp.Diff([]bool{true, true, false, true, false}, kept); d != "" {
		t.Error(d)
	}
}
