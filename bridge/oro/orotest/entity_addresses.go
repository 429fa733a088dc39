package orotest

import (
	"bytes"
	"encoding/json"
	"slices"
)

var (
	located = []field{
		{name: "label", max: 255},
		{name: "street", required: notBlank, max: 500},
		{name: "street2", max: 500},
		{name: "city", required: notBlank, max: 255},
		{name: "postalCode", required: notBlank, max: 255},
		{name: "organization", max: 255},
		{name: "customRegion", max: 255, filter: single},
	}
	phoned  = field{name: "phone", max: 255}
	wherein = []field{
		{name: "country", kind: one, to: "countries", required: notBlank, fixed: true}, {name: "region", kind: one, to: "regions", fixed: true},
	}
	validity = []field{{name: "validatedAt", kind: moment}}
)

// bookAddress is an address in the book of a customer or a customer user.
func bookAddress(name, owner, to string) resource {
	return resource{
		name: name, actions: reading | writing | batching, business: []string{owner, "label", "street", "city"}, title: []string{"label"},
		fields: fields([]field{phoned, {name: "primary", kind: flag, init: "false"}}, located, personal, undated, validity, []field{
			{name: "types", kind: object, init: "[]", read: readTypes},
			{name: owner, kind: one, to: to, required: notBlank, index: true, cascade: true, frozen: true, fixed: true},
			{name: "owner", kind: one, to: "users", init: "1", keeps: true},
			{name: "systemOrganization", kind: one, to: "organizations", init: "1", keeps: true, fixed: true},
		}, wherein),
		rules:     []check{regional, named},
		shortcuts: map[string]string{"addressType": "types"},
		complete:  func(e *entity) { inBook(e, owner) },
	}
}

var _ = register(
	bookAddress("customeraddresses", "customer", "customers"),
	bookAddress("customeruseraddresses", "customerUser", "customerusers"),
	resource{
		name: "orderaddresses", actions: reading | writing,
		business: []string{"street", "city", "postalCode", "lastName"},
		fields: fields([]field{{name: "fromExternalSource", kind: flag, init: "false"}, phoned}, located, personal, undated,
			validity, wherein, []field{
				{name: "customerAddress", kind: one, to: "customeraddresses", fixed: true},
				{name: "customerUserAddress", kind: one, to: "customeruseraddresses", fixed: true},
			}),
		rules: []check{regional, named},
	},
)

// named wants an organization or the names of a person.
func named(e *entity) {
	blank := func(name string) bool { return e.text(name) == "" }
	if !blank("organization") || !blank("firstName") && !blank("lastName") {
		return
	}
	const constraint = "name or organization"
	e.violate(constraint, "firstName", "First Name and Last Name or Organization should not be blank.")
	e.violate(constraint, "lastName", "Last Name and First Name or Organization should not be blank.")
	e.violate(constraint, "organization", "Organization or First Name and Last Name should not be blank.")
}

// regional wants a region of the country, if the shop knows any.
func regional(e *entity) {
	country, region := e.one("country"), e.one("region")
	if country == nil {
		return
	}
	regions := len(country.members("regions")) > 0
	if regions && e.text("customRegion") != "" {
		e.violate("region text", "", "Custom region can be used only for countries without predefined regions.")
	}
	switch {
	case region != nil && region.ref("country") != country.record.serial:
		e.violate("valid region", "", "Region %s does not belong to country %s", region.text("name"), country.text("name"))
	case region == nil && regions:
		e.violate("required region", "region", "State is required for country %s", country.text("name"))
	}
}

// addressType is what an address is for.
type addressType struct {
	Type    string `json:"addressType"`
	Default bool   `json:"default"`
}

// readTypes reads the types of an address; of one that stands twice the first counts.
func readTypes(e *entity, f *field, raw json.RawMessage) string {
	raw = bytes.TrimSpace(raw)
	if string(raw) == "null" {
		return "[]"
	}
	if !isArray(raw) {
		e.refuse(f.name, notValid)
		return "[]"
	}
	types := []addressType{}
	for i, raw := range elements(raw) {
		m := readMembers(raw)
		name, _ := isString(m.values["addressType"])
		preset, ok := m.get("default")
		switch {
		case !isObject(raw):
			e.refuseAt(f.name, itoa(i), notValid)
		case name != "billing" && name != "shipping":
			e.refuseAt(f.name, itoa(i)+"/addressType", notValid)
		case !ok:
			e.refuseAt(f.name, itoa(i)+"/default", "This value is mandatory.")
		case !slices.ContainsFunc(types, func(t addressType) bool { return t.Type == name }):
			types = append(types, addressType{name, string(preset) == "true"})
		}
	}
	return encode(types)
}

// inBook keeps one primary address and one default of each type in a book: the last to claim it has it.
func inBook(e *entity, owner string) {
	o := e.one(owner)
	if o == nil {
		return
	}
	others := e.leadingTo(e.table, e.table.byName[owner], o.record.serial)
	others = slices.DeleteFunc(others, func(n int32) bool { return n == e.record.serial })
	primary := func(n int32) bool {
		return e.get(e.table, n).attrs[e.table.byName["primary"].slot] == "true"
	}
	if e.raw("primary") != "true" && !slices.ContainsFunc(others, primary) {
		e.set("primary", "true")
	}
	own := typesOf(e.raw("types"))
	for _, n := range others {
		if e.raw("primary") == "true" && primary(n) {
			e.edit(e.table, n).attrs[e.table.byName["primary"].slot] = "false"
		}
		types := typesOf(e.get(e.table, n).attrs[e.table.byName["types"].slot])
		changed := false
		for i, t := range types {
			if t.Default && slices.Contains(own, t) {
				types[i].Default, changed = false, true
			}
		}
		if changed {
			e.edit(e.table, n).attrs[e.table.byName["types"].slot] = encode(types)
		}
	}
}

func typesOf(stored string) []addressType {
	l := []addressType{}
	_ = json.Unmarshal([]byte(stored), &l) // it was read by readTypes, or is a seed's
	return l
}
