package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state"
)

// A measure makes some figures, in a folder of its own.
type measure struct {
	name string
	take func(b *bench, dir string) ([]figure, error)
}

// What is measured, in the order of the table.
var measures = []measure{
	{"first load", firstLoad},
	{"daily drop", dailyDrop},
	{"state", stateSize},
	{"plan on PostgreSQL", onPostgres},
	{"plan in order", func(b *bench, _ string) ([]figure, error) { return b.plan("in key order", 2_000_000, inOrder) }},
	{"plan in no order", func(b *bench, _ string) ([]figure, error) { return b.plan("in no order", 700_000, scattered) }},
	{"ten times the rows", tenTimes},
	{"two feeds", twoFeeds},
	{"wide rows", wideRows},
	{"a large file", largeFile},
	{"small files", smallFiles},
	{"a full folder", fullFolder},
	{"orders", orders},
	{"people beside a load", people},
}

// What takes minutes however little is measured, since bridges are killed and watched: the quick form leaves it out unless it is asked for
// it.
var slow = []measure{
	{"failover", failover},
	{"scale", scale},
}

const onDisk = `remotes: { disk: { kind: dir, path: . } }
feeds:
  - { name: prices, entity: prices, remote: disk, folder: drops, match: '*.csv', format: { kind: csv }, ready: { stable: 0s } }
`

func inOrder(n, _ int) int    { return n }
func scattered(n, of int) int { return int(int64(n) * 7_368_787 % int64(of)) }

func sku(i int) string           { return fmt.Sprintf("SKU-%08d", i) }
func value(i, change int) string { return fmt.Sprintf("%d.%d", i%900+1, (i+change)%9+1) }
func priceKey(i int) string      { return "Retail EUR|" + sku(i) + "|item|1|EUR" }

// prices writes a file of prices. Every hundredth of them is changed, if change is not 0.
func prices(path string, rows, change int, at func(n, of int) int) error {
	return write(path, func(w *bufio.Writer) {
		fmt.Fprintln(w, "price_list,sku,unit,quantity,currency,value")
		for n := range rows {
			i := at(n, rows)
			changed := 0
			if i%100 == 0 {
				changed = change
			}
			fmt.Fprintf(w, "Retail EUR,%s,item,1,EUR,%s\n", sku(i), value(i, changed))
		}
	})
}

func write(path string, rows func(*bufio.Writer)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	rows(w)
	return errors.Join(w.Flush(), f.Close())
}

const onSSH = `feeds:
  - { name: prices, entity: prices, remote: erp, folder: /, match: '*.csv', format: { kind: csv }, ready: { stable: 0s } }
`

// firstLoad loads new prices.
func firstLoad(b *bench, dir string) ([]figure, error) {
	n := b.of(50_000, 200_000)
	first, err := b.loadNew(dir, onDisk, n)
	return []figure{
		{fmt.Sprintf("first load of %d prices: CPU of a row", n), float64(first.cpu.Microseconds()) / float64(n), 30, "µs", false},
		{"  peak memory", first.peak, 64, "MB", false},
	}, err
}

// loadNew loads prices that a shop does not have yet.
func (b *bench) loadNew(dir, config string, n int) (took, error) {
	if err := errors.Join(b.open(n, 0), b.site(dir, config), prices(filepath.Join(dir, "a.csv"), n, 0, inOrder)); err != nil {
		return took{}, err
	}
	return b.orobridge(dir, "load", "prices", "a.csv")
}

// dailyDrop has a server reached by SSH hold prices that the shop has, but for one in a hundred that is changed.
func dailyDrop(b *bench, dir string) ([]figure, error) {
	n := b.of(50_000, 1_000_000)
	erp, err := server(dir)
	if err != nil {
		return nil, err
	}
	defer erp.stop()
	remote, err := onServer(erp)
	if err != nil {
		return nil, err
	}
	if _, err := b.loadNew(dir, remote+onSSH, n); err != nil {
		return nil, err
	}
	if err := prices(filepath.Join(erp.root(), "b.csv"), n, 1, inOrder); err != nil {
		return nil, err
	}
	t, err := b.orobridge(dir, "run", "--once")
	wanted := max(0.5, 2*float64(n)/1e6) // starting and logging in take a while, too
	return []figure{
		{fmt.Sprintf("daily drop of %d prices over sshd, 1 %% changed", n), t.wall.Seconds(), wanted, "s", false},
		{"  in CPU", t.cpu.Seconds(), 2 * wanted, "s", false},
	}, err
}

