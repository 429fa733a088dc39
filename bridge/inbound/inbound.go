package inbound

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
	"strconv"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Poll lists a feed's folder once and brings every drop as far as it can go: seen, ready, claimed, fetched. It returns
// how many drops are fetched and wait for their turn. Trouble with one file does not keep the others.
func (b *Engine) Poll(ctx context.Context, f *config.Feed) (fetched int, err error) {
	// What an earlier process began comes first: a listing can't tell a file that was moved by half.
	if err := b.resumeClaims(ctx, f); err != nil {
		return 0, err
	}
	listing, err := b.Remotes[f.Remote].List(ctx, f.Folder)
	if err != nil {
		return 0, err
	}
	s := Sift(f, listing)
	b.step("list")
	drops, err := b.Ledger.Listed(ctx, f, bridge.Listing{Files: s.Files, Refused: s.Refused, At: b.Clock.Now(), Keep: b.ReadOnly[f.Remote]})
	if err != nil {
		return 0, err
	}
	b.step("listed")
	if s.TooMany > 0 {
		b.Log.Warn("more names that can't be used than are kept of one listing", "feed", f.Name, "more", s.TooMany)
	}
	for again := true; again; {
		if err := b.watch(ctx, f, drops, s); err != nil {
			return 0, err
		}
		// A manifest that was read now makes files ready that were listed with it.
		if fetched, again, err = b.take(ctx, f); again {
			drops = slices.DeleteFunc(drops, func(d *bridge.Drop) bool { return d.State != bridge.Seen })
		}
	}
	return fetched, errors.Join(err, b.closeManifests(ctx, f), b.sweepMarkers(ctx, f, s))
}

// Sifted is a listing of a feed's folder, taken apart.
type Sifted struct {
	Files   []bridge.File // the feed's and its manifests, oldest first
	Markers map[string]bridge.File
	Refused []bridge.Refusal // names that can't be used, of files that the feed would take otherwise
	TooMany int              // more of them, beyond the limit
	Foreign int              // files that are no business of the feed
}

// maxRefused bounds how many names that can't be used are kept of one listing: they cost a server that plays tricks
// nothing, and each stays in the ledger.
const maxRefused = 100

// Sift tells which files of a listing are the feed's, its manifests, and their markers. Folders and files under temporary
// names are left out.
func Sift(f *config.Feed, listing []bridge.File) *Sifted {
	s := &Sifted{Markers: map[string]bridge.File{}}
	for _, file := range listing {
		switch {
		case file.Dir || bridge.Temporary(file.Name, f.Ignore):
			continue
		case f.Ready.Marker != "" && strings.HasSuffix(file.Name, f.Ready.Marker):
			s.Markers[file.Name] = file
			continue
		}
		_, _, ours := f.Match.Match(strings.ReplaceAll(file.Name, "/", "_"))
		if !ours && !f.Ready.Lists(file.Name) {
			s.Foreign++
			continue
		}
		if err := bridge.SafeName(file.Name); err == nil {
			s.Files = append(s.Files, file)
		} else if len(s.Refused) < maxRefused {
			s.Refused = append(s.Refused, refuse(file, err))
		} else {
			s.TooMany++
		}
	}
	slices.SortFunc(s.Files, func(x, y bridge.File) int { return cmp.Or(x.MTime.Compare(y.MTime), cmp.Compare(x.Name, y.Name)) })
	return s
}

// refuse makes a name printable and short, so that names which differ stay different.
func refuse(file bridge.File, why error) bridge.Refusal {
	sum := sha256.Sum256([]byte(file.Name))
	name := strconv.QuoteToASCII(bridge.Shorten(file.Name, bridge.MaxName))
	if len(file.Name) > bridge.MaxName {
		name += "~" + hex.EncodeToString(sum[:8])
	}
	file.Name = name
	return bridge.Refusal{File: file, Why: why.Error() + "; it was left alone: have it sent under another name"}
}

