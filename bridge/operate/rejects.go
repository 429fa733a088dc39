package operate

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// Reject is a row that can't be loaded, and why.
type Reject struct {
	Drop    int64             `json:"drop"`
	Run     int64             `json:"run"`
	Line    int64             `json:"line"`
	Key     string            `json:"key"`
	Field   string            `json:"field"`
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Cause   string            `json:"cause"` // what rejects of one kind have in common, in words
	Doc     string            `json:"doc"`
	Segment string            `json:"segment"`
	Part    string            `json:"part"`
	Row     map[string]string `json:"row"` // the sender's columns
}

func newReject(r bridge.RejectRow) Reject {
	v := Reject{Drop: r.Drop, Run: r.Run, Line: r.Pos.Line, Key: r.Key, Field: r.Field, Code: r.Code, Message: r.Message,
		Cause: causeOf(&r.Reject),
		Doc:   r.Pos.Doc, Segment: r.Pos.Segment, Part: r.Pos.Part, Row: r.Row}
	if v.Row == nil {
		v.Row = map[string]string{}
	}
	return v
}

// Where is the reject's place in its file: a line, or in an IDoc its number, segment number and segment.
func (r *Reject) Where() string {
	return formats.Position{Line: r.Line, Segment: r.Segment, Doc: r.Doc, Part: r.Part}.String()
}

// namedCodes are the codes of rejects that are mended by naming what stands in the row: in a value list, or in the shop. What
// it is belongs to their cause; others are about the row alone.
var namedCodes = []string{formats.CodeValue, formats.CodeReference, formats.CodeAmbiguous, formats.CodeClient, formats.CodeMessage}

// rowsOwn is what of a message differs from row to row: quoted texts and numbers.
var rowsOwn = regexp.MustCompile(`"(?:[^"\\]|\\.)*"…?|0x[0-9a-f]+|[0-9]+(?:[.,][0-9]+)*`)

// rowsMany is a list of what differs from row to row.
var rowsMany = regexp.MustCompile(`…(?:(?:, |; | )…)+`)

// causeOf says why a row was rejected without what is its own, so that a thousand rows with one fault have one cause.
func causeOf(r *formats.Reject) string {
	message := r.Message
	parts := strings.Split(r.Key, "|")
	slices.SortFunc(parts, func(x, y string) int { return cmp.Compare(len(y), len(x)) })
	for _, part := range parts {
		if len(part) >= 3 && !slices.Contains(namedCodes, r.Code) {
			message = strings.ReplaceAll(message, part, "…")
		}
	}
	if !slices.Contains(namedCodes, r.Code) {
		message = rowsMany.ReplaceAllString(rowsOwn.ReplaceAllString(message, "…"), "…")
	}
	if r.Field == "" {
		return message
	}
	return r.Field + ": " + message
}

// KeptReject is a reject as the ledger keeps it, with its life.
type KeptReject struct {
	ID     int64  `json:"reject"` // its number, for `ack reject`
	Entity string `json:"entity"`
	Reject
	State  bridge.RejectState `json:"state"`
	Ended  *time.Time         `json:"ended"`   // null while it is open
	ByRun  int64              `json:"by_run"`  // that ended it; 0: somebody did
	ByDrop int64              `json:"by_drop"` // the run's
	Who    string             `json:"who"`     // acknowledged it
	Why    string             `json:"why"`     // and why
}

func newKeptReject(r bridge.RejectRow) KeptReject {
	return KeptReject{ID: r.ID, Entity: r.Entity, Reject: newReject(r), State: r.State, Ended: moment(r.End.At),
		ByRun: r.End.Run, ByDrop: r.End.Drop,
		Who: r.End.Who, Why: r.End.Why}
}

// Rejects lists rows that could not be loaded. A drop or feed that is asked for has to be known.
func (k *View) Rejects(ctx context.Context, f bridge.RejectFilter) ([]KeptReject, error) {
	list := []KeptReject{}
	err := k.eachReject(ctx, f, func(r bridge.RejectRow) error {
		list = append(list, newKeptReject(r))
		return nil
	})
	return list, err
}

func (k *View) eachReject(ctx context.Context, f bridge.RejectFilter, each func(bridge.RejectRow) error) (err error) {
	var parts []*bridge.Drop
	if f.Drop != 0 {
		d, err := DropOf(ctx, k, f.Drop)
		if err != nil {
			return err
		}
		f.Drop = d.ID
		if parts, err = partsOf(ctx, k, d); err != nil {
			return err
		}
	}
	if f.Feed, err = k.knownFeed(ctx, f.Feed); err != nil {
		return err
	}
	f.Feeds = k.feeds()
	if loads := loading(k, f.Feed); len(loads) > 1 {
		f.Feed, f.Feeds = "", loads
	}
	for _, part := range parts {
		f.Drop = part.ID
		if err := k.Ledger.Rejects(ctx, f, each); err != nil {
			return err
		}
	}
	if len(parts) > 0 {
		return nil
	}
	return k.Ledger.Rejects(ctx, f, each)
}

// Cause is why rows were rejected, with one of them as an example.
type Cause struct {
	Entity  string     `json:"entity"`
	Code    string     `json:"code"`
	Cause   string     `json:"cause"`
	Rows    int64      `json:"rows"`
	Drops   int        `json:"drops"` // in which they stand
	Example KeptReject `json:"example"`
}

// maxCauses bounds how many causes are told apart; the rows of others are counted by their code alone.
const maxCauses = 10_000

