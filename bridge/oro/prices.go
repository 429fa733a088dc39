package oro

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// prices are productprices. Their key is list, product, unit, quantity and currency; their id is a guid with the list's id
// behind it. The list of prices needs filter[priceList] and takes filter[product]=1,2,….
type prices struct{ *Client }

var priceDescriptor = descriptor{
	entity: formats.Prices,
	reads:  []origin{{"pricelists", "a price's list"}, {"products", "a price's product"}, {"productunits", "a price's unit"}},
	writes: []string{"productprices"},
	open:   func(c *Client) entity { return prices{c} },
	check:  func(ctx context.Context, k *checking) { k.prices(ctx) },
}

// pricesPerProduct is how many prices of one list a product is expected to have, for the size of a page.
const pricesPerProduct = 10

// A priceKey is a price's key with the parents' ids in it. In ext_id mode the product's is its sku.
type priceKey struct {
	list, product, unit, quantity, currency string
}

// A priced is a record with its parts, its parents' ids, and what is wrong with it.
type priced struct {
	listName, sku string
	key           priceKey
	out           *bridge.Outcome
}

func (p prices) find(ctx context.Context, records []*formats.Record) ([]bridge.Lookup, error) {
	rows, held, err := p.look(ctx, records, true)
	if err != nil {
		return nil, err
	}
	answers := make([]bridge.Lookup, len(records))
	for i, rec := range records {
		row := &rows[i]
		switch price := held[i]; {
		case row.out != nil:
			answers[i] = bridge.Lookup{Missing: row.out.Missing, Reject: row.out.Reject}
		case price != nil:
			found := bridge.Found{OroID: price.ID}
			for _, v := range rec.Values {
				if v.Field == "value" {
					found.Values = append(found.Values, formats.Value{Field: v.Field, Text: price.decimal("value")})
				}
			}
			answers[i].Found = &found
		}
	}
	return answers, nil
}

// look finds the prices that the shop holds under the records' keys. Products are found by the ids that earlier answers told; each price
// says its product's sku, and where one is another's the ids are asked for anew. So they are where a price is not found, unless there may
// be none. Prices that are there for certain are looked for by their products' skus first, where the shop takes these for ids: a load of
// more products than are remembered would ask for each of them once more.
func (p prices) look(ctx context.Context, records []*formats.Record, mayLack bool) ([]priced, []*resource, error) {
	if !mayLack {
		rows, held, err := p.lookBySKU(ctx, records)
		if err != nil || rows != nil {
			return rows, held, err
		}
	}
	for product := remembered; ; product = asked {
		rows, err := p.place(ctx, records, product)
		if err != nil {
			return nil, nil, err
		}
		held, skus, err := p.held(ctx, rows, priceQuery)
		if err != nil {
			return nil, nil, err
		}
		wrong := func(i int) bool {
			sku, told := skus[rows[i].key.product]
			return told && sku != rows[i].sku || held[i] == nil && !mayLack
		}
		if product == asked || !anyPlaced(rows, wrong) {
			return rows, held, nil
		}
	}
}

// lookBySKU finds prices by their products' skus: all of them, or none. No recording shows that a filter takes several skus for a
// product; what it answers is believed where it is whole.
func (p prices) lookBySKU(ctx context.Context, records []*formats.Record) ([]priced, []*resource, error) {
	if ext, err := p.hasExtID(ctx); err != nil || !ext {
		return nil, nil, err
	}
	rows, err := p.place(ctx, records, bySKU)
	if err != nil {
		return nil, nil, err
	}
	for i := range rows {
		rows[i].key.product = rows[i].sku
	}
	held, _, err := p.held(ctx, rows, priceQueryBySKU)
	switch {
	case err != nil && bridge.FateOf(err) == bridge.Pause:
		return nil, nil, err
	case err != nil, anyPlaced(rows, func(i int) bool { return held[i] == nil }):
		return nil, nil, nil // the other way finds them, or says what is wrong
	}
	return rows, held, nil
}

