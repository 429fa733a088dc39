// Package leftovers finds files in a feed's work folder that no open drop of the ledger has claimed: a ledger that was lost, or set
// back, had claimed them. Nobody loads them unless a person says so.
//
// What may go in: which files are left over, how they are told, and how one comes back. What may not: who tells it, and when (package
// inbound).
package leftovers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/moves"
)

// A Ledger tells which files drops have claimed.
type Ledger interface {
	Drops(ctx context.Context, f bridge.DropFilter) ([]*bridge.Drop, error)
}

const prefix = "leftovers "

// NoteOf is the name of the note that tells of a feed's leftovers.
func NoteOf(feed string) string { return prefix + feed }

// Feed says whether a note of the ledger tells of leftovers, and of which feed.
func Feed(name string) (feed string, ok bool) {
	return strings.CutPrefix(name, prefix)
}

// Hint says what to do about leftovers.
func Hint(feed string) string {
	return "no drop of this ledger has claimed them: `orobridge adopt --leftovers " + feed +
		"` puts them back into the feed's folder, to be loaded; leave them alone if another bridge works there"
}

// List lists a feed's leftovers. A work folder that is not there has none.
func List(ctx context.Context, ledger Ledger, r bridge.Remote, f *config.Feed) ([]bridge.File, error) {
	work := path.Join(f.Folder, f.Folders.Work)
	listing, err := r.List(ctx, work)
	if bridge.NotThere(err) {
		return nil, nil
	}
	if err != nil || len(listing) == 0 {
		return nil, err
	}
	// Listed first: what is claimed meanwhile is asked for afterwards. Feeds may share a folder.
	open, err := ledger.Drops(ctx, bridge.DropFilter{Remote: f.Remote,
		States: []bridge.DropState{bridge.Ready, bridge.Claimed, bridge.Fetched, bridge.Loading, bridge.Held}})
	if err != nil {
		return nil, err
	}
	owed, err := ledger.Drops(ctx, bridge.DropFilter{Remote: f.Remote, Owed: true})
	if err != nil {
		return nil, err
	}
	claimed := map[string]bool{}
	for _, d := range append(open, owed...) {
		claimed[path.Clean("/"+d.Path)] = true
		claimed[path.Join("/", work, bridge.DerivedName(d.Name, fmt.Sprintf("_d%d", d.ID)))] = true // it is on its way there
	}
	var left []bridge.File
	for _, file := range listing {
		at := path.Join("/", work, file.Name)
		ofClaimed := claimed[at] || f.Ready.Marker != "" && claimed[strings.TrimSuffix(at, f.Ready.Marker)]
		if !file.Dir && !file.Special && !bridge.Temporary(file.Name, nil) && bridge.SafeName(file.Name) == nil && !ofClaimed {
			left = append(left, file)
		}
	}
	return left, nil
}

// Text counts leftovers and names the first; it is empty when there are none.
func Text(f *config.Feed, left []bridge.File) string {
	if len(left) == 0 {
		return ""
	}
	return fmt.Sprintf("%d files in %s are left over, the first is %s", len(left), path.Join(f.Folder, f.Folders.Work), left[0].Name)
}

// workTag is what a claim puts into a file's name.
var workTag = regexp.MustCompile(`_d\d+(_\d+)?((\.[^.]{1,15}){0,2})$`)

// Adopt moves a feed's leftovers back into its folder under the names that they came with, where the next listing finds them as new
// drops. A file whose name is taken there, or is none of the feed's, stays; it comes back in left.
func Adopt(ctx context.Context, ledger Ledger, r bridge.Remote, f *config.Feed) (moved, left []string, err error) {
	files, err := List(ctx, ledger, r, f)
	if err != nil {
		return nil, nil, err
	}
	there := map[string]bool{}
	for _, file := range files {
		there[file.Name] = true
	}
	for _, file := range files {
		if f.Ready.Marker != "" && strings.HasSuffix(file.Name, f.Ready.Marker) && there[strings.TrimSuffix(file.Name, f.Ready.Marker)] {
			continue // goes with its file
		}
		name := workTag.ReplaceAllString(file.Name, "$2")
		_, _, ours := f.Match.Match(name)
		if !ours && !f.Ready.Lists(name) {
			left = append(left, file.Name)
			continue
		}
		err := putBack(ctx, r, f, file.Name, name)
		switch {
		case errors.Is(err, fs.ErrExist):
			left = append(left, file.Name)
		case err != nil:
			return moved, left, err
		default:
			moved = append(moved, name)
		}
	}
	return moved, left, nil
}

// putBack moves one leftover, then its marker. One whose marker was lost gets another: it was whole when it was claimed.
func putBack(ctx context.Context, r bridge.Remote, f *config.Feed, from, to string) error {
	at, target := path.Join(f.Folder, f.Folders.Work, from), path.Join(f.Folder, to)
	if err := r.Move(ctx, at, target); err != nil || f.Ready.Marker == "" {
		return err
	}
	err := r.Move(ctx, moves.Beside(at, f.Ready.Marker), moves.Beside(target, f.Ready.Marker))
	if bridge.NotThere(err) {
		err = r.Put(ctx, moves.Beside(target, f.Ready.Marker), bytes.NewReader(nil))
	}
	if errors.Is(err, fs.ErrExist) {
		return nil // there is one already
	}
	return err
}
