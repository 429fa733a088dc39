package oro

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/orobridge/orobridge/bridge"
)

// offers is what the shop can do, as far as it was found out.
type offers struct {
	*api
	names  *directory
	extID  probe
	noKits atomic.Bool // the shop knows no product kits
}

// Probe finds out what the shop offers, in a handful of requests that change nothing.
func (c *offers) Probe(ctx context.Context) (bridge.Capabilities, error) {
	found := bridge.Capabilities{Probed: c.now().UTC()}
	steps := []func(context.Context, *bridge.Capabilities) error{
		func(ctx context.Context, f *bridge.Capabilities) (err error) {
			f.ExtID, err = c.hasExtID(ctx)
			return err
		},
		func(ctx context.Context, f *bridge.Capabilities) (err error) {
			f.ExternalID, err = c.takes(ctx, "customers", query{"fields[customers]": "externalId", "filter[externalId]": "0"})
			return err
		},
		func(ctx context.Context, f *bridge.Capabilities) (err error) {
			f.Kits, err = c.takes(ctx, "orders", query{"include": strings.TrimSuffix(kitInclude, ","), "page[size]": "1"})
			c.noKits.Store(!f.Kits && err == nil)
			return err
		},
		func(ctx context.Context, f *bridge.Capabilities) (err error) {
			f.Paged, err = c.takes(ctx, "ordershippingstatuses", query{"page[size]": "1"})
			return err
		},
		func(ctx context.Context, f *bridge.Capabilities) error {
			rows, err := c.names.entries(ctx, orderStatuses)
			f.Statuses = len(rows) > 0
			return err
		},
		c.probeWebhooks,
	}
	for _, step := range steps {
		if err := step(ctx, &found); err != nil && statusOf(err) != http.StatusForbidden { // what may not be seen is not there
			return bridge.Capabilities{}, err
		}
	}
	return found, nil
}

// Use takes over what was found before, so that it is not asked for again.
func (c *offers) Use(known bridge.Capabilities) {
	c.extID.mu.Lock()
	defer c.extID.mu.Unlock()
	c.extID.known, c.extID.yes = true, known.ExtID
	c.noKits.Store(!known.Kits)
}

// takes says whether the shop answers a read or refuses it for what it asks.
func (c *offers) takes(ctx context.Context, path string, q query) (bool, error) {
	_, err := c.get(ctx, path, q)
	if status := statusOf(err); status == http.StatusBadRequest || status == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

func (c *offers) probeWebhooks(ctx context.Context, found *bridge.Capabilities) error {
	doc, err := c.whole(ctx, "webhooktopics", nil)
	switch {
	case statusOf(err) == http.StatusNotFound:
		return nil
	case err != nil:
		return err
	}
	found.Webhooks = true
	for i := range doc.Data {
		found.Topics = append(found.Topics, doc.Data[i].ID)
	}
	slices.Sort(found.Topics)
	return nil
}
