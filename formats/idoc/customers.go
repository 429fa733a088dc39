package idoc

import (
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// DEBMAS → customers. One row per E1KNA1M. The names of the shop's own things (group, payment_term, tax_code) are not
// guessed: a feed maps them (columns: {KDGRP: group, ZTERM: payment_term}, with value lists).
var customerRules = entityRule{
	columns: func(*Options) []string {
		return []string{"customer_number", "name", "street", "city", "postal_code", "region", "country", "phone", formats.RemoveField}
	},
	scope: []string{"E1KNA1M", "E1KNVVM", "E1KNA11", "E1BPAD1VL"},
	rules: map[string]rule{"DEBMAS": customers, "ADRMAS": addresses},
	sources: map[string]string{"customer_number": "E1KNA1M-KUNNR", "name": "E1KNA1M-NAME1", "street": "E1KNA1M-STRAS", "city": "E1KNA1M-ORT01",
		"postal_code": "E1KNA1M-PSTLZ", "region": "E1KNA1M-REGIO", "country": "E1KNA1M-LAND1", "phone": "E1KNA1M-TELF1",
		formats.RemoveField: "E1KNA1M-LOEVM"},
}

func customers(r *reader, d *Document) error {
	for i := range d.Children(-1, "E1KNA1M") {
		area, others := r.salesArea(d, i, "E1KNVVM")
		if area < 0 && others {
			r.count("other_area")
			continue
		}
		b := r.push(d, i)
		b.set("customer_number", b.number(b.value(i, "KUNNR")))
		b.customerName(i)
		b.copy("street", i, "STRAS")
		b.copy("city", i, "ORT01")
		b.copy("postal_code", i, "PSTLZ")
		b.copy("country", i, "LAND1")
		b.region(i, "LAND1", "REGIO")
		b.copy("phone", i, "TELF1")
		b.removal("LOEVM", i, area)
		b.raws(i, area)
		if b.err != nil {
			return b.err
		}
	}
	return nil
}

// nameFields are the lines of a customer's name.
var nameFields = []string{"NAME1", "NAME2", "NAME3", "NAME4"}

// customerName joins the lines of the name that the feed takes. A name of which a reduced message leaves a line out is not
// known, and stays as it is.
func (b *rowBuilder) customerName(i int) {
	fields := b.r.f.Names
	if fields == nil {
		fields = nameFields[:1]
	}
	var lines []string
	for _, field := range fields {
		text, sent := b.sent(i, field)
		if !sent {
			return
		}
		if text = strings.TrimSpace(text); text != "" {
			lines = append(lines, text)
		}
	}
	b.set("name", strings.Join(lines, " "))
}

func mark(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// customerObject is the kind of an address that is a customer's; an address of a customer whose address management is
// central travels in ADRMAS, without anything else of the customer.
const customerObject = "KNA1"

// addresses reads ADRMAS: the address of a customer, one row per E1ADRMAS; those of other objects are counted.
func addresses(r *reader, d *Document) error {
	for i := range d.Children(-1, "E1ADRMAS") {
		b := &rowBuilder{r: r, d: d}
		if kind := b.value(i, "OBJ_TYPE"); kind != customerObject {
			r.count("other_object " + kind)
			continue
		}
		address := d.First(i, "E1BPAD1VL")
		if address < 0 {
			continue
		}
		b = r.push(d, i)
		b.set("customer_number", b.number(b.value(i, "OBJ_ID")))
		if street, sent := b.sent(address, "STREET"); sent {
			b.set("street", strings.TrimSpace(street+" "+b.value(address, "HOUSE_NO")))
		}
		b.copy("city", address, "CITY")
		b.copy("postal_code", address, "POSTL_COD1")
		country := "COUNTRYISO"
		if b.value(address, country) == "" {
			country = "COUNTRY"
		}
		b.copy("country", address, country)
		b.region(address, country, "REGION")
		for tel := range d.Children(i, "E1BPADTEL") {
			if text := b.value(tel, "TEL_NO"); text != "" {
				b.set("phone", text)
				break
			}
		}
		b.raws(address, i)
		if b.err != nil {
			return b.err
		}
	}
	return nil
}

// region is ISO 3166-2 where SAP's code of the country is (its letters are: US-NY), and what the feed's value list
// makes of COUNTRY-REGIO elsewhere. Without a list, a code of digits is left out.
func (b *rowBuilder) region(i int, countryField, regionField string) {
	country, here := b.sent(i, countryField)
	region, sent := b.sent(i, regionField)
	switch {
	case !here || !sent:
	case region == "" || country == "":
		b.set("region", "")
	case b.r.f.areas != nil || strings.Trim(region, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "":
		b.set("region", country+"-"+region)
	}
}

// salesArea finds the segment of the feed's sales area below a segment. Without a configured area it is the only one
// there is. others says that there are segments of other areas.
func (r *reader) salesArea(d *Document, below int, typ string) (at int, others bool) {
	f := r.f
	n := 0
	at = -1
	for i := range d.Children(below, typ) {
		n++
		if f.inArea(d, &d.Segments[i]) && at < 0 {
			at = i
		}
	}
	if f.SalesOrg == "" && f.Channel == "" && f.Division == "" && n > 1 {
		return -1, false
	}
	return at, n > 0
}

// inArea compares a segment's sales area with the configured one; a field that either leaves open agrees.
func (f *Options) inArea(d *Document, s *Segment) bool {
	for _, c := range [...]struct{ want, field string }{{f.SalesOrg, "VKORG"}, {f.Channel, "VTWEG"}, {f.Division, "SPART"}} {
		if c.want == "" {
			continue
		}
		if text, err := d.Value(s, c.field); err == nil && text != "" && text != f.noData() && text != c.want {
			return false
		}
	}
	return true
}
