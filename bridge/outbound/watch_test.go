package outbound_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/bridgetest"
)

// reads counts how often a file is read.
type reads struct {
	bridge.Remote
	n int
}

func (r *reads) Fetch(ctx context.Context, path string, w io.Writer) (int64, error) {
	r.n++
	return r.Remote.Fetch(ctx, path, w)
}

func TestAFileThatWaitsIsReadOnlyWhenItsTimeChanges(t *testing.T) {
	w := bridgetest.Exporting(t, "")
	w.Submit("W1")
	w.MustOut()
	r := &reads{Remote: w.B.Out.Remotes["disk"]}
	w.Replace(r)
	name := filepath.Join(w.Folder, "orders", w.There()[0])
	fine := time.Date(2026, 11, 21, 6, 0, 0, 123_456_789, time.UTC) // finer than the ledger keeps
	w.Must(os.Chtimes(name, fine, fine))
	w.MustOut()
	r.n = 0
	for range 3 {
		w.MustOut()
	}
	if r.n != 0 {
		t.Errorf("it was read %d times though nobody touched it", r.n)
	}
	w.Must(os.Chtimes(name, fine, fine.Add(time.Minute)))
	w.MustOut()
	w.MustOut()
	if r.n != 1 {
		t.Errorf("it was read %d times after it was touched once", r.n)
	}
}
