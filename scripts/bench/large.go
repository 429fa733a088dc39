package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	head        = "price_list,sku,unit,quantity,currency,value\n"
	bytesOfARow = 40 // of a price, at least
)

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
	var figures []figure
	peak := 0.0
	for _, rows := range []int{few, n} {
		path := filepath.Join(erp.root(), fmt.Sprintf("%d.csv", rows))
		if err := again(path, rows, known); err != nil {
			return figures, err
		}
		t, err := b.orobridge(at, "run", "--once")
		if err = errors.Join(err, os.RemoveAll(filepath.Join(erp.root(), "archive"))); err != nil {
			return figures, err
		}
		if peak == 0 {
			peak = t.peak
			continue
		}
		figures = []figure{
			{fmt.Sprintf("memory: a file of %d rows over sshd to one of %d", n, few), t.peak / peak, 1.1, "times", false},
			{"  peak memory", t.peak, 64, "MB", false},
		}
	}
	return figures, nil
}

// again writes a file that says the prices below a number in their order, and then again, until it has so many rows.
func again(path string, rows, prices int) error {
	return write(path, func(w *bufio.Writer) {
		_, _ = w.WriteString(head) // the writer keeps its error
		var row []byte
		for n := range rows {
			i := n % prices
			row = fmt.Appendf(row[:0], "Retail EUR,%s,item,1,EUR,%s\n", sku(i), value(i, 0))
			_, _ = w.Write(row)
		}
	})
}
