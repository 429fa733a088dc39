// Package oro is the bridge's shop: an OroCommerce back office reached through its JSON:API.
//
// Contract. A [Client] is what inbound, outbound, daemon and operate call a Shop, and is safe for concurrent use. Reading
// and setting by id are repeated when the shop stumbles; a request that may create something is never sent twice unless it
// is certain that the shop did not take the first one. Every error is a *[bridge.Error] with a fate. Secrets and tokens are
// never part of an error or a log line.
//
// Limits. The client keeps in memory: one token, the shop's small lists (units, groups, categories, …), and at most twice
// [skuCacheSize] ids of products. Answers are bounded by [maxAnswer], look-ups by [keysPerLookup] and [bytesPerLookup].
//
// What it knows of the shop was seen on OroCommerce 6.1.11 and read in the sources of oroinc/platform,
// oroinc/customer-portal and oroinc/orocommerce; comments say which where it matters.
//
// One file per entity (customers.go, products.go, …) holds how that entity is looked up, compared and written.
package oro

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// Options are what a Client needs beside the config. The zero value works.
type Options struct {
	// Log gets one line per request at debug level. It may be nil.
	Log *slog.Logger
	// Watch is called as a request begins, and what it returns at its end with the status, 0 for no answer. It may be nil.
	Watch func() (ended func(status int))
	// Transport makes the connections; nil for one of the client's own.
	Transport http.RoundTripper
	// Now and Sleep are the clock, for tests. Sleep returns the context's error when it ends first.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
}

// Client is a connection to one shop, made of what there is to do with one. Its methods are those of its parts.
type Client struct {
	*api
	*directory // what the shop calls things: its lists, countries and regions, attributes of its own
	*offers    // what this shop can do
	*batches   // records, looked up and written in bulk
	orders     // what was ordered
	feedback   // what the ERP answers to an order
	webhooks   // how the shop tells of orders
}

// A descriptor is what the client knows of an entity. Each stands in the entity's own file.
type descriptor struct {
	entity *formats.Entity
	reads  []origin
	writes []string // resources that its batches go to
	// open makes what looks records up and writes them; nil for what goes in no batch.
	open func(*Client) entity
	// check tries what reading the resources alone does not show; it may be nil.
	check func(ctx context.Context, k *checking)
}

// An origin is a resource that records are read from. Where the API's user may not view it, the shop says so only to who asks for
// the resource itself; in others' answers it leaves it out as if nothing were there.
type origin struct {
	resource string
	hides    string // what then looks empty
}

// descriptors are all entities: a new one is a file and a line here.
var descriptors = []descriptor{customerDescriptor, customerUserDescriptor, productDescriptor, priceListDescriptor, priceDescriptor,
	inventoryDescriptor, feedbackDescriptor}

// described finds the descriptor of an entity by its name.
func described(name string) descriptor {
	for _, d := range descriptors {
		if d.entity.Name == name {
			return d
		}
	}
	return descriptor{}
}

// An entity is how one kind of record is looked up, compared and written.
type entity interface {
	// find answers for each record, in order.
	find(ctx context.Context, records []*formats.Record) ([]bridge.Lookup, error)
	// all walks the shop's records.
	all(ctx context.Context, fields []string, each func(key string, found bridge.Found) error) error
	// encode turns changes into the parts of a batch; what can't be sent is refused by its index.
	encode(ctx context.Context, changes []*bridge.Change) (*bundle, error)
	// ids finds what the shop holds under keys; more than one id means that the shop's key is not unique.
	ids(ctx context.Context, keys []string) (map[string][]string, error)
	// names tells the keys that the records behind the links' ids have now, in the ledger's form, by id. An id that is not the
	// shop's has none.
	names(ctx context.Context, links []bridge.Identity) (map[string][]string, error)
	// parent names the record that a relationship of a change points to, nil when it points to no record of a feed.
	parent(ch *bridge.Change, relationship string) *bridge.Missing
	// field is the canonical field that an attribute or relationship of the shop stands for.
	field(name string) string
}

// An entity whose keys the shop takes as the same in any case, but finds only as they are written, tells for keys that it
// does not find those that it has in other case.
type caseBlind interface {
	otherCase(ctx context.Context, names []string) (map[string]string, error)
}

// New prepares a client. It makes no request. What the config leaves out has its default.
func New(cfg config.Shop, opt Options) (*Client, error) {
	config.Defaults(&cfg)
	root, err := url.Parse(strings.TrimRight(cfg.URL, "/"))
	if err != nil || root.Host == "" || (root.Scheme != "https" && root.Scheme != "http") {
		return nil, &bridge.Error{
			Op: "read", Object: "oro.url", Fate: bridge.Stop, Err: errors.New("not an http or https address"),
			Hint: "write it as https://shop.example.com",
		}
	}
	if root.Scheme == "http" && !cfg.Insecure && !loopback(root.Hostname()) {
		return nil, &bridge.Error{
			Op: "read", Object: "oro.url", Fate: bridge.Stop,
			Err:  errors.New("http to another machine: the client's secret and all orders could be read on the way"),
			Hint: "write https://, or oro.insecure: true where the way is safe",
		}
	}
	transport := opt.Transport
	if transport == nil {
		own := newTransport(cfg.InFlight)
		if own.TLSClientConfig, err = tlsOf(cfg); err != nil {
			return nil, err
		}
		transport = own
	}
	web := &api{
		base:        root.String() + "/" + strings.Trim(cfg.APIPath, "/"),
		inFlight:    cfg.InFlight,
		customerKey: cmp.Or(cfg.CustomerKey, externalID),
		log:         opt.Log,
		watch:       opt.Watch,
		now:         opt.Now,
		sleep:       opt.Sleep,
	}
	if web.log == nil {
		web.log = slog.New(slog.DiscardHandler)
	}
	if web.watch == nil {
		web.watch = func() func(int) { return func(int) {} }
	}
	if web.now == nil {
		web.now = time.Now
	}
	if web.sleep == nil {
		web.sleep = sleep
	}
	web.connect(cfg, root.String(), transport)
	names := &directory{api: web, lists: newLists()}
	can := &offers{api: web, names: names}
	c := &Client{
		api: web, directory: names, offers: can,
		batches: &batches{api: web, settle: cfg.Settle.D(), skus: newCache(skuCacheSize), entities: make(map[string]entity)},
		orders:  orders{web, can}, feedback: feedback{web, names}, webhooks: webhooks{web},
	}
	for _, d := range descriptors {
		if d.open != nil {
			c.entities[d.entity.Name] = d.open(c)
		}
	}
	return c, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func reject(ch *formats.Record, field, code, format string, args ...any) *formats.Reject {
	if ch == nil {
		ch = new(formats.Record) // what is asked is only whether
	}
	return &formats.Reject{Pos: ch.Pos, Key: ch.Key, Field: field, Code: code, Message: bounded(fmt.Sprintf(format, args...))}
}

// maxMessage is the most bytes that are kept of what the shop says about a row: it names each of a thousand columns that it does not know,
// for every row.
const maxMessage = 500

func bounded(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	return bridge.Shorten(message, maxMessage) + "…"
}
