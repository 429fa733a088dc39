package crashtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/formats"
)

// TestWhateverHappensThePromisesAreKept plays any sequence of drops, drops again, renames, outages, crashes, runs again and
// decisions. After each step every row of every run has its fate, and nothing was sent that the shop had; at the end the
// shop holds what a small model says.
func TestWhateverHappensThePromisesAreKept(t *testing.T) {
	checks, steps := "8", "20"
	if soak() {
		checks, steps = "300", "40"
	}
	set := map[string]string{"rapid.checks": checks, "rapid.steps": steps, "rapid.nofailfile": "true", "rapid.shrinktime": "10s"}
	if seed := os.Getenv("OROBRIDGE_SEED"); seed != "" {
		set["rapid.seed"] = seed
	}
	for name, value := range set {
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		g := newGame(t)
		t.Repeat(map[string]func(*rapid.T){
			"":        g.check,
			"drop":    g.dropNew,
			"redrop":  g.dropAgain,
			"rename":  g.rename,
			"round":   func(*rapid.T) { g.round() },
			"outage":  g.outage,
			"crash":   g.crash,
			"rerun":   g.rerun,
			"decide":  g.decide,
			"half":    g.dropHalf,
			"edit":    g.edit,
			"backup":  func(*rapid.T) { g.backup = g.shop.Backup() },
			"restore": g.restore,
		})
		g.settle()
		g.check(t)
		g.compare()
	})
}

// cells are the columns of a feed's files, with what may stand in them. The first cells that are of the key come from a few
// keys, so that files meet.
var cells = map[string]struct {
	head string
	row  func(t *rapid.T) string
}{
	"customers": {"customer_number,name,parent_number", func(t *rapid.T) string {
		n := rapid.IntRange(0, 4).Draw(t, "customer")
		parent := ""
		if n > 0 && rapid.Bool().Draw(t, "child") {
			parent = fmt.Sprintf("K%d", rapid.IntRange(0, n-1).Draw(t, "parent"))
		}
		return fmt.Sprintf("K%d,%s,%s", n, rapid.SampledFrom([]string{"Ada", "Bob", "Eve", ""}).Draw(t, "name"), parent)
	}},
	"products": {"sku,name,unit,delete", func(t *rapid.T) string {
		return fmt.Sprintf("SKU%d,%s,item,%s", rapid.IntRange(0, 3).Draw(t, "sku"), rapid.SampledFrom([]string{"Bolt", "Nut"}).Draw(t, "name"),
			rapid.SampledFrom([]string{"", "", "", "X"}).Draw(t, "delete"))
	}},
	"prices": {"price_list,sku,unit,quantity,currency,value,delete", func(t *rapid.T) string {
		return fmt.Sprintf("Retail,SKU%d,item,1,EUR,%s,%s", rapid.IntRange(0, 4).Draw(t, "sku"),
			rapid.SampledFrom([]string{"1", "2", "3", "many"}).Draw(t, "value"), rapid.SampledFrom([]string{"", "", "", "X"}).Draw(t, "delete"))
	}},
	"offers": {"price_list,sku,unit,quantity,currency,value", func(t *rapid.T) string {
		return fmt.Sprintf("Offers,SKU%d,item,1,EUR,%s", rapid.IntRange(0, 4).Draw(t, "sku"), rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "value"))
	}},
}

var feeds = []string{"customers", "products", "prices", "offers"}

// dropNew writes a file that the ERP has not sent before, or not for long.
func (g *game) dropNew(t *rapid.T) {
	feed := rapid.SampledFrom(feeds).Draw(t, "feed")
	rows := []string{cells[feed].head}
	for range rapid.IntRange(0, 5).Draw(t, "rows") {
		rows = append(rows, cells[feed].row(t))
	}
	g.write(t, feed, strings.Join(rows, "\n")+"\n")
}

// dropAgain writes what was sent before.
func (g *game) dropAgain(t *rapid.T) {
	if len(g.sent) == 0 {
		t.Skip("nothing was sent")
	}
	f := rapid.SampledFrom(g.sent).Draw(t, "file")
	g.write(t, f.feed, f.body)
}

// write puts a file into its folder, under one of a few names. Its time is the present, or some minutes earlier.
func (g *game) write(t *rapid.T, feed, body string) {
	name := rapid.SampledFrom([]string{"a.csv", "b.csv", "c.csv"}).Draw(t, "name")
	g.clock.move(time.Minute)
	at := g.clock.Now().Add(-time.Duration(rapid.SampledFrom([]int{0, 0, 0, 5, 90}).Draw(t, "minutes ago")) * time.Minute)
	path := filepath.Join(g.folder, feed, name)
	g.must(os.WriteFile(path, []byte(body), 0o644))
	g.must(os.Chtimes(path, at, at))
	g.sent = append(g.sent, file{feed: feed, name: name, body: body})
}

