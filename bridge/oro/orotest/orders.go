package orotest

import (
	"cmp"
	"fmt"
	"time"
)

// Order is what a customer submits in the storefront.
type Order struct {
	Identifier     string // "" takes the order's number
	PONumber       string
	Notes          string
	Currency       string // "" is USD
	Customer       string // id
	CustomerUser   string // id, or ""
	PaymentTerm    string // id, or ""
	ShippingMethod string
	ShippingCost   string // decimal, or ""
	ShipUntil      time.Time
	Billing        *Address
	Shipping       *Address
	Lines          []Line
	Discounts      []Discount
	Status         string    // internal status; "" is open
	CreatedAt      time.Time // zero is now
	UpdatedAt      time.Time // zero is CreatedAt
}

// Address is one of an order.
type Address struct {
	Label, Organization, FirstName, LastName string
	Street, Street2, City, PostalCode, Phone string
	Country                                  string // DE
	Region                                   string // DE-BY, or ""
}

// Line is a line of an order: a product of the shop by its sku, or free text.
type Line struct {
	SKU      string
	FreeForm string // free text instead of a product
	Unit     string // "" is the product's first unit, or item
	Quantity string
	Price    string
	Notes    string
	ShipBy   time.Time
}

// Discount is one of an order.
type Discount struct {
	Description string
	Percent     string // share, 0.1 is 10 %; or ""
	Amount      string // "" is worked out from Percent
}

// SubmitOrder makes an order as a customer does, and returns its id. Webhooks are told.
func (s *Shop) SubmitOrder(o Order) (id string, err error) {
	id, commit, err := s.HoldOrder(o)
	if err != nil {
		return "", err
	}
	return id, commit()
}

// HoldOrder submits an order whose transaction stays open: it has its id and time stamps, but nobody sees it
// before commit. Orders that are submitted meanwhile come first, with later time stamps.
func (s *Shop) HoldOrder(o Order) (id string, commit func() error, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.draft(false)
	e := d.create("orders")
	fail := func(err error) (string, func() error, error) {
		return "", nil, fmt.Errorf("submit order %s: %w", o.Identifier, err)
	}
	if err := (ordering{e}).submit(o); err != nil {
		return fail(err)
	}
	return e.table.id(e.record.serial), func() error {
		s.mu.Lock()
		if err := d.commit(); err != nil {
			s.mu.Unlock()
			return fmt.Errorf("submit order %s: %w", o.Identifier, err)
		}
		events := s.events(d.done)
		s.mu.Unlock()
		s.publish(events)
		return nil
	}, nil
}

// ordering is an order on its way into the shop.
type ordering struct{ *entity }

