package sftpd

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestNobodyWaitsForTheHashesOfLargeFiles(t *testing.T) {
	h := newHasher() // nobody works
	var turns, without atomic.Int64
	for range 100 {
		h.take(largeHash, func() { turns.Add(1) }, func() { without.Add(1) })
	}
	h.take(largeHash-1, func() { turns.Add(1) }, func() { without.Add(1) })
	h.close()
	h.run()
	if turns.Load() != int64(cap(h.large)+1) || without.Load() != int64(100-cap(h.large)) {
		t.Errorf("%d had their turn, %d did without", turns.Load(), without.Load())
	}
}

func TestRules(t *testing.T) {
	tests := []struct {
		rule, path   string
		match, below bool
	}{
		{"/in/**", "/in", true, true},
		{"/in/**", "/in/a", true, true},
		{"/in/**", "/in/a/b/c", true, true},
		{"/in/**", "/", false, true},
		{"/in/**", "/inn", false, false},
		{"/in/**", "/in2/a", false, false},
		{"/out/*.csv", "/out/a.csv", true, true},
		{"/out/*.csv", "/out/a/b.csv", false, false},
		{"/out/*.csv", "/out", false, true},
		{"/**/*.csv", "/a.csv", true, true},
		{"/**/*.csv", "/x/y/a.csv", true, true},
		{"/**/*.csv", "/x/y/a.txt", false, true},
		{"/**", "/", true, true},
		{"/**", "/x", true, true},
		{"/", "/", true, true},
		{"/a/**/z", "/a/z", true, true},
		{"/a/**/z", "/a/b/c/z", true, true},
		{"/a/**/z", "/a/b/c", false, true},
		{"/*/out/**", "/sap/out/p.csv", true, true},
		{"/*/out/**", "/sap/in/p.csv", false, false},
		{"/[ab]/f", "/b/f", true, true},
	}
	for _, tt := range tests {
		r, err := parseRule(tt.rule)
		if err != nil {
			t.Fatal(err)
		}
		elements, err := split(tt.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.match(elements, false); got != tt.match {
			t.Errorf("%s of %s: %t", tt.rule, tt.path, got)
		}
		if got := r.match(elements, true); got != tt.below {
			t.Errorf("%s of %s or something below: %t", tt.rule, tt.path, got)
		}
	}
	for _, text := range []string{"", "in/**", "/../x", "/a[", "/a**", "/a/**b/c", "/a\nb"} {
		if r, err := parseRule(text); err == nil {
			t.Errorf("%q is a rule: %q", text, r)
		}
	}
}

func TestCoverage(t *testing.T) {
	c := &coverage{size: 100}
	steps := []struct {
		from, to int64
		spans    int
	}{{50, 60, 1}, {0, 10, 2}, {70, 100, 3}, {10, 20, 3}, {55, 72, 2}, {30, 30, 2}, {25, 26, 3}, {19, 51, 1}}
	for _, s := range steps {
		c.add(s.from, s.to)
		if len(c.spans) != s.spans {
			t.Errorf("after %v: %v", s, c.spans)
		}
	}
	if c.spans[0] != (span{0, 100}) {
		t.Errorf("%v", c.spans)
	}
}

func TestAppendingToldWrongEndsAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAppending(100)
		began := time.Now()
		if _, err := a.place(50, 10); err == nil || time.Since(began) != unknownWait {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		late := make(chan int64, 1)
		go func() { off, _ := a.place(32768, 10); late <- off }() // overtook the first
		synctest.Wait()
		if off, err := a.place(0, 32768); off != 100 || err != nil {
			t.Errorf("first: %d, %v", off, err)
		}
		if off := <-late; off != 32868 {
			t.Errorf("second: %d", off)
		}
	})
}
