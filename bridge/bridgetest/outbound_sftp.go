package bridgetest

import (
	"github.com/orobridge/orobridge/bridge"
)

// lastOrder is the identifier of the newest order of the outbox.
func (w *World) LastOrder() string {
	list, err := w.Ledger.Outbox(w.T.Context(), bridge.OutboxFilter{Last: 1})
	w.Must(err)
	return list[0].Order
}