// anyPlaced says whether something is so of one of the rows whose parents are there.
func anyPlaced(rows []priced, is func(i int) bool) bool {
	for i := range rows {
		if rows[i].out == nil && is(i) {
			return true
		}
	}
	return false
}

// A productID says where the id of a price's product comes from.
type productID int

const (
	bySKU      productID = iota // not needed: the shop takes the sku
	remembered                  // from earlier answers, if they told it
	asked                       // from the shop, now
)

// productIDs finds the ids of products.
func (p prices) productIDs(ctx context.Context, skus []string, from productID) (map[string][]string, error) {
	known := make(map[string]string)
	ask := skus
	if from == remembered {
		ask = make([]string, 0, len(skus))
		for _, sku := range skus {
			if id, ok := p.skus.get(sku); ok {
				known[sku] = id
			} else {
				ask = append(ask, sku)
			}
		}
	}
	found, err := p.parents(ctx, formats.Products, ask)
	if err != nil {
		return nil, err
	}
	for _, sku := range ask {
		if ids := found[sku]; len(ids) == 1 {
			p.skus.set(sku, ids[0])
		} else {
			p.skus.drop(sku)
		}
	}
	if found == nil {
		found = make(map[string][]string, len(known))
	}
	for sku, id := range known {
		found[sku] = []string{id}
	}
	return found, nil
}

// place resolves the parents of price records: lists, products and units.
func (p prices) place(ctx context.Context, records []*formats.Record, product productID) ([]priced, error) {
	rows, skus := make([]priced, len(records)), make([]string, 0, len(records))
	var parts []string
	for i, rec := range records {
		if parts = formats.AppendParts(parts[:0], rec.Key); len(parts) != 5 {
			rows[i].out = &bridge.Outcome{Reject: reject(rec, "", formats.CodeKey, "the key of a price has five parts, not %d", len(parts))}
			continue
		}
		rows[i] = priced{listName: parts[0], sku: parts[1], key: priceKey{unit: parts[2], quantity: plain(parts[3]), currency: parts[4]}}
		switch {
		case !listable(parts[1]):
			rows[i].out = &bridge.Outcome{Reject: unlistable(rec, "sku", parts[1])}
		case !isDecimal(rows[i].key.quantity):
			rows[i].out = &bridge.Outcome{Reject: reject(rec, "quantity", formats.CodeAmount, "%q is not a quantity", parts[3])}
		default:
			skus = append(skus, parts[1])
		}
	}
	var ids map[string][]string
	var err error
	if product != bySKU {
		if ids, err = p.productIDs(ctx, skus, product); err != nil {
			return nil, err
		}
	}
	var last *priced // most rows are of one list and unit
	for i, rec := range records {
		row := &rows[i]
		if row.out != nil {
			continue
		}
		if last != nil && row.listName == last.listName && row.key.unit == last.key.unit {
			row.key.list = last.key.list
		} else if err := p.placeOne(ctx, rec, row); err != nil {
			return nil, err
		}
		if row.out != nil {
			continue
		}
		if last = row; ids != nil {
			row.key.product, row.out = only(ids[row.sku], rec, "sku", bridge.Missing{Entity: formats.Products.Name, Key: row.sku})
		}
	}
	return rows, p.explainCase(ctx, records, rows)
}

// placeOne resolves the list and the unit of a price.
func (p prices) placeOne(ctx context.Context, rec *formats.Record, row *priced) error {
	lists, err := p.named(ctx, priceListNames, row.listName)
	if err != nil {
		return err
	}
	list := bridge.Missing{Entity: formats.PriceLists.Name, Key: row.listName}
	if row.key.list, row.out = only(lists, rec, "price_list", list); row.out != nil {
		return nil
	}
	_, bad, err := p.resolve(ctx, units, rec, "unit", row.key.unit)
	if bad != nil {
		row.out = &bridge.Outcome{Reject: bad}
	}
	return err
}

