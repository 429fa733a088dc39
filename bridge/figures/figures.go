// Package figures are what a collector asks of a running bridge, in the form of Prometheus
// (https://prometheus.io/docs/practices/naming).
//
// Contract. What stands in the ledger is read there when it is asked for: counts of rows and drops, orders, what waits and since when.
// They go on over restarts, and are the ledger's own. What only happens (requests, how long something took) is counted from the events of
// this process, from 0. Labels are few and bounded: shop, feed, export, fate, state, alarm, work; no key, file or person is ever one.
//
// Limits: two may ask at once; an answer takes at most scrapeTime. Runs are counted anew for the last two days, so that a run that goes on
// for longer is counted with the next start. The sizes of ledger and spool are looked at once a minute.
package figures

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

const (
	scrapeTime = 10 * time.Second
	sizesEvery = time.Minute
)

// A Ledger is what is asked for figures.
type Ledger interface {
	// DropCounts counts the drops by feed and state.
	DropCounts(ctx context.Context) ([]bridge.DropCount, error)
	Drops(ctx context.Context, f bridge.DropFilter) ([]*bridge.Drop, error)
	Tallies(ctx context.Context, since time.Time, each func(bridge.Tally) error) error
	Departures(ctx context.Context, since time.Time, each func(bridge.Passage) error) error
	OpenRejects(ctx context.Context) (map[string]int64, error)
	OutboxCounts(ctx context.Context, export string) (bridge.OutboxCounts, error)
	LiveAlarms(ctx context.Context, f bridge.AlarmFilter) ([]*bridge.LiveAlarm, error)
	Notes(ctx context.Context) (map[string]string, error)
}

// Keys are what a shop has of the ledger for itself.
type Keys interface {
	CountParked(ctx context.Context, entity string) (int64, error)
}

// Options are what figures are of.
type Options struct {
	Shops   []string
	ShopOf  func(work string) string // the shop of a piece of work; empty: of none
	Feeds   []*config.Feed
	Exports []*config.Export
	Ledger  Ledger
	Of      func(shop string) Keys // what a shop has of the ledger for itself
	Events  *bridge.Events
	Clock   bridge.Clock
	Dir     string // of the state
	Log     *slog.Logger

	Version, Revision string // of the program
}

// Figures count what happens. They may be asked by several goroutines.
type Figures struct {
	Options                          // as they were at the beginning
	scope    atomic.Pointer[Options] // shops, feeds and exports as they are
	registry *prometheus.Registry
	stop     func()

	requests     *prometheus.CounterVec
	requestTime  *prometheus.HistogramVec
	requestsAway *prometheus.GaugeVec
	batches      *prometheus.CounterVec
	batchTime    *prometheus.HistogramVec
	batchesAway  *prometheus.GaugeVec
	runTime      *prometheus.HistogramVec
	arrivalTime  *prometheus.HistogramVec
	writeTime    *prometheus.HistogramVec
	pickupTime   *prometheus.HistogramVec
	pauses       *prometheus.CounterVec
	refused      prometheus.Counter

	sending sync.Mutex
	sent    map[string]map[int64]bool // batches at the shop, by feed

	mu       sync.Mutex
	settled  map[string]bridge.Tally // of runs that began before day
	day      time.Time
	departed time.Time      // orders written before are counted
	at       map[string]int // and so many of those written then, by export
	sizes    [2]float64     // of ledger and spool, bytes
	sized    time.Time
}

