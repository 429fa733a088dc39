package formats

import "time"

// Order is an order of the shop as the ERP gets it. NamedAmount and quantities are canonical decimals as text; a text is
// empty where the shop holds nothing.
type Order struct {
	ID                 string        `json:"id"`    // the shop's own number
	Identifier         string        `json:"order"` // what the customer sees
	Submitted          time.Time     `json:"submitted"`
	Updated            time.Time     `json:"updated"`
	ExternalID         string        `json:"erp_order_number,omitempty"`
	InternalStatus     string        `json:"internal_status"`
	Status             string        `json:"status,omitempty"`
	ShippingStatus     string        `json:"shipping_status,omitempty"`
	PONumber           string        `json:"po_number"`
	Website            string        `json:"website,omitempty"`
	Customer           Party         `json:"customer"`
	User               Party         `json:"customer_user"`
	CustomerGroup      string        `json:"customer_group,omitempty"`
	Currency           string        `json:"currency"`
	Subtotal           string        `json:"subtotal"`
	Discount           string        `json:"discount"`
	Shipping           string        `json:"shipping"`
	Tax                string        `json:"tax"`
	Total              string        `json:"total"`
	PaymentTerm        string        `json:"payment_term"`
	PaymentMethod      string        `json:"payment_method"`
	ShippingMethod     string        `json:"shipping_method"`
	ShippingMethodType string        `json:"shipping_method_type,omitempty"`
	ShipUntil          string        `json:"ship_until"` // YYYY-MM-DD
	Notes              string        `json:"notes"`
	Bill               Address       `json:"bill"`
	Ship               Address       `json:"ship"`
	Lines              []OrderLine   `json:"lines"`
	Discounts          []NamedAmount `json:"discounts,omitempty"`
	// Version is 2 and more for an order that has changed since it was written first.
	Version int `json:"version,omitempty"`
	// Flags name what the bridge noticed and did not correct: amounts that do not add up within a cent
	// (see [Order.CheckTotals]), characters that had to be replaced.
	Flags []string `json:"flags,omitempty"`
}

// Party is a company or a person of an order.
type Party struct {
	ID         string `json:"id,omitempty"`
	ExternalID string `json:"external_id,omitempty"` // the ERP's number
	Name       string `json:"name,omitempty"`
	Email      string `json:"email,omitempty"`
}

// Address is an order's own copy of an address.
type Address struct {
	Label        string `json:"label,omitempty"`
	Organization string `json:"organization,omitempty"`
	FirstName    string `json:"first_name,omitempty"`
	LastName     string `json:"last_name,omitempty"`
	Street       string `json:"street,omitempty"`
	Street2      string `json:"street2,omitempty"`
	City         string `json:"city,omitempty"`
	PostalCode   string `json:"postal_code,omitempty"`
	Region       string `json:"region,omitempty"`  // "US-NY"
	Country      string `json:"country,omitempty"` // "US"
	Phone        string `json:"phone,omitempty"`
}

// OrderLine is one line item.
type OrderLine struct {
	ID        string `json:"id"`
	Number    int    `json:"line"` // 1-based position
	SKU       string `json:"sku"`
	Product   string `json:"product"`
	FreeForm  bool   `json:"free_form,omitempty"` // not a product of the shop
	Quantity  string `json:"quantity"`
	Unit      string `json:"unit"`
	Price     string `json:"price"` // of one unit
	RowTotal  string `json:"row_total"`
	Currency  string `json:"currency,omitempty"`
	ShipBy    string `json:"ship_by,omitempty"`
	Notes     string `json:"line_notes"`
	KitParent int    `json:"kit_parent,omitempty"` // Number of the kit that this line is a part of
}

// NamedAmount is a named amount, such as a discount.
type NamedAmount struct {
	Name   string `json:"name"`
	Amount string `json:"amount"`
}
