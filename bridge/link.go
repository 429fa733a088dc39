package bridge

import (
	"cmp"
	"slices"
	"time"

	"github.com/orobridge/orobridge/formats"
)

// Link is what Oro last accepted under a key.
type Link struct {
	ID      int64 // 0: new
	Entity  string
	Key     string
	OroID   string
	Content []formats.Value // sorted by field
	Removed bool            // the last change was a removal
	Feed    string          // feed, drop, run and line that set it last; empty and 0 when it was adopted without a file
	Drop    int64
	Run     int64
	Line    int64
	At      time.Time
	// Origins are the drops that set fields before: those of them that Drop has not set since.
	Origins map[string]int64
}

// LinkRef is the short form of a link that planning reads for every row.
type LinkRef struct {
	ID          int64 // 0: the ledger does not know the key
	Fingerprint int64 // 0: doubtful
}

// Doubtful says that the link is one of a ledger that was put back: the shop may have accepted something else since. Nothing that it
// says counts before the shop was asked.
func (r LinkRef) Doubtful() bool { return r.ID != 0 && r.Fingerprint == 0 }

// Fingerprint is what planning compares. That of a removed record matches no row, so that a sender who lists it again is
// always looked at closely.
func (k *Link) Fingerprint() int64 {
	if k.Removed {
		return ^formats.Fingerprint(k.Content)
	}
	return formats.Fingerprint(k.Content)
}

// Origin is the drop that set a field; 0 when no file has.
func (k *Link) Origin(field string) int64 {
	if drop, ok := k.Origins[field]; ok {
		return drop
	}
	return k.Drop
}

// Lay lays the fields of a newer record over the link's own and returns what those of them were that it changes. The
// fields are sorted. A link remembers which drop set each field.
func (k *Link) Lay(fields []formats.Value, setter Link) (before []formats.Value) {
	var origins map[string]int64 // of most links there are none
	for _, v := range k.Content {
		if from := k.Origin(v.Field); from != setter.Drop {
			if origins == nil {
				origins = make(map[string]int64)
			}
			origins[v.Field] = from
		}
	}
	for _, v := range fields {
		delete(origins, v.Field)
		i, ok := slices.BinarySearchFunc(k.Content, v, ByField)
		switch {
		case ok && k.Content[i].Text != v.Text:
			before = append(before, k.Content[i])
		case !ok:
			before = append(before, formats.Value{Field: v.Field})
		}
	}
	k.Content, k.Origins = Merge(k.Content, fields), origins
	k.OroID = cmp.Or(setter.OroID, k.OroID)
	k.Removed, k.Feed, k.Drop, k.Run, k.Line, k.At = setter.Removed, setter.Feed, setter.Drop, setter.Run, setter.Line, setter.At
	return before
}

// ByField is the order of a content's values.
func ByField(a, b formats.Value) int { return cmp.Compare(a.Field, b.Field) }

// Differing returns the fields whose texts differ from the older content, and the older texts; a field that is not in it has an
// empty one. Both are sorted. With all, every field is returned.
func Differing(newer, older []formats.Value, all bool) (values, old []formats.Value) {
	for _, v := range newer {
		i, ok := slices.BinarySearchFunc(older, v, ByField)
		if ok && older[i].Text == v.Text && !all {
			continue
		}
		values = append(values, v)
		was := formats.Value{Field: v.Field}
		if ok {
			was.Text = older[i].Text
		}
		old = append(old, was)
	}
	return values, old
}

// Merge lays newer fields over older ones. Both are sorted by field, and so is the result.
func Merge(older, newer []formats.Value) []formats.Value {
	merged := make([]formats.Value, 0, len(older)+len(newer))
	for len(older) > 0 && len(newer) > 0 {
		switch c := ByField(older[0], newer[0]); {
		case c < 0:
			merged, older = append(merged, older[0]), older[1:]
		case c > 0:
			merged, newer = append(merged, newer[0]), newer[1:]
		default:
			merged, older, newer = append(merged, newer[0]), older[1:], newer[1:]
		}
	}
	return append(append(merged, older...), newer...)
}

// EntityKey is a key with its entity, and the shop whose it is.
type EntityKey struct {
	Shop   string
	Entity string
	Key    string
}

// HistoryEntry is one entry of a key's history.
type HistoryEntry struct {
	Entity string
	Key    string
	Drop   int64
	Run    int64
	Line   int64
	Fate   RowFate
	Sent   []formats.Value // the fields that were sent
	Before []formats.Value // what they were as far as the ledger knew; an empty text is a field that it did not know, or lost
	Detail string
	At     time.Time
}
