package idoc

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// COND_A → prices and pricelists. A condition is E1KOMG (what it depends on) with E1KONH (validity), E1KONP (amount) and
// E1KONM (scale). The price is KBETR / KPEIN per KMEIN; each line of a scale is a row of its own.
//
// Only what is valid today becomes a row; a later one is a reject with the code not_yet, an expired one is counted. A
// deletion removes the price only while its validity lasts: its key would else be that of another period.
//
// The list's name says what the condition depends on beside the material, so that two kinds of prices never share a
// list: "01" (PLTYP), "customer 4711", "group 02" (KDGRP), "price group 03" (KONDA), several of them joined by blanks,
// sales organisation and channel, "1000/10", when there is nothing else, or what the feed says (price_list) when there is
// not even that. A value list gives it the shop's name.
var priceRules = entityRule{
	columns: func(*Options) []string {
		return []string{"price_list", "sku", "unit", "quantity", "currency", "value", formats.RemoveField}
	},
	scope: []string{"E1KONM", "E1KONP", "E1KONH", "E1KOMG", "E1MARAM", "E1PMARM"},
	rules: map[string]rule{"COND_A": func(r *reader, d *Document) error { return r.conditions(d, (*condition).prices) }, "PRICAT": catalogue},
	sources: map[string]string{"price_list": "E1KOMG-PLTYP", "sku": "E1KOMG-MATNR E1MARAM-MATNR", "unit": "E1KONP-KMEIN",
		"quantity": "E1KONM-KSTBM E1KONP-KSTBM", "currency": "E1KONP-KONWA", "value": "E1KONM-KBETR E1KONP-KBETR",
		formats.RemoveField: "E1KONP-LOEVM_KO"},
}

var listRules = entityRule{
	columns: func(*Options) []string { return []string{"name", "currencies", "active"} },
	scope:   []string{"E1KONP", "E1KONH", "E1KOMG"},
	rules:   map[string]rule{"COND_A": func(r *reader, d *Document) error { return r.conditions(d, (*condition).list) }},
}

// understood says whether a field of E1KOMG is one that the rules take into account or that does not narrow a price: its names (VAKEY
// repeats the key as one text) and what S/4HANA repeats in longer fields. Any other field with a text would make it a
// price of something narrower than its row says.
func understood(field string) bool {
	switch field {
	case "KVEWE", "KOTABNR", "KAPPL", "KSCHL", "VAKEY", "VAKEY_LONG", "VADAT", "VADAT_LONG", "VKORG", "VTWEG", "SPART", "KUNNR", "KDGRP",
		"PLTYP", "KONDA", "WAERK", "MATNR", "MATNR_LONG", "MATNR_EXTERNAL", "MATNR_VERSION", "MATNR_GUID", "MEINS", "VRKME", "EAN11", "EANNR":
		return true
	}
	return false
}

// ofMaterial says whether a field tells what kind of material it is. Beside a material it narrows nothing; alone it makes it a
// price of all materials of that kind.
func ofMaterial(field string) bool {
	switch field {
	case "MTART", "MATKL", "EXTWG", "PRODH", "PRODH1", "PRODH2", "PRODH3", "KONDM", "BONUS", "PROVG", "MVGR1", "MVGR2", "MVGR3", "MVGR4",
		"MVGR5", "WAGRP", "WGLIF", "PMATN", "PMATN_LONG", "TAXM1", "TAXM2", "TAXM3", "TAXM4", "TAXM5", "TAXM6", "TAXM7", "TAXM8", "TAXM9":
		return true
	}
	return false
}

// condition is where one E1KONP and what stands around it are; -1 for what is not there.
type condition struct {
	r                *reader
	d                *Document
	komg, konh, konp int
	material         int // the segment that names the material and its unit
}

