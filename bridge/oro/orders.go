package oro

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// ordersPerPage keeps a page of orders, with all that belongs to them, within a few megabytes.
const ordersPerPage = 50

// orderQuery asks for an order with everything that an ERP needs.
var orderQuery = query{
	"include": "lineItems," + kitInclude + "customer,customer.group,customerUser,billingAddress,shippingAddress," +
		"discounts,paymentTerm,orderSubtotals",
	"fields[customers]":      "name,externalId,group",
	"fields[customergroups]": "name",
	"fields[customerusers]":  "email,firstName,lastName,externalId",
	"fields[paymentterms]":   "label",
	"fields[ordersubtotals]": "orderSubtotalType,label,amount,signedAmount,currency",
	"fields[orderaddresses]": "label,organization,firstName,lastName,street,street2,city,postalCode,customRegion,phone,region,country",
	"fields[orderdiscounts]": "description,amount,orderDiscountType",
}

// orders are what the shop has sold.
type orders struct {
	*api
	can *offers
}

// Sightings returns a page of orders by id and times. See outbound.Shop. It is cheap: the shop reads ten thousand of such
// rows in a second.
func (c orders) Sightings(ctx context.Context, since time.Time, page int) ([]bridge.Sighting, bool, error) {
	q := query{"fields[orders]": sightingFields, "sort": "updatedAt,id"}
	if !since.IsZero() {
		q = q.with("filter[updatedAt][gte]", since.UTC().Format(time.RFC3339))
	}
	doc, err := c.page(ctx, "orders", q, pageSize, page)
	if err != nil {
		return nil, false, err
	}
	return sightings(doc), len(doc.Data) == pageSize, nil
}

const sightingFields = "identifier,createdAt,updatedAt"

// Arrivals returns orders by rising id. See [outbound.Shop].
func (c orders) Arrivals(ctx context.Context, after string) ([]bridge.Sighting, bool, error) {
	q := query{"fields[orders]": sightingFields, "sort": "id"}
	if digits(after) {
		q = q.with("filter[id][gt]", after)
	}
	doc, err := c.page(ctx, "orders", q, pageSize, 1)
	if err != nil {
		return nil, false, err
	}
	return sightings(doc), len(doc.Data) == pageSize, nil
}

func sightings(doc *document) []bridge.Sighting {
	seen := make([]bridge.Sighting, len(doc.Data))
	for i := range doc.Data {
		r := &doc.Data[i]
		seen[i] = bridge.Sighting{OroID: r.ID, Identifier: r.text("identifier"), Submitted: timeOf(r, "createdAt"),
			Updated: timeOf(r, "updatedAt")}
	}
	return seen
}

// Orders reads orders in full. See [outbound.Shop].
func (c orders) Orders(ctx context.Context, ids []string) (told []*formats.Order, untold []string, err error) {
	if len(ids) == 0 {
		return nil, nil, nil // an empty filter would mean all of them
	}
	q := orderQuery.with("filter[id]", strings.Join(ids, ",")).with("page[size]", strconv.Itoa(ordersPerPage))
	doc, err := c.askOrders(ctx, q)
	if half := len(ids) / 2; tooMuch(err) && half > 0 {
		told, untold, err = c.Orders(ctx, ids[:half])
		if err != nil {
			return nil, nil, err
		}
		rest, also, err := c.Orders(ctx, ids[half:])
		return append(told, rest...), append(untold, also...), err
	}
	if err != nil {
		return nil, nil, err
	}
	told = ordersOf(doc)
	untold, err = c.untold(ctx, ids, told)
	return told, untold, err
}

// untold asks for orders that were listed and are not told in full once more, by their number alone: those that the shop
// still lists are not deleted.
func (c orders) untold(ctx context.Context, ids []string, told []*formats.Order) (untold []string, err error) {
	left := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return slices.ContainsFunc(told, func(o *formats.Order) bool { return o.ID == id })
	})
	if len(left) == 0 {
		return nil, nil
	}
	q := query{"fields[orders]": "identifier", "filter[id]": strings.Join(left, ","), "page[size]": strconv.Itoa(ordersPerPage)}
	doc, err := c.get(ctx, "orders", q)
	if err != nil {
		return nil, err
	}
	for i := range doc.Data {
		untold = append(untold, doc.Data[i].ID)
	}
	return untold, nil
}

