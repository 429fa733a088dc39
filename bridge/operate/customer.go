package operate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Customer is all that the ledger holds of a customer, for a person who asks what is known. The bytes of files are no part of
// it, since they hold others, too: files of the customers' feeds stay as long as state.keep.rows says, orders with their bytes
// as long as state.keep.orders.
type Customer struct {
	Person string `json:"person"` // how journal and outbox refer to it
	*Trace
	Rejects  []KeptReject `json:"rejects"`
	Warnings []Reject     `json:"warnings"`
	Orders   []Order      `json:"orders"`
	Users    []string     `json:"users"` // who buy for it: the e-mail addresses by which each is shown
	Feeds    []string     `json:"feeds"` // whose files may name it
	// Others is what other shops hold under the number, where there are several.
	Others []*Trace `json:"others,omitempty"`
}

// Forgotten is what became of a customer whom the ledger forgot, and what of it stays.
type Forgotten struct {
	Person string `json:"person"`
	bridge.Forgotten
	Users  []string `json:"users"`  // of a customer: they are forgotten with it, and counted
	Orders []string `json:"orders"` // that stay
	Feeds  []string `json:"feeds"`  // whose files may name it, or one of them
}

// Customer gathers what the ledger holds of a customer's number, or of a user's e-mail address; [bridge.ErrUnknown] when that is nothing.
func (k *View) Customer(ctx context.Context, number string) (*Customer, error) {
	entity := personal(number)
	v := &Customer{Person: k.Ledger.Pseudonym(number), Feeds: k.feedsOf(entity)}
	known, err := traces(ctx, k, entity.Name, number)
	if err != nil {
		return nil, err
	}
	unknown := len(known) == 0
	if v.Trace = newTrace(entity.Name, number); !unknown {
		v.Trace, v.Others = known[0], known[1:]
	}
	if v.Orders, err = k.Orders(ctx, bridge.OutboxFilter{Customer: number}); err != nil {
		return nil, err
	}
	if v.Rejects, err = k.Rejects(ctx, bridge.RejectFilter{Entity: entity.Name, Keys: []string{number}}); err != nil {
		return nil, err
	}
	if v.Warnings, err = k.customerWarnings(ctx, v); err != nil {
		return nil, err
	}
	if v.Users, err = k.usersOf(ctx, entity, number); err != nil {
		return nil, err
	}
	if unknown && len(v.Orders)+len(v.Rejects)+len(v.Warnings)+len(v.Users) == 0 {
		return nil, &bridge.Error{Op: "find", Object: "customer " + number, Err: bridge.ErrUnknown,
			Hint: "write the number as the files have it once the feed has mapped it; see orobridge trace customers NUMBER"}
	}
	return v, nil
}

