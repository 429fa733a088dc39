package main

import (
	"context"
	"errors"
	"io/fs"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/state"
)

// keepOffers notes in the ledger of a config what a shop offers now, beside a running bridge if need be, and tells what
// was noted before and is lost. Where nothing has run yet nothing is kept.
func keepOffers(ctx context.Context, c *config.Config, shop string, found bridge.Capabilities) (lost []bridge.Loss, err error) {
	seen, err := readLedger(ctx, c)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	notes, err := seen.Notes(ctx)
	if err = errors.Join(err, seen.Close()); err != nil {
		return nil, err
	}
	if before, known := bridge.OffersOf(notes, shop); known {
		lost = found.Lost(before)
	}
	ledger, err := openState(ctx, c, state.Options{Beside: true})
	if err != nil {
		return nil, err
	}
	defer closing(ledger, &err)
	return lost, ledger.Note(ctx, bridge.OfShop(bridge.OffersNote, shop), found.Note())
}
