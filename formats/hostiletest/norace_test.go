//go:build !race

package hostiletest_test

const raceFactor = 1
