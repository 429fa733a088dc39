package figures_test

import (
	"log/slog"
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"
	yaml "go.yaml.in/yaml/v4"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/figures"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const traffic = `
feeds:
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { stable: 0s },
      format: { kind: csv }, values: { unit: { ST: item } } }
exports:
  - { name: orders, remote: disk, folder: orders, format: { kind: csv }, since: '2026-11-21' }
`

// counting is a world whose bridge is counted.
func counting(t *testing.T) (*bridgetest.World, *figures.Figures) {
	w := bridgetest.NewWorld(t, traffic, orotest.Seed(orotest.Sample))
	f := figures.New(figures.Options{Shops: []string{"main"}, ShopOf: w.Settings.ShopOf,
		Of: func(string) figures.Keys { return w.Ledger }, Feeds: w.B.In.Feeds, Exports: w.B.Out.Exports, Ledger: w.Ledger, Events: w.B.In.Events,
		Clock: w.B.In.Clock, Dir: t.TempDir(), Version: "1.2.3", Revision: "abc",
		Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(f.Close)
	return w, f
}

var line = regexp.MustCompile(`^(orobridge_[a-z_]+)(?:\{(.*)\})? ([-+.e0-9]+|NaN|[+]Inf)$`)

// scrape reads the figures: value by name and labels, but for the shop's.
func scrape(t *testing.T, f *figures.Figures) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	f.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	all := map[string]float64{}
	for text := range strings.Lines(w.Body.String()) {
		m := line.FindStringSubmatch(strings.TrimSpace(text))
		if m == nil {
			continue
		}
		labels := strings.TrimSuffix(strings.NewReplacer(`,shop="main"`, "", `shop="main",`, "", `shop="main"`, "").Replace(m[2]), ",")
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		all[m[1]+"{"+labels+"}"] = value
	}
	return all
}

func TestFiguresAreTheLedgersOwn(t *testing.T) {
	w, f := counting(t)
	before := scrape(t, f)
	is := func(now map[string]float64, want map[string]float64) {
		t.Helper()
		got := map[string]float64{}
		for name := range want {
			value, ok := now[name]
			if !ok {
				t.Errorf("there is no %s", name)
			}
			got[name] = value
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	is(before, map[string]float64{`orobridge_rows_total{fate="created",feed="products"}`: 0, `orobridge_drops{feed="products",state="loaded"}`: 0,
		`orobridge_last_success_timestamp_seconds{feed="products"}`: 0, `orobridge_orders{export="orders",state="written"}`: 0,
		`orobridge_batch_seconds_count{feed="products"}`: 0, `orobridge_shop_requests_total{fate="failed"}`: 0})
	began := w.B.In.Clock.Now()
	w.Drop("products", "a.csv", "sku,name,unit\nNEW1,Pipe,ST\nNEW2,Valve,ST\nNEW3,Tap,PAL\n")
	w.Round()
	w.Submit("ORD-1")
	w.MustOut()
	now := scrape(t, f)
	d, r := w.Last("products")
	is(now, map[string]float64{
		`orobridge_rows_read_total{feed="products"}`:                                                 float64(r.Rows),
		`orobridge_rows_total{fate="created",feed="products"}`:                                       float64(r.Created),
		`orobridge_rows_total{fate="rejected",feed="products"}`:                                      1,
		`orobridge_runs_total{feed="products"}`:                                                      1,
		`orobridge_drops{feed="products",state="partial"}`:                                           1,
		`orobridge_drops{feed="products",state="seen"}`:                                              0,
		`orobridge_rejects_open{feed="products"}`:                                                    1,
		`orobridge_oldest_drop_timestamp_seconds{feed="products"}`:                                   0,
		`orobridge_last_success_timestamp_seconds{feed="products"}`:                                  float64(d.SettledAt.UnixMilli()) / 1000,
		`orobridge_batches_total{fate="judged",feed="products"}`:                                     1,
		`orobridge_batches_in_flight{feed="products"}`:                                               0,
		`orobridge_batch_seconds_count{feed="products"}`:                                             1,
		`orobridge_run_seconds_count{feed="products"}`:                                               1,
		`orobridge_drop_seconds_count{feed="products"}`:                                              1,
		`orobridge_orders{export="orders",state="written"}`:                                          1,
		`orobridge_order_write_seconds_count{export="orders"}`:                                       1,
		`orobridge_order_pickup_seconds_count{export="orders"}`:                                      0,
		`orobridge_orders{export="orders",state="picked_up"}`:                                        0,
		`orobridge_build_info{goversion="` + runtime.Version() + `",revision="abc",version="1.2.3"}`: 1,
	})
	if diff := cmp.Diff(now[`orobridge_drop_seconds_sum{feed="products"}`], d.SettledAt.Sub(d.SeenAt).Seconds()); diff != "" || d.SeenAt.Before(began) {
		t.Error(diff)
	}
	if again := scrape(t, f); again[`orobridge_order_write_seconds_count{export="orders"}`] != 1 {
		t.Error("an order is counted twice")
	}
	for _, name := range w.There() {
		w.Take(name)
	}
	w.MustOut()
	w.Drop("products", "b.csv", "sku,name,unit\nNEW1,Pipe,ST\n")
	w.Round()
	now = scrape(t, f)
	is(now, map[string]float64{`orobridge_orders{export="orders",state="picked_up"}`: 1, `orobridge_orders{export="orders",state="written"}`: 0,
		`orobridge_order_pickup_seconds_count{export="orders"}`: 1, `orobridge_rows_total{fate="unchanged",feed="products"}`: 1})

	// The next process goes on where this one ends.
	next := figures.New(figures.Options{Shops: []string{"main"}, ShopOf: w.Settings.ShopOf,
		Of: func(string) figures.Keys { return w.Ledger }, Feeds: w.B.In.Feeds, Exports: w.B.Out.Exports, Ledger: w.Ledger, Events: &bridge.Events{},
		Clock: w.B.In.Clock, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	defer next.Close()
	after := scrape(t, next)
	for name, value := range now {
		if strings.HasPrefix(name, "orobridge_rows") && after[name] != value {
			t.Errorf("%s was %v and is %v", name, value, after[name])
		}
	}
}

func TestRequestsAreCountedByHowTheyEnded(t *testing.T) {
	_, f := counting(t)
	open := f.Request("main")
	for _, status := range []int{200, 202, 304, 400, 404, 429, 500, 503, 0} {
		f.Request("main")(status)
	}
	now := scrape(t, f)
	want := map[string]float64{"done": 3, "refused": 3, "failed": 3}
	for fate, n := range want {
		if got := now[`orobridge_shop_requests_total{fate="`+fate+`"}`]; got != n {
			t.Errorf("%s: %v", fate, got)
		}
	}
	if now[`orobridge_shop_requests_in_flight{}`] != 1 || now[`orobridge_shop_request_seconds_count{}`] != 9 {
		t.Errorf("%v in flight", now[`orobridge_shop_requests_in_flight{}`])
	}
	open(200)
}

func TestTroubleAndAlarmsStandInTheFigures(t *testing.T) {
	w, f := counting(t)
	at := w.B.In.Clock.Now()
	w.Must(w.Ledger.Note(t.Context(), bridge.PausedNote("feed products"), "no route"))
	w.Must(w.Ledger.SaveAlarms(t.Context(), bridge.AlarmRound{Alarms: []*bridge.LiveAlarm{
		{Alarm: bridge.AlarmOverdue, Of: "export orders", N: 1, Begun: at, Raised: at}, {Alarm: bridge.AlarmStuck, Of: "export orders", N: 1, Begun: at}}}))
	w.Must(w.Ledger.Note(t.Context(), bridge.HaltedNote("export orders"), bridge.Halt{Since: at, Who: "olga"}.Note()))
	w.B.In.Events.Tell(&bridge.Event{Kind: bridge.WorkPaused}, &bridge.Event{Kind: bridge.LoginRefused})
	now := scrape(t, f)
	for _, name := range []string{`orobridge_paused{work="feed products"}`, `orobridge_alarms{alarm="overdue",severity="error"}`,
		`orobridge_halted{work="export orders"}`, `orobridge_troubles_total{}`, `orobridge_logins_refused_total{}`} {
		if now[name] != 1 {
			t.Errorf("%s is %v", name, now[name])
		}
	}
}

func TestALedgerThatDoesNotAnswerFailsTheScrape(t *testing.T) {
	w, f := counting(t)
	w.Close()
	rec := httptest.NewRecorder()
	f.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	if rec.Code != 503 {
		t.Errorf("%d", rec.Code)
	}
}

// Of each figure that grows it is said whether it goes on over restarts, as the ledger's do, or begins anew.
func TestWhatBeginsAnewIsNamed(t *testing.T) {
	w, f := counting(t)
	next := figures.New(figures.Options{Shops: []string{"main"}, ShopOf: w.Settings.ShopOf,
		Of: func(string) figures.Keys { return w.Ledger }, Feeds: w.B.In.Feeds, Exports: w.B.Out.Exports, Ledger: w.Ledger, Events: &bridge.Events{},
		Clock: w.B.In.Clock, Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	defer next.Close()
	w.Drop("products", "a.csv", "sku,name,unit\nNEW1,Pipe,ST\nNEW3,Tap,PAL\n")
	w.Round()
	f.Request("main")(200)
	w.B.In.Events.Tell(&bridge.Event{Kind: bridge.WorkPaused}, &bridge.Event{Kind: bridge.LoginRefused})
	rec := httptest.NewRecorder()
	f.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	before, after, grows := scrape(t, f), scrape(t, next), 0
	for _, m := range regexp.MustCompile(`# HELP (orobridge_\S+) (.*)\n# TYPE \S+ (counter|histogram)`).FindAllStringSubmatch(rec.Body.String(), -1) {
		grows++
		goesOn := true
		for name, value := range before {
			if metric, _, _ := strings.Cut(name, "{"); metric == m[1] || metric == m[1]+"_count" {
				goesOn = goesOn && after[name] == value
			}
		}
		if anew := strings.Contains(m[2], "since the start"); anew && goesOn && !strings.HasPrefix(m[1], "orobridge_order") || !anew && !goesOn {
			t.Errorf("%s: %s, and it goes on: %v", m[1], m[2], goesOn)
		}
	}
	if grows < 10 {
		t.Errorf("only %d grow", grows)
	}
}

