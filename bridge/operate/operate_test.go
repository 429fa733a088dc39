package operate_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/dir"
	"github.com/orobridge/orobridge/bridge/inbound"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/operate/checkup"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// guarded holds a drop of which every third row is bad.
const guarded = `
feeds:
  - { name: products, entity: products, remote: disk, folder: products, match: '*.csv', ready: { stable: 0s },
      format: { kind: csv }, values: { unit: { ST: item } }, guards: { max_rejects: 40% } }
exports:
  - { name: orders, remote: disk, folder: orders, format: { kind: csv }, since: all }
`

const (
	head = "sku,name,unit\n"
	good = head + "SKU1,Pipe,ST\nSKU2,Valve,ST\n"
	some = head + "SKU1,Pipe,ST\nSKU2,Valve,ST\nSKU3,Tap,PAL\n"
	bad  = head + "SKU1,Pipe,ST\nSKU4,Bend,PAL\nSKU3,Tap,PAL\n"
)

// desk is a desk at a world's bridge.
func desk(w *bridgetest.World, running bool) *operate.Desk {
	return &operate.Desk{View: operate.View{Feeds: w.B.In.Feeds, Exports: w.B.Out.Exports, Ledger: w.Ledger, Running: running,
		By: bridge.Decision{Who: "olga@desk", Why: "asked the sender"}}, In: w.B.In, Out: w.B.Out}
}

// held is a world in which drop 1 is held.
func held(t *testing.T) *bridgetest.World {
	t.Helper()
	w := bridgetest.NewWorld(t, guarded)
	w.Drop("products", "bad.csv", bad)
	w.Round()
	if d, _ := w.Last("products"); d.State != bridge.Held {
		t.Fatalf("drop %d is %s", d.ID, d.State)
	}
	return w
}

// With no bridge at work the desk sees a decision through to its end, the last move included.
func TestADeskAloneCarriesOutWhatIsDecided(t *testing.T) {
	w := held(t)
	v, err := desk(w, false).Approve(t.Context(), 1)
	w.Must(err)
	if v.Handed || v.Unmoved != nil || v.Verdict != operate.Waits || v.State != bridge.Partial || v.Created != 1 || v.Rejected != 2 {
		t.Errorf("it became %+v", v)
	}
	d, _ := w.Last("products")
	if d.DecidedBy != "olga@desk" || d.Finish != "" {
		t.Errorf("decided by %q, its last move still owed: %q", d.DecidedBy, d.Finish)
	}
}

// Beside a running bridge a decision changes the ledger and sends nothing; that bridge carries it out.
func TestBesideARunningBridgeADecisionIsOnlyWrittenDown(t *testing.T) {
	w := held(t)
	w.Shop.JournalReset()
	v, err := desk(w, true).Approve(t.Context(), 1)
	w.Must(err)
	if !v.Handed || v.Verdict != operate.Good || v.Run.Run != 0 || w.Writes() != 0 {
		t.Errorf("it became %+v, and %d requests wrote to the shop", v, w.Writes())
	}
	if d, _ := w.Last("products"); d.State != bridge.Loading || d.DecidedBy != "olga@desk" {
		t.Errorf("the drop is %s, decided by %q", d.State, d.DecidedBy)
	}
	w.Round()
	if d, _ := w.Last("products"); d.State != bridge.Partial {
		t.Errorf("after the bridge's round the drop is %s", d.State)
	}
}

// Four eyes: a drop goes on once two different people have approved it, and an approval counts for one time that it is held.
func TestADropThatAsksForTwoGoesOnWithTheSecond(t *testing.T) {
	w := bridgetest.NewWorld(t, strings.Replace(guarded, "guards:", "approve_by: 2, guards:", 1))
	w.Drop("products", "bad.csv", bad)
	w.Round()
	k := desk(w, false)
	v, err := k.Approve(t.Context(), 1)
	w.Must(err)
	if v.State != bridge.Held || v.Verdict != operate.Waits {
		t.Errorf("after one it is %s", v.State)
	}
	if _, err := k.Approve(t.Context(), 1); err == nil || bridge.HintOf(err) == "" {
		t.Errorf("the same one again: %v", err)
	}
	k.By = bridge.Decision{Who: "bob@desk"}
	v, err = k.Approve(t.Context(), 1)
	w.Must(err)
	d, err := k.DropDetails(t.Context(), 1, false)
	w.Must(err)
	if v.State != bridge.Partial || len(d.Decisions) != 2 || d.Decisions[0].Who != "olga@desk" || d.Decisions[1].Who != "bob@desk" || d.Holds[0].Until == nil {
		t.Errorf("it is %s, decided %+v", v.State, d.Decisions)
	}
}

