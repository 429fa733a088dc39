package oro

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
)

// orderOrigins are read with each order.
var orderOrigins = []origin{
	{"orders", ""}, {"orderlineitems", "an order's lines"}, {"orderaddresses", "an order's addresses"},
	{"customers", "an order's customer"}, {"customergroups", "the group of an order's customer"},
	{"customerusers", "an order's user"}, {"paymentterms", "an order's payment term"},
}

// Check tries, step by step, what the bridge needs of the shop. See checkup.Shop.
func (c *Client) Check(ctx context.Context, need bridge.Needs) []bridge.Finding {
	k := &checking{Client: c}
	if !k.login(ctx) || !k.api(ctx) {
		return k.findings
	}
	k.permissions(ctx, need)
	for _, unit := range unique(need.Units) {
		k.has(ctx, units, unit)
	}
	for _, name := range unique(need.PriceLists) {
		k.has(ctx, priceListNames, name)
	}
	return k.findings
}

type checking struct {
	*Client
	findings []bridge.Finding
}

func (k *checking) add(f bridge.Finding) bool {
	f.Subject = "shop"
	k.findings = append(k.findings, f)
	return f.OK
}

// try files how a step ended.
func (k *checking) try(what, detail string, err error) bool {
	f := bridge.Finding{What: what, OK: err == nil, Detail: detail}
	if err != nil {
		f.Detail, f.Hint, f.Unreachable = err.Error(), bridge.HintOf(err), errors.Is(err, bridge.ErrUnreachable)
		if f.Unreachable && f.Hint == "" {
			f.Hint = "check oro.url, the network and the firewall from this machine; try the address in a browser"
		}
	}
	return k.add(f)
}

func (k *checking) login(ctx context.Context) bool {
	secure := "over TLS"
	if strings.HasPrefix(k.base, "http:") {
		secure = "without TLS: the secret can be read on the way"
	}
	_, err := k.tokens.get(ctx)
	return k.try("log in at "+k.tokens.url, "the shop gave a token, "+secure, err)
}

// api asks for something every back office has. An address that is not the API's answers with pages or 404.
func (k *checking) api(ctx context.Context) bool {
	_, err := k.get(ctx, "productunits", nil)
	if statusOf(err) == http.StatusForbidden {
		err = nil // the API it is; permissions follow
	}
	return k.try("find the API at "+k.base, "it answers as JSON:API", err)
}

func (k *checking) permissions(ctx context.Context, need bridge.Needs) {
	var resources []string
	fed, exported := make(map[string][]string), make(map[string][]string) // what each hides
	note := func(hidden map[string][]string, origins []origin) {
		for _, r := range origins {
			resources = append(resources, r.resource)
			if r.hides != "" && !slices.Contains(hidden[r.resource], r.hides) {
				hidden[r.resource] = append(hidden[r.resource], r.hides)
			}
		}
	}
	for _, e := range need.Entities {
		note(fed, described(e).reads)
	}
	if need.Orders {
		note(exported, orderOrigins)
	}
	if need.Feedback {
		note(fed, feedbackDescriptor.reads)
	}
	for _, r := range unique(resources) {
		_, err := k.get(ctx, r, nil) // the ten that it tells of itself: not every list takes page[size]
		if !k.try("read "+r, "allowed", err) && statusOf(err) == http.StatusForbidden {
			k.tellHidden(fed[r], exported[r])
		}
	}
	for _, e := range unique(need.Entities) {
		if check := described(e).check; check != nil {
			check(ctx, k)
		}
	}
}

// tellHidden says what a permission that is missing hides: the shop leaves it out of its answers without a word.
func (k *checking) tellHidden(fed, exported []string) {
	f := &k.findings[len(k.findings)-1]
	if len(fed) > 0 {
		f.Detail += "; without it " + strings.Join(fed, " and ") + " would look empty, so that a feed which carries it would " +
			"write it again and again"
	}
	if len(exported) > 0 {
		f.Detail += "; without it " + strings.Join(exported, " and ") + " would look empty, and would be missing from the ERP's files"
	}
}

// prices can be read for one list at a time only.
func (k *checking) prices(ctx context.Context) {
	lists, err := k.entries(ctx, priceListNames)
	if err != nil || len(lists) == 0 {
		k.try("read productprices", "there is no price list yet", err)
		return
	}
	_, err = k.get(ctx, "productprices", query{"filter[priceList]": sortedKeys(lists)[0], "page[size]": "1"})
	k.try("read productprices", "allowed", err)
}

// has looks for a name that the config mentions.
func (k *checking) has(ctx context.Context, kind listKind, name string) {
	what := fmt.Sprintf("find the %s %q that the config names", listings[kind].what, name)
	ids, err := k.named(ctx, kind, name)
	switch {
	case err != nil:
		k.try(what, "", err)
	case len(ids) == 1:
		k.add(bridge.Finding{What: what, OK: true, Detail: "id " + ids[0]})
	case len(ids) > 1:
		k.add(bridge.Finding{What: what, Detail: "the shop has it " + fmt.Sprint(len(ids)) + " times", Hint: "rename all but one in the shop"})
	default:
		k.add(bridge.Finding{What: what, Detail: "the shop has none",
			Hint: "add it in the shop, or correct the config; the shop has: " + k.offers(ctx, kind)})
	}
}

func (k *checking) offers(ctx context.Context, kind listKind) string {
	rows, err := k.entries(ctx, kind)
	if err != nil {
		return ""
	}
	var names []string
	for _, id := range sortedKeys(rows) {
		name, _ := k.shown(ctx, kind, id)
		names = append(names, name)
	}
	if len(names) > 20 {
		names = append(names[:20], "…")
	}
	return strings.Join(names, ", ")
}
