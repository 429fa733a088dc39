package main

import (
	"bufio"
	"context"
	"encoding/json"
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
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
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
	n := b.of(25_000, 1_000_000)
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
	if crowd.Failed > 0 || crowd.News == 0 {
		err = errors.Join(err, fmt.Errorf("%d looks failed, %d pieces of news came", crowd.Failed, crowd.News))
	}
	looks := 0
	for _, path := range lookedAt {
		took := crowd.Took[path]
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
	port, err := sftptest.FreePort()
	if err != nil {
		return t, err
	}
	address := net.JoinHostPort("127.0.0.1", port)
	if err = errors.Join(b.open(rows, 0), b.site(dir, fmt.Sprintf(withPage, address))); err != nil {
		return t, err
	}
	if out, err := exec.Command("cp", "-a", filepath.Join(aged, "var"), dir).CombinedOutput(); err != nil {
		return t, fmt.Errorf("copy the ledger: %w: %s", err, out)
	}
	out, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return t, err
	}
	defer out.Close()
	p, err := b.start(dir, out, "run")
	if err != nil {
		return t, err
	}
	end := sync.OnceValues(func() (took, error) {
		stopErr := p.stop()
		cost, err := p.ended()
		return cost, errors.Join(stopErr, err)
	})
	defer end()
	if err := answers(context.Background(), "http://"+address+"/readyz"); err != nil {
		return t, err
	}
	gone := func() error { return nil }
	if c != nil {
		if gone, err = c.come("http://" + address); err != nil {
			return t, err
		}
		defer gone()
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
	took := time.Since(began)
	err = gone()
	t, endErr := end()
	t.wall = took
	return t, errors.Join(err, endErr)
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

// crowd are people before a page, in a process of its own: what their browsers cost is neither the bridge's nor, behind everybody else in
// the queue for a processor, taken from it.
type crowd struct {
	mu           sync.Mutex
	News, Failed int64
	Took         map[string][]time.Duration // of looks, by path
}

// come has people watch and look until they are to be gone, which waits for what they saw.
func (c *crowd) come(url string) (gone func() error, err error) {
	cmd := exec.Command("nice", "-n", "19", os.Args[0], "-people", url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	stay, inErr := cmd.StdinPipe()
	if err = errors.Join(err, inErr); err == nil {
		err = cmd.Start()
	}
	return sync.OnceValue(func() error {
		err := errors.Join(stay.Close(), json.NewDecoder(out).Decode(c))
		return errors.Join(err, cmd.Wait())
	}), err
}

// visit is the process of a crowd: it stays until its input ends, and tells what it saw.
func visit(url string) error {
	ctx, leave := context.WithCancel(context.Background())
	c := crowd{Took: map[string][]time.Duration{}}
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
		all.Go(func() { c.watch(ctx, get) })
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
	_, err := io.Copy(io.Discard, os.Stdin)
	leave()
	all.Wait()
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(&c))
}

// watch counts the news that come to a page.
func (c *crowd) watch(ctx context.Context, get func(string) (*http.Response, error)) {
	a, err := get("/events")
	if err != nil {
		c.saw(func() { c.Failed++ })
		return
	}
	defer a.Body.Close()
	for lines := bufio.NewScanner(a.Body); lines.Scan(); {
		c.saw(func() { c.News++ })
	}
	if ctx.Err() == nil {
		c.saw(func() { c.Failed++ })
	}
}

func (c *crowd) saw(what func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	what()
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
	c.saw(func() {
		if err != nil {
			c.Failed++
			return
		}
		c.Took[path] = append(c.Took[path], time.Since(began))
	})
}
