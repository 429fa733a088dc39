package outbound

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// A careful start. A ledger that was put back is older than the world, and one that was made anew knows nothing of it: orders may have
// gone out since. Before such an export writes anything, it finds out of each order that is open whether it went out:
//
//   - its file stands in the folder, or in the folder "archive" below it, or the ERP has answered it: it did, and is entered so
//   - it came after the latest order that the mark knows, or its number is above the mark's, or its bytes wait under their temporary
//     name, or the mark counts no files that the ledger does not know, or all of them are found elsewhere: it did not, and goes out
//   - nobody knows: it is held as unknown, until a person says so (ack), has it written (rerun), or the ERP answers it
//
// Numbers go on behind the highest that was ever given. Without a mark nothing is known of what did not go out.
//
// Limits: an order that was lost with the ledger is looked for in the shop as far back as the export's cursor, less its overlap; by a
// ledger that was made anew, carefulReach before the latest order of the mark. A file is found by its name, which has to hold
// {identifier} or {id}; of one that holds several orders the others are found by their identifiers in its bytes, if these can be read.
const (
	carefulReach  = 7 * 24 * time.Hour
	carefulBodies = 16 << 20 // larger files are known by their names alone
	archiveFolder = "archive"
)

// careful is what a careful export knows while it is so. The ledger keeps the upper part as a note.
type careful struct {
	Why      string    `json:"why"`
	Base     int64     `json:"base"`     // the last number that the ledger knew
	Known    bool      `json:"known"`    // whether Base says what was given before, and a mark what was after
	Mark     int64     `json:"mark"`     // the number of the mark; means nothing where Latest is zero
	Number   int64     `json:"number"`   // the highest that was ever given, as far as anybody knows
	Document int64     `json:"document"` //
	Latest   time.Time `json:"latest"`   // submission of the latest order that may have gone out; zero: any may have

	verdicts map[version]*verdict
	files    outFiles // found in the folder and its archive
}

// outFiles are files by their names, and by their names with any ten digits, which may be the number, in the form of "#".
type outFiles map[string]*outFile

// outFile is a file that some ledger has written.
type outFile struct {
	bridge.File
	folder   string // where it stands
	archived bool
	number   int64
	body     []byte // nil: not read
	taken    bool   // an order was found in it
}

// version is a version of an order.
type version struct {
	id     string // the shop's
	number int
}

func versionIn(entry *bridge.Entry) version { return version{entry.Document.ID, entry.Version} }

// verdict is what was found out about an order.
type verdict struct {
	went bridge.OwedState // Written, PickedUp, Unknown; empty: it did not
	file *outFile         // that holds it alone or first; nil for none
	why  string
}

func carefulNote(export string) string { return "careful " + export }
func markedNote(export string) string  { return "marked " + export }

// restoring is an engine whose ledger may be older than the world, after it was put back or lost.
type restoring struct{ *Engine }

func asRestored(e *Engine) restoring { return restoring{e} }

// enter finds out, once in a process, whether an export has to be careful. ready says that its files may be written: not so
// while it still has to find out about its orders.
func (e restoring) enter(ctx context.Context, x *config.Export) (ready bool, err error) {
	if c, entered := e.Memory.entered(x.Name); entered {
		return c == nil, nil
	}
	notes, err := e.Ledger.Notes(ctx)
	if err != nil {
		return false, err
	}
	listing, err := e.Remotes[x.Remote].List(ctx, x.Folder)
	if err != nil && !bridge.NotThere(err) {
		return false, err
	}
	own, others := marks(e.Ledger.Identity(), x.Name, listing)
	if own != nil {
		e.Memory.setMark(x.Name, *own)
	}
	c := &careful{}
	if json.Unmarshal([]byte(notes[carefulNote(x.Name)]), c) != nil { // it is not careful yet
		if c, err = e.doubt(ctx, x, notes[markedNote(x.Name)], own, others); err != nil {
			return false, err
		}
	}
	if c == nil {
		if err == nil && notes[markedNote(x.Name)] == "" {
			err = e.Ledger.Note(ctx, markedNote(x.Name), strconv.FormatInt(e.Ledger.Generation(), 10))
		}
		if err == nil {
			e.Memory.enter(x.Name, nil)
		}
		return err == nil, err
	}
	if err := e.begun(ctx, x, c, notes[carefulNote(x.Name)] == ""); err != nil {
		return false, err
	}
	if err := e.outFiles(ctx, x, c, listing); err != nil {
		return false, err
	}
	if err := e.judgeOwed(ctx, x, c, listing); err != nil {
		return false, err
	}
	e.Memory.enter(x.Name, c)
	return false, nil
}