// watch finds out which of the drops that were listed are whole, and what the others wait for.
func (b *Engine) watch(ctx context.Context, f *config.Feed, drops []*bridge.Drop, s *Sifted) error {
	awaited, err := b.awaited(ctx, f)
	if err != nil {
		return err
	}
	var changed []*bridge.Drop
	for _, d := range drops {
		if d.State != bridge.Seen {
			continue
		}
		why, whole := b.whole(f, d, s.Markers, awaited)
		if whole {
			d.State, d.Reason, d.ReadyAt = bridge.Ready, "", b.Clock.Now()
			b.Log.Info("ready", "feed", f.Name, "drop", d.ID, "file", d.Name, "bytes", d.Size)
		} else if d.Reason == why {
			continue
		}
		d.Reason = why
		changed = append(changed, d)
	}
	if len(changed) == 0 {
		return nil
	}
	b.step("ready")
	return b.Ledger.Watched(ctx, changed)
}

// whole says whether a drop's sender has finished writing it, and what is missing in words if something has to come yet.
func (b *Engine) whole(f *config.Feed, d *bridge.Drop, markers map[string]bridge.File, awaited map[string]bridge.Awaited) (why string, ok bool) {
	steady := d.ListedAt.Sub(d.SteadyAt)
	if d.Manifest {
		return "", steady >= f.Ready.ManifestStable.D()
	}
	if f.Ready.Marker != "" {
		marker, ok := markers[d.Name+f.Ready.Marker]
		switch {
		case !ok:
			return "waits for its marker " + d.Name + f.Ready.Marker, false
		case d.Previous != 0 && b.ReadOnly[d.Remote] && marker.MTime.Before(d.MTime):
			return "waits for a marker that is not older than the file", false // the one that is there stays forever
		}
	}
	if f.Ready.Manifest != "" {
		entry, ok := awaited[d.Name]
		switch {
		case !ok:
			return "waits for a manifest that lists it", false
		case entry.Size >= 0 && entry.Size != d.Size:
			return fmt.Sprintf("it has %d bytes, manifest %d says %d", d.Size, entry.Manifest, entry.Size), false
		}
		d.ListedBy, d.ListedRows, d.ListedSHA256 = entry.Manifest, entry.Rows, entry.SHA256
	}
	return "", steady >= f.Ready.Stable.D()
}

// resumeClaims finishes the claims that were cut short.
func (b *Engine) resumeClaims(ctx context.Context, f *config.Feed) error {
	drops, err := b.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, States: []bridge.DropState{bridge.Ready}})
	for _, d := range drops {
		if err != nil {
			break
		}
		if err = b.claim(ctx, f, d); err != nil && bridge.FateOf(err) == bridge.Stop {
			err = nil // told when its turn comes
		}
	}
	return err
}

// take claims and fetches every drop of a feed that is whole, in the feed's order. Trouble with one file that does not
// pass by itself is kept with the drop, and the others go on. It says whether a manifest was read.
func (b *Engine) take(ctx context.Context, f *config.Feed) (fetched int, listed bool, err error) {
	drops, err := b.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, States: []bridge.DropState{bridge.Ready, bridge.Claimed, bridge.Fetched, bridge.Loading}})
	if err != nil {
		return 0, false, err
	}
	slices.SortStableFunc(drops, inOrder)
	var errs []error
	for _, d := range drops {
		before := d.State
		if err := b.bring(ctx, f, d); err != nil {
			errs = append(errs, err)
			if bridge.FateOf(err) == bridge.Pause {
				break
			}
			errs = append(errs, b.stuck(ctx, d, err))
		}
		listed = listed || d.Manifest && d.State == bridge.Fetched && before != bridge.Fetched
		if !d.Manifest && (d.State == bridge.Fetched || d.State == bridge.Loading) {
			fetched++
		}
	}
	return fetched, listed && len(errs) == 0, errors.Join(errs...)
}

