package inbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
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
	now := e.Clock.Now()
	d := &bridge.Drop{Feed: f.Name, Remote: bridge.ByHand, Folder: filepath.Dir(file), Name: name, Size: info.Size(),
		MTime: info.ModTime().UTC().Truncate(time.Millisecond), State: bridge.Claimed, ListedRows: -1, SeenAt: now, SteadyAt: now,
		ListedAt: now, ReadyAt: now, ClaimedAt: now}
	d.Date, d.Seq, _ = f.Match.Match(name)
	if d.Rank, err = order.Newest(ctx, e.Ledger, d, e.Clock.Now()); err != nil {
		return nil, err
	}
	if err := e.Ledger.Listed(ctx, bridge.Listing{New: []*bridge.Drop{d}, At: now}); err != nil {
		return nil, err
	}
	name = strconv.FormatInt(d.ID, 10)
	size, sum, err := spool.Fetch(ctx, localFile{}, file, filepath.Join(e.Spool, name))
	if err != nil {
		return nil, err
	}
	d.Size, d.SHA256, d.Spool, d.State, d.FetchedAt = size, sum, name, bridge.Fetched, e.Clock.Now()
	if d.Correction, err = e.poller(f).corrects(ctx, d); err != nil {
		return nil, err
	}
	return d, journal{e}.advance(ctx, d, bridge.Claimed, fetched(d, e.Clock.Now()))
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
