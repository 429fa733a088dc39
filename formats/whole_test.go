package formats

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIncompleteAddress: a customer whose address lacks something loads without the address, with a warning, or is
// rejected when the feed says so. What the row does not carry is not missed, and an address that is cleared is whole.
func TestIncompleteAddress(t *testing.T) {
	columns := []string{"customer_number", "name", "street", "city", "postal_code", "country", "phone"}
	for _, c := range []struct {
		name   string
		cells  []string
		absent []bool
		values int
		warns  string
		code   string // with on_incomplete: reject
	}{
		{"whole", []string{"4711", "Holz & Heim", "Gasse 1", "Wien", "1010", "AT", ""}, nil, 6, "", ""},
		{"no postal code", []string{"4711", "Holz & Heim", "Gasse 1", "Wien", "", "AT", ""}, nil, 1, "postal_code incomplete", CodeIncomplete},
		{"no postal code, and a phone", []string{"4711", "Holz & Heim", "Gasse 1", "Wien", "", "AT", "0151"}, nil, 1, "postal_code incomplete", CodeIncomplete},
		{"a phone alone", []string{"4711", "Holz & Heim", "", "", "", "", "0151"}, nil, 6, "", ""},
		{"cleared", []string{"4711", "Holz & Heim", "", "", "", "", ""}, nil, 6, "", ""},
		{"not carried", []string{"4711", "", "Gasse 2", "", "", "", ""}, []bool{false, true, false, true, true, true, true}, 1, "", ""},
	} {
		row := &Row{Pos: Position{Line: 2}, Cells: c.cells, Absent: c.absent}
		for _, on := range []string{"", "load", "reject"} {
			m := &Mapping{OnIncomplete: on}
			mapper, err := m.Bind(Customers, columns, Conventions{})
			if err != nil {
				t.Fatal(err)
			}
			var rec Record
			err = mapper.Record(row, &rec)
			var bad *Reject
			if on == "reject" && c.code != "" {
				if !errors.As(err, &bad) || bad.Code != c.code || bad.Key != "4711" {
					t.Errorf("%s, reject: %v", c.name, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			got := ""
			for _, w := range rec.Warnings {
				got = w.Field + " " + w.Code
			}
			if n := mapper.Counts()["without_address"]; n != int64(len(rec.Warnings)) {
				t.Errorf("%s: %d counted of %d warnings", c.name, n, len(rec.Warnings))
			}
			if d := cmp.Diff(c.warns, got); d != "" || len(rec.Values) != c.values {
				t.Errorf("%s: %d values, want %d\n%s", c.name, len(rec.Values), c.values, d)
			}
		}
	}
	if err := (&Mapping{OnIncomplete: "ignore"}).Check(Customers); err == nil {
		t.Error("on_incomplete: ignore is no choice")
	}
}

// TestNothingCarried: a row of a reduced message that carries nothing for the feed but its key is no reject: the shop may hold all of
// it, and what a new record needs is missed when there is none.
func TestNothingCarried(t *testing.T) {
	mapper, err := (&Mapping{}).Bind(Customers, []string{"customer_number", "name", "phone"}, Conventions{})
	if err != nil {
		t.Fatal(err)
	}
	var rec Record
	row := &Row{Pos: Position{Line: 2}, Cells: []string{"4711", "", ""}, Absent: []bool{false, true, true}}
	if err := mapper.Record(row, &rec); err != nil || rec.Key != "4711" || len(rec.Values) != 0 {
		t.Errorf("%v, %+v", err, rec)
	}
	if bad := Customers.Refusal(&rec, true); bad == nil || bad.Field != "name" {
		t.Errorf("a new one: %v", bad)
	}
	row.Absent = nil // carried, and empty
	var bad *Reject
	if err := mapper.Record(row, &rec); !errors.As(err, &bad) || bad.Field != "name" {
		t.Errorf("an empty name: %v", err)
	}
}
