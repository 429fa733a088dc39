// Command planbench measures how fast a re-drop of unchanged prices is planned, and in how much memory.
//
//	go run ./scripts/planbench -rows 1000000
//
// It makes a price file of that many rows and a ledger that knows every one of them, then starts itself as a process of
// its own for each measurement: planning the file, and reading it with nothing but encoding/csv. Peak memory is the
// operating system's figure for the finished process. With -dir the file and the ledger are kept for the next time.
package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/formats"
	formatcsv "github.com/orobridge/orobridge/formats/csv"
	"github.com/orobridge/orobridge/state"
)

func main() {
	var b bench
	flag.IntVar(&b.rows, "rows", 1_000_000, "rows of the file")
	flag.StringVar(&b.dir, "dir", "", "folder that is kept; default a temporary one")
	flag.IntVar(&b.times, "times", 3, "measurements of each kind")
	flag.BoolVar(&b.scatter, "scatter", false, "keys in no order, instead of ascending")
	child := flag.String("child", "", "used by itself")
	flag.Parse()
	do := b.run
	switch *child {
	case "plan":
		do = b.plan
	case "csv":
		do = b.bare
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

type bench struct {
	rows    int
	dir     string
	times   int
	scatter bool
}

func (b *bench) run() error {
	if b.dir == "" {
		tmp, err := os.MkdirTemp("", "planbench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		b.dir = tmp
	}
	if err := b.prepare(); err != nil {
		return err
	}
	best := map[string]time.Duration{}
	for range b.times {
		for _, kind := range []string{"plan", "csv"} {
			took, peak, err := b.measure(kind)
			if err != nil {
				return err
			}
			if best[kind] == 0 || took < best[kind] {
				best[kind] = took
			}
			fmt.Printf("%-4s  %9.0f rows/s  %6.2f s  peak %3d MB\n", kind, float64(b.rows)/took.Seconds(), took.Seconds(), peak>>20)
		}
	}
	fmt.Printf("%d rows: planning takes %.2f times as long as encoding/csv alone\n", b.rows, best["plan"].Seconds()/best["csv"].Seconds())
	return nil
}

// measure runs a child and returns how long its work took, as it says itself, and its peak memory in bytes.
func (b *bench) measure(kind string) (time.Duration, int64, error) {
	cmd := exec.Command(os.Args[0], "-child", kind, "-dir", b.dir, "-rows", strconv.Itoa(b.rows))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", kind, err)
	}
	took, err := time.ParseDuration(strings.TrimSpace(string(out)))
	if err != nil {
		return 0, 0, err
	}
	return took, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss * 1024, nil
}

func price(i int) string { return fmt.Sprintf("%d.%d", i%900+1, i%9+1) }

func (b *bench) file() string { return filepath.Join(b.dir, "prices.csv") }

// prepare makes the file and the ledger, unless a folder that was kept holds them already.
func (b *bench) prepare() error {
	done := filepath.Join(b.dir, "ready")
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	began := time.Now()
	file, err := os.Create(b.file())
	if err != nil {
		return err
	}
	ctx := context.Background()
	ledger, err := state.Open(ctx, b.dir, state.Options{})
	if err != nil {
		return err
	}
	out := bufio.NewWriter(file)
	fmt.Fprintln(out, "price_list,sku,unit,quantity,currency,value")
	var page []bridge.Settlement
	for n := range b.rows {
		i := n
		if b.scatter {
			i = int(int64(n) * 7_368_787 % int64(b.rows))
		}
		fmt.Fprintf(out, "Retail EUR,SKU-%08d,item,1,EUR,%s\n", i, price(i))
		key := fmt.Sprintf("Retail EUR|SKU-%08d|item|1|EUR", n)
		link := &bridge.Link{Entity: "prices", Key: key, OroID: "1", Feed: "prices", Drop: 1, Run: 1,
			Content: []formats.Value{{Field: "value", Text: price(n)}}}
		page = append(page, bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Fate: bridge.FateCreated, Entity: "prices", Key: key,
			Drop: 1, Run: 1}, Link: link})
		if len(page) == 20_000 || n == b.rows-1 {
			if err := ledger.Settle(ctx, 0, page); err != nil {
				return err
			}
			page = page[:0]
		}
	}
	err = errors.Join(out.Flush(), file.Close(), ledger.Close(), os.WriteFile(done, nil, 0o600))
	fmt.Printf("prepared %d rows in %.0f s\n", b.rows, time.Since(began).Seconds())
	return err
}

// plan plans the file as `orobridge plan` does, and prints how long that took.
func (b *bench) plan() error {
	ctx := context.Background()
	ledger, err := state.Open(ctx, b.dir, state.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	feed := &config.Feed{Name: "prices", Entity: formats.Prices, Mode: "delta", Repeats: "last", Format: &formatcsv.Options{}}
	engine := &inbound.Engine{Feeds: []*config.Feed{feed}, InFlight: 4, Batch: 500, Ledger: ledger,
		Clock: bridge.SystemClock{}}
	began := time.Now()
	v, err := engine.Plan(ctx, feed, b.file(), inbound.PreviewOptions{})
	if err != nil {
		return err
	}
	if v.Run.Unchanged != int64(b.rows) {
		return fmt.Errorf("%d of %d rows are unchanged", v.Run.Unchanged, b.rows)
	}
	fmt.Println(time.Since(began))
	return ledger.Close()
}

// bare reads the file with nothing but encoding/csv, and prints how long that took.
func (b *bench) bare() error {
	began := time.Now()
	f, err := os.Open(b.file())
	if err != nil {
		return err
	}
	defer f.Close()
	r := csv.NewReader(bufio.NewReaderSize(f, 256<<10))
	r.ReuseRecord = true
	for {
		if _, err := r.Read(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	fmt.Println(time.Since(began))
	return nil
}
