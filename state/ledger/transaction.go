package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/orobridge/orobridge/bridge"
)

// manner is how a writing transaction is carried out.
type manner struct {
	first bool // before what else waits: it is about orders
	soon  bool // it is on the disk no later than the next one that is not
}

// tx does something in one writing transaction, which is on the disk when it returns.
func (d *database) tx(ctx context.Context, what string, do func(statements) error) error {
	return d.inTurn(ctx, manner{}, what, do)
}

// order is tx for orders, which go before what else waits.
func (d *database) order(ctx context.Context, what string, do func(statements) error) error {
	return d.inTurn(ctx, manner{first: true}, what, do)
}

// soon is tx for what a crash may undo as long as nothing that was said later stays: the log is synced from its beginning, with
// the next transaction that has to be on the disk. A loss of power then leaves the ledger as a kill at an earlier moment does.
// Whoever acts on what was said needs tx.
func (d *database) soon(ctx context.Context, what string, do func(statements) error) error {
	return d.inTurn(ctx, manner{soon: true}, what, do)
}

func (d *database) inTurn(ctx context.Context, m manner, what string, do func(statements) error) error {
	if !d.writes {
		return fmt.Errorf("%s: %w", what, bridge.ErrReading)
	}
	if err := d.turns.take(ctx, m.first); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer d.turns.give()
	var numbers []given
	var open doubts
	err := d.edition.Write(ctx, m.soon, func(s Statements) error {
		if err := inTerm(ctx, s); err != nil {
			return err
		}
		tx := statements{s, &numbers, &open, &sharing{settings: map[setting]int64{}}, ""}
		if err := do(tx); err != nil {
			return err
		}
		return tx.sure("")
	})
	if err != nil {
		for _, n := range slices.Backward(numbers) {
			*n.to = n.was
		}
	}
	return wrap(what, err)
}

// Alone does something while nobody else of this process writes.
func (d *database) Alone(ctx context.Context, do func() error) error {
	if err := d.turns.take(ctx, false); err != nil {
		return err
	}
	defer d.turns.give()
	return do()
}

// statements is a transaction that numbers what it enters.
type statements struct {
	Statements
	numbers *[]given
	doubts  *doubts
	shared  *sharing
	shop    string // whose entities it names
}

// sharing is what the links that a transaction sets have in common: the ends of their keys, and the settings that it has entered.
type sharing struct {
	ends     ends
	settings map[setting]int64
}

// doubts are looks at what statements did that are left for later, since whoever looks waits for the database, and the keys that they
// are about.
type doubts struct {
	about map[string]bool
	looks []func() error
}

// doubt leaves a look for later, at what was done about some keys.
func (s statements) doubt(look func() error, keys ...string) {
	if s.doubts.about == nil {
		s.doubts.about = map[string]bool{}
	}
	for _, key := range keys {
		s.doubts.about[key] = true
	}
	s.doubts.looks = append(s.doubts.looks, look)
}

// sure leaves no doubt about a key, and about none in the end: "".
func (s statements) sure(key string) error {
	if key != "" && !s.doubts.about[key] {
		return nil
	}
	for len(s.doubts.looks) > 0 { // a look may leave another one
		looks := s.doubts.looks
		*s.doubts = doubts{}
		for _, look := range looks {
			if err := look(); err != nil {
				return err
			}
		}
	}
	return nil
}

// of is how the ledger names an entity of the shop.
func (s statements) of(entity string) string { return bridge.InShop(entity, s.shop) }

// given is a number that a transaction gave to a caller's value, and what stood there before.
type given struct {
	to  *int64
	was int64
}

// give puts a number into a caller's value. A transaction that fails takes it back, for the caller may try again with the
// same value while the number becomes another one's.
func (s statements) give(to *int64, number int64) {
	*s.numbers = append(*s.numbers, given{to, *to})
	*to = number
}

// insert enters a row and gives its number.
func (s statements) insert(ctx context.Context, number *int64, query string, args ...any) error {
	id, err := s.Insert(ctx, query, args...)
	if err == nil {
		s.give(number, id)
	}
	return err
}

// count runs a statement that returns no rows, and counts those that it changed.
func (s statements) count(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := s.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
