//go:build race

package hostiletest_test

// raceFactor is how many times the memory the race detector takes at most (go.dev/doc/articles/race_detector: 5 to 10).
const raceFactor = 6
