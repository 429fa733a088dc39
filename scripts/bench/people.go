package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/state"
)

// What people do beside a load: some watch a page, some look at pages.
const (
	watching = 200
	looking  = 50 // times a second
	oldDrops = 100_000
)

// lookedAt are the pages that people look at, in turn.
var lookedAt = []string{"/", "/drops", "/feeds", "/feeds/prices", "/rejects", "/orders", "/figures", "/drops/50000",
	"/search?q=SKU-00000100",
	"/drops?state=loaded&feed=prices"}

// people loads a file with nobody there, and the like with people who watch and look, and compares.
func people(b *bench, dir string) ([]figure, error) {
	n := b.of(50_000, 1_000_000)
	aged := dir + "-aged"
	if err := os.Mkdir(aged, 0o700); err != nil {
		return nil, err
	}
	if err := age(aged, oldDrops); err != nil {
		return nil, err
	}
	alone, err := b.loadBeside(dir+"-alone", aged, n, nil)
	if err != nil {
		return nil, err
	}
	var crowd crowd
	beside, err := b.loadBeside(dir, aged, n, &crowd)
	figures := []figure{
		{fmt.Sprintf("loading %d rows beside %d watchers and %d looks a second", n, watching, looking),
			beside.wall.Seconds() / alone.wall.Seconds(),
			1.05, "times", false},
		{fmt.Sprintf("  peak memory, which is %.0f MB with nobody there", alone.peak), beside.peak, 150, "MB", false},
	}
	if crowd.failed.Load() > 0 || crowd.news.Load() == 0 {
		err = errors.Join(err, fmt.Errorf("%d looks failed, %d pieces of news came", crowd.failed.Load(), crowd.news.Load()))
	}
	looks := 0
	for _, path := range lookedAt {
		took := crowd.took[path]
		slices.Sort(took)
		looks += len(took)
		if len(took) > 0 {
			figures = append(figures, figure{fmt.Sprintf("  %s: 99 of 100 looks, of %d; median %.0f", path, len(took), ms(took[len(took)/2])),
				ms(took[len(took)*99/100]), 200, "ms", false})
		}
	}
	// Of two cores, a twentieth is 100 ms of each second. Unlike the times above, this is the same on a busy machine.
	return append(figures, figure{"  CPU of a look", ms(beside.cpu-alone.cpu) / float64(max(looks, 1)), 100 / looking, "ms", false}), err
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

const withPage = onDisk + `admin:
  listen: '%s'
  users: [{ name: olga, role: operator }]
  trusted_proxy: { addresses: [127.0.0.1], user_header: X-User }
`

// loadBeside runs a bridge whose ledger knows many drops, as the one of an aged folder does, on a file of new prices.
func (b *bench) loadBeside(dir, aged string, rows int, c *crowd) (t took, err error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return t, err
	}
	address := free.Addr().String()
	if err = errors.Join(free.Close(), b.open(rows, 0), b.site(dir, fmt.Sprintf(withPage, address))); err != nil {
		return t, err
	}
	if out, err := exec.Command("cp", "-a", filepath.Join(aged, "var"), dir).CombinedOutput(); err != nil {
		return t, fmt.Errorf("copy the ledger: %w: %s", err, out)
	}
	cmd := exec.Command(b.program(), "run")
	cmd.Dir = dir
	out, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return t, err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return t, err
	}
	end := sync.OnceValue(func() error { return errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()) })
	defer end()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := answers(ctx, "http://"+address+"/readyz"); err != nil {
		return t, err
	}
	var gone func()
	if c != nil {
		gone = c.come(ctx, "http://"+address)
	}
	began := time.Now()
	if err := prices(filepath.Join(dir, "new.csv"), rows, 0, inOrder); err != nil {
		return t, err
	}
	if err := os.Rename(filepath.Join(dir, "new.csv"), filepath.Join(dir, "drops", "new.csv")); err != nil {
		return t, err
	}
	for {
		if done, _ := os.ReadDir(filepath.Join(dir, "drops", "archive")); len(done) > 0 { // it is made for the first file
			break
		}
		if time.Since(began) > time.Minute+time.Duration(rows)*time.Millisecond {
			return t, errors.New("the file takes too long to load")
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.wall = time.Since(began)
	cancel()
	if gone != nil {
		gone()
	}
	if err := end(); err != nil {
		return t, err
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return t, errors.New("the operating system does not tell what a process has cost")
	}
	t.cpu, t.peak = cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), float64(usage.Maxrss)/1024
	return t, nil
}

// answers waits until something answers.
func answers(ctx context.Context, url string) error {
	for range 600 {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if a, err := http.DefaultClient.Do(r); err == nil {
			return a.Body.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("%s does not answer", url)
}

// age makes a ledger that knows many drops of a year.
func age(dir string, drops int) error {
	ctx := context.Background()
	ledger, err := state.Open(ctx, filepath.Join(dir, "var"), state.Options{})
	if err != nil {
		return err
	}
	step := 365 * 24 * time.Hour / time.Duration(drops)
	began := time.Now().Add(-365 * 24 * time.Hour)
	for from := 0; from < drops && err == nil; from += 1000 {
		var in bridge.Listing
		var told []*bridge.Event
		for i := from; i < from+1000; i++ {
			at := began.Add(step * time.Duration(i))
			d := &bridge.Drop{Feed: "prices", Remote: "disk", Folder: "drops", Name: fmt.Sprintf("prices_%06d.csv", i),
				SHA256: fmt.Sprintf("%064x", i),
				State:  bridge.Loaded, SeenAt: at, SettledAt: at.Add(time.Minute), ListedRows: -1}
			in.New = append(in.New, d)
			for range 10 {
				told = append(told, &bridge.Event{At: at, Kind: bridge.DropReady, File: d.Name, Feed: d.Feed})
			}
		}
		err = ledger.Listed(ctx, in, told...)
	}
	return errors.Join(err, ledger.Close())
}

// crowd are people before a page.
type crowd struct {
	news, failed atomic.Int64
	mu           sync.Mutex
	took         map[string][]time.Duration
}

// come has people watch and look until ctx ends; gone waits until they are gone.
func (c *crowd) come(ctx context.Context, url string) (gone func()) {
	c.took = map[string][]time.Duration{}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: looking}}
	get := func(path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+path, nil)
		if err != nil {
			return nil, err
		}
		r.Header.Set("X-User", "olga")
		r.Header.Set("Accept", "text/html")
		return client.Do(r)
	}
	var all sync.WaitGroup
	for range watching {
		all.Go(func() {
			a, err := get("/events")
			if err != nil {
				c.failed.Add(1)
				return
			}
			defer a.Body.Close()
			for lines := bufio.NewScanner(a.Body); lines.Scan(); {
				c.news.Add(1)
			}
		})
	}
	all.Go(func() {
		tick := time.NewTicker(time.Second / looking)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			path := lookedAt[i%len(lookedAt)]
			all.Go(func() { c.look(ctx, path, get) })
		}
	})
	return func() {
		all.Wait()
		client.CloseIdleConnections()
	}
}

func (c *crowd) look(ctx context.Context, path string, get func(string) (*http.Response, error)) {
	began := time.Now()
	a, err := get(path)
	if err == nil {
		_, err = io.Copy(io.Discard, a.Body)
		err = errors.Join(err, a.Body.Close())
		if a.StatusCode != http.StatusOK {
			err = errors.Join(err, fmt.Errorf("%s is %d", path, a.StatusCode))
		}
	}
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		c.failed.Add(1)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took[path] = append(c.took[path], time.Since(began))
}
