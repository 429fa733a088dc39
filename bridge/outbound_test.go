package bridge_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

const anExport = `
exports:
  - { name: orders, entity: orders, remote: disk, folder: orders, file: 'ORD_{submitted}_{number}_{identifier}.csv', format: { kind: csv }, since: '2026-11-21'%s }
`

// exporting is a world with one export and some more keys of it: ", marker: .ok".
func exporting(t testing.TB, more string) *world {
	t.Helper()
	return newWorld(t, fmt.Sprintf(anExport, more), orotest.Seed(orotest.Sample))
}

func (w *world) export() *bridge.ExportConfig { return w.b.Config.Exports[0] }

// submit makes an order a second after the last one.
func (w *world) submit(identifier string) string {
	w.t.Helper()
	w.tick(time.Second)
	id, err := w.shop.SubmitOrder(orotest.Order{Identifier: identifier, Customer: "1",
		Lines: []orotest.Line{{SKU: "0RT28", Quantity: "2", Price: "9.95"}}})
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) tick(d time.Duration) { _ = w.clock.Wait(context.Background(), d) }

// out makes a round of the export and returns what the round said.
func (w *world) out() error {
	w.t.Helper()
	_, err := w.b.Export(context.Background(), w.export())
	return err
}

func (w *world) mustOut() {
	w.t.Helper()
	if err := w.out(); err != nil {
		w.t.Fatalf("%v\n%s", err, w.log)
	}
}

