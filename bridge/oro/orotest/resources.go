package orotest

import "slices"

// The resources of the shop, as data. The order of fields is the order of the answers, and of the
// validation within a record.

func toOne(name, to string) field  { return field{name: name, kind: one, to: to} }
func toMany(name, to string) field { return field{name: name, kind: many, to: to} }
func backTo(name, to, via string) field {
	return field{name: name, kind: inverse, to: to, via: via}
}

func fields(groups ...[]field) []field { return slices.Concat(groups...) }

var (
	ownedByUser = []field{
		{name: "owner", kind: one, to: "users", init: "1"},
		{name: "organization", kind: one, to: "organizations", init: "1"},
	}
	ownedByUnit = []field{
		{name: "owner", kind: one, to: "businessunits", init: "1"},
		{name: "organization", kind: one, to: "organizations", init: "1"},
	}
	dated = []field{
		{name: "createdAt", kind: moment, readonly: true, filter: ranged},
		{name: "updatedAt", kind: moment, readonly: true, filter: ranged},
	}
	contacted = []field{
		{name: "lastContactedDate", kind: moment, readonly: true},
		{name: "lastContactedDateIn", kind: moment, readonly: true},
		{name: "lastContactedDateOut", kind: moment, readonly: true},
		{name: "timesContacted", kind: integer, readonly: true},
		{name: "timesContactedIn", kind: integer, readonly: true},
		{name: "timesContactedOut", kind: integer, readonly: true},
	}
	personal = []field{
		{name: "namePrefix"}, {name: "firstName"}, {name: "middleName"}, {name: "lastName"}, {name: "nameSuffix"},
	}
	located = []field{
		{name: "label"},
		{name: "street", required: notBlank, max: 500},
		{name: "street2"},
		{name: "city", required: notBlank, max: 255},
		{name: "postalCode", required: notBlank, max: 255},
		{name: "organization"},
		{name: "customRegion"},
	}
	noted    = []field{toMany("activityNotes", "notes")}
	attached = []field{toMany("attachments", "attachments"), toMany("activityNotes", "notes")}
	option   = []field{{name: "priority", kind: integer}, {name: "default", kind: flag}, {name: "name"}}
	wherein  = []field{{name: "country", kind: one, to: "countries", required: notBlank}, toOne("region", "regions")}
	validity = []field{{name: "validatedAt", kind: moment}}
	stocked  = []string{
		"manageInventory", "highlightLowInventory", "inventoryThreshold", "lowInventoryThreshold",
		"minimumQuantityToOrder", "maximumQuantityToOrder", "decrementQuantity", "backOrder",
	}
)

func fallbacks(names ...string) []field {
	var l []field
	for _, name := range names {
		l = append(l, toOne(name, "entityfieldfallbackvalues"))
	}
	return l
}

// options is a list that the shop's owner maintains: statuses, ratings.
func options(name string) resource {
	return resource{name: name, ids: code, actions: reading, fields: option, business: []string{"id"}}
}

// localized is a text of a product or category in one language; the one without localization is the default.
func localized(name, parent, to, value string, kind kind, actions action) resource {
	return resource{
		name: name, actions: actions, moves: true,
		fields: []field{
			{name: value, kind: kind, max: 255},
			{name: "fallback", choices: []string{"system", "parent_localization"}},
			{name: parent, kind: one, to: to, index: true, filter: several, cascade: true},
			{name: "localization", kind: one, to: "localizations", filter: several},
		},
		business: []string{parent, "localization"},
	}
}

func description(name, value string, kind kind) resource {
	r := localized(name, "product", "products", value, kind, reading|creating|updating)
	r.fields[0].max = 0
	if kind == wysiwyg { // stands behind its fallback
		r.fields[0], r.fields[1] = r.fields[1], r.fields[0]
	}
	return r
}

