// Command bench measures what users feel, each figure beside the one that is wanted.
//
//	go run ./scripts/bench              within three minutes, with little data, and without what bridges share (failover, scale)
//	go run ./scripts/bench -long        an hour, with as much as the wanted figures speak of
//	go run ./scripts/bench -only plan   what has this in its name
//
// It builds the program and runs it as a user would, against the shop in a box and OpenSSH's server, both on loopback and outside
// the process that is measured, which a small process starts. CPU time and peak memory are the operating system's figures for the finished
// process, its start included. A ratio of 1 is as wanted, below is better. Figures of a busy machine say little: look at its load first.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	var b bench
	flag.BoolVar(&b.long, "long", false, "as much data as the wanted figures speak of")
	flag.StringVar(&b.only, "only", "", "measure only what has this in its name")
	flag.StringVar(&b.dir, "dir", "", "folder to work in, which is kept; default a temporary one")
	holds := flag.String("shop", "", "used by itself")
	at := flag.String("people", "", "used by itself")
	program := flag.String("start", "", "used by itself")
	flag.Parse()
	do := b.run
	switch {
	case *holds != "":
		do = func() error { return serve(*holds) }
	case *at != "":
		do = func() error { return visit(*at) }
	case *program != "":
		do = func() error { return between(*program, flag.Args()) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

type bench struct {
	long bool
	only string
	dir  string
	shop *shop
}

// A figure is what was measured and what is wanted of it.
type figure struct {
	what      string
	got, want float64
	unit      string
	more      bool // the more the better
}

// ratio is 1 for what is as wanted, and less for what is better.
func (f figure) ratio() float64 {
	if f.more {
		return f.want / f.got
	}
	return f.got / f.want
}

func (f figure) String() string {
	return fmt.Sprintf("%-58s %12.1f %12.1f %-8s %6.2f", f.what, f.got, f.want, f.unit, f.ratio())
}

func (b *bench) run() error {
	if b.dir == "" {
		tmp, err := os.MkdirTemp("", "orobridge-bench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(tmp)
		b.dir = tmp
	}
	build := exec.Command("go", "build", "-o", b.program(), "./cmd/orobridge")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w: %s", err, out)
	}
	if err := errors.Join(settled(b.program()), b.open(0, 0)); err != nil {
		return err
	}
	began := time.Now()
	fmt.Printf("%-58s %12s %12s %-8s %6s\n", "", "measured", "wanted", "", "ratio")
	failed, all, over := []error{}, 0, 0
	if b.long || b.only != "" {
		measures = append(measures, slow...)
	}
	for _, m := range measures {
		if !strings.Contains(m.name, b.only) {
			continue
		}
		figures, err := m.take(b, filepath.Join(b.dir, strings.ReplaceAll(m.name, " ", "-")))
		for _, f := range figures {
			fmt.Println(f)
			if all++; f.ratio() > 1 {
				over++
			}
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", m.name, err))
		}
	}
	fmt.Printf("%d of %d figures are not as wanted; ", over, all)
	fmt.Printf("took %v; the machine's load: %s\n", time.Since(began).Round(time.Second), load())
	return errors.Join(append(failed, b.closeShop())...)
}

// settled has a program read from the disk, as one is that was installed: what was linked a moment ago stands in memory in large pieces, of
// which each is counted whole as soon as a page of it is used. That is some 10 MB.
func settled(program string) error {
	f, err := os.Open(program)
	if err != nil {
		return err
	}
	defer f.Close()
	return errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED))
}

// load is the machine's, in the last one, five and fifteen minutes.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); err == nil && len(fields) > 3 {
		return strings.Join(fields[:3], " ")
	}
	return "not known here"
}

// of is how much of something is measured.
func (b *bench) of(quick, long int) int {
	if b.long {
		return long
	}
	return quick
}

func (b *bench) program() string { return filepath.Join(b.dir, "orobridge") }

// site makes a folder with a config, and the folder "drops" in it.
func (b *bench) site(dir, rest string) error {
	config := fmt.Sprintf("state: { dir: ./var }\noro: { url: %s, client_id: demo, client_secret: demo }\n%s", b.shop.url, rest)
	return errors.Join(os.MkdirAll(filepath.Join(dir, "drops"), 0o755),
		os.WriteFile(filepath.Join(dir, "orobridge.yaml"), []byte(config), 0o600))
}
