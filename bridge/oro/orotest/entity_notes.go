package orotest

import "strings"

var _ = register(resource{
	name: "notes", untitled: true, actions: reading | writing, business: []string{"message"}, title: []string{"message"},
	fields: fields([]field{{name: "message", checks: []rule{written}}}, undated, []field{
		{name: "owner", kind: one, to: "users", init: "1", keeps: true},
		{name: "organization", kind: one, to: "organizations", init: "1", keeps: true},
		{name: "updatedBy", kind: one, to: "users", init: "1", readonly: true}, toOne("attachment", "files"),
		// the shop takes targets of any resource, the box orders
		{name: "activityTargets", kind: many, to: "orders", index: true, cascade: true},
		toMany("comments", "comments"),
	}),
})

func written(e *entity, f *field) {
	if strings.TrimSpace(e.text(f.name)) == "" {
		e.violate("html not blank", f.name, notBlank)
	}
}
