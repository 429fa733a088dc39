package oro

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// A unit of a product: its code, its decimals, and how many primary units it holds.
type unit struct {
	code, precision, rate string
}

func (u unit) String() string { return u.code + ":" + u.precision + ":" + u.rate }

// parseUnits reads "set:0:12 pallet:0:480".
func parseUnits(text string) []unit {
	var list []unit
	for _, word := range strings.Fields(text) {
		parts := append(strings.SplitN(word, ":", 3), "", "")
		list = append(list, unit{parts[0], cmp.Or(plain(parts[1]), "0"), cmp.Or(plain(parts[2]), "1")})
	}
	return list
}

func (h *held) primaryUnit() (heldUnit, bool) {
	for _, u := range h.units {
		if u.id == h.primary {
			return u, true
		}
	}
	return heldUnit{}, false
}

// moreUnits are the units beside the primary one, sorted by code. Where a record names some, only those are told: further
// units of the shop are none of its business, since the bridge takes none away.
func (h *held) moreUnits(want string) string {
	asked := parseUnits(want)
	var list []string
	for _, u := range h.units {
		named := slices.ContainsFunc(asked, func(a unit) bool { return a.code == u.code })
		if u.id != h.primary && (named || want == everyUnit) {
			list = append(list, u.unit.String())
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// everyUnit asks moreUnits for all of them.
const everyUnit = "*"

// units writes the product's units. The list is written as a whole; units that the file does not name stay in it, because
// the shop would delete their prices and stock with them.
func (w *productWriter) units() {
	w.needs = true
	if w.gone() {
		return
	}
	h := w.held
	if h == nil {
		h = &held{resource: &resource{}}
	}
	list := slices.Clone(h.many("unitPrecisions"))
	primary, _ := h.primaryUnit()
	to := w.wantedPrimary(primary.unit)
	if w.bad != nil {
		return
	}
	if at := w.unit(h, to, &list); at.ID != h.primary {
		w.it.point("primaryUnitPrecision", at.Type, at.ID)
	}
	more, _ := carried(w.ch, "more_units")
	for _, u := range parseUnits(more) {
		if !digits(u.precision) || !isDecimal(u.rate) {
			w.refuse("more_units", formats.CodeAmount, "%q: a unit is written as code:precision:rate", u.String())
			return
		}
		if u.code != to.code {
			w.unit(h, u, &list)
		}
	}
	w.it.points("unitPrecisions", list)
}

// wantedPrimary is the primary unit as it shall be.
func (w *productWriter) wantedPrimary(now unit) unit {
	to := now
	if code, ok := carried(w.ch, "unit"); ok {
		if code == "" {
			w.refuse("unit", formats.CodeMissing, "a product has a unit")
			return to
		}
		to.code = code
	}
	if to.code == "" {
		w.refuse("unit", formats.CodeMissing, "a new product needs a unit")
		return to
	}
	if precision, ok := carried(w.ch, "precision"); ok && precision != "" {
		to.precision = precision
	}
	to.precision, to.rate = cmp.Or(to.precision, "0"), "1"
	n, err := strconv.Atoi(to.precision)
	if err != nil || n < 0 || n > 10 {
		w.refuse("precision", formats.CodeAmount, "%q is not a number of decimals from 0 to 10", to.precision)
	}
	to.precision = strconv.Itoa(n)
	return to
}

// unit brings one unit to what it shall be: as it is, changed, or new in the list.
func (w *productWriter) unit(h *held, u unit, list *refs) ref {
	const kind = "productunitprecisions"
	it := item{kind: kind}
	for _, has := range h.units {
		if has.code != u.code {
			continue
		}
		if has.unit != u {
			it.id, it.meta = has.id, "update"
			it.raw("precision", u.precision)
			it.raw("conversionRate", u.rate)
			w.included = append(w.included, it)
		}
		return ref{kind, has.id}
	}
	if _, bad, err := w.resolve(w.ctx, units, w.ch.Record, "unit", u.code); bad != nil || err != nil {
		if w.bad == nil {
			w.bad = bad
		}
		w.err = err
		return ref{}
	}
	it.id = fmt.Sprintf("u%d-%s", w.n, u.code)
	it.raw("precision", u.precision)
	it.raw("conversionRate", u.rate)
	it.raw("sell", "true")
	it.point("unit", string(units), u.code)
	w.included = append(w.included, it)
	*list = append(*list, ref{kind, it.id})
	return ref{kind, it.id}
}
