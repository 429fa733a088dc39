package shadow

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
	"github.com/orobridge/orobridge/bridge/outbound"
)

// What another system writes into the folder of an export comes in as any file does: as drops, of a feed that is no config's
// ([bridge.BesideFeed]). Each is held against the files that the bridge would have written.

const (
	patience = time.Hour // for the other side's file
	maxFile  = 64 << 20  // bytes of a file that is compared
)

// beganNote is the name of the ledger's note of when a shadow first looked into the folder of an export.
func beganNote(export string) string { return "shadow began " + export }

// theirs reads the folder of an export like a feed's.
func theirs(x *config.Export) *config.Feed {
	f := &config.Feed{Name: bridge.BesideFeed(x.Name), Remote: x.Remote, Folder: x.Folder, Match: config.Pattern{Text: "*"}, Mode: "delta",
		Every: x.Every, MaxSize: maxFile}
	f.Ready.Stable = x.Every
	if x.Marker != "" {
		f.Ignore = []string{"*" + x.Marker}
	}
	return f
}

// beside compares, for all exports.
type beside struct {
	in  *inbound.Engine
	out *outbound.Engine
}

// look makes one comparison of an export.
func (b *beside) look(ctx context.Context, x *config.Export) error {
	f := theirs(x)
	if _, err := b.in.Poll(ctx, f); err != nil {
		return err
	}
	began, err := b.began(ctx, x)
	if err != nil {
		return err
	}
	came, err := b.in.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, States: []bridge.DropState{bridge.Fetched}})
	if err != nil {
		return err
	}
	open, err := b.out.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: x.Name,
		States: []bridge.OwedState{bridge.OwedNow, bridge.Unwritten}})
	if err != nil || len(came)+len(open) == 0 {
		return err
	}
	ours := make([]*ourFile, len(open))
	for i, o := range open {
		if ours[i] = (&ourFile{Outfile: o}); len(came) == 0 {
			continue // there is nothing to compare with
		}
		body, err := b.out.Ledger.Body(ctx, o.Export, o.Number)
		if err != nil {
			return err
		}
		ours[i].text = string(body)
	}
	for _, d := range came {
		if ours, err = b.place(ctx, d, ours, began); err != nil {
			return err
		}
	}
	return b.overdue(ctx, ours)
}

// began is when the folder was listed first. What stood there by then is nobody's answer to an order of ours.
func (b *beside) began(ctx context.Context, x *config.Export) (time.Time, error) {
	notes, err := b.in.Ledger.Notes(ctx)
	if err != nil {
		return time.Time{}, err
	}
	if at, err := time.Parse(time.RFC3339Nano, notes[beganNote(x.Name)]); err == nil {
		return at, nil
	}
	at := b.in.Clock.Now()
	return at, b.in.Ledger.Note(ctx, beganNote(x.Name), at.Format(time.RFC3339Nano))
}

// place finds the file of ours that one of theirs stands for, and tells how they compare. It returns those of ours that are left.
func (b *beside) place(ctx context.Context, d *bridge.Drop, ours []*ourFile, began time.Time) ([]*ourFile, error) {
	if !d.SeenAt.After(began) {
		return ours, b.settle(ctx, d, bridge.Shadowed, "it stood there when the shadow began")
	}
	name, text, err := b.read(d)
	if err != nil {
		return ours, err
	}
	i := counterpart(name, text, ours)
	switch {
	case i >= 0:
		if err := b.compared(ctx, ours[i].Outfile, d, compare(ours[i], text).String()); err != nil {
			return ours, err
		}
		return append(ours[:i:i], ours[i+1:]...), nil
	case b.in.Clock.Now().Sub(d.SeenAt) > patience:
		return ours, b.leftOver(ctx, d)
	}
	return ours, nil
}

// leftOver settles a file of theirs that stands for none of ours which is open: its own was compared by a shadow that was killed
// right then, or it is one too many.
func (b *beside) leftOver(ctx context.Context, d *bridge.Drop) error {
	compared, err := b.out.Ledger.Outfiles(ctx, bridge.OutfileFilter{States: []bridge.OwedState{bridge.Same, bridge.Differs}})
	if err != nil {
		return err
	}
	for _, o := range compared {
		if bridge.BesideFeed(o.Export) == d.Feed && o.Staged == comparedWith(d) {
			return b.settle(ctx, d, bridge.Shadowed, comparedText(o))
		}
	}
	return b.settle(ctx, d, bridge.Extra, "no order of the shop explains it")
}

// comparedWith stands in the ledger beside a file of ours, where that of a bridge that writes has the name of its staged bytes.
func comparedWith(d *bridge.Drop) string { return fmt.Sprintf("drop %d", d.ID) }

func comparedText(o *bridge.Outfile) string {
	return fmt.Sprintf("%s: file %d, %s", o.State, o.Number, o.Name)
}

// read is a file of theirs, unpacked.
func (b *beside) read(d *bridge.Drop) (name, text string, err error) {
	file, err := spool.Open(filepath.Join(b.in.Spool, d.Spool))
	if err != nil {
		return "", "", fmt.Errorf("read what was written beside: %w", err)
	}
	defer file.Close() // it was only read
	body, err := io.ReadAll(file)
	if err != nil {
		return "", "", fmt.Errorf("read what was written beside: %w", err)
	}
	name, text = unpacked(d.Name, body)
	return name, text, nil
}

// compared records how a file of ours stands against one of theirs; said is empty where their contents are the same.
func (b *beside) compared(ctx context.Context, o *bridge.Outfile, d *bridge.Drop, said string) error {
	from := o.State
	o.State, o.Reason = bridge.Same, "as "+d.Name+" has it"
	if said != "" {
		o.State, o.Reason = bridge.Differs, "from "+d.Name+": "+said
	}
	o.Staged = comparedWith(d)
	if err := b.save(ctx, o, from); err != nil {
		return err
	}
	b.in.Events.Step("compared")
	return b.settle(ctx, d, bridge.Shadowed, comparedText(o))
}

// overdue tells which of ours nobody has written.
func (b *beside) overdue(ctx context.Context, ours []*ourFile) error {
	for _, o := range ours {
		if o.State != bridge.OwedNow || b.in.Clock.Now().Sub(o.OwedAt) <= patience {
			continue
		}
		o.State, o.Reason = bridge.Unwritten, fmt.Sprintf("nobody has written it within %s", bridge.Duration(patience))
		if err := b.save(ctx, o.Outfile, bridge.OwedNow); err != nil {
			return err
		}
	}
	return nil
}

func (b *beside) save(ctx context.Context, o *bridge.Outfile, from bridge.OwedState) error {
	var events []*bridge.Event
	for _, order := range o.Orders {
		events = append(events, &bridge.Event{At: b.in.Clock.Now(), Kind: bridge.OrderCompared, Export: o.Export, File: o.Name, Order: order,
			Text: string(o.State) + ": " + o.Reason})
	}
	err := b.out.Ledger.SaveOutbox(ctx, bridge.OutboxChange{Files: []bridge.FileMove{{Outfile: o, From: from}}}, events...)
	if err == nil {
		b.out.Events.Tell(events...)
	}
	return err
}

func (b *beside) settle(ctx context.Context, d *bridge.Drop, state bridge.DropState, why string) error {
	d.State, d.Reason, d.SettledAt = state, why, b.in.Clock.Now()
	event := d.Event(bridge.DropSettled, d.SettledAt, string(state)+": "+why)
	err := b.in.Ledger.Advance(ctx, []bridge.Move{{Drop: d, From: bridge.Fetched}}, event)
	if err == nil {
		b.in.Events.Tell(event)
	}
	return err
}
