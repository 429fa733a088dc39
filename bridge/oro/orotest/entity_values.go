package orotest

import (
	"slices"
	"strings"
)

// Values that other records are made of: texts by language, and settings that fall back to those of the category or system.

var _ = register(
	resource{
		name: "localizedfallbackvalues", actions: reading | updating, secures: "-", parts: true,
		fields: []field{
			{name: "string", max: 255, filter: single}, {name: "fallback", choices: fallbackWays, filter: single}, {name: "text"},
			{name: "wysiwyg", kind: wysiwyg},
			toOne("localization", "localizations"),
		},
	},
	resource{
		name: "entityfieldfallbackvalues", untitled: true, actions: reading | updating, secures: "-", parts: true,
		fields: []field{{name: "fallback"}, {name: "scalarValue"}, {name: "arrayValue", kind: object}},
	},
)

// fallbackWays are where a text of a language may fall back to.
var fallbackWays = []string{"system", "parent_localization"}

// translate gives a relation to several texts one for each localization of the shop, and a default. Texts that were
// sent are the last to be written, as in the shop.
func translate(e *entity, name string, values int) {
	f := e.table.byName[name]
	sent := e.record.lists[f.slot]
	spoken := make(map[int32]bool)
	for _, n := range sent {
		if r := e.get(f.target, n); r != nil {
			spoken[r.ones[f.target.byName["localization"].slot]] = true
		}
	}
	var l []int32
	if e.table.name == "products" {
		// a product has dozens: those that were not sent are known by their ids alone
		l = e.reserve(f.target, max(values-len(spoken), 0))
	} else {
		l = e.untranslated(f.target, spoken)
	}
	for _, n := range sent {
		l = append(l, e.renumber(f.target, n))
	}
	e.setList(name, l)
}

// untranslated makes the texts of the languages that are not spoken yet, and the default last.
func (d *draft) untranslated(t *table, spoken map[int32]bool) []int32 {
	var l []int32
	for _, language := range append(slices.Clone(d.shop.languages()), language{}) {
		if spoken[language.serial] {
			continue
		}
		value := d.create(t.name)
		value.setRef("localization", language.serial)
		if language.serial != 0 {
			value.set("fallback", `"`+language.fallback+`"`)
		}
		l = append(l, value.record.serial)
	}
	return l
}

// renumber gives a record of the request the next serial: what it was made along with came first.
func (d *draft) renumber(t *table, n int32) int32 {
	old := d.staged[place{t, n}]
	if old == nil || t.get(n) != nil {
		return n // it is not new
	}
	d.draw(t)
	r := t.blank()
	r.attrs, r.ones, r.lists = old.attrs, old.ones, old.lists
	d.staged[place{t, n}] = nil
	d.put(t, r)
	for _, x := range d.entries {
		if x.table == t && x.record == old {
			x.record = r
		}
	}
	for id, m := range d.links {
		if m == n && id.Type == t.name {
			d.links[id] = r.serial
		}
	}
	return r.serial
}

// language is a localization with where its texts fall back to.
type language struct {
	serial   int32
	name     string
	fallback string
}

// languages are the localizations by name: the order in which texts are made.
func (s *holdings) languages() []language {
	if s.spoken != nil {
		return s.spoken
	}
	t := s.tables["localizations"]
	for _, r := range t.rows {
		if r == nil {
			continue
		}
		l := language{r.serial, r.attrs[t.byName["name"].slot], "parent_localization"}
		if r.ones[t.byName["parentLocalization"].slot] == 0 {
			l.fallback = "system"
		}
		s.spoken = append(s.spoken, l)
	}
	slices.SortFunc(s.spoken, func(a, b language) int { return strings.Compare(a.name, b.name) })
	return s.spoken
}

// reserve takes serials for records of which nothing but the id is told.
func (d *draft) reserve(t *table, n int) []int32 {
	d.draw(t)
	l := make([]int32, n)
	for i := range l {
		t.rows = append(t.rows, nil)
		l[i] = int32(len(t.rows) - 1)
	}
	return l
}
