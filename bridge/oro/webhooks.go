package oro

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
)

// hookTopics are what the bridge wants to hear of.
var hookTopics = []string{"order.created", "order.updated"}

// thin deliveries hold type and id of the order and nothing else of it.
const thin = "thin"

var _ bridge.Subscriber = (*Client)(nil)

// Subscribe makes sure that the shop has exactly one enabled subscription of each topic for the address. See
// [bridge.Subscriber]. The secret can't be read back, so it is written each time.
func (c *Client) Subscribe(ctx context.Context, address string, secret bridge.Secret) (string, error) {
	if err := c.hookable(ctx); err != nil {
		return "", err
	}
	var mine []*resource
	for doc, err := range c.pages(ctx, "webhooks", nil, pageSize) {
		if err != nil {
			return "", err
		}
		for i := range doc.Data {
			if doc.Data[i].text("notificationUrl") == address {
				mine = append(mine, &doc.Data[i])
			}
		}
	}
	var done []string
	for _, topic := range hookTopics {
		of := slices.DeleteFunc(slices.Clone(mine), func(r *resource) bool { return r.one("topic").ID != topic })
		did, err := c.subscribeTo(ctx, topic, of, address, secret)
		if err != nil {
			return strings.Join(done, ", "), err
		}
		done = append(done, did...)
	}
	return strings.Join(done, ", "), nil
}

// hookable says why the shop has no webhooks for orders.
func (c *Client) hookable(ctx context.Context) error {
	doc, err := c.get(ctx, "webhooktopics", query{"page[size]": "-1"})
	if err != nil {
		var e *bridge.Error
		if statusOf(err) == http.StatusNotFound && errors.As(err, &e) {
			e.Hint = "this shop is older than 6.1.11 and has no webhooks: remove admin.webhook_url; orders are noticed by polling"
		}
		return err
	}
	for _, topic := range hookTopics {
		if !slices.ContainsFunc(doc.Data, func(r resource) bool { return r.ID == topic }) {
			return &bridge.Error{Op: "subscribe to", Object: topic, Fate: bridge.Stop, Err: errors.New("the shop does not offer this topic"),
				Hint: "enable webhooks for orders: System > Entities > Entity Management > Order"}
		}
	}
	return nil
}

// subscribeTo keeps the first of the subscriptions of a topic, mended, and removes the others.
func (c *Client) subscribeTo(ctx context.Context, topic string, of []*resource, address string, secret bridge.Secret) (done []string, err error) {
	it := item{kind: "webhooks"}
	it.raw("enabled", "true")
	it.set("secret", secret.Reveal())
	it.point("format", "webhookformats", thin)
	if len(of) == 0 {
		it.set("notificationUrl", address)
		it.point("topic", "webhooktopics", topic)
		_, err := c.do(ctx, http.MethodPost, "webhooks", nil, single(&it), adds, nil)
		return []string{"subscribed to " + topic}, err
	}
	first := of[0]
	it.id = first.ID
	if _, err := c.do(ctx, http.MethodPatch, "webhooks/"+first.ID, nil, single(&it), sets, nil); err != nil {
		return nil, err
	}
	if first.text("enabled") != "true" || first.one("format").ID != thin {
		done = append(done, "mended "+topic)
	}
	for _, extra := range of[1:] {
		if _, err := c.do(ctx, http.MethodDelete, "webhooks/"+extra.ID, nil, nil, sets, nil); err != nil && statusOf(err) != http.StatusNotFound {
			return done, err
		}
		done = append(done, "removed a second "+topic)
	}
	return done, nil
}