// New begins to count; [Figures.Close] ends it.
func New(o Options) *Figures {
	f := &Figures{Options: o, registry: prometheus.NewPedanticRegistry(), sent: map[string]map[int64]bool{},
		departed: o.Clock.Now().UTC().Truncate(time.Millisecond), at: map[string]int{}}
	f.requests = counters("shop_requests_total",
		"Requests to the shop since the start, by how they ended: done, refused (4xx), failed (5xx, or no answer).", "shop", "fate")
	f.requestTime = histograms("shop_request_seconds", "How long the shop takes for a request; since the start.",
		.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60)
	f.requestsAway = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + "shop_requests_in_flight",
		Help: "Requests that the shop has not answered yet."}, []string{"shop"})
	f.batches = counters("batches_total", "Batches sent to the shop since the start, by how they ended: judged, or lost when nobody knows.",
		"shop", "feed", "fate")
	f.batchTime = histograms("batch_seconds", "From sending a batch until the shop has judged it; since the start.",
		.1, .5, 1, 2, 5, 10, 30, 60, 300, 1800)
	f.batchesAway = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: prefix + "batches_in_flight",
		Help: "Batches that the shop has not judged yet."}, []string{"shop", "feed"})
	f.runTime = histograms("run_seconds", "How long a run takes; since the start.", 1, 5, 15, 60, 300, 900, 3600, 14400)
	f.arrivalTime = histograms("drop_seconds", "From the sight of a file until it is settled; since the start.",
		5, 15, 30, 60, 120, 300, 900, 1800, 3600, 14400, 86400)
	f.writeTime = histograms("order_write_seconds", "From the submission of an order until its file is written; since the start.",
		.5, 1, 2, 5, 10, 15, 30, 60, 300, 900, 3600)
	f.pickupTime = histograms("order_pickup_seconds", "From the writing of an order's file until the ERP has taken it; since the start.",
		5, 15, 30, 60, 120, 300, 600, 1800, 3600, 14400, 86400)
	f.pauses = counters("troubles_total", "How often work had to wait for trouble to pass, since the start.", "shop")
	refused := counters("logins_refused_total", "Log-ins to the page that were refused since the start; of an hour the first hundred.")
	f.refused = refused.WithLabelValues()
	f.registry.MustRegister(f.requests, f.requestTime, f.requestsAway, f.batches, f.batchTime, f.batchesAway, f.runTime, f.arrivalTime,
		f.writeTime, f.pickupTime, f.pauses, refused, (*ledgerFigures)(f), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: prefix + "build_info", Help: "What the program was built from; always 1.",
			ConstLabels: prometheus.Labels{"version": o.Version, "revision": o.Revision, "goversion": runtime.Version()}},
			func() float64 { return 1 }))
	f.Follow(o)
	f.stop = o.Events.Observe(f.observe)
	return f
}

// Follow has the figures be of the shops, feeds and exports of a config that has been read again; they go on counting. What never
// happened stands at 0, so that rules find it.
func (f *Figures) Follow(o Options) {
	f.scope.Store(&o)
	for _, shop := range f.scope.Load().Shops {
		for _, fate := range []string{"done", "refused", "failed"} {
			f.requests.WithLabelValues(shop, fate)
		}
		f.requestTime.WithLabelValues(shop)
		f.requestsAway.WithLabelValues(shop)
		f.pauses.WithLabelValues(shop)
	}
	for _, x := range f.scope.Load().Feeds {
		f.batches.WithLabelValues(f.scope.Load().ofFeed(x.Name), x.Name, "judged")
		f.batches.WithLabelValues(f.scope.Load().ofFeed(x.Name), x.Name, "lost")
		f.batchesAway.WithLabelValues(f.scope.Load().ofFeed(x.Name), x.Name)
		for _, h := range []*prometheus.HistogramVec{f.batchTime, f.runTime, f.arrivalTime} {
			h.WithLabelValues(f.scope.Load().ofFeed(x.Name), x.Name)
		}
	}
	for _, x := range f.scope.Load().Exports {
		f.writeTime.WithLabelValues(f.scope.Load().ofExport(x.Name), x.Name)
		f.pickupTime.WithLabelValues(f.scope.Load().ofExport(x.Name), x.Name)
	}
}

// prefix of all names.
const prefix = "orobridge_"

func (o *Options) ofFeed(name string) string { return o.ShopOf("feed " + name) }

func (o *Options) ofExport(name string) string { return o.ShopOf("export " + name) }

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
}

// histograms have the label of what they are about: that of orders is the export.
func histograms(name, help string, buckets ...float64) *prometheus.HistogramVec {
	labels := []string{"shop"}
	switch {
	case strings.HasPrefix(name, "order"):
		labels = append(labels, "export")
	case !strings.HasPrefix(name, "shop"):
		labels = append(labels, "feed")
	}
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: buckets}, labels)
}

// Close ends counting.
func (f *Figures) Close() { f.stop() }

// Handler answers a collector.
func (f *Figures) Handler() http.Handler {
	all := promhttp.HandlerFor(f.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: scrapeTime,
		ErrorLog: slog.NewLogLogger(f.Log.Handler(), slog.LevelWarn)})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f.departures(r.Context()); err != nil {
			f.Log.Warn("read figures", "error", err)
			http.Error(w, "the ledger does not answer", http.StatusServiceUnavailable)
			return
		}
		all.ServeHTTP(w, r)
	})
}