// mayNotice says whether orders may be numbered though the folder can't be looked into: nothing says that the ledger was put back.
func (e restoring) mayNotice(ctx context.Context, x *config.Export) (bool, error) {
	notes, err := e.Ledger.Notes(ctx)
	marked := cmp.Or(notes[markedNote(x.Name)], "1")
	return notes[carefulNote(x.Name)] == "" && marked == strconv.FormatInt(e.Ledger.Generation(), 10), err
}

// doubt says why an export has to be careful; nil when it need not.
func (e restoring) doubt(ctx context.Context, x *config.Export, marked string, own, others *mark) (*careful, error) {
	book, known, err := e.Ledger.Book(ctx, x.Name)
	if err != nil {
		return nil, err
	}
	c := &careful{Base: book.Number, Number: book.Number, Document: book.Document}
	life := e.Ledger.Generation()
	switch {
	case own != nil && (own.generation > life || own.number > book.Number || own.document > book.Document):
		c.Why = "the ledger is older than the mark in the folder"
	case marked != "" && marked != strconv.FormatInt(life, 10), marked == "" && life > 1:
		c.Why = "the ledger was put back"
	case marked == "" && own == nil && others != nil:
		c.Why = "another ledger has written orders here"
	default:
		return nil, nil
	}
	top := own
	if marked == "" && own == nil {
		top = others
	}
	if top != nil {
		c.Known, c.Latest, c.Mark = own != nil && known, top.latest, top.number
		c.Number, c.Document = max(c.Number, top.number), max(c.Document, top.document)
	}
	return c, nil
}

// begun records that an export is careful, and has its numbers go on behind the highest.
func (e restoring) begun(ctx context.Context, x *config.Export, c *careful, now bool) error {
	if now {
		text, err := json.Marshal(c)
		if err != nil {
			return err
		}
		event := &bridge.Event{At: e.Clock.Now(), Kind: bridge.Noted, Export: x.Name,
			Text: c.Why + ": it is found out which orders went out before anything is written"}
		if err := e.Ledger.Note(ctx, carefulNote(x.Name), string(text), event); err != nil {
			return err
		}
		e.Events.Tell(event)
	}
	return e.raise(ctx, x, c)
}

// raise has an export's numbers go on behind the highest that was ever given, and a new one's orders begin where they have to.
func (e restoring) raise(ctx context.Context, x *config.Export, c *careful) error {
	book, known, err := e.Ledger.Book(ctx, x.Name)
	if err != nil {
		return err
	}
	in := &bridge.Intake{Since: book, Book: book}
	in.Book.Number, in.Book.Document = max(book.Number, c.Number), max(book.Document, c.Document)
	if !known {
		if in.Book.Cursor, err = e.carefulFloor(x, c); err != nil {
			return err
		}
	}
	return e.Ledger.Owe(ctx, x.Name, in)
}

// carefulFloor is where an export begins to read whose ledger is lost.
func (e restoring) carefulFloor(x *config.Export, c *careful) (bridge.Cursor, error) {
	from := c.Latest
	if from.IsZero() {
		from = e.Clock.Now()
	}
	from = from.Add(-carefulReach)
	if t, err := time.Parse(time.RFC3339, x.Since); err == nil && t.After(from) {
		from = t.UTC()
	}
	return bridge.Cursor{At: from, Floor: from}, nil
}

