package crashtest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftp/sftptest"
	"github.com/orobridge/orobridge/state"
)

// A site is everything that a bridge works with: a shop in a box or several, an SFTP server, a config, and a state folder.
type site struct {
	t     testing.TB
	shop  *orotest.Shop            // the one, or the first
	boxes map[string]*orotest.Shop // all, by what stands before the names of their feeds: "b2b-", or nothing where there is one
	erp   sftptest.Login           // as the bridge reaches the server
	root  string                   // the server's folder on this machine
	below string                   // what of it is the site's
	dir   string                   // of config and state
	ears  *ears
	mall  bool // its files are for all shops
	// postgres is the address of the ledger; without one it is a file.
	postgres string
	env      []string // what the config names, of the programs that are started on it
}

// ears are another system that is told of events, and a route by which people are told of alarms: it takes all that comes, and remembers
// the numbers of events in their order, and how often it was told what of which alarm.
type ears struct {
	*httptest.Server
	mu     sync.Mutex
	heard  []int64
	alarms map[string]int
}

func newEars(t testing.TB) *ears {
	e := &ears{alarms: map[string]int{}}
	e.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct {
			Data           struct{ ID int64 }
			Message, Alarm string
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if r.URL.Path == "/alarms" {
			e.alarms[m.Alarm+" "+m.Message]++
		} else {
			e.heard = append(e.heard, m.Data.ID)
		}
	}))
	t.Cleanup(e.Close)
	return e
}

// told checks that the other system was told of each event of its kind, in their order, and people of each alarm: of none again but at
// the kill of a bridge.
func (s *site) told(kind bridge.EventKind, kills int) {
	s.t.Helper()
	var events []struct {
		ID   int64            `json:"id"`
		Kind bridge.EventKind `json:"kind"`
	}
	s.ask(&events, "events", "--last", "0")
	var want []int64
	for _, e := range events {
		if e.Kind == kind {
			want = append(want, e.ID)
		}
	}
	s.ears.mu.Lock()
	defer s.ears.mu.Unlock()
	got := slices.Compact(slices.Clone(s.ears.heard))
	if s.postgres != "" { // one of several bridges, which was about to say something when it was stopped, says it once more when it wakes up
		got = firsts(got)
	}
	if len(want) == 0 || !slices.Equal(want, got) {
		s.t.Errorf("the journal has %d events %v, the other system was told of %v", len(want), want, s.ears.heard)
	}
	if again := len(s.ears.heard) - len(want); again > kills {
		s.t.Errorf("%d events were told again, though only %d bridges were killed", again, kills)
	}
	var alarms []struct {
		Number int64
		Told   []struct{ Message string }
	}
	s.ask(&alarms, "alarms", "--all")
	owed := map[string]bool{}
	for _, a := range alarms {
		for _, m := range a.Told {
			owed[fmt.Sprintf("%d %s", a.Number, m.Message)] = true
		}
	}
	if !maps.EqualFunc(owed, s.ears.alarms, func(_ bool, n int) bool { return n <= 1+kills }) || len(owed) == 0 {
		s.t.Errorf("people were owed %v, and were told %v", owed, s.ears.alarms)
	}
}

// firsts are the numbers of a list, each where it stands first.
func firsts(list []int64) (first []int64) {
	seen := map[int64]bool{}
	for _, n := range list {
		if !seen[n] {
			first = append(first, n)
		}
		seen[n] = true
	}
	return first
}

var folders = []string{"customers", "products", "pricelists", "prices", "offers", "inventory"}

const siteConfig = `
state: { dir: var }
%s
remotes:
  erp: { kind: sftp, address: '%s', user: %s, private_key_file: '%s', known_hosts_file: '%s', path: '%s', connect_timeout: 10s, read_timeout: %s, keep_alive: %[7]s }
feeds:
%[8]s
alarms: { disk: 1B }
notify: [{ name: people, url: 'generic+%[9]s/alarms', kinds: [rejected, partial, held] }]
subscribers: [{ name: ears, url: %[9]s, secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, events: [drop settled] }]
`

