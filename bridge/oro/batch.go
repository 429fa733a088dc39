package oro

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// How a running operation is asked for: after half the time that it is expected to take, then every quarter of that, and less and less
// often after twice the time. The first one is asked for soon, since a small batch takes a second.
const (
	firstPoll = 5 * time.Millisecond
	lastPoll  = 5 * time.Second
	errorPage = 200
)

// A part is one asynchronous request of a batch. Most batches have one; inventory has a second one when statuses change,
// because those belong to the product.
type part struct {
	resource string
	extID    bool // relationships and ids name products by sku
	data     []item
	included []item
	of       []int // data item → change
	owner    []int // included item → data item
}

func (p *part) add(change int, it item, included ...item) {
	for range included {
		p.owner = append(p.owner, len(p.data))
	}
	p.data, p.included, p.of = append(p.data, it), append(p.included, included...), append(p.of, change)
}

// effect: an item that is marked as an update sets the same again when it is sent again; any other may be created twice.
func (p *part) effect() effect {
	for _, list := range [][]item{p.data, p.included} {
		for i := range list {
			if list[i].meta != "update" {
				return adds
			}
		}
	}
	return sets
}

// A bundle is what a batch's changes come to.
type bundle struct {
	parts   []*part
	refused map[int]bridge.Outcome
	// finish does what needs no operation, such as removing prices, before the parts are sent; done are its changes.
	finish func(ctx context.Context) error
	done   part
}

func (b *bundle) refuse(change int, o *bridge.Outcome) {
	if b.refused == nil {
		b.refused = make(map[int]bridge.Outcome)
	}
	b.refused[change] = *o
}

// The operation of a batch may hold, beside ids, what was done at once ("done@3:0-1.0"). noOperation is that of a batch of
// which everything was refused.
const (
	doneAtOnce  = "done"
	noOperation = "none"
)

// batches look records up and write them. The shop writes in asynchronous batches, whose operations are asked for their end.
type batches struct {
	*api
	settle   time.Duration // how long the shop may take for a batch
	lately   atomic.Pointer[taken]
	skus     *cache // ids of products
	entities map[string]entity
}

// Find looks records up by their keys, in bulk. See inbound.Shop.
func (c *batches) Find(ctx context.Context, e *formats.Entity, records []*formats.Record) ([]bridge.Lookup, error) {
	ent, err := c.entity(e.Name)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	answers, err := ent.find(ctx, records)
	if err != nil {
		return nil, err
	}
	for i, rec := range records {
		if a := &answers[i]; rec.Remove && a.Found == nil && (a.Missing != nil || a.Reject != nil && a.Reject.Code == formats.CodeReference) {
			*a = bridge.Lookup{} // without its parent or unit it can't be there
		}
	}
	return answers, nil
}

// All walks every record of an entity in the shop. See inbound.Shop.
func (c *batches) All(ctx context.Context, e *formats.Entity, fields []string, each func(key string, found bridge.Found) error) error {
	ent, err := c.entity(e.Name)
	if err != nil {
		return err
	}
	return ent.all(ctx, fields, each)
}

func (c *batches) entity(name string) (entity, error) {
	if ent, ok := c.entities[name]; ok {
		return ent, nil
	}
	return nil, &bridge.Error{Op: "load", Object: name, Fate: bridge.Stop, Err: errors.New("not an entity that goes to the shop in batches")}
}

