package oro

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

// swapped is a batch of updates whose first two changes carry each other's id, whose third one carries an id that nobody
// has, and whose last one is right.
func swapped(t *testing.T, c *Client, records ...*formats.Record) *bridge.Batch {
	t.Helper()
	b := &bridge.Batch{Entity: records[0].Entity.Name}
	for _, rec := range records {
		l := find(t, c, rec)
		if l.Found == nil {
			t.Fatalf("%s: %+v", rec.Key, l)
		}
		b.Changes = append(b.Changes, &bridge.Change{Op: bridge.Update, Key: rec.Key, OroID: l.Found.OroID, Values: rec.Values, Record: rec})
	}
	one, two := b.Changes[0], b.Changes[1]
	one.OroID, two.OroID = two.OroID, one.OroID
	b.Changes[2].OroID = "9999999"
	if b.Entity == "prices" {
		_, list := cutLast(b.Changes[3].OroID, "-")
		b.Changes[2].OroID = "00000000-0000-0000-0000-000000000000-" + list
	}
	return b
}

// TestNoIDIsTrustedAlone: a shop that was restored from a backup gives ids again. What carries an id that is not its key's
// any more is not sent, and what is right beside it is.
func TestNoIDIsTrustedAlone(t *testing.T) {
	shop, c := newShop(t)
	var products, lists, customers []*formats.Record
	for i := range 4 {
		products = append(products, record(formats.Products, fmt.Sprintf("T-%d", i), "name", "Lamp", "unit", "item", "more_units", "set:0:12"))
		lists = append(lists, record(formats.PriceLists, fmt.Sprintf("L %d", i), "currencies", "USD", "active", "1"))
		customers = append(customers, record(formats.Customers, fmt.Sprintf("K%d", i), "name", "Company", "city", "Rochester", "street", "Main 1",
			"postal_code", "14608", "country", "US", "region", "US-NY"))
	}
	load(t, c, products...)
	load(t, c, lists...)
	load(t, c, customers...)
	each := func(e *formats.Entity, key func(int) string, values ...string) []*formats.Record {
		var list []*formats.Record
		for i := range 4 {
			list = append(list, record(e, key(i), values...))
		}
		return list
	}
	priceKey := func(i int) string { return formats.JoinKey("L 0", fmt.Sprintf("T-%d", i), "item", "1", "USD") }
	load(t, c, each(formats.Prices, priceKey, "value", "1")...)

	for name, records := range map[string][]*formats.Record{
		"customers":         each(formats.Customers, func(i int) string { return fmt.Sprintf("K%d", i) }, "name", "New", "city", "Buffalo"),
		"products":          each(formats.Products, func(i int) string { return fmt.Sprintf("T-%d", i) }, "name", "New", "status", "disabled"),
		"pricelists":        each(formats.PriceLists, func(i int) string { return fmt.Sprintf("L %d", i) }, "active", "0"),
		"prices":            each(formats.Prices, priceKey, "value", "7"),
		"levels":            each(formats.Inventory, func(i int) string { return fmt.Sprintf("T-%d|set", i) }, "quantity", "7"),
		"levels of no unit": each(formats.Inventory, func(i int) string { return fmt.Sprintf("T-%d|", i) }, "quantity", "8", "inventory_status", "out_of_stock"),
	} {
		t.Run(name, func(t *testing.T) {
			b := swapped(t, c, records...)
			before := shop.Snapshot()
			operation, refused, err := c.Submit(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range []bridge.Misfit{bridge.Another, bridge.Another, bridge.Gone, bridge.Fits} {
				if o := refused[i]; o.Stale != want || o.Unknown != (want != bridge.Fits) {
					t.Errorf("change %d: %+v, want %v", i, o, want)
				}
			}
			b.Operation = operation
			outcomes, err := c.Await(t.Context(), b)
			if err != nil || !outcomes[0].Unknown || !outcomes[2].Unknown || outcomes[3].OroID != b.Changes[3].OroID {
				t.Errorf("outcomes %+v, %v", outcomes, err)
			}
			changed := before.Diff(shop.Snapshot())
			key := records[3].Key
			for line := range strings.Lines(changed) {
				if strings.HasPrefix(line, "+ ") && !strings.Contains(line, key) && !strings.Contains(line, "T-3") && !strings.Contains(line, "Buffalo") && !strings.Contains(line, `"New"`) {
					t.Errorf("something else than %s was changed: %s", key, line)
				}
			}
			for i := range 3 {
				if l := find(t, c, records[i]); l.Found == nil || slices.Equal(l.Found.Values, records[i].Values) {
					t.Errorf("%s was written: %+v", records[i].Key, l.Found)
				}
			}
			if left := plan(t, c, records[3]); len(left.Changes) > 0 {
				t.Errorf("%s was not written", key)
			}
		})
	}
}

// TestRemovalsAreConfirmed: neither a price nor a product nor a stock of somebody else is removed.
func TestRemovalsAreConfirmed(t *testing.T) {
	shop, c := newShop(t)
	load(t, c, record(formats.Products, "T-1", "name", "A", "unit", "item"), record(formats.Products, "T-2", "name", "B", "unit", "item"))
	one, two := formats.JoinKey("Default Price List", "T-1", "item", "1", "USD"), formats.JoinKey("Default Price List", "T-2", "item", "1", "USD")
	load(t, c, record(formats.Prices, one, "value", "1"), record(formats.Prices, two, "value", "2"))
	before := shop.Snapshot()
	for e, keys := range map[*formats.Entity][2]string{formats.Prices: {one, two}, formats.Products: {"T-1", "T-2"}, formats.Inventory: {"T-1|item", "T-2|item"}} {
		other := find(t, c, record(e, keys[1]))
		_, refused, err := c.Submit(t.Context(), &bridge.Batch{Entity: e.Name, Changes: []*bridge.Change{
			{Op: bridge.Remove, Key: keys[0], OroID: other.Found.OroID, Record: record(e, keys[0])}}})
		if err != nil || refused[0].Stale == bridge.Fits {
			t.Errorf("%s: %+v, %v", e.Name, refused, err)
		}
	}
	if diff := before.Diff(shop.Snapshot()); diff != "" {
		t.Error(diff)
	}
}

// TestParentsAreAskedForByKey: the id of a parent comes from the shop, at the time of writing.
func TestParentsAreAskedForByKey(t *testing.T) {
	_, c := newShop(t, orotest.ExtIDEntities()) // prices name their product by id
	load(t, c, record(formats.Products, "T-1", "name", "A", "unit", "item"), record(formats.Products, "T-2", "name", "B", "unit", "item"))
	two := find(t, c, record(formats.Products, "T-2")).Found.OroID
	c.skus.set("T-1", two) // as it was before the restore
	key := formats.JoinKey("Default Price List", "T-1", "item", "5", "USD")
	load(t, c, record(formats.Prices, key, "value", "1"))
	// T-2 has no prices, so nothing shows that the remembered id is wrong: the price is created, refused as double, and found.
	c.skus.set("T-1", two)
	b := plan(t, c, record(formats.Prices, key, "value", "1"))
	if len(b.Changes) != 1 || b.Changes[0].Op != bridge.Create {
		t.Fatalf("%+v", b.Changes)
	}
	if o := send(t, c, b)[0]; !o.Unknown {
		t.Errorf("a double price: %s", show(o))
	}
	if left := plan(t, c, record(formats.Prices, key, "value", "1")); len(left.Changes) > 0 {
		t.Errorf("the price is not found: %+v", left.Changes[0])
	}
	load(t, c, record(formats.Prices, formats.JoinKey("Default Price List", "T-2", "item", "5", "USD"), "value", "2"))
	c.skus.set("T-1", two)
	if l := find(t, c, record(formats.Prices, key, "value", "")); l.Found == nil || l.Found.Values[0].Text != "1" {
		t.Errorf("the price of another product was looked at: %+v", l.Found)
	}
}

// TestOperationsAreKnownByTheirTime: a shop that was restored gives the ids of operations again as well.
func TestOperationsAreKnownByTheirTime(t *testing.T) {
	_, c := newShop(t)
	b := creates(100, 2)
	var err error
	if b.Operation, _, err = c.Submit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	id, _, ok := strings.Cut(b.Operation, "~")
	if !ok {
		t.Fatalf("operation %q", b.Operation)
	}
	other := *b
	other.Operation = id + "~946684800"
	if _, err := c.Await(t.Context(), &other); !errors.Is(err, bridge.ErrOperationLost) {
		t.Errorf("an operation of another time: %v", err)
	}
	other.Operation = id // of an earlier version of the bridge
	if _, err := c.Await(t.Context(), &other); err != nil {
		t.Error(err)
	}
	if _, err := c.Await(t.Context(), b); err != nil {
		t.Error(err)
	}
}
