package outbound_test

import (
	"bytes"
	"compress/gzip"
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
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

func TestOrdersGoOutInTheirOrderAndOnce(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	for i := range 3 {
		w.Submit(fmt.Sprintf("O-%d", i))
	}
	w.MustOut()
	w.Want("O-0 v1 #1 written\nO-1 v1 #2 written\nO-2 v1 #3 written")
	if got := w.There(); len(got) != 3 || !strings.HasSuffix(got[0], "_0000000001_O-0.csv") || !strings.HasSuffix(got[2], "_0000000003_O-2.csv") {
		t.Errorf("%v", got)
	}
	w.Tick(time.Minute)
	w.MustOut() // the second look at their second
	w.Shop.JournalReset()
	for range 5 {
		w.Tick(time.Second)
		w.MustOut()
	}
	if n := w.Shop.Requests(); n != 5 {
		t.Errorf("%d requests in five rounds in which nothing happened", n)
	}
	names := w.There()
	w.Take(names[0])
	w.MustOut()
	w.Want("O-0 v1 #1 picked_up\nO-1 v1 #2 written\nO-2 v1 #3 written")
	w.Close()
	w.Open()
	w.MustOut()
	if got := w.There(); !slices.Equal(got, names[1:]) {
		t.Errorf("after a start: %v", got)
	}
}

func TestWhatIsWrittenIsTheOutbox(t *testing.T) {
	w := bridgetest.Exporting(t, ", gzip: true")
	w.Submit("Ö/1")
	w.Submit("Ö-1")
	w.MustOut()
	names := w.There()
	if len(names) != 2 {
		t.Fatal(names)
	}
	files, err := w.Ledger.Outfiles(t.Context(), bridge.OutfileFilter{})
	w.Must(err)
	for i, f := range files {
		body, err := w.Ledger.Body(t.Context(), "orders", f.Number)
		w.Must(err)
		got, err := os.ReadFile(filepath.Join(w.Folder, "orders", names[i]))
		if err != nil || !bytes.Equal(body, got) || names[i] != f.Name || !strings.HasSuffix(f.Name, ".csv.gz") {
			t.Errorf("%s is not %s: %v", names[i], f.Name, err)
		}
		r, err := gzip.NewReader(bytes.NewReader(got))
		w.Must(err)
		if text, err := io.ReadAll(r); err != nil || !strings.Contains(string(text), f.Orders[0]) {
			t.Errorf("%s %v", text, err)
		}
	}
}

func TestNothingIsMissedThatCommitsLate(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	w.Submit("early")
	at := w.Clock.Now()
	_, commit, err := w.Shop.HoldOrder(orotest.Order{Identifier: "late", Customer: "1", CreatedAt: at, Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
	w.Must(err)
	w.MustOut()
	w.Tick(9 * time.Minute)
	w.Submit("between")
	w.MustOut()
	w.Must(commit())
	w.MustOut()
	w.MustOut()
	w.Want("early v1 #1 written\nbetween v1 #2 written\nlate v1 #3 written")
	// Later than the overlap: the hourly long look finds it.
	_, commit, err = w.Shop.HoldOrder(orotest.Order{Identifier: "very late", Customer: "1", Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
	w.Must(err)
	w.Tick(30 * time.Minute)
	w.Submit("after")
	w.MustOut()
	w.Must(commit())
	w.Tick(time.Hour)
	w.MustOut()
	if !strings.Contains(w.Outbox(), "very late v1 #5 written") {
		t.Error(w.Outbox())
	}
}

func TestTheShopsClockMayBeOff(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	id := w.Submit("from the future")
	w.Must(w.Shop.StampOrder(id, w.Clock.Now().Add(3*time.Hour), w.Clock.Now().Add(3*time.Hour)))
	w.MustOut()
	w.Submit("from now")
	w.MustOut()
	id = w.Submit("from the past")
	w.Must(w.Shop.StampOrder(id, w.Clock.Now().Add(-8*time.Minute), w.Clock.Now().Add(-8*time.Minute)))
	w.MustOut()
	w.Want("from the future v1 #1 written\nfrom now v1 #2 written\nfrom the past v1 #3 written")
}

func TestOnlyWhatWasSubmittedSince(t *testing.T) {
	w := bridgetest.NewWorld(t, strings.Replace(fmt.Sprintf(bridgetest.AnExport, ", on_change: new_version"), "since: '2026-11-21'", "since: now", 1), orotest.Seed(orotest.Sample))
	old := w.Submit("old")
	w.MustOut()
	w.Want("")
	w.Tick(time.Second)
	w.Must(w.Shop.ChangeLine(old, 0, "7"))
	w.Submit("new")
	w.MustOut()
	w.Want("new v1 #1 written")
}

func TestFiltersAndLaterMatches(t *testing.T) {
	w := bridgetest.Exporting(t, ", only: { internal_status: [open], currency: [USD], when: \"amount(total) >= 10\" }")
	cheap := w.Submit("cheap")
	w.Must(w.Shop.ChangeLine(cheap, 0, "1"))
	pending := w.Submit("pending")
	w.Must(w.Shop.SetOrderStatus(pending, "pending"))
	w.Submit("good")
	w.MustOut()
	w.Want("good v1 #1 written")
	w.Tick(time.Minute)
	w.Must(w.Shop.SetOrderStatus(pending, "open"))
	w.Tick(time.Second)
	w.Must(w.Shop.ChangeLine(cheap, 0, "3"))
	w.MustOut()
	w.Want("good v1 #1 written\ncheap v1 #2 written\npending v1 #3 written")
}

func TestChangesWithinOneSecondAreSeen(t *testing.T) {
	w := bridgetest.Exporting(t, ", only: { internal_status: [open] }")
	w.Tick(time.Second)
	id, err := w.Shop.SubmitOrder(orotest.Order{Identifier: "quick", Status: "pending", Customer: "1", Lines: []orotest.Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}})
	w.Must(err)
	w.MustOut()
	w.Must(w.Shop.SetOrderStatus(id, "open")) // its time stamp does not move
	w.MustOut()
	w.Want("")
	w.Tick(4 * time.Second)
	w.MustOut()
	w.Want("quick v1 #1 written")
}

func TestAChangedOrderIsANewVersion(t *testing.T) {
	for _, on := range []string{"ignore", "new_version"} {
		t.Run(on, func(t *testing.T) {
			w := bridgetest.Exporting(t, ", only: { internal_status: [open] }, on_change: "+on)
			id := w.Submit("O-1")
			w.MustOut()
			w.Tick(time.Minute)
			w.Must(w.Shop.StampOrder(id, time.Time{}, w.Clock.Now())) // touched, not changed
			w.MustOut()
			w.Want("O-1 v1 #1 written")
			w.Tick(time.Minute)
			w.Must(w.Shop.ChangeLine(id, 0, "5"))
			w.MustOut()
			w.Tick(time.Minute)
			w.Must(w.Shop.CancelOrder(id))
			w.MustOut()
			w.MustOut()
			if on == "ignore" {
				w.Want("O-1 v1 #1 written")
				return
			}
			w.Want("O-1 v1 #1 written\nO-1 v2 #2 written\nO-1 v3 #3 written")
			if names := w.There(); !strings.HasSuffix(names[1], "_0000000002_O-1_v2.csv") {
				t.Error(names)
			}
		})
	}
}

func TestCollectedOrdersShareAFile(t *testing.T) {
	w := bridgetest.Exporting(t, ", collect: 3 orders or 1m")
	for i := range 4 {
		w.Submit(fmt.Sprintf("O-%d", i))
	}
	w.MustOut()
	w.Want("O-0 v1 #1 written\nO-1 v1 #1 written\nO-2 v1 #1 written\nO-3 v1 #0 collected")
	w.Close()
	w.Open()
	w.Tick(30 * time.Second)
	w.MustOut()
	w.Tick(31 * time.Second)
	w.MustOut()
	w.Want("O-0 v1 #1 written\nO-1 v1 #1 written\nO-2 v1 #1 written\nO-3 v1 #2 written")
	body, err := w.Ledger.Body(t.Context(), "orders", 1)
	w.Must(err)
	if n := bytes.Count(body, []byte("\n")); n != 4 {
		t.Errorf("%d lines:\n%s", n, body)
	}
}

func TestAConflictLetsLaterOrdersPass(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	w.Submit("O-0")
	down := w.Spoil()
	down.OnPut = func(string) error { return errors.New("down") }
	if err := w.Out(); err == nil {
		t.Fatal("no trouble")
	}
	files, err := w.Ledger.Outfiles(t.Context(), bridge.OutfileFilter{})
	w.Must(err)
	w.Put(files[0].Name, "somebody else's")
	w.Submit("O-1")
	down.OnPut = nil
	w.MustOut()
	w.Want("O-0 v1 #1 conflict conflict\nO-1 v1 #2 written")
	if got := w.Alarms(); !slices.Equal(got, []string{"orders conflict: " + files[0].Name}) {
		t.Errorf("%v", got)
	}
	content, err := os.ReadFile(filepath.Join(w.Folder, "orders", files[0].Name))
	if err != nil || string(content) != "somebody else's" {
		t.Errorf("%q %v", content, err)
	}
	w.Take(files[0].Name)
	_, err = w.B.Out.SendOrderAgain(t.Context(), "O-0", "", false)
	w.Must(err)
	w.MustOut()
	w.Want("O-0 v1 #1 written\nO-1 v1 #2 written")
	if got := w.Alarms(); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

func TestTheMarkerComesAfterAndAlone(t *testing.T) {
	w := bridgetest.Exporting(t, ", marker: .ok")
	w.Submit("O-0")
	w.Submit("O-1")
	r := w.Spoil()
	puts := map[string]int{}
	r.OnPut = func(p string) error {
		puts[path.Ext(p)]++
		if strings.HasSuffix(p, ".ok") && puts[".ok"] < 3 {
			return &bridge.Error{Op: "put", Object: p, Fate: bridge.Pause, Err: errors.New("cut")}
		}
		return nil
	}
	for range 2 {
		if err := w.Out(); err == nil {
			t.Error("no trouble")
		}
		if got := w.There(); len(got) != 2 || strings.HasSuffix(got[0], ".ok") || strings.HasSuffix(got[1], ".ok") {
			t.Errorf("a later order has overtaken: %v", got) // the ERP waits for markers
		}
	}
	w.MustOut()
	if got := w.There(); len(got) != 4 || got[1] != got[0]+".ok" {
		t.Errorf("%v", got)
	}
	if puts[".part"] != 2 || puts[".ok"] != 4 {
		t.Errorf("%v", puts)
	}
}

// TestAFileIsNotWrittenTwice plays an ERP that takes the file between the rename and the bridge's record of it.
func TestAFileIsNotWrittenTwice(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	w.Submit("O-0")
	r := w.Spoil()
	r.OnMove = func(_, to string) error {
		r.OnMove = nil
		w.Take(path.Base(to))
		return &bridge.Error{Op: "move", Object: to, Fate: bridge.Pause, Err: errors.New("cut")}
	}
	if err := w.Out(); err == nil {
		t.Fatal("no trouble")
	}
	w.MustOut()
	w.Want("O-0 v1 #1 picked_up unseen")
	if got := w.There(); len(got) != 0 || w.Sounded(bridge.AlarmUnseen) != 1 {
		t.Errorf("%v, %d alarms", got, w.Sounded(bridge.AlarmUnseen))
	}
}

func TestAMissingFolderIsWaitedFor(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	folder := filepath.Join(w.Folder, "orders")
	w.Must(os.Remove(folder))
	w.Submit("O-0")
	for range 3 {
		if err := w.Out(); !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	w.Submit("O-1")
	w.Want("O-0 v1 #1 owed")
	w.Must(os.Mkdir(folder, 0o755))
	w.MustOut()
	w.Want("O-0 v1 #1 written\nO-1 v1 #2 written")
	// The folder goes between the bytes and their name, and comes back empty.
	r := w.Spoil()
	r.OnPut = func(p string) error {
		r.OnPut = func(string) error {
			for _, name := range w.There() {
				w.Take(name)
			}
			return nil
		}
		return nil
	}
	w.Submit("O-2")
	w.MustOut()
	if !strings.Contains(w.Outbox(), "O-2 v1 #3 written") {
		t.Error(w.Outbox())
	}
}

func TestAnOrderThatCannotBeWrittenKeepsNobodyWaiting(t *testing.T) {
	w := bridgetest.Exporting(t, ", collect: 2 orders or 1m")
	w.Submit("fine-1")
	w.Submit("日本")
	w.Submit("fine-2")
	setEncoding(w, "iso-8859-1")
	w.MustOut()
	w.Want("fine-1 v1 #1 written\n日本 v1 #0 stuck stuck\nfine-2 v1 #1 written")
	if got := w.Alarms(); !slices.Equal(got, []string{"orders stuck: 日本"}) {
		t.Errorf("%v", got)
	}
	setEncoding(w, "utf-8")
	_, err := w.B.Out.SendOrderAgain(t.Context(), "日本", "", true)
	w.Must(err)
	w.MustOut()
	if !strings.Contains(w.Outbox(), "日本 v2 #2 written") {
		t.Error(w.Outbox())
	}
}

func TestPickupIsWatched(t *testing.T) {
	w := bridgetest.Exporting(t, ", pickup_within: 30m")
	w.Submit("O-0")
	w.MustOut()
	name := w.There()[0]
	for range 3 {
		w.Tick(11 * time.Minute)
		w.MustOut()
	}
	w.Tick(time.Minute)
	w.MustOut()
	w.Want("O-0 v1 #1 written overdue")
	if got := w.Alarms(); !slices.Equal(got, []string{"orders overdue: " + name}) || w.Sounded(bridge.AlarmOverdue) != 1 {
		t.Errorf("%v, %d times", got, w.Sounded(bridge.AlarmOverdue))
	}
	content, err := os.ReadFile(filepath.Join(w.Folder, "orders", name))
	w.Must(err)
	w.Take(name)
	w.MustOut()
	w.Want("O-0 v1 #1 picked_up")
	if got := w.Alarms(); len(got) != 0 {
		t.Errorf("%v", got)
	}
	w.Put(name, string(content))
	for range 3 {
		w.Tick(2 * time.Minute)
		w.MustOut()
	}
	w.Want("O-0 v1 #1 picked_up returned")
	w.Take(name)
	w.Tick(2 * time.Minute)
	w.MustOut()
	w.Want("O-0 v1 #1 picked_up")
	if n := w.Sounded(bridge.AlarmReturned); n != 1 {
		t.Errorf("%d alarms", n)
	}
}

func TestAChangedFileIsAnAlarm(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	w.Submit("O-0")
	w.MustOut()
	name := filepath.Join(w.Folder, "orders", w.There()[0])
	content, err := os.ReadFile(name)
	w.Must(err)
	w.MustOut()
	later := time.Now().Add(time.Hour)
	w.Must(os.Chtimes(name, later, later)) // touched, not changed
	w.MustOut()
	w.Want("O-0 v1 #1 written")
	content[len(content)-2] ^= 1 // the same size
	w.Must(os.WriteFile(name, content, 0o644))
	w.Must(os.Chtimes(name, later.Add(time.Hour), later.Add(time.Hour)))
	w.MustOut()
	w.MustOut()
	w.Want("O-0 v1 #1 written changed")
	if n := w.Sounded(bridge.AlarmChanged); n != 1 {
		t.Errorf("%d alarms", n)
	}
}

func TestSendAgain(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	id := w.Submit("O-0")
	w.Submit("O-1")
	w.MustOut()
	names := w.There()
	first, err := os.ReadFile(filepath.Join(w.Folder, "orders", names[0]))
	w.Must(err)
	for _, name := range names {
		w.Take(name)
	}
	w.MustOut()
	w.Tick(time.Minute)
	w.Must(w.Shop.ChangeLine(id, 0, "9"))
	_, err = w.B.Out.SendOrderAgain(t.Context(), "1", "", false)
	w.Must(err)
	w.MustOut()
	again, err := os.ReadFile(filepath.Join(w.Folder, "orders", names[0]))
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("not the same bytes: %v", err)
	}
	_, err = w.B.Out.SendOrderAgain(t.Context(), "O-0", "", true)
	w.Must(err)
	w.MustOut()
	w.Want("O-0 v1 #1 written\nO-1 v1 #2 picked_up\nO-0 v2 #3 written")
	_, err = w.B.Out.SendOrdersAgain(t.Context(), "", w.Clock.Now().Add(-24*time.Hour), time.Time{})
	w.Must(err)
	for _, name := range w.There() {
		w.Take(name)
	}
	w.MustOut()
	if got := w.There(); len(got) != 3 {
		t.Errorf("%v", got)
	}
	events, err := w.Ledger.History(t.Context(), "orders", "O-0")
	w.Must(err)
	var steps []string
	for _, e := range events {
		steps = append(steps, string(e.Fate))
	}
	if want := "owed written picked_up rerun written owed rerun written rerun rerun written written"; strings.Join(steps, " ") != want {
		t.Errorf("%v\nwant %s", steps, want)
	}
	if _, err := w.B.Out.SendOrderAgain(t.Context(), "nobody", "", false); !errors.Is(err, bridge.ErrUnknown) {
		t.Error(err)
	}
}

func TestManyLateOrders(t *testing.T) {
	n := 800
	if os.Getenv("OROBRIDGE_SOAK") != "" {
		n = 10_000
	}
	w := bridgetest.Exporting(t, "")
	w.Spoil().OnPut = func(string) error { return errors.New("down") } // only noticing is looked at
	noticeAll(w, n)
}

// An order that waits for others to share its file, and that is damaged in the ledger, stops nobody but itself: it is stuck and told, and made
// again from the shop.
func TestADamagedOrderKeepsNoOtherFromItsFile(t *testing.T) {
	w := bridgetest.Exporting(t, ", collect: 3 orders or 1m")
	w.Submit("O-1")
	w.Submit("O-2")
	w.MustOut()
	bridgetest.Harm(w, `UPDATE outbox SET content = replace(content, '9.95', '1.95') WHERE identifier = 'O-1'`)
	w.Submit("O-3")
	w.MustOut()
	w.Want("O-1 v1 #0 stuck stuck\nO-2 v1 #0 collected\nO-3 v1 #0 collected")
	if got := w.Alarms(); !slices.Equal(got, []string{"orders stuck: O-1"}) {
		t.Errorf("alarms: %v", got)
	}
	if n := w.Sounded(bridge.AlarmStuck); n != 1 {
		t.Errorf("told %d times", n)
	}
	w.Tick(2 * time.Minute)
	w.MustOut()
	w.Want("O-1 v1 #0 stuck stuck\nO-2 v1 #1 written\nO-3 v1 #1 written")
	_, err := w.B.Out.SendOrderAgain(t.Context(), "O-1", "", true)
	w.Must(err)
	w.MustOut()
	if got := w.Outbox(); !strings.Contains(got, "O-1 v2 #2 written") {
		t.Errorf("the outbox is\n%s", got)
	}
	body, err := w.Ledger.Body(t.Context(), "orders", 2)
	w.Must(err)
	if !bytes.Contains(body, []byte("9.95")) {
		t.Errorf("the file is\n%s", body)
	}
}
