package ledgertest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// entryOf is an order on its way into the outbox: the one of the shop's id, in its first version.
func entryOf(id string) *bridge.Entry {
	return &bridge.Entry{Document: &bridge.Document{Kind: bridge.Orders, ID: id, Identifier: "ORD-" + id, Version: 1,
		Submitted: at.Add(-time.Minute), Flags: []string{"no_tax", "split"}}, Content: []byte(`{"größe": "☃"}`), Print: -1 << 63, Noticed: at}
}

// fileOf is a file of orders.
func fileOf(number int64, members ...*bridge.Entry) *bridge.NewFile {
	f := &bridge.NewFile{Outfile: bridge.Outfile{Export: "orders", Number: number, Name: fmt.Sprintf("ORD_%d.csv", number),
		SHA256: fmt.Sprint("sum ", number), State: bridge.OwedNow, OwedAt: at}, Body: []byte("\x00\xff not a text\r\n"), Members: members}
	f.Size = int64(len(f.Body))
	for _, e := range members {
		f.Orders = append(f.Orders, e.Identifier)
	}
	return f
}

// owe enters an intake of the export orders: numbers go on from where the book stands.
func (w *world) owe(in *bridge.Intake) {
	w.Helper()
	book, _, err := w.Book(w.Context(), "orders")
	w.must(err)
	in.Since, in.Book = book, book
	for _, f := range in.Files {
		in.Book.Number = max(in.Book.Number, f.Number)
	}
	w.must(w.Owe(w.Context(), "orders", in))
}

// owed lists orders of the outbox.
func (w *world) owed(f bridge.OutboxFilter) []*bridge.Owed {
	w.Helper()
	all, err := w.Outbox(w.Context(), f)
	w.must(err)
	return all
}

// files lists files of the outbox.
func (w *world) files(f bridge.OutfileFilter) []*bridge.Outfile {
	w.Helper()
	all, err := w.Outfiles(w.Context(), f)
	w.must(err)
	return all
}

// put saves a file, and what is said with it.
func (w *world) put(f *bridge.Outfile, to bridge.OwedState) {
	w.Helper()
	from := f.State
	f.State = to
	w.must(w.SaveOutbox(w.Context(), bridge.OutboxChange{Files: []bridge.FileMove{{Outfile: f, From: from}}}))
}

var outbox = []test{
	{"a book is unknown before the first look, and comes back as it was saved", func(w *world) {
		book, known, err := w.Book(w.Context(), "orders")
		w.must(err)
		w.is([]any{bridge.Book{}, false}, []any{book, known})
		want := bridge.Book{Cursor: bridge.Cursor{At: at, Floor: at.Add(-time.Hour)}, Number: 7, Document: 9}
		w.must(w.Owe(w.Context(), "orders", &bridge.Intake{Book: want}))
		w.again()
		book, known, err = w.Book(w.Context(), "orders")
		w.must(err)
		w.is([]any{want, true}, []any{book, known})
		_, known, err = w.Book(w.Context(), "quotes")
		w.must(err)
		w.is(false, known)
	}},
	{"a book is saved as long as it is as it was read", booksMove},
	{"looks are remembered until they are forgotten", looksAreKept},
	{"an order waits for its file, and is in it", ordersEnter},
	{"an order that waits for its file gets stuck", ordersGetStuck},
	{"a file comes back as it was owed and saved", filesComeBack},
	{"an order is entered in a version once, and a name is given to a file once", enteredOnce},
	{"the versions of an order are listed as they were entered", func(w *world) {
		second, other := entryOf("7"), entryOf("8")
		second.Version, second.Print = 2, 22
		w.owe(&bridge.Intake{Orders: []*bridge.Entry{second, other}})
		w.owe(&bridge.Intake{Orders: []*bridge.Entry{entryOf("7")}})
		got, err := w.Versions(w.Context(), "orders", []string{"7", "8", "9"})
		w.must(err)
		counts := func(versions map[string][]bridge.Version) string {
			var said []string
			for id, all := range versions {
				for _, v := range all {
					said = append(said, fmt.Sprint(id, " v", v.Version, " ", v.Print))
				}
			}
			slices.Sort(said)
			return strings.Join(said, ", ")
		}
		w.is("7 v1 -9223372036854775808, 7 v2 22, 8 v1 -9223372036854775808", counts(got))
		got, err = w.Versions(w.Context(), "quotes", []string{"7"})
		w.must(err)
		w.is("", counts(got))
	}},
	{"names that files have are taken", func(w *world) {
		w.owe(&bridge.Intake{Files: []*bridge.NewFile{fileOf(1)}})
		taken, err := w.Taken(w.Context(), "orders", []string{"ORD_1.csv", "ord_1.csv", "ORD_2.csv"})
		w.must(err)
		w.is(map[string]bool{"ORD_1.csv": true}, taken)
		taken, err = w.Taken(w.Context(), "quotes", []string{"ORD_1.csv"})
		w.must(err)
		w.is(map[string]bool{}, taken)
	}},
	{"orders are chosen", ordersAreChosen},
	{"files are chosen", filesAreChosen},
	{"files and orders are saved all or none", savedWhole},
	{"who has fetched a file stands beside its state", fetchedStands},
	{"an answer comes to its order with the row that brought it", answersCome},
	{"alarms are counted, with the oldest", alarmsAreCounted},
}