func TestNamesKeepPrometheusConventions(t *testing.T) {
	_, f := counting(t)
	w := httptest.NewRecorder()
	f.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	problems, err := promlint.New(w.Body).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "orobridge_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// What dashboards and rules ask for exists, with the labels that they ask by.
func TestDashboardAndRulesAskForWhatThereIs(t *testing.T) {
	w, f := counting(t)
	at := w.B.In.Clock.Now()
	w.Must(w.Ledger.Note(t.Context(), bridge.PausedNote("feed products"), "no route"))
	w.Must(w.Ledger.SaveAlarms(t.Context(), bridge.AlarmRound{Alarms: []*bridge.LiveAlarm{
		{Alarm: bridge.AlarmOverdue, Of: "export orders", N: 1, Begun: at, Raised: at}, {Alarm: bridge.AlarmStuck, Of: "export orders", N: 1, Begun: at}}}))
	w.Must(w.Ledger.Note(t.Context(), bridge.HaltedNote("shop"), bridge.Halt{}.Note()))
	rec := httptest.NewRecorder()
	f.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	labels := map[string][]string{}
	for text := range strings.Lines(rec.Body.String()) {
		if m := line.FindStringSubmatch(strings.TrimSpace(text)); m != nil {
			for _, l := range regexp.MustCompile(`([a-z]+)="`).FindAllStringSubmatch(m[2], -1) {
				labels[m[1]] = append(labels[m[1]], l[1])
			}
			labels[m[1]] = append(labels[m[1]], "job", "instance")
		}
	}
	ask := regexp.MustCompile(`(orobridge_[a-z_]+)(?:\{([^}]*)\})?`)
	asked := 0
	for _, name := range []string{"../../scripts/deploy/monitoring/rules.yaml", "../../scripts/deploy/monitoring/dashboard.json"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, &map[string]any{}); err != nil { // JSON is YAML
			t.Errorf("%s: %v", name, err)
		}
		for _, m := range ask.FindAllStringSubmatch(strings.ReplaceAll(string(text), `\"`, `"`), -1) {
			asked++
			has, ok := labels[m[1]]
			if !ok {
				t.Errorf("%s asks for %s", name, m[1])
			}
			for _, l := range regexp.MustCompile(`([a-z]+)\s*(?:=|!=|=~|!~)\s*"`).FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(has, l[1]) {
					t.Errorf("%s asks %s by %s", name, m[1], l[1])
				}
			}
		}
	}
	if asked < 30 {
		t.Errorf("only %d questions were found", asked)
	}
	if len(labels) < 30 {
		t.Errorf("only %v", slices.Sorted(maps.Keys(labels)))
	}
}
