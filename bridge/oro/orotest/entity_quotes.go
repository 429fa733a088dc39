package orotest

// Requests for quotes, and quotes.

// priceFields are those of an offer or a wish: a quantity, and what one of it costs.
func priceFields(more ...field) []field {
	return fields([]field{
		{name: "quantity", kind: number, required: notBlank, checks: []rule{aboveZero}}, {name: "productUnitCode", readonly: true},
		{name: "value", kind: money, checks: []rule{offered}}, {name: "currency"}, {name: "checksum", init: `""`, readonly: true},
	}, more)
}

func aboveZero(e *entity, f *field) {
	if e.raw(f.name) != "" && !decimalOf(e.raw(f.name)).IsPositive() {
		e.violate("greater than", f.name, "This value should be greater than 0.")
	}
}

// offered checks a price, if there is any.
func offered(e *entity, f *field) {
	if e.raw(f.name) != "" || e.invalid[f.name] {
		wholePrice(e, f)
	}
}

func withUnitCode(e *entity) {
	unit := e.one("productUnit")
	if unit == nil {
		return
	}
	e.set("productUnitCode", encode(unit.table.id(unit.record.serial)))
	e.set("checksum", encode(checksum(itoa(int(e.record.serial)), e.text("productUnitCode"))))
}

// withProductText takes over what an offered product is called.
func withProductText(e *entity) {
	product := e.one("product")
	if product == nil {
		return
	}
	e.set("productSku", product.raw("sku"))
	for _, name := range product.members("names") {
		if name.ref("localization") == 0 && e.raw("freeFormProduct") == "" {
			e.set("freeFormProduct", name.raw("string"))
		}
	}
}

var _ = register(
	resource{
		name: "quotes", actions: reading | writing, business: []string{"identifier"},
		fields: fields([]field{
			{name: "identifier", readonly: true}, {name: "guestAccessId", readonly: true},
			{name: "poNumber", max: 255}, {name: "shipUntil", kind: date},
			{name: "validUntil", kind: moment}, {name: "expired", kind: flag, init: "false"},
			{name: "pricesChanged", kind: flag, init: "false", readonly: true},
			{name: "currency"}, {name: "projectName"},
		}, undated, []field{externalID}, contacted, []field{
			{name: "request", kind: one, to: "rfqs", frozen: true, fixed: true}, backTo("quoteProducts", "quoteproducts", "quote"),
			{name: "shippingAddress", kind: one, to: "quoteshippingaddresses", fixed: true},
			toMany("assignedUsers", "users"), toMany("assignedCustomerUsers", "customerusers"),
		}, ownedByUser, []field{
			toOne("customerUser", "customerusers"), {name: "customer", kind: one, to: "customers", index: true},
			toOne("paymentTerm", "paymentterms"), toOne("opportunity", "opportunities"),
			toOne("customerStatus", "quotecustomerstatuses"),
			{name: "internalStatus", kind: one, to: "quoteinternalstatuses", init: "draft", readonly: true},
			toMany("attachments", "attachments"), toMany("documents", "attachments"),
			toMany("activityNotes", "notes"), toMany("activityEmails", "emails"),
		}),
		unique:   []unique{uniqueExternalID},
		complete: withNumber,
	},
	resource{
		name: "quoteproducts", untitled: true, actions: reading | writing, complete: withProductText,
		fields: []field{
			{name: "freeFormProduct"}, {name: "productSku"}, {name: "comment"}, {name: "customerComment"},
			{name: "quote", kind: one, to: "quotes", index: true, cascade: true, frozen: true, fixed: true}, toOne("product", "products"),
			backTo("quoteProductOffers", "quoteproductoffers", "quoteProduct"), toMany("quoteProductRequests", "quoteproductrequests"),
		},
	},
	resource{
		name: "quoteproductoffers", untitled: true, actions: reading | writing, complete: withUnitCode,
		fields: fields([]field{{name: "allowIncrements", kind: flag, init: "false"}}, priceFields(
			field{name: "quoteProduct", kind: one, to: "quoteproducts", index: true, cascade: true, frozen: true, fixed: true},
			field{name: "productUnit", kind: one, to: "productunits"},
		)),
	},
	options("quoteinternalstatuses", "quote_internal_status."), options("quotecustomerstatuses", "quote_customer_status."),
	resource{
		name: "rfqs", actions: reading | writing, business: []string{"email", "poNumber"},
		fields: fields([]field{
			{name: "firstName", required: notBlank, max: 255}, {name: "lastName", required: notBlank, max: 255},
			{name: "email", required: notBlank, max: 255, shape: emailShape},
			{name: "phone", max: 255}, {name: "company", required: notBlank, max: 255},
			{name: "role", max: 255}, {name: "note"}, {name: "cancellationReason"}, {name: "poNumber", max: 255}, {name: "shipUntil", kind: date},
			{name: "projectName"}, {name: "deletedAt", kind: moment, readonly: true},
		}, dated, contacted, []field{
			backTo("requestProducts", "rfqproducts", "request"), toMany("assignedUsers", "users"), toMany("assignedCustomerUsers", "customerusers"),
			toMany("requestAdditionalNotes", "rfqadditionalnotes"), toOne("customerUser", "customerusers"), toOne("customer", "customers"),
		}, ownedByUser, []field{
			{name: "customer_status", kind: one, to: "rfqcustomerstatuses", init: "submitted", readonly: true},
			{name: "internal_status", kind: one, to: "rfqinternalstatuses", init: "open", readonly: true, prefix: "rfp_internal_status."},
			toMany("quotes", "quotes"), toMany("activityNotes", "notes"), toMany("activityEmails", "emails"),
		}),
	},
	resource{
		name: "rfqproducts", actions: reading | writing,
		fields: []field{
			{name: "comment"}, {name: "request", kind: one, to: "rfqs", index: true, cascade: true}, toOne("product", "products"),
			backTo("requestProductItems", "rfqproductitems", "requestProduct"),
		},
	},
	resource{
		name: "rfqproductitems", actions: reading | writing, complete: withUnitCode,
		fields: priceFields(
			field{name: "requestProduct", kind: one, to: "rfqproducts", index: true, cascade: true},
			field{name: "productUnit", kind: one, to: "productunits"},
		),
	},
	resource{name: "rfqadditionalnotes", actions: reading, fields: fields([]field{{name: "type"}, {name: "text"}}, dated)},
	options("rfqinternalstatuses", "rfp_internal_status."), options("rfqcustomerstatuses", "rfp_customer_status."),
)

// withNumber gives a new quote its number and its guest's key.
func withNumber(e *entity) {
	if e.created {
		e.set("identifier", encode(e.table.id(e.record.serial)))
		e.set("guestAccessId", encode(newUUID()))
	}
}
