package orotest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of a synchronous batch.
const (
	maxSyncRecords  = 100
	maxSyncIncluded = 50
)

// numbered is a record of a batch with its place in the request.
type numbered struct {
	index int
	raw   json.RawMessage
}

// operation is one batch from its request to its end.
type operation struct {
	shop  *Shop
	id    int
	table *table
	extID bool
	sync  bool

	status             string
	progress           string // JSON
	createdAt, updated time.Time
	spent              time.Duration
	read, written      int
	created, changed   int
	summarised         bool
	errors             []errorFile

	items   []numbered
	sources *sources
	chunks  int // made so far
	over    int // worked off
	done    chan struct{}
	later   []numbered // put aside by postpone
	lost    bool       // a synchronous one that failed without a reason
	results []*draft   // of a synchronous one
}

// errorFile holds the errors of one chunk; -1 is the operation itself.
type errorFile struct {
	chunk    int
	problems []problem
}

func (s *Shop) newOperation(t *table, extID, sync bool) *operation {
	s.lastOperation++
	now := s.clock()
	o := &operation{
		shop: s, id: s.lastOperation, table: t, extID: extID, sync: sync, status: "new", progress: "null",
		createdAt: now, updated: now, done: make(chan struct{}),
	}
	s.operations[o.id] = o
	return o
}

// patchList answers a PATCH of a list: a batch.
func (c *call) patchList(t *table) {
	s := c.shop
	switch {
	case !s.permits("create", "asyncoperations"):
		c.forbidden("No access to create the asynchronous operation.")
		return
	case len(bytes.TrimSpace(c.body)) == 0:
		c.fail(emptyRequest)
		return
	}
	sync := c.r.Header.Get("X-Mode") == "sync"
	s.pause(c.r.Context(), s.latency.Read) // it only takes the document
	s.mu.Lock()
	o := s.newOperation(t, c.extID, sync)
	if sync {
		if wrong := o.split(c.body); wrong != "" {
			o.failWith(wrong)
		} else {
			o.limit()
		}
	}
	failed := o.status == "failed"
	s.mu.Unlock()
	if !failed {
		o.start(c.body)
		if sync && c.await(o) {
			return
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	c.answer.status = http.StatusAccepted
	c.answer.header.Set("Content-Location", c.base+"asyncoperations/"+strconv.Itoa(o.id))
	c.answer.body = []byte(`{"data":` + o.object(c.self(o), nil) + `}`)
}

func (c *call) self(o *operation) string {
	if c.asks["noHateoas"] {
		return ""
	}
	return c.base + "asyncoperations/" + strconv.Itoa(o.id)
}

// limit fails a synchronous operation that is too large.
func (o *operation) limit() {
	const detail = "The limit for the maximum number of chunks exceeded"
	switch {
	case len(o.items) > maxSyncRecords:
		o.failWith(detail + ".")
	case len(o.sources.items) > maxSyncIncluded:
		o.failWith(detail + ` for the section "included".`)
	}
}

func (o *operation) failWith(detail string) {
	o.note(-1, problem{status: 400, title: "async operation exception", detail: detail})
	o.end("failed")
}

func (o *operation) note(chunk int, problems ...problem) {
	if len(problems) > 0 {
		o.errors = append(o.errors, errorFile{chunk, problems})
	}
}

func (o *operation) end(status string) {
	o.status, o.summarised, o.updated = status, true, o.shop.clock()
	if status == "success" {
		o.progress = "1"
	}
	close(o.done)
}

// split reads the records of a document, or says what is wrong with it. A document that ends too early is taken as far as
// it goes.
func (o *operation) split(body []byte) (wrong string) {
	const failed = "Failed to parse the data file."
	o.sources = newSources(nil)
	d := json.NewDecoder(bytes.NewReader(body))
	at := func() string {
		var syntax *json.SyntaxError
		var v any
		if !errors.As(json.Unmarshal(body, &v), &syntax) || int(syntax.Offset) >= len(body) || syntax.Offset == 0 {
			return "" // it only ends too early
		}
		line := 1 + bytes.Count(body[:syntax.Offset-1], []byte{'\n'})
		column := int(syntax.Offset) - 1 - bytes.LastIndexByte(body[:syntax.Offset-1], '\n')
		return fmt.Sprintf("%s Parsing error in [%d:%d]. Unexpected character for value: %c", failed, line, column, body[syntax.Offset-1])
	}
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return failed
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return at()
		}
		var section json.RawMessage
		switch key {
		case "data":
			if rest := bytes.TrimLeft(body[d.InputOffset():], ": \t\r\n"); len(rest) > 0 && rest[0] != '[' {
				return failed + " Parsing error in [0:0]. Document must start with a named object that has an array as a value."
			}
			err = eachElement(d, func(raw json.RawMessage) { o.items = append(o.items, numbered{len(o.items), raw}) })
		case "included":
			var items []item
			err = eachElement(d, func(raw json.RawMessage) { items = append(items, *newItem(raw)) })
			o.sources = newSources(items)
		default:
			err = d.Decode(&section)
		}
		if err != nil {
			return at()
		}
	}
	return ""
}

