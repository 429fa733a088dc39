package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/orobridge/orobridge/state"
	"github.com/orobridge/orobridge/state/postgres/postgrestest"
)

// fleet is bridges that share the work on one PostgreSQL, and shops in boxes in this process.
type fleet struct {
	b       *bench
	dir     string
	cluster *postgrestest.Cluster
	boxes   map[string]*orotest.Shop
	bridges []*member
	ledger  *state.State // to look at
}

// member is one of the bridges.
type member struct {
	*exec.Cmd
	network *sftptest.Proxy // to the database
}

// newFleet makes shops with some delays, and a config with what of it is each shop's and the rest. SHOP is a shop's name.
func newFleet(b *bench, dir string, shops int, delays orotest.Delays, each, rest string) (_ *fleet, err error) {
	f := &fleet{b: b, dir: dir, boxes: map[string]*orotest.Shop{}}
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "drops"), 0o755), os.MkdirAll(filepath.Join(dir, "orders"), 0o755)); err != nil {
		return nil, err
	}
	if f.cluster, err = postgrestest.New(); err != nil {
		return nil, err
	}
	config := "state: { dir: '${SHIP}', postgres: '${DATABASE}' }\nremotes: { disk: { kind: dir, path: . } }\nshops:\n"
	parts := ""
	for i := range shops {
		name := fmt.Sprintf("s%02d", i)
		box, boxErr := newBox(delays)
		if err = errors.Join(err, boxErr); err != nil {
			return nil, errors.Join(err, f.end())
		}
		f.boxes[name] = box
		config += fmt.Sprintf("  %s: { url: %s, client_id: demo, client_secret: demo, batch: 25, in_flight: 2 }\n", name, box.URL())
		parts += strings.ReplaceAll(each, "SHOP", name)
	}
	if err := os.WriteFile(filepath.Join(dir, "orobridge.yaml"), []byte(config+"feeds:\n"+parts+rest), 0o600); err != nil {
		return nil, errors.Join(err, f.end())
	}
	return f, nil
}

// goods is how many products each box has.
const goods = 200

func newBox(delays orotest.Delays) (*orotest.Shop, error) {
	s := orotest.New(orotest.Latency(delays))
	for i := range goods {
		if _, err := s.AddProduct(sku(i), "Product", orotest.Unit{Code: "item"}); err != nil {
			return nil, err
		}
	}
	_, err := s.AddPriceList("Retail EUR", "EUR")
	_, customerErr := s.AddCustomer("Acme", "4711")
	return s, errors.Join(err, customerErr, s.Start("127.0.0.1:0"))
}

// join has one more bridge take part.
func (f *fleet) join() (*member, error) {
	network, err := sftptest.NewProxy(f.cluster.Socket())
	if err != nil {
		return nil, err
	}
	m := &member{exec.Command(f.b.program(), "run"), network}
	m.Dir = f.dir
	m.Env = append(os.Environ(), fmt.Sprintf("SHIP=var-%d", len(f.bridges)),
		"DATABASE=postgres://orobridge@"+network.Address+"/postgres?sslmode=disable")
	log, err := os.Create(filepath.Join(f.dir, fmt.Sprintf("log-%d", len(f.bridges))))
	if err != nil {
		return nil, err
	}
	m.Stderr = log
	f.bridges = append(f.bridges, m)
	if err := errors.Join(m.Start(), log.Close()); err != nil {
		return nil, err
	}
	return m, nil
}

// leave ends a bridge as a crash does.
func (m *member) leave() error {
	err := m.Process.Kill()
	if err == nil {
		err = ended(m.Wait())
	}
	m.network.Close()
	return err
}

func (f *fleet) end() error {
	var errs []error
	for _, m := range f.bridges {
		if m.ProcessState == nil {
			errs = append(errs, m.leave())
		}
	}
	for _, box := range f.boxes {
		errs = append(errs, box.Close())
	}
	if f.ledger != nil {
		errs = append(errs, f.ledger.Close())
	}
	return errors.Join(append(errs, f.cluster.Remove())...)
}

// until waits for something.
func until(what string, is func() bool) error {
	for end := time.Now().Add(3 * time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			return errors.New(what + " has not come")
		}
	}
	return nil
}

