package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/operate"
)

// maxStreams is how many follow events at once; more are asked to come back.
const maxStreams = 256

// sendWithin is how long a follower may take for an event before it is given up; where nothing happens, each hears after beatEvery
// that the stream stands.
const (
	sendWithin = 10 * time.Second
	beatEvery  = 15 * time.Second
)

// Without one of the first three a stream begins with what comes now.
type askStream struct {
	After int64     `query:"after" minimum:"0" doc:"begin behind this event, the last one that is known"`
	Last  int       `query:"last" minimum:"0" doc:"begin with the last so many"`
	Since time.Time `query:"since" doc:"begin with what happened at or after"`
	Known string    `header:"Last-Event-ID" doc:"as after, by an EventSource that comes back; it goes before the others"`
	Drop  int64     `query:"drop" minimum:"0"`
	Order string    `query:"order"`
}

// filter is what a stream is of, behind the event of a number.
func (in *askStream) filter() bridge.EventFilter {
	f := bridge.EventFilter{After: in.After, Last: in.Last, Since: in.Since, Drop: in.Drop, Order: in.Order}
	if id, err := strconv.ParseInt(in.Known, 10, 64); err == nil && id > 0 {
		f.After, f.Last = id, 0
	}
	return f
}

// streamed registers the events as they come.
func (s *server) streamed(a huma.API) {
	op := s.operation(http.MethodGet, "/events/stream", "stream", "Events as they come (server-sent events), each with its number as id",
		admit.Viewer)
	op.Responses = map[string]*huma.Response{"200": {Description: "event: the kind; data: the event as /events has it",
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: "string"}}}}}
	huma.Register(a, op, func(ctx context.Context, in *askStream) (*huma.StreamResponse, error) {
		f := in.filter()
		if f.Drop != 0 { // one that there is not is said now, and not behind the stream's beginning
			known := func(operate.Event) error { return nil }
			if err := s.desk(ctx).Events(ctx, bridge.EventFilter{Drop: f.Drop, Last: 1}, known); err != nil {
				return nil, s.problemOf(err)
			}
		}
		if f.After == 0 && f.Last == 0 && f.Since.IsZero() {
			last := func(e operate.Event) error { f.After = e.ID; return nil }
			if err := s.desk(ctx).Events(ctx, bridge.EventFilter{Last: 1}, last); err != nil {
				return nil, s.problemOf(err)
			}
		}
		select {
		case s.streams <- struct{}{}:
		default:
			return nil, problem(http.StatusServiceUnavailable, "too many follow events already", "try again later")
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			defer func() { <-s.streams }()
			s.follow(c, f)
		}}, nil
	})
}

// follow sends events until the follower has gone.
func (s *server) follow(c huma.Context, f bridge.EventFilter) {
	c.SetHeader("Content-Type", "text/event-stream")
	c.SetHeader("Cache-Control", "no-store")
	c.SetHeader("X-Accel-Buffering", "no") // nginx hands on what comes, when it comes
	c.SetStatus(http.StatusOK)
	w, ok := c.BodyWriter().(http.ResponseWriter)
	if !ok {
		return
	}
	out := http.NewResponseController(w)
	var turn sync.Mutex
	send := func(text string) error {
		turn.Lock()
		defer turn.Unlock()
		if err := out.SetWriteDeadline(time.Now().Add(sendWithin)); err != nil {
			return err
		}
		if _, err := w.Write([]byte(text)); err != nil {
			return err
		}
		return out.Flush()
	}
	if send(": events of orobridge\n\n") != nil {
		return
	}
	ctx, cancel := context.WithCancel(c.Context())
	var beating sync.WaitGroup
	defer beating.Wait()
	defer cancel()
	beating.Go(func() {
		for (bridge.SystemClock{}).Wait(ctx, beatEvery) == nil {
			if send(": nothing new\n\n") != nil {
				cancel() // the follower has gone
			}
		}
	})
	_ = s.desk(ctx).Follow(ctx, f, func(e operate.Event) error { // an error is a follower who has gone, or a ledger that the log tells of
		data, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return send(fmt.Sprintf("id: %d\nevent: %s\ndata: %s\n\n", e.ID, strings.ReplaceAll(string(e.Kind), " ", "_"), data))
	})
}
