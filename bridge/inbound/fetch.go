package inbound

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/order"
)

// fetch copies a claimed drop into the spool. A file that has changed since it was listed is watched anew where it
// stands; one that a sender took back from a remote on which nothing is moved is gone.
func (e *Engine) fetch(ctx context.Context, f *config.Feed, d *bridge.Drop) error {
	name := strconv.FormatInt(d.ID, 10)
	r, err := e.remote(d)
	if err != nil {
		return err
	}
	e.Events.Step("fetch")
	size, sum, err := fetchTo(ctx, r, d.Path, filepath.Join(e.Spool, name))
	if err != nil || size != d.Size {
		return e.changed(ctx, r, d, err)
	}
	e.Events.Step("fetched")
	d.State, d.Reason, d.SHA256, d.Spool, d.FetchedAt = bridge.Fetched, "", sum, name, e.Clock.Now()
	if d.ListedSHA256 != "" && d.ListedSHA256 != sum {
		d.State = bridge.Claimed
		return e.end(ctx, f, d, nil, verdict{state: bridge.Rejected, reason: fmt.Sprintf("its sha256 is %s, manifest %d says %s: it was not sent whole", sum, d.ListedBy, d.ListedSHA256)})
	}
	if err := e.recognise(ctx, f, d); err != nil {
		return err
	}
	return e.advance(ctx, d, bridge.Claimed, e.fetched(d))
}

// fetched is the event of a drop whose bytes are in the spool.
func (e *Engine) fetched(d *bridge.Drop) *bridge.Event {
	event := e.event(bridge.DropFetched, d, "")
	event.Bytes, event.SHA256 = d.Size, d.SHA256
	return event
}

// recognise finds out whether a drop is a file of rejects that came back, which is the newest that its sender says.
func (e *Engine) recognise(ctx context.Context, f *config.Feed, d *bridge.Drop) (err error) {
	if d.Correction, err = e.corrects(ctx, f, d); err == nil && d.Correction {
		d.Rank, err = order.Newest(ctx, e.Ledger, d, e.Clock.Now())
	}
	return err
}

// changed finds out why a claimed file could not be fetched as it was listed.
func (e *Engine) changed(ctx context.Context, r bridge.Remote, d *bridge.Drop, why error) error {
	file, err := r.Stat(ctx, d.Path)
	switch {
	case bridge.NotThere(err) && e.ReadOnly[d.Remote], err == nil && e.ReadOnly[d.Remote] && (file.Size != d.Size || !bridge.SameTime(file.MTime, d.MTime)):
		d.State, d.Reason, d.Path, d.SettledAt = bridge.Vanished, "the sender replaced the file before it could be fetched", "", e.Clock.Now()
		return e.advance(ctx, d, bridge.Claimed, e.event(bridge.DropSettled, d, settledText(d)))
	case err == nil && file.Size != d.Size:
		d.Reason = fmt.Sprintf("it had %d bytes when it was claimed and has %d now: the sender was still writing; give the feed a marker, or a longer ready.stable", d.Size, file.Size)
		d.Size, d.MTime, d.SteadyAt = file.Size, file.MTime.UTC(), e.Clock.Now()
		return e.advance(ctx, d, bridge.Claimed, e.event(bridge.DropTrouble, d, d.Reason))
	case why == nil:
		return &bridge.Error{Op: "fetch", Object: bridge.FileObject(d.Remote, d.Path), Fate: bridge.Pause, File: true, Err: errors.New("another number of bytes arrived than the file has")}
	}
	return why
}

// rejectName is what a reject file's name has of its run.
var rejectName = regexp.MustCompile(`_r(\d+)_rejects`)