func booksMove(w *world) {
	was := bridge.Book{Cursor: bridge.Cursor{At: at, Floor: at}, Number: 7, Document: 9}
	w.must(w.Owe(w.Context(), "orders", &bridge.Intake{Book: was}))
	for name, change := range map[string]func(*bridge.Book){
		"it was never read":        func(b *bridge.Book) { *b = bridge.Book{} },
		"another number of a file": func(b *bridge.Book) { b.Number-- },
		"of a document":            func(b *bridge.Book) { b.Document++ },
		"another cursor":           func(b *bridge.Book) { b.At = b.At.Add(-time.Second) },
		"another floor":            func(b *bridge.Book) { b.Floor = time.Time{} },
	} {
		w.sub(name, func(w *world) {
			before, since := w.everything(), was
			change(&since)
			in := &bridge.Intake{Since: since, Book: bridge.Book{Number: 10}, Looks: []bridge.Look{{Sighting: bridge.Sighting{OroID: "7"}}},
				Orders: []*bridge.Entry{entryOf("7")}, Files: []*bridge.NewFile{fileOf(8)}}
			w.wraps(w.Owe(w.Context(), "orders", in, &bridge.Event{Kind: bridge.OrderOwed}), bridge.ErrMoved)
			w.is(before, w.everything())
		})
	}
	since := was
	since.At = since.At.Add(time.Microsecond).In(time.FixedZone("", 3600)) // the same, to the millisecond
	w.must(w.Owe(w.Context(), "orders", &bridge.Intake{Since: since, Book: was}))
	w.must(w.Owe(w.Context(), "quotes", &bridge.Intake{Book: was}))
}

func looksAreKept(w *world) {
	look := func(id string, updated time.Time, ignored bool) bridge.Look {
		return bridge.Look{Sighting: bridge.Sighting{OroID: id, Updated: updated}, At: at, Ignored: ignored}
	}
	old := at.Add(-time.Hour)
	w.owe(&bridge.Intake{Looks: []bridge.Look{look("1", old, false), look("2", old, true), look("3", at, false), look("it's", at, false)}})
	newer := look("3", at.Add(time.Second), false)
	newer.At = time.Time{}
	w.owe(&bridge.Intake{Looks: []bridge.Look{newer}})
	looks, err := w.Looks(w.Context(), "orders", []string{"1", "2", "3", "it's", "4"})
	w.must(err)
	w.is(map[string]bridge.Look{"1": look("1", old, false), "2": look("2", old, true), "3": newer, "it's": look("it's", at, false)}, looks)
	w.owe(&bridge.Intake{Forget: at})
	looks, err = w.Looks(w.Context(), "orders", []string{"1", "2", "3"})
	w.must(err)
	w.is(map[string]bridge.Look{"2": look("2", old, true), "3": newer}, looks) // what is ignored is so for good
	looks, err = w.Looks(w.Context(), "quotes", []string{"2"})
	w.must(err)
	w.is(map[string]bridge.Look{}, looks)
}

