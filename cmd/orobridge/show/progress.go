package show

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// ShowProgress shows how far long work is and how fast it goes, from what its observer is told; on a terminal only.
func (p *Pen) ShowProgress(events *bridge.Events) {
	if !OnTerminal(p.Stderr) {
		return
	}
	var mu sync.Mutex
	var last time.Time
	paces := map[string]*progress{}
	events.Observe(func(event *bridge.Event) {
		if event.Kind != bridge.Progressed {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		work := paces[event.Feed]
		if work == nil || work.phase != event.Phase || work.file != event.File || event.Done < work.from {
			work = &progress{file: event.File, phase: event.Phase, from: event.Done, began: now}
			paces[event.Feed] = work
		}
		if now.Sub(last) < 100*time.Millisecond {
			return
		}
		last, p.progress = now, true
		fmt.Fprintf(p.Stderr, eraseLine+"%s %s: %s", event.Feed, Printable(event.File), work.line(event, now))
	})
}

// progress is how a feed's work goes since it has begun with its file, in one phase.
type progress struct {
	file, phase string
	from        int64
	began       time.Time
}

// line says how far the work is, how fast it goes, and how long it may take.
func (p *progress) line(event *bridge.Event, now time.Time) string {
	text := fmt.Sprintf("%s %d", event.Phase, event.Done)
	if event.Total > 0 {
		text += fmt.Sprintf(" of %d", event.Total)
	}
	took := now.Sub(p.began).Seconds()
	if took < 1 || event.Done == p.from {
		return text
	}
	perSecond := float64(event.Done-p.from) / took
	return text + Pace(perSecond, float64(max(event.Total-event.Done, 0))/perSecond)
}

// Erase takes the progress off the terminal, before something else is printed there.
func (p *Pen) Erase() {
	if p.progress {
		io.WriteString(p.Stderr, eraseLine)
		p.progress = false
	}
}