const shopConfig = `{ url: %s, client_id: demo, client_secret: demo, batch: 10, in_flight: 3, timeout: %s, settle: %s }`

const feedConfig = `  - { name: %[1]s%[2]s, %[3]s, remote: erp, folder: %[1]s%[2]s, match: '*.csv', every: %[4]s, ready: { stable: 0s }, format: { kind: csv }%[5]s }
`

// limits are the times of a config: how long to wait for the shop, for its batches and for the server, and between
// listings.
type limits struct{ request, settle, server, every time.Duration }

// newSite builds a site of one shop around a server. The folder becomes the feeds' root.
func newSite(t testing.TB, erp sftptest.Login, folder string, l limits, options ...orotest.Option) *site {
	t.Helper()
	s := emptySite(t, erp, folder)
	s.shop = s.box("", options)
	s.configure(l, "oro: "+fmt.Sprintf(shopConfig, s.shop.URL(), l.request, l.settle), s.feeds("", "", l))
	return s
}

// newSites builds a site of several shops, each with feeds and an export of its own.
func newSites(t testing.TB, erp sftptest.Login, folder string, l limits, names []string, options ...orotest.Option) *site {
	t.Helper()
	s := emptySite(t, erp, folder)
	shops, feeds, exports := "shops:", "", "exports:"
	for _, name := range names {
		box := s.box(name+"-", options)
		if _, err := box.AddCustomer("Buyer", "B01"); err != nil { // the first that there is
			t.Fatal(err)
		}
		shops += fmt.Sprintf("\n  %s: "+shopConfig, name, box.URL(), l.request, l.settle)
		feeds += s.feeds(name+"-", "shop: "+name+", ", l)
		exports += fmt.Sprintf("\n  - { name: %[1]s-orders, shop: %[1]s, remote: erp, folder: %[1]s-orders, every: 1s, since: all, "+
			"file: 'ORD_{number}_{identifier}.csv', format: { kind: csv } }", name)
		s.folder(name + "-orders")
	}
	s.shop = s.boxes[names[0]+"-"]
	s.configure(l, shops, feeds+exports)
	return s
}

func emptySite(t testing.TB, erp sftptest.Login, folder string) *site {
	return &site{t: t, erp: erp, root: filepath.Join(erp.Root, folder), below: folder, dir: t.TempDir(), ears: newEars(t),
		boxes: map[string]*orotest.Shop{}}
}

// box starts a shop.
func (s *site) box(prefix string, options []orotest.Option) *orotest.Shop {
	s.t.Helper()
	asked := &orotest.Asked{}
	s.t.Cleanup(func() {
		for _, request := range asked.Unrecorded("../oro/testdata/requests.txt") {
			s.t.Error("no real shop is known to answer: " + request)
		}
	})
	box := orotest.New(append([]orotest.Option{orotest.JournalBodies(true), orotest.Into(asked)}, options...)...)
	if err := box.Start("127.0.0.1:0"); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { box.Close() })
	s.boxes[prefix] = box
	return box
}

// feeds are a shop's, with their folders.
func (s *site) feeds(prefix, of string, l limits) (text string) {
	for _, feed := range folders {
		entity, more := feed, ""
		if feed == "offers" {
			entity, more = "prices", ", mode: full, on_missing: delete"
		}
		text += fmt.Sprintf(feedConfig, prefix, feed, of+"entity: "+entity, l.every, more)
		s.folder(prefix + feed)
	}
	return text
}

