package idoc

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// MATMAS → products. One row per E1MARAM. A message may hold only the segments that changed: what hangs on a segment
// that is not there is absent, not empty.
var productRules = entityRule{
	columns: productColumns,
	scope:   []string{"E1MARAM", "E1MVKEM", "E1MARCM", "E1MARA1", "E1BPE1MARART", "E1BPE1MATHEAD"},
	rules:   map[string]rule{"MATMAS": products, "ARTMAS": articles, "CLFMAS": classification},
	sources: map[string]string{"sku": "E1MARAM-MATNR", "unit": "E1MARAM-MEINS", "precision": "E1MARAM-MEINS", "more_units": "E1MARMM-MEINH",
		"name": "E1MAKTM-MAKTX", "description": "E1MTXLM-TDLINE", "category": "E1KSSKM-CLASS", "short_description": "E1MTXLM-TDLINE",
		formats.RemoveField: "E1MARAM-LVORM"},
}

// defaultLanguage marks the language of the columns without a localization.
const defaultLanguage = "default"

// columnOf is the column of a localized field.
func columnOf(field, localization string) string {
	if localization == defaultLanguage {
		return field
	}
	return field + "[" + localization + "]"
}

// localizations lists what languages lead to, in a fixed order.
func (f *Options) localizations() []string {
	if len(f.Languages) == 0 {
		return []string{defaultLanguage}
	}
	var all []string
	for _, l := range f.Languages {
		all = append(all, l)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// texts is Texts with its default.
func (f *Options) texts() map[string]string {
	if f.Texts == nil {
		return map[string]string{"description": "GRUN"}
	}
	return f.Texts
}

func productColumns(f *Options) []string {
	columns := []string{"sku", "unit", "more_units", formats.RemoveField}
	if f.Precisions != nil {
		columns = append(columns, "precision")
	}
	fields := []string{"name"}
	for field := range f.texts() {
		fields = append(fields, field)
	}
	slices.Sort(fields)
	for _, field := range fields {
		for _, l := range f.localizations() {
			columns = append(columns, columnOf(field, l))
		}
	}
	return append(columns, f.classified()...)
}

func products(r *reader, d *Document) error {
	for i := range d.Children(-1, "E1MARAM") {
		area, others := r.salesArea(d, i, "E1MVKEM")
		if area < 0 && others {
			r.count("other_area")
			continue
		}
		b := r.push(d, i)
		b.set("sku", b.number(b.material(i)))
		b.copy("unit", i, "MEINS")
		base := b.value(i, "MEINS")
		b.precision(base)
		b.units(base, d.Children(i, "E1MARMM"), packing{[]string{"MEINH"}, "UMREZ", "UMREN", "MSGFN"})
		b.names(d.Children(i, "E1MAKTM"), naming{"SPRAS_ISO", "SPRAS", "MAKTX", "MSGFN"})
		b.longTexts(i)
		b.removal("LVORM", i, area)
		b.raws(i, area, b.plant(i))
		if b.err != nil {
			return b.err
		}
	}
	return nil
}

// plant finds the segment of the configured plant, or the only one.
func (b *rowBuilder) plant(material int) int {
	at, n := -1, 0
	for i := range b.d.Children(material, "E1MARCM") {
		n++
		if at < 0 && (b.r.f.Plant == "" || b.value(i, "WERKS") == b.r.f.Plant) {
			at = i
		}
	}
	if b.r.f.Plant == "" && n > 1 {
		return -1
	}
	return at
}

// language is the localization of a segment's text, by the language's code of two letters, else by SAP's own of one; empty
// when the feed does not read its language.
func (b *rowBuilder) language(code, short string) string {
	if len(b.r.f.Languages) == 0 {
		if code == "EN" || code == "" && short == "E" {
			return defaultLanguage
		}
		return ""
	}
	if l, ok := b.r.f.Languages[code]; ok && code != "" {
		return l
	}
	return b.r.f.Languages[short]
}

// naming is where a message has the names of a material.
type naming struct{ iso, short, text, function string }

// names fills the names from segments. Without configured languages a single text is the name, whatever its language.
func (b *rowBuilder) names(segments iter.Seq[int], in naming) {
	n, only := 0, -1
	for i := range segments {
		if b.value(i, in.function) == deleted {
			continue
		}
		n, only = n+1, i
		if l := b.language(b.value(i, in.iso), b.value(i, in.short)); l != "" {
			b.copy(columnOf("name", l), i, in.text)
		}
	}
	if n == 1 && len(b.r.f.Languages) == 0 {
		b.copy("name", only, in.text)
	}
}

// precision fills the decimals of the primary unit when the feed says what they are.
func (b *rowBuilder) precision(unit string) {
	if mapped, ok := b.r.f.units[unit]; ok {
		unit = mapped
	}
	if n, ok := b.r.f.Precisions[unit]; ok {
		b.set("precision", strconv.Itoa(n))
	}
}

// packing is where a message has a further unit of a material, in the first field that has a text, and how many base units are
// how many of it.
type packing struct {
	unit                  []string
	over, under, function string
}

// units fills more_units from segments. The value list of unit applies to each; one that it maps to nothing is left out.
func (b *rowBuilder) units(base string, segments iter.Seq[int], in packing) {
	found := false
	var list []string
	for i := range segments {
		found = true
		code := ""
		for _, field := range in.unit {
			code = cmp.Or(code, b.value(i, field))
		}
		if code == base || code == "" || b.value(i, in.function) == deleted {
			continue
		}
		if b.r.f.units != nil {
			mapped, ok := b.r.f.units[code]
			if !ok {
				b.fail(&b.d.Segments[i], "more_units", formats.CodeValue,
					"unit %q is not in the value list of unit; map it to '' to leave it out", code)
				return
			}
			if code = mapped; code == "" {
				continue
			}
		}
		if _, sent := b.sent(i, in.over); !sent {
			return // which units there are can't be told
		}
		rate, ok := b.ratio(i, in.over, in.under)
		if !ok {
			return
		}
		list = append(list, fmt.Sprintf("%s:%d:%s", code, b.r.f.Precisions[code], rate))
	}
	if found {
		b.set("more_units", strings.Join(list, " "))
	}
}

// ratio divides two fields of a segment; an empty divisor is 1, as SAP has it.
func (b *rowBuilder) ratio(i int, over, under string) (string, bool) {
	c := formats.Conventions{Decimal: "."}
	s := &b.d.Segments[i]
	dividend, err := formats.ParseAmount(b.value(i, over), c)
	if err != nil {
		b.fail(s, over, formats.CodeAmount, "%s %v", over, err)
		return "", false
	}
	text := b.value(i, under)
	if text == "" || trimZeros(text) == "0" {
		text = "1"
	}
	divisor, err := formats.ParseAmount(text, c)
	if err != nil {
		b.fail(s, under, formats.CodeAmount, "%s %v", under, err)
		return "", false
	}
	result, err := dividend.Div(divisor, quotientDecimals)
	if err != nil {
		b.fail(s, under, formats.CodeAmount, "%s is zero", under)
		return "", false
	}
	return result.String(), true
}

// quotientDecimals is what the shop stores of a quantity; a price keeps four of them.
const quotientDecimals = 10

// longTexts fills texts from E1MTXHM and its lines.
func (b *rowBuilder) longTexts(material int) {
	for i := range b.d.Children(material, "E1MTXHM") {
		id := b.value(i, "TDID")
		for field, want := range b.r.f.texts() {
			l := b.language(b.value(i, "SPRAS_ISO"), cmp.Or(b.value(i, "SPRAS"), b.value(i, "TDSPRAS")))
			if id != want || l == "" {
				continue
			}
			if b.value(i, "MSGFN") == deleted {
				b.set(columnOf(field, l), "")
				continue
			}
			b.set(columnOf(field, l), b.lines(i, "E1MTXLM"))
		}
	}
}

// lines joins the lines of a SAPscript text: "*" begins a paragraph, "/" a line, "=" goes on without a blank, and an
// empty format goes on with one.
func (b *rowBuilder) lines(below int, typ string) string {
	var out strings.Builder
	for i := range b.d.Children(below, typ) {
		line, format := b.plain(i, "TDLINE"), b.plain(i, "TDFORMAT")
		if out.Len() > 0 {
			switch format {
			case "=":
			case "":
				out.WriteByte(' ')
			default:
				out.WriteByte('\n')
			}
		}
		out.WriteString(line)
	}
	return out.String()
}

// plain is the text of a field in which / is no sign of anything: of a line of text, and its format.
func (b *rowBuilder) plain(i int, field string) string {
	text, err := b.d.Value(&b.d.Segments[i], field)
	if err != nil && b.err == nil {
		b.err = err
	}
	return text
}
