package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Kept is a backup that the schedule has made and read back.
type Kept struct {
	At    time.Time `json:"at"`
	Place string    `json:"place"` // "./backups/orobridge-….tar.zst", "sap:/backup/orobridge-….tar.zst"
	Bytes int64     `json:"bytes"`
}

// keptNote is the ledger's note of the last one.
const keptNote = "backup"

func lastKept(notes map[string]string) *Kept {
	k := &Kept{}
	if json.Unmarshal([]byte(notes[keptNote]), k) != nil { // there is none
		return nil
	}
	return k
}

// Schedule makes backups of a state at a place, again and again.
type Schedule struct {
	State  *State
	Every  time.Duration
	Keep   int           // so many; 0 keeps all
	Remote bridge.Remote // the place: a remote, or a local folder as one
	Name   string        // of the remote, for people
	Folder string        // there
	Local  string        // for people: the folder, of a place on this machine
	Clock  bridge.Clock
	Events *bridge.Events
}

// Due makes a backup if the last one is old enough, and says when to ask again. It is written to the state's disk first, carried to its
// place, read back from there and opened; only then older ones go. An error leaves what was there.
func (s *Schedule) Due(ctx context.Context) (wait time.Duration, err error) {
	now := s.Clock.Now()
	notes, err := s.State.Notes(ctx)
	if err != nil {
		return s.Every, err
	}
	if last := lastKept(notes); last != nil && !last.At.After(now) && now.Sub(last.At) < s.Every {
		return s.Every - now.Sub(last.At), nil
	}
	kept, err := s.make(ctx, now)
	if err != nil {
		return s.Every, &bridge.Error{Op: "make", Object: "backup", Fate: bridge.FateOf(err), Err: err, Hint: bridge.HintOf(err)}
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return s.Every, err
	}
	event := &bridge.Event{At: now, Kind: bridge.BackupMade, File: path.Base(kept.Place), Bytes: kept.Bytes,
		Text: "read back from " + kept.Place}
	if err := s.State.Note(ctx, keptNote, string(text), event); err != nil {
		return s.Every, err
	}
	s.Events.Tell(event)
	return s.Every, s.prune(ctx)
}

func (s *Schedule) make(ctx context.Context, now time.Time) (_ *Kept, err error) {
	name := s.prefix() + now.UTC().Format("20060102T150405.000Z") + BackupExtension
	local, err := os.CreateTemp(s.State.dir, backupPart+"*"+BackupExtension)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, local.Close(), os.Remove(local.Name())) }()
	if _, err := Backup(ctx, s.State.dir, s.State.program, local, now); err != nil {
		return nil, err
	}
	size, err := local.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	if err := s.Remote.MakeFolder(ctx, s.Folder); err != nil {
		return nil, err
	}
	at := path.Join(s.Folder, name)
	if err := s.Remote.Put(ctx, at, local); err != nil {
		return nil, err
	}
	if err := s.readBack(ctx, at); err != nil {
		return nil, errors.Join(err, s.Remote.Remove(ctx, at))
	}
	place := s.Name + ":" + at
	if s.Local != "" {
		place = filepath.Join(s.Local, name)
	}
	return &Kept{At: now.UTC(), Place: place, Bytes: size}, nil
}

// readBack opens a backup where it lies.
func (s *Schedule) readBack(ctx context.Context, at string) error {
	r, w := io.Pipe()
	fetched := make(chan error, 1)
	go func() {
		_, err := s.Remote.Fetch(ctx, at, w)
		fetched <- err
		_ = w.CloseWithError(err) // it never fails
	}()
	_, err := VerifyBackup(ctx, r, s.State.dir)
	if err == nil {
		_, err = io.Copy(io.Discard, r) // what stands behind its end is fetched, too
	}
	_ = r.CloseWithError(errors.New("it is read already")) // it never fails
	if fetchErr := <-fetched; err == nil {
		err = fetchErr
	}
	return err
}

// prefix begins the names of this ledger's backups: another bridge may keep its own in the same folder.
func (s *Schedule) prefix() string { return "orobridge-" + s.State.Identity() + "-" }

// prune removes the oldest backups of this ledger.
func (s *Schedule) prune(ctx context.Context) error {
	if s.Keep <= 0 {
		return nil
	}
	listing, err := s.Remote.List(ctx, s.Folder)
	if err != nil {
		return fmt.Errorf("remove old backups: %w", err)
	}
	var names []string
	for _, f := range listing {
		if !f.Dir && !f.Special && strings.HasPrefix(f.Name, s.prefix()) && strings.HasSuffix(f.Name, BackupExtension) {
			names = append(names, f.Name)
		}
	}
	slices.Sort(names)
	for _, name := range names[:max(0, len(names)-s.Keep)] {
		if err := s.Remote.Remove(ctx, path.Join(s.Folder, name)); err != nil && !bridge.NotThere(err) {
			return fmt.Errorf("remove old backups: %w", err)
		}
	}
	return nil
}