func eachElement(d *json.Decoder, do func(json.RawMessage)) error {
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return err
	}
	for d.More() {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return err
		}
		do(raw)
	}
	_, err := d.Token() // the bracket; when it is missing, so is the rest
	return err
}

// start puts the operation into the queue.
func (o *operation) start(body []byte) {
	s := o.shop
	s.queue.push(o.sync, func(ctx context.Context) {
		s.mu.Lock()
		o.status, o.updated = "running", s.clock()
		s.mu.Unlock()
		s.queue.push(o.sync, func(ctx context.Context) { o.divide(body) })
	})
}

// divide cuts the records into chunks, each a message of its own.
func (o *operation) divide(body []byte) {
	s := o.shop
	s.mu.Lock()
	defer s.mu.Unlock()
	if !o.sync {
		if wrong := o.split(body); wrong != "" {
			o.failWith(wrong)
			return
		}
	}
	if odd := slices.IndexFunc(o.items, func(it numbered) bool { return !isObject(bytes.TrimSpace(it.raw)) }); odd >= 0 && !o.sync {
		o.note(0, problem{status: 500, title: "error exception"})
		o.progress = "1"
		o.end("failed")
		return
	}
	if s.failing > 0 {
		s.failing--
		o.failWith("The operation was interrupted.")
		return
	}
	size := s.chunk
	if o.sync {
		size = maxSyncRecords
	}
	for chunk := range slices.Chunk(o.items, size) {
		o.queueChunk(chunk, false)
	}
	o.items = nil
	o.advance()
}

// advance updates the progress: splitting counts as one job, and so does each chunk.
func (o *operation) advance() {
	p := float64(1+o.over) / float64(1+o.chunks)
	o.progress = strconv.FormatFloat(float64(int(p*10000))/10000, 'g', -1, 64)
	o.updated = o.shop.clock()
	if o.over == o.chunks {
		o.shop.queue.push(o.sync, func(context.Context) { o.finish() })
	}
}

func (o *operation) queueChunk(items []numbered, extra bool) {
	index := o.chunks
	o.chunks++
	o.shop.queue.push(o.sync, func(ctx context.Context) { o.work(ctx, index, items, extra) })
}

// work writes one chunk: all of its records or, when one is bad, none of them yet. The good ones then
// come again as chunks of their own; after a collision in the database every record comes alone.
func (o *operation) work(ctx context.Context, index int, items []numbered, extra bool) {
	s := o.shop
	s.pause(ctx, s.latency.record(o.table.name)*time.Duration(len(items)))
	began := time.Now()
	s.mu.Lock()
	if o.sync {
		items = slices.DeleteFunc(items, func(it numbered) bool { return !isObject(bytes.TrimSpace(it.raw)) })
	}
	if !extra {
		o.read += len(items)
		items = o.postpone(items)
	}
	drafts := make([]*draft, len(items))
	var bad []problem
	for i, it := range items {
		drafts[i] = o.draft(it)
		bad = append(bad, drafts[i].problems()...)
	}
	var events []event
	switch {
	case len(bad) > 0:
		for _, d := range slices.Backward(drafts) {
			d.abandon()
		}
		o.note(index, bad...)
		o.retry(items, drafts)
	default:
		events = o.flush(index, items, drafts)
	}
	for _, it := range o.later {
		o.queueChunk([]numbered{it}, true)
	}
	o.later = nil
	o.over++
	o.spent += time.Since(began)
	o.advance()
	s.mu.Unlock()
	s.publish(events)
}