func ordersEnter(w *world) {
	one, two, stuck := entryOf("1"), entryOf("2"), entryOf("3")
	stuck.Content, stuck.Stuck, stuck.Alarm = nil, "no unit", bridge.AlarmStuck
	link := &bridge.Link{Entity: bridge.Orders, Key: "ORD-1", OroID: "1", At: at}
	history := bridge.HistoryEntry{Entity: bridge.Orders, Key: "ORD-1", Fate: "owed", Detail: "file", At: at}
	w.owe(&bridge.Intake{Orders: []*bridge.Entry{one, two, stuck}, Links: []*bridge.Link{link}, History: []bridge.HistoryEntry{history}})
	if one.ID == 0 || two.ID <= one.ID || stuck.ID <= two.ID {
		w.Fatalf("entries %d, %d, %d", one.ID, two.ID, stuck.ID)
	}
	w.again()
	collected, err := w.Collected(w.Context(), "orders", 10)
	w.must(err)
	w.is([]*bridge.Entry{one, two}, collected)
	collected, err = w.Collected(w.Context(), "orders", 1)
	w.must(err)
	w.is([]*bridge.Entry{one}, collected)
	w.is(link, w.linked(bridge.Orders, "ORD-1"))
	entries, err := w.History(w.Context(), bridge.Orders, "ORD-1")
	w.must(err)
	w.is([]bridge.HistoryEntry{history}, entries)

	four, two := entryOf("4"), collected[0]
	two.Flags = []string{"rounded"}
	file := fileOf(1, two, four)
	w.owe(&bridge.Intake{Orders: []*bridge.Entry{four}, Files: []*bridge.NewFile{file}})
	collected, err = w.Collected(w.Context(), "orders", 10)
	w.must(err)
	w.is([]string{"ORD-2"}, each(collected, func(e *bridge.Entry) string { return e.Identifier }))
	w.is([]string{"ORD-1", "ORD-4"}, w.files(bridge.OutfileFilter{})[0].Orders)
	w.is([]*bridge.Owed{
		{ID: two.ID, Export: "orders", Number: 1, Order: "ORD-1", OroID: "1", Version: 1, File: "ORD_1.csv", SHA256: "sum 1",
			Size: file.Size, State: bridge.OwedNow, Flags: []string{"rounded"}, Submitted: one.Submitted, Noticed: at, OwedAt: at},
		{ID: one.ID + 1, Export: "orders", Order: "ORD-2", OroID: "2", Version: 1, State: bridge.Collected, Flags: one.Flags[:2],
			Submitted: one.Submitted, Noticed: at},
		{ID: stuck.ID, Export: "orders", Order: "ORD-3", OroID: "3", Version: 1, State: bridge.Stuck, Alarm: bridge.AlarmStuck,
			OwnAlarm: bridge.AlarmStuck, Reason: "no unit", Flags: stuck.Flags, Submitted: one.Submitted, Noticed: at},
		{ID: four.ID, Export: "orders", Number: 1, Order: "ORD-4", OroID: "4", Version: 1, File: "ORD_1.csv", SHA256: "sum 1",
			Size: file.Size, State: bridge.OwedNow, Flags: four.Flags, Submitted: one.Submitted, Noticed: at, OwedAt: at},
	}, w.owed(bridge.OutboxFilter{}))
}

// What waited for its file and can't be written after all waits no more; what has its file keeps it.
func ordersGetStuck(w *world) {
	one, two, filed := entryOf("1"), entryOf("2"), entryOf("3")
	w.owe(&bridge.Intake{Orders: []*bridge.Entry{one, two, filed}, Files: []*bridge.NewFile{fileOf(1, filed)}})
	for _, e := range []*bridge.Entry{one, filed} {
		e.Stuck, e.Alarm = "it is damaged", bridge.AlarmStuck
	}
	w.must(w.SaveOutbox(w.Context(), bridge.OutboxChange{Stuck: []*bridge.Entry{one, filed}}))
	collected, err := w.Collected(w.Context(), "orders", 10)
	w.must(err)
	w.is([]string{"ORD-2"}, each(collected, func(e *bridge.Entry) string { return e.Identifier }))
	w.is([]bridge.OwedState{bridge.Stuck, bridge.Collected, bridge.OwedNow},
		each(w.owed(bridge.OutboxFilter{}), func(o *bridge.Owed) bridge.OwedState { return o.State }))
	w.is("it is damaged", w.owed(bridge.OutboxFilter{})[0].Reason)
}

