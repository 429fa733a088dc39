package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/daemon"
)

// porch is a folder that says to be a server; a test says what partners do there.
type porch struct {
	bridge.Remote
	tell    func(*bridge.Event)
	serving chan struct{}
	taken   atomic.Int32 // how often the address is still somebody else's
}

var _ bridge.Server = (*porch)(nil)

func (p *porch) Observe(tell func(*bridge.Event)) { p.tell = tell }

func (p *porch) Listen(context.Context) error {
	if p.taken.Add(-1) >= 0 {
		return &bridge.Error{Op: "listen", Object: p.Address(), Fate: bridge.Stop, Err: errors.New("somebody else listens there")}
	}
	return nil
}

func (p *porch) Address() string { return "127.0.0.1:22" }

func (p *porch) Serve(ctx context.Context) error {
	close(p.serving)
	<-ctx.Done()
	return nil
}

// did tells n events of a partner, or of a stranger.
func (p *porch) did(n int, kind bridge.EventKind, user, address, session string) {
	for i := range n {
		e := &bridge.Event{At: dawn.Add(time.Duration(i) * time.Second), Kind: kind, Text: fmt.Sprint(i),
			Visit: &bridge.Visit{Remote: "disk", User: user, Address: address, Session: session}}
		if session != "" && kind == bridge.FileUploaded {
			e.File, e.Bytes = fmt.Sprintf("/a/%d.csv", i), 10
		}
		p.tell(e)
	}
}

var dawn = time.Date(2026, 3, 1, 5, 0, 0, 0, time.UTC)

// hourly is a clock on which an hour passes when a test says so, and what is shorter at once.
type hourly struct{ hour chan struct{} }

func (hourly) Now() time.Time { return dawn }

func (h hourly) Wait(ctx context.Context, d time.Duration) error {
	if d < time.Hour {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-h.hour:
		return nil
	}
}

// served is a bridge whose folder is a porch that is served until stop is called.
func served(t *testing.T, w *bridgetest.World, ledger func(daemon.Ledger) daemon.Ledger) (p *porch, clock hourly, stop func()) {
	p, clock = &porch{Remote: w.B.In.Remotes["disk"], serving: make(chan struct{})}, hourly{make(chan struct{})}
	w.Replace(p)
	w.B.Clock = clock
	if ledger != nil {
		w.B.Ledger = ledger(w.B.Ledger)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.B.Serve(ctx) }()
	<-p.serving
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return p, clock, stop
}

// journaled is the journal of what partners did, by kind and number of events that are told.
func journaled(w *bridgetest.World) (events []*bridge.Event) {
	w.Must(w.Ledger.Events(context.Background(), bridge.EventFilter{Visits: true}, func(e *bridge.Event) error {
		events = append(events, e)
		return nil
	}))
	return events
}

