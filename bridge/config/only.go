package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// Passes says whether an order is one that the export wants now. The error says that the expression can't be computed
// for it.
func (f *Only) Passes(o *formats.Order) (bool, error) {
	against, err := f.Against(o)
	return against == "" && err == nil, err
}

// Against says what keeps an order back, in words that name the key; empty when nothing does.
func (f *Only) Against(o *formats.Order) (string, error) {
	for _, l := range []struct {
		key   string
		list  []string
		value string
	}{
		{"internal_status", f.InternalStatus, o.InternalStatus}, {"status", f.Status, o.Status}, {"website", f.Website, o.Website},
		{"customer_group", f.CustomerGroup, o.CustomerGroup}, {"currency", f.Currency, o.Currency},
	} {
		if len(l.list) > 0 && !slices.Contains(l.list, l.value) {
			return fmt.Sprintf("only.%s wants %s, and the order has %q", l.key, strings.Join(l.list, " or "), l.value), nil
		}
	}
	if f.condition == nil {
		return "", nil
	}
	if holds, err := f.condition.Holds(o); err != nil || holds {
		return "", err
	}
	return "only.when does not hold for it: " + f.When, nil
}
