package outbound

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/orobridge/orobridge/bridge"
)

// Fetching. At a server of the bridge's own it is known who has read a file to its end; that the file then leaves the folder
// is the pickup all the same.

// Fetched records that a partner has downloaded a whole file, if it is one of the outbox. The bytes say which one: a partner may
// have moved the file before it reads it, or have given it another name. What stands in the ledger is the first time; a file
// that is sent again has one of its own.
func (e *Engine) Fetched(ctx context.Context, download *bridge.Event) error {
	var errs []error
	for _, x := range e.Exports {
		if x.Remote == download.Visit.Remote && download.SHA256 != "" {
			errs = append(errs, e.fetched(ctx, x.Name, download))
		}
	}
	return errors.Join(errs...)
}

func (e *Engine) fetched(ctx context.Context, export string, download *bridge.Event) error {
	files, err := e.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: export, SHA256: download.SHA256})
	if err != nil || len(files) == 0 {
		return err
	}
	// Of several with the same bytes the one of that name is meant, or the oldest that nobody has.
	name := path.Base(download.File)
	f := slices.MinFunc(files, func(a, b *bridge.Outfile) int {
		return cmp.Or(first(a.Name == name, b.Name == name), first(a.Fetched.At.IsZero(), b.Fetched.At.IsZero()), cmp.Compare(a.Number, b.Number))
	})
	if !f.Fetched.At.IsZero() {
		return nil
	}
	visit := *download.Visit
	f.Fetched = bridge.Fetch{At: download.At, User: visit.User, From: visit.Address}
	events := e.fileEvents(bridge.OrderFetched, f)
	for _, event := range events {
		event.At, event.Visit = download.At, &visit
	}
	detail := fmt.Sprintf("by %s from %s", visit.User, visit.Address)
	return e.save(ctx, bridge.OutboxChange{Fetched: []*bridge.Outfile{f}, History: e.history(f, "fetched", detail)}, events...)
}

// first puts what is so before what is not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
