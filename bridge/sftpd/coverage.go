package sftpd

import (
	"io/fs"
	"slices"
	"sync"
	"time"
)

// coverages remember which parts of files partners have read, over all their handles and connections, so that one who
// fetches a file in parts, or resumes, is known to have it in the end.
type coverages struct {
	mu  sync.Mutex
	all map[covered]*coverage
}

type covered struct{ user, path string }

// Limits of what is remembered.
const (
	maxCoverages = 10_000
	maxSpans     = 256 // of one file, with holes between them: clients ask for far fewer parts side by side
)

func newCoverages() *coverages { return &coverages{all: map[covered]*coverage{}} }

// coverage is what one partner has read of one file as it was.
type coverage struct {
	mu    sync.Mutex
	size  int64
	mtime time.Time
	spans []span // sorted, with holes between them
	asked bool   // something was read, be it the end of an empty file
}

type span struct{ from, to int64 }

// of finds the coverage of a file, a new one when the file is not the same any more.
func (c *coverages) of(user, path string, info fs.FileInfo) *coverage {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := covered{user, path}
	if old := c.all[key]; old != nil && old.same(info) {
		return old
	}
	if len(c.all) >= maxCoverages {
		clear(c.all)
	}
	c.all[key] = &coverage{size: info.Size(), mtime: info.ModTime()}
	return c.all[key]
}

// forget a file that was read to its end.
func (c *coverages) forget(user, path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, covered{user, path})
}

func (c *coverage) same(info fs.FileInfo) bool {
	return c.size == info.Size() && c.mtime.Equal(info.ModTime())
}

// add says that a part was read.
func (c *coverage) add(from, to int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = true
	if from >= to {
		return
	}
	// The first span that may touch the new one.
	i, _ := slices.BinarySearchFunc(c.spans, from, func(s span, from int64) int {
		if s.to < from {
			return -1
		}
		return 1
	})
	j := i
	for j < len(c.spans) && c.spans[j].from <= to {
		from, to = min(from, c.spans[j].from), max(to, c.spans[j].to)
		j++
	}
	c.spans = slices.Replace(c.spans, i, j, span{from, to})
	if len(c.spans) > maxSpans {
		c.spans = c.spans[:maxSpans]
	}
}

// whole says whether all was read of the file, which is still the same.
func (c *coverage) whole(info fs.FileInfo) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked || !c.same(info) {
		return false
	}
	return c.size == 0 || len(c.spans) == 1 && c.spans[0].from == 0 && c.spans[0].to >= c.size
}
