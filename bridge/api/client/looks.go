package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

// The longest page that the API gives, and the longest end of a list.
const (
	page    = 1000
	longest = 10_000
)

// nextPage is the query in a Link header, as the API writes it.
var nextPage = regexp.MustCompile(`^<\?([^>]*)>; rel="next"$`)

// walk reads a list page by page, from its first element on.
func walk[T any](ctx context.Context, b *Bridge, path string, q query, each func(T) error) error {
	q["limit"] = page
	for r := (request{method: http.MethodGet, path: path, query: q}); ; {
		var all []T
		header, err := answer(ctx, b, r, &all)
		if err != nil {
			return err
		}
		for _, v := range all {
			if err := each(v); err != nil {
				return err
			}
		}
		next := nextPage.FindStringSubmatch(header.Get("Link"))
		if next == nil {
			return nil
		}
		asked, err := url.ParseQuery(next[1])
		if err != nil || len(all) == 0 || r.query["after"] == asked.Get("after") {
			return b.trouble(fmt.Errorf("its list has no next page, and says that it has"), "compare the two versions: orobridge version")
		}
		r.query["after"] = asked.Get("after")
	}
}

// list reads the last so many of a list; 0: all.
func list[T any](ctx context.Context, b *Bridge, path string, q query, last int) ([]T, error) {
	if last > 0 && last <= longest {
		q["last"] = last
		return ask[[]T](ctx, b, path, q)
	}
	all := []T{}
	err := walk(ctx, b, path, q, func(v T) error {
		if all = append(all, v); last > 0 && len(all) == 2*last {
			all = append(all[:0], all[last:]...)
		}
		return nil
	})
	if last > 0 && len(all) > last {
		all = all[len(all)-last:]
	}
	return all, err
}

// Status implements [operate.Looker].
func (b *Bridge) Status(ctx context.Context) (*operate.Status, error) {
	return ask[*operate.Status](ctx, b, "/status", nil)
}

// Drops implements [operate.Looker].
func (b *Bridge) Drops(ctx context.Context, f bridge.DropFilter) ([]operate.Drop, error) {
	return list[operate.Drop](ctx, b, "/drops", query{"feed": f.Feed, "state": words(f.States), "from": f.From, "to": f.To}, f.Last)
}

// DropDetails implements [operate.Looker].
func (b *Bridge) DropDetails(ctx context.Context, drop int64, rows bool) (*operate.DropDetails, error) {
	return ask[*operate.DropDetails](ctx, b, fmt.Sprintf("/drops/%d", drop), query{"rows": rows})
}

// PlanDrop implements [operate.Planner]. What the options want to be told of single rows stands in the plan alone.
func (b *Bridge) PlanDrop(ctx context.Context, drop int64, o operate.PlanOptions) (*operate.Plan, error) {
	return ask[*operate.Plan](ctx, b, fmt.Sprintf("/drops/%d/plan", drop), query{"live": o.Live})
}

// Rejects implements [operate.Looker].
func (b *Bridge) Rejects(ctx context.Context, f bridge.RejectFilter) ([]operate.KeptReject, error) {
	return list[operate.KeptReject](ctx, b, "/rejects", query{"drop": f.Drop, "feed": f.Feed, "all": !f.Open}, f.Last)
}

// Causes implements [operate.Looker].
func (b *Bridge) Causes(ctx context.Context, f bridge.RejectFilter) ([]operate.Cause, error) {
	return ask[[]operate.Cause](ctx, b, "/causes", query{"drop": f.Drop, "feed": f.Feed, "all": !f.Open})
}

// Parked implements [operate.Looker].
func (b *Bridge) Parked(ctx context.Context, feed string, n int) (all []operate.Parked, more bool, err error) {
	all, err = ask[[]operate.Parked](ctx, b, "/parked", query{"feed": feed})
	if more = n > 0 && len(all) > n; more {
		all = all[:n]
	}
	return all, more, err
}

// Orders implements [operate.Looker].
func (b *Bridge) Orders(ctx context.Context, f bridge.OutboxFilter) ([]operate.Order, error) {
	return list[operate.Order](ctx, b, "/orders", query{"export": f.Export, "order": f.Order, "state": words(f.States), "customer": f.Customer,
		"from": f.From, "to": f.To, "alarmed": f.Alarmed}, f.Last)
}

// OrderDetails implements [operate.Looker].
func (b *Bridge) OrderDetails(ctx context.Context, word string) ([]operate.OrderDetails, error) {
	return ask[[]operate.OrderDetails](ctx, b, "/orders/"+url.PathEscape(word), nil)
}

// Trace implements [operate.Looker].
func (b *Bridge) Trace(ctx context.Context, entity, key string) (*operate.Trace, error) {
	all, err := ask[[]*operate.Trace](ctx, b, "/trace", query{"entity": entity, "key": key})
	if err != nil {
		return nil, err
	}
	if len(all) != 1 || all[0] == nil {
		return nil, b.trouble(fmt.Errorf("it answers with %d traces of one key", len(all)), "compare the two versions: orobridge version")
	}
	return all[0], nil
}

// TraceAll implements [operate.Looker].
func (b *Bridge) TraceAll(ctx context.Context, word string) (all []*operate.Trace, more bool, err error) {
	header, err := answer(ctx, b, request{method: http.MethodGet, path: "/trace", query: query{"key": word}}, &all)
	return all, header.Get("Orobridge-More") == "true", err
}

// Events implements [operate.Looker].
func (b *Bridge) Events(ctx context.Context, f bridge.EventFilter, each func(operate.Event) error) error {
	q := query{"drop": f.Drop, "order": f.Order, "since": f.Since}
	if f.Last == 0 {
		return walk(ctx, b, "/events", q, each)
	}
	all, err := list[operate.Event](ctx, b, "/events", q, f.Last)
	for _, e := range all {
		if err := each(e); err != nil {
			return err
		}
	}
	return err
}

// WouldResend implements [operate.Looker].
func (b *Bridge) WouldResend(ctx context.Context, order, export string, from, to time.Time) ([]operate.Order, error) {
	d := &Desk{Bridge: b}
	if order != "" {
		return decide[[]operate.Order](ctx, d, resendPath(order), body{"export": export, "dry_run": true}, "")
	}
	return decide[[]operate.Order](ctx, d, "/resend", body{"export": export, "from": from, "to": to, "dry_run": true}, "")
}