// Submit sends a batch. See inbound.Shop.
func (c *batches) Submit(ctx context.Context, b *bridge.Batch) (string, map[int]bridge.Outcome, error) {
	ent, err := c.entity(b.Entity)
	if err != nil {
		return "", nil, err
	}
	seen := make(map[string]bool, len(b.Changes))
	for _, ch := range b.Changes {
		if seen[ch.Key] {
			return "", nil, &bridge.Error{
				Op: "submit batch of", Object: b.Entity, Fate: bridge.Stop,
				Err: fmt.Errorf("the key %q stands in it twice: the shop would create it twice", ch.Key),
			}
		}
		seen[ch.Key] = true
	}
	stale, err := c.distrust(ctx, b)
	if err != nil {
		return "", nil, err
	}
	out, err := c.encode(ctx, ent, b.Changes, stale)
	if err != nil {
		return "", nil, err
	}
	if out.finish != nil {
		if err := out.finish(ctx); err != nil {
			return "", out.refused, err
		}
	}
	var operations []string
	if len(out.done.of) > 0 {
		operations = append(operations, doneAtOnce+out.done.layout(len(b.Changes)))
	}
	for _, p := range out.parts {
		if len(p.data) == 0 {
			continue
		}
		op, err := c.submit(ctx, p)
		if err != nil {
			return "", out.refused, err
		}
		operations = append(operations, op.name()+p.layout(len(b.Changes)))
	}
	if len(operations) == 0 {
		return noOperation, out.refused, nil
	}
	return strings.Join(operations, "+"), out.refused, nil
}

// encode encodes the changes that are trusted, and counts them as the whole batch does.
func (c *batches) encode(ctx context.Context, ent entity, changes []*bridge.Change, stale map[int]bridge.Outcome) (*bundle, error) {
	if len(stale) == 0 {
		return ent.encode(ctx, changes)
	}
	var kept []*bridge.Change
	var of []int
	for i, ch := range changes {
		if _, refused := stale[i]; !refused {
			kept, of = append(kept, ch), append(of, i)
		}
	}
	if len(kept) == 0 {
		return &bundle{refused: stale}, nil
	}
	out, err := ent.encode(ctx, kept)
	if err != nil {
		return nil, err
	}
	for i, o := range out.refused {
		stale[of[i]] = o
	}
	out.refused = stale
	for _, p := range append(out.parts, &out.done) {
		for i := range p.of {
			p.of[i] = of[p.of[i]]
		}
	}
	return out, nil
}

// submit sends one part and returns the shop's operation.
func (c *batches) submit(ctx context.Context, p *part) (*operation, error) {
	body := appendDocument(make([]byte, 0, 320*(len(p.data)+len(p.included))), p.data, p.included)
	header := http.Header{}
	if p.extID {
		header.Set(integrationType, "ext_id")
	}
	ans, err := c.do(ctx, http.MethodPatch, p.resource, nil, body, p.effect(), header)
	if err != nil {
		return nil, c.whatFailed(ctx, p, err)
	}
	return operationOf(&ans.doc.Data[0]), nil
}

// whatFailed tells a batch that is refused for what it holds from a shop in trouble: of the one, halves may pass; the other
// passes. Where the refusal itself leaves that open (a 500, the page of a firewall) the shop is asked to take an empty
// batch: when it does, the content is to blame, though nobody knows whether some of it was taken.
func (c *batches) whatFailed(ctx context.Context, p *part, err error) error {
	var e *bridge.Error
	if len(p.of) == 0 || !errors.As(err, &e) {
		return err
	}
	var stranger *strangerError
	status := statusOf(err)
	switch {
	case errors.Is(err, bridge.ErrUncertain) && status == 0 && !errors.As(err, &stranger):
		return err // no answer came
	case status == http.StatusBadRequest, status == http.StatusRequestEntityTooLarge, status == http.StatusUnprocessableEntity:
		return &bridge.Error{Op: e.Op, Object: e.Object, Fate: bridge.Pause, Err: fmt.Errorf("%w: %w", bridge.ErrOperationFailed, e.Err)}
	case status != http.StatusInternalServerError && !errors.As(err, &stranger):
		return err
	}
	if _, probe := c.submit(ctx, &part{resource: p.resource}); probe != nil {
		return err // nothing passes: it is the shop's trouble
	}
	return &bridge.Error{
		Op: e.Op, Object: e.Object, Fate: bridge.Pause, Hint: e.Hint,
		Err: fmt.Errorf("%w: %w: %w", bridge.ErrUncertain, bridge.ErrContent, e.Err),
	}
}

