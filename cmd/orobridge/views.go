package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// The JSON of what verbs print. Names are a contract: add to them, change none.

// runView is a run with its drop.
type runView struct {
	Drop   int64            `json:"drop"`
	Feed   string           `json:"feed"`
	File   string           `json:"file"`
	SHA256 string           `json:"sha256"`
	State  bridge.DropState `json:"state"`
	Reason string           `json:"reason,omitempty"`
	Run    int64            `json:"run"`
	Kind   bridge.RunKind   `json:"kind,omitempty"`
	bridge.Counts
	Skipped  map[string]int64 `json:"skipped,omitempty"` // what the reader left out, by word: no rows
	Requests int64            `json:"requests"`
	Seconds  float64          `json:"seconds"`
	Started  *time.Time       `json:"started"`
	Ended    *time.Time       `json:"ended"`
}

func viewRun(d *bridge.Drop, r *bridge.Run) runView {
	v := runView{Drop: d.ID, Feed: d.Feed, File: d.Name, SHA256: d.SHA256, State: d.State, Reason: d.Reason}
	if r == nil {
		return v
	}
	v.Run, v.Kind, v.Counts, v.Skipped, v.Requests = r.ID, r.Kind, r.Counts, r.Skipped, r.Requests
	v.Started, v.Ended = when(r.Started), when(r.Ended)
	if v.Started != nil && v.Ended != nil {
		v.Seconds = r.Ended.Sub(r.Started).Seconds()
	}
	return v
}

// when is a time in JSON: RFC 3339, UTC, or null.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Millisecond)
	return &t
}

// dropView is a drop in a list.
type dropView struct {
	Drop     int64            `json:"drop"`
	Feed     string           `json:"feed"`
	File     string           `json:"file"`
	Size     int64            `json:"size"`
	SHA256   string           `json:"sha256"`
	State    bridge.DropState `json:"state"`
	Reason   string           `json:"reason,omitempty"`
	Remote   string           `json:"remote"`
	Path     string           `json:"path"`
	Same     int64            `json:"same_as,omitempty"`
	Previous int64            `json:"previous,omitempty"`
	Gap      string           `json:"gap,omitempty"`       // what was missing before it
	Manifest bool             `json:"manifest,omitempty"`  // it lists files and holds no rows
	ListedBy int64            `json:"listed_by,omitempty"` // the manifest that lists it
	MTime    *time.Time       `json:"mtime"`
	Seen     *time.Time       `json:"seen"`
	Fetched  *time.Time       `json:"fetched"`
	Settled  *time.Time       `json:"settled"`
	Moved    bool             `json:"moved"` // the last move is done
}

func viewDrop(d *bridge.Drop) dropView {
	return dropView{Drop: d.ID, Feed: d.Feed, File: d.Name, Size: d.Size, SHA256: d.SHA256, State: d.State, Reason: d.Reason, Remote: d.Remote, Path: d.Path,
		Same: d.Same, Previous: d.Previous, Gap: d.Gap, Manifest: d.Manifest, ListedBy: d.ListedBy, MTime: when(d.MTime), Seen: when(d.SeenAt), Fetched: when(d.FetchedAt), Settled: when(d.SettledAt),
		Moved: d.State.Settled() && d.Finish == ""}
}

// rowView is the fate of one row in one run.
type rowView struct {
	Run    int64          `json:"run"`
	Line   int64          `json:"line"`
	Key    string         `json:"key"`
	Fate   bridge.RowFate `json:"fate"`
	Detail string         `json:"detail,omitempty"`
}

// rejectView is a reject.
type rejectView struct {
	Drop    int64             `json:"drop"`
	Run     int64             `json:"run"`
	Line    int64             `json:"line"`
	Key     string            `json:"key"`
	Field   string            `json:"field"`
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Doc     string            `json:"doc,omitempty"`
	Segment string            `json:"segment,omitempty"`
	Part    string            `json:"part,omitempty"`
	Row     map[string]string `json:"row"`
}

func viewReject(r bridge.RejectRow) rejectView {
	return rejectView{Drop: r.Drop, Run: r.Run, Line: r.Pos.Line, Key: r.Key, Field: r.Field, Code: r.Code, Message: r.Message,
		Doc: r.Pos.Doc, Segment: r.Pos.Segment, Part: r.Pos.Part, Row: r.Row}
}

// orderView is an order of the outbox.
type orderView struct {
	Number    int64            `json:"number"` // of its file; 0 while it has none
	Order     string           `json:"order"`
	Version   int              `json:"version"`
	Export    string           `json:"export"`
	File      string           `json:"file"`
	SHA256    string           `json:"sha256"`
	State     bridge.OwedState `json:"state"`
	Alarm     bridge.Alarm     `json:"alarm,omitempty"`
	Reason    string           `json:"reason,omitempty"`
	Flags     []string         `json:"flags,omitempty"`
	Answer    string           `json:"answer,omitempty"`
	Submitted *time.Time       `json:"submitted"`
	Owed      *time.Time       `json:"owed"`
	Written   *time.Time       `json:"written"`
	PickedUp  *time.Time       `json:"picked_up"`
	Answered  *time.Time       `json:"answered"`
}

func viewOrder(o *bridge.Owed) orderView {
	return orderView{Number: o.Number, Order: o.Order, Version: o.Version, Export: o.Export, File: o.File, SHA256: o.SHA256, State: o.State,
		Alarm: o.Alarm, Reason: o.Reason, Flags: o.Flags, Answer: o.Answer, Submitted: when(o.Submitted), Owed: when(o.OwedAt),
		Written: when(o.WrittenAt), PickedUp: when(o.PickedUp), Answered: when(o.Answered)}
}

// countsLine says in one line what became of a run's rows, leaving out what did not happen.
func countsLine(c bridge.Counts) string {
	line := fmt.Sprintf("%d rows", c.Rows)
	for _, p := range []struct {
		n    int64
		what string
	}{{c.Created, "created"}, {c.Updated, "updated"}, {c.Unchanged, "unchanged"}, {c.Removed, "removed"}, {c.Collapsed, "collapsed"},
		{c.Rejected, "rejected"}, {c.Parked, "parked"}, {c.Withdrawn, "withdrawn"}} {
		if p.n > 0 {
			line += fmt.Sprintf(", %d %s", p.n, p.what)
		}
	}
	if c.Adopted > 0 {
		line += fmt.Sprintf(" (%d of the unchanged adopted)", c.Adopted)
	}
	return line
}

// skippedLine says what a reader left out; empty for nothing.
func skippedLine(skipped map[string]int64) string {
	var words []string
	for _, word := range slices.Sorted(maps.Keys(skipped)) {
		words = append(words, fmt.Sprintf("%s %d", word, skipped[word]))
	}
	return strings.Join(words, ", ")
}

// stamp is a time for people.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

// compact is a row for people.
func compact(row map[string]string) string {
	b, err := json.Marshal(row)
	if err != nil {
		return ""
	}
	return string(b)
}
