package bridge

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// EventKind names what happened, in the field's words.
type EventKind string

// What is kept in the ledger's journal.
const (
	DropSeen     EventKind = "drop seen"     // a listing shows a file that the ledger does not know, or that has changed
	DropReady    EventKind = "drop ready"    // it is whole
	DropClaimed  EventKind = "drop claimed"  // it stands in the work folder, or is the bridge's by the ledger alone
	DropFetched  EventKind = "drop fetched"  // its bytes are in the spool
	DropWaits    EventKind = "drop waits"    // for another drop, for a number, for its manifest
	DropTrouble  EventKind = "drop trouble"  // with this one file; the others go on
	DropHeld     EventKind = "drop held"     // a guard or a gap stopped it
	DropSettled  EventKind = "drop settled"  // nothing of it is left to load; Text says in which state and why
	DropPutAway  EventKind = "drop put away" // reject file and receipts are written, the file is in its last folder
	ManifestRead EventKind = "manifest read"
	RunStarted   EventKind = "run started"
	RunEnded     EventKind = "run ended" // with its counts
	BatchSent    EventKind = "batch sent"
	BatchJudged  EventKind = "batch judged" // the shop has said what became of each record
	BatchLost    EventKind = "batch lost"   // nobody knows what became of it: its keys are looked up
	LinksAdopted EventKind = "links adopted"
	Reconciled   EventKind = "reconciled" // the shop was compared with what it last accepted; Text says what was found

	OrderOwed     EventKind = "order owed" // it has its file in the outbox
	OrderWritten  EventKind = "order written"
	OrderFetched  EventKind = "order fetched" // a partner has read its file to the end, at a server of the bridge's own
	OrderPickedUp EventKind = "order picked up"
	OrderAnswered EventKind = "order answered"
	OrderAgain    EventKind = "order again"    // its file is owed once more
	OrderCompared EventKind = "order compared" // a shadow's: with what another system wrote; Text says how they compare

	// What partners do at a server of the bridge's own; the event's Visit says who.
	SessionBegan   EventKind = "session began"   // Text says by what the partner logged in
	SessionEnded   EventKind = "session ended"   // Bytes in both directions; Text says why
	FileUploaded   EventKind = "file uploaded"   // a handle that was open for writing is closed, or a file was cut
	FileDownloaded EventKind = "file downloaded" // a handle that was open for reading is closed
	FileRenamed    EventKind = "file renamed"
	FileDeleted    EventKind = "file deleted" // or a folder
	FolderMade     EventKind = "folder made"
	PartnerRefused EventKind = "partner refused" // or a stranger; Text says what, and of a login more than the stranger was told

	AlarmRaised   EventKind = "alarm raised"
	AlarmCleared  EventKind = "alarm cleared"
	WorkPaused    EventKind = "work paused" // trouble that is waited out; told when it begins and at each further try
	WorkResumed   EventKind = "work resumed"
	DecisionTaken EventKind = "decision taken"
	PersonSeen    EventKind = "person seen" // somebody was shown a person's data; Person says whose, or Order of which order
	LoggedIn      EventKind = "logged in"   // to the page
	LoggedOut     EventKind = "logged out"
	LoginRefused  EventKind = "login refused" // Text says why, which is more than the stranger was told
	Pruned        EventKind = "pruned"
	BackupMade    EventKind = "backup made"     // by the schedule; it was read back
	EventsGivenUp EventKind = "events given up" // a subscriber did not take them for too long; Text says which
	Noted         EventKind = "note"            // worth knowing, with no consequence of its own
)

// EventKinds lists the kinds that are kept in the journal.
func EventKinds() []EventKind {
	return []EventKind{DropSeen, DropReady, DropClaimed, DropFetched, DropWaits, DropTrouble, DropHeld, DropSettled, DropPutAway, ManifestRead,
		RunStarted, RunEnded, BatchSent, BatchJudged, BatchLost, LinksAdopted, Reconciled, OrderOwed, OrderWritten, OrderFetched, OrderPickedUp,
		OrderAnswered, OrderAgain, OrderCompared, SessionBegan, SessionEnded, FileUploaded, FileDownloaded, FileRenamed, FileDeleted, FolderMade,
		PartnerRefused, AlarmRaised, AlarmCleared, WorkPaused, WorkResumed, DecisionTaken, PersonSeen, LoggedIn, LoggedOut, LoginRefused, Pruned,
		BackupMade, EventsGivenUp, Noted}
}