// look opens the ledger, once it is there.
func (f *fleet) look() error {
	return until("the ledger", func() bool {
		var err error
		f.ledger, err = state.Open(context.Background(), f.dir, state.Options{Postgres: f.cluster.Address(), ReadOnly: true})
		return err == nil
	})
}

// doing finds the bridge that has a job; nil when none does.
func (f *fleet) doing(job string) *member {
	there, err := f.ledger.Bridges(context.Background())
	if err != nil {
		return nil
	}
	for _, b := range there {
		if !slices.Contains(b.Doing, job) {
			continue
		}
		for _, m := range f.bridges {
			if m.ProcessState == nil && strings.HasSuffix(b.Name, fmt.Sprintf(":%d", m.Process.Pid)) {
				return m
			}
		}
	}
	return nil
}

// shared says that so many bridges have their parts of so many jobs of a kind.
func (f *fleet) shared(bridges int, kind string, jobs int) bool {
	there, err := f.ledger.Bridges(context.Background())
	if err != nil || len(there) != bridges {
		return false
	}
	sum := 0
	for _, b := range there {
		n := 0
		for _, job := range b.Doing {
			if strings.HasPrefix(job, kind) {
				n++
			}
		}
		if n > (jobs+bridges-1)/bridges {
			return false
		}
		sum += n
	}
	return sum == jobs
}

// failover measures how long it takes until another bridge goes on: with the next batch of the same drop, and with the next order file,
// when the one that works is killed, stands still, or is cut off from the database.
func failover(b *bench, dir string) (figures []figure, err error) {
	f, err := newFleet(b, dir, 1, orotest.Delays{Read: 10 * time.Millisecond, Write: 10 * time.Millisecond,
		Record: map[string]time.Duration{"": 20 * time.Millisecond}},
		"  - { name: prices, shop: SHOP, entity: prices, remote: disk, folder: drops, match: '*.csv', every: 200ms, ready: { stable: 0s }, "+
			"format: { kind: csv } }\n",
		"exports:\n  - { name: orders, shop: s00, remote: disk, folder: orders, every: 1s, since: all, file: 'ORD_{number}_{identifier}.csv', "+
			"format: { kind: csv } }\n")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.end()) }()
	for range 2 {
		if _, err := f.join(); err != nil {
			return nil, err
		}
	}
	if err := f.look(); err != nil {
		return nil, err
	}
	n := 0
	for _, way := range []struct {
		what      string
		times     int
		most      float64 // seconds, of an order
		do, after func(*member) error
	}{
		{"is killed", b.of(3, 30), 10, (*member).leave, func(*member) error { _, err := f.join(); return err }},
		{"stands still", b.of(1, 10), 30, func(m *member) error { return m.Process.Signal(syscall.SIGSTOP) },
			func(m *member) error { return m.Process.Signal(syscall.SIGCONT) }},
		{"is cut off", b.of(1, 10), 30, func(m *member) error { m.network.Stall(true); return nil },
			func(m *member) error { m.network.Stall(false); return nil }},
	} {
		var batches, orders []float64
		for range way.times {
			n++
			batch, order, err := f.fail(n, way.do, way.after)
			if err != nil {
				return figures, fmt.Errorf("a bridge that %s, number %d: %w", way.what, n, err)
			}
			batches, orders = append(batches, batch.Seconds()), append(orders, order.Seconds())
		}
		figures = append(figures,
			figure{fmt.Sprintf("a bridge %s: the next batch of the drop, p50 of %d", way.what, way.times), part(batches, 0.5), 30, "s", false},
			figure{"  p99", part(batches, 0.99), 30, "s", false},
			figure{"  the next order file, p50", part(orders, 0.5), way.most, "s", false},
			figure{"  p99", part(orders, 0.99), way.most, "s", false})
	}
	return figures, nil
}

// part is the value below which so much of all lies.
func part(all []float64, p float64) float64 {
	slices.Sort(all)
	return all[min(len(all)-1, int(p*float64(len(all))))]
}

