package operate

import (
	"context"
	"errors"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Finder looks for what people have in their hands.
type Finder struct{ *Desk }

// Found is what a word names: an order or the number of its file, a drop by its sha256 or how its file's name begins, a SKU or another
// key.
type Found struct {
	Orders []Order
	Drops  []Drop   // newest last
	Traces []*Trace // by entity and key
	More   bool     // there are more keys
}

// foundDrops is how many drops of a name are found, the newest ones.
const foundDrops = 50

// Search looks for a word everywhere. Nothing found is no error. Only a word that nothing else has is looked for inside of the names of
// files, since that reads them all.
func (k Finder) Search(ctx context.Context, word string) (*Found, error) {
	v := &Found{}
	var err error
	if v.Orders, err = k.Orders(ctx, bridge.OutboxFilter{Order: word, Last: foundDrops}); err != nil {
		return nil, err
	}
	if sum := strings.ToLower(word); len(sum) == 64 && strings.Trim(sum, "0123456789abcdef") == "" {
		v.Drops, err = k.Drops(ctx, bridge.DropFilter{SHA256: sum, Last: foundDrops})
		return v, err
	}
	if v.Drops, err = k.Drops(ctx, bridge.DropFilter{Begins: word, Last: foundDrops}); err != nil {
		return nil, err
	}
	if v.Traces, v.More, err = k.TraceAll(ctx, word); err != nil && !errors.Is(err, bridge.ErrUnknown) {
		return nil, err
	}
	if len(v.Orders)+len(v.Drops)+len(v.Traces) == 0 {
		v.Drops, err = k.Drops(ctx, bridge.DropFilter{Word: word, Last: foundDrops})
		return v, err
	}
	return v, nil
}

// Now is what the shop holds of a key at this moment.
type Now struct {
	OroID  string            `json:"oro_id"` // empty: it does not have the key
	Fields map[string]string `json:"fields"` // those that the shop last accepted from us, as they are now
}

// Now asks the shop what it holds of what was traced: of the fields that it has accepted. Nil when there is nothing to ask for.
func (k Finder) Now(ctx context.Context, t *Trace) (*Now, error) {
	e, ok := formats.EntityByName(t.Entity)
	if !ok || e.Answers || t.OroID == "" || t.Removed {
		return nil, nil
	}
	links, err := keysOf(&k.View, t.shop).Links(ctx, t.Entity, []string{t.Key})
	if err != nil || links[t.Key] == nil {
		return nil, err
	}
	found, err := inShop(k.Desk, t.shop).Shop.Find(ctx, e, []*formats.Record{{Entity: e, Key: t.Key, Values: links[t.Key].Content}})
	if err != nil {
		return nil, err
	}
	v := &Now{Fields: map[string]string{}}
	if f := found[0].Found; f != nil {
		v.OroID, v.Fields = f.OroID, fields(f.Values)
	}
	return v, nil
}
