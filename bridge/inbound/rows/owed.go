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
	Of int64 // rows of the drop that was rejected in part last

	feed  *config.Feed
	keys  map[uint64]bool
	rows  map[int64]bool
	loose int // rows whose fault may be in their key: mended, they may have any
}

var keySeed = maphash.MakeSeed()

// NewOwed begins with none of a feed.
func NewOwed(f *config.Feed) *Owed {
	return &Owed{feed: f, keys: map[uint64]bool{}, rows: map[int64]bool{}}
}

// Add adds a reject.
func (o *Owed) Add(r *bridge.RejectRow) {
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
		case 2*n > o.Of:
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
