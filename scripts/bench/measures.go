package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/state"
)

// What is measured, in the order of the table.
var measures = []struct {
	name    string
	measure func(b *bench, dir string) ([]figure, error)
}{
	{"first load", firstLoad},
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

// firstLoad loads new prices, and the same with one in a hundred changed over SSH.
func firstLoad(b *bench, dir string) ([]figure, error) {
	n := b.of(20_000, 200_000)
	erp, err := server(dir)
	if err != nil {
		return nil, err
	}
	defer erp.stop()
	remote, err := onServer(erp)
	if err = errors.Join(err, b.open(n, 0), b.site(dir, remote+`feeds:
  - { name: prices, entity: prices, remote: erp, folder: /, match: '*.csv', format: { kind: csv }, ready: { stable: 0s } }
`), prices(filepath.Join(dir, "a.csv"), n, 0, inOrder)); err != nil {
		return nil, err
	}
	first, err := b.orobridge(dir, "load", "prices", "a.csv")
	if err != nil {
		return nil, err
	}
	figures := []figure{
		{fmt.Sprintf("first load of %d prices: CPU of a row", n), float64(first.cpu.Microseconds()) / float64(n), 30, "µs", false},
		{"  peak memory", first.peak, 64, "MB", false},
	}
	if err := prices(filepath.Join(erp.root(), "b.csv"), n, 1, inOrder); err != nil {
		return figures, err
	}
	daily, err := b.orobridge(dir, "run", "--once")
	wanted := max(0.5, 2*float64(n)/1e6) // starting and logging in take a while, too
	return append(figures,
		figure{fmt.Sprintf("daily drop of %d prices over sshd, 1 %% changed", n), daily.wall.Seconds(), wanted, "s", false}), err
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
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := free.Addr().String()
	_, port, err := net.SplitHostPort(address)
	if err = errors.Join(err, free.Close()); err != nil {
		return nil, err
	}
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

// known makes a ledger that knows prices as a file of them says.
func (b *bench) known(dir string, n int) error {
	ctx := context.Background()
	ledger, err := state.Open(ctx, filepath.Join(dir, "var"), state.Options{})
	if err != nil {
		return err
	}
	var page []bridge.Settlement
	for i := range n {
		link := &bridge.Link{Entity: "prices", Key: priceKey(i), OroID: "1", Feed: "prices", Drop: 1, Run: 1,
			Content: []formats.Value{{Field: "value", Text: value(i, 0)}}}
		page = append(page, bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Fate: bridge.FateCreated, Entity: "prices", Key: link.Key,
			Drop: 1, Run: 1}, Link: link})
		if len(page) == 20_000 || i == n-1 {
			if err := ledger.Settle(ctx, 0, page); err != nil {
				return errors.Join(err, ledger.Close())
			}
			page = page[:0]
		}
	}
	return ledger.Close()
}

// planOf plans a file of prices that the shop has all accepted. The ledger for so many is made once.
func (b *bench) planOf(n int, at func(n, of int) int) (took, error) {
	dir := filepath.Join(b.dir, fmt.Sprintf("plan-%d", n))
	if _, err := os.Stat(dir); err != nil {
		if err := errors.Join(b.site(dir, onDisk), b.known(dir, n)); err != nil {
			return took{}, err
		}
	}
	if err := prices(filepath.Join(dir, "a.csv"), n, 0, at); err != nil {
		return took{}, err
	}
	return b.orobridge(dir, "plan", "prices", "a.csv")
}

// plan plans unchanged prices in an order.
func (b *bench) plan(how string, wanted float64, at func(n, of int) int) ([]figure, error) {
	n := b.of(500_000, 1_000_000)
	t, err := b.planOf(n, at)
	return []figure{
		{fmt.Sprintf("planning %d unchanged prices %s", n, how), float64(n) / t.wall.Seconds(), wanted, "rows/s", true},
		{"  of a second of CPU", float64(n) / t.cpu.Seconds(), wanted, "rows", true},
		{"  peak memory", t.peak, 64, "MB", false},
	}, err
}