func describe() []resource {
	return []resource{
		{
			name: "organizations", actions: reading, business: []string{"name"},
			fields: fields([]field{{name: "name"}, {name: "description"}}, dated, []field{
				{name: "enabled", kind: flag},
				toMany("businessUnits", "businessunits"), toMany("users", "users"),
			}),
		},
		{name: "businessunits", actions: reading, business: []string{"name"}, fields: []field{{name: "name"}}},
		{
			name: "users", actions: reading, business: []string{"username"},
			fields: fields([]field{{name: "username", filter: several}, {name: "email", filter: several}}, personal, []field{
				{name: "birthday", kind: date}, {name: "enabled", kind: flag}, {name: "lastLogin", kind: moment},
			}, dated, []field{
				{name: "loginCount", kind: integer}, {name: "passwordRequestedAt", kind: moment},
				{name: "passwordChangedAt", kind: moment}, {name: "phone"}, {name: "title"}, {name: "externalId"},
				{name: "googleId"}, {name: "emails", kind: list, init: "[]"},
				toMany("groups", "usergroups"), toOne("owner", "businessunits"), toMany("businessUnits", "businessunits"),
				toMany("organizations", "organizations"), toMany("userRoles", "userroles"),
				toOne("organization", "organizations"), toOne("avatar", "files"), toMany("activityEmails", "emails"),
				toMany("activityCalls", "calls"), toOne("auth_status", "userauthstatuses"), toMany("tags", "tags"),
			}),
		},
		{name: "userauthstatuses", ids: code},
		{name: "websites"},
		{
			name: "localizations", actions: reading, business: []string{"formattingCode"},
			fields: fields([]field{{name: "name"}, {name: "formattingCode", index: true}, {name: "rtlMode", kind: flag}}, dated, []field{
				{name: "languageCode"}, toMany("titles", "localizedfallbackvalues"),
				toOne("parentLocalization", "localizations"),
				backTo("childLocalizations", "localizations", "parentLocalization"),
			}),
		},
		{
			name: "localizedfallbackvalues", actions: reading,
			fields: []field{{name: "string"}, {name: "fallback"}, {name: "text"}, toOne("localization", "localizations")},
		},
		{
			name: "attributefamilies", actions: reading, business: []string{"code"},
			fields: fields([]field{{name: "code"}, {name: "isEnabled", kind: flag}}, dated, []field{
				toMany("labels", "localizedfallbackvalues"), toOne("owner", "organizations"), toOne("image", "files"),
			}),
		},
		{
			name: "productunits", ids: code, actions: reading, business: []string{"id"},
			fields: []field{
				{name: "defaultPrecision", kind: integer}, {name: "label"}, {name: "shortLabel"}, {name: "pluralLabel"},
				{name: "shortPluralLabel"},
			},
		},
		options("prodinventorystatuses"), options("customerratings"), options("orderstatuses"),
		options("orderinternalstatuses"), options("ordershippingstatuses"),
		{
			name: "countries", ids: code, actions: reading, business: []string{"id"},
			fields: []field{
				{name: "iso3Code"}, {name: "name"}, {name: "deleted", kind: flag, init: "false"},
				backTo("regions", "regions", "country"),
			},
		},
		{
			name: "regions", ids: code, actions: reading, business: []string{"id"},
			fields: []field{
				{name: "code"}, {name: "name"}, {name: "deleted", kind: flag, init: "false"},
				{name: "country", kind: one, to: "countries", index: true, filter: several},
			},
		},
		{
			name: "paymentterms", actions: reading | writing, business: []string{"label"},
			fields: fields([]field{{name: "label", required: notBlank, filter: single}}, noted),
		},
		{
			name: "customertaxcodes", actions: reading | writing, business: []string{"code"},
			fields: fields([]field{{name: "code", required: notBlank, index: true, filter: single}, {name: "description"}}, dated, ownedByUser),
			unique: []unique{{fields: []string{"code"}, detail: "This value is already used.", pointer: "code", enforced: true}},
		},
		{
			name: "producttaxcodes", actions: reading | writing, business: []string{"code"},
			fields: fields([]field{{name: "code", required: notBlank, index: true, filter: single}, {name: "description"}}, dated, ownedByUser[1:]),
			unique: []unique{{fields: []string{"code"}, detail: "This value is already used.", pointer: "code", enforced: true}},
		},
		{
			name: "customergroups", actions: reading | writing, business: []string{"name"},
			fields: fields([]field{{name: "name", required: notBlank, index: true, filter: single}}, ownedByUser, []field{
				toOne("paymentTerm", "paymentterms"), toOne("taxCode", "customertaxcodes"),
			}, noted),
		},
		{name: "accounts", actions: reading | writing, business: []string{"name"}, fields: []field{{name: "name", required: notBlank}}},
		{
			name: "customers", actions: reading | writing | batching, extKey: "externalId", business: []string{"externalId", "name"},
			fields: fields([]field{{name: "name", required: notBlank, max: 255, index: true, filter: single}}, dated, []field{
				{name: "externalId", column: 36, index: true, filter: several},
				{name: "parent", kind: one, to: "customers", index: true, filter: several},
				backTo("children", "customers", "parent"),
				{name: "addresses", kind: inverse, to: "customeraddresses", via: "customer", orphans: true},
				{name: "group", kind: one, to: "customergroups", index: true, filter: several},
				backTo("users", "customerusers", "customer"),
			}, ownedByUser, []field{
				toMany("salesRepresentatives", "users"), toOne("paymentTerm", "paymentterms"),
				toOne("taxCode", "customertaxcodes"),
			}, attached, []field{
				{name: "internal_rating", kind: one, to: "customerratings", prefix: "acc_internal_rating.", filter: several},
				toOne("account", "accounts"),
			}),
			unique:   []unique{{fields: []string{"externalId"}, detail: `Value for field "External ID" must be unique`}},
			first:    []check{noCircle},
			complete: withAccount,
		},
		{
			name: "customeraddresses", actions: reading | writing | batching, business: []string{"customer", "label", "street", "city"},
			fields: fields([]field{{name: "phone"}, {name: "primary", kind: flag, init: "false"}}, located, personal, dated, validity, []field{
				{name: "types", kind: object, init: "[]"},
				{name: "customer", kind: one, to: "customers", index: true, filter: several, cascade: true},
				{name: "owner", kind: one, to: "users", init: "1"},
				{name: "systemOrganization", kind: one, to: "organizations", init: "1"},
			}, wherein),
			last: []check{named, regional},
		},
		{
			name: "customerusers", actions: reading | writing | batching, extKey: "externalId", business: []string{"email"},
			fields: fields([]field{
				{name: "confirmed", kind: flag, init: "true"},
				{name: "email", required: notBlank, max: 255, index: true, filter: several},
				{name: "namePrefix"}, {name: "firstName", required: notBlank, max: 255}, {name: "middleName"},
				{name: "lastName", required: notBlank, max: 255}, {name: "nameSuffix"}, {name: "birthday", kind: date},
			}, dated, []field{
				{name: "enabled", kind: flag, init: "true"}, {name: "loginCount", kind: integer, init: "0", readonly: true},
				{name: "isGuest", kind: flag, init: "false"}, {name: "lastLogin", kind: moment, readonly: true},
				{name: "passwordRequestedAt", kind: moment, readonly: true},
				{name: "passwordChangedAt", kind: moment, readonly: true},
				{name: "externalId", column: 36, index: true, filter: several},
				{name: "password", hidden: true},
			}, contacted, []field{
				{name: "cookies_accepted", kind: flag, init: "false"},
				toMany("userRoles", "customeruserroles"),
				{name: "customer", kind: one, to: "customers", index: true, filter: several},
				backTo("addresses", "customeruseraddresses", "customerUser"),
				{name: "owner", kind: one, to: "users", init: "1"}, toMany("salesRepresentatives", "users"),
				{name: "organization", kind: one, to: "organizations", init: "1"},
			}, attached, []field{
				toMany("activityEmails", "emails"),
				{name: "auth_status", kind: one, to: "customeruserauthstatuses", init: "active"},
			}),
			unique: []unique{
				{fields: []string{"email"}, fold: true, detail: "This email is already used.", pointer: "email", enforced: true},
				{fields: []string{"externalId"}, detail: `Value for field "External ID" must be unique`},
			},
		},
		{name: "customeruserauthstatuses", ids: code},
		{
			name: "customeruseraddresses", actions: reading | writing | batching, business: []string{"customerUser", "label", "street", "city"},
			fields: fields([]field{{name: "phone"}, {name: "primary", kind: flag, init: "false"}}, located, personal, dated, validity, []field{
				{name: "types", kind: object, init: "[]"},
				{name: "customerUser", kind: one, to: "customerusers", index: true, filter: several, cascade: true},
				{name: "owner", kind: one, to: "users", init: "1"},
				{name: "systemOrganization", kind: one, to: "organizations", init: "1"},
			}, wherein),
			last: []check{named, regional},
		},
		{
			name: "customeruserroles", actions: reading, business: []string{"role"},
			fields: []field{
				{name: "role"}, {name: "label"}, {name: "selfManaged", kind: flag}, {name: "public", kind: flag},
				toOne("customer", "customers"), toOne("organization", "organizations"),
				toMany("customerUsers", "customerusers"), toMany("activityNotes", "notes"),
			},
		},
		{
			name: "brands", actions: reading, business: []string{"names"},
			fields: fields([]field{{name: "status"}}, dated, []field{{name: "externalId", index: true, filter: several}}, ownedByUnit, []field{
				toMany("names", "localizedfallbackvalues"), toMany("descriptions", "localizedfallbackvalues"),
				toMany("shortDescriptions", "localizedfallbackvalues"), toMany("slugPrototypes", "localizedfallbackvalues"),
				toMany("metaTitles", "localizedfallbackvalues"), toMany("metaDescriptions", "localizedfallbackvalues"),
				toMany("metaKeywords", "localizedfallbackvalues"),
			}),
		},
		localized("categorytitles", "category", "categories", "string", text, reading),
		{
			name: "categories", actions: reading, business: []string{"titles"},
			fields: fields([]field{
				{name: "materializedPath"}, {name: "left", kind: integer}, {name: "level", kind: integer},
				{name: "right", kind: integer}, {name: "root", kind: integer},
			}, dated, []field{
				{name: "availability_date", kind: moment},
				backTo("titles", "categorytitles", "category"),
				{name: "parentCategory", kind: one, to: "categories", index: true, filter: several},
				backTo("childCategories", "categories", "parentCategory"),
				toMany("shortDescriptions", "categoryshortdescriptions"), toMany("longDescriptions", "categorylongdescriptions"),
				toMany("slugPrototypes", "localizedfallbackvalues"), toOne("organization", "organizations"),
				backTo("products", "products", "category"), toOne("isUpcoming", "entityfieldfallbackvalues"),
			}, fallbacks(stocked...), []field{
				toMany("metaTitles", "localizedfallbackvalues"), toMany("metaDescriptions", "localizedfallbackvalues"),
				toMany("metaKeywords", "localizedfallbackvalues"), toOne("largeImage", "files"), toOne("smallImage", "files"),
			}, noted),
		},
		{
			name: "products", actions: reading | writing | batching, extKey: "sku", noNext: true, business: []string{"sku"},
			fields: fields([]field{
				{name: "sku", required: "SKU should not be blank.", min: 3, max: 255, index: true, filter: several},
				{name: "status", init: `"disabled"`, choices: []string{"enabled", "disabled"}, required: notBlank, filter: several},
				{name: "variantFields", kind: list, init: "[]"},
			}, dated, []field{
				{name: "productType", init: `"simple"`, choices: []string{"simple", "configurable", "kit"}, filter: several},
				{name: "featured", kind: flag, init: "false"}, {name: "newArrival", kind: flag, init: "false"},
				{name: "kitShippingCalculationMethod"}, {name: "category_sort_order", kind: number},
				{name: "availability_date", kind: moment},
			}, ownedByUnit, []field{
				{name: "unitPrecisions", kind: inverse, to: "productunitprecisions", via: "product", orphans: true, check: unitsDiffer},
				{name: "primaryUnitPrecision", kind: one, to: "productunitprecisions", check: unitKnown},
				{name: "names", kind: inverse, to: "productnames", via: "product", orphans: true, check: defaultNamed},
				{name: "descriptions", kind: inverse, to: "productdescriptions", via: "product", orphans: true},
				toMany("variantLinks", "productvariantlinks"), toOne("defaultVariant", "products"),
				{name: "shortDescriptions", kind: inverse, to: "productshortdescriptions", via: "product", orphans: true},
				toMany("images", "productimages"),
				{name: "attributeFamily", kind: one, to: "attributefamilies", required: notBlank, filter: several},
				{name: "brand", kind: one, to: "brands", filter: several}, toMany("kitItems", "productkititems"),
				toMany("slugPrototypes", "localizedfallbackvalues"),
				{name: "category", kind: one, to: "categories", index: true, filter: several},
				toOne("taxCode", "producttaxcodes"), toOne("pageTemplate", "entityfieldfallbackvalues"),
			}, fallbacks(stocked...), fallbacks("isUpcoming"), []field{
				toMany("metaTitles", "localizedfallbackvalues"), toMany("metaDescriptions", "localizedfallbackvalues"),
				toMany("metaKeywords", "localizedfallbackvalues"), toMany("productShippingOptions", "productshippingoptions"),
			}, attached, []field{
				{name: "inventory_status", kind: one, to: "prodinventorystatuses", required: notBlank, prefix: "prod_inventory_status.", filter: several},
			}),
			unique:   []unique{{fields: []string{"sku"}, fold: true, detail: "This value is already used.", pointer: "sku", enforced: true}},
			complete: withTexts,
		},
		localized("productnames", "product", "products", "string", text, reading|creating|updating|deleting),
		description("productdescriptions", "wysiwyg", wysiwyg),
		description("productshortdescriptions", "text", text),
		{
			name: "productunitprecisions", actions: reading | creating | updating | deleting, business: []string{"product", "unit"},
			fields: []field{
				{name: "precision", kind: integer, init: "0"}, {name: "conversionRate", kind: number, init: "1"},
				{name: "sell", kind: flag, init: "true"},
				{name: "product", kind: one, to: "products", index: true, filter: several, cascade: true},
				{name: "unit", kind: one, to: "productunits", required: "The product unit does not exist or not supported.", filter: several},
			},
			unique:   []unique{{fields: []string{"product", "unit"}, detail: "This value is already used.", pointer: "product", enforced: true}},
			complete: withLevel,
		},
		{
			name: "inventorylevels", actions: reading | updating | batching, business: []string{"product", "productUnitPrecision"},
			filters: []string{"product.sku", "productUnitPrecision.unit"},
			fields: []field{
				{name: "quantity", kind: amount, init: `"0"`}, {name: "externalId", column: 36, index: true, filter: several},
				{name: "product", kind: one, to: "products", index: true, filter: several, cascade: true, readonly: true},
				{name: "productUnitPrecision", kind: one, to: "productunitprecisions", index: true, filter: several, cascade: true, readonly: true},
				{name: "organization", kind: one, to: "organizations", init: "1", readonly: true},
			},
		},
		{
			name: "pricelists", actions: reading | creating | updating | deleting | batching, business: []string{"name"},
			fields: fields([]field{
				{name: "active", kind: flag, init: "true"}, {name: "actual", kind: flag, init: "true", readonly: true},
				{name: "containSchedule", kind: flag, init: "false", readonly: true}, {name: "productAssignmentRule"},
				{name: "name", required: notBlank, max: 255},
			}, dated, []field{
				{name: "priceListCurrencies", kind: list, init: "[]"},
				{name: "organization", kind: one, to: "organizations", init: "1"},
				toMany("schedules", "pricelistschedules"), toMany("priceRules", "pricerules"),
			}, noted),
		},
		{
			name: "productprices", ids: guid, suffix: "priceList", needs: "priceList",
			actions: reading | writing | batching, business: []string{"priceList", "product", "quantity", "unit", "currency"},
			fields: []field{
				{name: "quantity", kind: number, required: notBlank, filter: several}, {name: "value", kind: money, required: notBlank},
				{name: "currency", required: notBlank, filter: several},
				{name: "priceList", kind: one, to: "pricelists", required: notBlank, bare: true, index: true, filter: single, cascade: true},
				{name: "product", kind: one, to: "products", required: notBlank, bare: true, index: true, filter: several, cascade: true},
				{name: "unit", kind: one, to: "productunits", required: notBlank, bare: true, filter: several},
			},
			first: []check{unitOfProduct, currencyOfList},
			unique: []unique{{
				fields:   []string{"priceList", "product", "quantity", "unit", "currency"},
				detail:   `Product has duplication of product prices. Set of fields "PriceList", "Quantity" , "Unit" and "Currency" should be unique.`,
				enforced: true,
			}},
			last: []check{precise, priced},
		},
		{
			name: "pricelisttocustomers", actions: reading | writing, business: []string{"customer", "priceList"},
			fields: []field{
				{name: "sortOrder", kind: integer}, {name: "mergeAllowed", kind: flag, init: "true"},
				{name: "customer", kind: one, to: "customers", required: notBlank, index: true, filter: several, cascade: true},
				{name: "priceList", kind: one, to: "pricelists", required: notBlank, filter: several, index: true, cascade: true},
			},
		},
		{
			name: "pricelisttocustomergroups", actions: reading | writing, business: []string{"customerGroup", "priceList"},
			fields: []field{
				{name: "sortOrder", kind: integer}, {name: "mergeAllowed", kind: flag, init: "true"},
				{name: "customerGroup", kind: one, to: "customergroups", required: notBlank, index: true, filter: several, cascade: true},
				{name: "priceList", kind: one, to: "pricelists", required: notBlank, filter: several, index: true, cascade: true},
			},
		},
		{
			name: "pricelistcustomerfallbacks", actions: reading | writing, business: []string{"customer"},
			fields: []field{
				{name: "fallback"},
				{name: "customer", kind: one, to: "customers", required: notBlank, index: true, filter: several, cascade: true},
			},
		},
		{
			name: "quotes", actions: reading, business: []string{"identifier"},
			fields: fields([]field{
				{name: "identifier"}, {name: "guestAccessId"}, {name: "poNumber"}, {name: "shipUntil", kind: date},
				{name: "validUntil", kind: moment}, {name: "expired", kind: flag}, {name: "pricesChanged", kind: flag},
				{name: "currency"}, {name: "projectName"},
			}, dated, []field{{name: "externalId"}}, contacted, []field{
				toOne("request", "rfqs"), toMany("quoteProducts", "quoteproducts"), toOne("shippingAddress", "quoteshippingaddresses"),
				toMany("assignedUsers", "users"), toMany("assignedCustomerUsers", "customerusers"),
			}, ownedByUser, []field{
				toOne("customerUser", "customerusers"), toOne("customer", "customers"), toOne("paymentTerm", "paymentterms"),
				toOne("opportunity", "opportunities"), toOne("customerStatus", "quotecustomerstatuses"),
				toOne("internalStatus", "quoteinternalstatuses"), toMany("attachments", "attachments"),
				toMany("documents", "attachments"), toMany("activityNotes", "notes"), toMany("activityEmails", "emails"),
			}),
		},
		{name: "quoteinternalstatuses", ids: code},
		{
			name: "orders", actions: reading | writing | batching, extKey: "externalId", upsert: []string{"identifier"}, validate: true,
			business: []string{"identifier"},
			fields: fields([]field{
				{name: "identifier", index: true, filter: several}, {name: "poNumber", filter: single}, {name: "customerNotes"},
				{name: "shipUntil", kind: date}, {name: "currency", init: `"USD"`},
				{name: "subtotalWithDiscountsValue", kind: money, readonly: true},
				{name: "subtotalWithDiscounts", kind: money, readonly: true},
				{name: "subtotalValue", kind: money, readonly: true}, {name: "totalValue", kind: money, readonly: true},
				{name: "shippingMethod"}, {name: "shippingMethodType"}, {name: "estimatedShippingCostAmount", kind: money},
				{name: "overriddenShippingCostAmount", kind: money}, {name: "sourceEntityIdentifier", readonly: true},
				{name: "totalDiscountsAmount", kind: money, readonly: true}, {name: "external", kind: flag, init: "false"},
			}, dated, []field{
				{name: "externalId", column: 36, index: true, filter: several},
			}, contacted, []field{
				{name: "disablePromotions", kind: flag, init: "false"}, {name: "discount", kind: number, init: "0", readonly: true},
				{name: "shippingDiscount", kind: number, init: "0", readonly: true},
				toOne("createdBy", "users"), toOne("billingAddress", "orderaddresses"), toOne("shippingAddress", "orderaddresses"),
				{name: "lineItems", kind: inverse, to: "orderlineitems", via: "orders", orphans: true, check: itemized},
				{name: "discounts", kind: inverse, to: "orderdiscounts", via: "order", orphans: true},
				backTo("shippingTrackings", "ordershippingtrackings", "orders"),
				{name: "parent", kind: one, to: "orders", index: true}, backTo("subOrders", "orders", "parent"),
			}, ownedByUser, []field{
				{name: "customerUser", kind: one, to: "customerusers", index: true, filter: several},
				{name: "customer", kind: one, to: "customers", required: notBlank, index: true, filter: several},
				{name: "paymentTerm", kind: one, to: "paymentterms"}, toOne("source", "orders"),
				{name: "internalStatus", kind: one, to: "orderinternalstatuses", init: "open", readonly: true, prefix: "order_internal_status.", filter: several},
				{name: "orderSubtotals", kind: computed, to: "ordersubtotals", bare: true},
				toMany("attachments", "attachments"), toMany("documents", "attachments"), toMany("activityNotes", "notes"),
				toMany("activityEmails", "emails"),
				{name: "status", kind: one, to: "orderstatuses", prefix: "order_status.", filter: several},
				{name: "shippingStatus", kind: one, to: "ordershippingstatuses", init: "not_shipped", prefix: "order_shipping_status.", filter: several},
			}),
			unique:   []unique{{fields: []string{"identifier"}, detail: "This value is already used.", pointer: "identifier", enforced: true}},
			complete: withTotals,
		},
		{
			name: "orderlineitems", actions: reading | creating | updating | deleting,
			fields: fields([]field{
				{name: "productSku"}, {name: "productName"}, {name: "productVariantFields", kind: list, init: "[]"},
				{name: "freeFormProduct"}, {name: "quantity", kind: number, required: notBlank}, {name: "productUnitCode", readonly: true},
				{name: "value", kind: money}, {name: "currency", init: `"USD"`}, {name: "priceType", kind: integer, init: "10"},
				{name: "shipBy", kind: date}, {name: "fromExternalSource", kind: flag, init: "false"}, {name: "comment"},
				{name: "shippingMethod"}, {name: "shippingMethodType"}, {name: "shippingEstimateAmount", kind: money},
				{name: "checksum", readonly: true},
			}, dated, []field{
				{name: "draftDelete", kind: flag, init: "false", readonly: true},
				{name: "rowTotalDiscountAmount", kind: money, readonly: true},
				{name: "rowTotalAfterDiscountIncludingTax", kind: money, readonly: true},
				{name: "rowTotalAfterDiscountExcludingTax", kind: money, readonly: true},
				{name: "rowTotalAfterDiscount", kind: money, readonly: true},
				{name: "orders", kind: many, to: "orders", index: true, filter: several, cascade: true},
				{name: "product", kind: one, to: "products", filter: several}, toOne("parentProduct", "products"),
				{name: "productUnit", kind: one, to: "productunits", required: notBlank},
				toMany("kitItemLineItems", "orderproductkititemlineitems"), toOne("freeFormTaxCode", "producttaxcodes"),
			}),
			complete: withProduct,
		},
		{
			name: "orderaddresses", actions: reading | creating | updating, business: []string{"street", "city", "postalCode", "lastName"},
			fields: fields([]field{{name: "fromExternalSource", kind: flag, init: "false"}, {name: "phone"}}, located, personal, dated,
				validity, wherein, []field{toOne("customerAddress", "customeraddresses"), toOne("customerUserAddress", "customeruseraddresses")}),
			last: []check{named, regional},
		},
		{
			name: "orderdiscounts", actions: reading | creating | updating | deleting,
			fields: []field{
				{name: "description"}, {name: "percent", kind: number}, {name: "amount", kind: money}, {name: "orderDiscountType"},
				{name: "order", kind: one, to: "orders", index: true, filter: several, cascade: true},
			},
			complete: withDiscount,
		},
		{
			name: "ordershippingtrackings", actions: reading | creating | updating | deleting, business: []string{"method", "number"},
			fields: []field{{name: "method"}, {name: "number"}, {name: "orders", kind: many, to: "orders", index: true, filter: several, cascade: true}},
		},
		{
			name: "webhooks", ids: guid, actions: reading | creating | updating | deleting, business: []string{"notificationUrl", "topic"},
			fields: fields([]field{
				{name: "notificationUrl", required: notBlank}, {name: "enabled", kind: flag, init: "true"},
				{name: "verifySsl", kind: flag, init: "true"}, {name: "system", kind: flag, init: "false", readonly: true},
				{name: "secret", hidden: true},
			}, dated, ownedByUser, []field{
				{name: "topic", kind: one, to: "webhooktopics", required: notBlank, bare: true, index: true, filter: several},
				{name: "format", kind: one, to: "webhookformats", bare: true, init: "default"},
			}),
		},
		{name: "webhooktopics", ids: code, asMade: true, actions: reading, business: []string{"id"}, fields: []field{{name: "label"}}},
		{name: "webhookformats", ids: code, asMade: true, actions: reading, business: []string{"id"}, fields: []field{{name: "label"}}},
	}
}