// explainCase turns a missing product that the shop has in other case into a reject: it would be missing forever.
func (p prices) explainCase(ctx context.Context, records []*formats.Record, rows []priced) error {
	var skus []string
	for i := range rows {
		if o := rows[i].out; o != nil && o.Missing != nil && o.Missing.Entity == formats.Products.Name {
			skus = append(skus, rows[i].sku)
		}
	}
	if len(skus) == 0 {
		return nil
	}
	twins, err := products(p).otherCase(ctx, unique(skus))
	if err != nil {
		return err
	}
	for i := range rows {
		if o := rows[i].out; o != nil && o.Missing != nil && twins[rows[i].sku] != "" {
			rows[i].out = &bridge.Outcome{Reject: rejectCase(records[i], rows[i].sku, twins[rows[i].sku])}
		}
	}
	return nil
}

// held reads the rows' prices, list by list, nil where there is none, and the skus of the products that have some, by id.
func (p prices) held(ctx context.Context, rows []priced, q query) ([]*resource, map[string]string, error) {
	byList := make(map[string][]int)
	for i := range rows {
		if list := rows[i].key.list; rows[i].out == nil {
			byList[list] = append(byList[list], i)
		}
	}
	held, skus := make([]*resource, len(rows)), make(map[string]string)
	for list, of := range byList {
		ids := make([]string, len(of))
		for i, row := range of {
			ids[i] = rows[row].key.product
		}
		slices.SortFunc(of, func(a, b int) int { return cmp.Compare(rows[a].key.product, rows[b].key.product) })
		q := q.with("filter[priceList]", list)
		err := p.lookup(ctx, "productprices", "product", unique(ids), q, pricesPerProduct, func(doc *document) error {
			for i := range doc.Included {
				skus[doc.Included[i].ID] = doc.Included[i].text("sku")
			}
			for i := range doc.Data {
				r := &doc.Data[i]
				k := keyOfPrice(list, r)
				at, _ := slices.BinarySearchFunc(of, k.product, func(row int, product string) int {
					return cmp.Compare(rows[row].key.product, product)
				})
				for ; at < len(of) && rows[of[at]].key.product == k.product; at++ {
					if row := of[at]; rows[row].key == k {
						held[row] = r
					}
				}
			}
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return held, skus, nil
}

// priceFields are what is asked of prices.
const priceFields = "quantity,value,currency,product,unit"

// priceQuery asks for prices with their product's sku: its id alone does not say which product it is. priceQueryBySKU asks a shop to
// which the sku is the id.
var (
	priceQuery      = query{"fields[productprices]": priceFields, "include": "product", "fields[products]": "sku"}
	priceQueryBySKU = query{"fields[productprices]": priceFields, integrationType: "ext_id"}
)

func keyOfPrice(list string, r *resource) priceKey {
	return priceKey{list, r.one("product").ID, r.one("unit").ID, r.decimal("quantity"), r.text("currency")}
}

func (p prices) all(ctx context.Context, fields []string, each func(string, bridge.Found) error) error {
	lists, err := p.entries(ctx, priceListNames)
	if err != nil {
		return err
	}
	for _, id := range sortedKeys(lists) {
		list := lists[id]
		name := list.text("name")
		if same, err := p.named(ctx, priceListNames, name); err != nil || len(same) > 1 {
			if err != nil {
				return err
			}
			continue // the name stands for several lists: none of them can be meant
		}
		for doc, err := range p.pages(ctx, "productprices", priceQuery.with("filter[priceList]", id), pageSize) {
			if err != nil {
				return err
			}
			included := index(doc.Included)
			for i := range doc.Data {
				r := &doc.Data[i]
				product := included[r.one("product")]
				if product == nil {
					continue // the API's user may not see it
				}
				found := bridge.Found{OroID: r.ID}
				if slices.Contains(fields, "value") {
					found.Values = []formats.Value{{Field: "value", Text: r.decimal("value")}}
				}
				k := keyOfPrice(id, r)
				if err := each(formats.JoinKey(name, product.text("sku"), k.unit, k.quantity, k.currency), found); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// encode: creates name the product by sku where the shop takes that, so that no look-up is needed; updates carry value and
// currency, as the shop's own documentation does; removals are a delete by ids.
func (p prices) encode(ctx context.Context, changes []*bridge.Change) (*bundle, error) {
	ext, err := p.takesSKUs(ctx, changes)
	if err != nil {
		return nil, err
	}
	records := make([]*formats.Record, len(changes))
	for i, ch := range changes {
		records[i] = ch.Record
	}
	blind := slices.ContainsFunc(changes, func(ch *bridge.Change) bool { return ch.Op != bridge.Create && ch.OroID == "" })
	creates := slices.ContainsFunc(changes, func(ch *bridge.Change) bool { return ch.Op == bridge.Create })
	product := bySKU
	if blind || (creates && !ext) {
		product = asked
	}
	rows, err := p.place(ctx, records, product)
	if err != nil {
		return nil, err
	}
	if blind {
		if err := p.fill(ctx, changes, rows); err != nil {
			return nil, err
		}
	}
	out, batch := new(bundle), &part{resource: "productprices", extID: ext}
	batch.data, batch.of = make([]item, 0, len(changes)), make([]int, 0, len(changes))
	gone := make(map[string][]string) // list → ids
	for i, ch := range changes {
		switch row := &rows[i]; {
		case row.out != nil && (ch.Op == bridge.Create || ch.OroID == ""):
			out.refuse(i, row.out)
		case ch.Op == bridge.Create:
			p.encodeCreate(out, batch, i, ch, row, ext)
		case ch.OroID == "":
			out.refuse(i, &bridge.Outcome{Unknown: true})
		case ch.Op == bridge.Remove:
			_, list := cutLast(ch.OroID, "-")
			gone[list] = append(gone[list], ch.OroID)
			out.done.of = append(out.done.of, i)
		default:
			p.encodeUpdate(out, batch, i, ch)
		}
	}
	out.parts = []*part{batch}
	if len(gone) > 0 {
		out.finish = func(ctx context.Context) error { return p.remove(ctx, gone) }
	}
	return out, nil
}

func (p prices) encodeCreate(out *bundle, batch *part, i int, ch *bridge.Change, row *priced, ext bool) {
	value, ok := p.value(out, i, ch)
	if !ok {
		return
	}
	it := item{kind: "productprices", attrs: make([]byte, 0, 64), rels: make([]byte, 0, 192)}
	it.raw("quantity", row.key.quantity)
	it.set("value", value)
	it.set("currency", row.key.currency)
	it.point("priceList", "pricelists", row.key.list)
	if ext {
		it.point("product", "products", row.sku)
	} else {
		it.point("product", "products", row.key.product)
	}
	it.point("unit", string(units), row.key.unit)
	batch.add(i, it)
}

func (p prices) encodeUpdate(out *bundle, batch *part, i int, ch *bridge.Change) {
	value, ok := p.value(out, i, ch)
	if !ok {
		return
	}
	currency, _ := ch.Record.Get("currency")
	it := item{kind: "productprices", id: ch.OroID, meta: "update", attrs: make([]byte, 0, 64)}
	it.set("value", value)
	it.set("currency", currency)
	batch.add(i, it)
}

// value is the price; it is checked once more because a number too large fails the whole batch in the shop's database.
func (p prices) value(out *bundle, i int, ch *bridge.Change) (string, bool) {
	value, _ := valueOf(ch, "value")
	whole, _, _ := strings.Cut(value, ".")
	if !isDecimal(value) || strings.HasPrefix(value, "-") || len(whole) > 15 {
		out.refuse(i, &bridge.Outcome{Reject: reject(ch.Record, "value", formats.CodeAmount,
			"%q is not a price of at most 15 digits before the point", value)})
		return "", false
	}
	return value, true
}

// fill looks up the ids that changes lack.
func (p prices) fill(ctx context.Context, changes []*bridge.Change, rows []priced) error {
	held, _, err := p.held(ctx, rows, priceQuery)
	if err != nil {
		return err
	}
	for i, ch := range changes {
		if price := held[i]; price != nil && ch.Op != bridge.Create && ch.OroID == "" {
			ch.OroID = price.ID
		}
	}
	return nil
}

// idsPerRemoval is how many prices the shop deletes at once.
const idsPerRemoval = 100

// remove deletes prices by id, list by list. A price that is gone already is no error, so a repeat does no harm. Without ids the
// request would empty the list: it is never sent so.
func (p prices) remove(ctx context.Context, gone map[string][]string) error {
	for _, list := range sortedKeys(gone) {
		for ids := range chunks(gone[list], idsPerRemoval) {
			if len(ids) == 0 || list == "" {
				return errors.New("prices without ids are never removed")
			}
			q := query{"filter[id]": strings.Join(ids, ","), "filter[priceList]": list}
			ans, err := p.do(ctx, http.MethodDelete, "productprices", q, nil, sets, http.Header{"X-Include": {"deletedCount"}})
			if err != nil {
				return err
			}
			if n, err := strconv.Atoi(ans.header.Get("X-Include-Deleted-Count")); err == nil && n > len(ids) {
				return &bridge.Error{
					Op: "remove", Object: "productprices", Fate: bridge.Stop,
					Err:  fmt.Errorf("%d prices of the list %s were asked for and the shop removed %d", len(ids), list, n),
					Hint: "something between bridge and shop drops filter[id]: compare the list's prices with the ERP's",
				}
			}
		}
	}
	return nil
}

func (p prices) ids(ctx context.Context, keys []string) (map[string][]string, error) {
	all, records := make([]formats.Record, len(keys)), make([]*formats.Record, len(keys))
	for i, k := range keys {
		all[i].Entity, all[i].Key = formats.Prices, k
		records[i] = &all[i]
	}
	_, held, err := p.look(ctx, records, false)
	if err != nil {
		return nil, err
	}
	found, ids := make(map[string][]string, len(keys)), make([]string, len(keys))
	for i, price := range held {
		if price != nil {
			ids[i] = price.ID
			found[keys[i]] = ids[i : i+1 : i+1]
		}
	}
	return found, nil
}

func (p prices) names(ctx context.Context, links []bridge.Identity) (map[string][]string, error) {
	lists, err := p.entries(ctx, priceListNames)
	if err != nil {
		return nil, err
	}
	byList := make(map[string][]string)
	for _, id := range idsOf(links) {
		if _, list := cutLast(id, "-"); digits(list) && lists[list].ID != "" {
			byList[list] = append(byList[list], id)
		}
	}
	found := make(map[string][]string, len(links))
	for _, list := range sortedKeys(byList) {
		entry := lists[list]
		err := p.lookup(ctx, "productprices", "id", byList[list], priceQuery.with("filter[priceList]", list), 1, func(doc *document) error {
			included := index(doc.Included)
			for i := range doc.Data {
				r := &doc.Data[i]
				if product := included[r.one("product")]; product != nil {
					k := keyOfPrice(list, r)
					found[r.ID] = []string{formats.JoinKey(entry.text("name"), product.text("sku"), k.unit, k.quantity, k.currency)}
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (prices) parent(ch *bridge.Change, relationship string) *bridge.Missing {
	parts := formats.SplitKey(ch.Key)
	switch {
	case relationship == "product" && len(parts) > 1:
		return &bridge.Missing{Entity: formats.Products.Name, Key: parts[1]}
	case relationship == "priceList":
		return &bridge.Missing{Entity: formats.PriceLists.Name, Key: parts[0]}
	}
	return nil
}

func (prices) field(name string) string {
	if name == "priceList" {
		return "price_list"
	}
	return name
}

// valueOf is what a change sets a field to; what it does not carry comes from its record.
func valueOf(ch *bridge.Change, field string) (string, bool) {
	for _, v := range ch.Values {
		if v.Field == field {
			return v.Text, true
		}
	}
	return ch.Record.Get(field)
}

// cutLast splits a text at its last separator.
func cutLast(text, separator string) (before, after string) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):]
	}
	return text, ""
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
