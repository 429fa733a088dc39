package formats

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Condition is an expression of the same language as mapping expressions that gives true or false over named texts. Over
// orders its variables are the columns of [Order.Columns]: amount(total) >= 1000 && customer_group != 'Test'. It may be
// used by several goroutines.
type Condition struct {
	source string
	mu     sync.Mutex
	env    *exprEnv
	expr   *expression
}

// NewCondition compiles a condition over orders.
func NewCondition(source string) (*Condition, error) {
	c, err := NewTest(source)
	if err != nil {
		return nil, err
	}
	known := (&Order{}).Columns()
	for _, column := range c.Columns() {
		if _, ok := known[column]; !ok {
			return nil, fmt.Errorf("%s: an order has no column %s; it has %s", source, column, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	return c, nil
}

// NewTest compiles a condition over any names. Who uses it checks its [Condition.Columns].
func NewTest(source string) (*Condition, error) {
	c := &Condition{source: source, env: &exprEnv{cells: map[string]any{}}}
	var err error
	if c.expr, err = compile(source, c.env); err != nil {
		return nil, err
	}
	if t := c.expr.program.Node().Type(); t != boolType {
		return nil, fmt.Errorf("%s: gives %v, and not a condition", source, t)
	}
	return c, nil
}

// Columns are the names that the condition reads.
func (c *Condition) Columns() []string { return c.expr.columns }

// String is the condition as it was written.
func (c *Condition) String() string { return c.source }

// Holds says whether an order meets the condition. The error tells why that can't be computed.
func (c *Condition) Holds(o *Order) (bool, error) {
	columns := o.Columns()
	return c.HoldsOf(func(column string) string { return columns[column] })
}

// HoldsOf says whether the named texts meet the condition. The error is a [*Reject] that tells why that can't be computed.
func (c *Condition) HoldsOf(text func(column string) string) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, column := range c.expr.columns {
		c.env.cells[column] = text(column)
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