// bring takes one drop as far as it can go now.
func (b *Engine) bring(ctx context.Context, f *config.Feed, d *bridge.Drop) error {
	if d.State == bridge.Ready {
		if err := b.claim(ctx, f, d); err != nil {
			return err
		}
	}
	switch {
	case d.State != bridge.Claimed:
		return nil
	case d.Remote == bridge.ByHand:
		d.State, d.Reason, d.SettledAt = bridge.Vanished, "the copying of the file was cut short: load it again", b.Clock.Now()
		return b.Ledger.Advance(ctx, d, bridge.Claimed)
	case d.Size > int64(f.MaxSize):
		return b.end(ctx, f, d, nil, bridge.Rejected, fmt.Sprintf("it has %d bytes, more than max_size allows (%s)", d.Size, f.MaxSize))
	case b.Clock.Now().Sub(d.SteadyAt) < f.Ready.Stable.D():
		return nil // it grew after it was claimed
	case d.Manifest:
		return b.fetchManifest(ctx, f, d)
	}
	return b.fetch(ctx, f, d)
}

// stuck keeps with a drop why it does not go on.
func (b *Engine) stuck(ctx context.Context, d *bridge.Drop, why error) error {
	reason := why.Error()
	if hint := bridge.HintOf(why); hint != "" {
		reason += " — " + hint
	}
	if d.Reason == reason || d.State != bridge.Ready && d.State != bridge.Claimed {
		return nil
	}
	d.Reason = reason
	return b.Ledger.Advance(ctx, d, d.State)
}

// claim moves a drop into the work folder, its marker first: a marker that stayed behind would make the next file of
// that name look whole. What an attempt that was cut short has moved stands there already, in the size and time that the
// ledger knows; another file in that place is left alone.
func (b *Engine) claim(ctx context.Context, f *config.Feed, d *bridge.Drop) error {
	if !b.ReadOnly[d.Remote] {
		r, err := b.remote(d)
		if err != nil {
			return err
		}
		b.step("claim")
		target, err := b.moveToWork(ctx, r, f, d)
		if gone(err) {
			d.State, d.Reason, d.Path, d.SettledAt = bridge.Vanished, "the file left the folder before it could be claimed", "", b.Clock.Now()
			return b.Ledger.Advance(ctx, d, bridge.Ready)
		}
		if err != nil {
			return err
		}
		d.Path = target
	}
	b.step("claimed")
	d.State, d.Reason, d.ClaimedAt = bridge.Claimed, "", b.Clock.Now()
	return b.Ledger.Advance(ctx, d, bridge.Ready)
}

// moveToWork moves a drop and its marker into the work folder and returns where it stands. An error that is [gone] says
// that the drop is nowhere.
func (b *Engine) moveToWork(ctx context.Context, r bridge.Remote, f *config.Feed, d *bridge.Drop) (string, error) {
	for n := 1; ; n++ {
		target := path.Join(d.Folder, f.Folders.Work, numbered(bridge.DerivedName(d.Name, fmt.Sprintf("_d%d", d.ID)), n))
		file, err := r.Stat(ctx, target)
		switch {
		case err == nil && file.Size == d.Size && sameTime(file.MTime, d.MTime):
			return target, b.moveMarker(ctx, r, f, d.Path, target)
		case err == nil:
			if _, err := r.Stat(ctx, d.Path); gone(err) {
				return target, nil // it grew while it was moved
			} else if err != nil || n == maxStrangers {
				return "", errors.Join(err, &bridge.Error{Op: "claim", Object: bridge.FileObject(d.Remote, target), Err: fs.ErrExist, Hint: "clear the work folder"})
			}
			continue
		case !gone(err):
			return "", err
		}
		if err := b.moveMarker(ctx, r, f, d.Path, target); err != nil {
			return "", err
		}
		b.step("move to work")
		return target, b.moveInto(ctx, r, d.Path, target)
	}
}

// moveMarker moves the marker of a file along with it. One that came again is taken away.
func (b *Engine) moveMarker(ctx context.Context, r bridge.Remote, f *config.Feed, from, to string) error {
	if f.Ready.Marker == "" {
		return nil
	}
	from, to = beside(from, f.Ready.Marker), beside(to, f.Ready.Marker)
	err := b.moveInto(ctx, r, from, to)
	if errors.Is(err, fs.ErrExist) {
		err = r.Remove(ctx, from)
	}
	if gone(err) {
		return nil
	}
	return err
}

