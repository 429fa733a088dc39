package operate

import (
	"context"
	"slices"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// outboxEntity is the entity under which the ledger keeps the history of orders on their way out.
const outboxEntity = "orders"

// Order is an order of the outbox, in one version.
type Order struct {
	ID        int64            `json:"-"`      // of its entry, for the next page of a list
	Number    int64            `json:"number"` // of its file; 0 while it has none
	Order     string           `json:"order"`
	Version   int              `json:"version"`
	Shop      string           `json:"shop,omitempty"` // where there are several
	Export    string           `json:"export"`
	File      string           `json:"file"`
	SHA256    string           `json:"sha256"`
	State     bridge.OwedState `json:"state"`
	Alarm     bridge.Alarm     `json:"alarm"`
	Reason    string           `json:"reason"`
	Flags     []string         `json:"flags"`
	Answer    string           `json:"answer"`
	Submitted *time.Time       `json:"submitted"`
	Owed      *time.Time       `json:"owed"`
	Written   *time.Time       `json:"written"`
	Fetched   *time.Time       `json:"fetched"`    // a partner has read it to the end, at a server of the bridge's own
	By        string           `json:"fetched_by"` // the partner
	From      string           `json:"fetched_from"`
	PickedUp  *time.Time       `json:"picked_up"`
	Answered  *time.Time       `json:"answered"`
}

func newOrder(o *bridge.Owed) Order {
	return Order{ID: o.ID, Number: o.Number, Order: o.Order, Version: o.Version, Export: o.Export, File: o.File, SHA256: o.SHA256,
		State: o.State, Alarm: o.Alarm, Reason: o.Reason, Flags: append([]string{}, o.Flags...), Answer: o.Answer, Submitted: moment(o.Submitted),
		Owed: moment(o.OwedAt), Written: moment(o.WrittenAt), Fetched: moment(o.Fetched.At), By: o.Fetched.User,
		From: o.Fetched.From, PickedUp: moment(o.PickedUp), Answered: moment(o.Answered)}
}

// Orders lists what stands in the outbox.
func (k *View) Orders(ctx context.Context, f bridge.OutboxFilter) ([]Order, error) {
	if err := k.knownExport(ctx, f.Export); err != nil {
		return nil, err
	}
	f.Exports = k.exports()
	owed, err := k.Ledger.Outbox(ctx, f)
	if err != nil {
		return nil, err
	}
	list := make([]Order, len(owed))
	for i, o := range owed {
		list[i] = newOrder(o)
		list[i].Shop = k.told(k.of("export " + o.Export))
	}
	return list, nil
}

// OrderDetails is an order with everything that happened to it.
type OrderDetails struct {
	Shop     string         `json:"shop,omitempty"` // where there are several
	Order    string         `json:"order"`
	Versions []Order        `json:"versions"` // oldest first; the outbox of several exports holds several
	History  []HistoryEntry `json:"history"`
}

// OrderDetails shows the orders that a word names: an identifier, or the number of a file, which may hold several.
func (k *View) OrderDetails(ctx context.Context, word string) ([]OrderDetails, error) {
	named, err := k.Ledger.Outbox(ctx, bridge.OutboxFilter{Order: word, Exports: k.exports()})
	if err != nil {
		return nil, err
	}
	if len(named) == 0 {
		return nil, &bridge.Error{Op: "show", Object: "order " + word, Err: bridge.ErrUnknown, Hint: "see `orobridge orders`"}
	}
	var all []OrderDetails
	type one struct{ shop, order string }
	shown := map[one]bool{}
	for _, o := range named {
		shop := k.of("export " + o.Export)
		if shown[one{shop, o.Order}] {
			continue
		}
		shown[one{shop, o.Order}] = true
		d, err := k.order(ctx, shop, o.Order)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// order gathers all versions of a shop's order, and its own history with that of its answers.
func (k *View) order(ctx context.Context, shop, identifier string) (OrderDetails, error) {
	d := OrderDetails{Shop: k.told(shop), Order: identifier, History: []HistoryEntry{}}
	versions, err := k.Ledger.Outbox(ctx, bridge.OutboxFilter{Order: identifier, Exports: k.exports()})
	if err != nil {
		return d, err
	}
	for _, v := range versions {
		if v.Order == identifier && k.of("export "+v.Export) == shop { // it may be the number of a file, too
			d.Versions = append(d.Versions, newOrder(v))
		}
	}
	told := []string{outboxEntity}
	for _, e := range formats.Entities {
		if e.Answers {
			told = append(told, e.Name)
		}
	}
	for _, entity := range told {
		entries, err := keysOf(k, shop).History(ctx, entity, identifier)
		if err != nil {
			return d, err
		}
		for _, e := range entries {
			if entity == outboxEntity && e.Fate == bridge.RowFate(bridge.Answered) {
				continue // the answer itself says it with what was set
			}
			d.History = append(d.History, newHistoryEntry(e))
		}
	}
	slices.SortStableFunc(d.History, func(x, y HistoryEntry) int { return x.At.Compare(*y.At) })
	return d, nil
}