// dropHalf is a sender who pauses in the middle of a file for some minutes and goes on through the open handle, wherever the
// file is by then. Whatever happened meanwhile, the whole of it comes.
func (g *game) dropHalf(t *rapid.T) {
	feed := rapid.SampledFrom(feeds).Draw(t, "feed")
	half := cells[feed].head + "\n" + cells[feed].row(t) + "\n"
	rest := cells[feed].row(t) + "\n" + cells[feed].row(t) + "\n"
	name := rapid.SampledFrom([]string{"a.csv", "b.csv", "c.csv"}).Draw(t, "name")
	f, err := os.Create(filepath.Join(g.folder, feed, name))
	g.must(err)
	defer f.Close()
	write := func(text string) {
		g.clock.move(time.Minute)
		_, err := f.WriteString(text)
		g.must(err)
		now := g.clock.Now()
		g.must(os.Chtimes(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), now, now))
	}
	write(half)
	g.sent = append(g.sent, file{feed: feed, name: name, body: half}, file{feed: feed, name: name, body: half + rest})
	switch rapid.IntRange(0, 2).Draw(t, "meanwhile") {
	case 0:
		g.round()
	case 1:
		g.outage(t)
	case 2:
		g.crash(t)
	}
	g.clock.move(time.Duration(rapid.IntRange(0, 7).Draw(t, "pause")) * time.Minute)
	write(rest)
	late := slices.ContainsFunc(g.drops(), func(d *bridge.Drop) bool { // nobody looks at it any more
		return d.Feed == feed && d.SHA256 == sha(half) && d.State.Settled() && g.clock.Now().After(d.SettledAt.Add(9*time.Minute))
	})
	for range 4 { // it is seen, and fetched once it has stood still
		g.round()
		g.clock.move(time.Minute)
	}
	if late {
		return
	}
	if !slices.ContainsFunc(g.drops(), func(d *bridge.Drop) bool { return d.Feed == feed && d.SHA256 == sha(half+rest) }) {
		t.Fatalf("%s/%s came in two pieces, and nobody has seen the second\n%s", feed, name, g.story())
	}
}

// edit is somebody who changes or deletes a price in the shop, once nothing is interrupted.
func (g *game) edit(t *rapid.T) {
	g.round()
	type price struct{ key, id string }
	var list []price
	err := g.client.All(context.Background(), formats.Prices, []string{"value"}, func(key string, f bridge.Found) error {
		list = append(list, price{key, f.OroID})
		return nil
	})
	g.must(err)
	if len(list) == 0 {
		t.Skip("the shop has no prices")
	}
	p := rapid.SampledFrom(list).Draw(t, "price")
	text := rapid.SampledFrom([]string{"7", "8", ""}).Draw(t, "by hand")
	change := &bridge.Change{Op: bridge.Update, Key: p.key, OroID: p.id, Values: []formats.Value{{Field: "value", Text: text}}}
	if text == "" {
		change.Op, change.Values = bridge.Remove, nil
	}
	change.Record = &formats.Record{Entity: formats.Prices, Key: p.key, Values: change.Values, Remove: text == ""}
	batch := &bridge.Batch{Entity: formats.Prices.Name, Changes: []*bridge.Change{change}, Sent: g.clock.Now()}
	batch.Operation, _, err = g.client.Submit(context.Background(), batch)
	g.must(err)
	_, err = g.client.Await(context.Background(), batch)
	g.must(err)
	g.watch.forget("prices " + p.key)
	g.model.edited("prices "+p.key, text)
}

// restore makes the shop what it was at its last backup, once nothing is interrupted.
func (g *game) restore(*rapid.T) {
	g.round()
	g.shop.Restore(g.backup)
	g.watch.forget("")
	g.model.restored()
}

// rename gives a file another name that still stands in its folder.
func (g *game) rename(t *rapid.T) {
	files, err := filepath.Glob(filepath.Join(g.folder, "*", "*.csv"))
	g.must(err)
	if len(files) == 0 {
		t.Skip("no file stands there")
	}
	from := rapid.SampledFrom(files).Draw(t, "file")
	g.must(os.Rename(from, filepath.Join(filepath.Dir(from), "renamed.csv")))
}