// postpone puts records aside that lead to an included record of one before them. They come when that is written;
// in a synchronous batch they are lost.
func (o *operation) postpone(items []numbered) []numbered {
	if len(o.sources.items) == 0 {
		return items
	}
	used := make([]bool, len(o.sources.items))
	var now []numbered
	for _, it := range items {
		borrows := false
		for _, i := range o.sources.reached(newItem(it.raw)) {
			borrows = borrows || used[i]
			used[i] = true
		}
		switch {
		case !borrows:
			now = append(now, it)
		case o.sync:
			o.lost = true
		default:
			o.later = append(o.later, it)
		}
	}
	return now
}

// draft reads one record of the batch.
func (o *operation) draft(it numbered) *draft {
	d := o.shop.draft(o.extID)
	d.by = &o.shop.access
	d.sources, d.batch = o.sources, true
	pointer := pointerAt("data", it.index)
	refuse := func(status int, title, detail, pointer string) *draft {
		d.entries = []*entity{{draft: d, violations: []problem{{status: status, title: title, detail: detail, pointer: pointer}}}}
		return d
	}
	raw := bytes.TrimSpace(it.raw)
	switch typ, ok := readMembers(raw).get("type"); {
	case !ok:
		return refuse(400, "entity type constraint", "The entity class must be set in the context.", pointer)
	case string(typ) != encode(o.table.name):
		name, _ := isString(typ)
		return refuse(400, "entity type constraint", `The entity type "`+name+`" is not supported by this batch operation.`, pointer)
	}
	in := new(inspection)
	in.resource(raw, pointer, false)
	record := newItem(raw)
	wishes, bad := record.flags(pointer + "/meta")
	update := wishes.update || wishes.upsert && wishes.upsertBy == nil
	switch {
	case len(in.problems) > 0:
		d.entries = []*entity{{draft: d, violations: in.problems}}
		return d
	case bad == nil && !update && o.table.actions&creating == 0:
		return refuse(405, "action not allowed exception", "The action is not allowed.", pointer)
	}
	d.primary(o.table, record, pointer, update)
	d.counted = update || wishes.upsert
	return d
}

// share remembers what became of included records, so that other items of the batch lead to the same.
func (s *sources) share(entries []*entity) {
	for _, e := range entries {
		if e.index >= 0 {
			if s.shared == nil {
				s.shared = make(map[int]*entity)
			}
			if s.shared[e.index] == nil {
				s.shared[e.index] = e
			}
		}
	}
}

// retry queues the runs of good records between bad ones. A synchronous batch is all or nothing.
func (o *operation) retry(items []numbered, drafts []*draft) {
	if o.sync {
		return
	}
	var run []numbered
	next := func() {
		if len(run) > 0 {
			o.queueChunk(run, true)
		}
		run = nil
	}
	for i := range items {
		if len(drafts[i].problems()) > 0 {
			next()
			continue
		}
		run = append(run, items[i])
	}
	next()
}

// flush writes the drafts of a chunk in one go.
func (o *operation) flush(index int, items []numbered, drafts []*draft) []event {
	for i, d := range drafts {
		err := d.commit()
		if err == nil {
			continue
		}
		for _, d := range slices.Backward(drafts[:i]) {
			d.rollback()
		}
		o.collided(index, items, err)
		return nil
	}
	var events []event
	for _, d := range drafts {
		o.written++
		if d.counted {
			o.changed++
		} else {
			o.created++
		}
		o.sources.share(d.entries)
		events = append(events, o.shop.events(d.done)...)
		d.done = nil
	}
	if o.sync {
		o.results = drafts
	}
	return events
}

