package operate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Run is a run with its drop, or a drop alone, whose Run is 0.
type Run struct {
	Drop   int64            `json:"drop"`
	Feed   string           `json:"feed"`
	File   string           `json:"file"`
	SHA256 string           `json:"sha256"`
	State  bridge.DropState `json:"state"` // of the drop
	Reason string           `json:"reason"`
	Run    int64            `json:"run"`
	Kind   bridge.RunKind   `json:"kind"`
	bridge.Counts
	Skipped  map[string]int64   `json:"skipped"`  // what the reader left out, by word: no rows
	Unmapped []formats.Unmapped `json:"unmapped"` // columns that feed no field, with the field that may be meant
	Requests int64              `json:"requests"`
	Seconds  float64            `json:"seconds"`
	Started  *time.Time         `json:"started"`
	Ended    *time.Time         `json:"ended"`
	Stage    bridge.RunState    `json:"stage"` // how far the run is
}

// newRun makes the model of a drop with one of its runs, or with none: nil.
func newRun(d *bridge.Drop, r *bridge.Run) Run {
	v := Run{Drop: d.ID, Feed: d.Feed, File: d.Name, SHA256: d.SHA256, State: d.State, Reason: d.Reason, Skipped: map[string]int64{},
		Unmapped: []formats.Unmapped{}}
	if r == nil {
		return v
	}
	v.Run, v.Kind, v.Stage, v.Counts, v.Requests = r.ID, r.Kind, r.State, r.Counts, r.Requests
	maps.Copy(v.Skipped, r.Skipped)
	v.Unmapped = append(v.Unmapped, r.Unmapped...)
	v.Started, v.Ended = moment(r.Started), moment(r.Ended)
	if v.Started != nil && v.Ended != nil {
		v.Seconds = r.Ended.Sub(r.Started).Seconds()
	}
	return v
}

// Drop is a drop in a list.
type Drop struct {
	Drop     int64            `json:"drop"`
	Shop     string           `json:"shop,omitempty"` // where there are several
	Feed     string           `json:"feed"`
	File     string           `json:"file"`
	Size     int64            `json:"size"` // bytes
	SHA256   string           `json:"sha256"`
	State    bridge.DropState `json:"state"`
	Reason   string           `json:"reason"`
	Remote   string           `json:"remote"`
	Path     string           `json:"path"`
	Same     int64            `json:"same_as"`
	Previous int64            `json:"previous"`
	Gap      string           `json:"gap"`       // what was missing before it
	Manifest bool             `json:"manifest"`  // it lists files and holds no rows
	ListedBy int64            `json:"listed_by"` // the manifest that lists it
	MTime    *time.Time       `json:"mtime"`
	Seen     *time.Time       `json:"seen"`
	Fetched  *time.Time       `json:"fetched"`
	Settled  *time.Time       `json:"settled"`
	Moved    bool             `json:"moved"` // the last move is done
}

func newDrop(d *bridge.Drop) Drop {
	return Drop{Drop: d.ID, Feed: d.Feed, File: d.Name, Size: d.Size, SHA256: d.SHA256, State: d.State, Reason: d.Reason,
		Remote: d.Remote, Path: d.Path, Same: d.Same, Previous: d.Previous, Gap: d.Gap, Manifest: d.Manifest, ListedBy: d.ListedBy,
		MTime: moment(d.MTime), Seen: moment(d.SeenAt), Fetched: moment(d.FetchedAt), Settled: moment(d.SettledAt),
		Moved: d.State.Settled() && d.Finish == ""}
}

// Drops lists inbound files and how far they are.
func (k *View) Drops(ctx context.Context, f bridge.DropFilter) (_ []Drop, err error) {
	if f.Feed, err = k.knownFeed(ctx, f.Feed); err != nil {
		return nil, err
	}
	for _, s := range f.States {
		if all := bridge.DropStates(); !slices.Contains(all, s) {
			return nil, &Mistake{fmt.Sprintf("no drop is ever %q", s), fmt.Sprintf("states are: %s", join(all))}
		}
	}
	f.Feeds = k.feeds()
	if !slices.Contains(joined(k), f.Feed) {
		f.Joined = joined(k)
	}
	drops, err := k.Ledger.Drops(ctx, f)
	if err != nil {
		return nil, err
	}
	return dropsOf(k, drops), nil
}

