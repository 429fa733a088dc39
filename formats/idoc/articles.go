package idoc

import (
	"cmp"
	"iter"
	"slices"

	"github.com/orobridge/orobridge/formats"
)

// ARTMAS → products: the articles of SAP's retail. One row per article: the one of the head (E1BPE1MATHEAD), or each variant
// (E1BPE1VARKEY) of a generic one, which can't be ordered itself and is counted. All segments stand at the top of the IDoc and
// name their article. Units are ISO's where the message has them, as in the other messages.
//
// The names of segments and fields are those of public samples and interfaces of ARTMAS05 to 09; where fields stand in a flat
// file is not confirmed, so that a flat one needs a dictionary.
func articles(r *reader, d *Document) error {
	for head := range d.Children(-1, "E1BPE1MATHEAD") {
		for _, article := range (&rowBuilder{r: r, d: d}).listed(head) {
			b := &rowBuilder{r: r, d: d}
			areas := slices.Collect(b.ofArticle("E1BPE1MVKERT", article))
			ours := func(i int) bool { return r.f.inSalesArea(b.value(i, "SALES_ORG"), b.value(i, "DISTR_CHAN")) }
			if len(areas) > 0 && !slices.ContainsFunc(areas, ours) {
				r.count("other_area")
				continue
			}
			at := head
			for i := range b.ofArticle("E1BPE1MARART", article) {
				at = i
				break
			}
			b = r.push(d, at)
			b.article(article, at)
			b.raws(at, head)
			if b.err != nil {
				return b.err
			}
		}
	}
	return nil
}

// An articleNumber is the number of an article in both of its fields, of which a segment may have one.
type articleNumber struct{ short, long string }

// listed are the articles that a message describes.
func (b *rowBuilder) listed(head int) (articles []articleNumber) {
	for i := range b.d.Children(-1, "E1BPE1VARKEY") {
		number := articleNumber{b.value(i, "VARIANT"), b.value(i, "VARIANT_LONG")}
		if number != (articleNumber{}) && !slices.Contains(articles, number) {
			articles = append(articles, number)
		}
	}
	if generic := b.value(head, "MATL_CAT") == "01"; generic || len(articles) > 0 {
		b.r.count("generic_article")
		return articles
	}
	return []articleNumber{{b.value(head, "MATERIAL"), b.value(head, "MATERIAL_LONG")}}
}

// article fills the row of an article from its segment of general data, or from the head when there is none.
func (b *rowBuilder) article(number articleNumber, at int) {
	b.set("sku", b.number(cmp.Or(number.long, number.short)))
	base := cmp.Or(b.value(at, "BASE_UOM_ISO"), b.value(at, "BASE_UOM"))
	if base != "" {
		b.set("unit", base)
	}
	b.precision(base)
	b.units(base, b.ofArticle("E1BPE1MARMRT", number), packing{[]string{"ALT_UNIT_ISO", "ALT_UNIT"}, "NUMERATOR", "DENOMINATR", "FUNCTION"})
	b.names(b.ofArticle("E1BPE1MAKTRT", number), naming{"LANGU_ISO", "LANGU", "MATL_DESC", "FUNCTION"})
	b.attributes(b.ofArticle("E1BPE1AUSPRT", number),
		characteristic{"CHAR_NAME", []string{"CHAR_VALUE_LONG", "CHAR_VALUE"}, "", "FUNCTION"})
	switch flag, sent := b.sent(at, "DEL_FLAG"); {
	case flag != "" || b.value(at, "FUNCTION") == deleted:
		b.set(formats.RemoveField, "1")
	case sent:
		b.set(formats.RemoveField, "0")
	}
}

// ofArticle yields the segments of a type that are about an article.
func (b *rowBuilder) ofArticle(typ string, number articleNumber) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range b.d.Children(-1, typ) {
			short, long := b.value(i, "MATERIAL"), b.value(i, "MATERIAL_LONG")
			same := long != "" && long == number.long || short != "" && short == number.short
			if same && !yield(i) {
				return
			}
		}
	}
}

// inSalesArea says whether an article's sales area is the feed's.
func (f *Options) inSalesArea(org, channel string) bool {
	return (f.SalesOrg == "" || org == "" || org == f.SalesOrg) && (f.Channel == "" || channel == "" || channel == f.Channel)
}
