package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"
)

// A ledger that was put back, by hand or by [Restore], is older than the world: drops were loaded and orders were written since. It
// begins another life, with a number that is higher than that of each life before, and is careful: what it believes of the shop is
// compared first, and bridge/outbound finds out what went out. Which life was the last stands in the file "generation" beside the
// ledger, and in the folder of each export.
const generationName = "generation"

// life is which ledger a folder belongs to, and its generation.
type life struct {
	identity   string
	generation int64
}

// readLife reads the file; the zero value when there is none.
func readLife(dir string) (l life, err error) {
	text, err := os.ReadFile(filepath.Join(dir, generationName))
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, fmt.Errorf("read generation: %w", err)
	}
	if _, err := fmt.Sscanf(string(text), "%s %d\n", &l.identity, &l.generation); err != nil {
		return life{}, nil // it was cut short: the ledger knows
	}
	return l, nil
}

// write keeps it: temporary name, sync, rename, sync of the folder.
func (l life) write(dir string) error {
	path := filepath.Join(dir, generationName)
	if err := os.Remove(path + ".part"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write generation: %w", err)
	}
	f, err := newFile(path + ".part")
	if err != nil {
		return fmt.Errorf("write generation: %w", err)
	}
	_, err = fmt.Fprintf(f, "%s %d\n", l.identity, l.generation)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(path+".part", path)
	}
	if err == nil {
		err = syncFolder(dir)
	}
	if err != nil {
		return fmt.Errorf("write generation: %w", err)
	}
	return nil
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// recognise compares the ledger with the folder's last life. One that is older, or another one, was put there by hand, and so was one
// that is not empty in a folder in which no bridge has worked before.
func (s *State) recognise(ctx context.Context, first bool) error {
	last, err := readLife(s.dir)
	if err != nil {
		return err
	}
	now := life{s.Identity(), s.Generation()}
	if last == now {
		return nil
	}
	events, _, err := s.Decided(ctx, math.MaxInt64)
	if err != nil {
		return err
	}
	placed := last.identity == "" && first && events > 0
	if placed || last.identity != "" && (last.identity != now.identity || last.generation > now.generation) {
		now.generation = max(last.generation, now.generation) + 1
		if err := s.Renew(ctx, now.generation, time.Now(), fmt.Sprintf("an earlier ledger was put into %s: generation %d begins", s.dir,
			now.generation)); err != nil {
			return err
		}
	}
	return now.write(s.dir)
}
