package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestZZ(t *testing.T) {
	w := newOrderWorld(t, "", `feeds:
  - { name: customers, entity: customers, remote: sap, folder: customers, match: '*.csv', every: 100ms, ready: { stable: 0s }, format: { kind: csv } }
`)
	w.customers(100000)
	w.running()
	w.await("the import", func() bool { return w.shop.Count("customers") > 50 })
	w.shop.JournalReset()
	begin := time.Now()
	go func() {
		for w.shop.Count("customers") < 100000 {
			time.Sleep(50 * time.Millisecond)
		}
		t.Logf("import over after %v", time.Since(begin))
	}()
	w.report(w.measure(300, 40*time.Millisecond))
	by := map[string][]time.Duration{}
	for _, r := range w.shop.Journal() {
		k := r.Method + " " + strings.SplitN(r.Path, "?", 2)[0]
		if strings.Contains(r.Path, "filter%5Bid%5D") {
			k += " ids"
		}
		if strings.Contains(k, "asyncoperations/") {
			k = "GET asyncoperations"
		}
		by[k] = append(by[k], r.Took)
	}
	for k, l := range by {
		slices.Sort(l)
		t.Log(k, len(l), l[len(l)/2], l[len(l)*99/100])
	}
}