// Order reads one order by its identifier. See outbound.Shop.
func (c orders) Order(ctx context.Context, identifier string) (*formats.Order, error) {
	none := &bridge.Error{
		Op: "read", Object: "order " + identifier, Fate: bridge.Stop,
		Err:  &statusError{status: http.StatusNotFound},
		Hint: "the shop has no order with this number",
	}
	if !listable(identifier) {
		return nil, none
	}
	doc, err := c.askOrders(ctx, orderQuery.with("filter[identifier]", identifier))
	if err != nil {
		return nil, err
	}
	// The filter takes any case as the same.
	for _, o := range ordersOf(doc) {
		if o.Identifier == identifier {
			return o, nil
		}
	}
	return nil, none
}

// kitInclude is refused (400) by shops that have no kits: they are asked without it from then on.
const kitInclude = "lineItems.kitItemLineItems,"

func (c orders) askOrders(ctx context.Context, q query) (*document, error) {
	without := q.with("include", strings.Replace(q["include"], kitInclude, "", 1))
	if c.can.noKits.Load() {
		return c.get(ctx, "orders", without)
	}
	doc, err := c.get(ctx, "orders", q)
	if statusOf(err) != http.StatusBadRequest {
		return doc, err
	}
	if doc, err = c.get(ctx, "orders", without); err == nil {
		c.can.noKits.Store(true)
	}
	return doc, err
}

func ordersOf(doc *document) []*formats.Order {
	included := index(doc.Included)
	list := make([]*formats.Order, 0, len(doc.Data))
	for i := range doc.Data {
		list = append(list, orderOf(&doc.Data[i], included))
	}
	return list
}

func orderOf(r *resource, included map[ref]*resource) *formats.Order {
	o := &formats.Order{
		ID:                 r.ID,
		Identifier:         r.text("identifier"),
		Submitted:          timeOf(r, "createdAt"),
		Updated:            timeOf(r, "updatedAt"),
		ExternalID:         r.text("externalId"),
		InternalStatus:     r.one("internalStatus").ID,
		Status:             r.one("status").ID,
		ShippingStatus:     r.one("shippingStatus").ID,
		PONumber:           r.text("poNumber"),
		Website:            r.one("website").ID,
		Currency:           r.text("currency"),
		Subtotal:           r.decimal("subtotalValue"),
		Total:              r.decimal("totalValue"),
		PaymentMethod:      r.text("paymentMethod"),
		ShippingMethod:     r.text("shippingMethod"),
		ShippingMethodType: r.text("shippingMethodType"),
		ShipUntil:          r.text("shipUntil"),
		Notes:              r.text("customerNotes"),
		Bill:               addressOf(included[r.one("billingAddress")]),
		Ship:               addressOf(included[r.one("shippingAddress")]),
	}
	if customer := included[r.one("customer")]; customer != nil {
		o.Customer = formats.Party{ID: customer.ID, ExternalID: customer.text(externalID), Name: customer.text("name")}
		if group := included[customer.one("group")]; group != nil {
			o.CustomerGroup = group.text("name")
		}
	}
	if user := included[r.one("customerUser")]; user != nil {
		o.User = formats.Party{
			ID: user.ID, ExternalID: user.text("externalId"), Email: user.text("email"),
			Name: strings.TrimSpace(user.text("firstName") + " " + user.text("lastName")),
		}
	}
	if term := included[r.one("paymentTerm")]; term != nil {
		o.PaymentTerm = term.text("label")
	}
	addTotals(o, r, included)
	addLines(o, r, included)
	o.Flags = o.CheckTotals()
	if own := r.decimal("subtotalValue"); own != "" && formats.Differ(own, o.Subtotal) {
		o.Flags = append(o.Flags, formats.FlagSubtotal)
	}
	return o
}

func timeOf(r *resource, name string) time.Time {
	at, _ := time.Parse(time.RFC3339, r.text(name)) // zero when the shop has none
	return at.UTC()
}

