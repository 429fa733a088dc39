package orotest

import (
	"bufio"
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed seed/base.json
var baseGoods []byte

//go:embed seed/sample.json
var sampleGoods []byte

// seedling is a record of the seed data.
type seedling struct {
	ID            string                     `json:"id"`
	Attributes    map[string]json.RawMessage `json:"attributes"`
	Relationships map[string]seedIDs         `json:"relationships"`
}

// seedIDs are those that a relation leads to: in the data an id, or a list of ids.
type seedIDs []string

// UnmarshalJSON implements [json.Unmarshaler].
func (s *seedIDs) UnmarshalJSON(text []byte) error {
	if text[0] == '[' {
		return json.Unmarshal(text, (*[]string)(s))
	}
	var id string
	if err := json.Unmarshal(text, &id); err != nil || id == "" {
		return err
	}
	*s = seedIDs{id}
	return nil
}

// Seed data by resource, read once for all shops, which leave it as it is.
var (
	baseSeeds   = sync.OnceValue(func() map[string][]seedling { return readSeeds(baseGoods) })
	sampleSeeds = sync.OnceValue(func() map[string][]seedling { return readSeeds(sampleGoods) })
)

func readSeeds(text []byte) (all map[string][]seedling) {
	if err := json.Unmarshal(text, &all); err != nil {
		panic(fmt.Sprintf("orotest: seed data: %v", err)) // embedded: a mistake of ours
	}
	return all
}

// A bed is what new shops are planted from: it is sown once in a process.
type bed struct {
	goods   Goods
	release Release
}

var beds sync.Map // by bed, its func() map[string]*table

func (b bed) tables() map[string]*table {
	sown, _ := beds.LoadOrStore(b, sync.OnceValue(func() map[string]*table {
		s := &holdings{release: releases[b.release], tables: newTables(resources)}
		s.sow(b.goods)
		return s.tables
	}))
	return sown.(func() map[string]*table)()
}

// plant fills a new shop.
func (s *Shop) plant() {
	s.become(bed{s.seed, s.release.name}.tables())
	if s.statuses {
		for _, status := range []string{"open", "processing", "closed", "cancelled"} {
			s.mustAdd("orderstatuses", map[string]any{"id": status, "name": strings.ToUpper(status[:1]) + status[1:]}, nil)
		}
	}
	for _, k := range s.keys {
		k.add(s.tables[k.resource])
	}
}

// sow fills empty tables.
func (s *holdings) sow(goods Goods) {
	all := baseSeeds()
	if goods == Sample {
		all = sampleSeeds()
	}
	s.plantCountries()
	names := slices.Sorted(maps.Keys(all))
	records := make(map[place]*record)
	for _, name := range names {
		for _, seed := range all[name] {
			s.tables[name].reach(seed.ID)
		}
	}
	for _, name := range names {
		for _, seed := range all[name] {
			s.plantRecord(s.tables[name], seed, records)
		}
	}
	for _, p := range slices.SortedFunc(maps.Keys(records), func(a, b place) int { return int(a.serial - b.serial) }) {
		if !p.table.replace(nil, records[p]) {
			panic("orotest: seed data: two of a key in " + p.table.name)
		}
	}
	for _, name := range names {
		for _, seed := range all[name] {
			s.arrange(s.tables[name], seed)
		}
	}
}

// A territory is a country, or a region of the one before it.
type territory struct {
	id     string
	region bool
	attrs  []string // as a record has them
}

// readGeography reads the list of a release: a country or region a line, as in US,USA,United States and, below it, US-NY,NY,New York.
func readGeography(list []byte) (all []territory) {
	lines := bufio.NewScanner(bytes.NewReader(list))
	for lines.Scan() {
		id, rest, _ := strings.Cut(lines.Text(), ",")
		short, name, _ := strings.Cut(rest, ",")
		all = append(all, territory{id, strings.Contains(id, "-"), []string{encode(short), encode(name), "false"}})
	}
	return all
}

// plantCountries plants all countries and regions of the release.
func (s *holdings) plantCountries() {
	countries, regions := s.tables["countries"], s.tables["regions"]
	country := int32(0)
	for _, at := range s.release.geography() {
		t := countries
		if at.region {
			t = regions
		}
		r := t.blank()
		t.identify(r.serial, at.id)
		copy(r.attrs, at.attrs)
		if at.region {
			r.ones[0] = country
		} else {
			country = r.serial
		}
		t.replace(nil, r)
	}
}

// reach makes room for a record with the id and returns its serial.
func (t *table) reach(id string) int32 {
	if t.ids == code {
		if n := t.codes[id]; n != 0 {
			return n
		}
		r := t.blank()
		t.identify(r.serial, id)
		return r.serial
	}
	n, err := strconv.Atoi(id)
	if err != nil {
		panic("orotest: seed data: id " + id + " of " + t.name)
	}
	for len(t.rows) <= n {
		t.rows = append(t.rows, nil)
	}
	return int32(n)
}

func (s *holdings) plantRecord(t *table, seed seedling, records map[place]*record) {
	r := sprout(t, t.reach(seed.ID), records)
	for name, raw := range seed.Attributes {
		f := t.byName[name]
		if f == nil {
			panic("orotest: seed data: no " + name + " in " + t.name)
		}
		value, ok := f.parse(raw)
		if !ok {
			panic(fmt.Sprintf("orotest: seed data: %s of %s %s is %s", name, t.name, seed.ID, raw))
		}
		r.attrs[f.slot] = value
	}
	for name, ids := range seed.Relationships {
		f := t.byName[name]
		for _, id := range ids {
			n := f.target.reach(id)
			switch f.kind {
			case one:
				r.ones[f.slot] = n
			case many:
				if !slices.Contains(r.lists[f.slot], n) { // the other side may have told it
					r.lists[f.slot] = append(r.lists[f.slot], n)
				}
			case inverse:
				back := sprout(f.target, n, records)
				if f.source.kind == one {
					back.ones[f.source.slot] = r.serial
				} else if !slices.Contains(back.lists[f.source.slot], r.serial) {
					back.lists[f.source.slot] = append(back.lists[f.source.slot], r.serial)
				}
			}
		}
	}
}

// sprout is the record of a place, made when it is named for the first time.
func sprout(t *table, n int32, records map[place]*record) *record {
	p := place{t, n}
	if records[p] == nil {
		r := &record{serial: n, attrs: make([]string, t.width[0]), ones: make([]int32, t.width[1]), lists: make([][]int32, t.width[2])}
		for i := range t.fields {
			if f := &t.fields[i]; !f.kind.relation() {
				r.attrs[f.slot] = f.init
			}
		}
		records[p] = r
	}
	return records[p]
}

// arrange puts inverse relations into the order of the seed data.
func (s *holdings) arrange(t *table, seed seedling) {
	for name, ids := range seed.Relationships {
		f := t.byName[name]
		if f.kind != inverse || f.source.kind != one {
			continue
		}
		var l []int32
		for _, id := range ids {
			l = append(l, f.target.reach(id))
		}
		n := t.reach(seed.ID)
		for _, m := range f.target.refs[f.source.slot][n] {
			if !slices.Contains(l, m) {
				l = append(l, m)
			}
		}
		if len(l) > 0 {
			f.target.refs[f.source.slot][n] = l
		}
	}
}

// Add makes a record as it is given, without validation. Attributes go by the names of the API, their values are
// what JSON would hold; relations are the id of a record, a []string of ids, or nil. Resources such as productunits,
// whose ids are codes, take theirs as the attribute id. What the shop derives, such as a product's texts and
// inventory levels or an order's totals, is derived.
//
// Add fails on a name or id that the shop does not know, and on a key that is taken.
func (s *holdings) Add(resource string, attrs, rels map[string]any) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(resource, attrs, rels)
}

