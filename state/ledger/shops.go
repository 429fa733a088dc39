package ledger

import (
	"context"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
)

// Several shops. Feeds and exports have names of their own, over all shops, and so has all that is kept by them; the keys of an
// entity are each shop's own. They are told apart by the entity's name: "products" of main, "products@b2b" of another (see
// [bridge.InShop]), in links, accepted, history, parked and rejects. So main's are as they were when there was one, and a look-up
// costs no more. Outside this package nobody sees these names.

// part is what a ledger has for one shop.
type part struct {
	*database
	shop string // empty: lists are of all shops, and keys are main's
}

func ledgerOf(p part) *Ledger {
	return &Ledger{p.database, dropStore{p.database}, runStore{p.database}, rowStore{p}, linkStore{p}, outboxStore{p}, journal{p.database},
		admission{p.database}, alarmStore{p.database}, fleetStore{p.database}}
}

// Of is the ledger as a shop's engines see it: keys are those of the shop, and lists of keys its own alone. It shares the ledger's
// connections, and is closed with it.
func (l *Ledger) Of(shop string) *Ledger { return ledgerOf(part{l.database, shop}) }

// of is how the ledger names an entity of the shop.
func (p part) of(entity string) string { return bridge.InShop(entity, p.shop) }

// bare is an entity's own name.
func bare(named string) string {
	entity, _ := bridge.SplitShop(named)
	return entity
}

// ours chooses what a column names as of the shop: of its entity, or ("") of all of its entities.
func (p part) ours(w *where, column, entity string) {
	switch of := p.of(""); {
	case entity != "" && p.shop != "":
		w.add(column+" = ?", p.of(entity))
	case entity != "":
		w.add("("+column+" = ? OR instr("+column+", ?) = 1)", entity, entity+"@")
	case p.shop == "":
	case of == "":
		w.add("instr(" + column + ", '@') = 0")
	default:
		w.add(fmt.Sprintf("substr(%s, length(%s) - %d) = ?", column, column, len(of)-1), of)
	}
}

// The shop's writing transactions name entities as its own.

func (p part) tx(ctx context.Context, what string, do func(statements) error) error {
	return p.database.tx(ctx, what, p.within(do))
}

func (p part) order(ctx context.Context, what string, do func(statements) error) error {
	return p.database.order(ctx, what, p.within(do))
}

func (p part) soon(ctx context.Context, what string, do func(statements) error) error {
	return p.database.soon(ctx, what, p.within(do))
}

func (p part) within(do func(statements) error) func(statements) error {
	return func(tx statements) error {
		tx.shop = p.shop
		return do(tx)
	}
}
