package oro

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// products are found by sku. Uniqueness is the shop's, whatever the case; look-ups are case-sensitive.
//
// They are written with plain ids even where ext_id mode is there: a repeated upsert of a whole product is refused anyway
// (its unit precision exists already), and a shop that has external ids for brands as well would read the other
// relationships differently.
type products struct{ *Client }

var productDescriptor = descriptor{
	entity: formats.Products,
	reads: []origin{
		{"products", ""}, {"productnames", "a product's names"}, {"productunits", "a product's unit"},
		{"attributefamilies", "a product's family"}, {"categories", "a product's category"}, {"brands", "a product's brand"},
		{"producttaxcodes", "a product's tax code"}, {"localizations", "the language of a product's texts"},
	},
	writes: []string{"products"},
	open:   func(c *Client) entity { return products{c} },
}

var productLinks = []link{
	{"inventory_status", "inventory_status", inventoryStatuses},
	{"category", "category", categories},
	{"brand", "brand", brands},
	{"tax_code", "taxCode", productTaxCodes},
	{"family", "attributeFamily", attributeFamilies},
}

// A prose is a family of texts, one per localization: a to-many relationship of its own kind of resource.
type prose struct {
	field        string // canonical stem
	relationship string
	kind         string
	attribute    string
}

var proses = []prose{
	{"name", "names", "productnames", "string"},
	{"description", "descriptions", "productdescriptions", "wysiwyg"},
	{"short_description", "shortDescriptions", "productshortdescriptions", "text"},
}

// proseOf takes a field apart: "name[de_DE]" → names, de_DE.
func proseOf(field string) (p prose, localization string, ok bool) {
	stem := field
	if i := strings.IndexByte(field, '['); i > 0 && strings.HasSuffix(field, "]") {
		stem, localization = field[:i], field[i+1:len(field)-1]
	}
	for _, p := range proses {
		if p.field == stem {
			return p, localization, true
		}
	}
	return prose{}, "", false
}

func isUnitField(field string) bool {
	return field == "unit" || field == "precision" || field == "more_units"
}

// productQuery asks for what the fields need and no more.
func productQuery(fields []string) query {
	want, include := []string{"sku"}, []string(nil)
	q := make(query)
	for _, f := range fields {
		l, isLink := linked(productLinks, f)
		p, _, isProse := proseOf(f)
		switch {
		case isLink:
			want = append(want, l.relationship)
		case isProse:
			want, include = append(want, p.relationship), append(include, p.relationship)
			q["fields["+p.kind+"]"] = p.attribute + ",fallback,localization"
		case isUnitField(f):
			want, include = append(want, "unitPrecisions", "primaryUnitPrecision"), append(include, "unitPrecisions")
			q["fields[productunitprecisions]"] = "precision,conversionRate,unit"
		case f == "status":
			want = append(want, "status")
		case strings.HasPrefix(f, attrPrefix):
			want = append(want, strings.TrimPrefix(f, attrPrefix))
		}
	}
	q["fields[products]"] = strings.Join(unique(want), ",")
	if len(include) > 0 {
		q["include"] = strings.Join(unique(include), ",")
	}
	return q
}

