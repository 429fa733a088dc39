package formats

import "slices"

// Flags of orders whose amounts do not add up.
const (
	FlagLine  = "line"  // a row total is not price × quantity
	FlagLines = "lines" // the row totals are not the subtotal
	FlagTotal = "total" // subtotal, shipping, tax and discount are not the total
	// FlagSubtotal: the shop tells two subtotals, the order's own and one among its sums.
	FlagSubtotal = "subtotal"
)

// CheckTotals names what of an order's amounts does not add up within a cent. It corrects nothing. The parts of a kit
// count for nothing, since the kit's price holds theirs, and tax may be in the prices already.
func (o *Order) CheckTotals() []string {
	var flags []string
	lines := Amount{}
	for i := range o.Lines {
		l := &o.Lines[i]
		if l.KitParent != 0 {
			continue
		}
		lines = lines.Add(amountOf(l.RowTotal))
		if l.Price != "" && l.Quantity != "" && differ(amountOf(l.Price).Mul(amountOf(l.Quantity)), amountOf(l.RowTotal)) {
			flags = append(flags, FlagLine)
		}
	}
	if differ(lines, amountOf(o.Subtotal)) {
		flags = append(flags, FlagLines)
	}
	net := amountOf(o.Subtotal).Add(amountOf(o.Shipping)).Sub(amountOf(o.Discount))
	if total := amountOf(o.Total); differ(net, total) && differ(net.Add(amountOf(o.Tax)), total) {
		flags = append(flags, FlagTotal)
	}
	return slices.Compact(flags)
}

// Differ says that two canonical amounts are more than a cent apart.
func Differ(a, b string) bool { return differ(amountOf(a), amountOf(b)) }

// differ says that two amounts are more than a cent apart.
func differ(a, b Amount) bool {
	d := a.Sub(b)
	if d.Cmp(Amount{}) < 0 {
		d = d.Neg()
	}
	return d.Cmp(mustAmount("0.01")) > 0
}

// amountOf reads a canonical amount; what is empty or none counts as 0.
func amountOf(canonical string) Amount {
	a, err := ParseAmount(canonical, Conventions{})
	if err != nil {
		return Amount{}
	}
	return a
}
