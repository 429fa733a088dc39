package bridge

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Poll lists a feed's folder once and brings every drop as far as it can go: seen, ready, claimed, fetched. It returns
// how many drops are fetched and wait for their turn.
func (b *Bridge) Poll(ctx context.Context, f *FeedConfig) (fetched int, err error) {
	r := b.Remotes[f.Remote]
	listing, err := r.List(ctx, f.Folder)
	if err != nil {
		return 0, err
	}
	files, markers := b.sift(f, listing)
	b.step("list")
	drops, err := b.Ledger.Listed(ctx, f, files, b.Clock.Now(), b.Config.Remotes[f.Remote].ReadOnly)
	if err != nil {
		return 0, err
	}
	for _, d := range drops {
		if d.State == Seen && b.whole(f, d, markers) {
			d.State, d.ReadyAt = Ready, b.Clock.Now()
			if err := b.Ledger.Advance(ctx, d, Seen); err != nil {
				return 0, err
			}
			b.Log.Info("ready", "feed", f.Name, "drop", d.ID, "file", d.Name, "bytes", d.Size)
		}
	}
	return b.take(ctx, f)
}

// sift keeps the files of a listing that are the feed's, and the names of the markers. Names that can't be trusted are
// told to the log and left alone.
func (b *Bridge) sift(f *FeedConfig, listing []File) (files []File, markers map[string]bool) {
	markers = map[string]bool{}
	for _, file := range listing {
		if file.Dir || Temporary(file.Name, f.Ignore) {
			continue
		}
		if f.Ready.Marker != "" && strings.HasSuffix(file.Name, f.Ready.Marker) {
			markers[file.Name] = true
			continue
		}
		if _, _, ok := f.Match.Match(file.Name); !ok {
			continue
		}
		if err := SafeName(file.Name); err != nil {
			b.Log.Warn("a name that is not safe to use: left alone", "feed", f.Name, "name", file.Name, "error", err)
			continue
		}
		files = append(files, file)
	}
	slices.SortFunc(files, func(x, y File) int { return cmp.Or(x.MTime.Compare(y.MTime), cmp.Compare(x.Name, y.Name)) })
	return files, markers
}

// whole says whether a drop's sender has finished writing it.
func (b *Bridge) whole(f *FeedConfig, d *Drop, markers map[string]bool) bool {
	if f.Ready.Marker != "" && !markers[d.Name+f.Ready.Marker] {
		return false
	}
	return d.ListedAt.Sub(d.SteadyAt) >= f.Ready.Stable.D()
}

// take claims and fetches every drop of a feed that is whole, in the feed's order.
func (b *Bridge) take(ctx context.Context, f *FeedConfig) (fetched int, err error) {
	drops, err := b.Ledger.Drops(ctx, DropFilter{Feed: f.Name, States: []DropState{Ready, Claimed, Fetched, Loading}})
	if err != nil {
		return 0, err
	}
	slices.SortStableFunc(drops, inOrder)
	for _, d := range drops {
		if d.State == Ready {
			if err := b.claim(ctx, f, d); err != nil {
				return fetched, err
			}
		}
		if d.State == Claimed {
			if err := b.fetch(ctx, f, d); err != nil {
				return fetched, err
			}
		}
		if d.State == Fetched || d.State == Loading {
			fetched++
		}
	}
	return fetched, nil
}

// inOrder is the order in which a feed's drops are loaded: what the name says, then the server's time, then the name.
func inOrder(x, y *Drop) int {
	return cmp.Or(cmp.Compare(x.Date, y.Date), compareSeq(x.Seq, y.Seq), x.MTime.Compare(y.MTime), cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID))
}

// compareSeq compares sequence numbers as numbers of any length.
func compareSeq(x, y string) int {
	x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
}

// claim moves a drop into the work folder, under a name that no other drop can have. A crash in between is seen by the
// file standing there already.
func (b *Bridge) claim(ctx context.Context, f *FeedConfig, d *Drop) error {
	r := b.Remotes[d.Remote]
	if !b.Config.Remotes[d.Remote].ReadOnly {
		target := path.Join(f.Folder, f.Folders.Work, DerivedName(d.Name, fmt.Sprintf("_d%d", d.ID)))
		b.step("claim")
		err := b.moveInto(ctx, r, d.Path, target)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
			if _, statErr := r.Stat(ctx, target); statErr == nil {
				err = nil // moved by an attempt that was cut short
			} else if errors.Is(err, fs.ErrNotExist) && errors.Is(statErr, fs.ErrNotExist) {
				d.State, d.Reason, d.SettledAt = Vanished, "the file left the folder before it could be claimed", b.Clock.Now()
				return b.Ledger.Advance(ctx, d, Ready)
			}
		}
		if err != nil {
			return err
		}
		d.Path = target
	}
	b.step("claimed")
	d.State, d.ClaimedAt = Claimed, b.Clock.Now()
	return b.Ledger.Advance(ctx, d, Ready)
}

