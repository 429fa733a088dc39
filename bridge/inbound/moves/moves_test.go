package moves_test

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/moves"
)

// crowded is a place where somebody else makes the folder just when a move has missed it.
type crowded struct {
	bridge.Remote
	file, folder bool
	moved        string
}

func (r *crowded) Move(_ context.Context, from, to string) error {
	if !r.file || !r.folder {
		r.folder = true
		return &bridge.Error{Op: "move", Object: from, File: true, Err: fs.ErrNotExist}
	}
	r.file, r.moved = false, to
	return nil
}

func (r *crowded) Stat(_ context.Context, p string) (bridge.File, error) {
	if p == "/in/a.csv" && !r.file {
		return bridge.File{}, &bridge.Error{Op: "stat", Object: p, File: true, Err: fs.ErrNotExist}
	}
	return bridge.File{}, nil
}

func (r *crowded) MakeFolder(context.Context, string) error { return nil }

// TestAFolderThatSomebodyElseMakes is no reason to believe that the file is gone; a file that is gone is one.
func TestAFolderThatSomebodyElseMakes(t *testing.T) {
	r := &crowded{file: true}
	if err := moves.Into(t.Context(), r, "/in/a.csv", "/in/.work/a.csv"); err != nil || r.moved != "/in/.work/a.csv" {
		t.Errorf("it was moved to %q: %v", r.moved, err)
	}
	if err := moves.Into(t.Context(), &crowded{folder: true}, "/in/a.csv", "/in/.work/a.csv"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
}
