package inbound

import (
	"context"
	"regexp"
	"strconv"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
)

// A file of rejects that comes back, mended, is no full file: what it lacks is not withdrawn. It is known by the columns that
// were added to it, by its name, or by its rows: whoever mends it in a spreadsheet may take the columns out and give it
// another name, and reject files of some formats (IDocs) have no columns to add to.

// rejectName is what a reject file's name has of its run.
var rejectName = regexp.MustCompile(`_r(\d+)_rejects`)

// correctsAny says whether a drop is one of rejects that came back, from whichever of the shops that load it.
func (p *poller) correctsAny(ctx context.Context, d *bridge.Drop) (bool, error) {
	for _, f := range p.f.Loads() {
		if does, err := p.e.poller(f).corrects(ctx, d); err != nil || does {
			return does, err
		}
	}
	return false, nil
}

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
	file, err := rows.OpenCopy(p.e.Spool, p.f, p.e.spool(d), "", nil)
	if err != nil {
		return false, nil // planning tells what is wrong with it
	}
	defer file.Close() // it was only read
	if file.Corrects() {
		return true, nil
	}
	o, err := rows.OwedBy(ctx, p.e.Ledger, p.f)
	if err != nil || o == nil {
		return false, err
	}
	return o.Mended(ctx, file)
}
