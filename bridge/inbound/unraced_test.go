//go:build !race

package inbound_test

// raced says that the race detector watches.
const raced = false
