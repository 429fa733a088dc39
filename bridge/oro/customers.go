package oro

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// customers are found by externalId, or by another attribute where the config names one, which the shop's database does
// not keep unique: two creates on their way at once would both pass. The bridge keeps one address of a customer, the primary one.
type customers struct{ *Client }

var customerDescriptor = descriptor{
	entity: formats.Customers,
	reads: []origin{
		{"customers", "a customer's parent"}, {"customeraddresses", "a customer's address"}, {"customergroups", "a customer's group"},
		{"paymentterms", "a customer's payment term"}, {"customertaxcodes", "a customer's tax code"},
		{"countries", "an address's country"}, {"regions", "an address's region"},
	},
	writes: []string{"customers"},
	open:   func(c *Client) entity { return customers{c} },
}

var customerLinks = []link{
	{"group", "group", customerGroups},
	{"payment_term", "paymentTerm", paymentTerms},
	{"tax_code", "taxCode", customerTaxCodes},
	{"rating", "internal_rating", customerRatings},
}

// addressFields are the canonical fields of the one address and the shop's attributes; region and country are
// relationships.
var addressFields = map[string]string{
	"address_label": "label", "street": "street", "street2": "street2", "city": "city", "postal_code": "postalCode",
	"phone": "phone", "region": "region", "country": "country",
}

// maxExternalID is how many characters an externalId has: a longer one ends in a database error that fails its batch.
const maxExternalID = 36

// externalID is the attribute that keeps the ERP's numbers, from 6.1.10 and 7.0.2 on.
const externalID = "externalId"

const addressAttributes = "label,street,street2,city,postalCode,phone,primary,region,country"

// query asks for what the fields need and no more.
func (c customers) query(fields []string) query {
	want, include := c.customerKey, ""
	add := func(list *string, name string) {
		if *list != "" {
			*list += ","
		}
		*list += name
	}
	q := make(query)
	for _, f := range fields {
		l, isLink := linked(customerLinks, f)
		switch {
		case f == "name":
			add(&want, "name")
		case f == "parent_number":
			add(&want, "parent")
			add(&include, "parent")
		case isLink:
			add(&want, l.relationship)
		case addressFields[f] != "" && q["fields[customeraddresses]"] == "":
			add(&want, "addresses")
			add(&include, "addresses")
			q["fields[customeraddresses]"] = addressAttributes
		}
	}
	q["fields[customers]"] = want
	if include != "" {
		q["include"] = include
	}
	return q
}

