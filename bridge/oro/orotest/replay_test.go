package orotest

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// exceptions are the recordings that the box does not match, with the reason why that does not matter to a client.
var exceptions = map[string]string{}

// recording is one exchange with a real shop.
type recording struct {
	Request struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    any               `json:"body"`
	} `json:"response"`
	Delivery struct {
		Headers map[string]string `json:"headers"`
		Body    any               `json:"body"`
	} `json:"delivery"`
}

// TestReplay sends every recorded request to the box and compares the answers. Only ids, times, links and durations
// may differ, ids and links consistently.
func TestReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/recordings/*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	slices.Sort(files)
	identical := 0
	var rp *replay
	for _, file := range files {
		name := strings.TrimPrefix(strings.TrimSuffix(filepath.ToSlash(file), ".json"), "testdata/recordings/")
		if folder := filepath.Dir(name); rp == nil || rp.folder != folder {
			if rp != nil {
				rp.shop.Close()
			}
			rp = newReplay(t, folder)
		}
		diffs := rp.play(t, name, readRecording(t, file))
		reason, excepted := exceptions[name]
		switch {
		case len(diffs) == 0:
			identical++
			if excepted {
				t.Errorf("%s is listed as an exception (%s) but matches", name, reason)
			}
		case excepted:
			t.Logf("%s differs, which is known: %s\n\t%s", name, reason, strings.Join(diffs, "\n\t"))
		default:
			t.Errorf("%s differs:\n\t%s", name, strings.Join(diffs, "\n\t"))
		}
	}
	rp.shop.Close()
	fmt.Printf("recordings: %d of %d identical\n", identical, len(files))
	if identical < 295 {
		t.Errorf("%d recordings are identical, want at least 295", identical)
	}
}

// recordedWith is the release of the shops that all recordings are from.
const recordedWith = V61

// replay is one folder of recordings on a box of its own.
type replay struct {
	folder     string
	shop       *Shop
	token      string
	ids        map[identifier]string // recorded to the box's
	back       map[identifier]string
	deliveries []delivered
	status     int // of the box's last answer
}

type delivered struct {
	header http.Header
	body   []byte
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func newReplay(t *testing.T, folder string) *replay {
	t.Helper()
	now := time.Date(2026, 11, 20, 21, 0, 0, 0, time.UTC)
	rp := &replay{
		folder: folder, ids: make(map[identifier]string), back: make(map[identifier]string),
		shop: New(Version(recordedWith), Seed(Sample), Clock(func() time.Time { return now })),
	}
	rp.shop.client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		rp.deliveries = append(rp.deliveries, delivered{r.Header, body})
		return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, err
	})
	rp.shop.StallQueue()
	rp.token = rp.shop.grant(rp.shop.clock())
	rp.prepare(t)
	return rp
}

// prepare makes what the folder's first request found, and no recording of it shows being made.
func (rp *replay) prepare(t *testing.T) {
	t.Helper()
	product := func(recorded, sku, name string) {
		id, err := rp.shop.AddProduct(sku, name, Unit{Code: "item"})
		if err != nil {
			t.Fatal(err)
		}
		rp.bind("products", recorded, id)
	}
	customer := func(recorded, name, externalID string) {
		id, err := rp.shop.AddCustomer(name, externalID)
		if err != nil {
			t.Fatal(err)
		}
		rp.bind("customers", recorded, id)
	}
	switch rp.folder {
	case "prices":
		product("73", "P06315PR", "Product PR 06315")
	case "inventory":
		product("74", "P06321IV", "Product IV 06321")
	case "orders":
		customer("250", "Order customer 06323", "OC06323")
		product("75", "P06323OR", "Product OR 06323")
	case "differential/documents":
		customer("5762", "Of the order", "")
		id, err := rp.shop.SubmitOrder(Order{
			Identifier: "HCFC92b", Customer: rp.mapID("customers", "5762"), Lines: []Line{{SKU: "0RT28", Quantity: "1", Price: "1"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		rp.bind("orders", "127", id)
	case "differential/permissions-view":
		for name, table := range rp.shop.tables {
			if name != "users" && table.secures == "" {
				rp.shop.Deny("view "+name, "edit "+name, "delete "+name, "create "+name)
			}
		}
		rp.shop.Deny("create asyncoperations")
	case "more":
		for range 2 {
			if _, err := rp.shop.SubmitOrder(Order{Customer: "1", Lines: []Line{{SKU: "0RT28", Quantity: "1", Price: "1"}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// between does what the recorder did between two recordings without recording it.
func (rp *replay) between(t *testing.T, name string) {
	t.Helper()
	switch name {
	case "customers/058-customers-batch-250-with-25-bad-operation-new":
		var l []string
		for i := range 250 {
			attrs := fmt.Sprintf(`{"name":"L%d","externalId":"L%d"}`, i, i)
			if i%10 == 0 {
				attrs = fmt.Sprintf(`{"externalId":"L%d"}`, i)
			}
			l = append(l, `{"type":"customers","attributes":`+attrs+`}`)
		}
		a := rp.send(http.MethodPatch, "/admin/api/customers", nil, `{"data":[`+strings.Join(l, ",")+`]}`)
		rp.bind("asyncoperations", "41", filepath.Base(a.Header().Get("Content-Location")))
	case "webhooks/007-webhook-delivery-0":
		a := rp.send(http.MethodPost, "/admin/api/orders", nil, `{"data":{"type":"orders","attributes":{"identifier":"WH06327","currency":"USD"},
			"relationships":{"customer":{"data":{"type":"customers","id":"1"}},"lineItems":{"data":[{"type":"orderlineitems","id":"l"}]}}},
			"included":[{"type":"orderlineitems","id":"l","attributes":{"quantity":1,"value":2,"currency":"USD","priceType":10},
			"relationships":{"product":{"data":{"type":"products","id":"1"}},"productUnit":{"data":{"type":"productunits","id":"item"}}}}]}`)
		id := filepath.Base(a.Header().Get("Location"))
		rp.send(http.MethodPatch, "/admin/api/orders/"+id, nil, `{"data":{"type":"orders","id":"`+id+`","attributes":{"poNumber":"1"}}}`)
		for rp.shop.StepQueue() {
		}
	case "more/062-forbidden-create":
		rp.shop.Deny("create products", "view pricelists", "create asyncoperations")
	}
}

func (rp *replay) bind(typ, recorded, box string) {
	rp.ids[identifier{typ, recorded}] = box
	rp.back[identifier{typ, box}] = recorded
}

func (rp *replay) send(method, path string, headers map[string]string, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://shop.example"+path, strings.NewReader(body))
	r.Header.Set("Accept", mediaType)
	r.Header.Set("Content-Type", mediaType)
	r.Header.Set("Authorization", "Bearer <token>")
	if headers != nil {
		r.Header = make(http.Header)
	}
	for k, v := range headers {
		r.Header.Set(k, v)
	}
	if strings.HasSuffix(r.Header.Get("Authorization"), "<token>") {
		r.Header.Set("Authorization", "Bearer "+rp.token)
	}
	w := httptest.NewRecorder()
	rp.shop.ServeHTTP(w, r)
	return w
}

func readRecording(t *testing.T, file string) *recording {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rec := new(recording)
	if err := json.Unmarshal(raw, rec); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return rec
}

// play sends one recorded request and tells what differs from the recorded answer.
func (rp *replay) play(t *testing.T, name string, rec *recording) []string {
	t.Helper()
	rp.between(t, name)
	c := &comparison{replay: rp}
	if rec.Request.Method == "" {
		rp.playDelivery(t, c, rec)
		return c.diffs
	}
	path := rp.mapPath(rec.Request.Path)
	rp.bring(path, rec)
	sync := rec.Request.Headers["X-Mode"] == "sync"
	if sync {
		rp.shop.ResumeQueue()
	}
	w := rp.send(rec.Request.Method, path, rec.Request.Headers, rp.mapBody(rec.Request.Body))
	if sync {
		rp.shop.DrainQueue()
		rp.shop.StallQueue()
	}
	rp.status = w.Code
	if w.Code != rec.Response.Status {
		c.differ("status", rec.Response.Status, w.Code)
	}
	c.headers(rec.Response.Headers, w.Header())
	c.body(rec.Response.Body, w.Body.Bytes())
	return c.diffs
}

// bring works the queue off until an operation is in the recorded state.
func (rp *replay) bring(path string, rec *recording) {
	id, ok := strings.CutPrefix(path, "/admin/api/asyncoperations/")
	if !ok || strings.Contains(id, "/") || strings.HasPrefix(rp.folder, "differential/") {
		return
	}
	attrs := rec.Response.Body.(map[string]any)["data"].(map[string]any)["attributes"].(map[string]any)
	want := encode([]any{attrs["status"], attrs["progress"]})
	for {
		n, _ := strconv.Atoi(id)
		rp.shop.mu.RLock()
		o := rp.shop.operations[n]
		state := ""
		if o != nil {
			state = `["` + o.status + `",` + o.progress + `]`
		}
		rp.shop.mu.RUnlock()
		if state == want || !rp.shop.StepQueue() {
			return
		}
	}
}

func (rp *replay) playDelivery(t *testing.T, c *comparison, rec *recording) {
	t.Helper()
	if len(rp.deliveries) == 0 {
		c.differ("delivery", "one", "none")
		return
	}
	got := rp.deliveries[0]
	rp.deliveries = rp.deliveries[1:]
	for k, v := range rec.Delivery.Headers {
		switch k {
		case "Host", "Accept-Encoding", "Content-Length": // of the connection
		case "Webhook-Id":
			c.id("messages", v, got.header.Get(k), k)
		case "Webhook-Signature":
			if sign("shh", string(got.body)) != got.header.Get(k) {
				c.differ(k, "the signature of the body", got.header.Get(k))
			}
		default:
			if got.header.Get(k) != v {
				c.differ(k, v, got.header.Get(k))
			}
		}
	}
	c.body(rec.Delivery.Body, got.body)
}

var singlePath = regexp.MustCompile(`^(/admin/api/)([a-z]+)/([^/?]+)(.*)$`)

// mapPath puts the box's ids into a recorded path and its filters.
func (rp *replay) mapPath(path string) string {
	if m := singlePath.FindStringSubmatch(path); m != nil {
		path = m[1] + m[2] + "/" + rp.mapID(m[2], m[3]) + m[4]
	}
	bare, query, ok := strings.Cut(path, "?")
	if !ok {
		return path
	}
	table := rp.shop.tables[strings.TrimPrefix(bare, apiPath)]
	var parts []string
	for part := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(part, "=")
		k, _ := url.QueryUnescape(key)
		v, _ := url.QueryUnescape(value)
		if m := filterName.FindStringSubmatch(k); m != nil && table != nil {
			typ := ""
			if f := table.byName[m[1]]; f != nil && f.target != nil {
				typ = f.target.name
			} else if m[1] == "id" {
				typ = table.name
			}
			var l []string
			for id := range strings.SplitSeq(v, ",") {
				l = append(l, rp.mapID(typ, id))
			}
			value = strings.ReplaceAll(url.QueryEscape(strings.Join(l, ",")), "+", "%20")
			if !strings.Contains(part, "%") && strings.Join(l, ",") == v {
				value = rawValue(part) // as odd as it was sent
			}
		}
		parts = append(parts, key+"="+value)
	}
	return bare + "?" + strings.Join(parts, "&")
}

// filterName finds the field in a filter's key.
var filterName = regexp.MustCompile(`^filter\[([\w]+)[\].]`)

func rawValue(part string) string {
	_, value, _ := strings.Cut(part, "=")
	return value
}

func (rp *replay) mapID(typ, id string) string {
	if mapped, ok := rp.ids[identifier{typ, id}]; ok {
		return mapped
	}
	return id
}

// mapBody puts the box's ids into a recorded body.
func (rp *replay) mapBody(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if s, ok := isString(raw); ok {
		return strings.NewReplacer("<client-id>", "demo", "<client-secret>", "demo").Replace(s)
	}
	return rp.mapValue(raw)
}

// mapValue keeps the order of members: errors name them in it.
func (rp *replay) mapValue(raw json.RawMessage) string {
	switch {
	case isArray(raw):
		var l []string
		for _, x := range elements(raw) {
			l = append(l, rp.mapValue(x))
		}
		return "[" + strings.Join(l, ",") + "]"
	case !isObject(raw):
		return string(raw)
	}
	m := readMembers(raw)
	if typ, ok := isString(m.values["type"]); ok {
		if id, ok := isString(m.values["id"]); ok {
			m.values["id"] = json.RawMessage(encode(rp.mapID(typ, id)))
		}
	}
	var l []string
	for _, name := range m.names {
		l = append(l, encode(name)+":"+rp.mapValue(m.values[name]))
	}
	return "{" + strings.Join(l, ",") + "}"
}

// comparison collects what differs between a recorded answer and the box's.
type comparison struct {
	*replay
	diffs []string
}

func (c *comparison) differ(path string, want, got any) {
	c.diffs = append(c.diffs, fmt.Sprintf("%s: recorded %s, box %s", path, short(want), short(got)))
}

func short(v any) string {
	s := encode(v)
	if len(s) > 300 {
		s = s[:300] + "…"
	}
	return s
}

func (c *comparison) headers(want map[string]string, got http.Header) {
	for _, k := range slices.Sorted(maps.Keys(want)) {
		switch k {
		case "Location", "Content-Location":
			c.link(k, want[k], got.Get(k))
		default:
			if got.Get(k) != want[k] {
				c.differ("header "+k, want[k], got.Get(k))
			}
		}
	}
	wanted := make(http.Header)
	for k, v := range want {
		wanted.Set(k, v)
	}
	for k := range got {
		if _, ok := wanted[k]; !ok {
			c.differ("header "+k, nil, got.Get(k))
		}
	}
}

func (c *comparison) body(want any, got []byte) {
	if want == nil {
		if len(got) > 0 {
			c.differ("body", nil, string(got))
		}
		return
	}
	var v any
	if err := json.Unmarshal(got, &v); err != nil {
		c.differ("body", want, string(got))
		return
	}
	c.value("$", want, v)
}

var moments = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`)

func (c *comparison) value(path string, want, got any) {
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			c.object(path, w, g)
			return
		}
	case []any:
		if g, ok := got.([]any); ok {
			c.list(path, w, g)
			return
		}
	case string:
		g, ok := got.(string)
		switch {
		case ok && moments.MatchString(w) && moments.MatchString(g):
			return
		case ok && strings.HasPrefix(w, "https://shop.example"):
			c.link(path, w, g)
			return
		case ok && strings.HasPrefix(w, noRoutePrefix) && strings.HasPrefix(g, noRoutePrefix):
			c.link(path, strings.TrimPrefix(w, noRoutePrefix), strings.TrimPrefix(g, noRoutePrefix))
			return
		}
	}
	if !reflect.DeepEqual(want, got) {
		c.differ(path, want, got)
	}
}

const noRoutePrefix = `No route found for "GET `

func (c *comparison) object(path string, want, got map[string]any) {
	typ, _ := want["type"].(string)
	if id, ok := want["id"].(string); ok && typ != "" {
		box, _ := got["id"].(string)
		c.id(typ, id, box, path+".id")
		want, got = maps.Clone(want), maps.Clone(got)
		delete(want, "id")
		delete(got, "id")
		c.derived(path, typ, want, got, id, box)
	}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		g, ok := got[k]
		switch {
		case !ok:
			c.differ(path+"."+k, want[k], "nothing")
		case k == "elapsedTime" || k == "aggregateTime" || k == "access_token" || k == "timestamp":
			if reflect.TypeOf(want[k]) != reflect.TypeOf(g) {
				c.differ(path+"."+k, want[k], g)
			}
		case k == "messageId":
			c.id("messages", want[k].(string), g.(string), path+"."+k)
		default:
			c.value(path+"."+k, want[k], g)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[k]; !ok {
			c.differ(path+"."+k, "nothing", got[k])
		}
	}
}

// derived checks values that are worked out from ids, and takes them out of the comparison.
func (c *comparison) derived(path, typ string, want, got map[string]any, id, box string) {
	part := func(m map[string]any, k string) map[string]any {
		p, _ := m[k].(map[string]any)
		p = maps.Clone(p)
		if p != nil {
			m[k] = p
		}
		return p
	}
	wa, ga := part(want, "attributes"), part(got, "attributes")
	if n, ok := wa["dbId"].(float64); ok {
		m, _ := ga["dbId"].(float64)
		c.id(typ+" by number", strconv.Itoa(int(n)), strconv.Itoa(int(m)), path+".dbId")
		delete(wa, "dbId")
		delete(ga, "dbId")
	}
	if typ == "orderlineitems" && checksummed(want, wa["checksum"]) && checksummed(got, ga["checksum"]) {
		delete(wa, "checksum")
		delete(ga, "checksum")
	}
	if (typ == "orders" || typ == "quotes") && wa["identifier"] == id && ga["identifier"] == box { // the shop took its number
		delete(wa, "identifier")
		delete(ga, "identifier")
	}
	for _, k := range []string{"guestAccessId", "checksum"} { // as random as they look, or made of ids
		w, _ := wa[k].(string)
		g, _ := ga[k].(string)
		if typ != "orderlineitems" && w != "" && len(w) == len(g) {
			delete(wa, k)
			delete(ga, k)
		}
	}
	for _, k := range []string{"includeId", "dataId"} { // an id of the request
		if wm, gm := part(want, "meta"), part(got, "meta"); wm[k] == id && gm[k] == box {
			delete(wm, k)
			delete(gm, k)
		}
	}
}

var sums = regexp.MustCompile(`^[0-9a-f]{40}$`)

// checksummed reports whether a line's checksum is that of its product's number, as far as the line tells it.
func checksummed(line map[string]any, sum any) bool {
	product, _ := relationID(line, "product")
	if _, err := strconv.Atoi(product); err != nil {
		s, _ := sum.(string)
		return sums.MatchString(s)
	}
	return sum == lineChecksum(line)
}

func relationID(record map[string]any, name string) (id string, ok bool) {
	rels, _ := record["relationships"].(map[string]any)
	rel, _ := rels[name].(map[string]any)
	data, _ := rel["data"].(map[string]any)
	id, ok = data["id"].(string)
	return id, ok
}

func lineChecksum(line map[string]any) string {
	product, _ := relationID(line, "product")
	unit, _ := relationID(line, "productUnit")
	return checksum(product, unit)
}

// shuffled are the resources with random ids, by which lists are sorted.
var shuffled = []string{"productprices", "webhooks"}

func (c *comparison) list(path string, want, got []any) {
	if len(want) != len(got) {
		c.differ(path, want, got)
		return
	}
	if len(want) > 0 {
		if first, ok := want[0].(map[string]any); ok {
			if typ, _ := first["type"].(string); slices.Contains(shuffled, typ) {
				want, got = byContent(want), byContent(got)
			}
		}
	}
	for i := range want {
		c.value(path+"["+strconv.Itoa(i)+"]", want[i], got[i])
	}
}

// byContent sorts records by their attributes and, where these are equal, by what they lead to that has a code.
func byContent(l []any) []any {
	key := func(v any) string {
		m := v.(map[string]any)
		attrs := maps.Clone(m["attributes"].(map[string]any))
		delete(attrs, "createdAt")
		delete(attrs, "updatedAt")
		rels, _ := m["relationships"].(map[string]any)
		return encode(attrs) + encode(rels["topic"]) + encode(rels["format"])
	}
	l = slices.Clone(l)
	slices.SortFunc(l, func(a, b any) int { return strings.Compare(key(a), key(b)) })
	return l
}

// composed are ids that begin with the id of another record.
var composed = map[string]string{"ordersubtotals": "orders", "asyncoperationerrors": "asyncoperations"}

// id holds that a recorded id and one of the box name the same record, from now on.
func (c *comparison) id(typ, want, got, path string) {
	if owner, ok := composed[typ]; ok {
		wOwner, wRest, _ := strings.Cut(want, "-")
		gOwner, gRest, _ := strings.Cut(got, "-")
		if wRest != gRest {
			c.differ(path, want, got)
		}
		typ, want, got = owner, wOwner, gOwner
	}
	known, ok := c.ids[identifier{typ, want}]
	recorded, taken := c.back[identifier{typ, got}]
	switch {
	case !ok && !taken && got != "":
		c.bind(typ, want, got)
	case known != got || recorded != want:
		c.differ(path, want+" ("+known+")", got+" ("+recorded+")")
	}
}

func (c *comparison) link(path, want, got string) {
	want = strings.TrimPrefix(want, "https://shop.example")
	got = strings.TrimPrefix(strings.TrimPrefix(got, "http://shop.example"), "https://shop.example")
	if m := singlePath.FindStringSubmatch(want); m != nil {
		if g := singlePath.FindStringSubmatch(got); g != nil && path == "Location" || path == "Content-Location" {
			if g == nil {
				c.differ(path, want, got)
				return
			}
			want, got = c.guidPart(m, g, path)
		} else {
			want = c.mapPath(want)
		}
	} else {
		want = c.mapPath(want)
	}
	if want != got {
		c.differ(path, want, got)
	}
}

// guidPart compares the ids at the end of two addresses; that of a price lacks the end of its id.
func (c *comparison) guidPart(want, got []string, path string) (string, string) {
	typ := want[2]
	if typ == "productprices" {
		typ = "productprices by guid"
	}
	c.id(typ, want[3], got[3], path)
	return want[2] + want[4], got[2] + got[4]
}