func addressOf(r *resource) formats.Address {
	if r == nil {
		return formats.Address{}
	}
	return formats.Address{
		Label: r.text("label"), Organization: r.text("organization"), FirstName: r.text("firstName"), LastName: r.text("lastName"),
		Street: r.text("street"), Street2: r.text("street2"), City: r.text("city"), PostalCode: r.text("postalCode"),
		Region: cmp.Or(r.one("region").ID, r.text("customRegion")), Country: r.one("country").ID, Phone: r.text("phone"),
	}
}

// addTotals reads what the shop computed. It lists several subtotals of a type: discounts (on the order, on shipping) add
// up; of taxes the last one is the sum of those before it (TaxBundle/Provider/TaxSubtotalProviderComposite).
func addTotals(o *formats.Order, r *resource, included map[ref]*resource) {
	discount, tax := decimal.Zero, ""
	var order []ref
	order = append(order, r.many("orderSubtotals")...)
	slices.SortFunc(order, func(a, b ref) int { return rank(a.ID) - rank(b.ID) })
	for _, to := range order {
		s := included[to]
		if s == nil {
			continue
		}
		amount := s.decimal("amount")
		switch s.text("orderSubtotalType") {
		case "subtotal":
			o.Subtotal = amount
		case "discount":
			discount = discount.Add(sum(amount))
			if amount != "0" && amount != "" {
				o.Discounts = append(o.Discounts, formats.NamedAmount{Name: s.text("label"), Amount: amount})
			}
		case "shipping_cost":
			o.Shipping = amount
		case "tax":
			tax = amount
		}
	}
	o.Tax = cmp.Or(tax, "0")
	o.Discount = plain(discount.String())
	if discount.IsZero() {
		o.Discount = cmp.Or(r.decimal("totalDiscountsAmount"), "0")
	}
	o.Shipping = cmp.Or(o.Shipping, cmp.Or(cmp.Or(r.decimal("overriddenShippingCostAmount"), r.decimal("estimatedShippingCostAmount")), "0"))
}

// rank is the number at the end of a subtotal's id, "27-shipping_cost-3": its place.
func rank(id string) int {
	_, last := cutLast(id, "-")
	n, _ := strconv.Atoi(last)
	return n
}

// addLines reads the line items; the parts of a kit follow it as lines of their own that count for nothing in the totals,
// since the kit's price holds theirs.
func addLines(o *formats.Order, r *resource, included map[ref]*resource) {
	for _, to := range r.many("lineItems") {
		li := included[to]
		if li == nil {
			continue
		}
		line := lineOf(li)
		line.Number = len(o.Lines) + 1
		o.Lines = append(o.Lines, line)
		for _, kit := range li.many("kitItemLineItems") {
			if p := included[kit]; p != nil {
				sub := lineOf(p)
				sub.Number, sub.KitParent = len(o.Lines)+1, line.Number
				o.Lines = append(o.Lines, sub)
			}
		}
	}
}

func lineOf(r *resource) formats.OrderLine {
	free := r.text("freeFormProduct")
	line := formats.OrderLine{
		ID: r.ID, SKU: r.text("productSku"), Product: cmp.Or(r.text("productName"), free), FreeForm: free != "" && r.one("product").ID == "",
		Quantity: r.decimal("quantity"), Unit: cmp.Or(r.text("productUnitCode"), r.one("productUnit").ID),
		Price: r.decimal("value"), Currency: r.text("currency"), ShipBy: r.text("shipBy"), Notes: r.text("comment"),
	}
	line.RowTotal = rowTotal(r, line)
	return line
}

// rowTotal is the line before discounts, since those stand in the order's discount: what the shop computed after them plus
// them, or price times quantity where it says nothing.
func rowTotal(r *resource, line formats.OrderLine) string {
	if after := r.decimal("rowTotalAfterDiscount"); after != "" {
		return plain(sum(after, r.decimal("rowTotalDiscountAmount")).String())
	}
	if line.Price == "" || line.Quantity == "" {
		return ""
	}
	return plain(sum(line.Price).Mul(sum(line.Quantity)).String())
}