// layout notes what Await needs beside the operation's id, since it may run after a restart: the number of changes, and
// for each data item its change and how many included items are its own. Nothing when data item n is change n, alone.
//
//	29~1700000000              the usual case
//	29~1700000000@500:0-499.2  each of 500 changes with two included items
//	29~1700000000@3:0.0,2.1    change 1 was refused, change 2 has one included item
func (p *part) layout(changes int) string {
	if len(p.included) == 0 && len(p.of) == changes {
		return ""
	}
	own := make([]int, len(p.of))
	for _, d := range p.owner {
		own[d]++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "@%d:", changes)
	for i := 0; i < len(p.of); {
		j := i + 1
		for j < len(p.of) && p.of[j] == p.of[j-1]+1 && own[j] == own[i] {
			j++
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(p.of[i]))
		if j > i+1 {
			fmt.Fprintf(&b, "-%d", p.of[j-1])
		}
		fmt.Fprintf(&b, ".%d", own[i])
		i = j
	}
	return b.String()
}

// parseOperation reads one part of an operation's text again. changes is the size of the batch as it is now: with the
// refused changes or without them.
func parseOperation(text string, changes int) (id string, p *part, err error) {
	p = new(part)
	id, layout, ok := strings.Cut(text, "@")
	if !ok {
		p.of = make([]int, changes)
		for i := range p.of {
			p.of[i] = i
		}
		return id, p, nil
	}
	total, list, _ := strings.Cut(layout, ":")
	for _, run := range strings.Split(list, ",") {
		var from, to, own int
		if _, err := fmt.Sscanf(run, "%d-%d.%d", &from, &to, &own); err != nil {
			if _, err := fmt.Sscanf(run, "%d.%d", &from, &own); err != nil {
				return "", nil, fmt.Errorf("operation %q: %w", text, err)
			}
			to = from
		}
		for i := from; i <= to; i++ {
			for range own {
				p.owner = append(p.owner, len(p.of))
			}
			p.of = append(p.of, i)
		}
	}
	switch strconv.Itoa(changes) {
	case total:
	case strconv.Itoa(len(p.of)):
		for i := range p.of {
			p.of[i] = i
		}
	default:
		return "", nil, fmt.Errorf("operation %q does not fit a batch of %d changes", text, changes)
	}
	for _, ch := range p.of {
		if ch < 0 || ch >= changes {
			return "", nil, fmt.Errorf("operation %q does not fit a batch of %d changes", text, changes)
		}
	}
	return id, p, nil
}

// Await polls a batch's operation until it has ended. See inbound.Shop.
func (c *batches) Await(ctx context.Context, b *bridge.Batch) ([]bridge.Outcome, error) {
	ent, err := c.entity(b.Entity)
	if err != nil {
		return nil, err
	}
	r := &reading{
		client: c, entity: ent, changes: complete(b),
		outcomes: make([]bridge.Outcome, len(b.Changes)), clash: make(map[int][]errorItem), doubt: make(map[int]bool),
	}
	sent := make([]bool, len(b.Changes))
	for _, text := range strings.Split(b.Operation, "+") {
		if text == noOperation {
			continue
		}
		id, p, err := parseOperation(text, len(b.Changes))
		if err != nil {
			return nil, &bridge.Error{Op: "await", Object: "operation " + b.Operation, Fate: bridge.Stop, Err: err}
		}
		for _, change := range p.of {
			sent[change] = true
		}
		if id == doneAtOnce {
			continue
		}
		id, made, timed := strings.Cut(id, "~")
		op, err := c.await(ctx, id, b.Sent, len(p.of))
		if err != nil {
			return nil, err
		}
		if timed && made != op.time() {
			return nil, &bridge.Error{
				Op: "await", Object: "asyncoperations/" + id, Fate: bridge.Pause,
				Err: fmt.Errorf("%w: it gave the id to another one, as a shop does that was restored", bridge.ErrOperationLost),
			}
		}
		if err := r.read(ctx, op, p); err != nil {
			return nil, err
		}
	}
	for i := range r.outcomes {
		if !sent[i] {
			r.outcomes[i] = bridge.Outcome{Unknown: true} // refused by Submit, which told why
		}
	}
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	return r.outcomes, nil
}

