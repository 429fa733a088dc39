package orotest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	apiPath   = "/admin/api/"
	mediaType = "application/vnd.api+json"
	maxURL    = 8 << 10 // of the web server before the shop
)

// problem is one error of an answer.
type problem struct {
	status             int
	title, detail      string
	pointer, parameter string
}

// object is the error as the API writes it; inBatch makes the status a number.
func (p problem) object(inBatch bool) string {
	status := strconv.Itoa(p.status)
	if !inBatch {
		status = `"` + status + `"`
	}
	s := `{"status":` + status + `,"title":` + encode(p.title)
	if p.detail != "" {
		s += `,"detail":` + encode(p.detail)
	}
	switch {
	case p.pointer != "":
		s += `,"source":{"pointer":` + encode(p.pointer) + `}`
	case p.parameter != "":
		s += `,"source":{"parameter":` + encode(p.parameter) + `}`
	case inBatch:
		s += `,"source":null`
	}
	return s + `}`
}

func pointerAt(section string, i int) string { return "/" + section + "/" + strconv.Itoa(i) }

// call is one request to the API while it is answered.
type call struct {
	shop   *Shop
	r      *http.Request
	body   []byte
	answer *answer
	query  url.Values
	asks   map[string]bool // X-Include
	extID  bool
	base   string
}

// answer is a response before it is sent: faults may still spoil it.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func newAnswer() *answer {
	return &answer{status: http.StatusOK, header: http.Header{
		"Content-Type":  {mediaType},
		"Cache-Control": {"must-revalidate, no-cache, no-store, private"},
	}}
}

// serve answers a request of which the body is read.
func (s *Shop) serve(r *http.Request, body []byte) *answer {
	a := newAnswer()
	if len(r.URL.RequestURI()) > maxURL {
		a.status = http.StatusRequestURITooLong
		a.header = http.Header{"Content-Type": {"text/html"}}
		a.body = []byte("<html>\r\n<head><title>414 Request-URI Too Large</title></head>\r\n</html>\r\n")
		return a
	}
	if r.URL.Path == "/oauth2-token" {
		s.pause(r.Context(), s.latency.Token)
		s.token(r, body, a)
		return a
	}
	path, ok := strings.CutPrefix(r.URL.Path, apiPath)
	if !ok {
		a.status = http.StatusNotFound
		return a
	}
	if given, ok := s.authorised(r); !ok {
		a.status = http.StatusUnauthorized
		a.header.Set("Cache-Control", "no-cache, private")
		if !given {
			a.header.Set("WWW-Authenticate", "Bearer")
		}
		return a
	}
	c := &call{
		shop: s, r: r, body: body, answer: a, query: r.URL.Query(), asks: make(map[string]bool),
		extID: r.Header.Get("X-Integration-Type") == "ext_id", base: s.base(r) + apiPath,
	}
	for name := range strings.SplitSeq(r.Header.Get("X-Include"), ";") {
		c.asks[name] = true
	}
	if r.Method == http.MethodGet {
		s.pause(r.Context(), s.latency.Read)
	}
	c.route(strings.Split(strings.TrimSuffix(path, "/"), "/"))
	return a
}