// conditions calls each for every condition of the IDoc that may be a price.
func (r *reader) conditions(d *Document, each func(*condition) error) error {
	for komg := range d.Children(-1, "E1KOMG") {
		c := &condition{r: r, d: d, komg: komg, konh: -1, konp: -1, material: komg}
		if barred, err := c.barred(); err != nil {
			return err
		} else if barred {
			continue
		}
		for i := komg + 1; i < len(d.Segments) && d.Segments[i].Depth > d.Segments[komg].Depth; i++ {
			switch d.Segments[i].Type {
			case "E1KONH":
				c.konh = i
			case "E1KONP":
				c.konp = i
				if err := each(c); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// barred counts a condition that is none of this feed's, and rejects one that depends on more than a price list can say.
func (c *condition) barred() (bool, error) {
	b := &rowBuilder{r: c.r, d: c.d}
	word := c.unwanted(b)
	if b.err != nil {
		return true, b.err
	}
	if word != "" {
		c.r.count(word)
		return true, nil
	}
	field, err := c.narrowed(b)
	if err != nil || field == "" {
		return err != nil, err
	}
	c.r.push(c.d, c.komg).fail(&c.d.Segments[c.komg], field, formats.CodeValue,
		"the condition depends on %s, which no price list of the shop can express (format.ignore_keys would ignore it)", field)
	return true, nil
}

// unwanted says why a condition is none of this feed's, in the word that it is counted under.
func (c *condition) unwanted(b *rowBuilder) string {
	f, kind := b.r.f, b.value(c.komg, "KSCHL")
	usage, application := b.value(c.komg, "KVEWE"), b.value(c.komg, "KAPPL")
	switch {
	case usage != "" && usage != "A" || application != "" && application != "V":
		return "other_application"
	case len(f.ConditionTypes) > 0 && !slices.Contains(f.ConditionTypes, kind):
		return "other_condition " + kind
	case !f.inArea(b.d, &b.d.Segments[c.komg]):
		return "other_area"
	}
	return ""
}

// narrowed finds a field that makes the condition narrower than a row can say, empty for none.
func (c *condition) narrowed(b *rowBuilder) (field string, err error) {
	material := b.value(c.komg, "MATNR") != "" || b.value(c.komg, "MATNR_LONG") != ""
	err = b.d.each(&b.d.Segments[c.komg], func(name, text string) bool {
		switch {
		case understood(name), material && ofMaterial(name), text == b.r.f.noData(), slices.Contains(b.r.f.IgnoreKeys, name):
			return true
		}
		for i := range len(text) {
			if text[i] != '0' && text[i] != ' ' {
				field = name
				return false
			}
		}
		return true
	})
	return field, err
}

// validity is where today stands in a condition's time.
type validity int

const (
	valid validity = iota
	expired
	notYet
)

// when compares E1KONH's dates with today. The open end is 99991231.
func (c *condition) when(b *rowBuilder) (v validity, from string) {
	from, to := b.date(c.konh, "DATAB"), b.date(c.konh, "DATBI")
	switch {
	case b.r.today == "" || b.r.queue[b.row].reject != nil:
		return valid, from
	case to != "" && to < b.r.today:
		return expired, from
	case from > b.r.today:
		return notYet, from
	}
	return valid, from
}

// date is a date as YYYYMMDD, empty for SAP's initial one.
func (b *rowBuilder) date(i int, field string) string {
	text := b.value(i, field)
	if strings.Trim(text, "0") == "" {
		return ""
	}
	if len(text) != 8 || strings.Trim(text, "0123456789") != "" {
		b.fail(&b.d.Segments[i], field, formats.CodeDate, "%s %q is not a date of the form YYYYMMDD", field, text)
	}
	return text
}

// listName is the name of the list that a condition belongs to, see above.
func (c *condition) listName(b *rowBuilder) string {
	var parts []string
	for _, p := range [...]struct{ field, prefix string }{{"PLTYP", ""}, {"KUNNR", "customer "}, {"KDGRP", "group "},
		{"KONDA", "price group "}} {
		text := b.value(c.komg, p.field)
		if text == "" {
			continue
		}
		if p.field == "KUNNR" {
			text = b.number(text)
		}
		parts = append(parts, p.prefix+text)
	}
	if len(parts) > 0 {
		return strings.Join(parts, " ")
	}
	if org := b.value(c.komg, "VKORG"); org != "" {
		return strings.TrimSuffix(org+"/"+b.value(c.komg, "VTWEG"), "/")
	}
	return b.r.f.PriceList
}

// notPrice says why an E1KONP is no price, in the word that it is counted under: a supplement of another type, or an
// amount that is not per quantity (a discount of some percent).
func (c *condition) notPrice(b *rowBuilder) string {
	own, kind := b.value(c.komg, "KSCHL"), b.value(c.konp, "KSCHL")
	if kind != "" && own != "" && kind != own {
		return "supplement"
	}
	if k := b.value(c.konp, "KRECH"); k != "" && k != "C" || b.value(c.konp, "KONWA") == "%" {
		return "not_a_price " + cmp.Or(own, kind)
	}
	return ""
}

// prices adds the rows of one E1KONP.
func (c *condition) prices() error {
	probe := &rowBuilder{r: c.r, d: c.d}
	word := c.notPrice(probe)
	gone := probe.value(c.konp, "LOEVM_KO") != ""
	if probe.err != nil {
		return probe.err
	}
	if word != "" {
		c.r.count(word)
		return nil
	}
	scale, fault := c.scale(probe)
	if probe.err != nil {
		return probe.err
	}
	for _, konm := range scale {
		b := c.r.push(c.d, c.konp)
		state, from := c.when(b)
		if state == expired || state == notYet && gone {
			c.r.used-- // leaves no row behind
			c.r.count("expired")
			continue
		}
		c.price(b, konm, gone)
		switch {
		case fault != "":
			b.fail(&c.d.Segments[c.konp], "quantity", formats.CodeValue, "%s", fault)
		case state == notYet:
			b.fail(&c.d.Segments[c.konh], "DATAB", formats.CodeNotYet, "the price is valid from %s-%s-%s on", from[:4], from[4:6], from[6:])
		}
		if b.err != nil {
			return b.err
		}
	}
	return nil
}

// scale lists the E1KONM of a condition, or -1 alone when it has no scale. The fault says why it can't be expressed.
func (c *condition) scale(b *rowBuilder) (lines []int, fault string) {
	lines = c.r.scale[:0]
	for i := range c.d.Children(c.konp, "E1KONM") {
		lines = append(lines, i)
	}
	c.r.scale = lines
	if c.d.First(c.konp, "E1KONW") >= 0 {
		fault = "a scale of values (E1KONW) can't be expressed in the shop: its tiers are quantities"
	}
	if len(lines) == 0 {
		if lines = append(lines, -1); from(b.value(c.konp, "KSTBM")) == "1" {
			return lines, fault
		}
	}
	if k := b.value(c.konp, "STFKZ"); fault == "" && k != "" && k != "A" {
		fault = fmt.Sprintf("scale type %s can't be expressed in the shop: its tiers hold from a quantity on (type A)", k)
	}
	if u := b.value(c.konp, "KONMS"); fault == "" && u != "" && u != b.value(c.konp, "KMEIN") {
		fault = fmt.Sprintf("the scale is in %s and the price in %s", u, b.value(c.konp, "KMEIN"))
	}
	return lines, fault
}

// price fills one row; konm is the scale's line, -1 for none.
func (c *condition) price(b *rowBuilder, konm int, gone bool) {
	list := c.listName(b)
	if list == "" {
		b.fail(&c.d.Segments[max(c.komg, c.material)], "price_list", formats.CodeMissing,
			"the condition names neither customer, group, price list nor sales organisation: format.price_list would name its list")
	}
	b.set("price_list", list)
	b.set("sku", b.number(b.material(c.material)))
	b.set("unit", cmp.Or(b.value(c.konp, "KMEIN"), b.value(c.komg, "VRKME"), b.value(c.material, "MEINS")))
	b.set("currency", b.value(c.konp, "KONWA"))
	b.set(formats.RemoveField, mark(gone))
	amount := c.konp
	if konm >= 0 {
		amount = konm
	}
	b.set("quantity", c.lowest(b, amount))
	if !gone {
		c.amount(b, amount)
	}
	b.raws(konm, c.konp, c.konh, c.komg, c.material)
}

// from is the quantity (KSTBM) of E1KONP or of a scale's line from which on its price holds; SAP's 0 is the shop's 1. It is
// the text itself when that is no number.
func from(text string) string {
	n, err := formats.CanonDecimal(text, formats.Conventions{})
	switch {
	case strings.TrimSpace(text) == "" || err == nil && n == "0":
		return "1"
	case err != nil:
		return text
	}
	return n
}

// lowest is from, or the row's fault.
func (c *condition) lowest(b *rowBuilder, at int) string {
	least := from(b.value(at, "KSTBM"))
	if _, err := formats.CanonDecimal(least, formats.Conventions{}); err != nil {
		b.fail(&b.d.Segments[at], "KSTBM", formats.CodeAmount, "KSTBM %v", err)
	}
	return least
}

// amount divides KBETR, of E1KONP or of a scale's line, by E1KONP's KPEIN.
func (c *condition) amount(b *rowBuilder, at int) {
	rate, err := formats.CanonDecimal(b.value(at, "KBETR"), formats.Conventions{})
	if err != nil {
		b.fail(&c.d.Segments[at], "KBETR", formats.CodeAmount, "KBETR %v", err)
		return
	}
	units := trimZeros(b.value(c.konp, "KPEIN"))
	if units == "" || units == "0" {
		units = "1"
	}
	if units == "1" && formats.Decimals(rate) <= quotientDecimals { // as by far the most prices are
		b.set("value", rate)
		return
	}
	per, err := formats.ParseAmount(units, formats.Conventions{})
	if err != nil {
		b.fail(&c.d.Segments[c.konp], "KPEIN", formats.CodeAmount, "KPEIN %v", err)
		return
	}
	of, _ := formats.ParseAmount(rate, formats.Conventions{}) // canonical already
	value, err := of.Div(per, quotientDecimals)
	if err != nil {
		b.fail(&c.d.Segments[c.konp], "KPEIN", formats.CodeAmount, "KPEIN is zero")
		return
	}
	b.set("value", value.String())
}

// priceLists are the lists that a file of conditions names, in the order of their appearance. A list's currencies
// stand in many conditions: its row can only be made at the end of the file.
type priceLists struct {
	names      []string
	currencies map[string][]string
	pos        map[string]formats.Position
}

// maxLists bounds what a feed of price lists keeps in memory.
const maxLists = 100_000

// list notes the list of one condition.
func (c *condition) list() error {
	c.r.noticed = true // its row comes at the end of the file
	b := &rowBuilder{r: c.r, d: c.d}
	word := c.notPrice(b)
	name, currency := strings.Clone(c.listName(b)), b.value(c.konp, "KONWA") // the name stays longer than the IDoc
	if name == "" {
		c.r.push(c.d, c.komg).fail(&c.d.Segments[c.komg], "name", formats.CodeMissing,
			"the condition names neither customer, group, price list nor sales organisation: format.price_list would name its list")
		return nil
	}
	gone := b.value(c.konp, "LOEVM_KO") != ""
	if b.err != nil {
		return b.err
	}
	if word != "" || gone {
		return nil
	}
	l := &c.r.lists
	if l.pos == nil {
		l.currencies, l.pos = map[string][]string{}, map[string]formats.Position{}
	}
	if _, ok := l.pos[name]; !ok {
		if len(l.names) == maxLists {
			return &formats.FileError{Pos: c.d.position(&c.d.Segments[c.komg]),
				Message: fmt.Sprintf("the file names more than %d price lists", maxLists),
				Hint:    "load the lists from a file of their own, and take only prices from conditions"}
		}
		l.names = append(l.names, name)
		l.pos[name] = c.d.position(&c.d.Segments[c.komg])
	}
	if currency != "" && !slices.Contains(l.currencies[name], currency) {
		l.currencies[name] = append(l.currencies[name], strings.Clone(currency))
	}
	return nil
}

// flushLists adds the rows of the price lists at the end of the file.
func (r *reader) flushLists() {
	for _, name := range r.lists.names {
		b := r.push(nil, -1)
		r.queue[b.row].pos = r.lists.pos[name]
		b.set("name", name)
		b.set("currencies", strings.Join(r.lists.currencies[name], " "))
		b.set("active", "1")
	}
	r.lists = priceLists{}
}