func (e ordering) submit(o Order) error {
	attrs, rels := make(map[string]any), map[string]any{"customer": o.Customer}
	put := func(m map[string]any, name, value string) {
		if value != "" {
			m[name] = value
		}
	}
	put(attrs, "identifier", o.Identifier)
	put(attrs, "poNumber", o.PONumber)
	put(attrs, "customerNotes", o.Notes)
	put(attrs, "currency", cmp.Or(o.Currency, "USD"))
	put(attrs, "shippingMethod", o.ShippingMethod)
	put(attrs, "estimatedShippingCostAmount", o.ShippingCost)
	put(attrs, "shipUntil", day(o.ShipUntil))
	put(rels, "customerUser", o.CustomerUser)
	put(rels, "paymentTerm", o.PaymentTerm)
	put(rels, "internalStatus", o.Status)
	if err := fill(e.entity, attrs, rels); err != nil {
		return err
	}
	for i, l := range o.Lines {
		if err := e.addLine(l); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	for name, a := range map[string]*Address{"billingAddress": o.Billing, "shippingAddress": o.Shipping} {
		if err := e.addAddress(name, a); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	withTotals(e.entity)
	for _, d := range o.Discounts {
		if err := e.addDiscount(d); err != nil {
			return fmt.Errorf("discount %s: %w", d.Description, err)
		}
	}
	withTotals(e.entity)
	stampOrder(e.entity, o.CreatedAt, o.UpdatedAt)
	return nil
}

func stampOrder(e *entity, created, updated time.Time) {
	if !created.IsZero() {
		e.set("createdAt", stamp(created))
		e.set("updatedAt", stamp(created))
	}
	if !updated.IsZero() {
		e.set("updatedAt", stamp(updated))
	}
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

func (e ordering) addLine(l Line) error {
	line := e.create("orderlineitems")
	line.entries = []*entity{e.entity} // totals are worked out once for the whole order
	attrs := map[string]any{"quantity": l.Quantity, "value": l.Price, "currency": e.text("currency")}
	rels := map[string]any{"productUnit": l.Unit}
	if l.Notes != "" {
		attrs["comment"] = l.Notes
	}
	if !l.ShipBy.IsZero() {
		attrs["shipBy"] = day(l.ShipBy)
	}
	if l.FreeForm != "" {
		attrs["freeFormProduct"], attrs["productSku"] = l.FreeForm, l.SKU
		rels["productUnit"] = cmp.Or(l.Unit, "item")
	} else {
		products := e.shop.tables["products"]
		found := products.texts[products.byName["sku"].slot][encode(l.SKU)]
		if len(found) == 0 {
			return fmt.Errorf("no product %s", l.SKU)
		}
		rels["product"] = products.id(found[0])
		product := &entity{draft: e.draft, table: products, record: products.get(found[0])}
		if first := product.one("primaryUnitPrecision"); l.Unit == "" && first != nil {
			rels["productUnit"] = e.shop.tables["productunits"].id(first.ref("unit"))
		}
	}
	if err := fill(line, attrs, rels); err != nil {
		return err
	}
	line.setList("orders", []int32{e.record.serial})
	withProduct(line)
	return nil
}

func (e ordering) addAddress(name string, a *Address) error {
	if a == nil {
		return nil
	}
	address := e.create("orderaddresses")
	attrs, rels := make(map[string]any), map[string]any{"country": a.Country}
	for field, value := range map[string]string{
		"label": a.Label, "organization": a.Organization, "firstName": a.FirstName, "lastName": a.LastName,
		"street": a.Street, "street2": a.Street2, "city": a.City, "postalCode": a.PostalCode, "phone": a.Phone,
	} {
		if value != "" {
			attrs[field] = value
		}
	}
	if a.Region != "" {
		rels["region"] = a.Region
	}
	e.setRef(name, address.record.serial)
	return fill(address, attrs, rels)
}

func (e ordering) addDiscount(d Discount) error {
	discount := e.create("orderdiscounts")
	attrs := map[string]any{"description": d.Description, "orderDiscountType": "oro_order_discount_item_type_amount"}
	if d.Percent != "" {
		attrs["percent"], attrs["orderDiscountType"] = d.Percent, "oro_order_discount_item_type_percent"
	}
	if d.Amount != "" {
		attrs["amount"] = d.Amount
	}
	if err := fill(discount, attrs, nil); err != nil {
		return err
	}
	discount.setRef("order", e.record.serial)
	withDiscount(discount)
	return nil
}

// changeOrder changes an order behind the API's back: as a user of the back office does. It moves updatedAt.
func (s *Shop) changeOrder(id string, change func(*entity) error) error {
	s.mu.Lock()
	t := s.tables["orders"]
	n, _ := t.parseID(id)
	d := s.draft(false)
	e := d.entity(t, n)
	if e == nil {
		s.mu.Unlock()
		return fmt.Errorf("change order %s: no such order", id)
	}
	e.touch("updatedAt")
	err := change(e)
	if err == nil {
		withTotals(e)
		err = d.commit()
	}
	if err != nil {
		s.mu.Unlock()
		return fmt.Errorf("change order %s: %w", id, err)
	}
	events := s.events(d.done)
	s.mu.Unlock()
	s.publish(events)
	return nil
}

// SetOrderStatus sets the internal status, which the API cannot: open, pending, processing, closed, cancelled.
func (s *Shop) SetOrderStatus(id, status string) error {
	return s.changeOrder(id, func(e *entity) error { return lead(e, "internalStatus", status) })
}

// CancelOrder sets the internal status to cancelled.
func (s *Shop) CancelOrder(id string) error { return s.SetOrderStatus(id, "cancelled") }

// SetOrderNumber sets the ERP's number of an order, as an answer does.
func (s *Shop) SetOrderNumber(id, number string) error {
	return s.changeOrder(id, func(e *entity) error { return fill(e, map[string]any{"externalId": number}, nil) })
}

// ChangeLine sets the quantity of a line, counted from 0.
func (s *Shop) ChangeLine(id string, line int, quantity string) error {
	return s.changeOrder(id, func(e *entity) error {
		lines := e.members("lineItems")
		if line < 0 || line >= len(lines) {
			return fmt.Errorf("no line %d", line)
		}
		l := e.entity(lines[line].table, lines[line].record.serial)
		return fill(l, map[string]any{"quantity": quantity}, nil)
	})
}

// StampOrder sets an order's time stamps, also to the past; a zero time leaves one as it is.
func (s *Shop) StampOrder(id string, created, updated time.Time) error {
	return s.changeOrder(id, func(e *entity) error {
		if updated.IsZero() {
			updated = s.clock()
		}
		if created.IsZero() {
			e.set("updatedAt", stamp(updated))
			return nil
		}
		stampOrder(e, created, updated)
		return nil
	})
}
