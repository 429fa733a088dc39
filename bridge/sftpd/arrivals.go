package sftpd

import (
	"errors"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
)

// Errors of files that are not whole, or in use.
var (
	errBeingWritten = errors.New("a partner is still writing it")
	errUnfinished   = errors.New("its upload broke off: the partner has to resume or replace it")
	errJustClosed   = errors.New("it was closed a moment ago")
	errBeingLoaded  = errors.New("the bridge is reading this file: try again in a moment, or use another name")
)

// arrivals knows which files are whole. A file is not whole while a handle is open for writing, nor when the last such
// handle did not end well, nor for the window after its last close or setstat; a rename ends that window at once.
// Paths are the remote's, without a leading slash.
type arrivals struct {
	window time.Duration
	notes  *notes
	wake   func(folder string) // something may have changed there; called without the lock

	mu      sync.Mutex
	files   map[string]*arrival
	loading map[string]int         // readers in the bridge
	timers  map[string]*time.Timer // by folder: its next file is due
	ended   bool
}

// arrival is what partners did to one file. Its handles point to it, whatever it is called by now.
type arrival struct {
	path       string    // empty when the name was taken away or given to another file
	writers    int       // open handles
	shared     bool      // there was more than one at a time, since there was none
	unfinished bool      // the last writer did not end well
	due        time.Time // whole from then on, by itself
}

func newArrivals(window time.Duration, notes *notes, wake func(folder string)) *arrivals {
	a := &arrivals{window: window, notes: notes, wake: wake,
		files: map[string]*arrival{}, loading: map[string]int{}, timers: map[string]*time.Timer{}}
	for _, p := range notes.unfinished() {
		a.files[p] = &arrival{path: p, unfinished: true}
	}
	return a
}

// open a file for writing.
func (a *arrivals) open(p string) (*arrival, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.loading[p] > 0 {
		return nil, errBeingLoaded
	}
	f := a.files[p]
	if f == nil {
		f = &arrival{path: p}
	}
	if f.writers == 0 && !f.unfinished {
		if err := a.notes.begin(p); err != nil {
			return nil, err
		}
	}
	f.shared = f.shared || f.writers > 0
	f.writers++
	a.files[p] = f
	return f, nil
}

// An ending is how a handle for writing ended.
type ending int

const (
	untouched ending = iota // nothing was written
	whole                   // all that was written stands, and the client closed the handle
	broken                  // the connection died with the handle open, or a write failed
)

// close a file that was opened, and say whether nobody else had it open for writing meanwhile.
func (a *arrivals) close(f *arrival, how ending) (alone bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	alone = !f.shared
	if f.writers--; f.writers == 0 {
		f.shared = false
	}
	switch how {
	case whole:
		f.unfinished = false
	case broken:
		f.unfinished = true
	}
	a.settle(f)
	return alone
}

// settle begins the window of a file without writers. Callers hold the lock.
func (a *arrivals) settle(f *arrival) {
	if f.path == "" || f.writers > 0 || f.unfinished {
		return
	}
	a.notes.end(f.path)
	f.due = time.Now().Add(a.window)
	a.schedule(path.Dir(f.path), a.window)
}

// schedule looks at a folder's files once their windows may have passed. Callers hold the lock.
func (a *arrivals) schedule(folder string, in time.Duration) {
	if a.ended || a.timers[folder] != nil {
		return
	}
	a.timers[folder] = time.AfterFunc(in, func() { a.fire(folder) })
}

// fire wakes the folder, forgets its files that are whole, and comes again for the next that will be.
func (a *arrivals) fire(folder string) {
	a.mu.Lock()
	delete(a.timers, folder)
	now, next := time.Now(), time.Time{}
	for p, f := range a.files {
		switch {
		case path.Dir(p) != folder || f.writers > 0 || f.unfinished:
		case !f.due.After(now):
			delete(a.files, p)
		case next.IsZero() || f.due.Before(next):
			next = f.due
		}
	}
	if !next.IsZero() { // many files that were closed one after the other make few looks
		a.schedule(folder, max(next.Sub(now), a.window/8))
	}
	a.mu.Unlock()
	a.wake(folder)
}

