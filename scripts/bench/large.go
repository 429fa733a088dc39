package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const bytesOfARow = 40 // of a price, at least

// largeFile has sshd hold a file of prices that the shop has, and one of 10 MB before. The large one has some 10 GB, or what the disk
// allows: it says the same prices again and again, since to have the shop accept so many first would take hours.
func largeFile(b *bench, dir string) ([]figure, error) {
	const few = 10_000_000 / bytesOfARow
	known, n := b.of(50_000, 10_000_000), b.of(2_000_000, 240_000_000)
	var disk unix.Statfs_t
	if err := unix.Statfs(b.dir, &disk); err != nil {
		return nil, fmt.Errorf("see how much room is on the disk: %w", err)
	}
	n = min(n, int(int64(disk.Bavail)*disk.Bsize/bytesOfARow/4)) // the file, its copy, and as much to spare
	erp, err := server(dir)
	if err != nil {
		return nil, err
	}
	defer erp.stop()
	remote, err := onServer(erp)
	at, ledgerErr := b.ledgerOf(known)
	if err := errors.Join(err, ledgerErr, b.open(1, 0), b.site(at, remote+onSSH)); err != nil {
		return nil, err
	}
	var peaks []float64
	for _, rows := range []int{few, n} {
		again := func(n, _ int) int { return n % known }
		if err := prices(filepath.Join(erp.root(), fmt.Sprintf("%d.csv", rows)), rows, 0, again); err != nil {
			return nil, err
		}
		t, err := b.orobridge(at, "run", "--once")
		if err = errors.Join(err, os.RemoveAll(filepath.Join(erp.root(), "archive"))); err != nil {
			return nil, err
		}
		peaks = append(peaks, t.peak)
	}
	return []figure{
		{fmt.Sprintf("memory: a file of %d rows over sshd to one of %d", n, few), peaks[1] / peaks[0], 1.1, "times", false},
		{"  peak memory", peaks[1], 64, "MB", false},
	}, nil
}