// Request counts a request to a shop that begins now; what it returns is called at its end with the status, 0 for no answer.
func (f *Figures) Request(shop string) (ended func(status int)) {
	began := time.Now()
	away := f.requestsAway.WithLabelValues(shop)
	away.Inc()
	return func(status int) {
		away.Dec()
		f.requestTime.WithLabelValues(shop).Observe(time.Since(began).Seconds())
		fate := "done"
		switch {
		case status == 0 || status >= 500:
			fate = "failed"
		case status >= 400:
			fate = "refused"
		}
		f.requests.WithLabelValues(shop, fate).Inc()
	}
}

// observe counts what happens.
func (f *Figures) observe(e *bridge.Event) {
	switch e.Kind {
	case bridge.BatchSent:
		f.away(e, true)
	case bridge.BatchJudged:
		f.batches.WithLabelValues(f.scope.Load().ofFeed(e.Feed), e.Feed, "judged").Inc()
		f.batchTime.WithLabelValues(f.scope.Load().ofFeed(e.Feed), e.Feed).Observe(e.Took.Seconds())
		f.away(e, false)
	case bridge.BatchLost:
		f.batches.WithLabelValues(f.scope.Load().ofFeed(e.Feed), e.Feed, "lost").Inc()
		f.away(e, false)
	case bridge.RunEnded:
		f.runTime.WithLabelValues(f.scope.Load().ofFeed(e.Feed), e.Feed).Observe(e.Took.Seconds())
		f.away(e, false)
	case bridge.DropSettled:
		f.arrivalTime.WithLabelValues(f.scope.Load().ofFeed(e.Feed), e.Feed).Observe(e.Took.Seconds())
	case bridge.OrderPickedUp:
		f.pickupTime.WithLabelValues(f.scope.Load().ofExport(e.Export), e.Export).Observe(e.Took.Seconds())
	case bridge.WorkPaused:
		f.pauses.WithLabelValues(f.scope.Load().ShopOf(e.Work)).Inc()
	case bridge.LoginRefused:
		f.refused.Inc()
	}
}

// away counts the batches of a feed that are at the shop. What a process that was killed has sent was never counted here, and a run that
// has ended has none.
func (f *Figures) away(e *bridge.Event, sent bool) {
	f.sending.Lock()
	defer f.sending.Unlock()
	of := f.sent[e.Feed]
	switch {
	case of == nil:
		of = map[int64]bool{}
		f.sent[e.Feed] = of
	case e.Kind == bridge.RunEnded:
		clear(of)
	}
	if sent {
		of[e.Batch] = true
	} else {
		delete(of, e.Batch)
	}
	f.batchesAway.WithLabelValues(f.scope.Load().ofFeed(e.Feed), e.Feed).Set(float64(len(of)))
}

// departures observes how long the orders took that were written since it was last asked. The ledger keeps milliseconds, and more of the
// last one may have come.
func (f *Figures) departures(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	since, seen := f.departed, map[string]int{}
	return f.Ledger.Departures(ctx, since, func(p bridge.Passage) error {
		if p.To.After(f.departed) {
			f.departed, f.at = p.To, map[string]int{}
		}
		seen[p.Of]++
		if p.To.Equal(since) && seen[p.Of] <= f.at[p.Of] {
			return nil
		}
		if p.To.Equal(f.departed) {
			f.at[p.Of]++
		}
		if !p.From.IsZero() && !p.To.Before(p.From) {
			f.writeTime.WithLabelValues(f.scope.Load().ofExport(p.Of), p.Of).Observe(p.To.Sub(p.From).Seconds())
		}
		return nil
	})
}

// measured are the sizes of ledger and spool, in bytes, as they were within the last minute.
func (f *Figures) measured() [2]float64 {
	if time.Since(f.sized) < sizesEvery {
		return f.sizes
	}
	f.sized, f.sizes = time.Now(), [2]float64{}
	_ = filepath.WalkDir(f.Dir, func(path string, d fs.DirEntry, err error) error { // what goes meanwhile is not counted
		if err != nil || d.IsDir() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		part := 1
		if filepath.Dir(path) == filepath.Clean(f.Dir) {
			part = 0
		}
		f.sizes[part] += float64(info.Size())
		return nil
	})
	return f.sizes
}
