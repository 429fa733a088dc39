package oro

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// pauses keeps what the shop, or a proxy before it, asked to be left alone with: reading or writing one kind of record. The
// rest goes on: a limit on batches of prices keeps no order waiting.
type pauses struct {
	mu    sync.Mutex
	until map[string]pausing
}

type pausing struct {
	end time.Time
	why error
}

// about is what a request belongs to: "read orders", "write productprices".
func about(op, path string) string {
	if op != "read" {
		op = "write"
	}
	kind, _, _ := strings.Cut(path, "/")
	return op + " " + kind
}

// begin notes a pause and tells its end.
func (p *pauses) begin(op, path string, after time.Duration, now time.Time, why error) error {
	end := now.Add(min(after, longestPause))
	why = fmt.Errorf("%w (it asks to be left alone for %v; it is asked again at %s)", why, after, end.UTC().Format(time.RFC3339))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil {
		p.until = make(map[string]pausing)
	}
	p.until[about(op, path)] = pausing{end, why}
	return why
}

// check refuses what would come too early, without a request.
func (p *pauses) check(op, path string, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := about(op, path)
	at, ok := p.until[key]
	switch {
	case !ok:
		return nil
	case !now.Before(at.end):
		delete(p.until, key)
		return nil
	}
	return &bridge.Error{Op: op, Object: path, Fate: bridge.Pause, After: at.end.Sub(now), Err: at.why}
}
