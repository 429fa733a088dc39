package oro

import (
	"context"

	"github.com/orobridge/orobridge/formats"
)

// An entity of which the shop takes some fields only together tells what they lack.
type partial interface {
	// incomplete answers for each record, in order: nil when nothing is lacking.
	incomplete(ctx context.Context, records []*formats.Record) ([]*formats.Lack, error)
}

// Incomplete tells what wholes of records lack. See [inbound.Shop].
func (c *Client) Incomplete(ctx context.Context, e *formats.Entity, records []*formats.Record) ([]*formats.Lack, error) {
	ent, err := c.entity(e.Name)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	if p, ok := ent.(partial); ok {
		return p.incomplete(ctx, records)
	}
	return make([]*formats.Lack, len(records)), nil
}

// incomplete looks at the one address that the bridge keeps of a customer. What a record does not carry may stand in the shop:
// only where that decides, the shop is asked for it.
func (c customers) incomplete(ctx context.Context, records []*formats.Record) ([]*formats.Lack, error) {
	lacks := make([]*formats.Lack, len(records))
	var ask []string
	for i, rec := range records {
		var err error
		if lacks[i], err = c.addressLacks(ctx, rec, func(string) string { return "" }); err != nil {
			return nil, err
		}
		if c.unlistable(rec) == nil && lacksMore(rec, lacks[i]) {
			ask = append(ask, rec.Key)
		}
	}
	if len(ask) == 0 {
		return lacks, nil
	}
	held := map[string]*resource{}
	q := c.query([]string{"street", "country"})
	err := c.lookup(ctx, "customers", c.customerKey, unique(ask), q, 2, func(doc *document) error {
		included := index(doc.Included)
		for i := range doc.Data {
			held[doc.Data[i].text(c.customerKey)] = keptAddress(&doc.Data[i], included)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, rec := range records {
		if at := held[rec.Key]; at != nil && lacksMore(rec, lacks[i]) {
			if lacks[i], err = c.addressLacks(ctx, rec, heldAddressText(at)); err != nil {
				return nil, err
			}
		}
	}
	return lacks, nil
}

// lacksMore says that what a record lacks is nothing that it carries, so that the shop may hold it.
func lacksMore(rec *formats.Record, lacks *formats.Lack) bool {
	if lacks == nil {
		return false
	}
	_, carried := rec.Get(lacks.Field)
	return !carried
}

// addressLacks says what the shop would miss in the address of a record; nil for a whole one, and for a record without any.
// held is what the shop has in fields that the record does not carry. A country or region that the shop does not have is no
// lack: its row is rejected.
func (c customers) addressLacks(ctx context.Context, rec *formats.Record, held func(field string) string) (*formats.Lack, error) {
	whole := &rec.Entity.Wholes[0]
	if !whole.Begun(rec) {
		return nil, nil
	}
	for _, field := range whole.Needs {
		text, carried := rec.Get(field)
		if !carried {
			text = held(field)
		}
		if text == "" {
			return &formats.Lack{Field: field, Why: field + " is empty"}, nil
		}
	}
	_, bad, err := c.placeAddress(ctx, rec, held)
	if err != nil || bad == nil || bad.Code != formats.CodeMissing {
		return nil, err
	}
	return &formats.Lack{Field: bad.Field, Why: bad.Message}, nil
}

// heldAddressText is what the shop has in the fields of an address.
func heldAddressText(at *resource) func(string) string {
	return func(field string) string {
		if field == "country" || field == "region" {
			return at.one(field).ID
		}
		return at.text(addressFields[field])
	}
}

var _ partial = customers{}