// collided tells the error of a single record; those of a larger chunk are tried one by one.
func (o *operation) collided(index int, items []numbered, err error) {
	if len(items) > 1 && !o.sync {
		for i := range items {
			o.queueChunk(items[i:i+1], true)
		}
		return
	}
	if o.sync && len(items) > 1 { // the shop loses the reason
		o.lost = true
		return
	}
	p := flushProblem(err)
	p.pointer = pointerAt("data", items[0].index)
	o.note(index, p)
}

func (o *operation) finish() {
	s := o.shop
	s.mu.Lock()
	defer s.mu.Unlock()
	o.sources = nil
	if o.sync && (o.lost || len(o.errors) > 0) {
		o.progress = "1"
		o.end("failed")
		return
	}
	o.end("success")
}

// await answers a synchronous batch when it ends in time.
func (c *call) await(o *operation) bool {
	s := c.shop
	timeout := time.NewTimer(s.syncTimeout)
	defer timeout.Stop()
	select {
	case <-o.done:
	case <-timeout.C:
		return false
	case <-c.r.Context().Done():
		return false
	case <-s.closing:
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if problems := o.listErrors(); len(problems) > 0 {
		l := make([]problem, len(problems))
		for i, p := range problems {
			l[i] = p.problem
		}
		c.fail(l...)
		return true
	}
	if o.lost {
		return false
	}
	if o.read == 0 {
		c.answer.body = []byte("[]")
		return true
	}
	v := c.view(nil)
	b := []byte(`{"data":[`)
	var included [][]byte
	for i, d := range o.results {
		if i > 0 {
			b = append(b, ',')
		}
		for _, e := range d.entries {
			if r := e.table.get(e.record.serial); e.index < 0 && r != nil {
				tag := "dataId"
				if e.sentID == "" || e.table.ids == guid {
					tag = ""
				}
				b = v.record(b, e.table, r, tag, e.sentID)
			}
		}
		included = append(included, includedOf(v, d.entries)...)
	}
	b = append(b, ']')
	if len(included) > 0 {
		b = append(b, `,"included":[`...)
		b = append(b, bytes.Join(included, []byte{','})...)
		b = append(b, ']')
	}
	if v.base != "" {
		b = append(b, `,"links":{"self":"`+c.base+o.table.name+`"}`...)
	}
	c.answer.body = append(b, '}')
	return true
}

// object is the operation as a resource, with the wanted fields.
func (o *operation) object(self string, q *query) string {
	wants := func(name string) bool { return q == nil || q.wants("asyncoperations", name) }
	summary := "null"
	if o.summarised {
		summary = fmt.Sprintf(`{"aggregateTime":%d,"readCount":%d,"writeCount":%d,"errorCount":%d,"createCount":%d,"updateCount":%d}`,
			o.spent.Milliseconds(), o.read, o.written, len(o.listErrors()), o.created, o.changed)
	}
	b := `{"type":"asyncoperations","id":"` + strconv.Itoa(o.id) + `"`
	if self != "" {
		b += `,"links":{"self":"` + self + `"}`
	}
	section := func(name string, members [][2]string) {
		var l []string
		for _, m := range members {
			if wants(m[0]) {
				l = append(l, `"`+m[0]+`":`+m[1])
			}
		}
		if len(l) > 0 {
			b += `,"` + name + `":{` + strings.Join(l, ",") + `}`
		}
	}
	section("attributes", [][2]string{
		{"status", `"` + o.status + `"`}, {"progress", o.progress}, {"createdAt", stamp(o.createdAt)}, {"updatedAt", stamp(o.updated)},
		{"elapsedTime", strconv.Itoa(int(o.updated.Sub(o.createdAt).Seconds()))}, {"entityType", `"` + o.table.name + `"`}, {"summary", summary},
	})
	section("relationships", [][2]string{
		{"owner", `{"data":{"type":"users","id":"1"}}`}, {"organization", `{"data":{"type":"organizations","id":"1"}}`},
	})
	return b + "}"
}

// listedError is an error of a batch with its id.
type listedError struct {
	problem
	id string
}

// listErrors are the errors by chunk. Their ids count chunks from 1, and errors from the chunk's place among
// those with errors.
func (o *operation) listErrors() []listedError {
	files := slices.Clone(o.errors)
	slices.SortStableFunc(files, func(a, b errorFile) int { return cmp.Compare(a.chunk, b.chunk) })
	var l []listedError
	for i, f := range files {
		for j, p := range f.problems {
			l = append(l, listedError{p, fmt.Sprintf("%d-%d-%d", o.id, f.chunk+1, i+1+j)})
		}
	}
	return l
}

// operations answers the addresses below asyncoperations.
func (c *call) operations(path []string) {
	s := c.shop
	if len(path) == 0 || len(path) == 3 {
		c.answer.status = http.StatusNotFound
		return
	}
	if !c.permitted([]string{http.MethodGet}) {
		return
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	id, err := strconv.Atoi(path[0])
	o := s.operations[id]
	switch {
	case err != nil:
		c.fail(problem{status: 400, title: "entity identifier constraint", detail: `Expected integer value. Given "` + path[0] + `".`})
	case len(path) > 1 && path[1] != "errors":
		c.unsupported()
	case o == nil && len(path) > 1:
		c.fail(problem{status: 404, title: "not found http exception", detail: "The asynchronous operation does not exist."})
	case o == nil:
		c.notFound()
	case len(path) == 1:
		c.operation(o)
	default:
		c.operationErrors(o)
	}
}

func (c *call) operation(o *operation) {
	q := c.shop.parseQuery(c.shop.tables["users"], forRecord, c.query, c.extID)
	if len(q.problems) > 0 {
		c.fail(q.problems...)
		return
	}
	b := []byte(`{"data":` + o.object(c.self(o), q))
	for _, name := range []string{"owner", "organization"} {
		if _, ok := q.includes[name]; !ok || !q.wants("asyncoperations", name) {
			continue
		}
		t := c.shop.tables[map[string]string{"owner": "users", "organization": "organizations"}[name]]
		if r := t.get(1); r != nil {
			b = append(b, `,"included":[`...)
			b = append(c.view(q).record(b, t, r, "", ""), ']')
		}
		break
	}
	c.answer.body = append(b, '}')
}

func (c *call) operationErrors(o *operation) {
	q := &query{size: defaultPage, page: 1}
	for _, p := range parameters(c.query) {
		switch p.key {
		case "page[size]", "page[number]":
			q.paging(p)
		default:
			q.fail(p.source, notSupported)
		}
	}
	if len(q.problems) > 0 {
		c.fail(q.problems...)
		return
	}
	all := o.listErrors()
	from, to := 0, len(all)
	if q.size >= 0 {
		from = min((q.page-1)*q.size, len(all))
		to = min(from+q.size, len(all))
	}
	var l []string
	for _, p := range all[from:to] {
		l = append(l, `{"type":"asyncoperationerrors","id":"`+p.id+`","attributes":`+p.object(true)+`}`)
	}
	if c.asks["totalCount"] {
		c.answer.header.Set("X-Include-Total-Count", strconv.Itoa(len(all)))
	}
	b := `{"data":[` + strings.Join(l, ",") + `]`
	if !c.asks["noHateoas"] {
		b += `,"links":` + c.links("asyncoperations/"+strconv.Itoa(o.id)+"/errors", to < len(all), q.page)
	}
	c.answer.body = []byte(b + "}")
}

// PurgeOperation forgets an operation, as the shop does at night: a later GET is a 404.
func (s *Shop) PurgeOperation(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, err := strconv.Atoi(id); err == nil {
		delete(s.operations, n)
	}
}

// PurgeOperations forgets all operations that have ended.
func (s *Shop) PurgeOperations() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, o := range s.operations {
		if o.summarised {
			delete(s.operations, id)
		}
	}
}

// FailOperations makes the next n batches end as failed with nothing written.
func (s *Shop) FailOperations(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = n
}