func filesComeBack(w *world) {
	entry := entryOf("1")
	owed := fileOf(3, entry)
	w.owe(&bridge.Intake{Orders: []*bridge.Entry{entry}, Files: []*bridge.NewFile{owed, fileOf(4)}})
	f := w.files(bridge.OutfileFilter{Number: 3})[0]
	w.is(&owed.Outfile, f)
	f.Alarm, f.Reason, f.Staged = bridge.AlarmChanged, "it's \"☃\"", ".ORD_3.csv.tmp"
	f.Written, f.Marked, f.MTime, f.PickedUp = at.Add(1*time.Millisecond), at.Add(2*time.Second), at.Add(3*time.Second), at.Add(4*time.Second)
	w.put(f, bridge.PickedUp)
	w.again()
	w.is(f, w.files(bridge.OutfileFilter{Number: 3})[0])
	o := w.owed(bridge.OutboxFilter{})[0]
	w.is([]any{bridge.PickedUp, bridge.AlarmChanged, bridge.Alarm(""), bridge.AlarmChanged, "it's \"☃\"", f.Written, f.PickedUp},
		[]any{o.State, o.Alarm, o.OwnAlarm, o.FileAlarm, o.Reason, o.WrittenAt, o.PickedUp})
	body, err := w.Body(w.Context(), "orders", 3)
	w.must(err)
	w.is(owed.Body, body)
	_, err = w.Body(w.Context(), "orders", 99)
	w.wraps(err, bridge.ErrUnknown)
}

func enteredOnce(w *world) {
	w.owe(&bridge.Intake{Orders: []*bridge.Entry{entryOf("1")}, Files: []*bridge.NewFile{fileOf(1)}})
	book, _, err := w.Book(w.Context(), "orders")
	w.must(err)
	named := fileOf(3)
	named.Name = "ORD_1.csv"
	for name, in := range map[string]*bridge.Intake{
		"an order": {Orders: []*bridge.Entry{entryOf("1")}},
		"a number": {Files: []*bridge.NewFile{fileOf(1)}},
		"a name":   {Files: []*bridge.NewFile{named}},
	} {
		w.sub(name, func(w *world) {
			before, event, fresh := w.everything(), &bridge.Event{Kind: bridge.OrderOwed}, entryOf("2")
			in.Since, in.Book, in.Looks = book, bridge.Book{Number: 9}, []bridge.Look{{Sighting: bridge.Sighting{OroID: "1"}}}
			in.Orders = append([]*bridge.Entry{fresh}, in.Orders...)
			if err := w.Owe(w.Context(), "orders", in, event); err == nil {
				w.Error("it was entered twice")
			}
			w.is(before, w.everything())
			w.is([]int64{0, 0}, []int64{fresh.ID, event.ID})
		})
	}
	w.must(w.Owe(w.Context(), "quotes", &bridge.Intake{Orders: []*bridge.Entry{entryOf("1")}}))
}