// complete gives changes that were read back from a ledger, without their records, a record of their key.
func complete(b *bridge.Batch) []*bridge.Change {
	changes := make([]*bridge.Change, len(b.Changes))
	for i, ch := range b.Changes {
		if changes[i] = ch; ch.Record == nil {
			with := *ch
			with.Record = &formats.Record{Key: ch.Key, Values: ch.Values, Pos: formats.Position{Line: ch.Line}}
			with.Record.Entity, _ = formats.EntityByName(b.Entity)
			changes[i] = &with
		}
	}
	return changes
}

// Drain returns once no batch of the entity that was sent before can still be under way. See inbound.Shop.
//
// An empty batch is sent behind the others: the shop takes it, reads nothing and ends it. That its turn has come does not
// prove that those before it have ended (each is split into messages that queue up anew), but its id is the newest: the
// operations with the ids before it are asked for one by one, back to the first that is older than a batch may take.
func (c *batches) Drain(ctx context.Context, e *formats.Entity) error {
	for _, resource := range described(e.Name).writes {
		op, err := c.submit(ctx, &part{resource: resource})
		if err != nil {
			return err
		}
		if err := c.drainBefore(ctx, resource, op); err != nil {
			return err
		}
	}
	return nil
}

// drainOperations is how many operations before the barrier are looked at, at most.
const drainOperations = 200

// drainBefore waits for those before a barrier. How old one is the shop's clock tells, by which both were made: the bridge's may be
// another.
func (c *batches) drainBefore(ctx context.Context, resource string, barrier *operation) error {
	if _, err := c.await(ctx, barrier.id, time.Time{}, 0); err != nil && !ended(err) {
		return &bridge.Error{
			Op: "drain", Object: resource, Fate: bridge.Pause, Err: errors.Unwrap(err),
			Hint: "the shop's queue does not move: see that its message consumers run",
		}
	}
	last, err := strconv.Atoi(barrier.id)
	if err != nil {
		return &bridge.Error{Op: "drain", Object: resource, Fate: bridge.Stop, Err: err}
	}
	for id := last - 1; id > 0 && id >= last-drainOperations; id-- {
		at := "asyncoperations/" + strconv.Itoa(id)
		op, err := c.operation(ctx, at)
		switch status := statusOf(err); {
		case status == http.StatusNotFound || status == http.StatusForbidden:
			continue // purged, or somebody else's
		case err != nil:
			return err
		case op.before(barrier) > c.settle:
			return nil
		case op.entity != resource || (op.status != "new" && op.status != "running"):
			continue
		}
		_, err = c.await(ctx, op.id, c.now().Add(-op.before(barrier)), 0)
		if err != nil && !ended(err) && !errors.Is(err, bridge.ErrOperationLost) {
			return err
		}
	}
	return nil
}

// ended says that the error of an operation is one after which it does nothing any more.
func ended(err error) bool {
	return errors.Is(err, bridge.ErrOperationFailed) || errors.Is(err, errPurged)
}

// An operation is the shop's record of a batch.
type operation struct {
	id      string
	status  string
	entity  string
	created time.Time
	summary summary
}

// before is how long an operation was made before another one; 0 where the shop does not tell.
func (op *operation) before(other *operation) time.Duration {
	if op.created.IsZero() || other.created.IsZero() {
		return 0
	}
	return other.created.Sub(op.created)
}

// name is what a ledger keeps of an operation: its id, and when it was made, since a restored shop gives ids again.
func (op *operation) name() string {
	if op.created.IsZero() {
		return op.id
	}
	return op.id + "~" + op.time()
}

func (op *operation) time() string { return strconv.FormatInt(op.created.Unix(), 10) }

// summary counts. createCount and updateCount follow what was asked, not what happened, and are left alone.
type summary struct {
	Read    int `json:"readCount"`
	Written int `json:"writeCount"`
	Errors  int `json:"errorCount"`
}

var errPurged = errors.New("it was purged")

// taken is how long the shop took for so many records.
type taken struct {
	records int
	time    time.Duration
}

