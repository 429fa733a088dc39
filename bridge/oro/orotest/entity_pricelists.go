package orotest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

var _ = register(
	resource{
		name: "pricelists", actions: reading | writing | batching, business: []string{"name"},
		fields: fields([]field{
			{name: "active", kind: flag, init: "true", notNull: true}, {name: "actual", kind: flag, init: "true"},
			{name: "containSchedule", kind: flag, init: "false", readonly: true},
			{name: "productAssignmentRule", checks: []rule{assignable}},
			{name: "name", required: notBlank, max: 255},
		}, undated, []field{
			{name: "priceListCurrencies", kind: list, init: "[]", once: true, checks: []rule{currenciesOfList}},
			{name: "organization", kind: one, to: "organizations", init: "1", keeps: true},
			{name: "schedules", kind: inverse, to: "pricelistschedules", via: "priceList", orphans: true, shrinks: true, checks: []rule{apart}},
			{name: "priceRules", kind: inverse, to: "pricerules", via: "priceList", orphans: true, shrinks: true},
		}, noted),
		complete: withSchedule,
	},
	resource{
		name: "pricelistschedules", untitled: true, secures: "-", actions: reading | writing | batching,
		business: []string{"priceList", "activeAt"},
		fields: []field{
			{name: "activeAt", kind: moment}, {name: "deactivateAt", kind: moment, checks: []rule{afterwards}},
			{name: "priceList", kind: one, to: "pricelists", required: notBlank, index: true, cascade: true, frozen: true, fixed: true},
		},
		rules: []check{scheduledApart},
	},
	assignment("pricelisttocustomers", "customer", "customers"),
	assignment("pricelisttocustomergroups", "customerGroup", "customergroups"),
	fallbackOf("pricelistcustomerfallbacks", "customer", "customers"),
	fallbackOf("pricelistcustomergroupfallbacks", "customerGroup", "customergroups"),
)

const schedulesMeet = "Price list schedule segments should not intersect"

// scheduledApart wants a schedule not to meet the others of its list. What is made along with the list is told by the list.
func scheduledApart(e *entity) {
	list := e.one("priceList")
	if list == nil || e.index >= 0 {
		return
	}
	for _, other := range list.members("schedules") {
		if other.record.serial != e.record.serial && meet(e, other) {
			e.violate("schedule intervals intersection", "", schedulesMeet)
			return
		}
	}
}

// apart wants the schedules that are made along with a list not to meet.
func apart(e *entity, f *field) {
	schedules := e.members(f.name)
	for i, a := range schedules {
		if !e.wish.sends(f.name) || !slices.ContainsFunc(schedules, func(b *entity) bool { return a != b && meet(a, b) }) {
			continue
		}
		e.violate("schedule intervals intersection", f.name, schedulesMeet)
		e.violations[len(e.violations)-1].pointer += "/" + itoa(i)
	}
}

// meet reports whether two schedules are on at the same time; one without a begin or an end has always been, or never ends.
func meet(a, b *entity) bool {
	begin := func(e *entity) string { return e.text("activeAt") }
	end := func(e *entity) string { return e.text("deactivateAt") }
	return (end(b) == "" || begin(a) <= end(b)) && (end(a) == "" || begin(b) <= end(a))
}

// afterwards wants a schedule to end after it begins.
func afterwards(e *entity, f *field) {
	if begin, end := e.text("activeAt"), e.text(f.name); begin != "" && end != "" && end <= begin {
		e.violate("dates chain", f.name, "Deactivate At date should follow after Activate At")
	}
}

// assignment gives a price list to somebody.
func assignment(name, who, to string) resource {
	return resource{
		name: name, untitled: true, secures: "-", actions: reading | writing, business: []string{who, "priceList"},
		fields: []field{
			{
				name: "sortOrder", kind: integer, required: notBlank,
				bounds: &bounds{least: "-2147483648", most: "2147483647", detail: "This value should be between -2147483648 and 2147483647."},
			}, {name: "mergeAllowed", kind: flag, init: "true"},
			{name: who, kind: one, to: to, required: notBlank, index: true, cascade: true, frozen: true, fixed: true},
			{name: "priceList", kind: one, to: "pricelists", required: notBlank, index: true, cascade: true, fixed: true},
		},
		unique: []unique{{fields: []string{who, "priceList"}, detail: "This value is already used.", pointer: "priceList", enforced: true}},
	}
}

// fallbackOf says where somebody's prices come from when there are no price lists of his own.
func fallbackOf(name, who, to string) resource {
	return resource{
		name: name, untitled: true, secures: "-", actions: reading | writing, business: []string{who},
		fields: []field{
			{
				name: "fallback", kind: integer, required: notBlank,
				bounds: &bounds{least: "0", most: "1", detail: "This value should be between 0 and 1."},
			},
			{name: who, kind: one, to: to, required: notBlank, index: true, cascade: true, frozen: true, fixed: true},
		},
		unique: []unique{{fields: []string{who}, detail: "This value is already used. Source: website.", enforced: true}},
	}
}

// currenciesOfList wants known currencies, and keeps those that prices are in.
func currenciesOfList(e *entity, f *field) {
	var codes []string
	_ = json.Unmarshal([]byte(e.raw(f.name)), &codes) // parse made it; null is none
	if len(codes) == 0 {
		e.violate("count", "", "This collection should contain 1 element or more. Source: currencies.")
		return
	}
	for i, code := range codes {
		if !knownCurrency(code) {
			e.violate("currency", "", "This value is not a valid currency. Source: currencies.%d.currency.", i)
		}
	}
	before := e.table.get(e.record.serial)
	if before == nil || before.attrs[f.slot] == e.raw(f.name) {
		return
	}
	var had []string
	_ = json.Unmarshal([]byte(before.attrs[f.slot]), &had)
	prices := e.shop.tables["productprices"]
	for _, code := range had {
		if strings.Contains(e.raw(f.name), `"`+code+`"`) {
			continue
		}
		for _, n := range prices.refs[prices.byName["priceList"].slot][e.record.serial] {
			if prices.get(n).attrs[prices.byName["currency"].slot] == `"`+code+`"` {
				e.violate("price list product prices currency", "",
					`Cannot remove "%s" currency. Please delete all prices points in "%s" first. Source: currencies.`, code, code)
				break
			}
		}
	}
}

// unfinished is a rule that ends with an operator.
var unfinished = regexp.MustCompile(`(?:[<>=!+*/-]|\b(?:and|or|not|in))\s*$`)

// assignable wants a rule that can be read. The box looks no further than at its end.
func assignable(e *entity, f *field) {
	rule := e.text(f.name)
	if e.raw(f.name) != "" && unfinished.MatchString(rule) {
		e.violate("expression language syntax", f.name,
			"\"Unexpected token \"end of expression\" of value \"\" around position %d for expression `%s`.\"", len(rule)+1, rule)
	}
}

// withSchedule works out what a rule means: the prices of such a list are not ready at once.
func withSchedule(e *entity) {
	if e.created && e.text("productAssignmentRule") != "" {
		e.set("actual", "false")
	}
}
