package formats

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Condition decides about orders: an expression of the same language as mapping expressions, whose variables are the
// columns of [Order.Columns], and which gives true or false: amount(total) >= 1000 && customer_group != 'Test'. It may
// be used by several goroutines.
type Condition struct {
	source string
	mu     sync.Mutex
	env    *exprEnv
	expr   *expression
}

// NewCondition compiles a condition.
func NewCondition(source string) (*Condition, error) {
	c := &Condition{source: source, env: &exprEnv{cells: map[string]any{}}}
	var err error
	if c.expr, err = compile(source, c.env); err != nil {
		return nil, err
	}
	if t := c.expr.program.Node().Type(); t != boolType {
		return nil, fmt.Errorf("%s: gives %v, and not a condition", source, t)
	}
	known := (&Order{}).Columns()
	for _, column := range c.expr.columns {
		if _, ok := known[column]; !ok {
			return nil, fmt.Errorf("%s: an order has no column %s; it has %s", source, column, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	return c, nil
}

// String is the condition as it was written.
func (c *Condition) String() string { return c.source }

// Holds says whether an order meets the condition. The error tells why that can't be computed.
func (c *Condition) Holds(o *Order) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for column, text := range o.Columns() {
		c.env.cells[column] = text
	}
	out, reject := c.expr.run(c.env)
	if reject != nil {
		return false, reject
	}
	return out == "1", nil
}

// Columns are the texts of an order's head by the names of the canonical columns.
func (o *Order) Columns() map[string]string {
	return map[string]string{
		"order": o.Identifier, "internal_status": o.InternalStatus, "status": o.Status, "shipping_status": o.ShippingStatus,
		"po_number": o.PONumber, "website": o.Website, "customer_number": o.Customer.ExternalID, "customer": o.Customer.Name,
		"customer_group": o.CustomerGroup, "email": o.User.Email, "currency": o.Currency, "subtotal": o.Subtotal, "discount": o.Discount,
		"shipping": o.Shipping, "tax": o.Tax, "total": o.Total, "payment_term": o.PaymentTerm, "payment_method": o.PaymentMethod,
		"shipping_method": o.ShippingMethod, "ship_until": o.ShipUntil, "notes": o.Notes, "bill_country": o.Bill.Country,
		"ship_country": o.Ship.Country, "erp_order_number": o.ExternalID,
	}
}