// TestWhatPartnersDoIsInTheJournal in the order in which they did it, and all of it once the servers have ended.
func TestWhatPartnersDoIsInTheJournal(t *testing.T) {
	w := bridgetest.NewWorld(t, onceAnHour)
	var heard []bridge.EventKind
	w.Events.Observe(func(e *bridge.Event) { heard = append(heard, e.Kind) })
	p, _, stop := served(t, w, nil)
	p.did(1, bridge.SessionBegan, "sap", "10.0.0.1", "s1")
	p.did(3000, bridge.FileUploaded, "sap", "10.0.0.1", "s1")
	p.did(1, bridge.SessionEnded, "sap", "10.0.0.1", "s1")
	stop()
	events := journaled(w)
	if len(events) != 3002 || len(heard) != 3002 {
		t.Fatalf("%d events, %d heard", len(events), len(heard))
	}
	want := &bridge.Event{ID: events[7].ID, At: dawn.Add(6 * time.Second), Kind: bridge.FileUploaded, File: "/a/6.csv", Bytes: 10, Text: "6",
		Visit: &bridge.Visit{Remote: "disk", User: "sap", Address: "10.0.0.1", Session: "s1"}}
	if diff := cmp.Diff(want, events[7]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestAScannerDoesNotFillTheLedger: an hour has a number of events for it, and what is more is counted.
func TestAScannerDoesNotFillTheLedger(t *testing.T) {
	w := bridgetest.NewWorld(t, onceAnHour)
	p, clock, stop := served(t, w, nil)
	p.did(5000, bridge.PartnerRefused, "root", "192.0.2.1", "")
	p.did(1, bridge.PartnerRefused, "sap", "10.0.0.1", "")
	p.did(60, bridge.SessionBegan, "sap", "10.0.0.1", "s1")
	p.did(1, bridge.FileUploaded, "sap", "10.0.0.1", "s1")
	clock.hour <- struct{}{}
	clock.hour <- struct{}{} // the first has been folded
	p.did(2, bridge.PartnerRefused, "root", "192.0.2.1", "")
	stop()
	counts := map[string]int{}
	for _, e := range journaled(w) {
		of := fmt.Sprintf("%s by %s", e.Kind, e.Visit.User)
		if counts[of]++; e.Visit.Times > 0 {
			of += ", counted"
			counts[of] += e.Visit.Times
			if at := e.At.Sub(e.Visit.Since); at != time.Duration(e.Visit.Times-1)*time.Second {
				t.Errorf("%s: %d in %v", of, e.Visit.Times, at)
			}
		}
	}
	want := map[string]int{"partner refused by root": 13, "partner refused by root, counted": 4990, "partner refused by sap": 1,
		"session began by sap": 21, "session began by sap, counted": 40, "file uploaded by sap": 1}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestManyScannersDoNotFillTheLedgerEither, from addresses that are never the same, and a friend among them is still told.
func TestManyScannersDoNotFillTheLedgerEither(t *testing.T) {
	w := bridgetest.NewWorld(t, onceAnHour)
	p, _, stop := served(t, w, nil)
	const scanners = 50_000
	for i := range scanners {
		p.did(1, bridge.PartnerRefused, fmt.Sprint("user", i), fmt.Sprintf("198.51.%d.%d", i/256, i%256), "")
	}
	p.tell(&bridge.Event{At: dawn, Kind: bridge.PartnerRefused, Text: "login refused: wrong password",
		Visit: &bridge.Visit{Remote: "disk", User: "wms", Address: "10.0.0.2", Known: true}})
	p.did(1, bridge.SessionBegan, "sap", "10.0.0.1", "s1")
	p.did(1, bridge.FileUploaded, "sap", "10.0.0.1", "s1")
	stop()
	events := journaled(w)
	if !slices.ContainsFunc(events, func(e *bridge.Event) bool { return e.Visit.User == "wms" && e.Visit.Times == 0 }) {
		t.Error("why a partner can't get in is not told")
	}
	of := func(kind bridge.EventKind) (n int) {
		for _, e := range events {
			if e.Kind == kind {
				n += max(1, e.Visit.Times)
			}
		}
		return n
	}
	if len(events) > 350 || of(bridge.PartnerRefused) != scanners+1 || of(bridge.SessionBegan) != 1 || of(bridge.FileUploaded) != 1 {
		t.Errorf("%d events stand for %d refusals, %d sessions, %d uploads", len(events),
			of(bridge.PartnerRefused), of(bridge.SessionBegan), of(bridge.FileUploaded))
	}
}

// sullen is a ledger that takes its time over the first events, and then does not keep them.
type sullen struct {
	daemon.Ledger
	asked, told chan struct{}
	again       bool
}

func (s *sullen) Keep(ctx context.Context, events ...*bridge.Event) error {
	if !s.again {
		s.again = true
		close(s.asked)
		<-s.told
		return &bridge.Error{Op: "keep", Object: "events", Fate: bridge.Pause, Err: errors.New("no room"), Hint: "make room"}
	}
	return s.Ledger.Keep(ctx, events...)
}

// TestPartnersDoNotWaitForTheLedger: what they do meanwhile is kept once it is well again; what is too much is said to be lost.
func TestPartnersDoNotWaitForTheLedger(t *testing.T) {
	w := bridgetest.NewWorld(t, onceAnHour)
	s := &sullen{asked: make(chan struct{}), told: make(chan struct{})}
	p, _, stop := served(t, w, func(l daemon.Ledger) daemon.Ledger { s.Ledger = l; return s })
	p.did(1, bridge.FileUploaded, "sap", "10.0.0.1", "s1")
	<-s.asked
	p.did(30_000, bridge.FileUploaded, "sap", "10.0.0.1", "s2")
	resumed := make(chan struct{})
	w.Events.Observe(func(e *bridge.Event) {
		if e.Kind == bridge.WorkResumed {
			close(resumed)
		}
	})
	close(s.told)
	<-resumed
	stop()
	if n := len(journaled(w)); n != 20_001 {
		t.Errorf("%d events are kept", n)
	}
	var all []*bridge.Event
	w.Must(w.Ledger.Events(t.Context(), bridge.EventFilter{}, func(e *bridge.Event) error {
		all = append(all, e)
		return nil
	}))
	if !slices.ContainsFunc(all, func(e *bridge.Event) bool {
		return e.Kind == bridge.Noted && strings.HasSuffix(e.Text, ": 10000 events are missing")
	}) {
		t.Error("nothing says what is missing")
	}
	if !slices.ContainsFunc(all, func(e *bridge.Event) bool { return e.Kind == bridge.WorkResumed && e.Work == "journal of partners" }) {
		t.Error("the trouble has not passed")
	}
}

// TestAnOrderIsFetched by whoever has read all of its bytes, under whatever name, and the first one is told.
func TestAnOrderIsFetched(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	w.Submit("A-1")
	w.Submit("A-2")
	w.MustOut()
	owed, err := w.Ledger.Outbox(t.Context(), bridge.OutboxFilter{})
	w.Must(err)
	p, _, stop := served(t, w, nil)
	read := func(o *bridge.Owed, file, user string, whole bool) {
		p.tell(&bridge.Event{At: dawn, Kind: bridge.FileDownloaded, File: file, SHA256: o.SHA256, Bytes: o.Size,
			Visit: &bridge.Visit{Remote: "disk", User: user, Address: "10.0.0.1", Session: "s", Whole: whole}})
	}
	read(owed[0], "/orders/"+owed[0].File, "half", false)
	read(owed[0], "/orders/busy/"+owed[0].File+".tmp", "sap", true) // moved before it was read
	read(owed[0], "/orders/"+owed[0].File, "late", true)
	p.tell(&bridge.Event{At: dawn, Kind: bridge.FileDownloaded, File: "/orders/" + owed[1].File, SHA256: "other bytes",
		Visit: &bridge.Visit{Remote: "disk", User: "sap", Session: "s", Whole: true}})
	stop()
	owed, err = w.Ledger.Outbox(t.Context(), bridge.OutboxFilter{})
	w.Must(err)
	want := bridge.Fetch{At: dawn, User: "sap", From: "10.0.0.1"}
	if owed[0].Fetched != want || owed[1].Fetched != (bridge.Fetch{}) || owed[0].State != bridge.Written {
		t.Errorf("%+v, %+v", owed[0], owed[1])
	}
	history, err := w.Ledger.History(t.Context(), bridge.Orders, "A-1")
	w.Must(err)
	if last := history[len(history)-1]; last.Fate != "fetched" || !strings.HasSuffix(last.Detail, "by sap from 10.0.0.1") {
		t.Errorf("history %+v", last)
	}
	_, err = w.B.Out.SendOrderAgain(t.Context(), "A-1", "", false)
	w.Must(err)
	owed, err = w.Ledger.Outbox(t.Context(), bridge.OutboxFilter{Order: "A-1"})
	w.Must(err)
	if owed[0].Fetched != (bridge.Fetch{}) {
		t.Error("what is sent again counts as fetched")
	}
}