// What is told to observers and kept nowhere.
const (
	StepReached EventKind = "step"     // a step that a crash could follow is about to be taken; Text names it
	Progressed  EventKind = "progress" // how far a run is: Phase, Done, Total
)

// Kept says whether events of a kind stand in the journal.
func (k EventKind) Kept() bool { return k != StepReached && k != Progressed }

// Event is one thing that happened. It is made in one place; the journal, log lines, progress and what crash tests hang
// on come from it. Fields that have no meaning for its kind are empty.
type Event struct {
	ID      int64 // the journal's number; 0 before it is kept
	At      time.Time
	Kind    EventKind
	Feed    string
	Export  string
	Drop    int64
	Run     int64
	Batch   int64
	File    string
	Order   string // identifier
	Alarm   Alarm
	Work    string  // what is paused: "feed prices"
	Cause   string  // of trouble, in the end; kept nowhere
	Who     string  // who decided, or looked
	From    string  // and from where: see [Decision]
	Why     string  // and why, in that one's words
	Verdict Verdict // of a decision about a drop
	Person  string  // of whom it is: a pseudonym of the ledger
	Bytes   int64
	SHA256  string
	Text    string // the rest in words
	Hint    string // what to do about it
	Counts  *Counts
	Visit   *Visit
	Took    time.Duration // since a run's start, a batch's sending, a drop's sight, the writing of an order's file; kept nowhere
	Phase   string        // "reading", "looking up", "sending"
	Done    int64
	Total   int64 // 0: not known
}

// Event is something that happened to a drop.
func (d *Drop) Event(kind EventKind, at time.Time, text string) *Event {
	return &Event{At: at, Kind: kind, Feed: d.Feed, Drop: d.ID, File: d.Name, Text: text}
}

// Visit is what an event at a server of the bridge's own has besides: who it was, from where, and how it went.
type Visit struct {
	Remote  string
	User    string // of a refused login: the name that was tried
	Address string // IP address
	Session string // the same for all events of a session; empty before the login
	Known   bool   // of what was before the login: the name is a partner's, or a partner may be at the address
	Client  string // of a session: what the client calls itself
	Target  string // of a rename: the new path
	Size    int64  // of a transfer: the file's at its end, bytes
	Whole   bool   // of a download: the partner has the whole file now, perhaps in several goes
	Broken  bool   // the transfer did not end well: the connection died, or a write failed
	Took    time.Duration
	Times   int       // so many like it are told by this one; 0 for one
	Since   time.Time // of these, when the first was
}