// A decision that the drop's state does not allow changes nothing, wherever it is taken.
func TestAWrongDecisionChangesNothing(t *testing.T) {
	w := held(t)
	k := desk(w, false)
	_, err := k.Discard(t.Context(), 1)
	w.Must(err)
	before, _ := w.Last("products")
	for name, decision := range map[string]func() (*operate.Result, error){
		"approve": func() (*operate.Result, error) { return k.Approve(t.Context(), 1) },
		"discard": func() (*operate.Result, error) { return k.Discard(t.Context(), 1) },
		"unknown": func() (*operate.Result, error) { return k.Approve(t.Context(), 77) },
		"rerun":   func() (*operate.Result, error) { return k.Rerun(t.Context(), 77, inbound.RerunOptions{}) },
		"load":    func() (*operate.Result, error) { return k.Load(t.Context(), "prodcts", "no.csv") },
	} {
		if _, err := decision(); err == nil {
			t.Errorf("%s was done", name)
		}
	}
	after, _ := w.Last("products")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the drop changed: %s", diff)
	}
	var mistake *operate.Mistake
	if _, err := k.Adopt(t.Context(), "prodcts"); !errors.As(err, &mistake) || mistake.Hint != "feeds are: products" {
		t.Errorf("a feed that there is not: %v", err)
	}
}

// A range is loaded in the order in which its drops came, and planned without a trace.
func TestARangeIsPlannedAndLoadedAgain(t *testing.T) {
	w := bridgetest.NewWorld(t, guarded)
	for _, name := range []string{"a.csv", "b.csv", "c.csv"} {
		w.Drop("products", name, strings.Replace(some, "Pipe", "Pipe "+name, 1))
		w.Round()
	}
	k, all := desk(w, false), operate.Range{Feed: "products"}
	w.Shop.JournalReset()
	var planned []string
	w.Must(k.PlanRange(t.Context(), all, inbound.RerunOptions{}, operate.PlanOptions{Gather: true}, func(p *operate.Plan) error {
		if planned = append(planned, p.File); len(p.Rejects) != 1 || p.Rejects[0].Row["sku"] != "SKU3" || len(p.Changes) != 0 {
			t.Errorf("plan of %s: %+v", p.File, p)
		}
		return nil
	}))
	var loaded []string
	w.Must(k.RerunRange(t.Context(), all, inbound.RerunOptions{}, func(r *operate.Result) error {
		if loaded = append(loaded, r.File); r.Verdict != operate.Waits || r.Kind != bridge.ReRun {
			t.Errorf("run of %s: %+v", r.File, r)
		}
		return nil
	}))
	want := []string{"a.csv", "b.csv", "c.csv"}
	if !slices.Equal(planned, want) || !slices.Equal(loaded, want) || w.Writes() != 0 {
		t.Errorf("planned %v, loaded %v, %d requests wrote to the shop", planned, loaded, w.Writes())
	}
	later := operate.Range{Feed: "products", From: w.Clock.Now().Add(time.Hour)}
	none := func(*operate.Plan) error { return nil }
	if err := k.PlanRange(t.Context(), later, inbound.RerunOptions{}, operate.PlanOptions{}, none); bridge.HintOf(err) == "" {
		t.Errorf("a range without drops: %v", err)
	}
}

