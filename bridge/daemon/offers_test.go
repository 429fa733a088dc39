package daemon_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// A shop that says what it offers as a test wants it.
type shop struct {
	mu    sync.Mutex
	has   bridge.Capabilities
	asked int
	used  []bridge.Capabilities
	err   error
}

func (s *shop) Probe(context.Context) (bridge.Capabilities, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return s.has, s.err
}

func (s *shop) Use(c bridge.Capabilities) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = append(s.used, c)
}

func (s *shop) change(how func(*bridge.Capabilities)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	how(&s.has)
}

var all = bridge.Capabilities{ExternalID: true, ExtID: true, Webhooks: true, Kits: true, Statuses: true, Topics: []string{"order.created"}}

func TestWhatTheShopOffersIsAskedOnceADay(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FiveFeeds)
	s := &shop{has: all}
	w.B.Shop = s
	w.Round()
	w.Tick(time.Hour)
	w.Round()
	w.Close() // the next process takes it over from the ledger
	w.Open()
	w.B.Shop = s
	w.Round()
	if s.asked != 1 || len(s.used) != 3 || !s.used[2].Kits {
		t.Errorf("asked %d times, used %+v", s.asked, s.used)
	}
	w.Tick(25 * time.Hour)
	s.change(func(c *bridge.Capabilities) { c.Topics = append(c.Topics, "order.updated") })
	w.Round()
	if s.asked != 2 || len(s.used[3].Topics) != 2 {
		t.Errorf("asked %d times after a day, used %+v", s.asked, s.used[3])
	}
	if !strings.Contains(w.Log.String(), "the shop now offers webhook topic order.updated") {
		t.Errorf("what was gained is not told:\n%s", w.Log)
	}
}

// A verb that somebody waits for takes over what is noted of the last day, and never asks.
func TestASinglePieceOfWorkRecallsWhatTheShopOffers(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FiveFeeds)
	s := &shop{has: all}
	w.B.Shop = s
	w.Must(w.B.Recall(t.Context()))
	if len(s.used) != 0 {
		t.Errorf("nothing is noted, used %+v", s.used)
	}
	w.Round()
	w.Close()
	w.Open()
	w.B.Shop = s
	w.Must(w.B.Recall(t.Context()))
	if s.asked != 1 || len(s.used) != 2 || !s.used[1].Kits {
		t.Errorf("asked %d times, used %+v", s.asked, s.used)
	}
	w.Tick(25 * time.Hour)
	w.Must(w.B.Recall(t.Context()))
	if s.asked != 1 || len(s.used) != 2 {
		t.Errorf("of another day: asked %d times, used %+v", s.asked, s.used)
	}
}

func TestALostCapabilityPausesWhatReliesOnIt(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FiveFeeds, orotest.Seed(orotest.Sample))
	s := &shop{has: all}
	w.B.Shop = s
	w.Round()
	w.Tick(25 * time.Hour)
	s.change(func(c *bridge.Capabilities) { c.ExternalID, c.ExtID = false, false })
	w.DropAll("1")
	w.Submit("O-1")
	files := len(w.There())
	for range 2 { // it is missed after a start, too
		err := w.B.Round(t.Context())
		if err == nil || !strings.Contains(err.Error(), "feed customers: use shop: it no longer offers externalId") ||
			!strings.Contains(err.Error(), "export orders: use shop: it no longer offers externalId") {
			t.Fatalf("%v", err)
		}
		if bridge.FateOf(err) != bridge.Pause || !strings.Contains(bridge.HintOf(err), "orobridge check") {
			t.Errorf("%v, hint %q", bridge.FateOf(err), bridge.HintOf(err))
		}
		w.Close()
		w.Open()
		w.B.Shop = s
	}
	if drops, err := w.Ledger.Drops(t.Context(), bridge.DropFilter{Feed: "customers"}); err != nil || len(drops) != 1 || drops[0].State == bridge.Loaded {
		t.Errorf("customers were loaded: %+v, %v", drops, err)
	}
	if d, _ := w.Last("prices"); d.State != bridge.Loaded {
		t.Errorf("prices rely on nothing that is lost, and are %s: %s", d.State, d.Reason)
	}
	if got := len(w.There()); got != files {
		t.Errorf("%d files of orders more", got-files)
	}
	// A person takes the shop as it is.
	now := s.has
	now.Probed = w.Clock.Now()
	w.Must(w.Ledger.Note(t.Context(), bridge.OffersNote, now.Note()))
	w.Round()
	if d, _ := w.Last("customers"); d.State != bridge.Loaded {
		t.Errorf("customers are %s: %s", d.State, d.Reason)
	}
	if !strings.Contains(w.Outbox(), "O-1 v1") {
		t.Errorf("the outbox is\n%s", w.Outbox())
	}
}

func TestABridgeAsksAtItsStartAndGoesOnWhenTheShopIsWhole(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FiveFeeds)
	s := &shop{has: all}
	w.B.Shop = s
	w.Round()
	s.change(func(c *bridge.Capabilities) { c.Kits = false })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var seen []string
	w.Events.Observe(func(e *bridge.Event) {
		if e.Work != "export orders" {
			return
		}
		seen = append(seen, string(e.Kind))
		switch e.Kind {
		case bridge.WorkPaused:
			s.change(func(c *bridge.Capabilities) { c.Kits = true })
		case bridge.WorkResumed:
			cancel()
		}
	})
	w.Must(w.B.Run(ctx))
	if len(seen) < 2 || seen[0] != string(bridge.WorkPaused) || !slices.Contains(seen, string(bridge.WorkResumed)) {
		t.Errorf("%q\n%s", seen, w.Log)
	}
}
