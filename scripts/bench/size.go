package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// stateSize loads two versions of a file, of which one row in a hundred differs, as they come every day, and looks at what the state
// folder takes while it does and after each: of products with texts, in rows of some 286 bytes, and of prices, in rows of 41. The shop
// knows none of them. The second load has the first one's ledger and its copy of the file beside its own.
func stateSize(b *bench, dir string) ([]figure, error) {
	n := b.of(50_000, 1_000_000)
	if err := b.open(n, 0); err != nil {
		return nil, err
	}
	var all []figure
	for _, form := range []struct {
		entity string
		write  func(path string, rows, change int) error
	}{
		{"products", products},
		{"prices", func(path string, rows, change int) error { return prices(path, rows, change, inOrder) }},
	} {
		figures, err := b.sizeOf(filepath.Join(dir, form.entity), form.entity, n, form.write)
		if all = append(all, figures...); err != nil {
			return all, err
		}
	}
	return all, nil
}

func (b *bench) sizeOf(dir, entity string, n int, write func(path string, rows, change int) error) (all []figure, err error) {
	if err := b.site(dir, strings.ReplaceAll(onDisk, "prices", entity)); err != nil {
		return nil, err
	}
	state := filepath.Join(dir, "var")
	for version := range 2 {
		path := filepath.Join(dir, "drops", fmt.Sprintf("%d.csv", version))
		if err := write(path, n, version); err != nil {
			return all, err
		}
		file, err := os.Stat(path)
		if err != nil {
			return all, err
		}
		largest := watch(state)
		_, err = b.orobridge(dir, "run", "--once")
		most, watchErr := largest()
		left, leftErr := bytesIn(state)
		if err = errors.Join(err, watchErr, leftErr); err != nil {
			return all, err
		}
		of := func(what string, bytes int64) figure {
			return figure{what, float64(bytes) / float64(file.Size()), 2, "times", false}
		}
		while := []string{fmt.Sprintf("state of %d %s of %d bytes, while they load", n, entity, file.Size()/int64(n)),
			"  while they load again"}[version]
		all = append(all, of(while, most), of("  afterwards", left))
	}
	return all, nil
}

// bytesIn is how many bytes the files of a folder have. What is gone meanwhile, or not there yet, has none.
func bytesIn(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = entry.Info(); err == nil {
				size += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	})
	return size, err
}

// watch looks at how many bytes a folder takes until it is asked for the most.
func watch(dir string) (most func() (int64, error)) {
	var largest int64
	var failed error
	ended, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for tick := time.NewTicker(50 * time.Millisecond); ; {
			size, err := bytesIn(dir)
			largest, failed = max(largest, size), errors.Join(failed, err)
			select {
			case <-ended:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	return func() (int64, error) {
		close(ended)
		<-stopped
		return largest, failed
	}
}

// products writes a file of products with texts of words, of which a few are frequent and most are rare. Every hundredth of them has
// another description, if change is not 0.
func products(path string, rows, change int) error {
	return write(path, func(w *bufio.Writer) {
		fmt.Fprintln(w, "sku,name,unit,short_description,description,status")
		for i := range rows {
			version := 0
			if i%100 == 0 {
				version = change
			}
			r := rand.New(rand.NewPCG(uint64(i), uint64(version)))
			fmt.Fprintf(w, "NEW-%08d,%s,item,%s,%s,enabled\n", i, words(r, 30), words(r, 60), words(r, 152))
		}
	})
}

// words is a text of at least so many bytes, out of some thousand words.
func words(r *rand.Rand, bytes int) string {
	const syllables = "ba ko li mer ta sun ve dro pli ga ren to schi fa nor ka ste bu lo wi ker ma hal te zin pra do gel ru an"
	all := strings.Fields(syllables)
	var b strings.Builder
	for b.Len() < bytes {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		u := r.Float64()
		for n := int(u * u * u * 27000); ; n /= len(all) { // its digits are syllables; small numbers are frequent
			b.WriteString(all[n%len(all)])
			if n < len(all) {
				break
			}
		}
	}
	return b.String()
}
