package inbound

import (
	"context"
	"errors"
	"io/fs"
	"strings"

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

// AdoptLeftovers moves a feed's leftovers back into its folder under the names that they came with, where the next listing
// finds them as new drops. A file whose name is taken there, or is none of the feed's, stays; it comes back in left.
func (e *Engine) AdoptLeftovers(ctx context.Context, f *config.Feed) (moved, left []string, err error) {
	r, files := e.Remotes[f.Remote], []bridge.File(nil)
	if files, err = leftovers.List(ctx, e.Ledger, r, f); err != nil {
		return nil, nil, err
	}
	there := map[string]bool{}
	for _, file := range files {
		there[file.Name] = true
	}
	for _, file := range files {
		if f.Ready.Marker != "" && strings.HasSuffix(file.Name, f.Ready.Marker) && there[strings.TrimSuffix(file.Name, f.Ready.Marker)] {
			continue // goes with its file
		}
		name := leftovers.CameAs(file.Name)
		_, _, ours := f.Match.Match(name)
		if !ours && !f.Ready.Lists(name) {
			left = append(left, file.Name)
			continue
		}
		err := leftovers.PutBack(ctx, r, f, file.Name, name)
		switch {
		case errors.Is(err, fs.ErrExist):
			left = append(left, file.Name)
		case err != nil:
			return moved, left, err
		default:
			moved = append(moved, name)
		}
	}
	return moved, left, e.TellLeftovers(ctx, f)
}