// folder makes one on the server.
func (s *site) folder(name string) {
	if err := os.MkdirAll(filepath.Join(s.root, name), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

// configure writes the config.
func (s *site) configure(l limits, shops, feeds string) {
	s.t.Helper()
	text := fmt.Sprintf(siteConfig, shops, s.erp.Address, s.erp.User, s.erp.KeyFile, s.erp.KnownHostsFile,
		filepath.ToSlash(filepath.Join(s.erp.Folder, s.below)), l.server, feeds, s.ears.URL)
	if err := os.WriteFile(filepath.Join(s.dir, "orobridge.yaml"), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// drop puts files into the feeds' folders as a careful sender does: under a name that the feed ignores, then renamed.
func (s *site) drop(files []file) {
	s.t.Helper()
	for _, f := range files {
		path := filepath.Join(s.root, f.feed, f.name)
		for _, err := range []error{os.WriteFile(path+".tmp", []byte(f.body), 0o644), os.Chtimes(path+".tmp", f.at, f.at), os.Rename(path+".tmp", path)} {
			if err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// command prepares the program on the site's config.
func (s *site) command(args ...string) *exec.Cmd {
	return s.commandOf(binary(s.t), filepath.Join(s.dir, "orobridge.yaml"), args...)
}

// commandOf prepares some version of the program on some config.
func (s *site) commandOf(program, config string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, append([]string{"--config", config}, args...)...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.env...)
	return cmd
}

// ask reads what a verb prints with --json.
func (s *site) ask(into any, args ...string) {
	s.t.Helper()
	out, err := s.command(append(args, "--json")...).Output()
	if err == nil {
		err = json.Unmarshal(out, into)
	}
	if err != nil {
		s.t.Fatalf("orobridge %s: %v", strings.Join(args, " "), err)
	}
}

// An end is all that must be the same whatever happened on the way.
type end struct {
	Shop    orotest.Snapshot
	Drops   map[string]*fate  // by feed and name
	Files   map[string]string // path below the root → hash of the content
	Created map[string]int    // how often the shop took a request that created something, by what was created
}

// fate is what became of a drop.
type fate struct {
	State   bridge.DropState
	Moved   bool
	Load    bridge.Counts // of its first run
	Later   bridge.Counts // of its parked rows, all attempts together: what they became in the end
	Waiting []string      // keys that are parked still
	Rejects []string
}

// read opens the ledger beside whoever works with it, and looks.
func (s *site) read(look func(*state.State) error) {
	s.t.Helper()
	ledger, err := state.Open(s.t.Context(), filepath.Join(s.dir, "var"), state.Options{Postgres: s.postgres, ReadOnly: true})
	if err == nil {
		err = errors.Join(look(ledger), ledger.Close())
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// approve is the admin who lets the drops go on in whose loading the bridge was killed so often that it held them.
func (s *site) approve() (approved int) {
	s.t.Helper()
	var held []*bridge.Drop
	s.read(func(l *state.State) (err error) {
		held, err = l.Drops(s.t.Context(), bridge.DropFilter{States: []bridge.DropState{bridge.Held}})
		return err
	})
	for _, d := range held {
		out, err := s.command("approve", strconv.FormatInt(d.ID, 10)).CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 3) { // 3: loaded in part
			s.t.Fatalf("orobridge approve %d: %v\n%s", d.ID, err, out)
		}
	}
	return len(held)
}

// end looks at the site once the bridge is still.
func (s *site) end() *end {
	s.t.Helper()
	e := &end{Shop: orotest.Snapshot{}, Drops: map[string]*fate{}, Created: map[string]int{}}
	for prefix, box := range s.boxes {
		for name, records := range box.Snapshot() {
			e.Shop[prefix+name] = records
		}
		s.created(box, prefix, s.products(prefix), e.Created)
	}
	runs := map[string]string{}
	s.read(func(l *state.State) error { return s.fates(l, e.Drops, runs) })
	e.Files = s.files(runs)
	return e
}

// fates are what became of each drop, and whose the numbers are that names of files carry.
func (s *site) fates(l *state.State, fates map[string]*fate, owner map[string]string) error {
	ctx := s.t.Context()
	drops, err := l.Drops(ctx, bridge.DropFilter{})
	if err != nil {
		return err
	}
	for _, d := range drops {
		runs, err := l.Runs(ctx, d.ID)
		if err != nil {
			return err
		}
		f := &fate{State: d.State, Moved: d.State.Settled() && d.Finish == ""}
		fates[d.Feed+"/"+d.Name], owner[fmt.Sprintf("_d%d", d.ID)] = f, d.Name
		for _, r := range runs {
			owner[fmt.Sprintf("_r%d", r.ID)] = d.Name
			s.count(f, r)
		}
		if err := l.Rejects(ctx, bridge.RejectFilter{Drop: d.ID}, func(r bridge.RejectRow) error {
			f.Rejects = append(f.Rejects, fmt.Sprintf("%d %s %s: %s", r.Pos.Line, r.Key, r.Code, r.Message))
			return nil
		}); err != nil {
			return err
		}
	}
	for prefix := range s.boxes {
		if err := l.Of(strings.TrimSuffix(prefix, "-")).Parked(ctx, "", time.Time{}, func(p bridge.ParkedRow) error {
			i := slices.IndexFunc(drops, func(d *bridge.Drop) bool { return d.ID == p.Drop })
			f := fates[drops[i].Feed+"/"+drops[i].Name]
			f.Waiting = append(f.Waiting, p.Key)
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// count counts what a run made of a drop's rows.
func (s *site) count(f *fate, r *bridge.Run) {
	if r.Ended.IsZero() {
		s.t.Errorf("run %d of drop %d has no end", r.ID, r.Drop)
	}
	if r.Rows != r.Sum() {
		s.t.Errorf("run %d of drop %d: %d rows, %d accounted for", r.ID, r.Drop, r.Rows, r.Sum())
	}
	if r.Kind == bridge.FirstRun {
		f.Load = r.Counts
		return
	}
	add(&f.Later, r.Counts)
	f.Later.Parked = 0
}

var (
	tag    = regexp.MustCompile(`_[dr]\d+`)
	moment = regexp.MustCompile(`\d{4}-\d\d-\d\d([T ][0-9:.]+Z?)?`)
)

// files lists all files of the server by name and content. Names carry the number of a run or a drop, which depends on
// how often parked rows were tried: what counts is whose number it is. So with reject files: what counts is which rows
// came back. Temporary files that a killed bridge has left behind are swept a day later.
func (s *site) files(owner map[string]string) map[string]string {
	s.t.Helper()
	identity, lines := s.identity(), map[string][]string{}
	err := filepath.WalkDir(s.root, func(path string, e fs.DirEntry, err error) error {
		ours := bridge.OwnTemp(identity, e.Name()) || strings.HasPrefix(e.Name(), bridge.OwnPrefix) && strings.HasSuffix(e.Name(), ".mark")
		if err != nil || e.IsDir() || ours || strings.HasPrefix(e.Name(), foreign) {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(s.root, path)
		if strings.HasPrefix(e.Name(), "ORD_") { // when it was submitted is another time each time
			body = moment.ReplaceAll(body, nil)
		}
		name = tag.ReplaceAllStringFunc(name, func(t string) string { return t[:2] + "(" + owner[t] + ")" })
		if lines[name] != nil && !s.ofRuns(name) {
			s.t.Errorf("two files of one kind: %s", name)
		}
		lines[name] = append(lines[name], strings.SplitAfter(string(body), "\n")...)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	files := map[string]string{}
	for name, l := range lines {
		if s.ofRuns(name) {
			slices.Sort(l)
			l = slices.Compact(l)
		}
		sum := sha256.Sum256([]byte(strings.Join(l, "")))
		files[name] = hex.EncodeToString(sum[:4])
	}
	return files
}

// ofRuns says that each run of a file may leave one of a kind: with its rejects, and in a mall with why a shop could not read it.
func (s *site) ofRuns(name string) bool {
	return strings.HasSuffix(name, "_rejects.csv") || s.mall && strings.HasSuffix(name, "_error.txt")
}

// identity is the ledger's, which the bridge's temporary names carry.
func (s *site) identity() (identity string) {
	s.t.Helper()
	s.read(func(l *state.State) error { identity = l.Identity(); return nil })
	return identity
}

// foreign is how the names of files begin that are not the feeds'.
const foreign = "note_"

// products are the first products of a shop, of which there are offers, by the shop's ids.
func (s *site) products(prefix string) map[string]string {
	s.t.Helper()
	var skus []string
	for i := range 30 {
		skus = append(skus, fmt.Sprintf("P%02d", i))
	}
	byID := map[string]string{}
	s.read(func(l *state.State) error {
		links, err := l.Of(strings.TrimSuffix(prefix, "-")).Links(s.t.Context(), "products", skus)
		for sku, k := range links {
			byID[k.OroID] = sku
		}
		return err
	})
	return byID
}

// created counts how often a shop took a request to create a record. Prices name their products by id or by sku, as the bridge thinks that
// the shop takes them.
func (s *site) created(box *orotest.Shop, prefix string, products map[string]string, made map[string]int) {
	s.t.Helper()
	for _, r := range box.Journal() {
		if r.Method != "PATCH" || r.Status != 202 {
			continue
		}
		var doc struct {
			Data []struct {
				Type       string
				Meta       struct{ Update bool }
				Attributes struct {
					ExternalID, SKU, Name, Currency string
					Quantity                        json.RawMessage
				}
				Relationships map[string]struct{ Data json.RawMessage }
			}
		}
		if err := json.Unmarshal(r.Body, &doc); err != nil {
			s.t.Fatal(err)
		}
		for _, d := range doc.Data {
			if d.Meta.Update {
				continue
			}
			key := prefix + d.Type + " " + d.Attributes.ExternalID + d.Attributes.SKU
			switch d.Type {
			case "pricelists":
				key += d.Attributes.Name
			case "productprices":
				var product struct{ ID string }
				if err := json.Unmarshal(d.Relationships["product"].Data, &product); err != nil {
					s.t.Fatal(err)
				}
				if sku := products[product.ID]; sku != "" {
					product.ID = sku
				}
				key += fmt.Sprintf("%s %s %s of %s in list %s", d.Attributes.Quantity, d.Relationships["unit"].Data, d.Attributes.Currency,
					product.ID, d.Relationships["priceList"].Data)
			}
			made[key]++
		}
	}
}

// inTheEnd leaves out what a trouble may delay: a row that had to wait for its parent, and became something later.
func (e *end) inTheEnd() *end {
	late := *e
	late.Drops = map[string]*fate{}
	for name, f := range e.Drops {
		sum := f.Load
		add(&sum, f.Later)
		sum.Rows, sum.Parked = 0, 0
		late.Drops[name] = &fate{State: f.State, Moved: f.Moved, Load: sum, Waiting: f.Waiting, Rejects: f.Rejects}
	}
	return &late
}

// add adds what became of rows.
func add(sum *bridge.Counts, c bridge.Counts) {
	sum.Created += c.Created
	sum.Updated += c.Updated
	sum.Unchanged += c.Unchanged
	sum.Adopted += c.Adopted
	sum.Removed += c.Removed
	sum.Collapsed += c.Collapsed
	sum.Rejected += c.Rejected
	sum.Parked += c.Parked
	sum.Withdrawn += c.Withdrawn
}

// same compares an end with that of an undisturbed bridge.
func (e *end) same(t testing.TB, got *end) {
	t.Helper()
	if diff := e.Shop.Diff(got.Shop); diff != "" {
		t.Errorf("the shop is another one (- undisturbed, + now):\n%s", diff)
	}
	if diff := cmp.Diff(e.Drops, got.Drops); diff != "" {
		t.Errorf("drops (- undisturbed, + now):\n%s", diff)
	}
	if diff := cmp.Diff(e.Files, got.Files); diff != "" {
		t.Errorf("files (- undisturbed, + now):\n%s", diff)
	}
	for key, n := range got.Created {
		if n > max(1, e.Created[key]) && !refused(key) {
			t.Errorf("%s was created %d times, and %d times by an undisturbed bridge", key, n, e.Created[key])
		}
	}
}