func (p products) find(ctx context.Context, records []*formats.Record) ([]bridge.Lookup, error) {
	answers := make([]bridge.Lookup, len(records))
	var ask, lost []string
	for i, rec := range records {
		if answers[i].Reject = unlistable(rec, "sku", rec.Key); answers[i].Reject == nil {
			ask = append(ask, rec.Key)
		}
	}
	held := make(map[string]*held)
	err := p.lookup(ctx, "products", "sku", unique(ask), productQuery(fieldsOf(records)), 1, func(doc *document) error {
		included := index(doc.Included)
		for i := range doc.Data {
			r := &doc.Data[i]
			held[r.text("sku")] = newHeld(r, included)
			p.skus.set(r.text("sku"), r.ID)
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
		if answers[i].Reject, err = p.check(ctx, rec); err != nil {
			return nil, err
		} else if answers[i].Reject != nil {
			continue
		}
		h := held[rec.Key]
		if h == nil {
			lost = append(lost, rec.Key)
			continue
		}
		if answers[i].Found, err = p.found(ctx, rec, h); err != nil {
			return nil, err
		}
	}
	if len(lost) == 0 {
		return answers, nil
	}
	twins, err := p.otherCase(ctx, unique(lost))
	for i, rec := range records {
		if twin := twins[rec.Key]; twin != "" && answers[i] == (bridge.Lookup{}) {
			answers[i].Reject = rejectCase(rec, rec.Key, twin)
		}
	}
	return answers, err
}

// check says which field of a record names something that the shop lacks.
func (p products) check(ctx context.Context, rec *formats.Record) (*formats.Reject, error) {
	if rec.Remove {
		return nil, nil // what else its row says does not matter
	}
	if bad, err := p.checkLinks(ctx, productLinks, rec); bad != nil || err != nil {
		return bad, err
	}
	for _, v := range rec.Values {
		var names []string
		kind := units
		_, localization, isProse := proseOf(v.Field)
		switch {
		case isProse && localization != "":
			kind, names = localizations, []string{localization}
		case v.Field == "unit" && v.Text != "":
			names = []string{v.Text}
		case v.Field == "more_units":
			for _, u := range parseUnits(v.Text) {
				names = append(names, u.code)
			}
		}
		for _, name := range names {
			if _, bad, err := p.resolve(ctx, kind, rec, v.Field, name); bad != nil || err != nil {
				return bad, err
			}
		}
	}
	return nil, nil
}

func (p products) found(ctx context.Context, rec *formats.Record, h *held) (*bridge.Found, error) {
	found := &bridge.Found{OroID: h.id}
	for _, v := range rec.Values {
		text, err := p.value(ctx, h, v.Field, v.Text)
		if err != nil {
			return nil, err
		}
		found.Values = append(found.Values, formats.Value{Field: v.Field, Text: text})
	}
	return found, nil
}

// A held product is what the shop holds of one.
type held struct {
	*resource
	id      string
	texts   map[string]map[string]*resource // relationship → localization id ("" for the default) → text
	units   []heldUnit
	primary string // id of the primary precision
}

type heldUnit struct {
	id string
	unit
}

func newHeld(r *resource, included map[ref]*resource) *held {
	h := &held{resource: r, id: r.ID, texts: make(map[string]map[string]*resource), primary: r.one("primaryUnitPrecision").ID}
	for _, p := range proses {
		for _, to := range r.many(p.relationship) {
			text := included[to]
			if text == nil {
				continue
			}
			if h.texts[p.relationship] == nil {
				h.texts[p.relationship] = make(map[string]*resource)
			}
			h.texts[p.relationship][text.one("localization").ID] = text
		}
	}
	for _, to := range r.many("unitPrecisions") {
		if u := included[to]; u != nil {
			h.units = append(h.units, heldUnit{u.ID, unit{u.one("unit").ID, u.decimal("precision"), u.decimal("conversionRate")}})
		}
	}
	return h
}

// value is what the shop holds in a field, in canonical text. A localization that falls back to another one holds nothing
// of its own.
func (p products) value(ctx context.Context, h *held, field, want string) (string, error) {
	if l, ok := linked(productLinks, field); ok {
		return p.linkText(ctx, l, want, h.one(l.relationship).ID)
	}
	if pr, code, ok := proseOf(field); ok {
		id, err := p.localization(ctx, code)
		if err != nil || (code != "" && id == "") {
			return "", err
		}
		return ownText(h.texts[pr.relationship][id], pr), nil
	}
	switch {
	case field == "status":
		return h.text("status"), nil
	case field == "unit":
		u, _ := h.primaryUnit()
		return u.code, nil
	case field == "precision":
		u, _ := h.primaryUnit()
		return u.precision, nil
	case field == "more_units":
		return h.moreUnits(want), nil
	case strings.HasPrefix(field, attrPrefix):
		return h.attr(strings.TrimPrefix(field, attrPrefix)), nil
	}
	return "", nil
}

func ownText(r *resource, p prose) string {
	switch {
	case r == nil, r.text("fallback") != "":
		return ""
	case p.attribute == "wysiwyg":
		raw, _ := r.attribute(p.attribute)
		return strings.TrimSpace(wysiwygText(raw))
	}
	return strings.TrimSpace(r.text(p.attribute))
}

// localization is the id of a localization by its formatting code; the empty code is the default and has no id.
func (p products) localization(ctx context.Context, code string) (string, error) {
	if code == "" {
		return "", nil
	}
	ids, err := p.named(ctx, localizations, code)
	if err != nil || len(ids) != 1 {
		return "", err
	}
	return ids[0], nil
}

func (p products) all(ctx context.Context, fields []string, each func(string, bridge.Found) error) error {
	fields = sorted(fields)
	for doc, err := range p.pages(ctx, "products", productQuery(fields), pageSize) {
		if err != nil {
			return err
		}
		included := index(doc.Included)
		for i := range doc.Data {
			rec := &formats.Record{}
			for _, f := range fields {
				v := formats.Value{Field: f}
				if f == "more_units" {
					v.Text = everyUnit
				}
				rec.Values = append(rec.Values, v)
			}
			h := newHeld(&doc.Data[i], included)
			found, err := p.found(ctx, rec, h)
			if err != nil {
				return err
			}
			if err := each(h.text("sku"), *found); err != nil {
				return err
			}
		}
	}
	return nil
}

// encode. A removal disables the product.
func (p products) encode(ctx context.Context, changes []*bridge.Change) (*bundle, error) {
	if err := p.fill(ctx, changes); err != nil {
		return nil, err
	}
	has, err := p.holding(ctx, changes)
	if err != nil {
		return nil, err
	}
	out, batch := new(bundle), &part{resource: "products"}
	for i, ch := range changes {
		switch {
		case unlistable(ch.Record, "sku", ch.Key) != nil:
			out.refuse(i, &bridge.Outcome{Reject: unlistable(ch.Record, "sku", ch.Key)})
			continue
		case ch.Op != bridge.Create && ch.OroID == "":
			out.refuse(i, &bridge.Outcome{Unknown: true})
			continue
		}
		w := &productWriter{products: p, ctx: ctx, n: i, ch: ch, held: has[ch.OroID]}
		if w.write(); w.err != nil {
			return nil, w.err
		}
		switch {
		case w.gone():
			out.refuse(i, &bridge.Outcome{Unknown: true})
		case w.bad != nil:
			out.refuse(i, &bridge.Outcome{Reject: w.bad})
		default:
			batch.add(i, w.it, w.included...)
		}
	}
	out.parts = []*part{batch}
	return out, nil
}

// holding reads the texts and units of the products whose texts or units change: the relationships are written as a whole,
// and what they leave out is deleted.
func (p products) holding(ctx context.Context, changes []*bridge.Change) (map[string]*held, error) {
	var ids, fields []string
	for _, ch := range changes {
		if ch.Op != bridge.Update {
			continue
		}
		before := len(fields)
		for _, v := range ch.Values {
			if _, _, ok := proseOf(v.Field); ok || isUnitField(v.Field) {
				fields = append(fields, v.Field)
			}
		}
		if len(fields) > before && ch.OroID != "" {
			ids = append(ids, ch.OroID)
		}
	}
	has := make(map[string]*held, len(ids))
	err := p.lookup(ctx, "products", "id", ids, productQuery(unique(fields)), 1, func(doc *document) error {
		included := index(doc.Included)
		for i := range doc.Data {
			has[doc.Data[i].ID] = newHeld(&doc.Data[i], included)
		}
		return nil
	})
	return has, err
}

// A productWriter encodes one change of a product.
type productWriter struct {
	products
	ctx      context.Context // of the one call of write
	n        int
	ch       *bridge.Change
	held     *held // nil for a create, and when neither texts nor units change
	needs    bool  // held is needed
	it       item
	included []item
	bad      *formats.Reject
	err      error
}

func (w *productWriter) refuse(field, code, format string, args ...any) {
	if w.bad == nil {
		w.bad = reject(w.ch.Record, field, code, format, args...)
	}
}

// gone says that the shop no longer has the product whose texts or units change.
func (w *productWriter) gone() bool {
	return w.needs && w.held == nil && w.ch.Op == bridge.Update
}

func (w *productWriter) write() {
	w.it = item{kind: "products", id: w.ch.OroID, meta: "update"}
	switch w.ch.Op {
	case bridge.Remove:
		w.it.set("status", "disabled")
		return
	case bridge.Create:
		w.begin()
	}
	texts := make(map[string][]formats.Value) // relationship → values
	unitsChange := w.ch.Op == bridge.Create
	for _, v := range w.ch.Values {
		l, isLink := linked(productLinks, v.Field)
		p, _, isProse := proseOf(v.Field)
		switch {
		case isProse:
			texts[p.relationship] = append(texts[p.relationship], v)
		case isUnitField(v.Field):
			unitsChange = true
		case isLink:
			w.link(l, v)
		case v.Field == "status":
			w.it.set("status", cmp.Or(v.Text, "enabled"))
		case strings.HasPrefix(v.Field, attrPrefix):
			w.attribute(v)
		}
	}
	for _, p := range proses {
		if len(texts[p.relationship]) > 0 {
			w.prose(p, texts[p.relationship])
		}
	}
	if unitsChange {
		w.units()
	}
}

// begin sets what only a new product needs.
func (w *productWriter) begin() {
	w.it.id, w.it.meta = "p"+strconv.Itoa(w.n), ""
	w.it.set("sku", w.ch.Key)
	w.it.raw("productType", `"simple"`)
	w.it.raw("featured", "false")
	w.it.raw("newArrival", "false")
	if _, ok := carried(w.ch, "status"); !ok {
		w.it.set("status", "enabled")
	}
	if text, _ := carried(w.ch, "inventory_status"); text == "" {
		w.it.point("inventory_status", string(inventoryStatuses), "in_stock")
	}
	if text, _ := carried(w.ch, "family"); text == "" {
		id, err := w.defaultFamily(w.ctx)
		w.err = err
		w.it.point("attributeFamily", string(attributeFamilies), id)
	}
	if text, _ := carried(w.ch, "name"); text == "" {
		w.refuse("name", formats.CodeMissing, "a new product needs a name")
	}
}

// defaultFamily is the family of products that name none: the stock one, or the only one.
func (p products) defaultFamily(ctx context.Context) (string, error) {
	ids, err := p.named(ctx, attributeFamilies, "default_family")
	if err != nil || len(ids) > 0 {
		return strings.Join(ids[:min(len(ids), 1)], ""), err
	}
	rows, err := p.entries(ctx, attributeFamilies)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return sortedKeys(rows)[0], nil
}

func (w *productWriter) link(l link, v formats.Value) {
	if v.Text == "" {
		if l.field != "family" && w.ch.Op != bridge.Create { // a product always has a family, and a new one nothing to clear
			w.it.point(l.relationship, string(l.kind), "")
		}
		return
	}
	id, bad, err := w.resolve(w.ctx, l.kind, w.ch.Record, v.Field, v.Text)
	if bad != nil && w.bad == nil {
		w.bad = bad
	}
	if err != nil {
		w.err = err
	}
	w.it.point(l.relationship, string(l.kind), id)
}

// prose writes texts: all the shop's own are listed, a changed one is included as an update, a new one as itself.
func (w *productWriter) prose(p prose, values []formats.Value) {
	w.needs = true
	if w.gone() {
		return
	}
	var list refs
	has := map[string]*resource{}
	if w.held != nil {
		list = slices.Clone(w.held.many(p.relationship))
		has = w.held.texts[p.relationship]
	}
	for _, v := range values {
		_, code, _ := proseOf(v.Field)
		id := ""
		if code != "" {
			var bad *formats.Reject
			if id, bad, w.err = w.resolve(w.ctx, localizations, w.ch.Record, v.Field, code); bad != nil || w.err != nil {
				w.bad = bad
				return
			}
		}
		if p.field == "name" && id == "" && v.Text == "" {
			w.refuse("name", formats.CodeMissing, "a product has a name")
			return
		}
		it := item{kind: p.kind}
		if old := has[id]; old != nil {
			it.id, it.meta = old.ID, "update"
		} else {
			if v.Text == "" {
				continue // nothing is there, and nothing is wanted
			}
			it.id = fmt.Sprintf("t%d-%s-%s", w.n, p.relationship, cmp.Or(id, "default"))
			it.point("localization", string(localizations), id)
			list = append(list, ref{it.kind, it.id})
		}
		w.text(&it, p, id, v.Text)
		w.included = append(w.included, it)
	}
	if len(list) > 0 {
		w.it.points(p.relationship, list)
	}
}

// text sets one text; an empty one in a localization falls back to the parent, or to the default when there is none.
func (w *productWriter) text(it *item, p prose, localization, text string) {
	fallback := ""
	if text == "" && localization != "" {
		fallback = "system"
		rows, err := w.entries(w.ctx, localizations)
		w.err = err
		if row, ok := rows[localization]; ok && row.one("parentLocalization").ID != "" {
			fallback = "parent_localization"
		}
	}
	it.set("fallback", fallback)
	if p.attribute == "wysiwyg" && text != "" {
		it.raw(p.attribute, `{"value":`+string(appendText(nil, text))+`,"style":null,"properties":null}`)
		return
	}
	it.set(p.attribute, text)
}

func (p products) ids(ctx context.Context, keys []string) (map[string][]string, error) {
	return p.keyed(ctx, "products", "sku", "sku", keys)
}

func (p products) names(ctx context.Context, links []bridge.Identity) (map[string][]string, error) {
	return p.keysByID(ctx, "products", "sku", links)
}

// otherCase finds, for skus that the shop does not have, those it has in other case: its look-ups are case-sensitive, its
// rule that a sku is unique is not. It tries capitals and small letters.
func (p products) otherCase(ctx context.Context, skus []string) (map[string]string, error) {
	tried := make(map[string][]string)
	var ask []string
	for _, sku := range skus {
		for _, other := range []string{strings.ToUpper(sku), strings.ToLower(sku)} {
			if other != sku {
				tried[sku] = append(tried[sku], other)
				ask = append(ask, other)
			}
		}
	}
	found, err := p.keyed(ctx, "products", "sku", "sku", ask)
	if err != nil {
		return nil, err
	}
	twins := make(map[string]string)
	for sku, others := range tried {
		for _, other := range others {
			if len(found[other]) > 0 {
				twins[sku] = other
			}
		}
	}
	return twins, nil
}

func (products) parent(*bridge.Change, string) *bridge.Missing { return nil }

func (products) field(name string) string {
	for _, l := range productLinks {
		if l.relationship == name {
			return l.field
		}
	}
	for _, p := range proses {
		if p.relationship == name {
			return p.field
		}
	}
	switch name {
	case "string":
		return "name"
	case "unitPrecisions", "primaryUnitPrecision", "unit":
		return "unit"
	case "conversionRate", "precision":
		return "more_units"
	}
	return name
}