func ordersAreChosen(w *world) {
	submitted := func(id string, after time.Duration) *bridge.Entry {
		e := entryOf(id)
		e.Submitted = at.Add(after)
		return e
	}
	a, b, c := submitted("a", 0), submitted("b", time.Hour), submitted("c", 2*time.Hour)
	numeral := submitted("7", 3*time.Hour)
	numeral.Identifier = "12"
	w.owe(&bridge.Intake{Orders: []*bridge.Entry{a, b, c, numeral}, Files: []*bridge.NewFile{fileOf(1, a), fileOf(12, b)}})
	w.must(w.Owe(w.Context(), "archive", &bridge.Intake{Orders: []*bridge.Entry{entryOf("a")}})) // later, though its name comes first
	f := w.files(bridge.OutfileFilter{Number: 12})[0]
	f.Written, f.Alarm = at, bridge.AlarmOverdue
	w.put(f, bridge.Written)
	answered := w.owed(bridge.OutboxFilter{Identifier: "ORD-c"})[0]
	answered.Answered, answered.Answer, answered.OwnAlarm = at, "no", bridge.AlarmRefused
	w.must(w.SaveOutbox(w.Context(), bridge.OutboxChange{Owed: []*bridge.Owed{answered}}))
	for name, x := range map[string]struct {
		f    bridge.OutboxFilter
		want []string
	}{
		"all, oldest first":          {bridge.OutboxFilter{}, []string{"orders a", "orders b", "orders c", "orders 7", "archive a"}},
		"the last two":               {bridge.OutboxFilter{Last: 2}, []string{"orders 7", "archive a"}},
		"the last of an export":      {bridge.OutboxFilter{Export: "orders", Last: 1}, []string{"orders 7"}},
		"of an export":               {bridge.OutboxFilter{Export: "archive"}, []string{"archive a"}},
		"of an identifier":           {bridge.OutboxFilter{Identifier: "ORD-a"}, []string{"orders a", "archive a"}},
		"by what people type":        {bridge.OutboxFilter{Order: "ORD-b"}, []string{"orders b"}},
		"by a file's number":         {bridge.OutboxFilter{Order: "1"}, []string{"orders a"}},
		"by a number that is both":   {bridge.OutboxFilter{Order: "12"}, []string{"orders b", "orders 7"}},
		"by a number of no file":     {bridge.OutboxFilter{Order: "0"}, nil},
		"by what only begins as one": {bridge.OutboxFilter{Order: "1x"}, nil},
		"of a file":                  {bridge.OutboxFilter{Export: "orders", Number: 12}, []string{"orders b"}},
		"of some files":              {bridge.OutboxFilter{Export: "orders", Numbers: []int64{12, 99}}, []string{"orders b"}},
		"of no files":                {bridge.OutboxFilter{Numbers: []int64{}}, nil},
		"collected":                  {bridge.OutboxFilter{States: []bridge.OwedState{bridge.Collected}}, []string{"orders 7", "archive a"}},
		"owed or answered": {bridge.OutboxFilter{States: []bridge.OwedState{bridge.OwedNow, bridge.Answered}},
			[]string{"orders a", "orders c"}},
		"submitted from and to":     {bridge.OutboxFilter{From: at, To: at.Add(2 * time.Hour)}, []string{"orders a", "orders b"}},
		"not answered in time":      {bridge.OutboxFilter{Unanswered: at.Add(time.Second)}, []string{"orders b"}},
		"not answered, but in time": {bridge.OutboxFilter{Unanswered: at}, nil},
		"with an alarm":             {bridge.OutboxFilter{Alarmed: true}, []string{"orders b", "orders c"}},
	} {
		w.sub(name, func(w *world) {
			w.is(x.want, each(w.owed(x.f), func(o *bridge.Owed) string { return o.Export + " " + o.OroID }))
		})
	}
	b2 := w.owed(bridge.OutboxFilter{Order: "ORD-b"})[0]
	b2.OwnAlarm = bridge.AlarmUnanswered
	w.must(w.SaveOutbox(w.Context(), bridge.OutboxChange{Owed: []*bridge.Owed{b2}}))
	w.is(0, len(w.owed(bridge.OutboxFilter{Unanswered: at.Add(time.Second)}))) // its alarm was raised
	w.is(bridge.AlarmUnanswered, w.owed(bridge.OutboxFilter{Order: "ORD-b"})[0].Alarm)
}