// outFiles lists the files in the folder of an export and in the archive below it.
func (e restoring) outFiles(ctx context.Context, x *config.Export, c *careful, listing []bridge.File) error {
	c.files = outFiles{}
	c.files.add(x.Folder, listing, false)
	if slices.ContainsFunc(listing, func(f bridge.File) bool { return f.Dir && f.Name == archiveFolder }) {
		below := path.Join(x.Folder, archiveFolder)
		archived, err := e.Remotes[x.Remote].List(ctx, below)
		if err != nil {
			return err
		}
		c.files.add(below, archived, true)
	}
	return nil
}

// add enters the files of a listing; of two that differ in ten digits alone the first counts.
func (o outFiles) add(folder string, listing []bridge.File, archived bool) {
	for _, f := range listing {
		if f.Dir || f.Special || bridge.Temporary(f.Name, nil) || bridge.SafeName(f.Name) != nil {
			continue
		}
		file := &outFile{File: f, folder: folder, archived: archived}
		for i := -1; i+10 <= len(f.Name); i++ {
			name := f.Name
			if i >= 0 {
				if strings.Trim(name[i:i+10], "0123456789") != "" {
					continue
				}
				name = name[:i] + "#" + name[i+10:]
			}
			if o[name] == nil {
				o[name] = file
			}
		}
	}
}

// of finds the file of a document, and its number; where names hold none it is 0. Nil for none.
func (o outFiles) of(k kind, x *config.Export, d *document) (f *outFile, number int64) {
	if !strings.Contains(x.File, "{identifier}") && !strings.Contains(x.File, "{id}") {
		return nil, 0 // names do not say which order is in a file
	}
	open := *x
	open.File = strings.Replace(x.File, "{number}", "#", 1)
	name := wholeName(k, &open, d, 0)
	if f = o[name]; f == nil {
		return nil, 0
	}
	if i := strings.Index(name, "#"); i >= 0 && len(f.Name) == len(name)+9 {
		number, _ = strconv.ParseInt(f.Name[i:i+10], 10, 64) // what is none has another name
	}
	if wholeName(k, x, d, number) != f.Name {
		return nil, 0
	}
	return f, number
}

// judgeOwed finds out about the files that the ledger owes: whoever was lost with a later ledger may have written them.
func (e restoring) judgeOwed(ctx context.Context, x *config.Export, c *careful, listing []bridge.File) error {
	owed, err := e.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: x.Name, States: []bridge.OwedState{bridge.OwedNow}})
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for _, f := range listing {
		names[f.Name] = true
	}
	var change bridge.OutboxChange
	var events []*bridge.Event
	for _, f := range owed {
		inArchive := c.files[f.Name]
		switch {
		case names[f.Name], names[stagedName(e.Ledger.Identity(), f)]: // delivering finds out the rest
			continue
		case !c.Latest.IsZero() && f.Number > c.Mark:
			continue
		case inArchive != nil && inArchive.archived && inArchive.Size == f.Size:
			now := e.Clock.Now()
			f.State, f.Written, f.Marked, f.PickedUp, f.Staged = bridge.PickedUp, now, now, now, ""
			inArchive.taken = true
			change.History = append(change.History, e.history(f, bridge.RowFate(bridge.PickedUp), "found in the archive")...)
			events = append(events, e.fileEvents(bridge.OrderPickedUp, f)...)
		default:
			f.State, f.Alarm, f.Reason, f.Staged = bridge.Unknown, bridge.AlarmUnknown, c.Why+": it may have gone out", ""
			change.History = append(change.History, e.history(f, bridge.RowFate(bridge.Unknown), f.Reason)...)
			events = append(events, e.alarm(f.Export, f.Alarm, "", f.Name, f.Reason))
		}
		change.Files = append(change.Files, bridge.FileMove{Outfile: f, From: bridge.OwedNow})
	}
	return e.save(ctx, change, events...)
}

