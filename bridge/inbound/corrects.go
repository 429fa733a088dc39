package inbound

import (
	"context"
	"errors"
	"hash/maphash"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/formats"
)

// A file of rejects that comes back, mended, is no full file: what it lacks is not withdrawn. It is known by the columns that
// were added to it, by its name, or by its rows: whoever mends it in a spreadsheet may take the columns out and give it
// another name, and reject files of some formats (IDocs) have no columns to add to.

// rejectName is what a reject file's name has of its run.
var rejectName = regexp.MustCompile(`_r(\d+)_rejects`)

// corrects says whether a drop of a feed whose files hold everything is one of rejects that came back.
func (p *poller) corrects(ctx context.Context, d *bridge.Drop) (bool, error) {
	if p.f.Mode != "full" {
		return false, nil
	}
	if m := rejectName.FindStringSubmatch(d.Name); m != nil {
		id, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return false, nil
		}
		wrote, err := p.e.Ledger.WroteRejects(ctx, p.f.Name, id)
		if err != nil || wrote {
			return wrote, err
		}
	}
	file, err := rows.Open(p.e.Spool, p.f, p.e.spool(d), nil)
	if err != nil {
		return false, nil // planning tells what is wrong with it
	}
	defer file.Close() // it was only read
	if file.Corrects() {
		return true, nil
	}
	return p.mended(ctx, file)
}

// owed are the rows that drops of a feed still owe: their open rejects, as hashes.
type owed struct {
	keys  map[uint64]bool
	rows  map[int64]bool
	loose int   // rows whose fault may be in their key: mended, they may have any
	of    int64 // rows of the drop that was rejected in part last
}

var keySeed = maphash.MakeSeed()

// owes gathers the open rejects of a feed; nil when there are none.
func (p *poller) owes(ctx context.Context) (*owed, error) {
	o, last := &owed{keys: map[uint64]bool{}, rows: map[int64]bool{}}, int64(0)
	err := p.e.Ledger.Rejects(ctx, bridge.RejectFilter{Feed: p.f.Name, Open: true}, func(r bridge.RejectRow) error {
		last = max(last, r.Drop)
		o.rows[hashRow(r.Row)] = true
		o.keys[maphash.String(keySeed, r.Key)] = true
		if p.f.Entity.IsKey(r.Field) || r.Code == formats.CodeQuote || r.Code == formats.CodeRagged {
			o.loose++
		}
		return nil
	})
	if err != nil || last == 0 {
		return nil, err
	}
	runs, err := p.e.Ledger.Runs(ctx, last)
	for _, r := range runs {
		o.of = max(o.of, r.Rows)
	}
	return o, err
}

// hashRow is the hash of a row's cells, whatever their order.
func hashRow(cells map[string]string) int64 {
	columns := slices.Sorted(maps.Keys(cells))
	return formats.NewRowHasher(columns).Hash(&formats.Row{Cells: rows.Cells(columns, cells)})
}

var errAnotherFile = errors.New("a row that was not rejected")

// mended says whether the rows of a file are rejects of the feed, as they were or mended, and not many: each stands under the
// key of an open reject, or is one, or mends one whose key was at fault, and all of them are no more than half of the drop that
// they were rejected of. With more the file could as well be the next full one.
func (p *poller) mended(ctx context.Context, file *rows.File) (bool, error) {
	o, err := p.owes(ctx)
	if err != nil || o == nil {
		return false, err
	}
	n, loose := int64(0), o.loose
	_, err = rows.EachRecord(ctx, p.f, file, func(rec *formats.Record, reject *formats.Reject, raw func() map[string]string) error {
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
