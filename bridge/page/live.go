package page

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/formats"
)

const (
	maxWatchers = 256
	newsEvery   = 2 * time.Second  // at most so often is a watcher told that something has happened
	beatEvery   = 20 * time.Second // a line that keeps proxies from hanging up
	watchFor    = 10 * time.Minute // then a browser comes again, and shows who it is
	writeWithin = 10 * time.Second
)

// news hands on to watchers that something has happened. What it was they find in the pages; only progress is told as it is.
type news struct {
	happened  atomic.Int64 // grows with whatever changes a page
	decisions atomic.Int64 // grows with what somebody has decided
	stop      func()

	mu       sync.Mutex
	changed  bool
	progress map[string]progress // by feed, since the last time
	watchers map[chan bulletin]bool
	closed   bool
}

// progress is how far a feed's run is.
type progress struct {
	Feed  string `json:"feed"`
	File  string `json:"file"`
	Phase string `json:"phase"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
}

// bulletin is what a watcher is told. It is put into words once for all of them.
type bulletin struct {
	changed  bool
	progress []told
}

// told is how far a feed's run is, as watchers hear it.
type told struct{ feed, text string }

// quiet are the kinds of what happens without that a page changes: batch by batch, and who comes and goes.
var quiet = append([]bridge.EventKind{bridge.StepReached, bridge.PersonSeen, bridge.LoggedIn, bridge.LoggedOut, bridge.LoginRefused,
	bridge.SessionBegan, bridge.SessionEnded, bridge.FileUploaded, bridge.FileDownloaded, bridge.FileRenamed, bridge.FileDeleted,
	bridge.FolderMade, bridge.PartnerRefused, bridge.Pruned}, bridge.BatchKinds...)

func newNews(ctx context.Context, wait *sync.WaitGroup, events *bridge.Events) *news {
	n := &news{progress: map[string]progress{}, watchers: map[chan bulletin]bool{}}
	n.stop = events.Observe(n.observe)
	wait.Go(func() {
		tick := time.NewTicker(newsEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				n.tell()
			}
		}
	})
	return n
}

// observe is called by whoever does the work, and is quick.
func (n *news) observe(e *bridge.Event) {
	switch {
	case slices.Contains(quiet, e.Kind):
	case e.Kind == bridge.Progressed:
		n.mu.Lock()
		n.progress[e.Feed] = progress{e.Feed, formats.Printable(e.File), e.Phase, e.Done, e.Total}
		n.mu.Unlock()
	default:
		n.happened.Add(1)
		if e.Kind == bridge.DecisionTaken {
			n.decisions.Add(1)
		}
		n.mu.Lock()
		n.changed = true
		n.mu.Unlock()
	}
}

// now is how much has happened.
func (n *news) now() moment { return moment{n.happened.Load(), n.decisions.Load()} }

// tell hands on what has happened since the last time. A watcher who has not taken the last message yet gets this one with the next.
func (n *news) tell() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.changed && len(n.progress) == 0 {
		return
	}
	m := bulletin{changed: n.changed}
	for _, p := range n.progress {
		if text, err := json.Marshal(p); err == nil { // texts and numbers can all be told
			m.progress = append(m.progress, told{p.Feed, "event: progress\ndata: " + string(text) + "\n\n"})
		}
	}
	n.changed = false
	clear(n.progress)
	for w := range n.watchers {
		select {
		case w <- m:
		default:
			select { // the old message gives way, and what it said is not lost
			case old := <-w:
				w <- bulletin{changed: m.changed || old.changed, progress: m.progress}
			default:
				w <- m
			}
		}
	}
}

func (n *news) join() (chan bulletin, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed || len(n.watchers) >= maxWatchers {
		return nil, false
	}
	w := make(chan bulletin, 1)
	n.watchers[w] = true
	return w, true
}

func (n *news) leave(w chan bulletin) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.watchers[w] {
		delete(n.watchers, w)
		close(w)
	}
}

// close sends all watchers away.
func (n *news) close() {
	n.stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for w := range n.watchers {
		delete(n.watchers, w)
		close(w)
	}
}

// watch tells a browser of news until it goes (https://html.spec.whatwg.org/multipage/server-sent-events.html).
func (s *Server) watch(w http.ResponseWriter, r *http.Request) {
	c, ok := s.news.join()
	if !ok {
		w.Header().Set("Retry-After", "60")
		http.Error(w, "too many are watching", http.StatusServiceUnavailable)
		return
	}
	defer s.news.leave(c)
	seen := s.Desk.SeenBy(admit.CallerOf(r.Context()).Shops)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // the request has been read; a test's recorder has none
	send := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeWithin)) // as above
		_, err := io.WriteString(w, text)
		return err == nil && out.Flush() == nil
	}
	if !send("retry: 5000\n\n") {
		return
	}
	over, beat := time.NewTimer(watchFor), time.NewTicker(beatEvery)
	defer over.Stop()
	defer beat.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-over.C:
			return
		case <-beat.C:
			if !send(": still here\n\n") {
				return
			}
		case m, ok := <-c:
			if !ok || !send(m.to(&seen)) {
				return
			}
		}
	}
}

// to is a bulletin for somebody who may see some shops.
func (m bulletin) to(seen *operate.View) string {
	var b strings.Builder
	for _, p := range m.progress {
		if !seen.Narrow() || seen.ShopOf(p.feed) != "" {
			b.WriteString(p.text)
		}
	}
	if m.changed {
		b.WriteString("event: news\ndata: {}\n\n")
	}
	return b.String()
}