// moveInto moves a file, making the target's folder when it is not there.
func (b *Bridge) moveInto(ctx context.Context, r Remote, from, to string) error {
	err := r.Move(ctx, from, to)
	if errors.Is(err, fs.ErrNotExist) {
		if err := r.MakeFolder(ctx, path.Dir(to)); err != nil {
			return err
		}
		err = r.Move(ctx, from, to)
	}
	return err
}

// fetch copies a claimed drop into the spool. What arrives must have the size of the listing; a file that has changed
// since it was claimed is watched anew.
func (b *Bridge) fetch(ctx context.Context, f *FeedConfig, d *Drop) error {
	name := fmt.Sprintf("%d", d.ID)
	b.step("fetch")
	size, sum, err := fetchTo(ctx, b.Remotes[d.Remote], d.Path, filepath.Join(b.Spool, name))
	if err != nil {
		return err
	}
	if size != d.Size {
		return &Error{Op: "fetch", Object: d.Remote + ":" + d.Path, Fate: Pause,
			Err:  fmt.Errorf("%d bytes arrived, the listing said %d", size, d.Size),
			Hint: "the sender was still writing: give the feed a marker, or a longer ready.stable"}
	}
	b.step("fetched")
	d.State, d.SHA256, d.Spool, d.FetchedAt = Fetched, sum, name, b.Clock.Now()
	if err := b.Ledger.Advance(ctx, d, Claimed); err != nil {
		return err
	}
	b.Log.Info("fetched", "feed", f.Name, "drop", d.ID, "file", d.Name, "bytes", size, "sha256", sum)
	return nil
}

// fetchTo copies a remote file to a local path: temporary name, sync, rename, sync of the folder.
func fetchTo(ctx context.Context, r Remote, from, to string) (size int64, sum string, err error) {
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

// spoolTrouble is trouble of the local disk: it passes once somebody has made room.
func spoolTrouble(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: "write", Object: "spool", Fate: Pause, Err: err, Hint: "make room on the disk of state.dir; the bridge goes on by itself"}
}

// HandOver copies a local file into the spool as a drop of a feed, as `orobridge load` does.
func (b *Bridge) HandOver(ctx context.Context, f *FeedConfig, file string) (*Drop, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, &Error{Op: "load", Object: file, Err: err, Hint: "name a file that this machine can read"}
	}
	if !info.Mode().IsRegular() {
		return nil, &Error{Op: "load", Object: file, Err: errors.New("not a regular file"), Hint: "name a file that this machine can read"}
	}
	name := filepath.Base(file)
	if err := SafeName(name); err != nil {
		return nil, &Error{Op: "load", Object: file, Err: err, Hint: "rename the file"}
	}
	now := b.Clock.Now()
	d := &Drop{Feed: f.Name, Remote: "local", Folder: filepath.Dir(file), Name: name, Size: info.Size(), MTime: info.ModTime().UTC().Truncate(time.Millisecond),
		State: Claimed, SeenAt: now, SteadyAt: now, ListedAt: now, ReadyAt: now, ClaimedAt: now}
	if err := b.Ledger.AddDrop(ctx, d); err != nil {
		return nil, err
	}
	spool := fmt.Sprintf("%d", d.ID)
	size, sum, err := fetchTo(ctx, localFile{}, file, filepath.Join(b.Spool, spool))
	if err != nil {
		return nil, err
	}
	d.Size, d.SHA256, d.Spool, d.State, d.FetchedAt = size, sum, spool, Fetched, b.Clock.Now()
	return d, b.Ledger.Advance(ctx, d, Claimed)
}

// localFile is the part of a remote that handing over a local file needs.
type localFile struct{ Remote }

func (localFile) Fetch(ctx context.Context, path string, w io.Writer) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return io.Copy(w, f)
}
