package oro

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/orobridge/orobridge/bridge"
)

// webhookTopics are what wakes the poller of orders. "thin" is enough for that: type and id.
var webhookTopics = []string{"order.created", "order.updated"}

const webhookFormat = "thin"

// minSecret is how long a webhook's secret must be, in bytes: as long as the HMAC-SHA256 that it makes.
const minSecret = 32

// webhooks are the shop's: it calls an address when orders appear or change.
type webhooks struct{ *api }

// Subscribe makes sure that the shop tells an address of new and changed orders: it subscribes each time anew, since the shop
// never shows the secret that it has, and takes back what it had subscribed to at former addresses. It says in words what was missing or
// wrong; nothing when all was well. A secret of less than 32 bytes is refused: whoever guesses it can call the bridge as the shop.
//
// Webhooks come with 6.1.11 and 7.0.2, and only when the shop has opened them for orders; elsewhere the error's hint says
// so, and polling alone does the work. Limits: the shop deletes a subscription whose receiver answers 410.
func (c webhooks) Subscribe(ctx context.Context, address string, secret bridge.Secret, former ...string) ([]string, error) {
	if n := len(secret.Reveal()); n < minSecret {
		return nil, &bridge.Error{
			Op: "subscribe to", Object: strings.Join(webhookTopics, ", "), Fate: bridge.Stop,
			Err:  fmt.Errorf("the secret has %d bytes, and %d are needed", n, minSecret),
			Hint: "write a longer one in webhook.secret: openssl rand -hex 32 makes one",
		}
	}
	if err := c.topicsOpen(ctx); err != nil {
		return nil, err
	}
	held, err := c.subscriptions(ctx, address)
	if err != nil {
		return nil, err
	}
	var did []string
	for _, topic := range webhookTopics {
		said, err := c.subscribe(ctx, topic, address, secret, held[topic])
		if err != nil {
			return did, err
		}
		did = append(did, said...)
	}
	for _, old := range former {
		if old == address {
			continue
		}
		if err := c.Unsubscribe(ctx, old); err != nil {
			return did, err
		}
	}
	return did, nil
}

// Unsubscribe removes the subscriptions of an address.
func (c webhooks) Unsubscribe(ctx context.Context, address string) error {
	held, err := c.subscriptions(ctx, address)
	if err != nil {
		return err
	}
	for _, topic := range sortedKeys(held) {
		for _, r := range held[topic] {
			if err := c.removeWebhook(ctx, r.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c webhooks) topicsOpen(ctx context.Context) error {
	doc, err := c.whole(ctx, "webhooktopics", nil)
	var e *bridge.Error
	if errors.As(err, &e) && statusOf(err) == http.StatusNotFound {
		e.Hint = "this shop has no webhooks (they come with 6.1.11 and 7.0.2): polling alone does the work"
	}
	if err != nil {
		return err
	}
	open := make(map[string]bool)
	for i := range doc.Data {
		open[doc.Data[i].ID] = true
	}
	var closed []string
	for _, topic := range webhookTopics {
		if !open[topic] {
			closed = append(closed, topic)
		}
	}
	if len(closed) == 0 {
		return nil
	}
	return &bridge.Error{
		Op: "subscribe to", Object: strings.Join(closed, ", "), Fate: bridge.Stop, Err: errors.New("the shop does not offer the topic"),
		Hint: "enable webhooks for the entity Order in the shop (System > Entities); until then polling alone does the work",
	}
}

// subscriptions are those of an address, by topic.
func (c webhooks) subscriptions(ctx context.Context, address string) (map[string]resources, error) {
	held := make(map[string]resources)
	doc, err := c.whole(ctx, "webhooks", nil)
	if err != nil {
		return nil, err
	}
	for i := range doc.Data {
		if r := &doc.Data[i]; r.text("notificationUrl") == address {
			topic := r.one("topic").ID
			held[topic] = append(held[topic], *r)
		}
	}
	return held, nil
}

// subscribe takes back what there is and subscribes anew: the shop never shows the secret that it has.
func (c webhooks) subscribe(ctx context.Context, topic, address string, secret bridge.Secret, held resources) ([]string, error) {
	for _, old := range held {
		if err := c.removeWebhook(ctx, old.ID); err != nil {
			return nil, err
		}
	}
	it := item{kind: "webhooks"}
	it.raw("enabled", "true")
	it.set("secret", secret.Reveal())
	it.set("notificationUrl", address)
	it.raw("verifySsl", fmt.Sprint(strings.HasPrefix(address, "https:")))
	it.point("topic", "webhooktopics", topic)
	it.point("format", "webhookformats", webhookFormat)
	if _, err := c.do(ctx, http.MethodPost, "webhooks", nil, single(&it), adds, nil); err != nil {
		return nil, err
	}
	switch {
	case len(held) == 0:
		return []string{"subscribed to " + topic}, nil
	case held[0].text("enabled") != "1":
		return []string{"switched on " + topic}, nil
	case len(held) > 1:
		return []string{"removed a second subscription to " + topic}, nil
	}
	return nil, nil
}

// removeWebhook takes one that is gone already as removed.
func (c webhooks) removeWebhook(ctx context.Context, id string) error {
	_, err := c.do(ctx, http.MethodDelete, "webhooks/"+id, nil, nil, sets, nil)
	if statusOf(err) == http.StatusNotFound {
		return nil
	}
	return err
}