// dropsOf makes the models of drops.
func dropsOf(k *View, drops []*bridge.Drop) []Drop {
	list := make([]Drop, len(drops))
	for i, d := range drops {
		list[i] = newDrop(d)
		list[i].Shop = k.told(k.ShopOf(d.Feed))
	}
	return list
}

// join lists words.
func join[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}

// DropDetails is a drop with all its runs; the fields of its last run stand at the top.
type DropDetails struct {
	Run
	Details  Drop      `json:"details"`
	Runs     []Run     `json:"runs"`
	Parts    []Part    `json:"parts,omitempty"` // of a drop for several shops, what each has made of it
	Progress *Progress `json:"progress"`        // of the run that is at work; null for none
	// Papers are the paths of what was written for the sender: files of rejects, and receipts.
	Papers    []string   `json:"papers"`
	Decisions []Decision `json:"decisions"` // what somebody decided about it
	Holds     []Hold     `json:"holds"`     // how often it was held, and for how long
	Open      int64      `json:"open"`      // of its rejects
	Fates     []Row      `json:"fates"`
	Warned    []Warning  `json:"warned"` // the first of each run
	// Planned are the changes that a shadow's last run would have made, those that weigh most.
	Planned []Change `json:"planned"`
}

// Decision is what somebody decided about a drop.
type Decision struct {
	At       *time.Time `json:"at"`
	Who      string     `json:"who"`
	Decision string     `json:"decision"`
	Why      string     `json:"why"`
	// Verdict is what it made of a drop that was held or waited; empty for other decisions.
	Verdict bridge.Verdict `json:"verdict"`
}

// Hold is a time in which a drop waited for a decision.
type Hold struct {
	Reason  string     `json:"reason"`
	Since   *time.Time `json:"since"`
	Until   *time.Time `json:"until"`   // null while it lasts
	Seconds float64    `json:"seconds"` // 0 while it lasts
}

// decided tells from the journal what was decided about a drop, and how long it was held. The journal keeps decisions longer
// than the rest.
func (k *View) decided(ctx context.Context, v *DropDetails) error {
	held := false
	return k.Ledger.Events(ctx, bridge.EventFilter{Drop: v.Details.Drop, Outline: true}, func(e *bridge.Event) error {
		if e.Kind == bridge.DecisionTaken {
			v.Decisions = append(v.Decisions, Decision{moment(e.At), e.Who, e.Text, e.Why, e.Verdict})
		}
		switch last := len(v.Holds) - 1; {
		case e.Kind == bridge.DropHeld:
			v.Holds, held = append(v.Holds, Hold{Reason: e.Text, Since: moment(e.At)}), true
		case held && endsHold(e):
			held = false
			v.Holds[last].Until = moment(e.At)
			v.Holds[last].Seconds = e.At.Sub(*v.Holds[last].Since).Seconds()
		}
		return nil
	})
}

// endsHold says that a drop is held no more after an event.
func endsHold(e *bridge.Event) bool {
	switch e.Kind {
	case bridge.RunStarted, bridge.RunEnded, bridge.DropSettled:
		return true
	case bridge.DecisionTaken:
		return e.Verdict == bridge.VerdictApproved || e.Verdict == bridge.VerdictDiscard
	}
	return false
}

// Warning says what was left out of a row that was loaded otherwise.
type Warning struct {
	Run     int64  `json:"run"`
	Line    int64  `json:"line"`
	Key     string `json:"key"`
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Where   string `json:"where"` // its place in the file, as rejects have it
}

func newWarning(w bridge.WarningRow) Warning {
	return Warning{Run: w.Run, Line: w.Pos.Line, Key: w.Key, Field: w.Field, Code: w.Code, Message: w.Message, Where: w.Pos.String()}
}

// Row is the fate of one row in one run.
type Row struct {
	Run    int64          `json:"run"`
	Line   int64          `json:"line"`
	Key    string         `json:"key"`
	Fate   bridge.RowFate `json:"fate"`
	Detail string         `json:"detail"`
}

