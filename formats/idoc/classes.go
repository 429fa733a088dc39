package idoc

import (
	"maps"
	"math/big"
	"slices"
	"strings"
)

// CLFMAS → products: the classification of a material. Its class (E1KSSKM) is the category, by a value list, and the
// characteristics that the feed names (E1AUSPM) are attributes. One row per E1OCLFM of a material; those of other objects
// are counted.

// classified are the columns of a classification.
func (f *Options) classified() []string {
	var columns []string
	if len(f.Characteristics) == 0 && !f.Classes {
		return nil
	}
	if f.Classes {
		columns = append(columns, "category")
	}
	for _, name := range slices.Sorted(maps.Keys(f.Characteristics)) {
		if column := "attr." + f.Characteristics[name]; !slices.Contains(columns, column) {
			columns = append(columns, column)
		}
	}
	return columns
}

func classification(r *reader, d *Document) error {
	for i := range d.Children(-1, "E1OCLFM") {
		b := &rowBuilder{r: r, d: d}
		if table := b.value(i, "OBTAB"); table != "MARA" {
			r.count("other_object " + table)
			continue
		}
		b = r.push(d, i)
		b.set("sku", b.number(b.value(i, "OBJEK")))
		if r.f.Classes {
			for class := range d.Children(i, "E1KSSKM") {
				if b.value(class, "MSGFN") != deleted {
					b.copy("category", class, "CLASS")
				}
			}
		}
		for column, texts := range b.characteristics(i) {
			b.set(column, strings.Join(texts, ", "))
		}
		b.raws(i)
		if b.err != nil {
			return b.err
		}
	}
	return nil
}

// characteristics collects the values of the characteristics that the feed reads, by column; one may have several.
func (b *rowBuilder) characteristics(object int) map[string][]string {
	all := map[string][]string{}
	for i := range b.d.Children(object, "E1AUSPM") {
		name := b.value(i, "ATNAM")
		attribute, ok := b.r.f.Characteristics[name]
		if !ok {
			b.r.count("other_characteristic " + name)
			continue
		}
		column := "attr." + attribute
		text := b.value(i, "ATWRT")
		if text == "" {
			text = fromFloat(b.value(i, "ATFLV"))
		}
		if text == "" || b.value(i, "MSGFN") == deleted {
			all[column] = slices.Concat(all[column]) // there, and maybe empty
			continue
		}
		all[column] = append(all[column], text)
	}
	return all
}

// fromFloat writes SAP's floating point text (1.2500000000000000E+01) as a plain decimal; another text as it is.
func fromFloat(text string) string {
	mantissa, exponent, ok := strings.Cut(strings.TrimSpace(text), "E")
	if !ok || len(exponent) > 3 {
		return text
	}
	n, ok := new(big.Rat).SetString(mantissa + "e" + exponent)
	if !ok {
		return text
	}
	if n.Sign() == 0 {
		return "0"
	}
	return strings.TrimSuffix(strings.TrimRight(n.FloatString(15), "0"), ".")
}