// Causes groups rejects by their cause, the most frequent first. The example is the newest of them.
func (k *View) Causes(ctx context.Context, f bridge.RejectFilter) ([]Cause, error) {
	type kind struct{ entity, code, cause string }
	groups, drops := map[kind]*Cause{}, map[kind]map[int64]bool{}
	err := k.eachReject(ctx, f, func(r bridge.RejectRow) error {
		of := kind{r.Entity, r.Code, causeOf(&r.Reject)}
		if groups[of] == nil && len(groups) >= maxCauses {
			of.cause = r.Field
		}
		if groups[of] == nil {
			groups[of], drops[of] = &Cause{Entity: of.entity, Code: of.code, Cause: of.cause}, map[int64]bool{}
		}
		c := groups[of]
		drops[of][r.Drop] = true
		c.Rows++
		c.Drops, c.Example = len(drops[of]), newKeptReject(r)
		return nil
	})
	causes := make([]Cause, 0, len(groups))
	for _, c := range groups {
		causes = append(causes, *c)
	}
	slices.SortFunc(causes, func(x, y Cause) int {
		return cmp.Or(cmp.Compare(y.Rows, x.Rows), cmp.Compare(x.Entity, y.Entity), cmp.Compare(x.Code, y.Code), cmp.Compare(x.Cause, y.Cause))
	})
	return causes, err
}

// Acknowledgement says how many rejects somebody has taken note of.
type Acknowledgement struct {
	Drop         int64 `json:"drop"`
	Acknowledged int64 `json:"acknowledged"`
	Open         int64 `json:"open"` // rejects of the drop that are left
}

// AckDrop takes note of all open rejects of a drop.
func (k *Desk) AckDrop(ctx context.Context, drop int64) (*Acknowledgement, error) {
	return k.ack(ctx, drop, bridge.RejectFilter{Drop: drop})
}

// AckReject takes note of one reject, by its number.
func (k *Desk) AckReject(ctx context.Context, id int64) (*Acknowledgement, error) {
	var found *bridge.RejectRow
	f := bridge.RejectFilter{IDs: []int64{id}, Feeds: k.feeds()}
	err := k.Ledger.Rejects(ctx, f, func(r bridge.RejectRow) error {
		found = &r
		return nil
	})
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, &bridge.Error{Op: "acknowledge", Object: "reject " + decimal(id), Err: bridge.ErrUnknown,
			Hint: "see `orobridge rejects --flat`"}
	}
	if found.State != bridge.RejectOpen {
		return nil, notOpen("reject "+decimal(id), "it is "+string(found.State)+" already")
	}
	return k.ack(ctx, found.Drop, f)
}

func (k *Desk) ack(ctx context.Context, drop int64, f bridge.RejectFilter) (*Acknowledgement, error) {
	d, err := DropOf(ctx, &k.View, drop)
	if err != nil {
		return nil, err
	}
	if parts, err := partsOf(ctx, &k.View, d); err != nil || len(parts) > 0 {
		return nil, cmp.Or(err, ofSeveral(&k.View, d, parts))
	}
	v := &Acknowledgement{Drop: drop}
	if v.Open, err = k.openOf(ctx, drop); err != nil {
		return nil, err
	}
	if v.Open == 0 {
		return nil, notOpen("drop "+decimal(drop), "none of its rejects is open")
	}
	if v.Acknowledged, err = inOf(k, d.Feed).AckRejects(ctx, f, d, k.By); err != nil {
		return nil, err
	}
	v.Open, err = k.openOf(ctx, drop)
	return v, err
}

func notOpen(object, why string) error {
	return &bridge.Error{Op: "acknowledge", Object: object, Err: errors.New(why), Hint: "see `orobridge rejects --all`"}
}

// openOf counts the open rejects of a drop.
func (k *View) openOf(ctx context.Context, drop int64) (n int64, err error) {
	err = k.Ledger.Rejects(ctx, bridge.RejectFilter{Drop: drop, Open: true, Bare: true}, func(bridge.RejectRow) error { n++; return nil })
	return n, err
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// EachReject walks rejects as [View.Rejects] lists them.
func (k *View) EachReject(ctx context.Context, f bridge.RejectFilter, each func(KeptReject) error) error {
	return k.eachReject(ctx, f, func(r bridge.RejectRow) error { return each(newKeptReject(r)) })
}

// AckCause takes note of the open rejects of one cause, as [View.Causes] told it of the same filter, and says how many these were.
func (k *Desk) AckCause(ctx context.Context, f bridge.RejectFilter, c Cause) (n int64, err error) {
	f.Open = true
	ids := map[int64][]int64{}
	var drops []int64
	err = k.eachReject(ctx, f, func(r bridge.RejectRow) error {
		if r.Entity != c.Entity || r.Code != c.Code || causeOf(&r.Reject) != c.Cause {
			return nil
		}
		if ids[r.Drop] == nil {
			drops = append(drops, r.Drop)
		}
		ids[r.Drop] = append(ids[r.Drop], r.ID)
		return nil
	})
	if err != nil {
		return 0, err
	}
	if len(drops) == 0 {
		return 0, notOpen("rejects of this cause", "none of them is open")
	}
	for _, drop := range drops {
		acknowledged, err := k.ack(ctx, drop, bridge.RejectFilter{IDs: ids[drop]})
		if err != nil {
			return n, err
		}
		n += acknowledged.Acknowledged
	}
	return n, nil
}