func (s *holdings) add(resource string, attrs, rels map[string]any) (id string, err error) {
	t := s.tables[resource]
	if t == nil {
		return "", fmt.Errorf("add to %s: no such resource", resource)
	}
	d := s.draft(false)
	e := d.create(resource)
	if err := fill(e, attrs, rels); err != nil {
		return "", fmt.Errorf("add to %s: %w", resource, err)
	}
	if t.complete != nil {
		t.complete(e)
	}
	if err := d.commit(); err != nil {
		return "", fmt.Errorf("add to %s: %w", resource, err)
	}
	if resource == "localizations" {
		s.spoken = nil
	}
	return t.id(e.record.serial), nil
}

func (s *holdings) mustAdd(resource string, attrs, rels map[string]any) string {
	id, err := s.add(resource, attrs, rels)
	if err != nil {
		panic("orotest: " + err.Error())
	}
	return id
}

// fill sets fields by name, read-only ones too.
func fill(e *entity, attrs, rels map[string]any) error {
	for name, v := range attrs {
		if name == "id" && e.table.ids == code {
			e.table.identify(e.record.serial, fmt.Sprint(v))
			continue
		}
		f := e.table.byName[name]
		if f == nil || f.kind.relation() {
			return fmt.Errorf("no attribute %s", name)
		}
		value, ok := f.parse(json.RawMessage(encode(v)))
		if !ok {
			return fmt.Errorf("attribute %s: cannot be %v", name, v)
		}
		e.record.attrs[f.slot] = value
	}
	for name, v := range rels {
		if err := lead(e, name, v); err != nil {
			return err
		}
	}
	return nil
}

