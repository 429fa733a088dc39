package oro

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// priceLists are known by name. The shop neither keeps names unique nor filters by them: the whole list is read.
type priceLists struct{ *Client }

var priceListDescriptor = descriptor{
	entity: formats.PriceLists,
	reads:  []origin{{"pricelists", ""}},
	writes: []string{"pricelists"},
	open:   func(c *Client) entity { return priceLists{c} },
}

func (p priceLists) find(ctx context.Context, records []*formats.Record) ([]bridge.Lookup, error) {
	held, err := p.read(ctx)
	if err != nil {
		return nil, err
	}
	answers := make([]bridge.Lookup, len(records))
	for i, rec := range records {
		lists := held[rec.Key]
		switch len(lists) {
		case 0:
			continue
		case 1:
		default:
			var ids []string
			for _, r := range lists {
				ids = append(ids, r.ID)
			}
			_, o := only(ids, rec, "name", bridge.Missing{Entity: rec.Entity.Name, Key: rec.Key})
			answers[i].Reject = o.Reject
			continue
		}
		found := &bridge.Found{OroID: lists[0].ID}
		for _, v := range rec.Values {
			found.Values = append(found.Values, formats.Value{Field: v.Field, Text: p.value(lists[0], v.Field, v.Text)})
		}
		answers[i].Found = found
	}
	return answers, nil
}

func (p priceLists) read(ctx context.Context) (map[string][]*resource, error) {
	doc, err := p.whole(ctx, "pricelists", nil)
	if err != nil {
		return nil, err
	}
	held := make(map[string][]*resource, len(doc.Data))
	for i := range doc.Data {
		name := doc.Data[i].text("name")
		held[name] = append(held[name], &doc.Data[i])
	}
	return held, nil
}

// value: currencies are a set; the record's own order is kept where it is the same set.
func (priceLists) value(r *resource, field, want string) string {
	switch field {
	case "active":
		return r.text("active")
	case "currencies":
		var has []string
		if raw, _ := r.attribute("priceListCurrencies"); json.Unmarshal(raw, &has) != nil {
			return ""
		}
		slices.Sort(has)
		asked := strings.Fields(want)
		slices.Sort(asked)
		if slices.Equal(has, asked) {
			return want
		}
		return strings.Join(has, " ")
	}
	return ""
}

func (p priceLists) all(ctx context.Context, fields []string, each func(string, bridge.Found) error) error {
	held, err := p.read(ctx)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(held) {
		if len(held[name]) > 1 {
			continue // ambiguous: it can't be meant
		}
		found := bridge.Found{OroID: held[name][0].ID}
		for _, f := range sorted(fields) {
			found.Values = append(found.Values, formats.Value{Field: f, Text: p.value(held[name][0], f, "")})
		}
		if err := each(name, found); err != nil {
			return err
		}
	}
	return nil
}

// encode. A removal puts the list to rest: its prices stay for the day it comes back.
func (p priceLists) encode(ctx context.Context, changes []*bridge.Change) (*bundle, error) {
	if err := p.fill(ctx, changes); err != nil {
		return nil, err
	}
	p.forget(priceListNames)
	out, batch := new(bundle), &part{resource: "pricelists"}
	for i, ch := range changes {
		it := item{kind: "pricelists", id: ch.OroID, meta: "update"}
		currencies, carried := "", false
		for _, v := range ch.Values {
			if v.Field == "currencies" {
				currencies, carried = v.Text, true
			}
		}
		if ch.Op == bridge.Create {
			it.id, it.meta = "", ""
			it.set("name", ch.Key)
		}
		switch {
		case ch.Op != bridge.Create && ch.OroID == "":
			out.refuse(i, &bridge.Outcome{Unknown: true})
			continue
		case ch.Op == bridge.Remove:
			it.raw("active", "false")
			batch.add(i, it)
			continue
		case currencies == "" && (carried || ch.Op == bridge.Create):
			out.refuse(i, &bridge.Outcome{Reject: reject(ch.Record, "currencies", formats.CodeMissing, "a price list has at least one currency")})
			continue
		case carried:
			list, _ := json.Marshal(strings.Fields(currencies)) // texts can always be encoded
			it.raw("priceListCurrencies", string(list))
		}
		if active, ok := activeOf(ch); ok {
			it.raw("active", active)
		}
		batch.add(i, it)
	}
	out.parts = []*part{batch}
	return out, nil
}

// activeOf is the flag as JSON; a new list is active unless the file says otherwise.
func activeOf(ch *bridge.Change) (string, bool) {
	for _, v := range ch.Values {
		if v.Field == "active" {
			return map[bool]string{true: "true", false: "false"}[v.Text == "1"], true
		}
	}
	return "true", ch.Op == bridge.Create
}

func (p priceLists) ids(ctx context.Context, keys []string) (map[string][]string, error) {
	p.forget(priceListNames) // a new list is asked for right after it was made
	held, err := p.read(ctx)
	if err != nil {
		return nil, err
	}
	found := make(map[string][]string, len(keys))
	for _, k := range keys {
		for _, r := range held[k] {
			found[k] = append(found[k], r.ID)
		}
	}
	return found, nil
}

func (p priceLists) names(ctx context.Context, _ []bridge.Identity) (map[string][]string, error) {
	held, err := p.read(ctx)
	found := make(map[string][]string, len(held))
	for name, lists := range held {
		for _, r := range lists {
			found[r.ID] = []string{name}
		}
	}
	return found, err
}

func (priceLists) parent(*bridge.Change, string) *bridge.Missing { return nil }

func (priceLists) field(name string) string {
	if name == "priceListCurrencies" {
		return "currencies"
	}
	return name
}