// fail has something happen to the bridge that does everything, in the middle of a load, and measures how long others take.
func (f *fleet) fail(n int, do, after func(*member) error) (batch, order time.Duration, err error) {
	box := f.boxes["s00"]
	var m *member
	if err := until("a bridge that works, and another one", func() bool {
		m = f.doing("imports s00")
		there, err := f.ledger.Bridges(context.Background())
		return err == nil && len(there) == 2 && m != nil && m == f.doing("export orders")
	}); err != nil {
		return 0, 0, err
	}
	seen := batchesSince(box, time.Time{})
	path := filepath.Join(f.dir, "drops", fmt.Sprintf("p%03d", n))
	if err := errors.Join(write(path, func(w *bufio.Writer) {
		fmt.Fprintln(w, "price_list,sku,unit,quantity,currency,value")
		for i := range goods {
			fmt.Fprintf(w, "Retail EUR,%s,item,1,EUR,%d.5\n", sku(i), n)
		}
	}), os.Rename(path, path+".csv")); err != nil {
		return 0, 0, err
	}
	if err := until("a batch", func() bool { return batchesSince(box, time.Time{}) > seen }); err != nil {
		return 0, 0, err
	}
	if err := do(m); err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if _, err := box.SubmitOrder(orotest.Order{Identifier: fmt.Sprintf("A%03d", n), Currency: "EUR", Customer: "1",
		Lines: []orotest.Line{{SKU: sku(0), Quantity: "1", Price: "1"}}}); err != nil {
		return 0, 0, err
	}
	if err := until("the next batch and order", func() bool {
		if batch == 0 && batchesSince(box, began) > 0 {
			batch = time.Since(began)
		}
		files, err := filepath.Glob(filepath.Join(f.dir, "orders", fmt.Sprintf("ORD_*_A%03d.csv", n)))
		if order == 0 && err == nil && len(files) > 0 {
			order = time.Since(began)
		}
		return batch > 0 && order > 0
	}); err != nil {
		return 0, 0, err
	}
	if err := after(m); err != nil {
		return 0, 0, err
	}
	return batch, order, until("the end of the drop", func() bool {
		drops, err := f.ledger.Drops(context.Background(), bridge.DropFilter{})
		return err == nil && len(drops) == n && !slices.ContainsFunc(drops, func(d *bridge.Drop) bool { return !d.State.Settled() })
	})
}

// batchesSince counts the batches that a shop has taken since a time.
func batchesSince(box *orotest.Shop, since time.Time) (n int) {
	for _, r := range box.Journal() {
		if r.Method == "PATCH" && r.Status == 202 && r.When.After(since) {
			n++
		}
	}
	return n
}

// scale measures how many drops a minute one, two and four bridges settle, of thirty shops with five feeds each. Each bridge has a part of
// a core, as a small machine of its own; the boxes take their time.
func scale(b *bench, dir string) (figures []figure, err error) {
	before := 0.0
	for _, bridges := range []int{1, 2, 4} {
		drops, busy, err := scaleOf(b, fmt.Sprintf("%s-%d", dir, bridges), bridges)
		if err != nil {
			return figures, err
		}
		figures = append(figures, figure{fmt.Sprintf("%d bridges, %d shops, %d feeds: drops a minute", bridges, manyShops, 5*manyShops), drops,
			max(before, 60), "drops", true}, figure{"  how busy the boxes are", 100 * busy, 100, "%", false})
		before = drops
	}
	return figures, nil
}

const (
	manyShops   = 30
	rowsOfDrop  = 20
	delayOfRow  = 100 * time.Millisecond // of a shop, one row after the other
	partOfACore = 0.15
)

// eachFeed are the feeds of a shop, and what their files hold: of file N, row I.
var eachFeed = []struct{ name, entity, head, row string }{
	{"customers", "customers", "customer_number,name", "C%d-%d,Company"},
	{"products", "products", "sku,name,unit", "P%d-%d,Bolt,item"},
	{"pricelists", "pricelists", "name,currencies,active", "List %d-%d,EUR,1"},
	{"prices", "prices", "value,sku,price_list,unit,quantity,currency", "%d.5,SKU-%08d,Retail EUR,item,1,EUR"},
	{"inventory", "inventory", "quantity,sku,unit", "%d,SKU-%08d,item"},
}

