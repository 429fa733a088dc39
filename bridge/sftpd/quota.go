package sftpd

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/orobridge/orobridge/bridge"
)

// A quota is measured anew after a minute, and a full one after six seconds.
const (
	measureAfter     = time.Minute
	measureFullAfter = 6 * time.Second
)

// usage is what a user's folder holds, as far as a quota asks. It is measured once a minute at most, and reckoned in
// between: the bridge and the machine's own users change the folder as well.
type usage struct {
	quota Quota

	mu       sync.Mutex
	measured time.Time
	bytes    int64
	files    int
}

func newUsage(q Quota) *usage { return &usage{quota: q} }

// take counts bytes and files that are about to come, or says that there is no room.
func (u *usage) take(root *os.Root, bytes int64, files int) error {
	if u.quota == (Quota{}) {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if age := time.Since(u.measured); age > measureAfter || age > measureFullAfter && u.full(bytes, files) != nil {
		u.measure(root)
	}
	if err := u.full(bytes, files); err != nil && (bytes > 0 || files > 0) {
		return err
	}
	u.bytes, u.files = max(0, u.bytes+bytes), u.files+files
	return nil
}

func (u *usage) full(bytes int64, files int) error {
	switch {
	case u.quota.Size > 0 && u.bytes+bytes > int64(u.quota.Size):
		return fmt.Errorf("your folder may hold %v and is full: delete something, or ask the operator", u.quota.Size)
	case u.quota.Files > 0 && files > 0 && u.files+files > u.quota.Files:
		return fmt.Errorf("your folder may hold %d files and is full: delete something, or ask the operator", u.quota.Files)
	}
	return nil
}

// measure walks the folder; what can't be read counts for nothing.
func (u *usage) measure(root *os.Root) {
	u.measured, u.bytes, u.files = time.Now(), 0, 0
	_ = fs.WalkDir(root.FS(), ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || p == "." {
			return nil
		}
		u.files++
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			u.bytes += info.Size()
		}
		return nil
	})
}

// removed gives room back.
func (u *usage) removed(bytes int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.bytes, u.files = max(0, u.bytes-bytes), max(0, u.files-1)
}

// pace is a user's speed in both directions; nil is as fast as it goes.
type pace struct{ in, out *rate.Limiter }

func newPace(bytes bridge.Size) *pace {
	if bytes == 0 {
		return nil
	}
	limiter := func() *rate.Limiter { return rate.NewLimiter(rate.Limit(bytes), maxData) }
	return &pace{limiter(), limiter()}
}

// wait until n bytes may pass, or the server ends.
func (p *pace) wait(ctx context.Context, in bool, n int) {
	if p == nil {
		return
	}
	limiter := p.out
	if in {
		limiter = p.in
	}
	for n > 0 {
		part := min(n, maxData)
		if limiter.WaitN(ctx, part) != nil {
			return
		}
		n -= part
	}
}
