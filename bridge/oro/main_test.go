package oro

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if list := made.Unrecorded(requestsList); code == 0 && len(list) > 0 {
		fmt.Printf("FAIL: no real shop is known to answer:\n%s\n", strings.Join(list, "\n"))
		code = 1
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Println("FAIL:", err)
		code = 1
	}
	os.Exit(code)
}

// testSecret is long enough for the signature of webhooks.
const testSecret bridge.Secret = "0123456789abcdef0123456789abcdef"

// newShop starts a shop in a box and a client for it that never sleeps long.
func newShop(t testing.TB, opts ...orotest.Option) (*orotest.Shop, *Client) {
	t.Helper()
	return newShopWith(t, config.Shop{}, Options{}, append([]orotest.Option{orotest.Seed(orotest.Sample)}, opts...)...)
}

func newShopWith(t testing.TB, cfg config.Shop, opt Options, opts ...orotest.Option) (*orotest.Shop, *Client) {
	t.Helper()
	shop := orotest.New(opts...)
	if err := shop.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	cfg.URL, cfg.ClientID, cfg.ClientSecret = shop.URL(), cmp.Or(cfg.ClientID, "demo"), cmp.Or(cfg.ClientSecret, "demo")
	if opt.Sleep == nil {
		opt.Sleep = func(ctx context.Context, d time.Duration) error { return sleep(ctx, min(d, 2*time.Millisecond)) }
	}
	if opt.Transport == nil {
		opt.Transport = noting{newTransport(4)}
	}
	c, err := New(cfg, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		if err := shop.Close(); err != nil {
			t.Error(err)
		}
	})
	return shop, c
}

// record builds a record of fields and texts in turn.
func record(e *formats.Entity, key string, values ...string) *formats.Record {
	rec := &formats.Record{Entity: e, Key: key, Pos: formats.Position{Line: 2}}
	for i := 0; i+1 < len(values); i += 2 {
		rec.Values = append(rec.Values, formats.Value{Field: values[i], Text: values[i+1]})
	}
	slices.SortFunc(rec.Values, func(a, b formats.Value) int { return strings.Compare(a.Field, b.Field) })
	return rec
}

// find looks one record up.
func find(t testing.TB, c *Client, rec *formats.Record) bridge.Lookup {
	t.Helper()
	answers, err := c.Find(t.Context(), rec.Entity, []*formats.Record{rec})
	if err != nil {
		t.Fatal(err)
	}
	return answers[0]
}

// plan does in small what the bridge does: it looks records up and makes changes of what differs.
func plan(t testing.TB, c *Client, records ...*formats.Record) *bridge.Batch {
	t.Helper()
	answers, err := c.Find(t.Context(), records[0].Entity, records)
	if err != nil {
		t.Fatal(err)
	}
	b := &bridge.Batch{Entity: records[0].Entity.Name}
	for i, rec := range records {
		switch found := answers[i].Found; {
		case answers[i].Reject != nil || answers[i].Missing != nil:
			t.Fatalf("%s: %+v", rec.Key, answers[i])
		case found == nil:
			b.Changes = append(b.Changes, &bridge.Change{Op: bridge.Create, Key: rec.Key, Values: rec.Values, Record: rec})
		default:
			var differ []formats.Value
			for j, v := range rec.Values {
				if found.Values[j] != v {
					differ = append(differ, v)
				}
			}
			if len(differ) > 0 {
				b.Changes = append(b.Changes, &bridge.Change{Op: bridge.Update, Key: rec.Key, OroID: found.OroID, Values: differ, Record: rec})
			}
		}
	}
	return b
}

// send submits a batch and waits for it.
func send(t testing.TB, c *Client, b *bridge.Batch) []bridge.Outcome {
	t.Helper()
	var refused map[int]bridge.Outcome
	var err error
	if b.Operation, refused, err = c.Submit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	outcomes, err := c.Await(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range refused {
		outcomes[i] = o
	}
	return outcomes
}

// load brings records to the shop, and checks that the shop then holds what they say.
func load(t testing.TB, c *Client, records ...*formats.Record) []bridge.Outcome {
	t.Helper()
	outcomes := send(t, c, plan(t, c, records...))
	for i, o := range outcomes {
		if o.OroID == "" {
			t.Fatalf("change %d: %s", i, show(o))
		}
	}
	if left := plan(t, c, records...); len(left.Changes) > 0 {
		for _, ch := range left.Changes {
			t.Errorf("after the load %s %s still differs in %v", ch.Op, ch.Key, ch.Values)
		}
	}
	return outcomes
}

func show(o bridge.Outcome) string {
	switch {
	case o.Reject != nil:
		return "reject " + o.Reject.Code + " " + o.Reject.Field + ": " + o.Reject.Message
	case o.Missing != nil:
		return "missing " + o.Missing.Entity + " " + o.Missing.Key
	case o.Unknown:
		return "unknown"
	}
	return "id " + o.OroID
}

// writes counts the requests of the journal that could change something.
func writes(shop *orotest.Shop, path string) int {
	n := 0
	for _, r := range shop.Journal() {
		if r.Method != http.MethodGet && strings.HasPrefix(r.Path, path) {
			n++
		}
	}
	return n
}

func debugLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// byHand does what a person does in the shop: none of the bridge's own requests.
func (c *Client) byHand(t testing.TB, method, path string, body []byte) error {
	t.Helper()
	token, err := c.tokens.get(t.Context())
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(t.Context(), method, c.base+"/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = http.Header{"Accept": {mediaType}, "Content-Type": {mediaType}, "Authorization": {"Bearer " + token}}
	plain := newTransport(1)
	defer plain.CloseIdleConnections()
	resp, err := plain.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}
