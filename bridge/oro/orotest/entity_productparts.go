package orotest

import (
	"encoding/json"
	"regexp"
	"strings"
)

// localized is a text of a product or category in one language; the one without localization is the default.
func localized(name, parent, to, value string, kind kind, actions action) resource {
	return resource{
		name: name, actions: actions, moves: true, secures: parent,
		fields: []field{
			{name: value, kind: kind, max: 255, filter: single},
			{name: "fallback", choices: fallbackWays, filter: single},
			{name: parent, kind: one, to: to, index: true, cascade: true},
			{name: "localization", kind: one, to: "localizations"},
		},
		business: []string{parent, "localization"},
	}
}

func description(name, value string, kind kind) resource {
	r := localized(name, "product", "products", value, kind, reading|creating|updating)
	r.fields[0].max, r.fields[0].filter = 0, unfiltered
	if kind == wysiwyg { // stands behind its fallback
		r.fields[0].checks = []rule{harmless}
		r.fields[0], r.fields[1] = r.fields[1], r.fields[0]
	}
	return r
}

var _ = register(
	productNames(),
	description("productdescriptions", "wysiwyg", wysiwyg),
	description("productshortdescriptions", "text", text),
	resource{
		name: "productunits", ids: code, actions: reading | writing, secures: "-",
		business: []string{"id"}, title: []string{"label"},
		fields: []field{
			{name: "defaultPrecision", kind: integer}, {name: "label", required: notBlank}, {name: "shortLabel", required: notBlank},
			{name: "pluralLabel", required: notBlank}, {name: "shortPluralLabel", required: notBlank},
		},
	},
	resource{
		name: "productunitprecisions", untitled: true, actions: reading | writing, secures: "product",
		business: []string{"product", "unit"},
		fields: []field{
			{
				name: "precision", kind: integer, init: "0", required: "Precision should not be blank.",
				bounds: &bounds{least: "0", most: "10", detail: "This value should be between 0 and 10."},
			},
			{name: "conversionRate", kind: number, init: "1"},
			{name: "sell", kind: flag, init: "true"},
			{name: "product", kind: one, to: "products", index: true, cascade: true},
			{name: "unit", kind: one, to: "productunits", required: "Unit should not be blank."},
		},
		unique: []unique{
			{
				fields: []string{"product", "unit"}, detail: "This value is already used.", pointer: "product", enforced: true,
				onCreate: true, alone: true,
			},
		},
		complete: withLevel,
		deletion: func(e *entity) string {
			if product := e.one("product"); product != nil && product.ref("primaryUnitPrecision") == e.record.serial {
				return "primary precision"
			}
			return ""
		},
	},
	resource{
		name: "productimages", untitled: true, actions: reading | writing, secures: "product", business: []string{"product"},
		fields: []field{
			{name: "updatedAt", kind: moment, readonly: true},
			{name: "product", kind: one, to: "products", index: true, cascade: true},
			toMany("types", "productimagetypes"), toOne("image", "files"),
		},
	},
)

func productNames() resource {
	r := localized("productnames", "product", "products", "string", text, reading|creating|updating)
	r.complete = denormalised
	return r
}

// denormalised is what the shop does with the default name of a product that is written by itself: it copies it to the
// product, which fails without a name, and fails altogether for a new one, be it the second.
func denormalised(e *entity) {
	switch {
	case e.index >= 0 || e.one("product") == nil || e.ref("localization") != 0:
	case e.created:
		e.broken = runtimeBroken
	case e.raw("string") == "":
		e.broken = notNullBroken
	}
}

// withLevel gives a new unit of a product its inventory level.
func withLevel(e *entity) {
	if e.created && e.ref("product") != 0 {
		level := e.create("inventorylevels")
		level.setRef("product", e.ref("product"))
		level.setRef("productUnitPrecision", e.record.serial)
	}
}

// What an editor's text must not have: scripts, frames, and what runs by itself.
var (
	forbiddenTags       = regexp.MustCompile(`(?i)</?script\b[^>]*>`)
	forbiddenAttributes = regexp.MustCompile(`(?i)<([a-z0-9]+)\b[^>]*?\s(on[a-z]+)\s*=`)
	framed              = regexp.MustCompile(`(?i)<(iframe)\b[^>]*?\s(src)\s*=\s*"http://`)
)

// near is how much of a text the shop quotes.
const near = 25

// harmless wants no HTML that the shop does not allow. The box knows scripts, handlers and frames only.
func harmless(e *entity, f *field) {
	var w struct{ Value string }
	if json.Unmarshal([]byte(e.raw(f.name)), &w) != nil {
		return
	}
	var found []string
	quote := func(at int) string {
		rest := w.Value[at:]
		return rest[:min(near, len(rest))] + "..."
	}
	for _, at := range forbiddenTags.FindAllStringIndex(w.Value, -1) {
		tag := strings.Fields(strings.Trim(w.Value[at[0]:at[1]], "<>"))[0]
		found = append(found, `Unrecognized "<`+tag+`>" meta tag and all descendants should be removed (near `+quote(at[0])+`)`)
	}
	for _, pattern := range []*regexp.Regexp{forbiddenAttributes, framed} {
		for _, m := range pattern.FindAllStringSubmatchIndex(w.Value, -1) {
			found = append(found, `"`+w.Value[m[4]:m[5]]+`" attribute on "<`+w.Value[m[2]:m[3]]+`>" should be removed (near `+quote(m[0])+`)`)
		}
	}
	if len(found) == 0 {
		return
	}
	const detail = "Please remove not permitted HTML-tags in the content field:\n- %s.\n"
	if e.index >= 0 { // told of the field too
		e.violate("wysiwyg", f.name, detail, strings.Join(found, ";\n- "))
	}
	e.violate("wysiwyg", f.name, detail, strings.Join(found, ";\n- "))
	e.violations[len(e.violations)-1].pointer += "/value"
}
