package idoc

import (
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// LOISTD → inventory. One row per E1MARAM: what its plants (E1MARCM) and their storage locations (E1MARDM) have in stock,
// summed; of one plant when the feed names it. SAP sends what is there now, so the sum is the quantity.
var stockRules = entityRule{
	columns: func(*Options) []string { return []string{"sku", "unit", "quantity"} },
	scope:   []string{"E1MARDM", "E1MARCM", "E1MARAM"},
	rules:   map[string]rule{"LOISTD": stock},
	sources: map[string]string{"sku": "E1MARAM-MATNR", "unit": "E1MARAM-MEINS", "quantity": "E1MARDM-LABST E1MARCM-LABST"},
}

// stockFields are the fields that are summed.
func (f *Options) stockFields() []string {
	if f.Stock == nil {
		return []string{"LABST"}
	}
	return f.Stock
}

func stock(r *reader, d *Document) error {
	for i := range d.Children(-1, "E1MARAM") {
		b := r.push(d, i)
		b.set("sku", b.number(b.material(i)))
		b.copy("unit", i, "MEINS")
		if !b.onHand(i) {
			r.used--
			r.count("other_plant")
			continue
		}
		b.raws(b.plant(i), i)
		if b.err != nil {
			return b.err
		}
	}
	return nil
}

// material is the number of a segment's material, the long one of S/4HANA where there is one.
func (b *rowBuilder) material(i int) string {
	if long := b.value(i, "MATNR_LONG"); long != "" {
		return long
	}
	return b.value(i, "MATNR")
}

// onHand sums a material's stock; false when it stands in other plants only. A plant whose storage locations tell theirs is
// not counted itself.
func (b *rowBuilder) onHand(material int) bool {
	sum, told, plants := formats.Amount{}, false, 0
	take := func(i int) (any bool) {
		for _, field := range b.r.f.stockFields() {
			n, there := b.decimal(i, field)
			sum, any = sum.Add(n), any || there
		}
		told = told || any
		return any
	}
	for plant := range b.d.Children(material, "E1MARCM") {
		if b.r.f.Plant != "" && b.value(plant, "WERKS") != b.r.f.Plant {
			continue
		}
		plants++
		located := false
		for place := range b.d.Children(plant, "E1MARDM") {
			located = take(place) || located
		}
		if !located {
			take(plant)
		}
	}
	switch s := &b.d.Segments[material]; {
	case told:
		b.set("quantity", sum.String())
	case plants == 0 && b.r.f.Plant != "":
		return false
	case b.d.flat:
		b.fail(s, "quantity", formats.CodeMissing, "%s is not in the dictionary's E1MARDM and E1MARCM, "+
			"so it can't be read from a flat file; format.dictionary adds them, or have the messages sent as XML",
			strings.Join(b.r.f.stockFields(), ", "))
	default:
		b.fail(s, "quantity", formats.CodeMissing, "no E1MARDM and no E1MARCM of the material has %s", strings.Join(b.r.f.stockFields(), " or "))
	}
	return true
}

// decimal reads a number; one that is none is the row's fault.
func (b *rowBuilder) decimal(i int, field string) (n formats.Amount, there bool) {
	text := b.value(i, field)
	if strings.TrimSpace(text) == "" {
		return n, false
	}
	n, err := formats.ParseAmount(text, formats.Conventions{})
	if err != nil {
		b.fail(&b.d.Segments[i], field, formats.CodeAmount, "%s %v", field, err)
	}
	return n, true
}
