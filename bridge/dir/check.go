package dir

import (
	"context"
	"errors"
	"fmt"

	"github.com/orobridge/orobridge/bridge"
)

// Check tells whether the folder is there and can be listed. It writes nothing.
func (r *Remote) Check(ctx context.Context) []bridge.Finding {
	f := bridge.Finding{Subject: "remote " + r.name, What: "list folder " + r.path}
	files, err := r.List(ctx, "")
	if err != nil {
		f.Detail, f.Hint, f.Unreachable = err.Error(), bridge.HintOf(err), errors.Is(err, bridge.ErrUnreachable)
		return []bridge.Finding{f}
	}
	f.OK, f.Detail = true, fmt.Sprintf("%d entries", len(files))
	findings := []bridge.Finding{f}
	if free, ok := freeSpace(r.path); ok {
		s := bridge.Finding{Subject: f.Subject, What: "look for free space", OK: free >= 100<<20,
			Detail: fmt.Sprintf("%.1f GiB free", float64(free)/(1<<30))}
		if !s.OK {
			s.Hint = "make room on the disk: less than 100 MiB is left"
		}
		findings = append(findings, s)
	}
	return append(findings, r.checkWatch(ctx))
}

// checkWatch tells whether events come; a lack is no failure.
func (r *Remote) checkWatch(ctx context.Context) bridge.Finding {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := bridge.Finding{Subject: "remote " + r.name, What: "watch the folder", OK: true, Detail: "events wake the bridge"}
	if wake, err := r.Watch(ctx, ""); err != nil || wake == nil {
		f.Detail = "no events: the folder is polled only"
		f.Hint = "raise fs.inotify.max_user_watches if drops should be noticed at once"
	}
	return f
}
