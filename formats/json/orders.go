// Package json writes outbound orders as one JSON document.
//
// Contract: {"orders": […]} in the fields of [formats.Order], UTF-8, times in UTC as RFC 3339, amounts as texts so
// that no reader makes floats of them.
package json

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/orobridge/orobridge/formats"
)

// OrderOptions describe the document. The zero value is indented.
type OrderOptions struct {
	Compact bool `yaml:"compact" doc:"everything on one line"`
}

var _ formats.OrderFormat = (*OrderOptions)(nil)

// Check finds nothing wrong: every value is fine.
func (o *OrderOptions) Check() error { return nil }

// Extension is ".json".
func (o *OrderOptions) Extension() string { return ".json" }

type document struct {
	Orders []formats.Order `json:"orders"`
}

// WriteOrders writes a document that holds the orders. Lists without entries are [], never null.
func (o *OrderOptions) WriteOrders(w io.Writer, orders []*formats.Order) error {
	d := document{Orders: []formats.Order{}}
	for _, order := range orders {
		if order == nil {
			return errors.New("write orders: an order is missing")
		}
		copied := *order
		copied.Submitted, copied.Updated = copied.Submitted.UTC(), copied.Updated.UTC()
		if copied.Lines == nil {
			copied.Lines = []formats.OrderLine{}
		}
		d.Orders = append(d.Orders, copied)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if !o.Compact {
		e.SetIndent("", "  ")
	}
	return e.Encode(d)
}
