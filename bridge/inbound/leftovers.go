package inbound

import (
	"context"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/leftovers"
)

// TellLeftovers keeps the ledger's note of a feed's leftovers up to date.
func (e *Engine) TellLeftovers(ctx context.Context, f *config.Feed) error {
	if e.ReadOnly[f.Remote] {
		return nil
	}
	left, err := leftovers.List(ctx, e.Ledger, e.Remotes[f.Remote], f)
	if err != nil {
		return err
	}
	notes, err := e.Ledger.Notes(ctx)
	if err != nil {
		return err
	}
	text := leftovers.Text(f, left)
	if notes[leftovers.NoteOf(f.Name)] == text {
		return nil
	}
	var events []*bridge.Event
	if text != "" {
		events = append(events, &bridge.Event{At: e.Clock.Now(), Kind: bridge.Noted, Feed: f.Name, Text: text, Hint: leftovers.Hint(f.Name)})
	}
	return journal{e}.told(e.Ledger.Note(ctx, leftovers.NoteOf(f.Name), text, events...), events...)
}

// AdoptLeftovers is [leftovers.Adopt] for a feed, which is told what is left then.
func (e *Engine) AdoptLeftovers(ctx context.Context, f *config.Feed) (moved, left []string, err error) {
	if moved, left, err = leftovers.Adopt(ctx, e.Ledger, e.Remotes[f.Remote], f); err == nil {
		err = e.TellLeftovers(ctx, f)
	}
	return moved, left, err
}