// beside is the path of a file's marker, wherever the file stands.
func beside(p, marker string) string {
	return path.Join(path.Dir(p), bridge.DerivedName(path.Base(p)+marker, ""))
}

// maxSwept bounds the markers that one poll takes away.
const maxSwept = 20

// sweepMarkers takes away markers that came again after their file was claimed: they would make the next file of that
// name look whole before it is.
func (b *Engine) sweepMarkers(ctx context.Context, f *config.Feed, s *Sifted) error {
	if f.Ready.Marker == "" || b.ReadOnly[f.Remote] {
		return nil
	}
	for _, file := range s.Files {
		delete(s.Markers, file.Name+f.Ready.Marker)
	}
	left := maxSwept
	for name := range s.Markers {
		of := strings.TrimSuffix(name, f.Ready.Marker)
		if left--; left < 0 {
			break
		}
		last, err := b.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, Name: of, Last: 1})
		if err != nil {
			return err
		}
		if len(last) == 0 || last[0].ClaimedAt.IsZero() || bridge.SafeName(name) != nil {
			continue
		}
		r := b.Remotes[f.Remote]
		if _, err := r.Stat(ctx, path.Join(f.Folder, of)); !gone(err) {
			continue
		}
		if err := r.Remove(ctx, path.Join(f.Folder, name)); err != nil && !gone(err) {
			return err
		}
		b.Log.Warn("a marker without its file: taken away", "feed", f.Name, "name", name)
	}
	return nil
}

// maxStrangers is how many files of others may stand where one of ours should.
const maxStrangers = 20

// numbered is another name for a file when the first is taken.
func numbered(name string, n int) string {
	if n == 1 {
		return name
	}
	return bridge.DerivedName(name, fmt.Sprintf("_%d", n))
}

// gone says that a file is not there, as against a remote that is not.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) && !errors.Is(err, bridge.ErrUnreachable)
}

// sameTime compares a server's time with one that the ledger has kept.
func sameTime(x, kept time.Time) bool { return x.Truncate(time.Millisecond).Equal(kept) }

// moveInto moves a file, making the target's folder when it is not there.
func (b *Engine) moveInto(ctx context.Context, r bridge.Remote, from, to string) error {
	err := r.Move(ctx, from, to)
	if gone(err) {
		if _, err := r.Stat(ctx, path.Dir(to)); !gone(err) {
			return errors.Join(err, &bridge.Error{Op: "move", Object: from, Err: fs.ErrNotExist})
		}
		if err := r.MakeFolder(ctx, path.Dir(to)); err != nil {
			return err
		}
		err = r.Move(ctx, from, to)
	}
	return err
}

// remote is where a drop stands. A config that no longer has it keeps the drop as it is.
func (b *Engine) remote(d *bridge.Drop) (bridge.Remote, error) {
	if r, ok := b.Remotes[d.Remote]; ok {
		return r, nil
	}
	return nil, &bridge.Error{Op: "reach", Object: fmt.Sprintf("drop %d", d.ID), Err: fmt.Errorf("the config has no remote %q any more", d.Remote),
		Hint: "put the remote back until all of its drops are put away"}
}

// fetch copies a claimed drop into the spool. A file that has changed since it was listed is watched anew where it
// stands; one that a sender took back from a remote on which nothing is moved is gone.
func (b *Engine) fetch(ctx context.Context, f *config.Feed, d *bridge.Drop) error {
	name := strconv.FormatInt(d.ID, 10)
	r, err := b.remote(d)
	if err != nil {
		return err
	}
	b.step("fetch")
	size, sum, err := fetchTo(ctx, r, d.Path, filepath.Join(b.Spool, name))
	if err != nil || size != d.Size {
		return b.changed(ctx, r, d, err)
	}
	b.step("fetched")
	d.State, d.Reason, d.SHA256, d.Spool, d.FetchedAt = bridge.Fetched, "", sum, name, b.Clock.Now()
	if d.ListedSHA256 != "" && d.ListedSHA256 != sum {
		d.State = bridge.Claimed
		return b.end(ctx, f, d, nil, bridge.Rejected, fmt.Sprintf("its sha256 is %s, manifest %d says %s: it was not sent whole", sum, d.ListedBy, d.ListedSHA256))
	}
	d.Correction = b.corrects(f, d)
	if err := b.Ledger.Advance(ctx, d, bridge.Claimed); err != nil {
		return err
	}
	b.Log.Info("fetched", "feed", f.Name, "drop", d.ID, "file", d.Name, "bytes", size, "sha256", sum)
	return nil
}