// corrects says whether a file of a feed whose files hold everything is one of rejects that came back: it has their
// columns, or, where somebody has taken these out, the name of a reject file that the feed's runs have written.
func (e *Engine) corrects(ctx context.Context, f *config.Feed, d *bridge.Drop) (bool, error) {
	if f.Mode != "full" {
		return false, nil
	}
	if m := rejectName.FindStringSubmatch(d.Name); m != nil {
		id, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil {
			return false, nil
		}
		wrote, err := e.Ledger.WroteRejects(ctx, f.Name, id)
		if err != nil || wrote {
			return wrote, err
		}
	}
	rows, err := e.openRows(f, e.spool(d))
	if err != nil {
		return false, nil // planning tells what is wrong with it
	}
	defer rows.Close() // it was only read
	return rows.corrects, nil
}

// fetchTo copies a remote file to a local path: temporary name, sync, rename, sync of the folder.
func fetchTo(ctx context.Context, r bridge.Remote, from, to string) (size int64, sum string, err error) {
	tmp, err := os.OpenFile(to+".part", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, "", spoolTrouble(err)
	}
	hash := sha256.New()
	size, err = r.Fetch(ctx, from, io.MultiWriter(tmp, hash))
	if err == nil {
		err = spoolTrouble(tmp.Sync())
	}
	if err = errors.Join(err, spoolTrouble(tmp.Close())); err != nil {
		return 0, "", errors.Join(err, os.Remove(tmp.Name()))
	}
	if err := os.Rename(tmp.Name(), to); err != nil {
		return 0, "", spoolTrouble(err)
	}
	return size, hex.EncodeToString(hash.Sum(nil)), spoolTrouble(syncFolder(filepath.Dir(to)))
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// spoolTrouble is trouble of the local disk: it passes once somebody has made room. Without room a smaller file may go on.
func spoolTrouble(err error) error {
	if err == nil {
		return nil
	}
	return &bridge.Error{Op: "write", Object: "spool", Fate: bridge.Pause, File: errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT), Err: err,
		Hint: "make room on the disk of state.dir; the bridge goes on by itself"}
}

const hintNeverFits = "give state.dir a larger disk, or have the sender send less at once"

// neverFits says that so many bytes are more than the disk of a folder could ever hold. A disk that can't be asked holds all.
func neverFits(folder string, size int64) bool {
	var disk syscall.Statfs_t
	if syscall.Statfs(folder, &disk) != nil || disk.Blocks == 0 {
		return false
	}
	return uint64(size)/uint64(disk.Bsize) >= disk.Blocks
}

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
		return nil, &bridge.Error{Op: "load", Object: file, Err: fmt.Errorf("it has %d bytes, more than max_size allows (%s)", info.Size(), f.MaxSize), Hint: "raise max_size of the feed"}
	}
	now := e.Clock.Now()
	d := &bridge.Drop{Feed: f.Name, Remote: bridge.ByHand, Folder: filepath.Dir(file), Name: name, Size: info.Size(), MTime: info.ModTime().UTC().Truncate(time.Millisecond),
		State: bridge.Claimed, ListedRows: -1, SeenAt: now, SteadyAt: now, ListedAt: now, ReadyAt: now, ClaimedAt: now}
	d.Date, d.Seq, _ = f.Match.Match(name)
	if d.Rank, err = order.Newest(ctx, e.Ledger, d, e.Clock.Now()); err != nil {
		return nil, err
	}
	if err := e.Ledger.Listed(ctx, bridge.Listing{New: []*bridge.Drop{d}, At: now}); err != nil {
		return nil, err
	}
	spool := fmt.Sprintf("%d", d.ID)
	size, sum, err := fetchTo(ctx, localFile{}, file, filepath.Join(e.Spool, spool))
	if err != nil {
		return nil, err
	}
	d.Size, d.SHA256, d.Spool, d.State, d.FetchedAt = size, sum, spool, bridge.Fetched, e.Clock.Now()
	if d.Correction, err = e.corrects(ctx, f, d); err != nil {
		return nil, err
	}
	return d, e.advance(ctx, d, bridge.Claimed, e.fetched(d))
}

// localFile is the part of a remote that handing over a local file needs.
type localFile struct{ bridge.Remote }

func (localFile) Fetch(ctx context.Context, path string, w io.Writer) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return io.Copy(w, f)
}
