package inbound

import (
	"context"
	"fmt"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/listing"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
)

// A manifest is a file that lists files which are whole. It is a drop with a life of its own: seen, ready, claimed; it
// stays fetched as long as a file that it lists has not come, and is loaded when all have.

const hintManifest = "correct ready.manifest or match of the feed, or have the sender put another one there"

// fetchManifest reads a manifest that was claimed and records what it lists.
func (p *poller) fetchManifest(ctx context.Context, d *bridge.Drop) (*step, error) {
	if d.Size > listing.MaxManifest {
		return nil, p.end(ctx, p.f, d, nil, verdict{state: bridge.Rejected, hint: hintManifest,
			reason: fmt.Sprintf("a manifest of %d bytes: at most %s are read", d.Size, bridge.Size(listing.MaxManifest))})
	}
	r, err := p.e.remote(d)
	if err != nil {
		return nil, err
	}
	p.e.Events.Step("fetch")
	c, err := spool.Keep(ctx, r, d.Path, p.e.Spool, d.ID)
	if err != nil || c.Size != d.Size {
		return p.changed(ctx, r, d, err)
	}
	p.e.Events.Step("fetched")
	d.SHA256, d.Spool, d.FetchedAt = c.SHA256, c.Name, p.e.Clock.Now()
	file, err := spool.Open(p.e.spool(d))
	if err != nil {
		return nil, spool.Trouble(err)
	}
	defer file.Close()
	entries, err := listing.ReadManifest(file)
	if err != nil {
		return nil, p.end(ctx, p.f, d, nil, verdict{state: bridge.Rejected, reason: "not a manifest: " + err.Error(), hint: hintManifest})
	}
	// What another feed takes from the same folder is none of this one's business.
	entries = slices.DeleteFunc(entries, func(e bridge.ManifestEntry) bool {
		_, _, ours := p.f.Match.Match(e.Name)
		return !ours || bridge.Temporary(e.Name, p.f.Ignore)
	})
	if len(entries) == 0 {
		return nil, p.end(ctx, p.f, d, nil, verdict{state: bridge.Rejected, reason: "it lists no file that this feed takes", hint: hintManifest})
	}
	d.State, d.Reason = bridge.Fetched, ""
	event := p.event(bridge.ManifestRead, d, fmt.Sprintf("it lists %d files", len(entries)))
	return nil, p.told(p.e.Ledger.Expect(ctx, bridge.Move{Drop: d, From: bridge.Claimed}, entries, event), event)
}

// awaited tells by name what a feed's manifests wait for.
func (p *poller) awaited(ctx context.Context) (map[string]listing.Awaited, error) {
	if p.f.Ready.Manifest == "" {
		return nil, nil
	}
	lists, err := p.e.Ledger.Manifests(ctx, p.f.Name)
	byName := map[string]listing.Awaited{}
	for _, m := range lists {
		for _, a := range listing.WaitingFor(m) {
			if !a.OnItsWay {
				byName[a.Name] = a
			}
		}
	}
	return byName, err
}

// closeManifests settles the manifests whose files have all come, and says of the others what they wait for.
func (p *poller) closeManifests(ctx context.Context) error {
	if p.f.Ready.Manifest == "" {
		return nil
	}
	lists, err := p.e.Ledger.Manifests(ctx, p.f.Name)
	if err != nil {
		return err
	}
	for _, m := range lists {
		left := listing.WaitingFor(m)
		if len(left) == 0 {
			err = p.end(ctx, p.f, m.Drop, nil, verdict{state: bridge.Loaded, reason: "all files that it lists have come"})
		} else {
			err = p.explain(ctx, m.Drop, listing.WaitsFor(left))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
