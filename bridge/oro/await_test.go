package oro

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge/config"
)

func TestAnOperationIsAskedForWhenItMayHaveEnded(t *testing.T) {
	const ended = `{"data":{"type":"asyncoperations","id":"7","attributes":{"status":"success"}}}`
	shop, now, ends := &saying{}, time.Date(2026, 11, 21, 7, 0, 0, 0, time.UTC), time.Time{}
	at := func(to time.Time) {
		now, shop.body = to, ended
		if now.Before(ends) {
			shop.body = strings.Replace(ended, "success", "running", 1)
		}
	}
	c, err := New(config.Shop{URL: "https://shop.example.com", ClientID: "demo", ClientSecret: "demo"}, Options{Transport: shop,
		Now: func() time.Time { return now }, Sleep: func(ctx context.Context, d time.Duration) error {
			at(now.Add(d))
			return ctx.Err()
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.tokens.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		what    string
		records int
		takes   time.Duration
		asks    int64
		late    time.Duration
	}{
		{"the first, of which nobody knows", 500, 2 * time.Second, 11, time.Second},
		{"one that takes as long", 500, 2 * time.Second, 3, 600 * time.Millisecond},
		{"a shop that stands still", 500, time.Minute, 22, lastPoll},
		{"which is not waited for as long again", 500, 2 * time.Second, 1, time.Second},
		{"a shop that is faster now", 500, 100 * time.Millisecond, 1, 1200 * time.Millisecond},
		{"and that is believed", 500, 100 * time.Millisecond, 1, 600 * time.Millisecond},
		{"a single record", 1, 5 * time.Millisecond, 3, 5 * time.Millisecond},
		{"many after a single one, whose time is all that is known", 500, 2 * time.Second, 11, 2 * time.Second},
	} {
		begun, before := now, c.Requests()
		ends = begun.Add(step.takes)
		at(begun)
		if _, err := c.await(t.Context(), "7", begun, step.records); err != nil {
			t.Fatal(err)
		}
		if asks, late := c.Requests()-before, now.Sub(ends); asks > step.asks || late > step.late {
			t.Errorf("%s: it is asked for %d times, and told %v after its end", step.what, asks, late)
		}
	}
}