// changed finds out why a claimed file could not be fetched as it was listed.
func (b *Engine) changed(ctx context.Context, r bridge.Remote, d *bridge.Drop, why error) error {
	file, err := r.Stat(ctx, d.Path)
	switch {
	case gone(err) && b.ReadOnly[d.Remote], err == nil && b.ReadOnly[d.Remote] && (file.Size != d.Size || !sameTime(file.MTime, d.MTime)):
		d.State, d.Reason, d.Path, d.SettledAt = bridge.Vanished, "the sender replaced the file before it could be fetched", "", b.Clock.Now()
		return b.Ledger.Advance(ctx, d, bridge.Claimed)
	case err == nil && file.Size != d.Size:
		d.Reason = fmt.Sprintf("it had %d bytes when it was claimed and has %d now: the sender was still writing; give the feed a marker, or a longer ready.stable", d.Size, file.Size)
		d.Size, d.SteadyAt = file.Size, b.Clock.Now()
		b.Log.Warn("still written to", "feed", d.Feed, "drop", d.ID, "file", d.Name, "bytes", d.Size)
		return b.Ledger.Advance(ctx, d, bridge.Claimed)
	case why == nil:
		return &bridge.Error{Op: "fetch", Object: bridge.FileObject(d.Remote, d.Path), Fate: bridge.Pause, Err: errors.New("another number of bytes arrived than the file has")}
	}
	return why
}

// corrects says whether a file of a feed whose files hold everything is one of rejects that came back corrected.
func (b *Engine) corrects(f *config.Feed, d *bridge.Drop) bool {
	if f.Mode != "full" {
		return false
	}
	rows, err := b.openRows(f, b.spool(d))
	if err != nil {
		return false // planning tells what is wrong with it
	}
	defer rows.Close() // it was only read
	return rows.corrects
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

// spoolTrouble is trouble of the local disk: it passes once somebody has made room.
func spoolTrouble(err error) error {
	if err == nil {
		return nil
	}
	return &bridge.Error{Op: "write", Object: "spool", Fate: bridge.Pause, Err: err, Hint: "make room on the disk of state.dir; the bridge goes on by itself"}
}

// HandOver copies a local file into the spool as a drop of a feed, as `orobridge load` does.
func (b *Engine) HandOver(ctx context.Context, f *config.Feed, file string) (*bridge.Drop, error) {
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
	now := b.Clock.Now()
	d := &bridge.Drop{Feed: f.Name, Remote: bridge.ByHand, Folder: filepath.Dir(file), Name: name, Size: info.Size(), MTime: info.ModTime().UTC().Truncate(time.Millisecond),
		State: bridge.Claimed, ListedRows: -1, SeenAt: now, SteadyAt: now, ListedAt: now, ReadyAt: now, ClaimedAt: now}
	d.Date, d.Seq, _ = f.Match.Match(name)
	if err := b.Ledger.AddDrop(ctx, d); err != nil {
		return nil, err
	}
	spool := fmt.Sprintf("%d", d.ID)
	size, sum, err := fetchTo(ctx, localFile{}, file, filepath.Join(b.Spool, spool))
	if err != nil {
		return nil, err
	}
	d.Size, d.SHA256, d.Spool, d.State, d.FetchedAt = size, sum, spool, bridge.Fetched, b.Clock.Now()
	d.Correction = b.corrects(f, d)
	return d, b.Ledger.Advance(ctx, d, bridge.Claimed)
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
