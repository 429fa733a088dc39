package orotest

import (
	"regexp"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
	"golang.org/x/text/currency"
)

// The resources of the shop are data: each stands in a file of its own, entity_….go, which registers it. The order of
// fields is the order of the answers, and of the validation within a record.

// resources are all that the entity files register.
var resources []resource

func register(l ...resource) bool {
	resources = append(resources, l...)
	return true
}

func toOne(name, to string) field  { return field{name: name, kind: one, to: to} }
func toMany(name, to string) field { return field{name: name, kind: many, to: to} }
func backTo(name, to, via string) field {
	return field{name: name, kind: inverse, to: to, via: via}
}

func fields(groups ...[]field) []field { return slices.Concat(groups...) }

// Groups of fields that several resources have.
var (
	ownedByUser = []field{
		{name: "owner", kind: one, to: "users", init: "1", keeps: true},
		{name: "organization", kind: one, to: "organizations", init: "1", keeps: true},
	}
	ownedByUnit = []field{
		{name: "owner", kind: one, to: "businessunits", init: "1", keeps: true},
		{name: "organization", kind: one, to: "organizations", init: "1", keeps: true},
	}
	dated = []field{
		{name: "createdAt", kind: moment, readonly: true, filter: single},
		{name: "updatedAt", kind: moment, readonly: true, filter: single},
	}
	// undated are times that cannot be asked for.
	undated   = []field{{name: "createdAt", kind: moment, readonly: true}, {name: "updatedAt", kind: moment, readonly: true}}
	contacted = []field{
		{name: "lastContactedDate", kind: moment, readonly: true},
		{name: "lastContactedDateIn", kind: moment, readonly: true},
		{name: "lastContactedDateOut", kind: moment, readonly: true},
		{name: "timesContacted", kind: integer, readonly: true},
		{name: "timesContactedIn", kind: integer, readonly: true},
		{name: "timesContactedOut", kind: integer, readonly: true},
	}
	personal = []field{
		{name: "namePrefix", max: 255}, {name: "firstName", max: 255}, {name: "middleName", max: 255}, {name: "lastName", max: 255},
		{name: "nameSuffix", max: 255},
	}
	noted    = []field{toMany("activityNotes", "notes")}
	attached = []field{toMany("attachments", "attachments"), toMany("activityNotes", "notes")}
	stocked  = []string{
		"manageInventory", "highlightLowInventory", "inventoryThreshold", "lowInventoryThreshold",
		"minimumQuantityToOrder", "maximumQuantityToOrder", "decrementQuantity", "backOrder",
	}
	// externalID is the key of another system; the database keeps 36 characters.
	externalID = field{name: "externalId", column: 36, index: true, filter: several}
)

const externalTaken = `Value for field "External ID" must be unique`

var uniqueExternalID = unique{fields: []string{"externalId"}, detail: externalTaken}

func fallbacks(names ...string) []field {
	var l []field
	for _, name := range names {
		l = append(l, toOne(name, "entityfieldfallbackvalues"))
	}
	return l
}

var emailShape = &shape{
	pattern:    regexp.MustCompile(`^[^\s@"(),:;<>\[\\\]]{1,64}@[^\s@]+\.[^\s@.]+$`),
	constraint: "email", detail: "This value is not a valid email address.",
}

func knownCurrency(code string) bool {
	_, err := currency.ParseISO(code)
	return err == nil && code == strings.ToUpper(code) && code != "XXX" && code != "XTS"
}

func asMoney(d decimal.Decimal) string { return `"` + d.StringFixed(4) + `"` }
