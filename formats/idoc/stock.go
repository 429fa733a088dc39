package idoc

import (
	"slices"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// LOISTD → inventory. One row per E1MARAM: what its plants (E1MARCM) and their storage locations (E1MARDM) have in stock,
// summed; of one plant when the feed names it, or of what meets the feed's condition (stock_of). SAP sends
// what is there now, so the sum is the quantity.
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

// onHand sums a material's stock; false when it stands elsewhere only. A plant whose storage locations tell theirs is not
// counted itself.
func (b *rowBuilder) onHand(material int) bool {
	sum, told, ours := formats.Amount{}, false, false
	take := func(scope ...int) (there bool) {
		fields := b.r.f.stockFields()
		there = slices.ContainsFunc(fields, func(field string) bool { return strings.TrimSpace(b.value(scope[0], field)) != "" })
		counts, bad := b.holds(b.r.f.stockOf, scope...)
		if bad != nil {
			b.fail(&b.d.Segments[scope[0]], "quantity", bad.Code, "format.stock_of: %s", bad.Message)
		}
		if counts || bad != nil {
			told, ours = told || there, true
			for _, field := range fields {
				sum = sum.Add(b.decimal(scope[0], field))
			}
		}
		return there
	}
	for plant := range b.d.Children(material, "E1MARCM") {
		if b.r.f.Plant != "" && b.value(plant, "WERKS") != b.r.f.Plant {
			continue
		}
		located := false
		for place := range b.d.Children(plant, "E1MARDM") {
			located = take(place, plant, material) || located
		}
		if !located {
			take(plant, material)
		}
	}
	switch s := &b.d.Segments[material]; {
	case told:
		b.set("quantity", sum.String())
	case !ours && (b.r.f.Plant != "" || b.r.f.stockOf != nil):
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

// decimal reads a number, 0 for none; one that is no number is the row's fault.
func (b *rowBuilder) decimal(i int, field string) formats.Amount {
	text := b.value(i, field)
	if strings.TrimSpace(text) == "" {
		return formats.Amount{}
	}
	n, err := formats.ParseAmount(text, formats.Conventions{})
	if err != nil {
		b.fail(&b.d.Segments[i], field, formats.CodeAmount, "%s %v", field, err)
	}
	return n
}
