package bridge

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Capabilities are what a shop offers, as it was found by asking: versions are never configured. They may be kept for a
// day, and are asked for again at a start.
type Capabilities struct {
	Probed     time.Time `json:"probed"`
	ExternalID bool      `json:"external_id"` // customers and orders carry the ERP's numbers (from 6.1.10 and 7.0.2)
	ExtID      bool      `json:"ext_id"`      // records may name products by sku (from 6.1.10 and 7.0.2)
	Webhooks   bool      `json:"webhooks"`    // there is such a thing (from 6.1.11 and 7.0.2)
	Topics     []string  `json:"topics"`      // of webhooks that are open, sorted
	Kits       bool      `json:"kits"`        // order lines have parts
	Paged      bool      `json:"paged"`       // lists of statuses come in pages (from 7.0)
	Statuses   bool      `json:"statuses"`    // the order status can be set from outside
}

// Version says which version the shop is like, in words.
func (c Capabilities) Version() string {
	others := slices.ContainsFunc(c.Topics, func(t string) bool { return !strings.HasPrefix(t, "order.") })
	switch {
	case others && c.Paged:
		return "7.1 or like it"
	case c.Webhooks && c.Paged:
		return "7.0.2 or later, or like it"
	case c.Webhooks:
		return "6.1.11 or like it"
	case c.ExternalID && !c.Paged:
		return "6.1.10 or like it"
	case c.Paged:
		return "7.0.0, 7.0.1 or like it"
	}
	return "6.1.9 or earlier, or like it"
}

// String is what a person reads of it.
func (c Capabilities) String() string {
	said := func(yes bool, is, isNot string) string {
		if yes {
			return is
		}
		return isNot
	}
	webhooks := "no webhooks: polling alone finds orders"
	if c.Webhooks {
		webhooks = said(len(c.Topics) > 0, fmt.Sprintf("webhooks for %s", strings.Join(c.Topics, ", ")),
			"webhooks, none of them open: polling alone finds orders")
	}
	return c.Version() + ": " + strings.Join([]string{
		said(c.ExternalID, "customers and orders carry the ERP's numbers",
			"no externalId: customers need another key (oro.customer_key), orders keep no ERP number"),
		said(c.ExtID, "prices name their product by sku", "products are looked up by sku first"),
		webhooks,
		said(c.Kits, "kits", "no kits"),
		said(c.Statuses, "the order status can be set", "the shop keeps the order status to itself"),
	}, "; ")
}

// OffersNote is the ledger's note of what the shop offers: [Capabilities] as JSON.
const OffersNote = "shop offers"

// OffersOf reads what a shop offered from the ledger's notes; false when nothing that can be read is noted.
func OffersOf(notes map[string]string, shop string) (c Capabilities, known bool) {
	err := json.Unmarshal([]byte(notes[OfShop(OffersNote, shop)]), &c)
	return c, err == nil && !c.Probed.IsZero()
}

// Note is what [OffersOf] reads.
func (c Capabilities) Note() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // it holds a time and words
	}
	return string(text)
}

// A Loss is something that the shop offered before and does not offer now.
type Loss struct {
	What string
	Of   []string // entities of feeds and exports that pause for it, or WebhookWork; none where there is another way
}

// WebhookWork is the keeping of the shop's webhooks.
const WebhookWork = "webhook"

// LossWords names losses.
func LossWords(lost []Loss) string {
	names := make([]string, len(lost))
	for i, l := range lost {
		names[i] = l.What
	}
	return strings.Join(names, ", ")
}

// Lost names what was there before and is not now: what relies on it pauses, with this as its reason.
func (c Capabilities) Lost(before Capabilities) []Loss {
	var lost []Loss
	for _, had := range []struct {
		before, now bool
		loss        Loss
	}{
		{before.ExternalID, c.ExternalID, Loss{"externalId", []string{"customers", "order_feedback", Orders}}},
		{before.ExtID, c.ExtID, Loss{"ext_id mode", nil}}, // products are looked up by sku then
		{before.Webhooks, c.Webhooks, Loss{"webhooks", []string{WebhookWork}}},
		{before.Kits, c.Kits, Loss{"kits", []string{Orders}}},
		{before.Statuses, c.Statuses, Loss{"setting the order status", []string{"order_feedback"}}},
	} {
		if had.before && !had.now {
			lost = append(lost, had.loss)
		}
	}
	for _, t := range before.Topics {
		if !slices.Contains(c.Topics, t) {
			lost = append(lost, Loss{"webhook topic " + t, []string{WebhookWork}})
		}
	}
	return lost
}