// A plan stops when nobody takes what it tells.
func TestAPlanEndsWhenItCanNotBeTold(t *testing.T) {
	w := bridgetest.NewWorld(t, guarded)
	path := filepath.Join(t.TempDir(), "some.csv")
	w.Must(os.WriteFile(path, []byte(some), 0o600))
	closed := errors.New("closed")
	k := desk(w, false)
	for name, o := range map[string]operate.PlanOptions{
		"changes": {Change: func(operate.Change) error { return closed }},
		"rejects": {Reject: func(operate.Reject) error { return closed }},
	} {
		if _, err := k.Plan(t.Context(), "products", path, o); !errors.Is(err, closed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What waits for a person is what is held, however long, and what was settled since and is not whole.
func TestUnsettledIsWhatWaitsForAPerson(t *testing.T) {
	w := bridgetest.NewWorld(t, guarded)
	files := func(list []operate.Drop, err error) (names []string) {
		w.Must(err)
		for _, d := range list {
			names = append(names, d.File)
		}
		return names
	}
	w.Drop("products", "1.csv", some)
	w.Round()
	w.Drop("products", "2.csv", bad)
	w.Round()
	w.Later(time.Minute)
	since := w.Clock.Now()
	k := desk(w, false)
	if diff := cmp.Diff([]string{"2.csv"}, files(k.Unsettled(t.Context(), since))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	_, err := k.Discard(t.Context(), 2)
	w.Must(err)
	w.Drop("products", "3.csv", strings.Replace(some, "Pipe", "Tube", 1))
	w.Drop("products", "4.csv", good)
	w.Round()
	if diff := cmp.Diff([]string{"3.csv"}, files(k.Unsettled(t.Context(), since))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A bridge that was gone is told of by those who watch; once it is back it waits for nobody, and a round from cron ends well.
func TestABridgeThatIsBackWaitsForNobody(t *testing.T) {
	w := bridgetest.NewWorld(t, guarded)
	now := w.Clock.Now()
	gone := func(of string) *bridge.LiveAlarm {
		return &bridge.LiveAlarm{Alarm: bridge.AlarmGone, Of: of, N: 1, Text: "nothing was done", Begun: now, Raised: now}
	}
	w.Must(w.Ledger.SaveAlarms(t.Context(), bridge.AlarmRound{Alarms: []*bridge.LiveAlarm{gone(bridge.BridgeWork), gone(bridge.OtherBridge("south"))}}))
	v, err := desk(w, false).Status(t.Context())
	w.Must(err)
	if diff := cmp.Diff([]string{"alarm 2: bridge south gone: nothing was done, see `orobridge alarms`"}, v.Waits()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The fields of models are a contract: they can be added to, and none may go.
func TestModelsKeepTheirNames(t *testing.T) {
	w := bridgetest.NewWorld(t, guarded, orotest.Seed(orotest.Sample))
	w.Drop("products", "some.csv", some)
	w.Submit("A-1")
	w.Round()
	k := desk(w, true)
	drop, err := k.DropDetails(t.Context(), 1, true)
	w.Must(err)
	rejects, err := k.Rejects(t.Context(), bridge.RejectFilter{Drop: 1})
	w.Must(err)
	orders, err := k.Orders(t.Context(), bridge.OutboxFilter{})
	w.Must(err)
	trace, err := k.Trace(t.Context(), "products", "SKU1")
	w.Must(err)
	status, err := k.Status(t.Context())
	w.Must(err)
	w.Must(w.Ledger.Keep(t.Context(), &bridge.Event{Kind: bridge.PartnerRefused, At: time.Unix(1, 0),
		Visit: &bridge.Visit{Remote: "door", Address: "10.0.0.1"}}))
	transfers, err := k.Transfers(t.Context(), bridge.EventFilter{})
	w.Must(err)
	if len(transfers) != 1 || len(rejects) != 1 || len(orders) == 0 || len(drop.Fates) != 3 || !status.Running {
		t.Fatalf("%d rejects, %d orders, %d fates", len(rejects), len(orders), len(drop.Fates))
	}
	for name, c := range map[string]struct {
		model any
		want  string
	}{
		"run": {drop.Runs[0],
			"drop feed file sha256 state reason run kind rows created updated unchanged adopted superseded removed collapsed rejected parked " +
				"verified withdrawn warnings skipped unmapped requests seconds started ended stage"},
		"drop": {drop.Details,
			"drop feed file size sha256 state reason remote path same_as previous gap manifest listed_by mtime seen fetched settled moved"},
		"row": {drop.Fates[0], "run line key fate detail"},
		"reject": {rejects[0],
			"reject entity drop run line key field code message cause doc segment part row state ended by_run by_drop who why"},
		"order": {orders[0],
			"number order version export file sha256 state alarm reason flags answer submitted owed written fetched fetched_by fetched_from picked_up " +
				"answered"},
		"transfer": {transfers[0],
			"id at kind remote user address session known client file target bytes size sha256 seconds whole broken export order text times first_at"},
		"trace":  {trace, "entity key oro_id content removed drop run line at parked history"},
		"entry":  {trace.History[0], "at fate drop run line sent detail"},
		"status": {status, "running shadow bridges jobs feeds exports paused pauses alarms leftovers unmatched subscribers alive watched"},
		"jobs":   {operate.JobCount{}, "kind state count"},
		"bridge": {operate.Bridge{}, "bridge version since seen doing drained differs"},
		"feed":   {status.Feeds[0], "feed entity waiting held blocked parked rejects last_file last_state last_reason last_settled habit reconciled"},
		"habit":  {status.Feeds[0].Habit, "last usual_seconds"},
		"alarm": {operate.LiveAlarm{},
			"number alarm severity of count text file drop order hint begun raised over acknowledged snoozed who why told"},
		"telling": {operate.Telling{}, "route message owed told tries trouble"},
		"export":  {status.Exports[0], "export owed written conflict stuck alarmed total last_written beside"},
	} {
		text, err := json.Marshal(c.model)
		w.Must(err)
		var fields map[string]any
		w.Must(json.Unmarshal(text, &fields))
		if diff := cmp.Diff(slices.Sorted(strings.SplitSeq(c.want, " ")), slices.Sorted(maps.Keys(fields))); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// An inspection tells a file's first records, every reject with its whole row, and why it can't be read further.
func TestAnInspectionReadsAsAFeedWould(t *testing.T) {
	w := bridgetest.NewWorld(t, guarded)
	path := filepath.Join(t.TempDir(), "x.csv")
	inspect := func(text string, records int) *operate.Inspection {
		w.Must(os.WriteFile(path, []byte(text), 0o600))
		v, err := operate.Look(path)
		w.Must(err)
		w.Must(v.Read(t.Context(), w.Feed(), records))
		return v
	}
	v := inspect(some+"SKU5,Elbow,ST,odd\n", 1)
	if v.Rows != 4 || v.Rejected != 2 || len(v.Records) != 1 || v.Records[0].Fields["unit"] != "item" || v.Failure != nil {
		t.Errorf("it found %+v", v)
	}
	if diff := cmp.Diff(map[string]string{"sku": "SKU5", "name": "Elbow", "unit": "ST", "_4": "odd"}, v.Rejects[1].Row); diff != "" {
		t.Errorf("the longer row: -want +got:\n%s", diff)
	}
	if v := inspect("sku,sku\n", 1); v.Failure == nil || v.Failure.Message == "" {
		t.Errorf("a heading that repeats: %+v", v)
	}
	if _, err := operate.Look(t.TempDir()); bridge.HintOf(err) == "" {
		t.Errorf("a folder: %v", err)
	}
}

// check counts a folder's files as a poll takes them: markers, manifests and temporary names aside.
func TestACheckCountsFilesAsAPollTakesThem(t *testing.T) {
	w := bridgetest.NewWorld(t, strings.Replace(guarded, "stable: 0s", "stable: 0s, marker: .ok", 1))
	for _, name := range []string{"a.csv", "a.csv.ok", "b.csv", "gone.csv.ok", "c.csv.part", "readme.txt", "odd\u202ename.csv"} {
		w.Drop("products", name, good)
	}
	var details []string
	c := &checkup.Checkup{Ledger: w.Ledger, Config: &config.Config{Feeds: w.B.In.Feeds,
		Remotes: map[string]*config.Remote{"disk": {Name: "disk", Kind: "dir"}}},
		Remote: func(name string) (bridge.Remote, error) { return dir.New(name, &dir.Options{Path: w.Folder}) },
		Shop:   func(*config.Shop) (checkup.Shop, error) { return w.Client, nil },
		Told: func(found checkup.Findings) {
			for _, f := range found {
				if f.Subject == "feed products" && strings.HasPrefix(f.What, "list folder") {
					details = append(details, f.Detail)
				}
			}
		}}
	all, err := c.Run(t.Context())
	w.Must(err)
	want := []string{"2 files match *.csv, 1 of them without their marker .ok; 1 can't be taken: for their names, or because they are no regular files; 1 others do not"}
	if diff := cmp.Diff(want, details); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if all.Failed() != 0 || all.Unreachable() {
		t.Errorf("%+v", all)
	}
}

// check reads the head of the file that would be loaded first: columns that no field takes are named with their nearest field,
// and a file that can't be this feed's fails.
func TestACheckNamesColumnsThatNoFieldTakes(t *testing.T) {
	long := "sku,naem,name,unit\n" + strings.Repeat("SKU1,x,Pipe,item\n", 100_000)
	for name, tt := range map[string]struct {
		text, want string
		ok         bool
	}{
		"a short file":              {"sku,naem,name,unit\nSKU1,x,Pipe,item\n", "4 columns; no field takes naem (name?)", true},
		"a longer one than is read": {long, "4 columns; no field takes naem (name?)", true},
		"all columns":               {"sku,name,unit\n", "3 columns", true},
		"nothing of it":             {"a,b\n1,2\n", "sku", false},
	} {
		w := bridgetest.NewWorld(t, guarded)
		w.Drop("products", "a.csv", tt.text)
		c := &checkup.Checkup{Ledger: w.Ledger, Config: &config.Config{Feeds: w.B.In.Feeds,
			Remotes: map[string]*config.Remote{"disk": {Name: "disk", Kind: "dir"}}},
			Remote: func(name string) (bridge.Remote, error) { return dir.New(name, &dir.Options{Path: w.Folder}) },
			Shop:   func(*config.Shop) (checkup.Shop, error) { return w.Client, nil }, Told: func(checkup.Findings) {}}
		all, err := c.Run(t.Context())
		w.Must(err)
		i := slices.IndexFunc(all, func(f bridge.Finding) bool { return f.What == "read the head of a.csv" })
		if i < 0 || all[i].OK != tt.ok || tt.ok && all[i].Detail != tt.want || !strings.Contains(all[i].Detail, tt.want) {
			t.Errorf("%s: %+v", name, all)
		}
	}
}

// Where nothing is moved and the server tells no times, a file can't be told from another one of its name and size: check says so.
func TestACheckTellsOfFilesThatCanNotBeToldApart(t *testing.T) {
	for _, readOnly := range []bool{true, false} {
		for at, ok := range map[int64]bool{0: false, 1_700_000_000: true} {
			w := bridgetest.NewWorld(t, guarded)
			w.Drop("products", "a.csv", "sku,name,unit\nSKU1,Pipe,item\n")
			w.Must(os.Chtimes(filepath.Join(w.Folder, "products", "a.csv"), time.Time{}, time.Unix(at, 0)))
			c := &checkup.Checkup{Ledger: w.Ledger, Config: &config.Config{Feeds: w.B.In.Feeds,
				Remotes: map[string]*config.Remote{"disk": {Name: "disk", Kind: "dir", ReadOnly: readOnly}}},
				Remote: func(name string) (bridge.Remote, error) { return dir.New(name, &dir.Options{Path: w.Folder}) },
				Shop:   func(*config.Shop) (checkup.Shop, error) { return w.Client, nil }, Told: func(checkup.Findings) {}}
			all, err := c.Run(t.Context())
			w.Must(err)
			i := slices.IndexFunc(all, func(f bridge.Finding) bool { return f.What == "tell a file from its replacement" })
			if i >= 0 != readOnly || readOnly && all[i].OK != ok {
				t.Errorf("read-only %v, time %d: %+v", readOnly, at, all)
			}
		}
	}
}

// An order that is sent again is written by a desk alone, and left to a running bridge otherwise: the same bytes, one name.
func TestAnOrderIsSentAgainByWhoeverIsAtWork(t *testing.T) {
	for name, running := range map[string]bool{"alone": false, "beside": true} {
		t.Run(name, func(t *testing.T) {
			w := bridgetest.Exporting(t, "")
			w.Submit("A-1")
			w.MustOut()
			file := w.There()
			w.Take(file[0])
			w.MustOut()
			orders, err := desk(w, running).ResendOrder(t.Context(), "A-1", "", false)
			w.Must(err)
			want, there := bridge.Written, file
			if running {
				want, there = bridge.OwedNow, []string{}
			}
			if len(orders) != 1 || orders[0].State != want || orders[0].File != file[0] {
				t.Errorf("it is %+v", orders)
			}
			if diff := cmp.Diff(there, w.There()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
