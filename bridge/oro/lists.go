package oro

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orobridge/orobridge/formats"
)

// A listKind is one of the shop's small lists, whose entries records name.
type listKind string

const (
	units             listKind = "productunits"
	priceListNames    listKind = "pricelists"
	inventoryStatuses listKind = "prodinventorystatuses"
	customerGroups    listKind = "customergroups"
	paymentTerms      listKind = "paymentterms"
	customerTaxCodes  listKind = "customertaxcodes"
	productTaxCodes   listKind = "producttaxcodes"
	customerRatings   listKind = "customerratings"
	customerUserRoles listKind = "customeruserroles"
	brands            listKind = "brands"
	categories        listKind = "categories"
	attributeFamilies listKind = "attributefamilies"
	localizations     listKind = "localizations"
	orderStatuses     listKind = "orderstatuses"
	countries         listKind = "countries"
)

// How old a list must be before it is read again: for a name that it lacks, for any name, and for the names of price lists,
// since a price that goes to the wrong list is worse than a request more.
const (
	listRefresh   = 30 * time.Second
	listAge       = 5 * time.Minute
	priceListsAge = 10 * time.Second
)

// A listing says how a list is read, and by which names an entry is known; the first one is the one to show.
type listing struct {
	what  string // for people
	query query
	names func(entry *resource, all map[ref]*resource) []string
}

var listings = map[listKind]listing{
	units:             {"unit", nil, byID("")},
	priceListNames:    {"price list", nil, byAttribute("name")},
	inventoryStatuses: {"inventory status", nil, byID("name")},
	customerGroups:    {"customer group", query{"fields[customergroups]": "name"}, byAttribute("name")},
	paymentTerms:      {"payment term", nil, byAttribute("label")},
	customerTaxCodes:  {"customer tax code", nil, byAttribute("code")},
	productTaxCodes:   {"product tax code", nil, byAttribute("code")},
	customerRatings:   {"internal rating", nil, byID("name")},
	customerUserRoles: {"customer user role", query{"fields[customeruserroles]": "label"}, byAttribute("label")},
	attributeFamilies: {"attribute family", query{"fields[attributefamilies]": "code"}, byAttribute("code")},
	localizations:     {"localization", nil, byAttribute("formattingCode")},
	orderStatuses:     {"order status", nil, byID("name")},
	countries:         {"country", nil, byID("name")},
	brands: {"brand", query{
		"fields[brands]": "names", "include": "names", "fields[localizedfallbackvalues]": "string,localization",
	}, byDefaultText("names")},
	categories: {"category", query{
		"fields[categories]": "titles,parentCategory", "include": "titles", "fields[categorytitles]": "string,localization",
	}, byPath},
}

func byID(also string) func(*resource, map[ref]*resource) []string {
	return func(entry *resource, _ map[ref]*resource) []string {
		if name := entry.text(also); name != "" {
			return []string{entry.ID, name}
		}
		return []string{entry.ID}
	}
}

func byAttribute(name string) func(*resource, map[ref]*resource) []string {
	return func(entry *resource, _ map[ref]*resource) []string { return []string{entry.text(name)} }
}

func byDefaultText(relationship string) func(*resource, map[ref]*resource) []string {
	return func(entry *resource, all map[ref]*resource) []string {
		return []string{defaultText(entry, relationship, all)}
	}
}

// defaultText is the text whose localization is null.
func defaultText(entry *resource, relationship string, included map[ref]*resource) string {
	for _, r := range entry.many(relationship) {
		if value := included[r]; value != nil && value.one("localization").ID == "" {
			return value.text("string")
		}
	}
	return ""
}

// byPath names a category by the titles from below the root, and by those from the root itself.
func byPath(entry *resource, all map[ref]*resource) []string {
	var titles []string
	for at := entry; at != nil && len(titles) < 100; at = all[at.one("parentCategory")] {
		titles = append(titles, defaultText(at, "titles", all))
	}
	slices.Reverse(titles)
	full := strings.Join(titles, pathSeparator)
	if len(titles) == 1 {
		return []string{full}
	}
	return []string{strings.Join(titles[1:], pathSeparator), full}
}

const pathSeparator = " > "

// A list is the shop's small list as it was last read. It is read when it is first needed, and again when a name is not
// in it, at most every listRefresh; one reader at a time.
type list struct {
	kind   listKind
	gate   chan struct{}
	mu     sync.RWMutex
	loaded time.Time
	ids    map[string][]string // name → ids
	names  map[string]string   // id → name to show
	rows   map[string]resource // id → entry
}

func newLists() map[listKind]*list {
	all := make(map[listKind]*list, len(listings))
	for kind := range listings {
		all[kind] = &list{kind: kind, gate: make(chan struct{}, 1)}
	}
	return all
}

// directory is what the shop calls things that records name.
type directory struct {
	*api
	lists   map[listKind]*list
	regions regions
	shapes  shapes
}

// resolve finds the id behind a name. The reject says that the shop lacks it or has it more than once.
func (c *directory) resolve(ctx context.Context, kind listKind, rec *formats.Record, field, name string) (string, *formats.Reject, error) {
	ids, err := c.named(ctx, kind, name)
	switch {
	case err != nil:
		return "", nil, err
	case len(ids) == 1:
		return ids[0], nil, nil
	case len(ids) > 1:
		return "", reject(rec, field, formats.CodeAmbiguous, "the shop has %d entries of the %s %q (ids %s): rename all but one there",
			len(ids), listings[kind].what, name, strings.Join(ids, ", ")), nil
	}
	return "", reject(rec, field, formats.CodeReference, "the shop has no %s %q: add it there, or map the value to one it has",
		listings[kind].what, name), nil
}

