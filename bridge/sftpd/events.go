package sftpd

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A Kind says what an [Event] tells.
type Kind string

// The kinds of events.
const (
	SessionBegan Kind = "session"       // a partner is in; Detail says by what
	SessionEnded Kind = "session ended" // Took, Bytes in both directions; Detail says why
	Upload       Kind = "upload"        // a handle that was open for writing is closed
	Download     Kind = "download"      // a handle that was open for reading is closed
	Fetched      Kind = "fetched"       // a partner has read a file to its end, perhaps in several goes
	Renamed      Kind = "rename"        // from Path to Target
	Deleted      Kind = "delete"        //
	MadeFolder   Kind = "make folder"   //
	Refused      Kind = "refusal"       // Detail says what, in the words that the partner was told or, for a login, more
)

// Event is one thing that a partner did, or was refused. Paths are the remote's: /sap/out/products/p.csv.
type Event struct {
	Kind    Kind          `json:"kind"`
	Time    time.Time     `json:"time"`              // when it had happened, UTC
	Took    time.Duration `json:"-"`                 // of a transfer: from open to close; of a session: its whole time
	Session string        `json:"session"`           // the same for all events of a session; empty before the login
	User    string        `json:"user"`              // of a refused login: the name that was tried
	Address string        `json:"address"`           // IP address
	Path    string        `json:"path,omitempty"`    //
	Target  string        `json:"target,omitempty"`  // of a rename
	Bytes   int64         `json:"bytes"`             // of a transfer: moved by this handle
	Size    int64         `json:"size,omitempty"`    // of a transfer: the file's at its end
	SHA256  string        `json:"sha256,omitempty"`  // of the whole file at the end; empty when it changed at once, or the server was ending
	Broken  bool          `json:"broken,omitempty"`  // the transfer did not end well: the connection died, or a write failed
	Client  string        `json:"client,omitempty"`  // of a session: the version that the client tells
	Detail  string        `json:"detail,omitempty"`  //
	Dropped int           `json:"dropped,omitempty"` // so many refusals before this one were not told, because there were too many
}

// Strangers make so many events of refusals at most; what is more is counted.
const (
	refusalsPerSecond = 5
	refusalsAtOnce    = 50
)

// teller hands events to the observer.
type teller struct {
	observe func(Event)
	mu      sync.Mutex
	limit   *rate.Limiter
	dropped int
}

func newTeller() *teller {
	return &teller{observe: func(Event) {}, limit: rate.NewLimiter(refusalsPerSecond, refusalsAtOnce)}
}

func (t *teller) tell(e Event) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Time = e.Time.UTC()
	t.observe(e)
}

// refuse tells a refusal unless there are too many.
func (t *teller) refuse(e Event) {
	t.mu.Lock()
	if !t.limit.Allow() {
		t.dropped++
		t.mu.Unlock()
		return
	}
	e.Dropped, t.dropped = t.dropped, 0
	t.mu.Unlock()
	e.Kind = Refused
	t.tell(e)
}