func lead(e *entity, name string, v any) error {
	f := e.table.byName[name]
	if f == nil || !f.kind.relation() || f.kind == computed {
		return fmt.Errorf("no relation %s", name)
	}
	var ids []string
	switch v := v.(type) {
	case nil:
	case string:
		ids = []string{v}
	case []string:
		ids = v
	default:
		return fmt.Errorf("relation %s: ids are strings, not %T", name, v)
	}
	var l []int32
	for _, id := range ids {
		n, _ := f.target.parseID(id)
		if e.get(f.target, n) == nil && !f.target.shapeless(n) {
			return fmt.Errorf("relation %s: no %s %s", name, f.target.name, id)
		}
		l = append(l, n)
	}
	switch {
	case f.kind == many:
		e.record.lists[f.slot] = l
	case f.kind == inverse:
		e.gather(f, l)
	case len(l) == 0:
		e.record.ones[f.slot] = 0
	default:
		e.record.ones[f.slot] = l[0]
	}
	return nil
}

// Unit is a unit of a product.
type Unit struct {
	Code      string
	Precision int    // decimals of a quantity
	Rate      string // how many of the product's first unit it holds; "" is 1
}

// AddProduct makes a product as the API would: enabled, in stock, with its texts, and an inventory level of 0 for
// each unit. The first unit is the primary one.
func (s *holdings) AddProduct(sku, name string, units ...Unit) (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.draft(false)
	e := d.create("products")
	family, _ := s.tables["attributefamilies"].parseID("1")
	e.setRef("attributeFamily", family)
	status, _ := s.tables["prodinventorystatuses"].parseID("in_stock")
	e.setRef("inventory_status", status)
	e.set("sku", encode(sku))
	e.set("status", `"enabled"`)
	text := d.create("productnames")
	text.set("string", encode(name))
	text.setRef("product", e.record.serial)
	for i, u := range units {
		n, _ := s.tables["productunits"].parseID(u.Code)
		if n == 0 {
			return "", fmt.Errorf("add product %s: no unit %s", sku, u.Code)
		}
		unit := d.create("productunitprecisions")
		unit.set("precision", strconv.Itoa(u.Precision))
		unit.set("conversionRate", cmp.Or(u.Rate, "1"))
		unit.setRef("unit", n)
		unit.setRef("product", e.record.serial)
		withLevel(unit)
		if i == 0 {
			e.setRef("primaryUnitPrecision", unit.record.serial)
		}
	}
	withParts(e)
	if err := d.commit(); err != nil {
		return "", fmt.Errorf("add product %s: %w", sku, err)
	}
	return e.table.id(e.record.serial), nil
}

// AddCustomer makes a customer with its account. An empty externalID is none.
func (s *holdings) AddCustomer(name, externalID string) (id string, err error) {
	attrs := map[string]any{"name": name}
	if externalID != "" {
		attrs["externalId"] = externalID
	}
	return s.Add("customers", attrs, nil)
}

// AddPriceList makes an active price list.
func (s *holdings) AddPriceList(name string, currencies ...string) (id string, err error) {
	return s.Add("pricelists", map[string]any{"name": name, "priceListCurrencies": currencies}, nil)
}

// AddPrice makes a price; list and product are ids, quantity and value plain decimals.
func (s *holdings) AddPrice(list, product, unit, quantity, currency, value string) (id string, err error) {
	return s.Add("productprices",
		map[string]any{"quantity": quantity, "currency": currency, "value": value},
		map[string]any{"priceList": list, "product": product, "unit": unit})
}

// SetStock sets the quantity of a product's inventory level, by sku and unit code.
func (s *holdings) SetStock(sku, unit, quantity string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	products, levels := s.tables["products"], s.tables["inventorylevels"]
	d := s.draft(false)
	for _, p := range products.texts[products.byName["sku"].slot][encode(sku)] {
		for _, n := range levels.refs[levels.byName["product"].slot][p] {
			e := d.entity(levels, n)
			if precision := e.one("productUnitPrecision"); precision.table.byName["unit"].target.id(precision.ref("unit")) != unit {
				continue
			}
			if err := fill(e, map[string]any{"quantity": quantity}, nil); err != nil {
				return fmt.Errorf("set stock of %s: %w", sku, err)
			}
			return d.commit()
		}
	}
	return fmt.Errorf("set stock of %s: no level in %s", sku, unit)
}

// Newest is an attribute of the record of a resource that was made last, or its id; "" when there is none.
func (s *holdings) Newest(resource, attribute string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	t := s.tables[resource]
	if t == nil {
		return ""
	}
	for _, r := range slices.Backward(t.rows) {
		f := t.byName[attribute]
		switch {
		case r == nil:
		case attribute == "id":
			return t.id(r.serial)
		case f != nil && !f.kind.relation():
			return decodeText(r.attrs[f.slot])
		}
	}
	return ""
}