// examine finds out about the orders that the ledger does not know, before any of them is entered, and about those that wait in it
// for others to share their file: whoever was lost with a later ledger may have written them.
func (e restoring) examine(ctx context.Context, x *config.Export, c *careful, fresh []bridge.Sighting) error {
	c.verdicts = map[version]*verdict{}
	waiting, err := collected(ctx, e.Engine, x, math.MaxInt32)
	if err != nil {
		return err
	}
	var open []*bridge.Entry
	for part := range slices.Chunk(waiting, ordersAtOnce) {
		if open, err = e.weigh(ctx, x, c, part, open); err != nil {
			return err
		}
	}
	fresh = slices.Clone(fresh)
	slices.SortStableFunc(fresh, func(a, b bridge.Sighting) int { return a.Submitted.Compare(b.Submitted) })
	for part := range slices.Chunk(fresh, ordersAtOnce) {
		in, err := e.intake(ctx, x, part)
		if err != nil {
			return err
		}
		for _, entry := range in.Orders {
			if entry.Stuck != "" || entry.Version > 1 {
				continue
			}
			doc, err := e.kindOf(x).decode(&bridge.Entry{ID: entry.ID, Document: entry.Document, Content: entry.Content})
			if err != nil {
				return err
			}
			doc.Version = entry.Version
			if open, err = e.find(ctx, x, c, entry, doc, open); err != nil {
				return err
			}
			entry.Document.Record = nil // only what tells it apart is needed from here on
			entry.Content = nil
		}
	}
	if err := e.conclude(ctx, x, c, open); err != nil {
		return err
	}
	return e.settleWaiting(ctx, x, c, waiting)
}

