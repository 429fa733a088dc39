package outbound

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// A kind is what the journey must know of one kind of documents: how they are read from the shop, told apart, chosen and
// written. The rest of the package deals with any.
type kind interface {
	// sightings is a page, from 1, of the shop's documents that were updated since a time; see [Shop].
	sightings(ctx context.Context, since time.Time, page int) ([]bridge.Sighting, bool, error)
	// arrivals is a page of the shop's documents whose ids come after one; see [Shop].
	arrivals(ctx context.Context, after string) ([]bridge.Sighting, bool, error)
	// read reads documents in full by the shop's ids, and tells those that are there and can't be read; one that is gone is
	// left out.
	read(ctx context.Context, ids []string) (told []*document, untold []string, err error)
	// find reads one document by its identifier.
	find(ctx context.Context, identifier string) (*document, error)
	// passes says whether an export wants a document.
	passes(x *config.Export, d *document) (bool, error)
	// fingerprint hashes what an ERP cares about.
	fingerprint(d *document) int64
	// answered is what the ERP has answered to a document, by what the shop holds of it; empty for nothing.
	answered(d *document) string
	// doubt says what of a document's sums does not add up; empty when all does. It is written as it is.
	doubt(d *document) string
	// write makes a file of documents; number is that of the first one in it.
	write(w io.Writer, x *config.Export, all []*document, number int64) error
	// website is what the placeholder {website} of a file's name stands for.
	website(d *document) string
	// encode and decode keep a document's record while it waits for its file.
	encode(d *document) ([]byte, error)
	decode(e *bridge.Entry) (*document, error)
}

// document is a document with the time of its last update.
type document struct {
	*bridge.Document
	updated  time.Time
	replaced int // characters that no document may hold
}

// kindOf is the kind of an export's documents.
func (e *Engine) kindOf(*config.Export) kind { return orders{e.Shop} }

// orders are documents whose records are *formats.Order.
type orders struct{ shop Shop }

func order(d *document) *formats.Order { return d.Record.(*formats.Order) }

func orderDocument(o *formats.Order) *document {
	return &document{Document: &bridge.Document{Kind: bridge.Orders, ID: o.ID, Identifier: o.Identifier,
		Customer: o.Customer.ExternalID, Version: max(1, o.Version), Submitted: o.Submitted, Flags: o.Flags, Record: o}, updated: o.Updated}
}

// cleanDocument makes a document of an order as the shop tells it.
func cleanDocument(o *formats.Order) *document {
	replaced := o.Clean()
	d := orderDocument(o)
	d.replaced = replaced
	return d
}

func (k orders) sightings(ctx context.Context, since time.Time, page int) ([]bridge.Sighting, bool, error) {
	return k.shop.Sightings(ctx, since, page)
}

func (k orders) arrivals(ctx context.Context, after string) ([]bridge.Sighting, bool, error) {
	return k.shop.Arrivals(ctx, after)
}

func (k orders) read(ctx context.Context, ids []string) ([]*document, []string, error) {
	list, untold, err := k.shop.Orders(ctx, ids)
	all := make([]*document, len(list))
	for i, o := range list {
		all[i] = cleanDocument(o)
	}
	return all, untold, err
}

func (k orders) find(ctx context.Context, identifier string) (*document, error) {
	o, err := k.shop.Order(ctx, identifier)
	if err != nil {
		return nil, err
	}
	return cleanDocument(o), nil
}

func (orders) passes(x *config.Export, d *document) (bool, error) { return x.Only.Passes(order(d)) }

// fingerprint hashes lines, addresses, totals, and whether the order is cancelled.
func (orders) fingerprint(d *document) int64 {
	o, h := order(d), sha256.New()
	put := func(texts ...string) {
		for _, t := range texts {
			fmt.Fprintf(h, "%d:%s,", len(t), t)
		}
	}
	put(o.Currency, o.Subtotal, o.Discount, o.Shipping, o.Tax, o.Total, fmt.Sprint(o.InternalStatus == "cancelled"))
	for _, a := range []formats.Address{o.Bill, o.Ship} {
		put(a.Label, a.Organization, a.FirstName, a.LastName, a.Street, a.Street2, a.City, a.PostalCode, a.Region, a.Country, a.Phone)
	}
	for _, l := range o.Lines {
		name := ""
		if l.FreeForm {
			name = l.Product
		}
		put(l.SKU, name, l.Quantity, l.Unit, l.Price, l.RowTotal, l.Currency, l.ShipBy, l.Notes, fmt.Sprint(l.KitParent))
	}
	return int64(binary.BigEndian.Uint64(h.Sum(nil)))
}

// answered is the number that the ERP gave the order.
func (orders) answered(d *document) string { return order(d).ExternalID }

// sums say in words what the flags of an order's sums mean.
var sums = map[string]string{
	formats.FlagLine:     "a line's total is not its price times its quantity",
	formats.FlagLines:    "the lines' totals are not the subtotal",
	formats.FlagTotal:    "subtotal, shipping, tax and discount are not the total",
	formats.FlagSubtotal: "the shop tells two subtotals",
}

func (orders) doubt(d *document) string {
	var all []string
	for _, flag := range d.Flags {
		if text := sums[flag]; text != "" {
			all = append(all, text)
		}
	}
	return strings.Join(all, "; ")
}

// errNoLines makes an order stuck: in a file, whatever its layout, it would be one that nobody misses.
var errNoLines = errors.New("the order has no lines: there is nothing to deliver")

func (orders) write(w io.Writer, x *config.Export, all []*document, number int64) error {
	format := x.Format
	if n, ok := format.(formats.NumberedFormat); ok {
		format = n.Numbered(number)
	}
	list := make([]*formats.Order, len(all))
	for i, d := range all {
		list[i] = order(d)
		if len(list[i].Lines) == 0 {
			return errNoLines
		}
		if d.Version > 1 {
			list[i].Version = d.Version
		}
	}
	err := format.WriteOrders(w, list)
	for i, d := range all {
		d.Flags = list[i].Flags
	}
	return err
}

func (orders) website(d *document) string { return order(d).Website }

func (orders) encode(d *document) ([]byte, error) { return json.Marshal(order(d)) }

func (orders) decode(e *bridge.Entry) (*document, error) {
	o := &formats.Order{}
	if err := json.NewDecoder(bytes.NewReader(e.Content)).Decode(o); err != nil {
		return nil, fmt.Errorf("read collected order %d: %w", e.ID, err)
	}
	d := orderDocument(o)
	e.Document = d.Document
	return d, nil
}
