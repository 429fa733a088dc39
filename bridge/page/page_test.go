package page_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/bridgetest"
	"github.com/orobridge/orobridge/bridge/page"
)

// At seven somebody asks whether the prices are in: the first page says it, and each figure leads to what is behind it.
func TestTodayTellsWhatNeedsSomebodyFirst(t *testing.T) {
	s := newSite(t, busy(t))
	d := s.get("/")
	d.says("glance", "things need somebody")
	d.says("alerts", "1 drop is held prices", "1 reject is open products")
	d.says("feeds", "products_1.csv", "partial", "prices_2.csv", "held")
	d.says("exports", "orders")
	d.links("/drops?state=held&feed=prices", "/rejects?feed=products", "/feeds/inventory#parked", "/orders?export=orders")
}

func TestWithoutTroubleTodayIsGreen(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("products", ""))
	w.Drop("products", "p.csv", "sku,name,unit\nSKU1,Pipe,item\n")
	w.Round()
	d := newSite(t, w).get("/")
	d.says("glance", "All is well")
	if len(d.all("section", "class", "glance good")) != 1 {
		t.Error("it is not green")
	}
	d.says("feeds", "1 created")
}

// A drop that a guard stopped shows what it would do, and goes on when somebody has said why.
func TestAHeldDropIsApprovedAfterItsPreview(t *testing.T) {
	s := newSite(t, busy(t))
	held, _ := s.Last("prices")
	path := "/drops/" + number(held.ID)
	d := s.get(path)
	d.says("head", "prices_2.csv", "held", "max_removals")
	d.says("plan", "remove", "SKU3", "SKU1", "100", "10", "-90 %")
	d.links(path+"/approve", path+"/discard")
	plan := d.part("plan")
	if strings.Index(plan, "SKU3") > strings.Index(plan, "SKU1|") && strings.Contains(plan, "SKU1|") {
		t.Error("the removal does not come first")
	}

	d = s.get(path + "/approve")
	d.says("", "What it would do", "SKU3", "Why?")
	if w := s.post(path+"/approve", url.Values{"why": {"  "}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "Say why") {
		t.Errorf("without a reason it is %d", w.Code)
	}
	if d, _ := s.Last("prices"); d.State != bridge.Held {
		t.Fatalf("it is %s", d.State)
	}
	if to := s.decide(path + "/approve"); to != path+"?did=approve" {
		t.Errorf("it leads to %s", to)
	}
	s.Round()
	d = s.get(path + "?did=approve")
	d.says("", "Approved. The drop goes on.", "loaded", "olga", "the sender says so")
	if got := s.PriceOf("SKU1"); got != "10" {
		t.Errorf("the price is %q", got)
	}
}

func TestAHeldDropIsDiscarded(t *testing.T) {
	s := newSite(t, busy(t))
	held, _ := s.Last("prices")
	path := "/drops/" + number(held.ID)
	s.get(path+"/discard").says("", "Nothing of the drop is sent")
	s.decide(path + "/discard")
	s.get(path).says("head", "discarded")
}

// Rejects are work: each cause says how many rows it has and what to do; a mended row is told as such.
func TestARejectIsMended(t *testing.T) {
	s := newSite(t, busy(t))
	d := s.get("/rejects")
	d.says("causes", `unit: "PAL" is not in values`, "Map the sender's word", "SKU4")
	drop, _ := s.Last("products")
	s.get("/drops/"+number(drop.ID)).says("rejects", "line 5", "SKU4", "PAL", "open")
	s.Drop("products", "products_2.csv", "sku,name,unit\nSKU4,Bend,ST\n")
	s.Round()
	s.get("/rejects").says("causes", "No rejects.")
	s.get("/rejects?state=mended").says("causes", "SKU4", "mended", "by")
}

func TestRejectsOfOneCauseAreAcknowledged(t *testing.T) {
	s := newSite(t, busy(t))
	d := s.get("/rejects")
	var ask string
	for _, a := range d.all("a", "class", "button ack") {
		ask = attr(a, "href")
	}
	d = s.get(ask)
	d.says("", "1 reject is open")
	form := url.Values{"why": {"a test pallet"}}
	for _, in := range d.all("input", "type", "hidden") {
		form.Set(attr(in, "name"), attr(in, "value"))
	}
	if w := s.post("/rejects/ack", form); w.Code != http.StatusSeeOther {
		t.Fatalf("it is %d: %s", w.Code, textOf(w.Body.String()))
	}
	s.get("/rejects?state=acknowledged").says("causes", "SKU4", "olga", "a test pallet")
}

func TestAnOrderIsSentAgain(t *testing.T) {
	s := newSite(t, busy(t))
	s.get("/orders").says("list", "A-1001", "A-1002", "written")
	d := s.get("/orders/A-1002")
	d.says("versions", "written", "0RT28", "sha256")
	d.links("/orders/A-1002/send", "/orders/A-1002/render")
	name := ""
	for _, f := range s.There() {
		if strings.Contains(f, "A-1002") {
			name = f
		}
	}
	before := readOrder(s, name)
	s.Take(name)
	s.Round()
	s.get("/orders/A-1002").says("versions", "picked up")
	s.get("/orders/A-1002/send").says("", "What it would write", "A-1002")
	s.decide("/orders/A-1002/send")
	s.Round()
	if after := readOrder(s, name); after != before {
		t.Errorf("it has %q, and had %q", after, before)
	}
	s.get("/orders/A-1002/render").says("", "0RT28")
	w := s.ask(httptest.NewRequest("GET", downloadOf(t, s.get("/orders/A-1002")), nil))
	if w.Code != http.StatusOK || w.Body.String() != before {
		t.Errorf("the download is %d %q", w.Code, w.Body)
	}
}

func downloadOf(t testing.TB, d *document) string {
	t.Helper()
	for _, a := range d.all("a", "", "") {
		if strings.Contains(attr(a, "href"), "/file?") {
			return attr(a, "href")
		}
	}
	t.Fatal("nothing can be downloaded")
	return ""
}

// One box finds whatever people have in their hands, and lays beside it what the shop holds now.
func TestSearchFindsWhatAWordNames(t *testing.T) {
	s := newSite(t, busy(t))
	for word, want := range map[string][]string{
		"A-1001": {"Orders", "A-1001"}, "SKU1": {"Records", "prices", "Retail|SKU1", "products", "What it holds now"}, "products_1": {"products_1.csv"},
		"C-100": {"customers", "Öztürk & Söhne GmbH"}, "no such thing": {"Nothing has this name."},
	} {
		s.get("/search?q="+url.QueryEscape(word)).says("", want...)
	}
	d, _ := s.Last("products")
	s.get("/search?q="+d.SHA256).says("drops", "products_1.csv")
}

func TestFeedsShowWhatTheyWorkByAndArePaused(t *testing.T) {
	s := newSite(t, busy(t))
	s.get("/feeds").says("list", "products", "prices", "*.csv")
	d := s.get("/feeds/prices")
	d.says("settings", "on_missing delete", "guards.max_removals 0", "every 30s")
	d.says("drops", "prices_2.csv")
	s.get("/feeds/inventory").says("parked", "SKU9", "products SKU9")
	s.get("/feeds/prices/pause").says("", "For how long?")
	s.decide("/feeds/prices/pause")
	s.get("/feeds/prices").says("head", "Paused by olga", "the sender says so")
	s.get("/").says("alerts", "Paused by somebody: feed prices")
	s.decide("/feeds/prices/resume")
	if strings.Contains(s.get("/feeds/prices").part("head"), "Paused") {
		t.Error("it is paused still")
	}
	s.decide("/feeds/prices/look")
	s.get("/exports").says("list", "orders")
	s.get("/exports/orders").says("settings", "pickup_within 30m")
}

func TestFiguresHaveATableEach(t *testing.T) {
	d := newSite(t, busy(t)).get("/figures")
	charts := d.all("section", "class", "panel chart")
	if len(charts) != 5 {
		t.Fatalf("there are %d charts", len(charts))
	}
	d.says("", "Rows and rejects", "From the file to the shop", "2026-11-21")
	if len(d.all("table", "", "")) < 1 {
		t.Error("tables are missing")
	}
}

func TestHelpLaysTopicsOut(t *testing.T) {
	d := newSite(t, bridgetest.NewWorld(t, feeds)).get("/help/start")
	d.says("", "Begin", "Read this .")
	if len(d.all("em", "", "")) != 1 || len(d.all("td", "", "")) != 2 || strings.Contains(d.raw, "alert(1)") {
		t.Error(d.raw)
	}
}

// A list goes on by key: each row is on one page, and the last page says that it is.
func TestListsGoOnByKey(t *testing.T) {
	w := bridgetest.NewWorld(t, bridgetest.FeedWith("products", ""))
	const n = 120
	var drops []*bridge.Drop
	for i := range n {
		drops = append(drops, &bridge.Drop{Feed: "products", Remote: "disk", Folder: "products", Name: "p_" + number(int64(i)) + ".csv", State: bridge.Vanished,
			SeenAt: w.Clock.Now(), ListedRows: -1})
	}
	w.Must(w.Ledger.Listed(t.Context(), bridge.Listing{New: drops, At: w.Clock.Now()}))
	s := newSite(t, w)
	seen, path, pages := map[string]bool{}, "/drops?feed=products", 0
	for path != "" {
		d := s.get(path)
		for _, td := range d.all("td", "class", "name") {
			seen[said(td)] = true
		}
		path = ""
		for _, a := range d.all("a", "rel", "next") {
			path = "/drops" + attr(a, "href")
		}
		pages++
	}
	if len(seen) != n || pages != 3 {
		t.Errorf("%d drops on %d pages", len(seen), pages)
	}
	s.get("/drops?word=p_77").says("list", "p_77.csv")
	if w := s.ask(httptest.NewRequest("GET", "/drops?state=nonsense", nil)); w.Code != http.StatusBadRequest {
		t.Errorf("a state that there is not is %d", w.Code)
	}
}

// A file that is handed in shows what it would do, and becomes a drop when somebody says why.
func TestAFileIsHandedInAfterItsPlan(t *testing.T) {
	s := newSite(t, busy(t))
	body := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"byhand.csv\"\r\nContent-Type: text/csv\r\n\r\n" +
		"sku,name,unit\nSKU7,Cap,ST\n\r\n--x--\r\n"
	r := httptest.NewRequest("POST", "/feeds/products/upload", strings.NewReader(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	w := s.ask(r)
	if w.Code != http.StatusOK {
		t.Fatalf("it is %d: %s", w.Code, textOf(w.Body.String()))
	}
	d := parse(t, w.Body.String())
	d.says("", "byhand.csv", "SKU7", "create")
	form := url.Values{"why": {"the ERP is down"}}
	for _, in := range d.all("input", "name", "draft") {
		form.Set("draft", attr(in, "value"))
	}
	if w := s.as(admins).post("/feeds/products/upload", form); w.Code != http.StatusNotFound {
		t.Errorf("somebody else's file is %d", w.Code)
	}
	if w = s.post("/feeds/products/upload", form); w.Code != http.StatusSeeOther {
		t.Fatalf("it is %d: %s", w.Code, textOf(w.Body.String()))
	}
	s.Round()
	s.get(w.Header().Get("Location")).says("", "byhand.csv", "loaded", "the ERP is down")
	s.NothingLeft()
}

// Today tells whom the bridge tells of events, and who does not take them; a feed's page which files no feed takes.
func TestSubscribersAndStrangersAreShown(t *testing.T) {
	w := busy(t)
	since := w.Clock.Now()
	w.Must(w.Ledger.Note(t.Context(), bridge.SubscriptionNote("wms"), bridge.Subscription{Told: 12}.Note()))
	w.Must(w.Ledger.Note(t.Context(), bridge.SubscriptionNote("crm"), bridge.Subscription{Told: 7, Tries: 3, Since: since, Trouble: "it answers 503",
		GivenUp: 2}.Note()))
	w.Drop("customers", "nobody's.txt", "x")
	w.Round()
	s := newSite(t, w)
	d := s.get("/")
	d.says("ends", "subscriber wms", "Told up to event 12", "subscriber crm", "3 tries failed since", "it answers 503; 2 events were given up")
	var bad []string
	for _, li := range d.all("li", "class", "bad") {
		bad = append(bad, said(li))
	}
	if all := strings.Join(bad, "\n"); !strings.Contains(all, "subscriber crm") || strings.Contains(all, "subscriber wms") {
		t.Errorf("these are in trouble: %s", all)
	}
	s.get("/feeds/customers").says("strangers", "nobody's.txt")
	s.get("/feeds/prices").lacks("Files that no feed takes")
}

// What comes later than it ever did of late is told where one looks first.
func TestAFeedThatIsLaterThanUsualIsTold(t *testing.T) {
	w := bridgetest.NewWorld(t, feeds)
	for i := range 8 {
		w.Drop("inventory", "stock_"+number(int64(i))+".csv", "sku,unit,quantity\nSKU1,item,"+number(int64(i))+"\n")
		w.Round()
		w.Must(w.Clock.Wait(t.Context(), time.Hour))
	}
	s := newSite(t, w)
	s.get("/").lacks("later than usual")
	w.Must(w.Clock.Wait(t.Context(), time.Hour))
	s.Events.Tell(&bridge.Event{Kind: bridge.DecisionTaken}) // nothing is answered from memory
	s.get("/").says("feeds", "later than usual")
}

// A page that several look at is made once for all of them, and nobody is shown what is for somebody else by that.
func TestPagesAreSharedByThoseWhoSeeTheSame(t *testing.T) {
	s := newSite(t, busy(t))
	s.Must(s.Ledger.SaveAlarms(t.Context(), bridge.AlarmRound{Alarms: []*bridge.LiveAlarm{{Alarm: bridge.AlarmMissing, Of: "feed prices", N: 1,
		Text: "nothing came by 06:30", Begun: s.Clock.Now(), Raised: s.Clock.Now()}}}))
	other := &admit.Caller{Name: "otto", Role: admit.Operator}
	for _, path := range []string{"/", "/alarms", "/drops", "/orders", "/feeds", "/exports", "/figures"} {
		s.get(path).says("", "Logged in as olga (operator)")
		s.as(other).get(path).says("", "Logged in as otto (operator)")
		s.as(other).get(path).lacks("olga")
	}
	for path, decision := range map[string]string{"/": "I know of it…", "/alarms": "I know of it…"} {
		s.get(path).says("", decision)
		s.as(viewer).get(path).lacks(decision)
		s.as(admins).get(path).says("", decision)
	}
	s.get("/feeds").lacks("Pause")
	s.as(admins).get("/feeds").says("", "Pause")
	german := httptest.NewRequest("GET", "/drops", nil)
	german.Header.Set("Accept-Language", "de")
	parse(t, s.ask(german).Body.String()).says("", "Zustand", "Angemeldet als olga")
	s.get("/drops").says("", "State")
	s.decide("/feeds/prices/pause")
	s.as(viewer).get("/").says("alerts", "Paused by somebody: feed prices") // whoever decided, all see it at once
	long := httptest.NewRequest("GET", "/drops?word="+strings.Repeat("x", 5000), nil)
	if w := s.ask(long); w.Code != http.StatusRequestURITooLong {
		t.Errorf("a page by an address without end is %d", w.Code)
	}
}

// Pages are told of what happens, and of how far a load is.
func TestWatchersHearOfNews(t *testing.T) {
	s := newSite(t, bridgetest.NewWorld(t, feeds))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.routes.ServeHTTP(w, s.known(r)) }))
	defer server.Close()
	answer, err := http.Get(server.URL + "/events")
	s.Must(err)
	defer answer.Body.Close()
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("it is %s", got)
	}
	heard := make(chan string, 100)
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := answer.Body.Read(buffer)
			if heard <- string(buffer[:n]); err != nil {
				close(heard)
				return
			}
		}
	}()
	<-heard // the stream has begun
	s.Events.Tell(&bridge.Event{Kind: bridge.Progressed, Feed: "prices", File: "p.csv", Phase: "sending", Done: 3, Total: 9}, &bridge.Event{Kind: bridge.DropSeen})
	all := ""
	for deadline := time.After(time.Minute); !strings.Contains(all, "event: news"); {
		select {
		case text := <-heard:
			all += text
		case <-deadline:
			t.Fatalf("heard only %q", all)
		}
	}
	if !strings.Contains(all, `{"feed":"prices","file":"p.csv","phase":"sending","done":3,"total":9}`) {
		t.Errorf("heard %q", all)
	}
	s.Must(s.page.Close()) // sends watchers away
	for range heard {
	}
}