// sshd is OpenSSH's server, as scripts/sshd starts it.
type sshd struct {
	*exec.Cmd
	dir, address string
}

func (s *sshd) root() string { return filepath.Join(s.dir, "root") }

func (s *sshd) stop() error {
	return errors.Join(s.Process.Kill(), ended(s.Wait()))
}

// ended forgives that a process was killed.
func ended(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}

func server(dir string) (*sshd, error) {
	port, err := sftptest.FreePort()
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", port)
	s := &sshd{exec.Command("scripts/sshd", filepath.Join(dir, "sshd"), port), filepath.Join(dir, "sshd"), address}
	if err := s.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return s, conn.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil, errors.Join(fmt.Errorf("sshd does not answer at %s", address), s.stop())
}

// onServer is a config's remotes: a server reached by SSH.
func onServer(s *sshd) (string, error) {
	who, err := user.Current()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`remotes:
  erp: { kind: sftp, address: '%s', user: '%s', private_key_file: '%s', known_hosts_file: '%s', path: '%s' }
`, s.address, who.Username, filepath.Join(s.dir, "id_ed25519"), filepath.Join(s.dir, "known_hosts"), s.root()), nil
}

// known makes a ledger that knows links of an entity as the shop has accepted them.
func (b *bench) known(dir, entity string, n int, link func(i int) (key string, content []formats.Value)) error {
	ctx := context.Background()
	ledger, err := state.Open(ctx, filepath.Join(dir, "var"), state.Options{})
	if err != nil {
		return err
	}
	var page []bridge.Settlement
	for i := range n {
		key, content := link(i)
		page = append(page, bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Fate: bridge.FateCreated, Entity: entity, Key: key,
			Drop: 1, Run: 1}, Link: &bridge.Link{Entity: entity, Key: key, OroID: "1", Feed: entity, Drop: 1, Run: 1, Content: content}})
		if len(page) == 20_000 || i == n-1 {
			if err := ledger.Settle(ctx, 0, page); err != nil {
				return errors.Join(err, ledger.Close())
			}
			page = page[:0]
		}
	}
	return ledger.Close()
}

func knownPrice(i int) (key string, content []formats.Value) {
	return priceKey(i), []formats.Value{{Field: "value", Text: value(i, 0)}}
}

// ledgerOf is a folder with a ledger of so many prices that the shop has accepted. It is made once.
func (b *bench) ledgerOf(n int) (dir string, err error) {
	dir = filepath.Join(b.dir, fmt.Sprintf("plan-%d", n))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	return dir, b.known(dir, "prices", n, knownPrice)
}

// planOf plans a file of prices that the shop has all accepted. Of several times the quickest counts, and the highest peak: planning takes
// no second, and machines have other things to do.
func (b *bench) planOf(n, times int, at func(n, of int) int) (quickest took, err error) {
	dir, err := b.ledgerOf(n)
	if err = errors.Join(err, b.site(dir, onDisk)); err != nil {
		return took{}, err
	}
	if err := prices(filepath.Join(dir, "a.csv"), n, 0, at); err != nil {
		return took{}, err
	}
	peak := 0.0
	for range times {
		t, err := b.orobridge(dir, "plan", "prices", "a.csv")
		if err != nil {
			return took{}, err
		}
		peak = max(peak, t.peak)
		if quickest.wall == 0 || t.wall < quickest.wall {
			quickest = t
		}
	}
	quickest.peak = peak
	return quickest, nil
}