// weigh looks for evidence of orders that wait in the ledger: as the shop has them now, since the ERP may have answered meanwhile.
func (e restoring) weigh(ctx context.Context, x *config.Export, c *careful, waiting, open []*bridge.Entry) ([]*bridge.Entry, error) {
	k := e.kindOf(x)
	ids := make([]string, len(waiting))
	for i, entry := range waiting {
		ids[i] = entry.Document.ID
	}
	told, _, err := k.read(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, entry := range waiting {
		number := entry.Version
		doc, err := k.decode(entry)
		if err != nil {
			return nil, err
		}
		entry.Version = number
		if i := slices.IndexFunc(told, func(d *document) bool { return d.ID == entry.Document.ID }); i >= 0 && number == 1 {
			doc = told[i]
		}
		if open, err = e.find(ctx, x, c, entry, doc, open); err != nil {
			return nil, err
		}
		entry.Document.Record = nil
	}
	return open, nil
}

// find enters what evidence says of an order; one of which it says nothing is open.
func (e restoring) find(ctx context.Context, x *config.Export, c *careful, entry *bridge.Entry, doc *document, open []*bridge.Entry) (
	[]*bridge.Entry, error) {
	v, err := e.evidence(ctx, x, c, doc)
	if c.verdicts[versionIn(entry)] = v; v == nil {
		open = append(open, entry)
	}
	return open, err
}

// evidence is what says of an order by itself that it went out; nil for nothing.
func (e restoring) evidence(ctx context.Context, x *config.Export, c *careful, doc *document) (*verdict, error) {
	k := e.kindOf(x)
	if f, n := c.files.of(k, x, doc); f != nil && !f.taken {
		f.number, f.taken = n, true
		if err := e.readFound(ctx, x, f); err != nil {
			return nil, err
		}
		v := &verdict{went: bridge.Written, file: f, why: "its file stands in the folder"}
		if f.archived {
			v.went, v.why = bridge.PickedUp, "its file stands in the archive"
		}
		return v, nil
	}
	if number := k.answered(doc); number != "" && doc.Version <= 1 {
		return &verdict{went: bridge.PickedUp, why: "the ERP has answered it: " + number}, nil
	}
	return nil, nil
}

// wholeName is the name that a document's file has with a number.
func wholeName(k kind, x *config.Export, d *document, number int64) string {
	name := fileName(k, x, d, number)
	if x.Gzip {
		name += ".gz"
	}
	if x.Encrypt != nil {
		name += x.Encrypt.Seal.Extension()
	}
	return bridge.DerivedName(name, "")
}

// readFound reads the bytes of a file that was found, so that the ledger has them again; a large one, or one that the ERP takes
// meanwhile, stays without.
func (e restoring) readFound(ctx context.Context, x *config.Export, f *outFile) error {
	if f.Size > carefulBodies {
		return nil
	}
	var body strings.Builder
	_, err := e.Remotes[x.Remote].Fetch(ctx, path.Join(f.folder, f.Name), &body)
	if bridge.NotThere(err) {
		return nil
	}
	f.body = []byte(body.String())
	return err
}

// conclude finds out about the orders of which nothing was found by themselves.
func (e restoring) conclude(ctx context.Context, x *config.Export, c *careful, open []*bridge.Entry) error {
	known, err := e.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: x.Name})
	if err != nil {
		return err
	}
	given := map[int64]bool{} // numbers beyond the base whose files are found, now or by a start that was cut short
	for _, f := range known {
		given[f.Number] = f.Number > c.Base
	}
	accounted := int64(0)
	for _, v := range c.verdicts {
		switch {
		case v == nil:
		case v.file != nil && v.file.number > 0:
			given[v.file.number] = v.file.number > c.Base
			c.Number = max(c.Number, v.file.number)
		case v.file != nil, x.Collect.Orders == 0:
			accounted++
		}
	}
	for _, counts := range given {
		if counts {
			accounted++
		}
	}
	all := c.Known && accounted >= max(c.Mark, c.Base)-c.Base
	none := c.Known && c.Mark <= c.Base // no number was given since
	for _, entry := range open {
		v := &verdict{went: bridge.Unknown, why: c.Why + ": it may have gone out"}
		switch {
		case none:
			v.went = ""
		case x.Collect.Orders > 0 && c.holds(entry.Identifier):
			v.went, v.why = bridge.PickedUp, "a file that was found holds it"
		case all && x.Collect.Orders == 0, !c.Latest.IsZero() && entry.Submitted.After(c.Latest):
			v.went = ""
		}
		c.verdicts[versionIn(entry)] = v
	}
	if c.Latest.IsZero() { // so many may have been given, and no more
		c.Number = max(c.Number, c.Base+int64(len(c.verdicts)))
		c.Document += int64(len(c.verdicts))
	}
	return e.raise(ctx, x, c)
}

// holds says whether an identifier stands as a word in a file that was found.
func (c *careful) holds(identifier string) bool {
	for _, f := range c.files {
		text := string(f.body)
		for at := strings.Index(text, identifier); at >= 0 && identifier != ""; {
			end := at + len(identifier)
			if (at == 0 || !wordByte(text[at-1])) && (end == len(text) || !wordByte(text[end])) {
				return true
			}
			next := strings.Index(text[end:], identifier)
			if next < 0 {
				break
			}
			at = end + next
		}
	}
	return false
}

func wordByte(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '-' || b == '_' || b >= 0x80
}

// apply lays what was found out over the orders that are about to be entered.
func (c *careful) apply(x *config.Export, in *bridge.Intake, now time.Time) {
	for _, entry := range in.Orders {
		v := c.verdicts[versionIn(entry)]
		if v == nil || v.went == "" || entry.Stuck != "" {
			continue // also one that came since: it certainly did not
		}
		entry.Went, entry.Why = v.went, v.why
		if v.went == bridge.Unknown {
			entry.Alarm = bridge.AlarmUnknown
		} else if f := c.foundFile(x, entry, v, now); f != nil {
			entry.Went = ""
			in.Found = append(in.Found, f)
		} else {
			entry.Went = bridge.PickedUp // there is nothing to watch
		}
	}
}

