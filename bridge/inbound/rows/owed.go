package rows

import (
	"context"
	"errors"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/formats"
)

// Owed are the rows that drops of a feed still owe: their open rejects, as hashes.
type Owed struct {
	of int64 // rows of the drop that was rejected in part last

	feed  *config.Feed
	keys  map[uint64]bool
	rows  map[int64]bool
	loose int // rows whose fault may be in their key: mended, they may have any
}

var keySeed = maphash.MakeSeed()

// Rejecteds knows what was rejected.
type Rejecteds interface {
	Rejects(ctx context.Context, f bridge.RejectFilter, each func(bridge.RejectRow) error) error
	Runs(ctx context.Context, drop int64) ([]*bridge.Run, error)
}

// OwedBy gathers the open rejects of a feed; nil when there are none.
func OwedBy(ctx context.Context, l Rejecteds, f *config.Feed) (*Owed, error) {
	o, last := &Owed{feed: f, keys: map[uint64]bool{}, rows: map[int64]bool{}}, int64(0)
	err := l.Rejects(ctx, bridge.RejectFilter{Feed: f.Name, Open: true}, func(r bridge.RejectRow) error {
		last = max(last, r.Drop)
		o.add(&r)
		return nil
	})
	if err != nil || last == 0 {
		return nil, err
	}
	runs, err := l.Runs(ctx, last)
	for _, r := range runs {
		o.of = max(o.of, r.Rows)
	}
	return o, err
}

func (o *Owed) add(r *bridge.RejectRow) {
	o.rows[hashRow(r.Row)] = true
	o.keys[maphash.String(keySeed, r.Key)] = true
	if o.feed.Entity.IsKey(r.Field) || r.Code == formats.CodeQuote || r.Code == formats.CodeRagged {
		o.loose++
	}
}

// hashRow is the hash of a row's cells, whatever their order.
func hashRow(cells map[string]string) int64 {
	columns := slices.Sorted(maps.Keys(cells))
	return formats.NewRowHasher(columns).Hash(&formats.Row{Cells: Cells(columns, cells)})
}

var errAnotherFile = errors.New("a row that was not rejected")

// Mended says whether the rows of a file are rejects of the feed, as they were or mended, and not many: each stands under the
// key of an open reject, or is one, or mends one whose key was at fault, and all of them are no more than half of the drop that
// they were rejected of. With more the file could as well be the next full one.
func (o *Owed) Mended(ctx context.Context, file *File) (bool, error) {
	n, loose := int64(0), o.loose
	_, err := EachRecord(ctx, o.feed, file, func(rec *formats.Record, reject *formats.Reject, raw func() map[string]string) error {
		key := rec.Key
		if reject != nil {
			key = reject.Key
		}
		n++
		switch {
		case 2*n > o.of:
			return errAnotherFile
		case o.keys[maphash.String(keySeed, key)], o.rows[hashRow(raw())]:
		case loose == 0:
			return errAnotherFile
		default:
			loose--
		}
		return nil
	})
	var unreadable *formats.FileError
	if errors.Is(err, errAnotherFile) || errors.As(err, &unreadable) { // planning tells what is wrong with it
		return false, nil
	}
	return n > 0, err
}