// there lists the visible files of the orders' folder.
func (w *world) there() []string {
	w.t.Helper()
	entries, err := os.ReadDir(filepath.Join(w.folder, "orders"))
	if err != nil {
		w.t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}

func (w *world) take(name string) { w.must(os.Remove(filepath.Join(w.folder, "orders", name))) }

func (w *world) put(name, content string) {
	w.must(os.WriteFile(filepath.Join(w.folder, "orders", name), []byte(content), 0o644))
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// outbox is a line for each order: identifier, version, number, state, alarm.
func (w *world) outbox() string {
	w.t.Helper()
	list, err := w.ledger.Outbox(context.Background(), bridge.OutboxFilter{})
	w.must(err)
	var lines []string
	for _, o := range list {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s v%d #%d %s %s", o.Order, o.Version, o.Number, o.State, o.Alarm)))
	}
	return strings.Join(lines, "\n")
}

func (w *world) want(outbox string) {
	w.t.Helper()
	if got := w.outbox(); got != outbox {
		w.t.Errorf("the outbox is\n%s\nwant\n%s\n%s", got, outbox, w.log)
	}
}

func (w *world) alarms() []string {
	w.t.Helper()
	notes, err := w.ledger.Notes(context.Background())
	w.must(err)
	var all []string
	for name, text := range notes {
		if alarm, ok := bridge.AlarmNote(name); ok {
			all = append(all, alarm+": "+text)
		}
	}
	slices.Sort(all)
	return all
}

// sounded counts the log lines of an alarm.
func (w *world) sounded(alarm bridge.Alarm) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Count(w.log.String(), "msg=alarm export=orders alarm="+string(alarm)+" ")
}

// faulty is a remote that fails when a test wants it to.
type faulty struct {
	bridge.Remote
	put  func(path string) error
	move func(from, to string) error // called after the move when it was done
}

func (r *faulty) Put(ctx context.Context, path string, body io.ReadSeeker) error {
	if r.put != nil {
		if err := r.put(path); err != nil {
			return err
		}
	}
	return r.Remote.Put(ctx, path, body)
}

func (r *faulty) Move(ctx context.Context, from, to string) error {
	err := r.Remote.Move(ctx, from, to)
	if r.move != nil && err == nil {
		err = r.move(from, to)
	}
	return err
}

func (w *world) spoil() *faulty {
	r := &faulty{Remote: w.b.Remotes["disk"]}
	w.b.Remotes["disk"] = r
	return r
}

func TestOrdersGoOutInTheirOrderAndOnce(t *testing.T) {
	w := exporting(t, "")
	for i := range 3 {
		w.submit(fmt.Sprintf("O-%d", i))
	}
	w.mustOut()
	w.want("O-0 v1 #1 written\nO-1 v1 #2 written\nO-2 v1 #3 written")
	if got := w.there(); len(got) != 3 || !strings.HasSuffix(got[0], "_0000000001_O-0.csv") || !strings.HasSuffix(got[2], "_0000000003_O-2.csv") {
		t.Errorf("%v", got)
	}
	w.tick(time.Minute)
	w.mustOut() // the second look at their second
	w.shop.JournalReset()
	for range 5 {
		w.tick(time.Second)
		w.mustOut()
	}
	if n := w.shop.Requests(); n != 5 {
		t.Errorf("%d requests in five rounds in which nothing happened", n)
	}
	names := w.there()
	w.take(names[0])
	w.mustOut()
	w.want("O-0 v1 #1 picked_up\nO-1 v1 #2 written\nO-2 v1 #3 written")
	w.close()
	w.open()
	w.mustOut()
	if got := w.there(); !slices.Equal(got, names[1:]) {
		t.Errorf("after a start: %v", got)
	}
}

func TestWhatIsWrittenIsTheOutbox(t *testing.T) {
	w := exporting(t, ", gzip: true")
	w.submit("Ö/1")
	w.submit("Ö-1")
	w.mustOut()
	names := w.there()
	if len(names) != 2 {
		t.Fatal(names)
	}
	files, err := w.ledger.Outfiles(t.Context(), bridge.OutfileFilter{})
	w.must(err)
	for i, f := range files {
		body, err := w.ledger.Body(t.Context(), "orders", f.Number)
		w.must(err)
		got, err := os.ReadFile(filepath.Join(w.folder, "orders", names[i]))
		if err != nil || !bytes.Equal(body, got) || names[i] != f.Name || !strings.HasSuffix(f.Name, ".csv.gz") {
			t.Errorf("%s is not %s: %v", names[i], f.Name, err)
		}
		r, err := gzip.NewReader(bytes.NewReader(got))
		w.must(err)
		if text, err := io.ReadAll(r); err != nil || !strings.Contains(string(text), f.Orders[0]) {
			t.Errorf("%s %v", text, err)
		}
	}
}

func TestNothingIsMissedThatCommitsLate(t *testing.T) {
	w := exporting(t, "")
	w.submit("early")
	at := w.clock.Now()
	_, commit, err := w.shop.HoldOrder(orotest.Order{Identifier: "late", Customer: "1", CreatedAt: at, Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
	w.must(err)
	w.mustOut()
	w.tick(9 * time.Minute)
	w.submit("between")
	w.mustOut()
	w.must(commit())
	w.mustOut()
	w.mustOut()
	w.want("early v1 #1 written\nbetween v1 #2 written\nlate v1 #3 written")
	// Later than the overlap: the hourly long look finds it.
	_, commit, err = w.shop.HoldOrder(orotest.Order{Identifier: "very late", Customer: "1", Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
	w.must(err)
	w.tick(30 * time.Minute)
	w.submit("after")
	w.mustOut()
	w.must(commit())
	w.tick(time.Hour)
	w.mustOut()
	if !strings.Contains(w.outbox(), "very late v1 #5 written") {
		t.Error(w.outbox())
	}
}

func TestTheShopsClockMayBeOff(t *testing.T) {
	w := exporting(t, "")
	id := w.submit("from the future")
	w.must(w.shop.StampOrder(id, w.clock.Now().Add(3*time.Hour), w.clock.Now().Add(3*time.Hour)))
	w.mustOut()
	w.submit("from now")
	w.mustOut()
	id = w.submit("from the past")
	w.must(w.shop.StampOrder(id, w.clock.Now().Add(-8*time.Minute), w.clock.Now().Add(-8*time.Minute)))
	w.mustOut()
	w.want("from the future v1 #1 written\nfrom now v1 #2 written\nfrom the past v1 #3 written")
}

func TestOnlyWhatWasSubmittedSince(t *testing.T) {
	w := newWorld(t, strings.Replace(fmt.Sprintf(anExport, ", on_change: new_version"), "since: '2026-11-21'", "since: now", 1), orotest.Seed(orotest.Sample))
	old := w.submit("old")
	w.mustOut()
	w.want("")
	w.tick(time.Second)
	w.must(w.shop.ChangeLine(old, 0, "7"))
	w.submit("new")
	w.mustOut()
	w.want("new v1 #1 written")
}

func TestFiltersAndLaterMatches(t *testing.T) {
	w := exporting(t, ", only: { internal_status: [open], currency: [USD], when: \"amount(total) >= 10\" }")
	cheap := w.submit("cheap")
	w.must(w.shop.ChangeLine(cheap, 0, "1"))
	pending := w.submit("pending")
	w.must(w.shop.SetOrderStatus(pending, "pending"))
	w.submit("good")
	w.mustOut()
	w.want("good v1 #1 written")
	w.tick(time.Minute)
	w.must(w.shop.SetOrderStatus(pending, "open"))
	w.tick(time.Second)
	w.must(w.shop.ChangeLine(cheap, 0, "3"))
	w.mustOut()
	w.want("good v1 #1 written\ncheap v1 #2 written\npending v1 #3 written")
}

func TestChangesWithinOneSecondAreSeen(t *testing.T) {
	w := exporting(t, ", only: { internal_status: [open] }")
	w.tick(time.Second)
	id, err := w.shop.SubmitOrder(orotest.Order{Identifier: "quick", Status: "pending", Customer: "1", Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
	w.must(err)
	w.mustOut()
	w.must(w.shop.SetOrderStatus(id, "open")) // its time stamp does not move
	w.mustOut()
	w.want("")
	w.tick(4 * time.Second)
	w.mustOut()
	w.want("quick v1 #1 written")
}

func TestAChangedOrderIsANewVersion(t *testing.T) {
	for _, on := range []string{"ignore", "new_version"} {
		t.Run(on, func(t *testing.T) {
			w := exporting(t, ", only: { internal_status: [open] }, on_change: "+on)
			id := w.submit("O-1")
			w.mustOut()
			w.tick(time.Minute)
			w.must(w.shop.StampOrder(id, time.Time{}, w.clock.Now())) // touched, not changed
			w.mustOut()
			w.want("O-1 v1 #1 written")
			w.tick(time.Minute)
			w.must(w.shop.ChangeLine(id, 0, "5"))
			w.mustOut()
			w.tick(time.Minute)
			w.must(w.shop.CancelOrder(id))
			w.mustOut()
			w.mustOut()
			if on == "ignore" {
				w.want("O-1 v1 #1 written")
				return
			}
			w.want("O-1 v1 #1 written\nO-1 v2 #2 written\nO-1 v3 #3 written")
			if names := w.there(); !strings.HasSuffix(names[1], "_0000000002_O-1_v2.csv") {
				t.Error(names)
			}
		})
	}
}

func TestCollectedOrdersShareAFile(t *testing.T) {
	w := exporting(t, ", collect: 3 orders or 1m")
	for i := range 4 {
		w.submit(fmt.Sprintf("O-%d", i))
	}
	w.mustOut()
	w.want("O-0 v1 #1 written\nO-1 v1 #1 written\nO-2 v1 #1 written\nO-3 v1 #0 collected")
	w.close()
	w.open()
	w.tick(30 * time.Second)
	w.mustOut()
	w.tick(31 * time.Second)
	w.mustOut()
	w.want("O-0 v1 #1 written\nO-1 v1 #1 written\nO-2 v1 #1 written\nO-3 v1 #2 written")
	body, err := w.ledger.Body(t.Context(), "orders", 1)
	w.must(err)
	if n := bytes.Count(body, []byte("\n")); n != 4 {
		t.Errorf("%d lines:\n%s", n, body)
	}
}

func TestAConflictLetsLaterOrdersPass(t *testing.T) {
	w := exporting(t, "")
	w.submit("O-0")
	down := w.spoil()
	down.put = func(string) error { return errors.New("down") }
	if err := w.out(); err == nil {
		t.Fatal("no trouble")
	}
	files, err := w.ledger.Outfiles(t.Context(), bridge.OutfileFilter{})
	w.must(err)
	w.put(files[0].Name, "somebody else's")
	w.submit("O-1")
	down.put = nil
	w.mustOut()
	w.want("O-0 v1 #1 conflict conflict\nO-1 v1 #2 written")
	if got := w.alarms(); !slices.Equal(got, []string{"orders conflict: " + files[0].Name}) {
		t.Errorf("%v", got)
	}
	content, err := os.ReadFile(filepath.Join(w.folder, "orders", files[0].Name))
	if err != nil || string(content) != "somebody else's" {
		t.Errorf("%q %v", content, err)
	}
	w.take(files[0].Name)
	_, err = w.b.SendOrderAgain(t.Context(), "O-0", false)
	w.must(err)
	w.mustOut()
	w.want("O-0 v1 #1 written\nO-1 v1 #2 written")
	if got := w.alarms(); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

func TestTheMarkerComesAfterAndAlone(t *testing.T) {
	w := exporting(t, ", marker: .ok")
	w.submit("O-0")
	w.submit("O-1")
	r := w.spoil()
	puts := map[string]int{}
	r.put = func(p string) error {
		puts[path.Ext(p)]++
		if strings.HasSuffix(p, ".ok") && puts[".ok"] < 3 {
			return &bridge.Error{Op: "put", Object: p, Fate: bridge.Pause, Err: errors.New("cut")}
		}
		return nil
	}
	for range 2 {
		if err := w.out(); err == nil {
			t.Error("no trouble")
		}
		if got := w.there(); len(got) != 2 || strings.HasSuffix(got[0], ".ok") || strings.HasSuffix(got[1], ".ok") {
			t.Errorf("a later order has overtaken: %v", got) // the ERP waits for markers
		}
	}
	w.mustOut()
	if got := w.there(); len(got) != 4 || got[1] != got[0]+".ok" {
		t.Errorf("%v", got)
	}
	if puts[".part"] != 2 || puts[".ok"] != 4 {
		t.Errorf("%v", puts)
	}
}

// TestAFileIsNotWrittenTwice plays an ERP that takes the file between the rename and the bridge's record of it.
func TestAFileIsNotWrittenTwice(t *testing.T) {
	w := exporting(t, "")
	w.submit("O-0")
	r := w.spoil()
	r.move = func(_, to string) error {
		r.move = nil
		w.take(path.Base(to))
		return &bridge.Error{Op: "move", Object: to, Fate: bridge.Pause, Err: errors.New("cut")}
	}
	if err := w.out(); err == nil {
		t.Fatal("no trouble")
	}
	w.mustOut()
	w.want("O-0 v1 #1 picked_up unseen")
	if got := w.there(); len(got) != 0 || w.sounded(bridge.AlarmUnseen) != 1 {
		t.Errorf("%v, %d alarms", got, w.sounded(bridge.AlarmUnseen))
	}
}

func TestAMissingFolderIsWaitedFor(t *testing.T) {
	w := exporting(t, "")
	folder := filepath.Join(w.folder, "orders")
	w.must(os.Remove(folder))
	w.submit("O-0")
	for range 3 {
		if err := w.out(); !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	w.submit("O-1")
	w.want("O-0 v1 #1 owed")
	w.must(os.Mkdir(folder, 0o755))
	w.mustOut()
	w.want("O-0 v1 #1 written\nO-1 v1 #2 written")
	// The folder goes between the bytes and their name, and comes back empty.
	r := w.spoil()
	r.put = func(p string) error {
		r.put = func(string) error {
			for _, name := range w.there() {
				w.take(name)
			}
			return nil
		}
		return nil
	}
	w.submit("O-2")
	w.mustOut()
	if !strings.Contains(w.outbox(), "O-2 v1 #3 written") {
		t.Error(w.outbox())
	}
}

func TestAnOrderThatCannotBeWrittenKeepsNobodyWaiting(t *testing.T) {
	w := exporting(t, ", collect: 2 orders or 1m")
	w.submit("fine-1")
	w.submit("日本")
	w.submit("fine-2")
	setEncoding(w, "iso-8859-1")
	w.mustOut()
	w.want("fine-1 v1 #1 written\n日本 v1 #0 stuck stuck\nfine-2 v1 #1 written")
	if got := w.alarms(); !slices.Equal(got, []string{"orders stuck: 日本"}) {
		t.Errorf("%v", got)
	}
	setEncoding(w, "utf-8")
	_, err := w.b.SendOrderAgain(t.Context(), "日本", true)
	w.must(err)
	w.mustOut()
	if !strings.Contains(w.outbox(), "日本 v2 #2 written") {
		t.Error(w.outbox())
	}
}

func TestPickupIsWatched(t *testing.T) {
	w := exporting(t, ", pickup_within: 30m")
	w.submit("O-0")
	w.mustOut()
	name := w.there()[0]
	for range 3 {
		w.tick(11 * time.Minute)
		w.mustOut()
	}
	w.tick(time.Minute)
	w.mustOut()
	w.want("O-0 v1 #1 written overdue")
	if got := w.alarms(); !slices.Equal(got, []string{"orders overdue: " + name}) || w.sounded(bridge.AlarmOverdue) != 1 {
		t.Errorf("%v, %d times", got, w.sounded(bridge.AlarmOverdue))
	}
	content, err := os.ReadFile(filepath.Join(w.folder, "orders", name))
	w.must(err)
	w.take(name)
	w.mustOut()
	w.want("O-0 v1 #1 picked_up")
	if got := w.alarms(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	w.put(name, string(content))
	for range 3 {
		w.tick(2 * time.Minute)
		w.mustOut()
	}
	w.want("O-0 v1 #1 picked_up returned")
	w.take(name)
	w.tick(2 * time.Minute)
	w.mustOut()
	w.want("O-0 v1 #1 picked_up")
	if n := w.sounded(bridge.AlarmReturned); n != 1 {
		t.Errorf("%d alarms", n)
	}
}

func TestAChangedFileIsAnAlarm(t *testing.T) {
	w := exporting(t, "")
	w.submit("O-0")
	w.mustOut()
	name := filepath.Join(w.folder, "orders", w.there()[0])
	content, err := os.ReadFile(name)
	w.must(err)
	w.mustOut()
	later := time.Now().Add(time.Hour)
	w.must(os.Chtimes(name, later, later)) // touched, not changed
	w.mustOut()
	w.want("O-0 v1 #1 written")
	content[len(content)-2] ^= 1 // the same size
	w.must(os.WriteFile(name, content, 0o644))
	w.must(os.Chtimes(name, later.Add(time.Hour), later.Add(time.Hour)))
	w.mustOut()
	w.mustOut()
	w.want("O-0 v1 #1 written changed")
	if n := w.sounded(bridge.AlarmChanged); n != 1 {
		t.Errorf("%d alarms", n)
	}
}

func TestSendAgain(t *testing.T) {
	w := exporting(t, "")
	id := w.submit("O-0")
	w.submit("O-1")
	w.mustOut()
	names := w.there()
	first, err := os.ReadFile(filepath.Join(w.folder, "orders", names[0]))
	w.must(err)
	for _, name := range names {
		w.take(name)
	}
	w.mustOut()
	w.tick(time.Minute)
	w.must(w.shop.ChangeLine(id, 0, "9"))
	_, err = w.b.SendOrderAgain(t.Context(), "1", false)
	w.must(err)
	w.mustOut()
	again, err := os.ReadFile(filepath.Join(w.folder, "orders", names[0]))
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("not the same bytes: %v", err)
	}
	_, err = w.b.SendOrderAgain(t.Context(), "O-0", true)
	w.must(err)
	w.mustOut()
	w.want("O-0 v1 #1 written\nO-1 v1 #2 picked_up\nO-0 v2 #3 written")
	_, err = w.b.SendOrdersAgain(t.Context(), "", w.clock.Now().Add(-24*time.Hour), time.Time{})
	w.must(err)
	for _, name := range w.there() {
		w.take(name)
	}
	w.mustOut()
	if got := w.there(); len(got) != 3 {
		t.Errorf("%v", got)
	}
	events, err := w.ledger.History(t.Context(), "orders", "O-0")
	w.must(err)
	var steps []string
	for _, e := range events {
		steps = append(steps, string(e.Fate))
	}
	if want := "owed written picked_up rerun written owed rerun written rerun rerun written written"; strings.Join(steps, " ") != want {
		t.Errorf("%v\nwant %s", steps, want)
	}
	if _, err := w.b.SendOrderAgain(t.Context(), "nobody", false); !errors.Is(err, bridge.ErrUnknown) {
		t.Error(err)
	}
}

func TestManyLateOrders(t *testing.T) {
	n := 2000
	if os.Getenv("OROBRIDGE_SOAK") != "" {
		n = 10_000
	}
	w := exporting(t, "")
	w.spoil().put = func(string) error { return errors.New("down") } // only noticing is looked at
	noticeAll(w, n)
}