// plan plans unchanged prices in an order.
func (b *bench) plan(how string, wanted float64, at func(n, of int) int) ([]figure, error) {
	n := b.of(500_000, 1_000_000)
	t, err := b.planOf(n, 3, at)
	return []figure{
		{fmt.Sprintf("planning %d unchanged prices %s", n, how), float64(n) / t.wall.Seconds(), wanted, "rows/s", true},
		{"  of a second of CPU", float64(n) / t.cpu.Seconds(), wanted, "rows", true},
		{"  peak memory", t.peak, 64, "MB", false},
	}, err
}

func tenTimes(b *bench, _ string) ([]figure, error) {
	n := b.of(50_000, 1_000_000)
	one, err := b.planOf(n, 1, inOrder)
	if err != nil {
		return nil, err
	}
	ten, err := b.planOf(10*n, 1, inOrder)
	return []figure{
		{fmt.Sprintf("planning %d rows against %d", 10*n, n), ten.wall.Seconds() / one.wall.Seconds(), 11, "times", false},
		{"  in CPU", ten.cpu.Seconds() / one.cpu.Seconds(), 11, "times", false},
	}, err
}

// twoFeeds plans names of products that the shop has all accepted: where it knows nothing else of them, and where another feed has set
// what they are.
func twoFeeds(b *bench, dir string) ([]figure, error) {
	n := b.of(100_000, 1_000_000)
	name := formats.Value{Field: "name", Text: "Bolt"}
	var cpu []time.Duration
	for _, content := range [][]formats.Value{{name}, {name, {Field: "status", Text: "enabled"}}} {
		dir := filepath.Join(dir, strconv.Itoa(len(content)))
		err := errors.Join(b.site(dir, strings.ReplaceAll(onDisk, "prices", "products")),
			b.known(dir, "products", n, func(i int) (string, []formats.Value) { return sku(i), content }),
			write(filepath.Join(dir, "a.csv"), func(w *bufio.Writer) {
				fmt.Fprintln(w, "sku,name")
				for i := range n {
					fmt.Fprintf(w, "%s,Bolt\n", sku(i))
				}
			}))
		if err != nil {
			return nil, err
		}
		t, err := b.orobridge(dir, "plan", "products", "a.csv")
		if err != nil {
			return nil, err
		}
		cpu = append(cpu, t.cpu)
	}
	return []figure{{fmt.Sprintf("planning %d rows whose entity two feeds set, to one feed's", n), cpu[1].Seconds() / cpu[0].Seconds(),
		2, "times", false}}, nil
}

// wideRows reads a file as a feed does whose rows have 204 columns, one of them a cell of almost a MiB, and plans such a file of products
// that are all new.
func wideRows(b *bench, dir string) ([]figure, error) {
	n, created := b.of(100_000, 1_000_000), b.of(5_000, 100_000)
	err := errors.Join(b.open(1, 0), b.site(dir, strings.ReplaceAll(onDisk, "prices", "products")), wideFile(filepath.Join(dir, "a.csv"), n),
		wideFile(filepath.Join(dir, "b.csv"), created))
	if err != nil {
		return nil, err
	}
	read, err := b.orobridge(dir, "inspect", "a.csv", "--feed", "products")
	if err != nil {
		return nil, err
	}
	planned, err := b.orobridge(dir, "plan", "--counts", "products", "b.csv")
	return []figure{
		{fmt.Sprintf("memory: %d rows of 204 columns, one of a MiB", n), read.peak, 100, "MB", false},
		{fmt.Sprintf("  planning %d of them, all new", created), planned.peak, 100, "MB", false},
	}, err
}

func wideFile(path string, rows int) error {
	return write(path, func(w *bufio.Writer) {
		fmt.Fprint(w, "sku,name,unit,description")
		for i := range 200 {
			fmt.Fprintf(w, ",attr.field_%d", i)
		}
		for i := range rows {
			text := "Some words that describe it"
			if i == rows/2 {
				text = strings.Repeat("long ", (1<<20-1000)/5)
			}
			fmt.Fprintf(w, "\n%s,Product,item,%s%s", sku(i), text, strings.Repeat(",x", 200))
		}
		fmt.Fprintln(w)
	})
}

