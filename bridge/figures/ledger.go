package figures

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/orobridge/orobridge/bridge"
)

// What is read of the ledger.
var (
	drops       = describe("drops", "Drops by state.", "shop", "feed", "state")
	oldest      = describe("oldest_drop_timestamp_seconds", "When the oldest drop was seen that is not settled; 0 for none.", "shop", "feed")
	success     = describe("last_success_timestamp_seconds", "When a drop was last settled as loaded or partial; 0 for never.", "shop", "feed")
	runs        = describe("runs_total", "Attempts to load a drop.", "shop", "feed")
	rowsRead    = describe("rows_read_total", "Rows that runs have read; the rows by fate add up to them.", "shop", "feed")
	rowsByFate  = describe("rows_total", "Rows by what became of them.", "shop", "feed", "fate")
	openRejects = describe("rejects_open", "Rejected rows that are open.", "shop", "feed")
	parked      = describe("rows_parked", "Rows that wait for a parent.", "shop", "feed")
	orders      = describe("orders", "Orders by state.", "shop", "export", "state")
	alarmed     = describe("orders_alarmed", "Orders with an alarm, or whose file has one.", "shop", "export")
	alarms      = describe("alarms", "Alarms that stand, by what is wrong.", "shop", "alarm", "severity")
	paused      = describe("paused", "Work that waits for trouble to pass; always 1.", "shop", "work")
	halted      = describe("halted", "Work that somebody has paused; always 1.", "shop", "work")
	ledgerSize  = describe("ledger_bytes", "Size of the ledger, with its log.")
	spoolSize   = describe("spool_bytes", "Size of the fetched files and stages.")
)

var described []*prometheus.Desc

func describe(name, help string, labels ...string) *prometheus.Desc {
	d := prometheus.NewDesc(prefix+name, help, labels, nil)
	described = append(described, d)
	return d
}

// ledgerFigures read the ledger when they are asked.
type ledgerFigures Figures

// Describe implements [prometheus.Collector].
func (l *ledgerFigures) Describe(to chan<- *prometheus.Desc) {
	for _, d := range described {
		to <- d
	}
}

// Collect implements [prometheus.Collector]. With a ledger that does not answer the whole scrape fails: the collector knows that best.
func (l *ledgerFigures) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &scrape{l, ctx, to}
	for _, read := range []func() error{s.drops, s.rows, s.orders, s.troubles} {
		if err := read(); err != nil {
			to <- prometheus.NewInvalidMetric(drops, err)
			return
		}
	}
	sizes := (*Figures)(l).measured()
	s.gauge(ledgerSize, sizes[0])
	s.gauge(spoolSize, sizes[1])
}

// A scrape is one answer.
type scrape struct {
	*ledgerFigures
	ctx context.Context
	to  chan<- prometheus.Metric
}

func (s *scrape) gauge(d *prometheus.Desc, value float64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (s *scrape) counter(d *prometheus.Desc, value int64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
}

// seconds are a time as Prometheus has it; 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func (s *scrape) drops() error {
	counts, err := s.Ledger.DropCounts(s.ctx)
	if err != nil {
		return err
	}
	of := map[string]map[bridge.DropState]bridge.DropCount{}
	for _, c := range counts {
		if of[c.Feed] == nil {
			of[c.Feed] = map[bridge.DropState]bridge.DropCount{}
		}
		of[c.Feed][c.State] = c
	}
	for _, f := range s.scope.Load().Feeds {
		var first time.Time
		for _, state := range bridge.DropStates() {
			c := of[f.Name][state]
			s.gauge(drops, float64(c.N), s.scope.Load().ofFeed(f.Name), f.Name, string(state))
			if !c.Oldest.IsZero() && (first.IsZero() || c.Oldest.Before(first)) {
				first = c.Oldest
			}
		}
		s.gauge(oldest, seconds(first), s.scope.Load().ofFeed(f.Name), f.Name)
		last, err := s.Ledger.Drops(s.ctx, bridge.DropFilter{Feed: f.Name, Last: 1, States: []bridge.DropState{bridge.Loaded, bridge.Partial}})
		if err != nil {
			return err
		}
		at := time.Time{}
		if len(last) > 0 {
			at = last[0].SettledAt
		}
		s.gauge(success, seconds(at), s.scope.Load().ofFeed(f.Name), f.Name)
	}
	return nil
}

