package oro

import (
	"context"
	_ "embed"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/orobridge/orobridge/formats"
)

// Countries and regions are the shop's own: Oro 6.1 has an older list of regions than 7.0 (PL-DS in one, PL-02 in the
// other), and a shop that was upgraded keeps the old codes until its admin changes them. Both are read from the shop, and
// records may name them by the shop's code, by the other list's code for the same region, or by name.

// regionCodes holds, a line each, the codes that 6.1 and 7.0 have for one region, where they differ: found by equal names
// in both lists (and by hand for China and Bangladesh). Regions that were merged or split are not in it.
//
//go:embed regions.csv
var regionCodes string

// otherCodes are a region's codes in the other list.
var otherCodes = sync.OnceValue(func() map[string]string {
	codes := make(map[string]string)
	for line := range strings.Lines(regionCodes) {
		old, now, _ := strings.Cut(strings.TrimSpace(line), ",")
		codes[old], codes[now] = now, old
	}
	return codes
})

// A region of a country.
type region struct{ id, name string }

// regions keeps the regions of the countries that were asked for.
type regions struct {
	mu sync.Mutex // held while the shop is asked
	of map[string]regionsRead
}

type regionsRead struct {
	at   time.Time
	list []region
}

// regionsOf reads the regions of a country, once in a while.
func (c *directory) regionsOf(ctx context.Context, country string) ([]region, error) {
	c.regions.mu.Lock()
	defer c.regions.mu.Unlock()
	if had, ok := c.regions.of[country]; ok && c.now().Sub(had.at) < listAge {
		return had.list, nil
	}
	var list []region
	q := query{"filter[country]": country, "fields[regions]": "code,name"}
	for doc, err := range c.pages(ctx, "regions", q, pageSize) {
		if err != nil {
			return nil, err
		}
		for i := range doc.Data {
			list = append(list, region{doc.Data[i].ID, doc.Data[i].text("name")})
		}
	}
	if c.regions.of == nil {
		c.regions.of = make(map[string]regionsRead)
	}
	c.regions.of[country] = regionsRead{c.now(), list}
	return list, nil
}

// whereabouts name where an address is, in the shop's codes.
type whereabouts struct{ country, region string }

// locate finds the shop's codes of a country and of a region in it. An empty text gives an empty code. The reject says what
// the shop lacks and what is nearest.
func (c *directory) locate(ctx context.Context, rec *formats.Record, country, region string) (whereabouts, *formats.Reject, error) {
	var at whereabouts
	var err error
	if country == "" && region == "" {
		return at, nil, nil
	}
	if country == "" { // "US-NY" says its country
		country, _, _ = strings.Cut(region, "-")
	}
	var bad *formats.Reject
	if at.country, bad, err = c.country(ctx, rec, country); bad != nil || err != nil || region == "" {
		return at, bad, err
	}
	at.region, bad, err = c.region(ctx, rec, at.country, region)
	return at, bad, err
}

func (c *directory) country(ctx context.Context, rec *formats.Record, text string) (string, *formats.Reject, error) {
	rows, err := c.entries(ctx, countries)
	if err != nil {
		return "", nil, err
	}
	if _, ok := rows[text]; ok {
		return text, nil, nil
	}
	wanted := folded(text)
	var names []string
	for _, id := range sortedKeys(rows) {
		row := rows[id]
		name := row.text("name")
		if wanted == folded(id) || wanted == folded(row.text("iso3Code")) || wanted == folded(name) {
			return id, nil, nil
		}
		names = append(names, id+" "+name)
	}
	return "", reject(rec, "country", formats.CodeReference, "the shop has no country %q; nearest are %s: send one of these, or map the value",
		text, strings.Join(nearest(text, names), ", ")), nil
}

func (c *directory) region(ctx context.Context, rec *formats.Record, country, text string) (string, *formats.Reject, error) {
	list, err := c.regionsOf(ctx, country)
	if err != nil {
		return "", nil, err
	}
	wanted, short := folded(text), folded(country+"-"+text)
	var found, names []string
	for _, r := range list {
		switch {
		case r.id == text, r.id == otherCodes()[text]:
			return r.id, nil, nil
		case wanted == folded(r.name), short == folded(r.id), wanted == folded(r.id):
			found = append(found, r.id)
		}
		names = append(names, r.id+" "+r.name)
	}
	switch {
	case len(found) == 1:
		return found[0], nil, nil
	case len(found) > 1:
		return "", reject(rec, "region", formats.CodeAmbiguous, "%q may be %s: send the code", text, strings.Join(found, " or ")), nil
	case len(list) == 0:
		return "", reject(rec, "region", formats.CodeReference, "the shop has no regions in %s: leave %q out, or map it to nothing",
			country, text), nil
	}
	return "", reject(rec, "region", formats.CodeReference,
		"the shop has no region %q in %s; nearest are %s: send one of these, or map the value",
		text, country, strings.Join(nearest(text, names), ", ")), nil
}

// placeAddress says what is wrong with where a record's address is: a code that the shop lacks, or no region in a country
// that demands one. held is what the shop has in fields that the record does not carry.
func (c *directory) placeAddress(ctx context.Context, rec *formats.Record, held func(field string) string) (
	whereabouts, *formats.Reject, error) {
	text := func(field string) string {
		if v, ok := rec.Get(field); ok {
			return v
		}
		return held(field)
	}
	_, carriesCountry := rec.Get("country")
	_, carriesRegion := rec.Get("region")
	if !carriesCountry && !carriesRegion {
		return whereabouts{}, nil, nil // what stands there is not this record's business
	}
	country, where := text("country"), text("region")
	at, bad, err := c.locate(ctx, rec, country, where)
	if bad != nil || err != nil || at.country == "" || at.region != "" {
		return at, bad, err
	}
	list, err := c.regionsOf(ctx, at.country)
	if err != nil || len(list) == 0 {
		return at, nil, err
	}
	return at, reject(rec, "region", formats.CodeMissing, "the shop demands a region for an address in %s: name one of its %d, as %s",
		at.country, len(list), list[0].id), nil
}

// folded is a name without case, accents, blanks and signs.
func folded(text string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(text)) {
		switch {
		case r == 'ł':
			b.WriteByte('l')
		case r == 'ø':
			b.WriteByte('o')
		case unicode.IsLetter(r), unicode.IsDigit(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// nearest are the three of some "code name" that are most like a text, by code or by name.
func nearest(text string, names []string) []string {
	wanted := []rune(folded(text))
	distance := make(map[string]int, len(names))
	for _, n := range names {
		code, name, _ := strings.Cut(n, " ")
		_, last := cutLast(code, "-")
		near := min(edits(wanted, []rune(folded(code))), edits(wanted, []rune(folded(name))))
		distance[n] = min(near, edits(wanted, []rune(folded(last)))+1)
	}
	names = slices.Clone(names)
	slices.SortStableFunc(names, func(a, b string) int { return distance[a] - distance[b] })
	return names[:min(3, len(names))]
}

// edits counts the letters to add, take away or change between two words.
func edits(a, b []rune) int {
	a, b = a[:min(len(a), 60)], b[:min(len(b), 60)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		before := row[0]
		row[0] = i + 1
		for j, y := range b {
			change := before
			if x != y {
				change++
			}
			before, row[j+1] = row[j+1], min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// heldPlace is what the shop has of where an address is.
func heldPlace(at *resource) func(string) string {
	return func(field string) string {
		if at == nil {
			return ""
		}
		return at.one(field).ID
	}
}
