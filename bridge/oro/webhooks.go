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

// Subscribe makes sure that the shop tells an address of new and changed orders: it adds what is missing, switches on what
// was switched off, and sets the secret each time, since the shop never shows the one it has. It says in words what it did;
// nothing when all was well.
//
// Webhooks come with 6.1.11 and 7.0.2, and only when the shop has opened them for orders; elsewhere the error's hint says
// so, and polling alone does the work. Limits: the shop deletes a subscription whose receiver answers 410.
func (c *Client) Subscribe(ctx context.Context, address string, secret bridge.Secret) ([]string, error) {
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
	return did, nil
}

// Unsubscribe removes the subscriptions of an address.
func (c *Client) Unsubscribe(ctx context.Context, address string) error {
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

func (c *Client) topicsOpen(ctx context.Context) error {
	doc, err := c.get(ctx, "webhooktopics", query{"page[size]": "-1"})
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
func (c *Client) subscriptions(ctx context.Context, address string) (map[string]resources, error) {
	held := make(map[string]resources)
	for doc, err := range c.pages(ctx, "webhooks", nil, 100) {
		if err != nil {
			return nil, err
		}
		for i := range doc.Data {
			if r := &doc.Data[i]; r.text("notificationUrl") == address {
				topic := r.one("topic").ID
				held[topic] = append(held[topic], *r)
			}
		}
	}
	return held, nil
}

func (c *Client) subscribe(ctx context.Context, topic, address string, secret bridge.Secret, held resources) ([]string, error) {
	it := item{kind: "webhooks"}
	if len(held) > 0 {
		it.id = held[0].ID
	}
	it.raw("enabled", "true")
	it.set("secret", secret.Reveal())
	if len(held) == 0 {
		it.set("notificationUrl", address)
		it.raw("verifySsl", fmt.Sprint(strings.HasPrefix(address, "https:")))
		it.point("topic", "webhooktopics", topic)
		it.point("format", "webhookformats", webhookFormat)
		_, err := c.do(ctx, http.MethodPost, "webhooks", nil, single(&it), adds, nil)
		return []string{"subscribed to " + topic}, err
	}
	it.point("format", "webhookformats", webhookFormat)
	if _, err := c.do(ctx, http.MethodPatch, "webhooks/"+it.id, nil, single(&it), sets, nil); err != nil {
		return nil, err
	}
	var did []string
	if held[0].text("enabled") != "1" {
		did = append(did, "switched on "+topic)
	}
	for _, double := range held[1:] {
		if err := c.removeWebhook(ctx, double.ID); err != nil {
			return did, err
		}
		did = append(did, "removed a second subscription to "+topic)
	}
	return did, nil
}

// removeWebhook takes one that is gone already as removed.
func (c *Client) removeWebhook(ctx context.Context, id string) error {
	_, err := c.do(ctx, http.MethodDelete, "webhooks/"+id, nil, nil, sets, nil)
	if statusOf(err) == http.StatusNotFound {
		return nil
	}
	return err
}