func (c customers) find(ctx context.Context, records []*formats.Record) ([]bridge.Lookup, error) {
	answers := make([]bridge.Lookup, len(records))
	var ask []string
	for i, rec := range records {
		if answers[i].Reject = c.unlistable(rec); answers[i].Reject == nil {
			ask = append(ask, rec.Key)
		}
	}
	type match struct {
		res      *resource
		included map[ref]*resource
		ids      []string
	}
	held := make(map[string]match)
	err := c.lookup(ctx, "customers", c.customerKey, unique(ask), c.query(fieldsOf(records)), 2, func(doc *document) error {
		included := index(doc.Included)
		for i := range doc.Data {
			r := &doc.Data[i]
			m := held[r.text(c.customerKey)]
			held[r.text(c.customerKey)] = match{r, included, append(m.ids, r.ID)}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, rec := range records {
		if answers[i].Reject != nil {
			continue
		}
		m, ok := held[rec.Key]
		if len(m.ids) > 1 {
			_, o := only(m.ids, rec, "customer_number", bridge.Missing{Entity: rec.Entity.Name, Key: rec.Key})
			answers[i].Reject = o.Reject
			continue
		}
		if answers[i].Reject, err = c.check(ctx, rec, m.res, m.included); err != nil {
			return nil, err
		}
		if !ok || answers[i].Reject != nil {
			continue
		}
		found := &bridge.Found{OroID: m.res.ID}
		for _, v := range rec.Values {
			text, err := c.value(ctx, m.res, m.included, v.Field, v.Text)
			if err != nil {
				return nil, err
			}
			found.Values = append(found.Values, formats.Value{Field: v.Field, Text: text})
		}
		answers[i].Found = found
	}
	return answers, c.findParents(ctx, records, answers)
}

// unlistable refuses a number that can't be looked up.
func (c customers) unlistable(rec *formats.Record) *formats.Reject {
	if name := rec.Key; name == "" || c.keysAtOnce("customers", c.customerKey) > 1 {
		return unlistable(rec, "customer_number", name)
	}
	return nil
}

// check says what the shop would refuse: an entry of its lists that it lacks, an address in no country of its.
func (c customers) check(ctx context.Context, rec *formats.Record, held *resource, included map[ref]*resource) (*formats.Reject, error) {
	if rec.Remove {
		return nil, nil // what else its row says does not matter
	}
	if bad, err := c.checkLinks(ctx, customerLinks, rec); bad != nil || err != nil {
		return bad, err
	}
	var at *resource
	if held != nil {
		at = keptAddress(held, included)
	}
	if !slices.ContainsFunc(rec.Values, func(v formats.Value) bool { return addressFields[v.Field] != "" && v.Text != "" }) {
		return nil, nil
	}
	_, bad, err := c.placeAddress(ctx, rec, heldPlace(at))
	return bad, err
}

// findParents says which new or changed customers wait for their parent.
func (c customers) findParents(ctx context.Context, records []*formats.Record, answers []bridge.Lookup) error {
	var numbers []string
	for i, rec := range records {
		if n := c.newParent(rec, answers[i]); n != "" {
			numbers = append(numbers, n)
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	ids, err := c.parents(ctx, formats.Customers, numbers)
	if err != nil {
		return err
	}
	for i, rec := range records {
		n := c.newParent(rec, answers[i])
		if n == "" {
			continue
		}
		if _, out := only(ids[n], rec, "parent_number", bridge.Missing{Entity: formats.Customers.Name, Key: n}); out != nil {
			answers[i] = bridge.Lookup{Missing: out.Missing, Reject: out.Reject}
		}
	}
	return nil
}

// newParent is the parent that a record names and that the shop does not hold for it yet.
func (customers) newParent(rec *formats.Record, answer bridge.Lookup) string {
	n, _ := rec.Get("parent_number")
	if answer.Reject != nil || rec.Remove {
		return ""
	}
	if answer.Found != nil {
		for _, v := range answer.Found.Values {
			if v.Field == "parent_number" && v.Text == n {
				return ""
			}
		}
	}
	return n
}

// value is what the shop holds in a field, in canonical text.
func (c customers) value(ctx context.Context, r *resource, included map[ref]*resource, field, want string) (string, error) {
	if l, ok := linked(customerLinks, field); ok {
		return c.linkText(ctx, l, want, r.one(l.relationship).ID)
	}
	switch {
	case field == "name" && c.customerKey == "name":
		return want, nil
	case field == "name":
		return r.text("name"), nil
	case field == "parent_number":
		parent := included[r.one("parent")]
		if parent == nil {
			return "", nil
		}
		return parent.text(c.customerKey), nil
	}
	at := keptAddress(r, included)
	switch {
	case at == nil:
		return "", nil
	case field == "region" || field == "country":
		return c.placeText(ctx, at, field, want)
	}
	return at.text(addressFields[field]), nil
}

// placeText is the country or region that the shop holds, in the record's own words where they mean the same.
func (c customers) placeText(ctx context.Context, at *resource, field, want string) (string, error) {
	id := at.one(field).ID
	if want == "" || id == "" || want == id {
		return id, nil
	}
	country, where := want, ""
	if field == "region" {
		country, where = at.one("country").ID, want
	}
	named, bad, err := c.locate(ctx, nil, country, where)
	if err != nil || bad != nil {
		return id, err
	}
	if id == (map[string]string{"country": named.country, "region": named.region})[field] {
		return want, nil
	}
	return id, nil
}

// keptAddress is the address that the bridge keeps: the primary one, or else the first.
func keptAddress(r *resource, included map[ref]*resource) *resource {
	var first *resource
	for _, to := range r.many("addresses") {
		at := included[to]
		switch {
		case at == nil:
		case at.text("primary") == "1":
			return at
		case first == nil:
			first = at
		}
	}
	return first
}

func (c customers) all(ctx context.Context, fields []string, each func(string, bridge.Found) error) error {
	for doc, err := range c.pages(ctx, "customers", c.query(fields), pageSize) {
		if err != nil {
			return err
		}
		included := index(doc.Included)
		for i := range doc.Data {
			r := &doc.Data[i]
			number := r.text(c.customerKey)
			if number == "" {
				continue // not the ERP's
			}
			found := bridge.Found{OroID: r.ID}
			for _, f := range sorted(fields) {
				text, err := c.value(ctx, r, included, f, "")
				if err != nil {
					return err
				}
				found.Values = append(found.Values, formats.Value{Field: f, Text: text})
			}
			if err := each(number, found); err != nil {
				return err
			}
		}
	}
	return nil
}

// encode. A removal is refused: a customer holds orders, and the shop has no switch to put one to rest.
func (c customers) encode(ctx context.Context, changes []*bridge.Change) (*bundle, error) {
	out, batch := new(bundle), &part{resource: "customers"}
	if err := c.fill(ctx, changes); err != nil {
		return nil, err
	}
	parents, err := c.parentIDs(ctx, changes)
	if err != nil {
		return nil, err
	}
	addresses, err := c.addresses(ctx, changes)
	if err != nil {
		return nil, err
	}
	for i, ch := range changes {
		switch {
		case ch.Op == bridge.Remove:
			out.refuse(i, &bridge.Outcome{Reject: reject(ch.Record, formats.RemoveField, formats.CodeShop,
				"a customer keeps its orders and is not removed from here: disable its users in the shop, or delete it there")})
		case c.unlistable(ch.Record) != nil:
			out.refuse(i, &bridge.Outcome{Reject: c.unlistable(ch.Record)})
		case c.customerKey == externalID && utf8.RuneCountInString(ch.Key) > maxExternalID:
			out.refuse(i, &bridge.Outcome{Reject: reject(ch.Record, "customer_number", formats.CodeTooLong,
				"the shop stores at most %d characters of a customer number", maxExternalID)})
		case ch.Op == bridge.Update && ch.OroID == "":
			out.refuse(i, &bridge.Outcome{Unknown: true})
		default:
			it, address, bad, err := c.item(ctx, i, ch, parents, addresses[ch.OroID])
			switch {
			case err != nil:
				return nil, err
			case bad != nil:
				out.refuse(i, bad)
			case address != nil:
				batch.add(i, it, *address)
			default:
				batch.add(i, it)
			}
		}
	}
	out.parts = []*part{batch}
	return out, nil
}

// item encodes one customer and, when it changes, its address.
func (c customers) item(ctx context.Context, i int, ch *bridge.Change, parents map[string][]string, held *heldAddress) (
	item, *item, *bridge.Outcome, error) {
	it := item{kind: "customers", id: ch.OroID, meta: "update"}
	if ch.Op == bridge.Create {
		it.id, it.meta = "c"+strconv.Itoa(i), ""
		it.set(c.customerKey, ch.Key)
	}
	moved := false
	for _, v := range ch.Values {
		l, isLink := linked(customerLinks, v.Field)
		switch {
		case addressFields[v.Field] != "":
			moved = true
		case v.Text == "" && ch.Op == bridge.Create && v.Field != "name": // nothing to clear
		case v.Field == "name" && c.customerKey == "name": // the key is the name
		case v.Field == "name" && v.Text == "":
			return it, nil, &bridge.Outcome{Reject: reject(ch.Record, "name", formats.CodeMissing, "a customer has a name")}, nil
		case v.Field == "name":
			it.set("name", v.Text)
		case v.Field == "parent_number" && v.Text == "":
			it.point("parent", "customers", "")
		case v.Field == "parent_number":
			id, out := only(parents[v.Text], ch.Record, v.Field, bridge.Missing{Entity: formats.Customers.Name, Key: v.Text})
			if out != nil {
				return it, nil, out, nil
			}
			it.point("parent", "customers", id)
		case isLink && v.Text == "":
			it.point(l.relationship, string(l.kind), "")
		case isLink:
			id, bad, err := c.resolve(ctx, l.kind, ch.Record, v.Field, v.Text)
			if err != nil || bad != nil {
				return it, nil, &bridge.Outcome{Reject: bad}, err
			}
			it.point(l.relationship, string(l.kind), id)
		}
	}
	if !moved {
		return it, nil, nil, nil
	}
	at, bad, err := c.placeAddress(ctx, ch.Record, heldPlace(held.address()))
	if err != nil || bad != nil && !clears(ch) {
		return it, nil, &bridge.Outcome{Reject: bad}, err
	}
	return it, c.address(&it, i, ch, held, at), nil, nil
}

// clears says that a change takes the address away.
func clears(ch *bridge.Change) bool {
	for _, f := range []string{"street", "city", "postal_code", "country"} {
		if text, _ := ch.Record.Get(f); text != "" {
			return false
		}
	}
	return true
}

// A heldAddress is what the shop holds for a customer: all its addresses, since the relationship is written as a whole
// (what it leaves out is deleted: orphanRemoval in CustomerBundle/Entity/Customer), and the one that the bridge keeps.
type heldAddress struct {
	all  refs
	kept *resource
	name string // the customer's
}

// address is the address that the bridge keeps; nil when there is none.
func (h *heldAddress) address() *resource {
	if h == nil {
		return nil
	}
	return h.kept
}

// address encodes the one address: into the customer's relationship, and as an included item unless it is taken away. An
// address whose street, city, postal code and country are all cleared is taken away.
func (c customers) address(it *item, i int, ch *bridge.Change, held *heldAddress, where whereabouts) *item {
	create := held.address() == nil
	gone := true
	for _, f := range []string{"street", "city", "postal_code", "country"} {
		text, carried := ch.Record.Get(f)
		gone = gone && text == "" && (create || carried)
	}
	if gone {
		if !create {
			it.points("addresses", slices.DeleteFunc(slices.Clone(held.all), func(r ref) bool { return r.ID == held.kept.ID }))
		}
		return nil
	}
	at := &item{kind: "customeraddresses", id: "a" + strconv.Itoa(i)}
	var all refs
	values := ch.Values
	if create {
		name, _ := valueOf(ch, "name")
		if held != nil {
			name = cmp.Or(name, held.name)
		}
		values = ch.Record.Values // the change holds only what differs
		at.raw("primary", "true")
		at.raw("types", `[{"default":true,"addressType":"billing"},{"default":true,"addressType":"shipping"}]`)
		at.set("organization", name)
		at.point("customer", it.kind, it.id)
		if held != nil {
			all = slices.Clone(held.all)
		}
		all = append(all, ref{at.kind, at.id})
	} else {
		at.id, at.meta, all = held.kept.ID, "update", held.all
	}
	for _, v := range values {
		switch name := addressFields[v.Field]; name {
		case "":
		case "region":
			at.point(name, "regions", where.region)
		case "country":
			at.point(name, "countries", where.country)
		default:
			at.set(name, v.Text)
		}
	}
	it.points("addresses", all)
	return at
}

// addresses reads what the shop holds for the customers whose address changes.
func (c customers) addresses(ctx context.Context, changes []*bridge.Change) (map[string]*heldAddress, error) {
	var ids []string
	for _, ch := range changes {
		ofAddress := func(v formats.Value) bool { return addressFields[v.Field] != "" }
		if ch.Op == bridge.Update && ch.OroID != "" && slices.ContainsFunc(ch.Values, ofAddress) {
			ids = append(ids, ch.OroID)
		}
	}
	held := make(map[string]*heldAddress, len(ids))
	q := query{"fields[customers]": "name,addresses", "include": "addresses", "fields[customeraddresses]": "primary,region,country"}
	err := c.lookup(ctx, "customers", "id", ids, q, 1, func(doc *document) error {
		included := index(doc.Included)
		for i := range doc.Data {
			r := &doc.Data[i]
			held[r.ID] = &heldAddress{all: r.many("addresses"), name: r.text("name"), kept: keptAddress(r, included)}
		}
		return nil
	})
	return held, err
}

func (c customers) parentIDs(ctx context.Context, changes []*bridge.Change) (map[string][]string, error) {
	var numbers []string
	for _, ch := range changes {
		for _, v := range ch.Values {
			if v.Field == "parent_number" && v.Text != "" {
				numbers = append(numbers, v.Text)
			}
		}
	}
	return c.parents(ctx, formats.Customers, numbers)
}

func (c customers) ids(ctx context.Context, keys []string) (map[string][]string, error) {
	return c.keyed(ctx, "customers", c.customerKey, c.customerKey, keys)
}

func (c customers) names(ctx context.Context, links []bridge.Identity) (map[string][]string, error) {
	return c.keysByID(ctx, "customers", c.customerKey, links)
}

func (customers) parent(ch *bridge.Change, relationship string) *bridge.Missing {
	if n, _ := valueOf(ch, "parent_number"); relationship == "parent" && n != "" {
		return &bridge.Missing{Entity: formats.Customers.Name, Key: n}
	}
	return nil
}

func (c customers) field(name string) string {
	for _, l := range customerLinks {
		if l.relationship == name {
			return l.field
		}
	}
	for field, attribute := range addressFields {
		if attribute == name {
			return field
		}
	}
	switch name {
	case c.customerKey:
		return "customer_number"
	case "parent":
		return "parent_number"
	case "organization":
		return "name"
	}
	return name
}

// fieldsOf are the fields that any of the records carries, sorted.
func fieldsOf(records []*formats.Record) []string {
	seen := make(map[string]bool)
	for _, rec := range records {
		for _, v := range rec.Values {
			seen[v.Field] = true
		}
	}
	return sortedKeys(seen)
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}