func scaleOf(b *bench, dir string, bridges int) (perMinute, busy float64, err error) {
	each := ""
	for _, feed := range eachFeed {
		each += fmt.Sprintf("  - { name: SHOP-%[1]s, shop: SHOP, entity: %[2]s, remote: disk, folder: drops/SHOP-%[1]s, match: '*.csv', "+
			"every: 30s, "+ // it is told when a file comes
			"ready: { stable: 0s }, format: { kind: csv } }\n", feed.name, feed.entity)
	}
	f, err := newFleet(b, dir, manyShops, orotest.Delays{Token: 50 * time.Millisecond, Read: 20 * time.Millisecond,
		Write:  20 * time.Millisecond,
		Record: map[string]time.Duration{"": delayOfRow}}, each, "")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, f.end()) }()
	span := time.Duration(b.of(20, 60)) * time.Second
	stop, err := f.feed()
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for range bridges {
		m, err := f.join()
		if err != nil {
			return 0, 0, err
		}
		defer throttle(m.Process.Pid)()
	}
	if err := f.look(); err != nil {
		return 0, 0, err
	}
	if err := until("an even share", func() bool { return f.shared(bridges, "imports", manyShops) }); err != nil {
		return 0, 0, err
	}
	if err := until("the first drop of each feed", func() bool {
		drops, err := f.ledger.Drops(context.Background(), bridge.DropFilter{States: []bridge.DropState{bridge.Loaded}})
		return err == nil && len(drops) >= manyShops*len(eachFeed)
	}); err != nil {
		return 0, 0, err
	}
	began := time.Now()
	time.Sleep(span)
	drops, err := f.ledger.Drops(context.Background(), bridge.DropFilter{Settled: began})
	took := time.Since(began)
	perMinute = float64(len(drops)) / took.Minutes()
	return perMinute, perMinute / 60 * rowsOfDrop * delayOfRow.Seconds() / manyShops, err
}

// feed has a file wait in each feed's folder, and puts the next one there once it was taken, until stop is called.
func (f *fleet) feed() (stop func() error, err error) {
	count := map[string]int{} // of files, by folder
	next := func() error {
		for name := range f.boxes {
			for _, feed := range eachFeed {
				folder := filepath.Join(f.dir, "drops", name+"-"+feed.name)
				if left, err := filepath.Glob(filepath.Join(folder, "*.csv")); err != nil || len(left) > 0 {
					continue
				}
				count[folder]++
				text := feed.head + "\n"
				for i := range rowsOfDrop {
					text += fmt.Sprintf(feed.row, count[folder], i) + "\n"
				}
				path := filepath.Join(folder, fmt.Sprintf("f%04d", count[folder]))
				if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Rename(path, path+".csv")); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for name := range f.boxes {
		for _, feed := range eachFeed {
			err = errors.Join(err, os.MkdirAll(filepath.Join(f.dir, "drops", name+"-"+feed.name), 0o755))
		}
	}
	if err = errors.Join(err, next()); err != nil {
		return nil, err
	}
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-done:
				ended <- nil
				return
			case <-time.After(200 * time.Millisecond):
			}
			if err := next(); err != nil {
				ended <- err
				return
			}
		}
	}()
	return func() error { close(done); return <-ended }, nil
}

// throttle lets a process have a part of a core, until stop is called: it stands still for as long as it has had more.
func throttle(pid int) (stop func()) {
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		began, used := time.Now(), usedBy(pid)
		still := false
		for {
			select {
			case <-done:
				_ = syscall.Kill(pid, syscall.SIGCONT) // it is killed next
				return
			case now := <-tick.C:
				over := usedBy(pid)-used > time.Duration(partOfACore*float64(now.Sub(began)))
				if over == still {
					continue
				}
				signal := syscall.SIGCONT
				if over {
					signal = syscall.SIGSTOP
				}
				still = over
				_ = syscall.Kill(pid, signal)
			}
		}
	}()
	return func() { close(done); <-stopped }
}

// usedBy is the processor time that a process has had.
func usedBy(pid int) (used time.Duration) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0 // it has ended
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')'):]))
	for _, field := range fields[12:14] { // in user mode and in the kernel
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0
		}
		used += time.Duration(ticks) * 10 * time.Millisecond
	}
	return used
}
