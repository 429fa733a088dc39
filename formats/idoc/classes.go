package idoc

import (
	"cmp"
	"iter"
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
		b.attributes(d.Children(i, "E1AUSPM"), characteristic{"ATNAM", []string{"ATWRT"}, "ATFLV", "MSGFN"})
		b.raws(i)
		if b.err != nil {
			return b.err
		}
	}
	return nil
}

// characteristic is where a message has the value of a characteristic: the first of its texts that is not empty, or else a
// floating point number.
type characteristic struct {
	name     string
	texts    []string
	float    string
	function string
}

// attributes fills the attributes of the characteristics that the feed reads; one may have several values.
func (b *rowBuilder) attributes(segments iter.Seq[int], in characteristic) {
	all := map[string][]string{}
	for i := range segments {
		name := b.value(i, in.name)
		attribute, ok := b.r.f.Characteristics[name]
		if !ok {
			b.r.count("other_characteristic " + name)
			continue
		}
		column, text := "attr."+attribute, ""
		for _, field := range in.texts {
			text = cmp.Or(text, b.value(i, field))
		}
		if text == "" && in.float != "" {
			text = fromFloat(b.value(i, in.float))
		}
		if text == "" || b.value(i, in.function) == deleted {
			all[column] = slices.Concat(all[column]) // there, and maybe empty
			continue
		}
		all[column] = append(all[column], text)
	}
	for column, texts := range all {
		b.set(column, strings.Join(texts, ", "))
	}
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