func TestStaticFilesAreThePagesOwn(t *testing.T) {
	for path, kind := range map[string]string{"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"} {
		w := httptest.NewRecorder()
		page.Static().ServeHTTP(w, httptest.NewRequest("GET", page.StaticPath+path, nil))
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != kind {
			t.Errorf("%s is %d %v", path, w.Code, w.Header())
		}
	}
	w := httptest.NewRecorder()
	page.Static().ServeHTTP(w, httptest.NewRequest("GET", page.StaticPath, nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("the folder is %d", w.Code)
	}
}

// An alarm that nobody knows of stands on today's page. Who knows of it says so there, or is told again at a time.
func TestAnAlarmIsKnownOrSnoozed(t *testing.T) {
	s := newSite(t, bridgetest.NewWorld(t, feeds))
	late := &bridge.LiveAlarm{Alarm: bridge.AlarmMissing, Of: "feed prices", N: 1, Text: "nothing came by 06:30", Begun: s.Clock.Now(), Raised: s.Clock.Now()}
	disk := &bridge.LiveAlarm{Alarm: bridge.AlarmDisk, Of: "bridge", N: 1, Text: "1 GB is left", Begun: s.Clock.Now(), Raised: s.Clock.Now()}
	s.Must(s.Ledger.SaveAlarms(t.Context(), bridge.AlarmRound{Alarms: []*bridge.LiveAlarm{late, disk}}))
	know := "/alarms/" + number(late.ID) + "/ack"
	d := s.get("/")
	d.says("alerts", "Alarm: missing", "feed prices: nothing came by 06:30", "I know of it")
	d.links("/feeds/prices", know, "/alarms")
	s.get("/alarms").says("stand", "missing", "1 GB is left", "nobody was told")
	s.get(know).says("", "nothing came by 06:30", "until nothing is wrong any more")
	for _, form := range []url.Values{{}, {"why": {"x"}, "for": {"a while"}}, {"why": {"x"}, "until": {"tomorrow"}}, {"why": {"x"}, "until": {"2020-01-01T00:00"}}} {
		if w := s.post(know, form); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%v is %d", form, w.Code)
		}
	}
	if to := s.decide(know); to != "/alarms?did=know" {
		t.Errorf("it leads to %s", to)
	}
	s.get("/").lacks("nothing came by 06:30")
	s.get("/alarms").says("stand", "nothing came by 06:30", "olga", "the sender says so")

	until := s.Clock.Now().UTC().Add(3 * time.Hour).Format("2006-01-02T15:04")
	if w := s.post("/alarms/"+number(disk.ID)+"/ack", url.Values{"why": {"room is made tonight"}, "until": {until}}); w.Code != http.StatusSeeOther ||
		w.Header().Get("Location") != "/alarms?did=snooze" {
		t.Errorf("snoozing is %d %s", w.Code, textOf(w.Body.String()))
	}
	s.get("/alarms").says("stand", "snoozed until", "room is made tonight")
	if len(s.get("/").all("section", "class", "glance hold")) != 1 {
		t.Error("an alarm that somebody knows of is as loud as before")
	}
	s.Must(s.Clock.Wait(t.Context(), 4*time.Hour))
	s.Events.Tell(&bridge.Event{Kind: bridge.DecisionTaken}) // nothing is answered from memory
	if len(s.get("/").all("section", "class", "glance hold")) != 0 {
		t.Error("it is quiet after its time")
	}
	if w := s.ask(httptest.NewRequest("GET", "/alarms/99/ack", nil)); w.Code != http.StatusNotFound {
		t.Errorf("an alarm that there is not is %d", w.Code)
	}
}

// A maintenance window is a pause with an end.
func TestAPauseHasAnEnd(t *testing.T) {
	s := newSite(t, bridgetest.NewWorld(t, feeds))
	until := s.Clock.Now().UTC().Add(26 * time.Hour).Truncate(time.Minute)
	for path, form := range map[string]url.Values{
		"/feeds/prices/pause":   {"why": {"stocktaking"}, "until": {until.Format("2006-01-02T15:04")}},
		"/exports/orders/pause": {"why": {"the ERP moves"}, "for": {"4h"}},
	} {
		if w := s.post(path, form); w.Code != http.StatusSeeOther {
			t.Fatalf("%s is %d: %s", path, w.Code, textOf(w.Body.String()))
		}
	}
	s.get("/feeds/prices").says("head", "Paused by olga", "until "+until.Format("2006-01-02 15:04"), "stocktaking")
	s.get("/exports/orders").says("head", "Paused by olga", "until "+s.Clock.Now().UTC().Add(4*time.Hour).Format("2006-01-02 15:04"))
}
