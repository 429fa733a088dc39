package oro

import (
	"context"
	"errors"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

var feedbackDescriptor = descriptor{
	entity: formats.OrderFeedback,
	reads:  []origin{{"orders", ""}, {"ordershippingtrackings", "an order's trackings"}},
}

// feedbackQuery asks for what an ERP's answer may change.
var feedbackQuery = query{
	"fields[orders]":                 "identifier,externalId,status,internalStatus,shippingStatus,shippingTrackings",
	"include":                        "shippingTrackings",
	"fields[ordershippingtrackings]": "method,number",
}

// feedback writes what an ERP answers into orders.
type feedback struct {
	*api
	names *directory
}

// ApplyFeedback writes an ERP's answer into its order. See inbound.Shop.
//
// What holds already is not written, so the same answer twice changes nothing. The shop's internal status is read-only: a
// request that sets it is answered with 200 and does nothing. It is never asked to; the answer tells what it holds. The
// order status can be set only where the shop has external status management switched on, which shows in its list of
// order statuses: without it that list is empty.
func (c feedback) ApplyFeedback(ctx context.Context, rec *formats.Record, comment string) (bridge.Answer, error) {
	order, trackings, err := c.orderToAnswer(ctx, rec.Key)
	if err != nil || order == nil {
		return bridge.Answer{Outcome: bridge.Outcome{Missing: &bridge.Missing{Entity: "orders", Key: rec.Key}}}, err
	}
	a := bridge.Answer{Outcome: bridge.Outcome{OroID: order.ID}, InternalStatus: order.one("internalStatus").ID}
	it := item{kind: "orders", id: order.ID}
	if text, ok := rec.Get("erp_order_number"); ok {
		_, kept := order.attribute(externalID)
		switch {
		case !kept:
			a.Left = append(a.Left, bridge.Left{Field: "erp_order_number",
				Why: "the shop has no place for it: externalId comes with 6.1.10 and 7.0.2"})
		case utf8.RuneCountInString(text) > maxExternalID:
			a.Left = append(a.Left, bridge.Left{Field: "erp_order_number", Why: "the shop stores at most 36 characters"})
		case note(&a, "erp_order_number", order.text("externalId") == text):
			it.set("externalId", text)
		}
	}
	if text, ok := rec.Get("shipping_status"); ok && text != "" && note(&a, "shipping_status", order.one("shippingStatus").ID == text) {
		it.point("shippingStatus", "ordershippingstatuses", text)
	}
	if err := c.orderStatus(ctx, rec, order, &it, &a); err != nil {
		return a, err
	}
	if !it.empty() {
		if err := c.writeOrder(ctx, rec, &it, &a); err != nil || a.Reject != nil {
			return a, err
		}
	}
	if err := c.tracking(ctx, rec, order.ID, trackings, &a); err != nil || a.Reject != nil {
		return a, err
	}
	return a, c.comment(ctx, rec, order.ID, comment, &a)
}

// note files a field under what holds already or under what is set, and says whether it must be written.
func note(a *bridge.Answer, field string, holds bool) bool {
	if holds {
		a.Same = append(a.Same, field)
		return false
	}
	a.Set = append(a.Set, field)
	return true
}

func (c feedback) orderToAnswer(ctx context.Context, identifier string) (*resource, resources, error) {
	if !listable(identifier) {
		return nil, nil, nil
	}
	doc, err := c.get(ctx, "orders", feedbackQuery.with("filter[identifier]", identifier))
	if err != nil {
		return nil, nil, err
	}
	included := index(doc.Included)
	for i := range doc.Data {
		if r := &doc.Data[i]; r.text("identifier") == identifier {
			var list resources
			for _, to := range r.many("shippingTrackings") {
				if t := included[to]; t != nil {
					list = append(list, *t)
				}
			}
			return r, list, nil
		}
	}
	return nil, nil, nil
}

// orderStatus sets the status where the shop lets it be set.
func (c feedback) orderStatus(ctx context.Context, rec *formats.Record, order *resource, it *item, a *bridge.Answer) error {
	text, ok := rec.Get("status")
	if !ok || text == "" {
		return nil
	}
	ids, err := c.names.named(ctx, orderStatuses, text)
	if err != nil {
		return err
	}
	rows, err := c.names.entries(ctx, orderStatuses)
	switch {
	case err != nil:
		return err
	case len(rows) == 0:
		a.Left = append(a.Left, bridge.Left{Field: "status",
			Why: "the shop keeps it to itself: external status management is off (System > Configuration > Commerce > Orders)"})
	case len(ids) != 1:
		a.Left = append(a.Left, bridge.Left{Field: "status", Why: "the shop has no order status " + text + ": map the value to one it has"})
	case note(a, "status", order.one("status").ID == ids[0]):
		it.point("status", string(orderStatuses), ids[0])
	}
	return nil
}

// writeOrder sets what differs. A refusal of this order is the answer's own fault; trouble is trouble.
func (c feedback) writeOrder(ctx context.Context, rec *formats.Record, it *item, a *bridge.Answer) error {
	_, err := c.do(ctx, http.MethodPatch, "orders/"+it.id, nil, single(it), sets, nil)
	if statusOf(err) == http.StatusForbidden && slices.Contains(atTheirEnd, a.InternalStatus) {
		for _, field := range a.Set {
			a.Left = append(a.Left, bridge.Left{Field: field, Why: "the order is " + a.InternalStatus + ", and the shop lets nobody change it then"})
		}
		a.Set = nil
		return nil
	}
	return c.answerRefused(rec, a, err)
}

// atTheirEnd are the internal statuses of orders that nobody may change (EditOrderVoter of OrderBundle). Parcels may be added.
var atTheirEnd = []string{"closed", "cancelled"}

func (c feedback) answerRefused(rec *formats.Record, a *bridge.Answer, err error) error {
	var s *statusError
	switch {
	case errors.As(err, &s) && s.status == http.StatusBadRequest:
		a.Outcome = bridge.Outcome{Reject: reject(rec, "", formats.CodeShop, "the shop refused it: %s", joinWords(s.errors))}
		a.Set = nil
		return nil
	case statusOf(err) == http.StatusNotFound:
		a.Outcome = bridge.Outcome{Missing: &bridge.Missing{Entity: "orders", Key: rec.Key}}
		a.Set = nil
		return nil
	}
	return err
}

// anyCarrier stands for the carrier of a parcel that the ERP does not name: the shop refuses one without.
const anyCarrier = "other"

// tracking adds a parcel unless the order has it. The order's own list is not written: it would lose the others.
func (c feedback) tracking(ctx context.Context, rec *formats.Record, id string, has resources, a *bridge.Answer) error {
	number, _ := rec.Get("tracking_number")
	method, _ := rec.Get("tracking_method")
	if number == "" {
		return nil
	}
	if method == "" {
		method = anyCarrier
	}
	same := slices.ContainsFunc(has, func(t resource) bool { return t.text("number") == number && t.text("method") == method })
	if !note(a, "tracking_number", same) {
		return nil
	}
	it := item{kind: "ordershippingtrackings"}
	it.set("method", method)
	it.set("number", number)
	it.points("orders", refs{{"orders", id}})
	_, err := c.do(ctx, http.MethodPost, "ordershippingtrackings", nil, single(&it), adds, nil)
	return c.answerRefused(rec, a, err)
}

// comment adds a note to the order unless it has the same one. Notes are HTML in the shop. A user who may not see or write
// notes, and a shop without them, leave the comment out.
func (c feedback) comment(ctx context.Context, rec *formats.Record, id, text string, a *bridge.Answer) error {
	if text == "" {
		return nil
	}
	has, err := c.whole(ctx, "orders/"+id+"/activityNotes", nil)
	if err == nil {
		same := func(n resource) bool { return plainText(n.text("message")) == plainText(html.EscapeString(text)) }
		if !note(a, "message", slices.ContainsFunc(has.Data, same)) {
			return nil
		}
		it := item{kind: "notes"}
		it.set("message", strings.ReplaceAll(html.EscapeString(text), "\n", "<br>"))
		it.points("activityTargets", refs{{"orders", id}})
		_, err = c.do(ctx, http.MethodPost, "notes", nil, single(&it), adds, nil)
	}
	switch statusOf(err) {
	case http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		a.Set = slices.DeleteFunc(a.Set, func(field string) bool { return field == "message" })
		a.Left = append(a.Left, bridge.Left{Field: "message", Why: "the shop's user may not see and write notes on orders"})
		return nil
	}
	return c.answerRefused(rec, a, err)
}

var tags = regexp.MustCompile(`<[^>]*>`)

// plainText is what a note says without its markup, blanks taken together: a shop cleans the HTML that it is given.
func plainText(note string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(note, " "))), " ")
}

// single is the document of one item.
func single(it *item) []byte {
	return append(it.append([]byte(`{"data":`)), '}')
}
