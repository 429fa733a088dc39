package config

import (
	"slices"

	"github.com/orobridge/orobridge/formats"
)

// Passes says whether an order is one that the export wants now. The error says that the expression can't be computed
// for it.
func (f *Only) Passes(o *formats.Order) (bool, error) {
	among := func(list []string, value string) bool { return len(list) == 0 || slices.Contains(list, value) }
	if !among(f.InternalStatus, o.InternalStatus) || !among(f.Status, o.Status) || !among(f.Website, o.Website) ||
		!among(f.CustomerGroup, o.CustomerGroup) || !among(f.Currency, o.Currency) {
		return false, nil
	}
	if f.condition == nil {
		return true, nil
	}
	return f.condition.Holds(o)
}