// token answers the token endpoint, which takes forms and JSON.
func (s *Shop) token(r *http.Request, body []byte, a *answer) {
	a.header.Set("Content-Type", "application/json")
	form, err := url.ParseQuery(string(body))
	get := form.Get
	if err != nil || strings.Contains(r.Header.Get("Content-Type"), "json") {
		var fields map[string]string
		_ = json.Unmarshal(body, &fields) // no fields: an unknown grant
		get = func(name string) string { return fields[name] }
	}
	refuse := func(status int, m map[string]string) {
		a.status, a.body = status, []byte(encode(m))
	}
	if get("grant_type") != "client_credentials" {
		const m = "The authorization grant type is not supported by the authorization server."
		refuse(http.StatusBadRequest, map[string]string{
			"error": "unsupported_grant_type", "error_description": m, "message": m,
			"hint": "Check that all required parameters have been provided",
		})
		return
	}
	if get("client_id") != s.clientID || get("client_secret") != s.secret {
		const m = "Client authentication failed"
		refuse(http.StatusUnauthorized, map[string]string{"error": "invalid_client", "error_description": m, "message": m})
		return
	}
	a.header.Set("Content-Type", "application/json; charset=UTF-8")
	a.body = []byte(encode(map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": s.grant()}))
}

func (c *call) fail(problems ...problem) {
	c.answer.status = problems[0].status
	l := make([]string, len(problems))
	for i, p := range problems {
		l[i] = p.object(false)
	}
	c.answer.body = []byte(`{"errors":[` + strings.Join(l, ",") + `]}`)
}

func (c *call) notFound() {
	c.fail(problem{status: 404, title: "not found http exception", detail: "An entity with the requested identifier does not exist."})
}

func (c *call) forbidden(detail string) {
	c.fail(problem{status: 403, title: "access denied exception", detail: detail})
}

const noAccess = "No access to this type of entities."

// refuseMethod answers 405 with an empty body.
func (c *call) refuseMethod(allowed []string) {
	c.answer.status = http.StatusMethodNotAllowed
	c.answer.header.Set("Allow", strings.Join(append([]string{http.MethodOptions}, allowed...), ", "))
}

func (c *call) route(path []string) {
	if path[0] == "asyncoperations" {
		c.operations(path[1:])
		return
	}
	t := c.shop.tables[path[0]]
	switch {
	case t == nil:
		c.fail(problem{status: 404, title: "entity type constraint", detail: "Unknown entity type: " + path[0] + "."})
	case t.actions == closed:
		c.fail(problem{status: 404, title: "resource not accessible exception", detail: "The resource is not accessible."})
	case len(path) == 1:
		c.collection(t)
	case len(path) == 2:
		c.single(t, path[1])
	case c.r.Method == http.MethodGet && (len(path) == 3 || len(path) == 4 && path[2] == "relationships"):
		c.related(t, path[1], path[len(path)-1], len(path) == 4)
	default:
		c.refuseMethod([]string{http.MethodGet})
	}
}

// allowed lists the methods that a resource takes, with what permission each asks for.
func (t *table) allowed(single bool) (methods []string) {
	methods = []string{http.MethodGet}
	for _, m := range []struct {
		method   string
		listed   action
		onRecord action
	}{
		{http.MethodPost, creating, 0},
		{http.MethodPatch, batching, updating},
		{http.MethodDelete, deletingList, deleting},
	} {
		need := m.listed
		if single {
			need = m.onRecord
		}
		if t.actions&need != 0 {
			methods = append(methods, m.method)
		}
	}
	return methods
}

func (c *call) collection(t *table) {
	if methods := t.allowed(false); !slices.Contains(methods, c.r.Method) {
		c.refuseMethod(methods)
		return
	}
	switch c.r.Method {
	case http.MethodGet:
		c.list(t)
	case http.MethodPost:
		c.create(t)
	case http.MethodPatch:
		c.batch(t)
	case http.MethodDelete:
		c.deleteList(t)
	}
}

func (c *call) single(t *table, id string) {
	if methods := t.allowed(true); !slices.Contains(methods, c.r.Method) {
		c.refuseMethod(methods)
		return
	}
	switch c.r.Method {
	case http.MethodGet:
		c.get(t, id)
	case http.MethodPatch:
		c.update(t, id)
	case http.MethodDelete:
		c.delete(t, id)
	}
}

// view is how this call wants its records.
func (c *call) view(fields map[string]map[string]bool) *view {
	v := &view{shop: c.shop, base: c.base, extID: c.extID, fields: fields}
	if c.asks["noHateoas"] {
		v.base = ""
	}
	return v
}

// plain reports a request outside JSON:API. The shop answers such a GET in another format,
// in which the parameters have other names.
func (c *call) plain() bool {
	return !strings.Contains(c.r.Header.Get("Accept"), mediaType) && !strings.Contains(c.r.Header.Get("Content-Type"), mediaType)
}

func (c *call) list(t *table) {
	if c.plain() {
		c.listPlain(t)
		return
	}
	s := c.shop
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.permits("view", t.name) {
		c.forbidden(noAccess)
		return
	}
	q := s.parseQuery(t, c.query, c.extID)
	if len(q.problems) > 0 {
		c.fail(q.problems...)
		return
	}
	c.page(t, t.find(q), q, t.name)
}

// page answers one page of a list of records.
func (c *call) page(t *table, l []int32, q *query, path string) {
	page, more := q.cut(l)
	if c.asks["totalCount"] {
		c.answer.header.Set("X-Include-Total-Count", strconv.Itoa(len(l)))
	}
	v := c.view(q.fields)
	in := &inclusion{view: v, seen: make(map[place]bool)}
	b := []byte(`{"data":[`)
	for i, n := range page {
		if i > 0 {
			b = append(b, ',')
		}
		b = v.record(b, t, t.rows[n], "", "")
		in.collect(t, t.rows[n], q.includes)
	}
	b = append(b, ']')
	b = appendIncluded(b, in)
	if v.base != "" {
		b = append(b, `,"links":`+c.links(path, more && !t.noNext, q.page)...)
	}
	c.answer.body = append(b, '}')
}

func appendIncluded(b []byte, in *inclusion) []byte {
	if len(in.body) == 0 {
		return b
	}
	b = append(b, `,"included":[`...)
	b = append(b, in.body...)
	return append(b, ']')
}

// links are those of a list: itself without parameters, and the next page with them, sorted.
func (c *call) links(path string, more bool, page int) string {
	self := c.base + path
	links := map[string]string{"self": self}
	if more {
		rest := url.Values{}
		for k, v := range c.query {
			if k != "page[number]" {
				rest[k] = v
			}
		}
		next := rest.Encode()
		if next != "" {
			next += "&"
		}
		links["next"] = self + "?" + next + url.QueryEscape("page[number]") + "=" + strconv.Itoa(page+1)
	}
	return encode(links)
}

// listPlain answers outside JSON:API: the records without types and relations.
func (c *call) listPlain(t *table) {
	c.answer.header.Set("Content-Type", "application/json")
	for param := range c.query {
		c.answer.status = http.StatusBadRequest
		c.answer.body = []byte(`[{"title":"filter constraint","detail":"The filter is not supported.","source":` + encode(param) + `}]`)
		return
	}
	c.shop.mu.RLock()
	defer c.shop.mu.RUnlock()
	q := &query{size: defaultPage, page: 1}
	page, _ := q.cut(t.find(q))
	var rows []string
	for _, n := range page {
		row := `{"id":` + encode(t.id(n))
		for i := range t.fields {
			if f := &t.fields[i]; !f.kind.relation() && !f.hidden {
				row += `,"` + f.name + `":` + cmp.Or(t.rows[n].attrs[f.slot], "null")
			}
		}
		rows = append(rows, row+"}")
	}
	c.answer.body = []byte("[" + strings.Join(rows, ",") + "]")
}

// locate finds the record that the path names, or answers why not.
func (c *call) locate(t *table, id string) int32 {
	n, ok := c.shop.lookup(t, id, c.extID)
	switch {
	case !ok:
		c.fail(problem{status: 400, title: "entity identifier constraint", detail: `Expected integer value. Given "` + id + `".`})
	case t.get(n) == nil:
		c.notFound()
	default:
		return n
	}
	return 0
}

func (c *call) get(t *table, id string) {
	s := c.shop
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.permits("view", t.name) {
		c.forbidden(noAccess)
		return
	}
	n := c.locate(t, id)
	if n == 0 {
		return
	}
	q := &query{includes: make(includes), fields: make(map[string]map[string]bool)}
	for param := range c.query {
		q.parameter(s, t, param, c.query.Get(param), c.extID)
	}
	v := c.view(q.fields)
	in := &inclusion{view: v, seen: make(map[place]bool)}
	in.collect(t, t.rows[n], q.includes)
	b := v.record([]byte(`{"data":`), t, t.rows[n], "", "")
	b = appendIncluded(b, in)
	if v.base != "" {
		b = append(b, `,"links":{"self":"`+c.base+t.name+`"}`...)
	}
	c.answer.body = append(b, '}')
}

// related answers what a relation of one record leads to: the records, or the links alone.
func (c *call) related(t *table, id, name string, linksOnly bool) {
	s := c.shop
	s.mu.RLock()
	defer s.mu.RUnlock()
	f := t.byName[name]
	if f == nil || !f.kind.relation() || f.kind == computed {
		c.fail(problem{status: 404, title: "relationship constraint", detail: "Unsupported subresource."})
		return
	}
	n := c.locate(t, id)
	if n == 0 {
		return
	}
	r := t.rows[n]
	switch {
	case linksOnly:
		b := c.view(nil).linkage([]byte(`{"data":`), t, r, f)
		c.answer.body = append(b, '}')
	case f.kind == one:
		b := []byte(`{"data":`)
		if to := f.target.get(r.ones[f.slot]); to != nil {
			b = c.view(nil).record(b, f.target, to, "", "")
		} else {
			b = append(b, "null"...)
		}
		c.answer.body = append(b, '}')
	default:
		q := s.parseQuery(f.target, c.query, c.extID)
		q.problems = slices.DeleteFunc(q.problems, func(p problem) bool { return p.parameter == "" })
		if len(q.problems) > 0 {
			c.fail(q.problems...)
			return
		}
		known := slices.DeleteFunc(slices.Clone(t.related(r, f)), func(n int32) bool { return f.target.get(n) == nil })
		c.page(f.target, known, q, t.name+"/"+id+"/"+name)
	}
}

// document is the body of a write.
type document struct {
	Data     *item  `json:"data"`
	Included []item `json:"included"`
}

// read parses the document of a single write and checks that it fits the path.
func (c *call) read(t *table, id string) *document {
	var d document
	if err := json.Unmarshal(c.body, &d); err != nil {
		c.fail(problem{status: 400, title: "bad request http exception", detail: "Invalid json message received."})
		return nil
	}
	switch {
	case d.Data == nil:
		c.fail(problem{status: 400, title: "request data constraint", detail: "The primary data object should exist", pointer: "/data"})
	case d.Data.Type != t.name:
		c.fail(problem{
			status: 409, title: "conflict constraint", pointer: "/data/type",
			detail: "The 'type' property of the primary data object should match the requested resource",
		})
	case id != "" && d.Data.ID != id:
		c.fail(problem{
			status: 409, title: "conflict constraint", pointer: "/data/id",
			detail: "The 'id' property of the primary data object should match 'id' parameter of the query string",
		})
	default:
		return &d
	}
	return nil
}

func (c *call) create(t *table) {
	if !c.shop.permits("create", t.name) {
		c.forbidden(noAccess)
		return
	}
	if d := c.read(t, ""); d != nil {
		c.write(t, d, false)
	}
}

func (c *call) update(t *table, id string) {
	if !c.shop.permits("edit", t.name) {
		c.forbidden(noAccess)
		return
	}
	c.shop.mu.RLock()
	n := c.locate(t, id)
	c.shop.mu.RUnlock()
	if n == 0 {
		return
	}
	if d := c.read(t, id); d != nil {
		c.write(t, d, true)
	}
}

// write makes or changes one record, with what its document includes.
func (c *call) write(t *table, doc *document, update bool) {
	s := c.shop
	s.pause(c.r.Context(), s.latency.Write)
	s.mu.Lock()
	d := s.draft(c.extID)
	d.sources = newSources(doc.Included)
	e := d.primary(t, doc.Data, "/data", false, update)
	problems := append(d.problems(), d.sources.unlinked()...)
	if len(problems) > 0 {
		s.mu.Unlock()
		c.fail(problems...)
		return
	}
	if err := d.commit(); err != nil {
		s.mu.Unlock()
		c.fail(flushProblem(err))
		return
	}
	c.written(t, e)
	if doc.Data.meta("validate") {
		d.rollback()
	}
	events := s.events(d.done)
	s.mu.Unlock()
	s.publish(events)
}

// flushProblem is what the shop says when the database refuses a write.
func flushProblem(err error) problem {
	if err == errCollision {
		return problem{status: 409, title: "conflict constraint", detail: "The entity already exists."}
	}
	return problem{status: 500, title: "driver exception"}
}

// written answers with the record as it is now, and the included ones in the order of the request.
func (c *call) written(t *table, e *entity) {
	v := c.view(nil)
	b := v.record([]byte(`{"data":`), t, t.rows[e.record.serial], "", "")
	if v.base != "" {
		b = append(b, `,"links":{"self":"`+c.base+t.name+`"}`...)
	}
	if in := includedOf(v, e.entries); in != nil {
		b = append(b, `,"included":[`...)
		b = append(b, bytes.Join(in, []byte{','})...)
		b = append(b, ']')
	}
	c.answer.body = append(b, '}')
	if e.existing {
		return
	}
	c.answer.status = http.StatusCreated
	id := v.id(t, e.record.serial)
	if t.ids == guid { // the shop forgets what it appends to the id
		id = guidOf(e.record.serial)
	}
	c.answer.header.Set("Location", c.base+t.name+"/"+id)
}

// includedOf renders the included records of a request with the ids they had in it.
func includedOf(v *view, entries []*entity) [][]byte {
	var l [][]byte
	for _, e := range entries {
		if e.index < 0 {
			continue
		}
		if r := e.table.get(e.record.serial); r != nil {
			l = append(l, v.record(nil, e.table, r, "includeId", e.sentID))
		}
	}
	return l
}

func (c *call) delete(t *table, id string) {
	s := c.shop
	if !s.permits("delete", t.name) {
		c.forbidden(noAccess)
		return
	}
	s.pause(c.r.Context(), s.latency.Write)
	s.mu.Lock()
	n := c.locate(t, id)
	if n == 0 {
		s.mu.Unlock()
		return
	}
	events := s.remove(t, []int32{n})
	s.mu.Unlock()
	s.publish(events)
	c.nothing()
}

// nothing answers that it is done, with no body.
func (c *call) nothing() {
	c.answer.status = http.StatusNoContent
	c.answer.header.Del("Content-Type")
}

// maxDelete is the most records that one deletion of a list takes away.
const maxDelete = 100

func (c *call) deleteList(t *table) {
	s := c.shop
	if !s.permits("delete", t.name) {
		c.forbidden(noAccess)
		return
	}
	s.pause(c.r.Context(), s.latency.Write)
	s.mu.Lock()
	q := s.parseQuery(t, c.query, c.extID)
	if len(q.problems) == 0 && len(q.filters) == 0 {
		q.fail("", "At least one filter must be provided.")
	}
	if len(q.problems) > 0 {
		s.mu.Unlock()
		c.fail(q.problems...)
		return
	}
	found := slices.Clone(t.find(q))
	gone := found[:min(len(found), maxDelete)]
	events := s.remove(t, gone)
	s.mu.Unlock()
	s.publish(events)
	if c.asks["totalCount"] {
		c.answer.header.Set("X-Include-Total-Count", strconv.Itoa(len(found)))
	}
	if c.asks["deletedCount"] {
		c.answer.header.Set("X-Include-Deleted-Count", strconv.Itoa(len(gone)))
	}
	c.nothing()
}

// remove deletes records, the last first: that is cheap for the indexes.
func (s *Shop) remove(t *table, serials []int32) []event {
	d := s.draft(false)
	for _, n := range slices.Backward(serials) {
		d.delete(t, n)
	}
	if err := d.commit(); err != nil {
		panic(fmt.Sprintf("orotest: delete %s: %v", t.name, err)) // a deletion breaks no constraint
	}
	return s.events(d.done)
}

// send delivers an answer.
func (a *answer) send(w http.ResponseWriter) {
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	_, _ = io.Copy(w, bytes.NewReader(a.body)) // a client that is gone needs no answer
}