// expected is how long the shop may be thought to take for so many records: not longer than for the batch that ended last, however many
// it had, since much of that may be waiting; 0 where nobody knows.
func (c *batches) expected(records int) time.Duration {
	last := c.lately.Load()
	if last == nil {
		return 0
	}
	return last.time * time.Duration(min(records, last.records)) / time.Duration(last.records)
}

// learn keeps how long the shop took. One batch that took very long is not believed: a machine that stands still says nothing of the next.
func (c *batches) learn(records int, took time.Duration) {
	if before := c.expected(records); before > 0 {
		took = min(took, 2*before)
	}
	if records > 0 {
		c.lately.Store(&taken{records, took})
	}
}

// await waits for the end of one operation of so many records, at most until the batch is settle old.
func (c *batches) await(ctx context.Context, id string, sent time.Time, records int) (*operation, error) {
	at := "asyncoperations/" + id
	if sent.IsZero() {
		sent = c.now()
	}
	lost := func(why error) error {
		return &bridge.Error{Op: "await", Object: at, Fate: bridge.Pause, Err: fmt.Errorf("%w: %w", bridge.ErrOperationLost, why)}
	}
	begun, first := c.now(), min(c.expected(records)/2, lastPoll)
	if first > 0 {
		if err := c.sleep(ctx, first); err != nil {
			return nil, failure("await", at, err)
		}
	}
	for wait := max(first/2, firstPoll); ; {
		op, err := c.operation(ctx, at)
		switch {
		case statusOf(err) == http.StatusNotFound:
			return nil, lost(errPurged)
		case err != nil:
			return nil, err
		case op.status == "success":
			c.learn(records, c.now().Sub(begun))
			return op, nil
		case op.status != "new" && op.status != "running":
			return nil, c.failedOperation(ctx, op)
		case c.now().Add(wait).After(sent.Add(c.settle)):
			return nil, lost(fmt.Errorf("it is still %s after %v", op.status, c.now().Sub(sent).Round(time.Second)))
		}
		if err := c.sleep(ctx, wait); err != nil {
			return nil, failure("await", at, err)
		}
		if c.now().Sub(begun) > 4*first { // twice what was expected
			wait = min(2*wait, lastPoll)
		}
	}
}

func (c *batches) operation(ctx context.Context, at string) (*operation, error) {
	doc, err := c.get(ctx, at, nil)
	if err != nil {
		return nil, err
	}
	op := operationOf(&doc.Data[0])
	if raw, ok := doc.Data[0].attribute("summary"); ok {
		err = json.Unmarshal(raw, &op.summary)
	}
	if s := op.summary; err == nil && min(s.Read, s.Written, s.Errors) < 0 {
		err = fmt.Errorf("it counts %+v", s)
	}
	if err != nil {
		return nil, &bridge.Error{Op: "await", Object: at, Fate: bridge.Pause, Err: err,
			Hint: "look at the operation in the shop: its counts can't be read, and nobody knows what became of the batch"}
	}
	return op, nil
}

// operationOf reads what is known of an operation before it has ended.
func operationOf(r *resource) *operation {
	op := &operation{id: r.ID, status: r.text("status"), entity: r.text("entityType")}
	op.created, _ = time.Parse(time.RFC3339, r.text("createdAt")) // zero when it is unreadable
	return op
}

func (c *batches) failedOperation(ctx context.Context, op *operation) error {
	words := op.status
	if items, err := c.operationErrors(ctx, op); err == nil && len(items) > 0 {
		words += ": " + joinWords(items[:min(len(items), 5)])
	}
	return &bridge.Error{
		Op: "await", Object: "asyncoperations/" + op.id, Fate: bridge.Pause,
		Err: fmt.Errorf("%w: %s", bridge.ErrOperationFailed, words),
	}
}

