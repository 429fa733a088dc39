package crashtest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/figures"
	"github.com/orobridge/orobridge/state"
)

// count begins to count what happens on a ledger, as a process does that begins.
func count(c *config.Config, ledger *state.State, events *bridge.Events, clock bridge.Clock) *figures.Figures {
	return figures.New(figures.Options{Shops: c.ShopNames(), ShopOf: c.ShopOf, Of: func(shop string) figures.Keys { return ledger.Of(shop) },
		Feeds: c.Feeds, Ledger: ledger, Events: events, Clock: clock, Dir: os.DevNull, Log: slog.New(slog.DiscardHandler)})
}

// figure is a line of what a collector gets that the ledger has to bear out.
var figure = regexp.MustCompile(`(?m)^(orobridge_(?:drops|runs_total|rows_read_total|rows_total|rejects_open|rows_parked)\{.*\}) ([-+.e0-9]+)$`)

// miscounted says in what the figures differ from the ledger, counted one by one; empty: in nothing.
func miscounted(f *figures.Figures, feeds []*config.Feed, ledger *state.State) (string, error) {
	w := httptest.NewRecorder()
	f.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	got := map[string]float64{}
	for _, m := range figure.FindAllStringSubmatch(w.Body.String(), -1) {
		value, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return "", err
		}
		if value != 0 {
			got[m[1]] = value
		}
	}
	want, err := counted(feeds, ledger)
	if err != nil || len(want) == 0 {
		return "", err
	}
	return cmp.Diff(want, got), nil
}

// counted counts what the ledger holds; what there is none of is left out.
func counted(feeds []*config.Feed, ledger *state.State) (map[string]float64, error) {
	all, entityOf, feedOf := map[string]float64{}, map[string]string{}, map[int64]string{}
	for _, f := range feeds {
		entityOf[f.Name] = f.Entity.Name
	}
	note := func(n int64, labels string) {
		if n != 0 {
			all["orobridge_"+labels] += float64(n)
		}
	}
	ctx := context.Background()
	drops, err := ledger.Drops(ctx, bridge.DropFilter{})
	if err != nil {
		return nil, err
	}
	for _, d := range drops {
		feedOf[d.ID] = d.Feed
		note(1, fmt.Sprintf(`drops{feed=%q,shop="main",state=%q}`, d.Feed, d.State))
		runs, err := ledger.Runs(ctx, d.ID)
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			note(1, fmt.Sprintf(`runs_total{feed=%q,shop="main"}`, d.Feed))
			note(r.Rows, fmt.Sprintf(`rows_read_total{feed=%q,shop="main"}`, d.Feed))
			for fate, n := range map[string]int64{"created": r.Created, "updated": r.Updated, "unchanged": r.Unchanged, "removed": r.Removed,
				"collapsed": r.Collapsed, "rejected": r.Rejected, "parked": r.Parked} {
				note(n, fmt.Sprintf(`rows_total{fate=%q,feed=%q,shop="main"}`, fate, d.Feed))
			}
		}
	}
	err = ledger.Rejects(ctx, bridge.RejectFilter{Open: true}, func(r bridge.RejectRow) error {
		note(1, fmt.Sprintf(`rejects_open{feed=%q,shop="main"}`, feedOf[r.Drop]))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, ledger.Parked(ctx, "", time.Time{}, func(p bridge.ParkedRow) error {
		for feed, entity := range entityOf {
			if entity == p.Entity {
				note(1, fmt.Sprintf(`rows_parked{feed=%q,shop="main"}`, feed))
			}
		}
		return nil
	})
}

// figures holds what a bridge that starts now would tell a collector against the ledger, once the killed ones have left it.
func (s *site) figures(t *testing.T) {
	t.Helper()
	cfg, err := config.Load(filepath.Join(s.dir, "orobridge.yaml"), kinds, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := state.Open(t.Context(), filepath.Join(s.dir, "var"), state.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close() // it was only read
	f := count(cfg, ledger, &bridge.Events{}, bridge.SystemClock{})
	defer f.Close()
	if diff, err := miscounted(f, cfg.Feeds, ledger); err != nil || strings.TrimSpace(diff) != "" {
		t.Errorf("figures (- the ledger, + what a collector gets): %v\n%s", err, diff)
	}
}
