package idoc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// PRICAT → prices: the price catalogue of SAP's retail. A price is an E1KONP, as in COND_A, with the E1KONH around it (its
// validity) and the E1KOMG, if there is one; its material is the E1MARAM around it. Its list is what an E1KOMG says, or
// else the feed's (price_list).
//
// The names are those of SAP's documentation of the message, which does not say what stands below what. XML and the parents'
// numbers of a flat file do; where the material is not around its price, it is the only one of the nearest segment that holds
// both. Numbers of parents that can't be right show in a validity, or a key, without a price: what they would be of is not
// guessed, and neither is which of gross, net and retail prices, each of a condition type of its own, are the shop's.
func catalogue(r *reader, d *Document) error {
	if i := d.idle(); i >= 0 {
		r.push(d, i).fail(&d.Segments[i], "", formats.CodeStructure, "no price stands below the %s%s", d.Segments[i].Type, sayWhere)
		return nil
	}
	prices, kinds, err := r.offers(d)
	if err != nil {
		return err
	}
	if len(kinds) > 1 && len(r.f.ConditionTypes) == 0 {
		r.push(d, prices[0].konp).fail(&d.Segments[prices[0].konp], "KSCHL", formats.CodeValue,
			"the catalogue has prices of several condition types, %s%s: format.condition_types says which are the shop's",
			strings.Join(kinds, ", "), d.profile())
		return nil
	}
	for i := range prices {
		c := &prices[i]
		b := &rowBuilder{r: r, d: d}
		c.material = d.materialOf(c.konp)
		priced := b.material(c.komg)
		switch {
		case c.material < 0:
			r.push(d, c.konp).fail(&d.Segments[c.konp], "sku", formats.CodeStructure,
				"which material the price is of can't be told: no E1MARAM stands around it, and it is not beside a single one%s", sayWhere)
			continue
		case priced != "" && priced != b.material(c.material):
			r.push(d, c.konp).fail(&d.Segments[c.konp], "sku", formats.CodeStructure,
				"the E1KOMG around the price is of the material %s, and the E1MARAM is %s%s", priced, b.material(c.material), sayWhere)
			continue
		}
		if err := c.prices(); err != nil {
			return err
		}
	}
	return nil
}

// sayWhere is what to do about places that can't be right.
const sayWhere = "; for a flat file format.dictionary says with the lines of E1MARAM, E1KOMG, E1KONH and E1KONP (transaction WE60) where " +
	"they stand"

// idle is the first E1KOMG or E1KONH that has no price below it, -1 for none.
func (d *Document) idle() int {
	for i := range d.Segments {
		if t := d.Segments[i].Type; (t == "E1KOMG" || t == "E1KONH") && d.First(i, "E1KONP") < 0 {
			return i
		}
	}
	return -1
}

// offers lists the prices of a catalogue that may be the feed's, and their condition types.
func (r *reader) offers(d *Document) (prices []condition, kinds []string, err error) {
	for i := range d.Children(-1, "E1KONP") {
		c := condition{r: r, d: d, komg: d.above(i, "E1KOMG"), konh: d.above(i, "E1KONH"), konp: i, material: -1}
		b := &rowBuilder{r: r, d: d}
		kind, word := b.value(i, "KSCHL"), c.notPrice(b)
		if b.err != nil {
			return nil, nil, b.err
		}
		if types := r.f.ConditionTypes; word == "" && len(types) > 0 && !slices.Contains(types, kind) {
			word = "other_condition " + kind
		}
		if word != "" {
			r.count(word)
			continue
		}
		if c.komg >= 0 {
			if barred, err := c.barred(); err != nil {
				return nil, nil, err
			} else if barred {
				continue
			}
		}
		prices = append(prices, c)
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return prices, kinds, nil
}

// above is the nearest segment of a type around another one, -1 when there is none.
func (d *Document) above(i int, typ string) int {
	for i = d.Segments[i].Parent; i >= 0 && d.Segments[i].Type != typ; i = d.Segments[i].Parent {
	}
	return i
}

// materialOf is the E1MARAM around a price, or else the only one of the nearest segment around it that holds any; -1 when there
// is none, or several.
func (d *Document) materialOf(price int) int {
	for at := d.Segments[price].Parent; ; at = d.Segments[at].Parent {
		if at >= 0 && d.Segments[at].Type == "E1MARAM" {
			return at
		}
		only, n := -1, 0
		for i := range d.Children(at, "E1MARAM") {
			only, n = i, n+1
		}
		switch {
		case n == 1:
			return only
		case n > 1 || at < 0:
			return -1
		}
	}
}

// profile says what the catalogue's own profile calls its condition types, for people.
func (d *Document) profile() string {
	at := d.First(-1, "E1PRPRO")
	if at < 0 {
		return ""
	}
	var names []string
	for _, p := range [...]struct{ field, name string }{{"BRUTTO_KA", "gross"}, {"NETTO_KA", "net"}, {"VKP_KA", "retail"}} {
		if kind, err := d.Value(&d.Segments[at], p.field); err == nil && kind != "" {
			names = append(names, p.name+" "+kind)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(" (its profile names %s)", strings.Join(names, ", "))
}