// operationErrors reads all errors of an operation, page by page.
func (c *batches) operationErrors(ctx context.Context, op *operation) ([]errorItem, error) {
	var items []errorItem
	for doc, err := range c.pages(ctx, "asyncoperations/"+op.id+"/errors", nil, errorPage) {
		if err == nil && len(items) > errorPage*maxLookupPages {
			err = endless("asyncoperations/"+op.id+"/errors", fmt.Errorf("it holds more than %d errors", len(items)))
		}
		if err != nil {
			return nil, err
		}
		for i := range doc.Data {
			r := &doc.Data[i]
			item := errorItem{Title: r.text("title"), Detail: r.text("detail")}
			if raw, ok := r.attribute("source"); ok {
				_ = json.Unmarshal(raw, &item.Source) // an error without a readable place is one without a place
			}
			items = append(items, item)
		}
	}
	return items, nil
}

// A reading turns what an operation says into outcomes.
type reading struct {
	client   *batches
	entity   entity
	changes  []*bridge.Change
	outcomes []bridge.Outcome
	clash    map[int][]errorItem // creates that the shop refused because the key exists
	doubt    map[int]bool        // creates of which the shop's counts leave open whether they were written
}

func (r *reading) read(ctx context.Context, op *operation, p *part) error {
	var items []errorItem
	if op.summary.Errors > 0 {
		var err error
		if items, err = r.client.operationErrors(ctx, op); err != nil {
			return err
		}
	}
	wrong, loose := attribute(items, p)
	read := min(op.summary.Read, len(p.of))
	bad := 0
	for n, change := range p.of {
		said := wrong[n]
		switch {
		case n >= read:
			r.outcomes[change] = bridge.Outcome{Unknown: true} // the document was cut short on its way
		case len(said) > 0:
			bad++
			r.blame(change, said)
		}
	}
	if op.summary.Written+bad == read {
		return nil
	}
	if len(loose) > 0 {
		return &bridge.Error{
			Op: "await", Object: "asyncoperations/" + op.id, Fate: bridge.Pause,
			Err: fmt.Errorf("%w: %d of %d records were not written, and the shop does not say which: %s",
				bridge.ErrOperationFailed, read-op.summary.Written, read, joinWords(loose[:min(len(loose), 5)])),
		}
	}
	for n, change := range p.of[:read] {
		switch {
		case len(wrong[n]) > 0:
		case r.changes[change].OroID == "":
			r.doubt[change] = true // it is looked up
		default:
			r.outcomes[change] = bridge.Outcome{Unknown: true}
		}
	}
	return nil
}

// attribute sorts errors by the data item that they belong to; those that name no place are loose.
func attribute(items []errorItem, p *part) (wrong map[int][]errorItem, loose []errorItem) {
	wrong = make(map[int][]errorItem)
	for _, e := range items {
		steps := strings.Split(strings.TrimPrefix(e.pointer(), "/"), "/")
		n := -1
		if len(steps) >= 2 {
			if i, err := strconv.Atoi(steps[1]); err == nil && i >= 0 {
				switch {
				case steps[0] == "data" && i < len(p.of):
					n = i
				case steps[0] == "included" && i < len(p.owner):
					n = p.owner[i]
				}
			}
		}
		if n < 0 {
			loose = append(loose, e)
			continue
		}
		wrong[n] = append(wrong[n], e)
	}
	return wrong, loose
}

// The shop's error titles that decide what becomes of a record. A title is part of the error's class
// (ApiBundle/Util/ExceptionUtil and constraint names); details are words and decide nothing.
const (
	titleForm     = "form constraint"          // with a relationship: its target does not exist
	titleUnique   = "unique entity constraint" // the key exists
	titleNotFound = "not found http exception" // the record itself does not exist
)

// blame decides what the errors of one record mean.
func (r *reading) blame(change int, said []errorItem) {
	ch := r.changes[change]
	for _, e := range said {
		if m := r.missing(ch, e); m != nil {
			r.outcomes[change] = bridge.Outcome{Missing: m}
			return
		}
	}
	for _, e := range said {
		switch {
		case e.Title == titleUnique && ch.Op == bridge.Create:
			r.clash[change] = said
			return
		case e.Title == titleNotFound && ch.Op != bridge.Create:
			r.outcomes[change] = bridge.Outcome{Unknown: true} // it was deleted in the shop: look it up, create it again
			return
		}
	}
	r.outcomes[change] = bridge.Outcome{Reject: r.reject(ch, said)}
}

