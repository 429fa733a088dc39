package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

// Of a stream of events: the longest line, in bytes, and the longest pause before a bridge that is away is asked again.
const (
	maxLine      = 1 << 20
	longestPause = 30 * time.Second
)

// Follow implements [operate.Looker]. A connection that is lost is made anew and goes on behind the last event, for as long as it takes;
// but a bridge that can't be reached at the beginning is an error, and so is one that lets nobody in any more.
func (b *Bridge) Follow(ctx context.Context, f bridge.EventFilter, each func(operate.Event) error) error {
	if f.Last == 0 && f.After == 0 && f.Since.IsZero() {
		f.Since = time.Unix(1, 0) // from the first one that is kept
	}
	var failed error
	reached, tries := false, 0
	for {
		err := b.stream(ctx, f, func() { reached, tries = true, 0 }, func(e operate.Event) error {
			f.After, f.Last = e.ID, 0
			failed = each(e)
			return failed
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case failed != nil:
			return failed
		case !reached || !errors.Is(err, bridge.ErrUnreachable):
			return err
		}
		if tries++; tries == 1 && b.Lost != nil {
			b.Lost(err)
		}
		if b.clock.Wait(ctx, min(bridge.Backoff(tries, err, rand.Float64()), longestPause)) != nil {
			return nil
		}
	}
}

// stream follows events until the connection is lost, or nothing was heard for too long. Begun is called when it stands.
func (b *Bridge) stream(ctx context.Context, f bridge.EventFilter, begun func(), each func(operate.Event) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.AfterFunc(b.silence, func() { cancel(fmt.Errorf("nothing was heard for %s", b.silence)) })
	defer quiet.Stop()
	q := query{"drop": f.Drop, "order": f.Order, "since": f.Since, "last": f.Last}
	resp, err := b.send(ctx, request{method: http.MethodGet, path: "/events/stream", query: q, after: f.After, kind: "text/event-stream"})
	if err != nil {
		return b.silent(ctx, err)
	}
	defer resp.Body.Close()
	begun()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		quiet.Reset(b.silence)
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e operate.Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			return b.trouble(fmt.Errorf("an event can't be read: %w", err), "compare the two versions: orobridge version")
		}
		if err := each(e); err != nil {
			return err
		}
	}
	err = errors.New("the stream of events has ended")
	if why := lines.Err(); why != nil {
		err = fmt.Errorf("%w: %w", err, why)
	}
	return b.silent(ctx, b.lost(err))
}

// lost is a stream that broke.
func (b *Bridge) lost(why error) error {
	return b.trouble(fmt.Errorf("%w: %w", bridge.ErrUnreachable, why), "it goes on behind the last event once the bridge answers")
}

// silent says why a stream was given up.
func (b *Bridge) silent(ctx context.Context, err error) error {
	if why := context.Cause(ctx); why != nil && !errors.Is(why, context.Canceled) {
		return b.lost(why)
	}
	return err
}
