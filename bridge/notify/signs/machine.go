package signs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// ShopFacts are what the shop's answers show in passing.
type ShopFacts struct {
	Certificate time.Time     // when the one of its server ends; zero when none was seen
	Ahead       time.Duration // how far its clock is ahead of this machine's
}

// leastMemory is the share of memory that has to be free, in percent.
const leastMemory = 5

// machine are the signs of this machine, and of what is used on it.
func (w *Watcher) machine(now time.Time, tokens []bridge.End) ([]Sign, error) {
	var signs []Sign
	var errs []error
	if w.Disk != "" {
		free, err := freeDisk(w.Disk)
		if errs = append(errs, err); err == nil && free < int64(w.Limits.Disk) {
			signs = append(signs, of(bridge.BridgeWork, bridge.AlarmDisk, 1,
				fmt.Sprintf("the disk of %s has %s left, less than %s", w.Disk, rounded(free), w.Limits.Disk)))
		}
	}
	if free, of100, ok := freeMemory(os.DirFS("/")); ok && of100 < leastMemory {
		s := of(bridge.BridgeWork, bridge.AlarmMemory, 1, fmt.Sprintf("%s of memory are left, less than %d%%", rounded(free), leastMemory))
		s.After = w.Limits.Paused.D()
		signs = append(signs, s)
	}
	ends := tokens
	if w.Ends != nil {
		ends = slices.Concat(w.Ends(now), tokens)
	}
	for _, name := range slices.Sorted(maps.Keys(w.Shops)) {
		facts, work := w.Shops[name](), bridge.OfShop(bridge.ShopWork, name)
		ends = append([]bridge.End{{Of: work, What: "the certificate of the shop's server", At: facts.Certificate}}, ends...)
		if limit := w.Limits.Clock.D(); facts.Ahead > limit || facts.Ahead < -limit {
			signs = append(signs, clockSign(work, facts.Ahead))
		}
	}
	signs = append(signs, w.clocks()...)
	return append(signs, w.ending(now, ends)...), errors.Join(errs...)
}

// forgotten is how long after its end a token is nobody's any more.
const forgotten = 7 * 24 * time.Hour

// tokens are the ends of other systems' tokens.
func (w *Watcher) tokens(ctx context.Context, now time.Time) ([]bridge.End, error) {
	tokens, err := w.Ledger.Tokens(ctx)
	var ends []bridge.End
	for _, t := range tokens {
		if t.Revoked.IsZero() && t.Expires.Sub(now) > -forgotten {
			ends = append(ends, bridge.End{Of: bridge.BridgeWork, What: "the token " + t.Name, From: t.Made, At: t.Expires})
		}
	}
	return ends, err
}

func clockSign(work string, ahead time.Duration) Sign {
	word := "ahead of"
	if ahead < 0 {
		word, ahead = "behind", -ahead
	}
	return of(work, bridge.AlarmClock, 1, fmt.Sprintf("the shop's clock is %s %s this machine's", ahead.Round(time.Second), word))
}

// soon says that something ends within the limit, and in the last quarter of its time: a token for a day, or a certificate that others
// renew every night, does not end at once.
func (w *Watcher) soon(now time.Time, e bridge.End) bool {
	left := e.At.Sub(now)
	return !e.At.IsZero() && left <= w.Limits.Expires.D() && (e.From.IsZero() || left <= e.At.Sub(e.From)/4)
}

// ending are the signs of what ends soon: one for each piece of work, of what ends first.
func (w *Watcher) ending(now time.Time, ends []bridge.End) []Sign {
	ends = slices.DeleteFunc(slices.Clone(ends), func(e bridge.End) bool { return !w.soon(now, e) })
	slices.SortStableFunc(ends, func(a, b bridge.End) int { return a.At.Compare(b.At) })
	var signs []Sign
	for _, e := range ends {
		if i := slices.IndexFunc(signs, func(s Sign) bool { return s.Of == e.Of }); i >= 0 {
			signs[i].N++
			continue
		}
		word := "ends"
		if e.At.Before(now) {
			word = "has ended"
		}
		signs = append(signs, of(e.Of, bridge.AlarmExpires, 1, fmt.Sprintf("%s %s %s", e.What, word, e.At.UTC().Format("2006-01-02 15:04 MST"))))
	}
	return signs
}

// rounded is a number of bytes for people.
func rounded(n int64) string {
	switch {
	case n >= 10e9:
		return fmt.Sprintf("%d GB", n/1e9)
	case n >= 10e6:
		return fmt.Sprintf("%d MB", n/1e6)
	}
	return fmt.Sprintf("%d KB", n/1e3)
}

// freeDisk is how many bytes the program may still write below a folder.
func freeDisk(folder string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(folder, &s); err != nil {
		return 0, &bridge.Error{Op: "look how full the disk is of", Object: folder, Err: err}
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}

// freeMemory is how much memory is left, in bytes and in percent: of the limit of the program's control group (cgroup v2), or
// else of the machine (/proc/meminfo, MemAvailable). ok is false where neither tells.
func freeMemory(root fs.FS) (free, of100 int64, ok bool) {
	if limit, isLimit := numberIn(root, "sys/fs/cgroup/memory.max"); isLimit && limit > 0 {
		used, isUsed := numberIn(root, "sys/fs/cgroup/memory.current")
		cached := fieldOf(root, "sys/fs/cgroup/memory.stat", "inactive_file")
		if isUsed {
			free = limit - max(0, used-cached)
			return free, free * 100 / limit, true
		}
	}
	total, available := fieldOf(root, "proc/meminfo", "MemTotal:"), fieldOf(root, "proc/meminfo", "MemAvailable:")
	if total <= 0 || available <= 0 {
		return 0, 0, false
	}
	return available << 10, available * 100 / total, true
}

func numberIn(root fs.FS, name string) (int64, bool) {
	text, err := fs.ReadFile(root, path.Clean(name))
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// fieldOf is the number behind a word of a file of lines; 0 when there is none.
func fieldOf(root fs.FS, name, word string) int64 {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == word {
			n, _ := strconv.ParseInt(words[1], 10, 64) // not a number: not told
			return n
		}
	}
	return 0
}
