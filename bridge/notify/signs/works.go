package signs

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// heard is what events have told since the process began.
type heard struct {
	mu     sync.Mutex
	causes map[string]string          // of work that waits for trouble to pass
	sent   map[int64]time.Time        // batches on their way
	took   map[string][]time.Duration // by shop: of the last batches that it judged
}

// kept is how many durations say what is usual.
const kept = 50

// Hear takes what happens: what work waits for, and how long the shop takes for batches.
func (w *Watcher) Hear(e *bridge.Event) {
	h := &w.heard
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.causes == nil {
		h.causes, h.sent, h.took = map[string]string{}, map[int64]time.Time{}, map[string][]time.Duration{}
	}
	switch e.Kind {
	case bridge.WorkPaused:
		h.causes[e.Work] = e.Cause
	case bridge.WorkResumed:
		delete(h.causes, e.Work)
	case bridge.BatchSent:
		if len(h.sent) < 100*kept {
			h.sent[e.Batch] = e.At
		}
	case bridge.BatchJudged:
		if at, ok := h.sent[e.Batch]; ok {
			shop := w.shopOf(e.Feed)
			took := h.took[shop]
			h.took[shop] = append(took[max(0, len(took)-kept+1):], e.At.Sub(at))
		}
		delete(h.sent, e.Batch)
	case bridge.BatchLost:
		delete(h.sent, e.Batch)
	}
}

// usual is how long a shop takes for nearly every batch; 0 while that is not known.
func (h *heard) usual(shop string) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.took[shop]) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(h.took[shop]))
	return sorted[len(sorted)*9/10]
}

// paused are the signs of work that waits for trouble to pass: one for each cause, since a shop or a server that is away keeps
// many feeds at once. Work that an alarm is of already stays with it.
func (w *Watcher) paused(notes map[string]string, standing []*bridge.LiveAlarm) []Sign {
	var groups []*group
	belongs := map[string]*group{} // work that has its group
	causes := map[string]*group{}
	w.heard.mu.Lock()
	cause := maps.Clone(w.heard.causes)
	w.heard.mu.Unlock()
	join := func(work string, g *group) {
		belongs[work] = g
		if c := cause[work]; c != "" && causes[c] == nil {
			causes[c] = g
		}
	}
	for _, a := range standing {
		if a.Alarm != bridge.AlarmPaused {
			continue
		}
		g := &group{id: a.ID}
		groups = append(groups, g)
		for _, work := range a.Works() {
			if belongs[work] == nil {
				join(work, g)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(notes)) {
		work, ok := bridge.PausedWork(name)
		if !ok {
			continue
		}
		g := belongs[work]
		if g == nil && cause[work] != "" {
			g = causes[cause[work]]
		}
		if g == nil {
			g = &group{}
			groups = append(groups, g)
		}
		join(work, g)
		g.works, g.texts = append(g.works, work), append(g.texts, notes[name])
	}
	var signs []Sign
	for _, g := range groups {
		if len(g.works) == 0 {
			continue
		}
		s := of(strings.Join(g.works, ", "), bridge.AlarmPaused, int64(len(g.works)), g.texts[0])
		s.ID = g.id
		if slices.ContainsFunc(g.works, func(work string) bool { return !bridge.IsReload(work) }) { // a config that was refused was refused
			s.After = w.Limits.Paused.D()
		}
		signs = append(signs, s)
	}
	return signs
}

// group is work that waits for one trouble.
type group struct {
	id           int64 // of the alarm; 0 for none yet
	works, texts []string
}

// noted are the signs that others have left as notes while something is wrong: alarms of orders, of the shop and of feeds.
func noted(notes map[string]string) []Sign {
	var signs []Sign
	for _, name := range slices.Sorted(maps.Keys(notes)) {
		said, ok := bridge.AlarmOf(name)
		if !ok {
			continue
		}
		for _, a := range bridge.Alarms() {
			what, ok := strings.CutSuffix(said, " "+string(a))
			if !ok {
				continue
			}
			signs = append(signs, notedOf(workOf(what), a, notes[name]))
			break
		}
	}
	return signs
}

// workOf names the piece of work that a note's alarm is of: an export where its name stands alone.
func workOf(what string) string {
	if what == bridge.ShopWork || what == bridge.BridgeWork || strings.Contains(what, " ") { // "shop b2b", "feed prices"
		return what
	}
	return "export " + what
}

// notedOf is the sign of a note. An export's counts files or orders, and names the oldest.
func notedOf(work string, a bridge.Alarm, text string) Sign {
	if !strings.HasPrefix(work, "export ") {
		return of(work, a, 1, text)
	}
	c := bridge.ReadAlarmCount(text)
	s := of(work, a, c.N, text)
	if a.OfFile() {
		s.File = c.First
	} else {
		s.Order = c.First
	}
	return s
}

// queue are the signs of shops that judge no batches: the oldest one is out for longer than usual and the limit. While somebody
// has paused the shop or the feed nobody asks.
func (w *Watcher) queue(ctx context.Context, now time.Time, notes map[string]string) ([]Sign, error) {
	all, err := w.Ledger.Unjudged(ctx)
	if err != nil {
		return nil, err
	}
	shops := map[string]*bridge.Unjudged{} // by shop
	for _, u := range all {
		sum := shops[w.shopOf(u.Feed)]
		if sum == nil {
			shops[w.shopOf(u.Feed)] = &u
			continue
		}
		if n := sum.N + u.N; u.Oldest.Before(sum.Oldest) {
			*sum, sum.N = u, n
		} else {
			sum.N = n
		}
	}
	var signs []Sign
	for _, shop := range slices.Sorted(maps.Keys(shops)) {
		if s, is := w.queueOf(shop, shops[shop], now, notes); is {
			signs = append(signs, s)
		}
	}
	return signs, nil
}

func (w *Watcher) queueOf(shop string, u *bridge.Unjudged, now time.Time, notes map[string]string) (Sign, bool) {
	work, usual := bridge.OfShop(bridge.ShopWork, shop), w.heard.usual(shop)
	if bridge.HaltedNow(notes, now, work, "feed "+u.Feed) != nil || now.Sub(u.Oldest) <= usual+w.Limits.Queue.D() {
		return Sign{}, false
	}
	text := fmt.Sprintf("%d batches wait, the oldest since %s", u.N, u.Oldest.UTC().Format("2006-01-02 15:04 MST"))
	if usual > 0 {
		text += fmt.Sprintf("; usually one takes %s", usual.Round(time.Second))
	}
	s := of(work, bridge.AlarmQueue, u.N, text)
	s.Begun, s.Drop, s.File = u.Oldest, u.Drop, u.File
	return s, true
}