// foundFile is the file that was found to hold an order, as the outbox has it from now on; nil where there is nothing to watch.
func (c *careful) foundFile(x *config.Export, entry *bridge.Entry, v *verdict, now time.Time) *bridge.NewFile {
	if v.file == nil || v.file.body == nil || v.file.number <= c.Base {
		return nil
	}
	sum := sha256.Sum256(v.file.body)
	f := &bridge.NewFile{Outfile: bridge.Outfile{Export: x.Name, Number: v.file.number, Name: v.file.Name, State: v.went,
		Size: int64(len(v.file.body)), SHA256: hex.EncodeToString(sum[:]), OwedAt: now, Written: now, Marked: now,
		Orders: []string{entry.Identifier}}, Body: v.file.body, Members: []*bridge.Entry{entry}}
	if v.went == bridge.PickedUp {
		f.PickedUp = now
	}
	return f
}

// settleWaiting lays what was found out over the orders that wait in the ledger: those that certainly did not go out wait on.
func (e restoring) settleWaiting(ctx context.Context, x *config.Export, c *careful, waiting []*bridge.Entry) error {
	if len(waiting) == 0 {
		return nil
	}
	owed, err := e.Ledger.Outbox(ctx, bridge.OutboxFilter{Export: x.Name, States: []bridge.OwedState{bridge.Collected}})
	if err != nil {
		return err
	}
	var change bridge.OutboxChange
	var events []*bridge.Event
	in, now := &bridge.Intake{}, e.Clock.Now()
	for _, entry := range waiting {
		i := slices.IndexFunc(owed, func(o *bridge.Owed) bool { return o.ID == entry.ID })
		v := c.verdicts[versionIn(entry)]
		if i < 0 || v.went == "" {
			continue
		}
		o := owed[i]
		change.History = append(change.History, bridge.HistoryEntry{Entity: bridge.Orders, Key: o.Order, Fate: bridge.RowFate(v.went),
			Detail: v.why, At: now})
		if f := c.foundFile(x, entry, v, now); f != nil {
			in.Found = append(in.Found, f)
			continue
		}
		if o.Went = bridge.PickedUp; v.went == bridge.Unknown {
			o.Went, o.OwnAlarm = bridge.Unknown, bridge.AlarmUnknown
			events = append(events, e.alarm(x.Name, bridge.AlarmUnknown, o.Order, "", v.why))
		}
		change.Owed = append(change.Owed, o)
	}
	if err := e.save(ctx, change, events...); err != nil || len(in.Found) == 0 {
		return err
	}
	return e.owe(ctx, x, in)
}

// ended says that an export has found out about its orders: what it owes is written from now on.
func (e restoring) ended(ctx context.Context, x *config.Export, c *careful) error {
	counts := map[bridge.OwedState]int{}
	for _, v := range c.verdicts {
		counts[v.went]++
	}
	event := &bridge.Event{At: e.Clock.Now(), Kind: bridge.Noted, Export: x.Name, Text: fmt.Sprintf(
		"of %d orders that the ledger did not know as written %d went out before, %d go out now, and of %d nobody knows", len(c.verdicts),
		counts[bridge.Written]+counts[bridge.PickedUp], counts[""], counts[bridge.Unknown])}
	if counts[bridge.Unknown] > 0 {
		event.Hint = bridge.AlarmUnknown.Hint()
	}
	if err := e.Ledger.Note(ctx, markedNote(x.Name), strconv.FormatInt(e.Ledger.Generation(), 10)); err != nil {
		return err
	}
	if err := e.Ledger.Note(ctx, carefulNote(x.Name), "", event); err != nil {
		return err
	}
	e.Events.Tell(event)
	e.Memory.enter(x.Name, nil)
	return e.setMark(ctx, x)
}