// customerWarnings are those of the drops that the customer's history names.
func (k *View) customerWarnings(ctx context.Context, v *Customer) ([]Reject, error) {
	drops, found := map[int64]bool{v.Drop: true}, []Reject{}
	for _, t := range append([]*Trace{v.Trace}, v.Others...) {
		drops[t.Drop] = true
		for _, h := range t.History {
			drops[h.Drop] = true
		}
	}
	delete(drops, 0)
	for _, drop := range slices.Sorted(maps.Keys(drops)) {
		err := k.Ledger.Warnings(ctx, drop, func(w bridge.WarningRow) error {
			if w.Key == v.Key {
				found = append(found, newReject(bridge.RejectRow{Drop: w.Drop, Run: w.Run,
					Reject: formats.Reject{Pos: w.Pos, Key: w.Key, Field: w.Field, Code: w.Code, Message: w.Message}}))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// usersOf are those who buy for a customer: whose records were loaded or wait for it, and of whom only rows are known that were rejected.
func (k *View) usersOf(ctx context.Context, e *formats.Entity, number string) ([]string, error) {
	users := []string{}
	if e != formats.Customers {
		return users, nil
	}
	for _, shop := range k.keyed() {
		found, err := keysOf(k, shop).Naming(ctx, formats.CustomerUsers.Name, customerField, number)
		if err != nil {
			return nil, err
		}
		for _, user := range found {
			if !slices.Contains(users, user) {
				users = append(users, user)
			}
		}
	}
	err := k.Ledger.Rejects(ctx, bridge.RejectFilter{Entity: formats.CustomerUsers.Name, Feeds: k.feeds()}, func(r bridge.RejectRow) error {
		if r.Key == "" || slices.Contains(users, r.Key) {
			return nil
		}
		d, err := k.Ledger.Drop(ctx, r.Drop)
		if err == nil && k.rowNames(d.Feed, r.Row, number) {
			users = append(users, r.Key)
		}
		return err
	})
	slices.Sort(users)
	return users, err
}

// customerField is the field of a user that names the customer.
const customerField = "customer_number"

// rowNames says whether a row of users names a customer, as its feed reads it today. Of a row that can't be read as far as there
// nobody knows.
func (k *View) rowNames(feed string, row map[string]string, number string) bool {
	f, err := FeedOf(k.Feeds, feed)
	if err != nil { // the config has it no more
		return false
	}
	columns := slices.Sorted(maps.Keys(row))
	for _, column := range f.Mapping.SourceColumns(f.Entity) {
		if _, there := row[column]; !there {
			columns = append(columns, column)
		}
	}
	m, err := f.Mapping.Bind(f.Entity, columns, f.Format.Conventions())
	if err != nil {
		return false
	}
	read, rec := &formats.Row{}, formats.Record{}
	for _, column := range columns {
		read.Cells = append(read.Cells, row[column])
	}
	_ = m.Record(read, &rec) // it was rejected: what stands before its fault was read
	return slices.Contains(rec.Values, formats.Value{Field: customerField, Text: number})
}

// ForgetCustomer removes a customer, and those who buy for it, from the ledger and from the free room of its file. The shop is not asked:
// what it holds is deleted there. A later file that names one of them brings it back.
func (k *Desk) ForgetCustomer(ctx context.Context, number string) (*Forgotten, error) {
	known, err := k.Customer(ctx, number)
	if err != nil {
		return nil, err
	}
	v := &Forgotten{Person: known.Person, Users: known.Users, Orders: []string{}, Feeds: known.Feeds}
	if len(known.Users) > 0 {
		v.Feeds = append(v.Feeds, k.feedsOf(formats.CustomerUsers)...)
	}
	for _, feed := range v.Feeds {
		loading, err := k.Ledger.Drops(ctx, bridge.DropFilter{Feed: feed, States: []bridge.DropState{bridge.Loading}})
		if err != nil {
			return nil, err
		}
		if len(loading) > 0 {
			return nil, &bridge.Error{Op: "forget", Object: "customer " + number,
				Err:  fmt.Errorf("drop %d of %s is being loaded, and may bring it back", loading[0].ID, feed),
				Hint: "wait until it is loaded"}
		}
	}
	for _, o := range known.Orders {
		v.Orders = append(v.Orders, o.Order)
	}
	for _, user := range known.Users { // the customer goes last: should this be cut short, it is still known who they are
		if err := k.erase(ctx, user, v); err != nil {
			return nil, err
		}
	}
	if err := k.erase(ctx, number, v); err != nil {
		return nil, err
	}
	_, err = k.Ledger.GiveBack(ctx) // the write-ahead log forgets, too
	return v, err
}

// erase removes a customer or a user, and counts what is gone.
func (k *Desk) erase(ctx context.Context, key string, v *Forgotten) error {
	events := []*bridge.Event{k.By.On(&bridge.Event{At: k.In.Clock.Now(), Kind: bridge.DecisionTaken,
		Text: k.Ledger.Pseudonym(key) + " was forgotten"})}
	for _, shop := range k.keyed() {
		gone, err := keysOf(&k.View, shop).Erase(ctx, personal(key).Name, key, v.Feeds, events...)
		if v.Forgotten = v.With(gone); err != nil {
			return err
		}
		events = nil // it is told once
	}
	return nil
}

// personal is the entity that a key is of: e-mail addresses are those of users.
func personal(key string) *formats.Entity {
	if strings.Contains(key, "@") {
		return formats.CustomerUsers
	}
	return formats.Customers
}

// feedsOf are the feeds that load an entity.
func (k *View) feedsOf(e *formats.Entity) []string {
	names := []string{}
	for _, f := range k.Feeds {
		if f.Entity == e {
			names = append(names, f.Name)
		}
	}
	return names
}