// named finds the ids behind a name.
func (c *directory) named(ctx context.Context, kind listKind, name string) ([]string, error) {
	l := c.lists[kind]
	for {
		ids, loaded := l.find(name)
		if len(ids) > 0 && !l.stale(loaded, c.now()) || (len(ids) == 0 && !loaded.IsZero() && c.now().Sub(loaded) < listRefresh) {
			return ids, nil
		}
		if err := c.load(ctx, kind, loaded); err != nil {
			return nil, err
		}
	}
}

// shown is the name of an entry; its id when the list does not have it.
func (c *directory) shown(ctx context.Context, kind listKind, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	l := c.lists[kind]
	for range 2 {
		l.mu.RLock()
		name, loaded := l.names[id], l.loaded
		l.mu.RUnlock()
		if name != "" && !l.stale(loaded, c.now()) {
			return name, nil
		}
		if !loaded.IsZero() && c.now().Sub(loaded) < listRefresh {
			break
		}
		if err := c.load(ctx, kind, loaded); err != nil {
			return "", err
		}
	}
	return id, nil
}

// entries are all rows of a list, by id.
func (c *directory) entries(ctx context.Context, kind listKind) (map[string]resource, error) {
	l := c.lists[kind]
	l.mu.RLock()
	rows, loaded := l.rows, l.loaded
	l.mu.RUnlock()
	if !l.stale(loaded, c.now()) {
		return rows, nil
	}
	if err := c.load(ctx, kind, loaded); err != nil {
		return nil, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.rows, nil
}

// Units lists the codes of the shop's units.
func (c *directory) Units(ctx context.Context) ([]string, error) {
	rows, err := c.entries(ctx, units)
	return sortedKeys(rows), err
}

// forget makes the next look-up read the list again.
func (c *directory) forget(kind listKind) {
	l := c.lists[kind]
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loaded = time.Time{}
}

// stale says that what was read then is too old to be believed.
func (l *list) stale(loaded, now time.Time) bool {
	age := listAge
	if l.kind == priceListNames {
		age = priceListsAge
	}
	return loaded.IsZero() || now.Sub(loaded) >= age
}

func (l *list) find(name string) ([]string, time.Time) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.loaded.IsZero() {
		return nil, l.loaded
	}
	return l.ids[name], l.loaded
}

// load reads the list, unless somebody else has done so since seen.
func (c *directory) load(ctx context.Context, kind listKind, seen time.Time) error {
	l := c.lists[kind]
	select {
	case l.gate <- struct{}{}:
		defer func() { <-l.gate }()
	case <-ctx.Done():
		return failure("read", string(kind), ctx.Err())
	}
	l.mu.RLock()
	loaded := l.loaded
	l.mu.RUnlock()
	if loaded.After(seen) {
		return nil
	}
	doc, err := c.whole(ctx, string(kind), listings[kind].query)
	if err != nil {
		return err
	}
	all := index(append(doc.Included, doc.Data...))
	ids, names, rows := make(map[string][]string), make(map[string]string), make(map[string]resource)
	for i := range doc.Data {
		entry := &doc.Data[i]
		rows[entry.ID] = *entry
		for j, name := range listings[kind].names(entry, all) {
			if j == 0 {
				names[entry.ID] = name
			}
			if !slices.Contains(ids[name], entry.ID) {
				ids[name] = append(ids[name], entry.ID)
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loaded, l.ids, l.names, l.rows = c.now(), ids, names, rows
	return nil
}

// A link is a field that names an entry of a small list: it becomes a relationship.
type link struct {
	field        string
	relationship string
	kind         listKind
}

// linked finds the link of a field.
func linked(links []link, field string) (link, bool) {
	for _, l := range links {
		if l.field == field {
			return l, true
		}
	}
	return link{}, false
}

// linkText is what the shop holds in a link, in the record's own words where they mean the same entry: a rating may be
// named by id or by name, a category with or without the root.
func (c *directory) linkText(ctx context.Context, l link, want, id string) (string, error) {
	if want != "" && id != "" {
		ids, err := c.named(ctx, l.kind, want)
		if err != nil {
			return "", err
		}
		if slices.Contains(ids, id) {
			return want, nil
		}
	}
	return c.shown(ctx, l.kind, id)
}

// checkLinks says which field of a record names an entry that the shop lacks.
func (c *directory) checkLinks(ctx context.Context, links []link, rec *formats.Record) (*formats.Reject, error) {
	if rec.Remove {
		return nil, nil // what else its row says does not matter
	}
	for _, v := range rec.Values {
		l, ok := linked(links, v.Field)
		if !ok || v.Text == "" {
			continue
		}
		if _, bad, err := c.resolve(ctx, l.kind, rec, v.Field, v.Text); bad != nil || err != nil {
			return bad, err
		}
	}
	return nil, nil
}

// A cache keeps ids by key, at most twice its size: when the young half is full, the old half is dropped.
type cache struct {
	mu         sync.Mutex
	size       int
	young, old map[string]string
}

// skuCacheSize bounds how many skus are kept in each half of the cache.
const skuCacheSize = 5_000

func newCache(size int) *cache {
	return &cache{size: size, young: make(map[string]string)}
}

func (c *cache) get(key string) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id, ok := c.young[key]; ok {
		return id, true
	}
	id, ok := c.old[key]
	if ok {
		c.put(key, id)
	}
	return id, ok
}

func (c *cache) set(key, id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.put(key, id)
}

func (c *cache) put(key, id string) {
	if len(c.young) >= c.size {
		c.old, c.young = c.young, make(map[string]string, c.size/4)
	}
	c.young[strings.Clone(key)] = id // which is a part of a longer one as a rule
}

func (c *cache) drop(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.young, key)
	delete(c.old, key)
}