func tenTimes(b *bench, _ string) ([]figure, error) {
	n := b.of(50_000, 1_000_000)
	one, err := b.planOf(n, inOrder)
	if err != nil {
		return nil, err
	}
	ten, err := b.planOf(10*n, inOrder)
	return []figure{
		{fmt.Sprintf("planning %d rows against %d", 10*n, n), ten.wall.Seconds() / one.wall.Seconds(), 11, "times", false},
		{"  in CPU", ten.cpu.Seconds() / one.cpu.Seconds(), 11, "times", false},
	}, err
}

// twoFeeds loads stock by two feeds that set different fields of it, and both again, unchanged.
func twoFeeds(b *bench, dir string) ([]figure, error) {
	n := b.of(5_000, 100_000)
	err := errors.Join(b.open(n, 0), b.site(dir, `remotes: { disk: { kind: dir, path: . } }
feeds:
  - { name: quantities, entity: inventory, remote: disk, folder: drops, match: 'q*.csv', format: { kind: csv } }
  - { name: statuses, entity: products, remote: disk, folder: drops, match: 's*.csv', format: { kind: csv } }
  - { name: names, entity: products, remote: disk, folder: drops, match: 'n*.csv', format: { kind: csv } }
`))
	if err != nil {
		return nil, err
	}
	one := func(name, head, cells string) error {
		return write(filepath.Join(dir, name), func(w *bufio.Writer) {
			fmt.Fprintln(w, head)
			for i := range n {
				fmt.Fprintf(w, "%s,%s\n", sku(i), cells)
			}
		})
	}
	err = errors.Join(one("s.csv", "sku,status", "enabled"), one("n.csv", "sku,name", "Bolt"), one("alone.csv", "sku,name", "Bolt"))
	if err != nil {
		return nil, err
	}
	if _, err := b.orobridge(dir, "load", "names", "alone.csv"); err != nil {
		return nil, err
	}
	alone, err := b.orobridge(dir, "plan", "names", "n.csv")
	if err != nil {
		return nil, err
	}
	if _, err := b.orobridge(dir, "load", "statuses", "s.csv"); err != nil {
		return nil, err
	}
	beside, err := b.orobridge(dir, "plan", "names", "n.csv")
	return []figure{{fmt.Sprintf("planning %d rows whose entity two feeds set, to one feed's", n), beside.cpu.Seconds() / alone.cpu.Seconds(),
		2, "times", false}}, err
}

// wideRows reads a file as a feed does in which one row has a cell of a MiB, and one has 200 columns' worth of text.
func wideRows(b *bench, dir string) ([]figure, error) {
	n := b.of(100_000, 1_000_000)
	head := "sku,name,unit,description"
	for i := range 200 {
		head += fmt.Sprintf(",attr.field_%d", i)
	}
	err := errors.Join(b.site(dir, strings.Replace(onDisk, "name: prices, entity: prices", "name: products, entity: products", 1)),
		write(filepath.Join(dir, "a.csv"), func(w *bufio.Writer) {
			fmt.Fprintln(w, head)
			for i := range n {
				text := "Some words that describe it"
				if i == n/2 {
					text = strings.Repeat("long ", 1<<20/5-10)
				}
				fmt.Fprintf(w, "%s,Product,item,%s%s\n", sku(i), text, strings.Repeat(",x", 200))
			}
		}))
	if err != nil {
		return nil, err
	}
	t, err := b.orobridge(dir, "inspect", "a.csv", "--feed", "products")
	return []figure{{fmt.Sprintf("memory: %d rows of 204 columns, one of a MiB", n), t.peak, 100, "MB", false}}, err
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

// fullFolder polls a folder in which nothing is new.
func fullFolder(b *bench, dir string) ([]figure, error) {
	const n = 50_000
	if err := b.site(dir, strings.Replace(onDisk, "stable: 0s", "marker: .ok", 1)); err != nil {
		return nil, err
	}
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, "drops", fmt.Sprintf("p%06d.csv", i)), []byte("x"), 0o600); err != nil {
			return nil, err
		}
	}
	if _, err := b.orobridge(dir, "run", "--once"); err != nil {
		return nil, err
	}
	t, err := b.orobridge(dir, "run", "--once")
	return []figure{
		{fmt.Sprintf("a folder of %d files, nothing new: CPU of a poll", n), t.cpu.Seconds() * 1000, 100, "ms", false},
		{"  peak memory", t.peak, 64, "MB", false},
	}, err
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
