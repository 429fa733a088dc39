package oro

import (
	"context"
	"strconv"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// inventory levels exist from the moment a product has a unit, one each; they are only ever updated. They are found by
// filter[product.sku]; their unit is that of their productUnitPrecision. The inventory status is the product's: setting it
// is a second part of the batch.
type inventory struct{ *Client }

var inventoryDescriptor = descriptor{
	entity: formats.Inventory,
	reads:  []origin{{"inventorylevels", ""}, {"products", "a level's product"}},
	writes: []string{"inventorylevels", "products"},
	open:   func(c *Client) entity { return inventory{c} },
}

var statusLink = []link{{"inventory_status", "inventory_status", inventoryStatuses}}

const unitsPerProduct = 5

// A level is an inventory level with what the bridge needs of its product.
type level struct {
	id, product, sku, unit string
	quantity, status       string
	precision              string // decimals that the unit has of this product
	primary                bool
}

// finer refuses a quantity with more decimals than its unit has. The shop takes one, and then can't sell it.
func (l *level) finer(rec *formats.Record, quantity string) *formats.Reject {
	precision, err := strconv.Atoi(l.precision)
	if err != nil || formats.Decimals(quantity) <= precision {
		return nil
	}
	return reject(rec, "quantity", formats.CodeAmount, "%s has more decimals than the unit %s of the product %s, which has %d in the shop",
		quantity, l.unit, l.sku, precision)
}

var levelQuery = query{
	"include":                       "product,productUnitPrecision",
	"fields[inventorylevels]":       "quantity,product,productUnitPrecision",
	"fields[products]":              "sku,inventory_status,primaryUnitPrecision",
	"fields[productunitprecisions]": "unit,precision",
}

func levels(doc *document) []level {
	included := index(doc.Included)
	list := make([]level, 0, len(doc.Data))
	for i := range doc.Data {
		r := &doc.Data[i]
		product, precision := included[r.one("product")], included[r.one("productUnitPrecision")]
		if product == nil || precision == nil {
			continue
		}
		list = append(list, level{
			id: r.ID, product: product.ID, sku: product.text("sku"), unit: precision.one("unit").ID,
			quantity: r.decimal("quantity"), status: product.one("inventory_status").ID, precision: precision.decimal("precision"),
			primary: product.one("primaryUnitPrecision").ID == precision.ID,
		})
	}
	return list
}

func (n inventory) find(ctx context.Context, records []*formats.Record) ([]bridge.Lookup, error) {
	placed, err := n.place(ctx, records)
	if err != nil {
		return nil, err
	}
	answers := make([]bridge.Lookup, len(records))
	for i, rec := range records {
		at := placed[i]
		if at.out != nil {
			answers[i] = bridge.Lookup{Missing: at.out.Missing, Reject: at.out.Reject}
			continue
		}
		if answers[i].Reject, err = n.checkLinks(ctx, statusLink, rec); err != nil {
			return nil, err
		} else if answers[i].Reject != nil {
			continue
		}
		quantity, _ := rec.Get("quantity")
		if answers[i].Reject = at.level.finer(rec, quantity); answers[i].Reject != nil {
			continue
		}
		found := &bridge.Found{OroID: at.level.id}
		for _, v := range rec.Values {
			text, err := n.value(ctx, at.level, v.Field, v.Text)
			if err != nil {
				return nil, err
			}
			found.Values = append(found.Values, formats.Value{Field: v.Field, Text: text})
		}
		answers[i].Found = found
	}
	return answers, nil
}

func (n inventory) value(ctx context.Context, at level, field, want string) (string, error) {
	switch field {
	case "quantity":
		return at.quantity, nil
	case "inventory_status":
		return n.linkText(ctx, statusLink[0], want, at.status)
	}
	return "", nil
}

// A place is where a record's quantity belongs, or why it belongs nowhere.
type place struct {
	level level
	out   *bridge.Outcome
}

// place finds the level of each record. A product without any level does not exist; one with levels in other units only
// lacks the unit.
func (n inventory) place(ctx context.Context, records []*formats.Record) ([]place, error) {
	places := make([]place, len(records))
	var skus []string
	for i, rec := range records {
		sku, _ := rec.Get("sku")
		if bad := unlistable(rec, "sku", sku); bad != nil {
			places[i].out = &bridge.Outcome{Reject: bad}
			continue
		}
		skus = append(skus, sku)
	}
	held := make(map[string][]level)
	err := n.lookup(ctx, "inventorylevels", "product.sku", unique(skus), levelQuery, unitsPerProduct, func(doc *document) error {
		for _, l := range levels(doc) {
			held[l.sku] = append(held[l.sku], l)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var lost []string
	for i, rec := range records {
		sku, _ := rec.Get("sku")
		if places[i].out != nil {
			continue
		}
		if places[i] = pick(rec, sku, held[sku]); places[i].out != nil && places[i].out.Missing != nil {
			lost = append(lost, sku)
		}
	}
	if len(lost) == 0 {
		return places, nil
	}
	twins, err := products(n).otherCase(ctx, unique(lost))
	if err != nil {
		return nil, err
	}
	for i, rec := range records {
		sku, _ := rec.Get("sku")
		if o := places[i].out; o != nil && o.Missing != nil && twins[sku] != "" {
			places[i].out = &bridge.Outcome{Reject: rejectCase(rec, sku, twins[sku])}
		}
	}
	return places, nil
}

func pick(rec *formats.Record, sku string, held []level) place {
	unit, _ := rec.Get("unit")
	var have []string
	for _, l := range held {
		if l.unit == unit || (unit == "" && l.primary) {
			return place{level: l}
		}
		have = append(have, l.unit)
	}
	if len(held) == 0 {
		return place{out: &bridge.Outcome{Missing: &bridge.Missing{Entity: formats.Products.Name, Key: sku}}}
	}
	return place{out: &bridge.Outcome{Reject: reject(rec, "unit", formats.CodeReference,
		"the product %s has no unit %q in the shop, only %s", sku, unit, strings.Join(have, ", "))}}
}

// all gives each level under its unit, and the primary one under the empty unit as well: a feed may use either key.
func (n inventory) all(ctx context.Context, fields []string, each func(string, bridge.Found) error) error {
	for doc, err := range n.pages(ctx, "inventorylevels", levelQuery, pageSize) {
		if err != nil {
			return err
		}
		for _, l := range levels(doc) {
			found := bridge.Found{OroID: l.id}
			for _, f := range sorted(fields) {
				text, err := n.value(ctx, l, f, "")
				if err != nil {
					return err
				}
				found.Values = append(found.Values, formats.Value{Field: f, Text: text})
			}
			if err := each(formats.JoinKey(l.sku, l.unit), found); err != nil {
				return err
			}
			if l.primary {
				if err := each(formats.JoinKey(l.sku, ""), found); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// encode. A removal sets the quantity to 0.
func (n inventory) encode(ctx context.Context, changes []*bridge.Change) (*bundle, error) {
	places, err := n.placeChanges(ctx, changes)
	if err != nil {
		return nil, err
	}
	out, stock, statuses := new(bundle), &part{resource: "inventorylevels"}, &part{resource: "products"}
	done := make(map[string]bool) // products whose status is part of the batch already
	for i, ch := range changes {
		if at, ok := places[i]; ok && at.out != nil {
			out.refuse(i, at.out)
			continue
		}
		it, status, bad, err := n.item(ctx, ch)
		if err != nil {
			return nil, err
		}
		if at, ok := places[i]; ok && bad == nil && ch.Op != bridge.Remove {
			quantity, _ := carried(ch, "quantity")
			bad = at.level.finer(ch.Record, quantity)
		}
		if bad != nil {
			out.refuse(i, &bridge.Outcome{Reject: bad})
			continue
		}
		if !it.empty() {
			stock.add(i, it)
		}
		product := places[i].level.product
		if it.empty() && (status == "" || done[product]) {
			out.done.of = append(out.done.of, i) // nothing of it is left to send
		}
		if status != "" && !done[product] {
			done[product] = true
			change := item{kind: "products", id: product, meta: "update"}
			change.point("inventory_status", string(inventoryStatuses), status)
			statuses.add(i, change)
		}
	}
	out.parts = []*part{stock, statuses}
	return out, nil
}

func (n inventory) item(ctx context.Context, ch *bridge.Change) (it item, status string, bad *formats.Reject, err error) {
	it = item{kind: "inventorylevels", id: ch.OroID, meta: "update"}
	if ch.Op == bridge.Remove {
		it.set("quantity", "0")
		return it, "", nil, nil
	}
	for _, v := range ch.Values {
		switch {
		case v.Field == "quantity" && !isDecimal(v.Text):
			return it, "", reject(ch.Record, v.Field, formats.CodeAmount, "%q is not a quantity", v.Text), nil
		case v.Field == "quantity":
			it.set("quantity", v.Text)
		case v.Field == "inventory_status" && v.Text != "":
			status, bad, err = n.resolve(ctx, inventoryStatuses, ch.Record, v.Field, v.Text)
			if bad != nil || err != nil {
				return it, "", bad, err
			}
		}
	}
	return it, status, nil, nil
}

// placeChanges looks up what the changes lack: their level, the product whose status changes, or how fine its unit is. A whole
// number fits any unit.
func (n inventory) placeChanges(ctx context.Context, changes []*bridge.Change) (map[int]place, error) {
	var records []*formats.Record
	var of []int
	for i, ch := range changes {
		_, status := carried(ch, "inventory_status")
		quantity, _ := carried(ch, "quantity")
		if ch.OroID == "" || status || formats.Decimals(quantity) > 0 {
			records, of = append(records, ch.Record), append(of, i)
		}
	}
	if len(records) == 0 {
		return nil, nil
	}
	found, err := n.place(ctx, records)
	if err != nil {
		return nil, err
	}
	places := make(map[int]place, len(of))
	for j, i := range of {
		places[i] = found[j]
		if ch := changes[i]; ch.OroID == "" {
			ch.OroID = found[j].level.id
		}
	}
	return places, nil
}

// carried is the value that a change itself sets.
func carried(ch *bridge.Change, field string) (string, bool) {
	for _, v := range ch.Values {
		if v.Field == field {
			return v.Text, true
		}
	}
	return "", false
}

func (n inventory) ids(ctx context.Context, keys []string) (map[string][]string, error) {
	records := make([]*formats.Record, len(keys))
	for i, k := range keys {
		records[i] = &formats.Record{Entity: formats.Inventory, Key: k}
	}
	places, err := n.place(ctx, records)
	if err != nil {
		return nil, err
	}
	found := make(map[string][]string, len(keys))
	for i, at := range places {
		if at.out == nil {
			found[keys[i]] = []string{at.level.id}
		}
	}
	return found, nil
}

// names goes by the keys: no real shop was seen to filter levels by id.
func (n inventory) names(ctx context.Context, links []bridge.Identity) (map[string][]string, error) {
	records := make([]*formats.Record, len(links))
	for i, l := range links {
		records[i] = &formats.Record{Entity: formats.Inventory, Key: l.Key}
	}
	places, err := n.place(ctx, records)
	if err != nil {
		return nil, err
	}
	found := make(map[string][]string, len(links))
	for i, at := range places {
		if at.out == nil {
			found[at.level.id] = append(found[at.level.id], links[i].Key)
		}
	}
	return found, nil
}

func (inventory) parent(ch *bridge.Change, relationship string) *bridge.Missing {
	if sku, ok := ch.Record.Get("sku"); ok && relationship == "product" {
		return &bridge.Missing{Entity: formats.Products.Name, Key: sku}
	}
	return nil
}

func (inventory) field(name string) string { return name }