// touched begins the window anew: times or permissions were set.
func (a *arrivals) touched(p string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.files[p]
	if f == nil {
		f = &arrival{path: p}
		a.files[p] = f
	}
	a.settle(f)
}

// cut says whether a file may be cut short or made longer by name: it is a write without a handle.
func (a *arrivals) cut(p string, do func() error) error {
	f, err := a.open(p)
	if err != nil {
		return err
	}
	err = do()
	a.close(f, untouched)
	return err
}

// renamed says that a file has another name now, or a folder and all in it. A file that is whole is so at once.
func (a *arrivals) renamed(from, to string, folder bool) {
	a.mu.Lock()
	a.drop(to)
	if folder {
		for p := range a.files {
			if rest, below := strings.CutPrefix(p, from+"/"); below {
				a.move(p, to+"/"+rest)
			}
		}
	} else if f := a.files[from]; f != nil && (f.writers > 0 || f.unfinished) {
		a.move(from, to)
	} else {
		a.drop(from)
		a.files[to] = &arrival{path: to} // due long since
		a.schedule(path.Dir(to), a.window)
	}
	a.mu.Unlock()
	a.wake(path.Dir(to))
	a.wake(path.Dir(from))
}

// move gives a file that is known another path. Callers hold the lock.
func (a *arrivals) move(from, to string) {
	f := a.files[from]
	delete(a.files, from)
	f.path = to
	a.files[to] = f
	if f.writers > 0 || f.unfinished {
		a.notes.moved(from, to)
	} else {
		a.schedule(path.Dir(to), time.Until(f.due))
	}
}

// removed says that a file is gone.
func (a *arrivals) removed(p string) {
	a.mu.Lock()
	a.drop(p)
	a.mu.Unlock()
	a.wake(path.Dir(p))
}

// drop forgets the name of a file. Callers hold the lock.
func (a *arrivals) drop(p string) {
	f := a.files[p]
	if f == nil {
		return
	}
	if f.writers > 0 || f.unfinished {
		a.notes.end(p)
	}
	f.path = ""
	delete(a.files, p)
}

// check says why a file is not whole; nil when it is.
func (a *arrivals) check(p string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.checkLocked(p)
}

func (a *arrivals) checkLocked(p string) error {
	f := a.files[p]
	switch {
	case f == nil:
		return nil
	case f.writers > 0:
		return errBeingWritten
	case f.unfinished:
		return errUnfinished
	case f.due.After(time.Now()):
		return errJustClosed
	}
	return nil
}

// writing says whether the listed file is not whole. Of one that no partner has touched in this process, its time tells.
func (a *arrivals) writing(p string, mtime time.Time) bool {
	a.mu.Lock()
	f := a.files[p]
	err := a.checkLocked(p)
	a.mu.Unlock()
	if f != nil {
		return err != nil
	}
	age := time.Since(mtime)
	return age >= 0 && age < a.window // times of the future are somebody's invention
}

// load keeps partners from writing to a file while the bridge reads it.
func (a *arrivals) load(p string) (done func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.checkLocked(p); err != nil {
		return nil, err
	}
	a.loading[p]++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.loading[p]--; a.loading[p] == 0 {
			delete(a.loading, p)
		}
	}, nil
}

// end stops all timers; open files stay as they are.
func (a *arrivals) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	for _, t := range a.timers {
		t.Stop()
	}
	clear(a.timers)
}

// notWhole is the error of a file that the bridge must not touch yet.
func notWhole(op, remote, p string, err error) error {
	e := &bridge.Error{Op: op, Object: bridge.FileObject(remote, p), Fate: bridge.Pause, Err: err}
	if errors.Is(err, errUnfinished) {
		e.Hint = "have the partner send it again, or remove it by hand"
	}
	return e
}
