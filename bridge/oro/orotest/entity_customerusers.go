package orotest

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

var _ = register(
	resource{
		name: "customerusers", actions: reading | writing | batching, extKey: "externalId", business: []string{"email"},
		title: []string{"firstName", "lastName"},
		fields: fields([]field{
			{name: "confirmed", kind: flag, init: "true"},
			{name: "email", required: notBlank, shape: emailShape, min: 6, max: 255, index: true, filter: single},
			{name: "namePrefix", max: 255}, {name: "firstName", required: notBlank, max: 255}, {name: "middleName", max: 255},
			{name: "lastName", required: notBlank, max: 255}, {name: "nameSuffix", max: 255}, {name: "birthday", kind: date, checks: []rule{born}},
		}, undated, []field{
			{name: "enabled", kind: flag, init: "false"}, {name: "loginCount", kind: integer, init: "0", readonly: true},
			{name: "isGuest", kind: flag, init: "false"}, {name: "lastLogin", kind: moment, readonly: true},
			{name: "passwordRequestedAt", kind: moment, readonly: true},
			{name: "passwordChangedAt", kind: moment, readonly: true},
			externalID,
			{name: "password", hidden: true, onCreate: true, checks: []rule{strong}},
		}, contacted, []field{
			{name: "cookies_accepted", kind: flag, init: "false"},
			toMany("userRoles", "customeruserroles"),
			{name: "customer", kind: one, to: "customers", required: notBlank, index: true, guards: true},
			{name: "addresses", kind: inverse, to: "customeruseraddresses", via: "customerUser", orphans: true, fixed: true},
			{name: "owner", kind: one, to: "users", init: "1", keeps: true}, toMany("salesRepresentatives", "users"),
			{name: "organization", kind: one, to: "organizations", init: "1", keeps: true},
		}, attached, []field{
			toMany("activityEmails", "emails"),
			{name: "auth_status", kind: one, to: "customeruserauthstatuses", init: "active"},
		}),
		unique: []unique{
			{
				fields: []string{"email"}, title: "unique customer user name and email constraint", detail: "This email is already used.",
				pointer: "email", onCreate: true,
			},
			uniqueExternalID,
		},
	},
	resource{name: "customeruserauthstatuses", ids: code},
	resource{
		name: "customeruserroles", actions: reading | writing, business: []string{"role"}, title: []string{"label"},
		fields: []field{
			{name: "role", min: 3, max: 255, index: true, filter: single, checks: []rule{codeOfRole}},
			{name: "label", required: notBlank, min: 3, max: 255},
			{name: "selfManaged", kind: flag, init: "false"}, {name: "public", kind: flag, init: "true"},
			toOne("customer", "customers"), toOne("organization", "organizations"),
			backTo("customerUsers", "customerusers", "userRoles"), toMany("activityNotes", "notes"),
		},
		unique: []unique{{fields: []string{"role"}, detail: "This value is already used.", pointer: "role", enforced: true}},
		complete: func(e *entity) {
			if e.created && e.text("role") == "" {
				e.set("role", encode("ROLE_FRONTEND_"+strings.ToUpper(newUUID())))
			}
		},
		undeletable: func(e *entity) bool { return len(e.members("customerUsers")) > 0 },
	},
)

// codeOfRole wants a role that is there to keep its code.
func codeOfRole(e *entity, f *field) {
	if e.existing && e.text(f.name) == "" {
		e.violate("not blank", f.name, notBlank)
	}
}

// born wants a day of birth that has come.
func born(e *entity, f *field) {
	if day := e.text(f.name); day > e.shop.clock().UTC().Format(time.DateOnly) {
		e.violate("less than or equal", f.name, "The birth date cannot be in the future.")
	}
}

// strong wants a password of eight characters with a capital and a digit.
func strong(e *entity, f *field) {
	password := e.text(f.name)
	if e.existing || e.raw(f.name) == "" {
		return
	}
	var include []string
	if !strings.ContainsFunc(password, unicode.IsUpper) {
		include = append(include, "an upper case letter")
	}
	if !strings.ContainsFunc(password, unicode.IsDigit) {
		include = append(include, "a number")
	}
	var wants []string
	if utf8.RuneCountInString(password) < 8 {
		wants = append(wants, "be at least 8 characters long")
	}
	if len(include) > 0 {
		wants = append(wants, "include "+strings.Join(include, " and "))
	}
	if len(wants) > 0 {
		e.violate("password complexity", f.name, "The password must %s", strings.Join(wants, " and "))
	}
}