// Level is how loud an event is in a log.
func (e *Event) Level() slog.Level {
	switch e.Kind {
	case AlarmRaised:
		return slog.LevelError
	case WorkPaused, DropHeld, DropTrouble, BatchLost, Noted, LoginRefused, EventsGivenUp:
		return slog.LevelWarn
	case PartnerRefused:
		if v := e.Visit; v != nil && (v.Known || v.Session != "") { // of strangers there are always some
			return slog.LevelWarn
		}
	case DropSettled:
		if e.Hint != "" {
			return slog.LevelWarn
		}
	case DropSeen, DropClaimed, DropWaits, DropPutAway, BatchSent, BatchJudged, SessionBegan, SessionEnded, StepReached, Progressed:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// Attrs are the fields that are not empty, under the keys that every log line and the journal use.
func (e *Event) Attrs() []slog.Attr {
	var all []slog.Attr
	text := func(key, value string) {
		if value != "" {
			all = append(all, slog.String(key, value))
		}
	}
	number := func(key string, value int64) {
		if value != 0 {
			all = append(all, slog.Int64(key, value))
		}
	}
	text("feed", e.Feed)
	text("export", e.Export)
	number("drop", e.Drop)
	number("run", e.Run)
	number("batch", e.Batch)
	text("file", e.File)
	text("order", e.Order)
	text("alarm", string(e.Alarm))
	text("work", e.Work)
	text("who", e.Who)
	text("from", e.From)
	text("why", e.Why)
	number("bytes", e.Bytes)
	text("sha256", e.SHA256)
	if c := e.Counts; c != nil {
		for _, n := range c.Each() {
			number(n.Name, n.N)
		}
	}
	if v := e.Visit; v != nil {
		text("remote", v.Remote)
		text("user", v.User)
		text("address", v.Address)
		text("session", v.Session)
		text("client", v.Client)
		text("target", v.Target)
		if v.Took > 0 {
			all = append(all, slog.Duration("took", v.Took))
		}
		if v.Broken {
			all = append(all, slog.Bool("broken", true))
		}
		number("times", int64(v.Times))
	}
	text("text", e.Text)
	text("hint", e.Hint)
	text("phase", e.Phase)
	number("done", e.Done)
	number("total", e.Total)
	return all
}

// Events hands what happens to whoever observes. The zero value is ready, and nil tells nobody.
type Events struct {
	mu        sync.Mutex // of those who change the list
	observers atomic.Pointer[[]*observer]
}

type observer struct{ tell func(*Event) }

// Observe has a function told of everything from now on, in the order in which it happens, until stop is called. It is
// called by whoever does the work and must be quick; it may be called from several goroutines at once.
func (e *Events) Observe(tell func(*Event)) (stop func()) {
	o := &observer{tell}
	e.change(func(all []*observer) []*observer { return append(all, o) })
	return func() {
		e.change(func(all []*observer) []*observer {
			return slices.DeleteFunc(all, func(x *observer) bool { return x == o })
		})
	}
}

// change puts another list in the place of the present one, which somebody may be walking.
func (e *Events) change(list func([]*observer) []*observer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []*observer
	if now := e.observers.Load(); now != nil {
		all = slices.Clone(*now)
	}
	all = list(all)
	e.observers.Store(&all)
}

// Tell hands events on.
func (e *Events) Tell(events ...*Event) {
	if e == nil {
		return
	}
	observers := e.observers.Load()
	if observers == nil {
		return
	}
	for _, event := range events {
		for _, o := range *observers {
			o.tell(event)
		}
	}
}

// Step tells that a named step is about to be taken.
func (e *Events) Step(name string) { e.Tell(&Event{Kind: StepReached, Text: name}) }

// LogEvents writes events as log lines: the kind as the message, the fields as attributes.
func LogEvents(log *slog.Logger) func(*Event) {
	return func(e *Event) {
		if e.Kind.Kept() {
			log.LogAttrs(context.Background(), e.Level(), string(e.Kind), e.Attrs()...)
		}
	}
}

// EventFilter chooses events of the journal; zero fields choose all.
type EventFilter struct {
	After  int64 // a higher number
	Drop   int64
	Order  string
	Visits bool   // only what partners did
	User   string // only what this partner did
	Since  time.Time
	Of     *Whose // nil: of anybody
	Last   int    // only the last so many; the answer is oldest first all the same
	First  int    // only the first so many; not beside Last
	// Outline leaves out what a run does batch by batch: [BatchKinds]. A load of a million rows has thousands of these.
	Outline bool
}

// BatchKinds are the kinds of what happens batch by batch.
var BatchKinds = []EventKind{BatchSent, BatchJudged, BatchLost, LinksAdopted}

// Whose chooses events by what they are of: one of some feeds, exports or pieces of work.
type Whose struct{ Feeds, Exports, Works []string }

// Trouble is the event of a piece of work that has to wait, or, without a reason, of one that goes on.
func Trouble(at time.Time, work string, why error) *Event {
	if why == nil {
		return &Event{At: at, Kind: WorkResumed, Work: work, Text: "trouble has passed"}
	}
	return &Event{At: at, Kind: WorkPaused, Work: work, Cause: causeOf(why), Text: why.Error(), Hint: HintOf(why)}
}
