package oro

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"github.com/orobridge/orobridge/bridge"
)

// integrationType is the header that makes the shop take and give external ids: for products the sku (from 6.1.10 on;
// oro_api.ext_id_entities can name more).
const integrationType = "X-Integration-Type"

// A probe keeps what was found out about the shop.
type probe struct {
	mu    sync.Mutex // held while the shop is asked
	known bool
	yes   bool
}

// hasExtID finds out, once, whether the shop knows ext_id mode for products. It reads one product: in that mode the answer
// carries dbId. A shop without products can't be asked and is asked again later.
func (c *offers) hasExtID(ctx context.Context) (bool, error) {
	c.extID.mu.Lock()
	defer c.extID.mu.Unlock()
	if c.extID.known {
		return c.extID.yes, nil
	}
	q := query{"fields[products]": "dbId", "page[size]": "1"}
	ans, err := c.do(ctx, http.MethodGet, "products", q, nil, reads, http.Header{integrationType: {"ext_id"}})
	if statusOf(err) == http.StatusBadRequest {
		c.extID.known = true
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if len(ans.doc.Data) == 0 {
		return false, nil
	}
	c.extID.known, c.extID.yes = true, ans.doc.Data[0].text("dbId") != ""
	return c.extID.yes, nil
}

// takesSKUs says whether a batch may name products by sku. It is asked only when something is created.
func (c *offers) takesSKUs(ctx context.Context, changes []*bridge.Change) (bool, error) {
	if !slices.ContainsFunc(changes, func(ch *bridge.Change) bool { return ch.Op == bridge.Create }) {
		return false, nil
	}
	return c.hasExtID(ctx)
}
