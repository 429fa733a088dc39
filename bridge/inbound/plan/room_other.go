//go:build !linux

package plan

func takeRoom(size int) ([]byte, error) { return make([]byte, size), nil }

func giveRoom([]byte) error { return nil }
