package plan

import (
	"context"
	"slices"
	"sync"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// A finder finds the links of a file's rows. The ledger answers quickly for keys in their order, which most files have. For keys in no
// order it would read a page of its index for almost each row: where such a file is long, all links are read once, in their order, and
// kept in short, and the ledger is only asked about rows that differ.
type finder struct {
	ledger Ledger
	entity string
	force  bool  // rows are sent though their links hold what they say
	size   int64 // bytes of the file; 0: it is not known, and taken for short

	mu      sync.Mutex // guards what follows
	decided bool
	known   *known // nil: there is none
}

// A sized reader says how many bytes it reads.
type sized interface{ Size() int64 }

func (p *Planner) finder(reader formats.Reader) *finder {
	f := &finder{ledger: p.Ledger, entity: p.Feed.Entity.Name, force: p.Run.Force}
	if r, ok := reader.(sized); ok {
		f.size = r.Size()
	}
	return f
}

// close gives back what finding took.
func (f *finder) close() error { return f.known.close() }

// find fills in the links of a chunk's rows: with the fingerprint of a row where its link holds all that it says.
func (f *finder) find(ctx context.Context, c *chunk) error {
	if err := f.firstSight(ctx, c); err != nil || f.force {
		return err
	}
	return f.secondSight(ctx, c)
}

// secondSight looks at what links hold beside what their rows say: where feeds set different fields of a record, that is more.
func (f *finder) secondSight(ctx context.Context, c *chunk) error {
	var links []int64
	c.places = c.places[:0]
	for i := range c.rows {
		r := &c.rows[i]
		if r.reject != nil || r.rec.Remove {
			continue
		}
		if ref := c.refs[r.ref]; ref.ID != 0 && !ref.Doubtful() && ref.Fingerprint != r.print {
			links, c.places = append(links, ref.ID), append(c.places, i)
		}
	}
	return f.ledger.Contents(ctx, links, func(i int, content []formats.Value) {
		r := &c.rows[c.places[i]]
		ref := &c.refs[r.ref]
		if ref.Fingerprint != formats.Fingerprint(content) {
			return // it was removed, or is damaged
		}
		if differing, _ := bridge.Differing(r.rec.Values, content, false); len(differing) == 0 {
			ref.Fingerprint = r.print
		}
	})
}

// firstSight fills in the links as the ledger has them.
func (f *finder) firstSight(ctx context.Context, c *chunk) error {
	for i := range c.rows {
		if r := &c.rows[i]; r.reject == nil {
			r.print = formats.Fingerprint(r.rec.Values)
		}
	}
	known, err := f.knownFor(ctx, c)
	if err != nil {
		return err
	}
	if known == nil {
		return f.ledger.Lookup(ctx, f.entity, c.keys, c.refs)
	}
	clear(c.refs)
	c.asked, c.places = c.asked[:0], c.places[:0]
	for i := range c.rows {
		r := &c.rows[i]
		if r.ref < 0 {
			continue
		}
		if id := known.link(c.keys[r.ref], r.print); id != 0 && r.reject == nil {
			c.refs[r.ref] = bridge.LinkRef{ID: id, Fingerprint: r.print}
			continue
		}
		c.asked, c.places = append(c.asked, c.keys[r.ref]), append(c.places, r.ref)
	}
	answers := make([]bridge.LinkRef, len(c.asked))
	if err := f.ledger.Lookup(ctx, f.entity, c.asked, answers); err != nil {
		return err
	}
	for i, place := range c.places {
		c.refs[place] = answers[i]
	}
	return nil
}

// maxKnown bounds the links that are kept in short. Of more, each row is looked for.
const maxKnown = 1 << 20

// worthARow is how many links are read and kept for what it costs to look one key up in no order.
const worthARow = 4

// knownFor decides, at the first chunk whose keys are in no order, whether links are kept in short.
func (f *finder) knownFor(ctx context.Context, c *chunk) (*known, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.decided || slices.IsSorted(c.keys) {
		return f.known, nil
	}
	f.decided = true
	most := min(worthARow*c.rowsOf(f.size), maxKnown)
	links, err := f.ledger.CountLinks(ctx, f.entity, most+1)
	if err != nil || links == 0 || links > most {
		return nil, err
	}
	if f.known, err = newKnown(links); err == nil {
		err = f.ledger.EachRef(ctx, f.entity, f.known.add)
	}
	return f.known, err
}

// rowsOf is about how many rows such as those of the chunk fill a file.
func (c *chunk) rowsOf(size int64) int64 {
	const delimiter = 1
	bytes := int64(1)
	for _, cell := range c.cells {
		bytes += int64(len(cell)) + delimiter
	}
	return size * int64(len(c.rows)) / bytes
}