// missing is the parent that an error names: its pointer leads to a relationship whose target does not exist.
func (r *reading) missing(ch *bridge.Change, e errorItem) *bridge.Missing {
	steps := strings.Split(e.pointer(), "/") // "", data, 1, relationships, product, data
	if e.Title != titleForm || len(steps) < 5 || steps[1] != "data" || steps[3] != "relationships" {
		return nil
	}
	m := r.entity.parent(ch, steps[4])
	if m != nil && m.Entity == formats.Products.Name {
		r.client.skus.drop(m.Key) // it is gone
	}
	return m
}

// reject makes one reject of all that the shop said about a record.
func (r *reading) reject(ch *bridge.Change, said []errorItem) *formats.Reject {
	var words []string
	field := ""
	for _, e := range said {
		name := ""
		if steps := strings.Split(e.pointer(), "/"); len(steps) > 4 {
			name = r.entity.field(steps[4])
		}
		if field == "" {
			field = name
		}
		text := e.words()
		if name != "" && len(said) > 1 {
			text = name + ": " + text
		}
		if !slices.Contains(words, text) {
			words = append(words, text)
		}
	}
	return reject(ch.Record, field, formats.CodeShop, "the shop refused it: %s", strings.Join(words, "; "))
}

// settle fills in the ids of what was accepted, and finds out about the creates whose key exists.
func (r *reading) settle(ctx context.Context) error {
	keys := make([]string, 0, len(r.changes))
	for i, ch := range r.changes {
		if r.outcomes[i] == (bridge.Outcome{}) {
			if _, refused := r.clash[i]; !refused && ch.OroID != "" {
				r.outcomes[i] = bridge.Outcome{OroID: ch.OroID}
				continue
			}
			keys = append(keys, ch.Key)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	found, err := r.entity.ids(ctx, keys)
	if err != nil {
		return err
	}
	twins, err := r.twins(ctx, found)
	if err != nil {
		return err
	}
	for i, ch := range r.changes {
		if r.outcomes[i] == (bridge.Outcome{}) {
			r.outcomes[i] = r.lookedUp(i, ch, found[ch.Key], twins[ch.Key])
		}
	}
	return nil
}

// lookedUp is the outcome of a change by what the shop holds under its key.
func (r *reading) lookedUp(i int, ch *bridge.Change, ids []string, twin string) bridge.Outcome {
	said, refused := r.clash[i]
	switch {
	case len(ids) > 1:
		_, o := only(ids, ch.Record, "", bridge.Missing{Entity: ch.Record.Entity.Name, Key: ch.Key})
		return *o
	case len(ids) == 1 && !refused:
		return bridge.Outcome{OroID: ids[0]}
	case len(ids) == 0 && twin != "":
		return bridge.Outcome{Reject: rejectCase(ch.Record, ch.Key, twin)}
	case len(ids) == 0 && refused:
		return bridge.Outcome{Reject: r.reject(ch, said)}
	case len(ids) == 0 && !r.doubt[i]:
		// Looked up again it would be missing again, and be created again, and again.
		return bridge.Outcome{Reject: reject(ch.Record, "", formats.CodeShop,
			"the shop says that it took the record, and does not find it by its key: "+
				"compare the organization and the permissions of the OAuth application's user")}
	}
	return bridge.Outcome{Unknown: true}
}

// twins looks for the case trap where a product was refused as not unique and its sku is not to be found.
func (r *reading) twins(ctx context.Context, found map[string][]string) (map[string]string, error) {
	blind, ok := r.entity.(caseBlind)
	if !ok {
		return nil, nil
	}
	var skus []string
	for i := range r.clash {
		if key := r.changes[i].Key; len(found[key]) == 0 {
			skus = append(skus, key)
		}
	}
	if len(skus) == 0 {
		return nil, nil
	}
	return blind.otherCase(ctx, skus)
}
