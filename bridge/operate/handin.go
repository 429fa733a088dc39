package operate

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
	"github.com/orobridge/orobridge/formats/sniff"
)

// Hands are for files: how one begins, and giving one to the bridge.
type Hands struct{ *Desk }

// HandIn takes a file of this machine as a drop of a feed, and carries out its load unless a running bridge does.
func (k Hands) HandIn(ctx context.Context, feed, path string) (*Result, error) {
	f, err := FeedOf(k.Feeds, feed)
	if err != nil {
		return nil, err
	}
	d, err := inOf(k.Desk, f.Name).HandOver(ctx, f, path)
	if err != nil {
		return nil, err
	}
	if err := k.keep(ctx, d.Event(bridge.DecisionTaken, k.In.Clock.Now(), "handed in")); err != nil {
		return nil, err
	}
	if !k.Running && len(f.Branches) > 0 {
		parts, err := inbound.Parts(ctx, inOf(k.Desk, f.Name), f, d)
		if err != nil {
			return nil, err
		}
		return carryOutParts(ctx, k.Desk, d, parts)
	}
	return k.carryOut(ctx, f, d)
}

// LookNow has the running bridge look at once for what a feed's folder holds, and try again whatever waits for trouble to pass.
func (k Hands) LookNow(ctx context.Context, feed string) error {
	f, err := FeedOf(k.Feeds, feed)
	if err != nil {
		return err
	}
	return k.keep(ctx, &bridge.Event{At: k.In.Clock.Now(), Kind: bridge.DecisionTaken, Feed: f.Name, Work: "feed " + f.Name, Text: "look now"})
}

// keep enters a decision in the journal, where a running bridge finds it.
func (k Hands) keep(ctx context.Context, decided *bridge.Event) error {
	k.By.On(decided)
	err := k.In.Ledger.Keep(ctx, decided)
	if err == nil {
		k.In.Events.Tell(decided)
	}
	return err
}

// Head is how a drop's file begins.
type Head struct {
	Is    sniff.Guess
	Lines []string // as they are; none of what is no text, or is not here any more
	More  bool     // the file goes on
}

// headBytes is how much of a file's beginning is looked at.
const headBytes = 4 << 10

// Head shows how a drop's file begins, as long as its bytes are on this machine; nil when they are not.
func (k Hands) Head(ctx context.Context, drop int64) (_ *Head, err error) {
	d, err := DropOf(ctx, &k.View, drop)
	if err != nil || d.Spool == "" {
		return nil, err
	}
	file, err := spool.Open(filepath.Join(k.In.Spool, d.Spool))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text := make([]byte, headBytes)
	n, err := io.ReadFull(file, text)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	text = text[:n]
	h := &Head{Is: sniff.File(text), More: int64(n) < d.Size}
	if strings.ContainsRune(string(text), 0) {
		return h, nil
	}
	for len(text) > 0 && h.More && !utf8.Valid(text[len(text)-1:]) { // a character that was cut
		text = text[:len(text)-1]
	}
	h.Lines = strings.Split(strings.TrimRight(string(text), "\r\n"), "\n")
	return h, nil
}