func filesAreChosen(w *world) {
	w.owe(&bridge.Intake{Files: []*bridge.NewFile{fileOf(3), fileOf(1), fileOf(2), fileOf(4), fileOf(5)}})
	stranger := fileOf(1)
	stranger.Export = "archive"
	w.must(w.Owe(w.Context(), "archive", &bridge.Intake{Files: []*bridge.NewFile{stranger}}))
	file := func(n int64) *bridge.Outfile { return w.files(bridge.OutfileFilter{Export: "orders", Number: n})[0] }
	unmarked, marked, gone, returned := file(2), file(3), file(4), file(5)
	w.put(unmarked, bridge.Written)
	marked.Marked = at
	w.put(marked, bridge.Written)
	w.put(gone, bridge.PickedUp)
	returned.Alarm = bridge.AlarmReturned
	w.put(returned, bridge.PickedUp)
	for name, x := range map[string]struct {
		f    bridge.OutfileFilter
		want []int64
	}{
		"all of an export, by number": {bridge.OutfileFilter{Export: "orders"}, []int64{1, 2, 3, 4, 5}},
		"of every export":             {bridge.OutfileFilter{Number: 1}, []int64{1, 1}},
		"pending":                     {bridge.OutfileFilter{Export: "orders", Pending: true}, []int64{1, 2}},
		"written or picked up": {bridge.OutfileFilter{Export: "orders",
			States: []bridge.OwedState{bridge.Written, bridge.PickedUp}}, []int64{2, 3, 4, 5}},
		"of an alarm": {bridge.OutfileFilter{Export: "orders", Alarm: bridge.AlarmReturned}, []int64{5}},
		"of names":    {bridge.OutfileFilter{Export: "orders", Names: []string{"ORD_4.csv", "ord_1.csv", "x"}}, []int64{4}},
		"of bytes":    {bridge.OutfileFilter{Export: "orders", SHA256: fileOf(4).SHA256}, []int64{4}},
		"of no names": {bridge.OutfileFilter{Export: "orders", Names: []string{}}, nil},
	} {
		w.sub(name, func(w *world) {
			w.is(x.want, each(w.files(x.f), func(f *bridge.Outfile) int64 { return f.Number }))
		})
	}
}

func savedWhole(w *world) {
	entry := entryOf("1")
	w.owe(&bridge.Intake{Orders: []*bridge.Entry{entry}, Files: []*bridge.NewFile{fileOf(1, entry), fileOf(2)}})
	list, o := w.files(bridge.OutfileFilter{}), w.owed(bridge.OutboxFilter{})[0]
	w.put(w.files(bridge.OutfileFilter{Number: 2})[0], bridge.Conflict)
	before := w.everything()
	o.Answer, list[0].State, list[1].State = "yes", bridge.Written, bridge.Written
	c := bridge.OutboxChange{Files: []bridge.FileMove{{Outfile: list[0], From: bridge.OwedNow}, {Outfile: list[1], From: bridge.OwedNow}},
		Owed: []*bridge.Owed{o}, History: []bridge.HistoryEntry{{Entity: bridge.Orders, Key: "ORD-1", Fate: "written", At: at}}}
	event := &bridge.Event{Kind: bridge.OrderWritten, Export: "orders"}
	w.wraps(w.SaveOutbox(w.Context(), c, event), bridge.ErrMoved)
	w.is(before, w.everything())
	c.Files[1].From = bridge.Conflict
	w.must(w.SaveOutbox(w.Context(), c, event))
	w.is([]bridge.OwedState{bridge.Written, bridge.Written},
		each(w.files(bridge.OutfileFilter{}), func(f *bridge.Outfile) bridge.OwedState { return f.State }))
	w.is("yes", w.owed(bridge.OutboxFilter{})[0].Answer)
	w.is([]*bridge.Event{event}, w.journaled(bridge.EventFilter{}))
	entries, err := w.History(w.Context(), bridge.Orders, "ORD-1")
	w.must(err)
	w.is(c.History, entries)
	unknown := &bridge.Outfile{Export: "orders", Number: 99}
	w.wraps(w.SaveOutbox(w.Context(), bridge.OutboxChange{Files: []bridge.FileMove{{Outfile: unknown}}}), bridge.ErrMoved)
	w.must(w.SaveOutbox(w.Context(), bridge.OutboxChange{}))
	w.is(1, len(w.journaled(bridge.EventFilter{})))
}

