package orotest

import (
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Request is one request that the shop saw.
type Request struct {
	Method string
	Path   string // with the query, as it was sent
	Status int    // 0: no whole answer went out
	Size   int    // bytes of the request's body
	Body   []byte // with JournalBodies only
	When   time.Time
	Took   time.Duration
}

type journal struct {
	journalMu sync.Mutex
	bodies    bool
	to        io.Writer // nil: nothing is recorded
	requests  []Request
}

func (j *journal) note(r *http.Request, body []byte, status int, when time.Time) {
	entry := Request{
		Method: r.Method, Path: r.URL.RequestURI(), Status: status, Size: len(body), When: when, Took: time.Since(when),
	}
	if j.bodies {
		entry.Body = body
	}
	j.journalMu.Lock()
	defer j.journalMu.Unlock()
	j.requests = append(j.requests, entry)
	if j.to != nil {
		j.record(&entry, body)
	}
}

// record writes a request as a line of JSON.
func (j *journal) record(r *Request, body []byte) {
	line := struct {
		When   time.Time `json:"when"`
		Method string    `json:"method"`
		Path   string    `json:"path"`
		Status int       `json:"status"`
		Took   string    `json:"took"`
		Size   int       `json:"size"`
		Body   string    `json:"body,omitempty"`
	}{r.When.UTC(), r.Method, r.Path, r.Status, r.Took.Round(time.Microsecond).String(), r.Size, string(body)}
	if r.Path == tokenPath {
		line.Body = "<secret>"
	}
	_, _ = io.WriteString(j.to, encode(line)+"\n") // the record is a convenience: the shop goes on without it
}

// Journal lists the requests since the start or the last reset, in the order in which they ended.
func (j *journal) Journal() []Request {
	j.journalMu.Lock()
	defer j.journalMu.Unlock()
	return slices.Clone(j.requests)
}

// JournalReset forgets the requests so far.
func (j *journal) JournalReset() {
	j.journalMu.Lock()
	defer j.journalMu.Unlock()
	j.requests = nil
}

// Requests is the number of requests in the journal, those for tokens included.
func (j *journal) Requests() int {
	j.journalMu.Lock()
	defer j.journalMu.Unlock()
	return len(j.requests)
}