// DropDetails shows one drop, and with rows the fate of each of its rows that was created, updated, removed, adopted,
// rejected or parked, and what was left out of others.
func (k *View) DropDetails(ctx context.Context, id int64, rows bool) (*DropDetails, error) {
	d, err := DropOf(ctx, k, id)
	if err != nil {
		return nil, err
	}
	id = d.ID
	runs, err := k.Ledger.Runs(ctx, id)
	if err != nil {
		return nil, err
	}
	v := &DropDetails{Run: newRun(d, nil), Details: dropsOf(k, []*bridge.Drop{d})[0], Runs: make([]Run, len(runs)), Fates: []Row{},
		Warned:    []Warning{},
		Decisions: []Decision{}, Holds: []Hold{}, Planned: []Change{}}
	for i, r := range runs {
		v.Runs[i] = newRun(d, r)
		v.Run = v.Runs[i]
		if v.Progress, err = k.progress(ctx, r, time.Now()); err != nil {
			return nil, err
		}
	}
	if v.Parts, err = partsTold(ctx, k, d); err != nil {
		return nil, err
	}
	if err := k.decided(ctx, v); err != nil {
		return nil, err
	}
	if v.Planned, err = k.foretold(ctx, v); err != nil {
		return nil, err
	}
	papers, err := k.Ledger.Papers(ctx, id)
	if err != nil {
		return nil, err
	}
	v.Papers = append([]string{}, papers...)
	if v.Open, err = k.openOf(ctx, id); err != nil {
		return nil, err
	}
	if !rows {
		return v, nil
	}
	err = k.Ledger.RowLines(ctx, id, func(r bridge.RowLine) error {
		v.Fates = append(v.Fates, Row(r))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, k.Ledger.Warnings(ctx, id, func(w bridge.WarningRow) error {
		v.Warned = append(v.Warned, newWarning(w))
		return nil
	})
}

// Parked is a record that waits for its parent.
type Parked struct {
	Shop     string            `json:"shop,omitempty"` // where there are several
	Entity   string            `json:"entity"`
	Key      string            `json:"key"`
	WaitsFor string            `json:"waits_for"` // entity and key
	Feed     string            `json:"feed"`
	Drop     int64             `json:"drop"`
	Line     int64             `json:"line"`
	Since    *time.Time        `json:"since"`
	Row      map[string]string `json:"row"` // the sender's columns
}

func newParked(p bridge.ParkedRow) Parked {
	return Parked{Entity: p.Entity, Key: p.Key, WaitsFor: waitsFor(&p.Missing), Feed: p.Feed, Drop: p.Drop, Line: p.Line,
		Since: moment(p.Since), Row: p.Raw}
}

// waitsFor names a parent that is missing; empty for none.
func waitsFor(m *bridge.Missing) string {
	if m == nil {
		return ""
	}
	return m.Entity + " " + m.Key
}

// Parked lists the records of a feed ("": of all) that wait for a parent: at most n of them (0: all); more says that there are
// others.
func (k *View) Parked(ctx context.Context, feed string, n int) (list []Parked, more bool, err error) {
	if feed, err = k.knownFeed(ctx, feed); err != nil {
		return nil, false, err
	}
	enough := errors.New("enough")
	list = []Parked{}
	for _, loads := range loading(k, feed) {
		err = errors.Join(err, k.Ledger.Parked(ctx, loads, time.Time{}, func(p bridge.ParkedRow) error {
			if feed == "" && !k.ours("feed "+p.Feed) {
				return nil
			}
			if more = n > 0 && len(list) == n; more {
				return enough
			}
			v := newParked(p)
			v.Shop = k.told(k.ShopOf(p.Feed))
			list = append(list, v)
			return nil
		}))
	}
	if errors.Is(err, enough) {
		err = nil
	}
	return list, more, err
}

// Unsettled lists the drops that wait for a person: those that are held, and those that have been settled since a time
// and were not loaded in full.
func (k *View) Unsettled(ctx context.Context, since time.Time) ([]Drop, error) {
	drops, err := k.Ledger.Drops(ctx, bridge.DropFilter{Feeds: k.feeds(), States: []bridge.DropState{bridge.Held}})
	if err != nil {
		return nil, err
	}
	settled, err := k.Ledger.Drops(ctx, bridge.DropFilter{Feeds: k.feeds(), Joined: joined(k),
		States: []bridge.DropState{bridge.Partial, bridge.Rejected}, Last: unsettledAtMost})
	if err != nil {
		return nil, err
	}
	for _, d := range settled {
		if !d.SettledAt.Before(since.Truncate(time.Millisecond)) { // the ledger keeps milliseconds
			drops = append(drops, d)
		}
	}
	return dropsOf(k, drops), nil
}

// unsettledAtMost bounds how many drops are looked through for those that were settled since a time.
const unsettledAtMost = 1000
