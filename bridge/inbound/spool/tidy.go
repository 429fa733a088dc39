package spool

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Unwrapped is the pattern of the names of folders for what is unpacked while it is read.
const Unwrapped = "unwrapped-*"

// old is after what time a file that the ledger does not know belongs to nobody.
const old = bridge.Day

// A Ledger knows the drops whose copies are kept.
type Ledger interface {
	Drop(ctx context.Context, id int64) (*bridge.Drop, error)
	Drops(ctx context.Context, f bridge.DropFilter) ([]*bridge.Drop, error)
}

// Tidy removes what a process that was killed has left in a folder a day ago or earlier: parts of files, folders of what was unpacked,
// and copies that no drop needs.
func Tidy(ctx context.Context, l Ledger, folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return Trouble(err)
	}
	var errs []error
	for _, entry := range entries {
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) || err == nil && time.Since(info.ModTime()) < old {
			continue
		}
		stale := false
		if err == nil {
			stale, err = isStale(ctx, l, info)
		}
		if stale {
			err = os.RemoveAll(filepath.Join(folder, entry.Name()))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// isStale says that nobody needs something old.
func isStale(ctx context.Context, l Ledger, info fs.FileInfo) (bool, error) {
	name := info.Name()
	if !info.Mode().IsRegular() {
		unwrapped, _ := filepath.Match(Unwrapped, name) // the pattern is a good one
		return unwrapped && info.IsDir(), nil
	}
	if strings.HasSuffix(name, Part) {
		return true, nil
	}
	if sum, taken := Taken(name); taken {
		drops, err := l.Drops(ctx, bridge.DropFilter{Remote: bridge.ByHand, SHA256: sum})
		return err == nil && !slices.ContainsFunc(drops, func(d *bridge.Drop) bool { return d.Spool == name }), err
	}
	id, err := strconv.ParseInt(strings.TrimSuffix(name, Packed), 10, 64)
	if err != nil {
		return false, nil // no copy
	}
	d, err := l.Drop(ctx, id)
	if errors.Is(err, bridge.ErrUnknown) {
		return true, nil
	}
	return err == nil && d.State.Settled() && d.Spool != name, err
}
