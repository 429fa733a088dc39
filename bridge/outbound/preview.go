package outbound

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// A Preview is the file that an order would go out in, were it alone and next: neither packed nor encrypted.
type Preview struct {
	Order string // identifier
	Name  string
	Body  []byte
	Flags []string // what was noticed and not corrected
	Doubt string   // what of its sums does not add up; empty when all does
	Bare  int      // newer orders that have no lines, and were passed over
}

// Preview renders an order of the shop through an export, by its identifier. Nothing is written and no number is given: the
// file has the one that is next. The error of an order that would be stuck says why.
func (e *Engine) Preview(ctx context.Context, x *config.Export, identifier string) (*Preview, error) {
	book, _, err := e.Ledger.Book(ctx, x.Name)
	if err != nil {
		return nil, err
	}
	k := e.kindOf(x)
	d, err := k.find(ctx, identifier)
	if err != nil {
		return nil, err
	}
	return preview(k, x, d, book)
}

// lookedAt newest orders are read for a preview.
const lookedAt = 25

// PreviewNewest renders the shop's newest order that has lines through an export as the first one of all; nil when the shop has
// no order. Where none of the newest ones has lines, the error is that of the newest.
func PreviewNewest(ctx context.Context, shop Shop, x *config.Export) (*Preview, error) {
	k := orders{shop}
	last, err := lastID(ctx, k)
	if err != nil || last == 0 {
		return nil, err
	}
	var ids []string
	for id := last; id > max(0, last-lookedAt); id-- {
		ids = append(ids, strconv.FormatInt(id, 10))
	}
	told, _, err := k.read(ctx, ids)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(told, func(a, b *document) int { return cmp.Compare(number(b.ID), number(a.ID)) })
	if len(told) == 0 || told[0].ID != ids[0] {
		return nil, &bridge.Error{Op: "read", Object: "order with the shop's id " + ids[0], Fate: bridge.Pause,
			Err: errors.New("the shop lists it and does not tell it in full"), Hint: bridge.AlarmUntold.Hint()}
	}
	for i, d := range told {
		p, bare := preview(k, x, d, bridge.Book{})
		if !errors.Is(bare, errNoLines) {
			if p != nil {
				p.Bare = i
			}
			return p, bare
		}
		err = cmp.Or(err, bare)
	}
	return nil, err
}

func preview(k kind, x *config.Export, d *document, book bridge.Book) (*Preview, error) {
	plain := *x
	plain.Gzip, plain.Encrypt = false, nil
	name, body, err := render(k, &plain, []*document{d}, book.Number+1, book.Document+1)
	if err != nil {
		return nil, err
	}
	return &Preview{Order: d.Identifier, Name: name, Body: body, Flags: d.Flags, Doubt: k.doubt(d)}, nil
}