// rows counts what runs did: those of the last two days anew each time, earlier ones once a day.
func (s *scrape) rows() error {
	if day := s.Clock.Now().UTC().Truncate(bridge.Day).Add(-bridge.Day); !s.day.Equal(day) {
		before := map[string]bridge.Tally{}
		if err := s.tally(time.Time{}, func(t bridge.Tally) bool { return t.Day.Before(day) }, before); err != nil {
			return err
		}
		s.settled, s.day = before, day
	}
	all := map[string]bridge.Tally{}
	for feed, t := range s.settled {
		all[feed] = t
	}
	if err := s.tally(s.day, func(bridge.Tally) bool { return true }, all); err != nil {
		return err
	}
	rejects, err := s.Ledger.OpenRejects(s.ctx)
	if err != nil {
		return err
	}
	for _, f := range s.scope.Load().Feeds {
		t := all[f.Name]
		s.counter(runs, t.Runs, s.scope.Load().ofFeed(f.Name), f.Name)
		s.counter(rowsRead, t.Rows, s.scope.Load().ofFeed(f.Name), f.Name)
		for _, n := range []struct {
			fate string
			n    int64
		}{{"created", t.Created}, {"updated", t.Updated}, {"unchanged", t.Unchanged}, {"removed", t.Removed}, {"collapsed", t.Collapsed},
			{"rejected", t.Rejected}, {"parked", t.Parked}} {
			s.counter(rowsByFate, n.n, s.scope.Load().ofFeed(f.Name), f.Name, n.fate)
		}
		s.gauge(openRejects, float64(rejects[f.Name]), s.scope.Load().ofFeed(f.Name), f.Name)
		waiting, err := s.Of(s.scope.Load().ofFeed(f.Name)).CountParked(s.ctx, f.Entity.Name)
		if err != nil {
			return err
		}
		s.gauge(parked, float64(waiting), s.scope.Load().ofFeed(f.Name), f.Name)
	}
	return nil
}

// tally adds up the tallies since a time that count, by feed.
func (s *scrape) tally(since time.Time, counts func(bridge.Tally) bool, into map[string]bridge.Tally) error {
	return s.Ledger.Tallies(s.ctx, since, func(t bridge.Tally) error {
		if !counts(t) {
			return nil
		}
		sum := into[t.Feed]
		sum.Runs += t.Runs
		sum.Rows += t.Rows
		sum.Created += t.Created
		sum.Updated += t.Updated
		sum.Unchanged += t.Unchanged
		sum.Removed += t.Removed
		sum.Collapsed += t.Collapsed
		sum.Rejected += t.Rejected
		sum.Parked += t.Parked
		into[t.Feed] = sum
		return nil
	})
}

func (s *scrape) orders() error {
	for _, x := range s.scope.Load().Exports {
		c, err := s.Ledger.OutboxCounts(s.ctx, x.Name)
		if err != nil {
			return err
		}
		for _, n := range []struct {
			state bridge.OwedState
			n     int64
		}{{bridge.Collected, c.Collected}, {bridge.OwedNow, c.Owed}, {bridge.Written, c.Written}, {bridge.PickedUp, c.PickedUp},
			{bridge.Answered, c.Answered}, {bridge.Conflict, c.Conflict}, {bridge.Stuck, c.Stuck}} {
			s.gauge(orders, float64(n.n), s.scope.Load().ofExport(x.Name), x.Name, string(n.state))
		}
		s.gauge(alarmed, float64(c.Alarmed), s.scope.Load().ofExport(x.Name), x.Name)
	}
	return nil
}

func (s *scrape) troubles() error {
	standing, err := s.Ledger.LiveAlarms(s.ctx, bridge.AlarmFilter{Open: true, Raised: true})
	if err != nil {
		return err
	}
	type kind struct {
		shop  string
		alarm bridge.Alarm
	}
	count := map[kind]float64{}
	for _, a := range standing {
		count[kind{s.scope.Load().ShopOf(a.Works()[0]), a.Alarm}]++
	}
	for k, n := range count {
		s.gauge(alarms, n, k.shop, string(k.alarm), string(k.alarm.Severity()))
	}
	notes, err := s.Ledger.Notes(s.ctx)
	if err != nil {
		return err
	}
	for name := range notes {
		if work, ok := bridge.PausedWork(name); ok {
			s.gauge(paused, 1, s.scope.Load().ShopOf(work), work)
		}
	}
	for _, h := range bridge.Halts(notes) {
		if !h.Over(s.Clock.Now()) {
			s.gauge(halted, 1, s.scope.Load().ShopOf(h.Work), h.Work)
		}
	}
	return nil
}
