package formats

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Expression computes a text of named texts, in the language of mapping expressions: over an order's columns
// ([Order.Columns]), concat('B2B ', website) or amount(total) >= 1000 ? '01' : ”. It may be used by several goroutines.
type Expression struct {
	source string
	mu     sync.Mutex
	env    *exprEnv
	expr   *expression
}

// NewExpression compiles an expression over some names, nil lets it read any, with value lists.
func NewExpression(source string, names []string, lists Lists) (*Expression, error) {
	x, err := newExpression(source, &exprEnv{lists: lists, cells: map[string]any{}})
	if err != nil || names == nil {
		return x, err
	}
	for _, name := range x.expr.columns {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("%s: there is no column %s%s", source, name, suggestion(name, names))
		}
	}
	return x, nil
}

func newExpression(source string, env *exprEnv) (*Expression, error) {
	expr, err := compile(source, env)
	if err != nil {
		return nil, err
	}
	return &Expression{source: source, env: env, expr: expr}, nil
}

// Expression compiles an expression as the mapping would: with its lists, and a format's ways to write numbers and dates.
func (m *Mapping) Expression(source string, c Conventions) (*Expression, error) {
	lists, err := ReadLists(m.Lists, m.Open)
	if err != nil {
		return nil, err
	}
	return newExpression(source, &exprEnv{conventions: c, lists: lists, cells: map[string]any{}})
}

// String is the expression as it was written.
func (x *Expression) String() string { return x.source }

// Columns are the names that the expression reads.
func (x *Expression) Columns() []string { return x.expr.columns }

// Text computes the expression. The error is a [*Reject] that tells why that can't be done.
func (x *Expression) Text(text func(column string) string) (string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, column := range x.expr.columns {
		x.env.cells[column] = text(column)
	}
	out, reject := x.expr.run(x.env)
	if reject != nil {
		return "", reject
	}
	return out, nil
}

// Condition is an [Expression] that gives true or false: amount(total) >= 1000 && customer_group != 'Test'.
type Condition struct{ Expression }

// NewCondition compiles a condition over orders.
func NewCondition(source string) (*Condition, error) {
	return newCondition(source, slices.Sorted(maps.Keys((&Order{}).Columns())))
}

// NewTest compiles a condition over any names. Who uses it checks its [Expression.Columns].
func NewTest(source string) (*Condition, error) { return newCondition(source, nil) }

func newCondition(source string, names []string) (*Condition, error) {
	x, err := NewExpression(source, names, nil)
	if err != nil {
		return nil, err
	}
	if t := x.expr.program.Node().Type(); t != boolType {
		return nil, fmt.Errorf("%s: gives %v, and not a condition", source, t)
	}
	return &Condition{Expression{source: source, env: x.env, expr: x.expr}}, nil
}

// Holds says whether an order meets the condition. The error tells why that can't be computed.
func (c *Condition) Holds(o *Order) (bool, error) {
	columns := o.Columns()
	return c.HoldsOf(func(column string) string { return columns[column] })
}

// HoldsOf says whether the named texts meet the condition. The error is a [*Reject] that tells why that can't be computed.
func (c *Condition) HoldsOf(text func(column string) string) (bool, error) {
	out, err := c.Text(text)
	return out == "1", err
}

// Columns are the texts of an order's head by the names of the canonical columns.
func (o *Order) Columns() map[string]string {
	columns := map[string]string{
		"order": o.Identifier, "internal_status": o.InternalStatus, "status": o.Status, "shipping_status": o.ShippingStatus,
		"po_number": o.PONumber, "website": o.Website, "customer_number": o.Customer.ExternalID, "customer": o.Customer.Name,
		"customer_group": o.CustomerGroup, "user": o.User.Name, "email": o.User.Email, "currency": o.Currency, "subtotal": o.Subtotal,
		"discount": o.Discount, "shipping": o.Shipping, "tax": o.Tax, "total": o.Total, "payment_term": o.PaymentTerm,
		"payment_method": o.PaymentMethod, "shipping_method": o.ShippingMethod, "shipping_method_type": o.ShippingMethodType,
		"ship_until": o.ShipUntil, "notes": o.Notes, "erp_order_number": o.ExternalID, "submitted": o.Submitted.UTC().Format(time.RFC3339),
	}
	o.Bill.columns("bill_", columns)
	o.Ship.columns("ship_", columns)
	return columns
}

func (a *Address) columns(prefix string, columns map[string]string) {
	for name, text := range map[string]string{
		"label": a.Label, "organization": a.Organization, "first_name": a.FirstName, "last_name": a.LastName, "street": a.Street,
		"street2": a.Street2, "city": a.City, "postal_code": a.PostalCode, "region": a.Region, "country": a.Country, "phone": a.Phone,
	} {
		columns[prefix+name] = text
	}
}

// Columns are the texts of a line item by the names of the canonical columns.
func (l *OrderLine) Columns() map[string]string {
	freeForm := ""
	if l.FreeForm {
		freeForm = "1"
	}
	return map[string]string{"line": strconv.Itoa(l.Number), "sku": l.SKU, "product": l.Product, "quantity": l.Quantity, "unit": l.Unit,
		"price": l.Price, "row_total": l.RowTotal, "ship_by": l.ShipBy, "line_notes": l.Notes, "free_form": freeForm}
}
