package inbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/order"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
)

// HandOver copies a local file into the spool as a drop of a feed, as `orobridge load` does.
func (e *Engine) HandOver(ctx context.Context, f *config.Feed, file string) (*bridge.Drop, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, &bridge.Error{Op: "load", Object: file, Err: err, Hint: "name a file that this machine can read"}
	}
	if !info.Mode().IsRegular() {
		return nil, &bridge.Error{Op: "load", Object: file, Err: errors.New("not a regular file"), Hint: "name a file that this machine can read"}
	}
	name := filepath.Base(file)
	if err := bridge.SafeName(name); err != nil {
		return nil, &bridge.Error{Op: "load", Object: file, Err: err, Hint: "rename the file"}
	}
	if info.Size() > int64(f.MaxSize) {
		return nil, &bridge.Error{Op: "load", Object: file,
			Err: fmt.Errorf("it has %d bytes, more than max_size allows (%s)", info.Size(), f.MaxSize), Hint: "raise max_size of the feed"}
	}
	d := &bridge.Drop{Feed: f.Name, Folder: filepath.Dir(file), Name: name, Size: info.Size(),
		MTime: info.ModTime().UTC().Truncate(time.Millisecond)}
	d.Date, d.Seq, _ = f.Match.Match(name)
	if err := e.takeIn(ctx, d, localFile{}, file); err != nil {
		return nil, err
	}
	if d.Correction, err = e.poller(f).correctsAny(ctx, d); err != nil {
		return nil, err
	}
	return d, journal{e}.enterTaken(ctx, d)
}

// Parts gives the branches of a front their parts of a drop that is fetched, and lists them; there are none of another feed's drop.
func Parts(ctx context.Context, e *Engine, f *config.Feed, d *bridge.Drop) ([]*bridge.Drop, error) {
	if len(f.Branches) == 0 {
		return nil, nil
	}
	if err := partsOf(e).Part(ctx, f, d); err != nil {
		return nil, err
	}
	return e.Ledger.Drops(ctx, bridge.DropFilter{Front: d.ID})
}

// takeIn copies the bytes of a drop that no remote has brought into the spool, and makes it the newest of its feed. The ledger does not
// know of it yet: a drop whose bytes are still coming would be nobody's, while a bridge is at work beside whoever gives it.
func (e *Engine) takeIn(ctx context.Context, d *bridge.Drop, from spool.Source, path string) error {
	e.Events.Step("take in")
	c, err := spool.Take(ctx, from, path, e.Spool)
	if err != nil {
		return err
	}
	now := e.Clock.Now()
	d.Remote, d.State, d.Spool, d.Size, d.SHA256, d.ListedRows = bridge.ByHand, bridge.Fetched, c.Name, c.Size, c.SHA256, -1
	d.SeenAt, d.SteadyAt, d.ListedAt, d.ReadyAt, d.ClaimedAt, d.FetchedAt = now, now, now, now, now, now
	d.Rank, err = order.Newest(ctx, e.Ledger, d, now)
	return err
}

// enterTaken enters a drop that was taken in, and what is told of it.
func (j journal) enterTaken(ctx context.Context, d *bridge.Drop, also ...*bridge.Event) error {
	j.e.Events.Step("enter")
	events := append([]*bridge.Event{fetched(d, d.FetchedAt)}, also...)
	return j.told(j.e.Ledger.Listed(ctx, bridge.Listing{New: []*bridge.Drop{d}, At: d.SeenAt}, events...), events...)
}

// localFile is a spool.Source of files of this machine.
type localFile struct{}

func (localFile) Fetch(ctx context.Context, path string, w io.Writer) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return io.Copy(w, f)
}