func smallFiles(b *bench, dir string) ([]figure, error) {
	n := b.of(500, 20_000)
	feed := strings.Replace(onDisk, "name: prices, entity: prices", "name: products, entity: products", 1)
	if err := b.site(dir, feed); err != nil {
		return nil, err
	}
	for i := range n {
		text := fmt.Sprintf("sku,name,unit\nSMALL-%06d,Product,item\n", i)
		if err := os.WriteFile(filepath.Join(dir, "drops", fmt.Sprintf("p%06d.csv", i)), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	t, err := b.orobridge(dir, "run", "--once")
	return []figure{
		{fmt.Sprintf("%d files of one row", n), float64(n) / t.wall.Seconds(), 100, "files/s", true},
		{"  of a second of CPU", float64(n) / t.cpu.Seconds(), 100, "files", true},
	}, err
}

// fullFolder polls a folder in which nothing is new: once, by a bridge that has just begun, and again and again.
func fullFolder(b *bench, dir string) ([]figure, error) {
	const n = 50_000
	erp, err := server(dir)
	if err != nil {
		return nil, err
	}
	defer erp.stop()
	remote, err := onServer(erp)
	if err != nil {
		return nil, err
	}
	over, peak, err := b.polls(dir, remote+onSSH, erp.root(), n)
	if err != nil {
		return nil, err
	}
	at := filepath.Join(dir, "here")
	here, _, err := b.polls(at, onDisk, filepath.Join(at, "drops"), n)
	return []figure{
		{fmt.Sprintf("a folder of %d files over sshd, nothing new: CPU of a poll", n), over, 100, "ms", false},
		{"  peak memory", peak, 64, "MB", false},
		{"  in a folder of this machine, whose kernel is asked for each file", here, 200, "ms", false},
	}, err
}

// polls is what CPU a poll takes of a folder of files that wait, in milliseconds, and the bridge's peak memory.
func (b *bench) polls(dir, config, drops string, files int) (each, peak float64, err error) {
	every := time.Duration(b.of(1, 2)) * time.Second
	if err := b.site(dir, strings.Replace(config, "stable: 0s }", fmt.Sprintf("marker: .ok }, every: %v", every), 1)); err != nil {
		return 0, 0, err
	}
	for i := range files {
		if err := os.WriteFile(filepath.Join(drops, fmt.Sprintf("p%06d.csv", i)), []byte("x"), 0o600); err != nil {
			return 0, 0, err
		}
	}
	if _, err := b.orobridge(dir, "run", "--once"); err != nil {
		return 0, 0, err
	}
	// The first polls of a bridge find out what it remembers; what is counted are those behind the third.
	begun, err := b.running(dir, 5*every/2)
	if err != nil {
		return 0, 0, err
	}
	polls := b.of(3, 5)
	all, err := b.running(dir, 5*every/2+time.Duration(polls)*every)
	return (all.cpu - begun.cpu).Seconds() * 1000 / float64(polls), all.peak, err
}

// running is a bridge that runs for some time.
func (b *bench) running(dir string, long time.Duration) (t took, err error) {
	p, err := b.start(dir, io.Discard, "run")
	if err != nil {
		return t, err
	}
	time.Sleep(long)
	if err := p.stop(); err != nil {
		return t, err
	}
	return p.ended()
}

// orders writes orders that are owed all at once to a server reached by SSH.
func orders(b *bench, dir string) ([]figure, error) {
	n := b.of(500, 10_000)
	erp, err := server(dir)
	if err != nil {
		return nil, err
	}
	defer erp.stop()
	remote, err := onServer(erp)
	if err = errors.Join(err, b.open(1, n), b.site(dir, remote+`exports:
  - { name: orders, entity: orders, remote: erp, folder: /in/orders, file: '{number}_{identifier}.csv',
      format: { kind: csv }, since: all }
`)); err != nil {
		return nil, err
	}
	t, err := b.orobridge(dir, "run", "--once")
	return []figure{{fmt.Sprintf("%d orders owed at once, to sshd", n), float64(n) / t.wall.Seconds(), 200, "orders/s", true}}, err
}