// outage makes a round while the shop or the files are in trouble.
func (g *game) outage(t *rapid.T) {
	const patch, get = http.MethodPatch, http.MethodGet
	f := orotest.Fault{Path: "/admin/api/", Times: rapid.SampledFrom([]int{1, 2, 5, 100000}).Draw(t, "times")}
	switch rapid.SampledFrom([]string{"shop down", "shop stumbles", "answer lost", "answers cut", "too many", "operations fail", "queue stalls", "files down"}).Draw(t, "trouble") {
	case "shop down":
		f.Effect = orotest.BadGateway()
	case "shop stumbles":
		f.Method, f.Effect = patch, orotest.After(orotest.ServerError())
	case "answer lost":
		f.Method, f.Effect = patch, orotest.CutAfter(10)
	case "answers cut":
		f.Method, f.Effect = get, orotest.CutAfter(150)
	case "too many":
		f.Effect = orotest.TooManyRequests(time.Minute)
	case "operations fail":
		g.shop.FailOperations(min(f.Times, 4))
		defer g.shop.FailOperations(0)
	case "queue stalls":
		g.shop.StallQueue()
		defer g.shop.ResumeQueue()
	case "files down":
		g.files.broken.Store(int64(f.Times))
		defer g.files.broken.Store(0)
	}
	if f.Effect != nil {
		defer g.shop.Inject(f).Release()
	}
	g.turn(context.Background())
}

// crash makes a round that ends at some step, and starts a new bridge. What was on its way goes nowhere any more.
func (g *game) crash(t *rapid.T) {
	ctx, die := context.WithCancel(context.Background())
	defer die()
	left := rapid.IntRange(1, 60).Draw(t, "steps")
	g.steps.Store(func(string) {
		if left--; left == 0 {
			die()
		}
	})
	defer g.steps.Store(func(string) {})
	if err := g.turn(ctx); err == nil {
		return // it came to its end before
	}
	g.close()
	g.open()
}

// rerun runs a settled drop again, once nothing is interrupted.
func (g *game) rerun(t *rapid.T) {
	g.round()
	settled := slices.DeleteFunc(g.drops(), func(d *bridge.Drop) bool { return !d.State.Settled() || d.SHA256 == "" })
	if len(settled) == 0 {
		t.Skip("no drop is settled")
	}
	d := rapid.SampledFrom(settled).Draw(t, "drop")
	o := inbound.RerunOptions{Force: rapid.Bool().Draw(t, "force"), Rejected: rapid.IntRange(0, 3).Draw(t, "rejected") == 0}
	_, err := g.b.In.Rerun(context.Background(), d, o, bridge.Decision{})
	var known *bridge.Error
	if err != nil && !errors.As(err, &known) {
		g.must(err)
	}
	g.watch.allow(o.Force && err == nil)
	g.clock.move(time.Minute)
	g.turn(context.Background())
}

// decide approves or discards a held drop.
func (g *game) decide(t *rapid.T) {
	held := slices.DeleteFunc(g.drops(), func(d *bridge.Drop) bool { return d.State != bridge.Held })
	if len(held) == 0 {
		t.Skip("no drop is held")
	}
	d := rapid.SampledFrom(held).Draw(t, "drop")
	if rapid.Bool().Draw(t, "approve") {
		g.must(g.b.In.Approve(context.Background(), d, bridge.Decision{Who: "somebody"}))
		return
	}
	f, _ := g.b.In.Feed(d.Feed)
	g.must(g.b.In.Discard(context.Background(), f, d, bridge.Decision{Who: "somebody"}))
}

// check is what must hold at any time.
func (g *game) check(*rapid.T) {
	for _, d := range g.drops() {
		runs, err := g.ledger.Runs(context.Background(), d.ID)
		g.must(err)
		for _, r := range runs {
			if r.State != bridge.Done {
				continue
			}
			if r.Rows != r.Sum() {
				g.t.Fatalf("run %d of drop %d: %d rows, %d have a fate: %+v", r.ID, d.ID, r.Rows, r.Sum(), r.Counts)
			}
			if rows := g.model.rows(d); r.Kind != bridge.ParkedRun && r.Kind != bridge.RetryRun && r.Rows != rows {
				g.t.Fatalf("run %d of drop %d read %d rows, its file has %d", r.ID, d.ID, r.Rows, rows)
			}
		}
	}
	if said := g.watch.said(); said != "" {
		g.t.Fatal(said)
	}
	diff, err := miscounted(g.counts, g.feeds, g.ledger)
	g.must(err)
	if diff != "" {
		g.t.Fatalf("figures (- the ledger, + what a collector gets):\n%s", diff)
	}
}

// settle makes rounds until nothing is left to do.
func (g *game) settle() {
	for range 5 {
		g.clock.move(10 * time.Minute)
		g.round()
	}
	for _, d := range g.drops() {
		if !d.State.Settled() && d.State != bridge.Held && !strings.Contains(d.Reason, "waits behind") {
			g.t.Fatalf("drop %d (%s %s) stays %s: %s", d.ID, d.Feed, d.Name, d.State, d.Reason)
		}
		if d.Finish != "" {
			g.t.Fatalf("drop %d (%s %s) is not put away", d.ID, d.Feed, d.Name)
		}
	}
}

// compare compares the shop with the model.
func (g *game) compare() {
	is := g.inShop()
	if diff := cmp.Diff(g.model.shop(is), is); diff != "" {
		g.t.Fatalf("the shop (- as the model says, + as it is):\n%s\n%s", diff, g.story())
	}
}
