package main

import "sync"

// newCrasher calls die when a step is reached for the n-th time. With step "*" every step counts.
func newCrasher(step string, n int, die func()) func(string) {
	var mu sync.Mutex
	return func(name string) {
		if step != "*" && name != step {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if n--; n == 0 {
			die()
		}
	}
}