func fetchedStands(w *world) {
	entry := entryOf("1")
	w.owe(&bridge.Intake{Orders: []*bridge.Entry{entry}, Files: []*bridge.NewFile{fileOf(1, entry), fileOf(2)}})
	f := w.files(bridge.OutfileFilter{Number: 1})[0]
	stale := *f
	f.Fetched = bridge.Fetch{At: at, User: "sap", From: "10.1.0.7"}
	w.must(w.SaveOutbox(w.Context(), bridge.OutboxChange{Fetched: []*bridge.Outfile{f}}))
	w.put(&stale, bridge.Written) // whoever read the file before takes nothing away
	w.again()
	w.is(f.Fetched, w.files(bridge.OutfileFilter{Number: 1})[0].Fetched)
	w.is(f.Fetched, w.owed(bridge.OutboxFilter{})[0].Fetched)
	w.is(bridge.Fetch{}, w.files(bridge.OutfileFilter{Number: 2})[0].Fetched)
	f.Fetched = bridge.Fetch{}
	w.must(w.SaveOutbox(w.Context(), bridge.OutboxChange{Fetched: []*bridge.Outfile{f}}))
	w.is(bridge.Fetch{}, w.owed(bridge.OutboxFilter{})[0].Fetched)
}

func answersCome(w *world) {
	entry := entryOf("1")
	w.owe(&bridge.Intake{Orders: []*bridge.Entry{entry}, Files: []*bridge.NewFile{fileOf(1, entry)}})
	f, o := w.files(bridge.OutfileFilter{})[0], w.owed(bridge.OutboxFilter{})[0]
	f.Alarm = bridge.AlarmUnseen
	w.put(f, bridge.PickedUp)
	f.Alarm, o.Answered, o.Answer = "", at, "accepted"
	s := bridge.Settlement{HistoryEntry: bridge.HistoryEntry{Entity: "order_feedback", Key: "ORD-1", Fate: bridge.FateUpdated, At: at},
		Link: &bridge.Link{Entity: "order_feedback", Key: "ORD-1", OroID: "1", At: at}, Owed: []*bridge.Owed{o}, Files: []*bridge.Outfile{f}}
	event := &bridge.Event{Kind: bridge.OrderAnswered, Order: "ORD-1"}

	moved := *f
	w.put(f, bridge.OwedNow) // somebody runs the order again
	before := w.everything()
	s.Files = []*bridge.Outfile{&moved}
	w.wraps(w.Settle(w.Context(), 0, []bridge.Settlement{s}, event), bridge.ErrMoved)
	w.is(before, w.everything())

	s.Files = []*bridge.Outfile{f}
	w.must(w.Settle(w.Context(), 0, []bridge.Settlement{s}, event))
	got := w.owed(bridge.OutboxFilter{})[0]
	w.is([]any{bridge.Answered, "accepted", at, bridge.Alarm("")}, []any{got.State, got.Answer, got.Answered, got.Alarm})
	w.is(s.Link, w.linked("order_feedback", "ORD-1")) // the same values, tried again
	w.is([]*bridge.Event{event}, w.journaled(bridge.EventFilter{}))
}

func alarmsAreCounted(w *world) {
	a, b, c := entryOf("a"), entryOf("b"), entryOf("c")
	w.owe(&bridge.Intake{Orders: []*bridge.Entry{a, b, c}, Files: []*bridge.NewFile{fileOf(10), fileOf(9), fileOf(8)}})
	list, orders := w.files(bridge.OutfileFilter{}), w.owed(bridge.OutboxFilter{})
	for _, f := range list[1:] {
		f.Alarm = bridge.AlarmOverdue
		w.put(f, bridge.Written)
	}
	for i, alarm := range []bridge.Alarm{bridge.AlarmRefused, bridge.AlarmUnanswered, bridge.AlarmUnanswered} {
		orders[i].OwnAlarm = alarm
	}
	w.must(w.SaveOutbox(w.Context(), bridge.OutboxChange{Owed: orders}))
	counts, err := w.Alarms(w.Context(), "orders")
	w.must(err)
	w.is(map[bridge.Alarm]bridge.AlarmCount{bridge.AlarmOverdue: {N: 2, First: "ORD_9.csv"}, bridge.AlarmRefused: {N: 1, First: "ORD-a"},
		bridge.AlarmUnanswered: {N: 2, First: "ORD-b"}}, counts)
	counts, err = w.Alarms(w.Context(), "quotes")
	w.must(err)
	w.is(map[bridge.Alarm]bridge.AlarmCount{}, counts)
}
