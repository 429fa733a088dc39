package outbound

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// Writing and watching. A file goes out in two steps, each recorded before the next: its bytes under a temporary name of
// its own in the same folder ("staged"), then its name. A bridge that was killed, or whose connection broke, finds out
// from what stands in the folder which of them was done: with both names gone the file had its name and the ERP has
// taken it, so that it is not written a second time. Files go out in the order of their numbers; trouble stops them where
// they are, and only a conflict lets later ones pass.

// Memory is what a running bridge remembers of its exports beside the ledger. Losing it costs a request. An engine that takes over from
// another one, by another config, has its memory. The zero value is ready.
type Memory struct {
	terms   bridge.Terms
	mu      sync.Mutex
	deep    map[string]time.Time // last list that reached a day back
	arrived map[string]time.Time // last list by rising id
	listed  map[string]time.Time // last listing of the folder
	wake    map[string]chan struct{}
	careful map[string]*careful // of exports that were entered; nil for one that need not be careful
	marks   map[string]mark     // as they stand in the folders
}

func (o *Memory) entered(export string) (*careful, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c, ok := o.careful[export]
	return c, ok
}

func (o *Memory) enter(export string, c *careful) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.careful == nil {
		o.careful = map[string]*careful{}
	}
	o.careful[export] = c
}

func (o *Memory) mark(export string) mark {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.marks[export]
}

func (o *Memory) setMark(export string, m mark) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.marks == nil {
		o.marks = map[string]mark{}
	}
	o.marks[export] = m
}

func (o *Memory) get(m *map[string]time.Time, export string) (time.Time, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t, ok := (*m)[export]
	return t, ok
}

func (o *Memory) set(m *map[string]time.Time, export string, t time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if *m == nil {
		*m = map[string]time.Time{}
	}
	(*m)[export] = t
}

// Forget takes away what is remembered of an export, whose config has changed, or which another bridge may have worked for.
func (o *Memory) Forget(export string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, times := range []map[string]time.Time{o.deep, o.arrived, o.listed} {
		delete(times, export)
	}
	delete(o.careful, export)
	delete(o.marks, export)
}

// waker is the channel that wakes an export's loop.
func (o *Memory) waker(export string) chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.wake == nil {
		o.wake = map[string]chan struct{}{}
	}
	if o.wake[export] == nil {
		o.wake[export] = make(chan struct{}, 1)
	}
	return o.wake[export]
}

// WakeExports makes every export ask the shop at once, as a webhook does. It never blocks.
func (e *Engine) WakeExports() {
	for _, x := range e.Exports {
		select {
		case e.Memory.waker(x.Name) <- struct{}{}:
		default: // it is awake already
		}
	}
}

// Waker is the channel on which an export is woken.
func (e *Engine) Waker(export string) <-chan struct{} { return e.Memory.waker(export) }

// takeUp takes up what is done for an export: one engine does it at a time (see [bridge.Term]). Whoever comes to it after somebody
// else forgets what it remembers of it.
func takeUp(ctx context.Context, e *Engine, x *config.Export) (within context.Context, done func(), err error) {
	within, fresh, done, err := e.Memory.terms.TakeUp(ctx, e.Ledger, "export "+x.Name)
	if fresh {
		e.Memory.Forget(x.Name)
	}
	return within, done, err
}

// Export makes one round of an export: notice, write, watch. It returns how many orders were new.
func (e *Engine) Export(ctx context.Context, x *config.Export) (noticed int, err error) {
	ctx, done, err := takeUp(ctx, e, x)
	if err != nil {
		return 0, err
	}
	defer done()
	if _, err := asRestored(e).enter(ctx, x); err != nil {
		may, noteErr := asRestored(e).mayNotice(ctx, x)
		if noteErr != nil || !may {
			return 0, errors.Join(err, noteErr)
		}
	}
	noticed, err = e.notice(ctx, x)
	// What is owed is written even when the shop can't be asked at the moment.
	return noticed, errors.Join(err, e.flush(ctx, x), e.deliver(ctx, x), e.watchFolder(ctx, x), e.tellAlarms(ctx, x))
}

// deliverAtOnce is how many files go through a step together: what they share is the ledger's transaction, for which an
// import may be in front once.
const deliverAtOnce = ordersAtOnce

// deliver writes what is owed, in order.
func (e *Engine) deliver(ctx context.Context, x *config.Export) error {
	if e.Beside != nil {
		return nil
	}
	if ready, err := asRestored(e).enter(ctx, x); err != nil || !ready {
		return err
	}
	files, err := e.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: x.Name, Pending: true})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(files, func(f *bridge.Outfile) bool { return f.State == bridge.OwedNow && f.Staged == "" }) {
		if err := asRestored(e).setMark(ctx, x); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(files, deliverAtOnce) {
		all := make([]*delivery, len(part))
		for i, f := range part {
			all[i] = &delivery{Engine: e, x: x, f: f, remote: bridge.Guarded(e.Remotes[x.Remote]), target: path.Join(x.Folder, f.Name),
				begun: f.State == bridge.Written, renamed: f.Staged != ""}
		}
		if err := e.deliverTogether(ctx, all); err != nil {
			return err
		}
	}
	return nil
}

// deliverTogether brings some files through the steps, each step in order. A file that meets trouble stops those behind
// it; those before it go on.
func (e *Engine) deliverTogether(ctx context.Context, all []*delivery) error {
	all, trouble := stageAll(ctx, all)
	if err := e.saveStep(ctx, "staged order", bridge.OwedNow, all, func(d *delivery) bool { return d.fresh }); err != nil {
		return errors.Join(trouble, err)
	}
	all, err := placeAll(ctx, all)
	trouble = errors.Join(trouble, err)
	written := func(d *delivery) bool { return d.f.State == bridge.Written && !d.begun }
	if err := e.saveStep(ctx, "written order", bridge.OwedNow, all, written); err != nil {
		return errors.Join(trouble, err)
	}
	all, err = each(all, func(d *delivery) error { return d.mark(ctx) })
	trouble = errors.Join(trouble, err)
	return errors.Join(trouble, e.saveStep(ctx, "marked order", bridge.Written, all, func(d *delivery) bool { return d.marked }))
}

// each does something with deliveries in order and returns those before the first that met trouble.
func each(all []*delivery, do func(*delivery) error) ([]*delivery, error) {
	for i, d := range all {
		if err := do(d); err != nil {
			return all[:i], err
		}
	}
	return all, nil
}

// saveStep records a step of those deliveries that have made it.
func (e *Engine) saveStep(ctx context.Context, name string, from bridge.OwedState, all []*delivery, made func(*delivery) bool) error {
	var c bridge.OutboxChange
	var events []*bridge.Event
	for _, d := range all {
		if !made(d) {
			continue
		}
		c.Files = append(c.Files, bridge.FileMove{Outfile: d.f, From: from})
		if d.f.State == bridge.Written && from == bridge.OwedNow {
			c.History = append(c.History, e.history(d.f, bridge.RowFate(bridge.Written), "")...)
			events = append(events, e.fileEvents(bridge.OrderWritten, d.f)...)
		}
	}
	if len(c.Files) == 0 {
		return nil
	}
	e.Events.Step(name)
	return e.save(ctx, c, events...)
}

// history is a step of a file in the history of each order in it.
func (e *Engine) history(f *bridge.Outfile, step bridge.RowFate, detail string) []bridge.HistoryEntry {
	all := make([]bridge.HistoryEntry, len(f.Orders))
	for i, order := range f.Orders {
		all[i] = bridge.HistoryEntry{Entity: bridge.Orders, Key: order, Fate: step,
			Detail: strings.TrimSpace("file " + f.Name + " " + detail), At: e.Clock.Now()}
	}
	return all
}

// fileEvents are what happened to a file, for each order in it.
func (e *Engine) fileEvents(kind bridge.EventKind, f *bridge.Outfile) []*bridge.Event {
	all := make([]*bridge.Event, len(f.Orders))
	for i, order := range f.Orders {
		all[i] = e.event(kind, f, order)
		all[i].Bytes, all[i].SHA256 = f.Size, f.SHA256
	}
	return all
}

// delivery is one file on its way to the remote.
type delivery struct {
	*Engine
	x       *config.Export
	f       *bridge.Outfile
	remote  bridge.Remote
	target  string
	begun   bool // an earlier attempt has written it
	renamed bool // a rename may have been tried before, and nobody knows how it ended
	fresh   bool // staged now
	marked  bool // marked now
}

// temp is the path of the staged bytes.
func (d *delivery) temp() string { return path.Join(d.x.Folder, d.f.Staged) }

// stageAll writes the bytes of deliveries under names that nobody reads: hidden, and not among those that are swept away. It returns
// those before the first that met trouble; some behind it may stand there, too.
func stageAll(ctx context.Context, all []*delivery) ([]*delivery, error) {
	var fresh []int
	var files []bridge.Unread
	var trouble error
	for i, d := range all {
		if d.f.State != bridge.OwedNow || d.f.Staged != "" {
			continue
		}
		body, err := d.body(ctx)
		if err != nil {
			all, trouble = all[:i], err
			break
		}
		d.Events.Step("stage order")
		fresh, files = append(fresh, i), append(files, bridge.Unread{Name: stagedName(d.Ledger.Identity(), d.f), Body: body})
	}
	if len(files) == 0 {
		return all, trouble
	}
	for n, err := range bridge.PutUnread(ctx, all[0].remote, all[0].x.Folder, files) {
		d := all[fresh[n]]
		if errors.Is(err, fs.ErrExist) {
			err = d.stageAgain(ctx, files[n])
		}
		if err != nil {
			return all[:fresh[n]], err
		}
		d.f.Staged, d.fresh = files[n].Name, true
	}
	return all, trouble
}

// body reads the bytes of the file. A disk that has turned a bit shall not have the ERP deliver something else.
func (d *delivery) body(ctx context.Context) ([]byte, error) {
	body, err := d.Ledger.Body(ctx, d.f.Export, d.f.Number)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != d.f.SHA256 {
		return nil, &bridge.Error{Op: "write order", Object: d.f.Name, Err: errors.New("the ledger does not hold the bytes that were made of it"),
			Hint: "see `orobridge state check`; put the last backup back, or make the file anew: `orobridge rerun --order ORDER --render`"}
	}
	return body, nil
}

// stageAgain looks at what stands under the temporary name already: an attempt that was cut short wrote it, or a part of it.
func (d *delivery) stageAgain(ctx context.Context, file bridge.Unread) error {
	at := path.Join(d.x.Folder, file.Name)
	err := sameBytes(ctx, d.remote, at, d.f)
	if errors.Is(err, errOtherBytes) {
		if err = d.remote.Remove(ctx, at); err == nil {
			err = d.remote.Put(ctx, at, bytes.NewReader(file.Body))
		}
	}
	return err
}

// stagedName is the temporary name of a file. It carries the ledger's identity: another bridge may write into the folder.
func stagedName(identity string, f *bridge.Outfile) string {
	return fmt.Sprintf("%s%010d.part", stagedPrefix(identity, f.Export), f.Number)
}

func stagedPrefix(identity, export string) string {
	return fmt.Sprintf("%s%s-%s-", bridge.OwnPrefix, identity, export)
}

// stagedNumber is the number of the file of an export whose temporary name one is; 0 for another name.
func stagedNumber(identity, export, name string) int64 {
	digits, ours := strings.CutPrefix(strings.TrimSuffix(name, ".part"), stagedPrefix(identity, export))
	n, err := strconv.ParseInt(digits, 10, 64)
	if !ours || err != nil || name != stagedName(identity, &bridge.Outfile{Export: export, Number: n}) {
		return 0
	}
	return n
}

// placeAll gives staged bytes their names, strictly in order. It returns those before the first that met trouble.
func placeAll(ctx context.Context, all []*delivery) ([]*delivery, error) {
	var owed []int
	var renames []bridge.Rename
	for i, d := range all {
		if d.f.State == bridge.OwedNow {
			d.Events.Step("write order")
			owed, renames = append(owed, i), append(renames, bridge.Rename{From: d.temp(), To: d.target})
		}
	}
	for len(renames) > 0 {
		n, err := bridge.MoveAll(ctx, all[0].remote, renames)
		for _, i := range owed[:n] {
			all[i].written()
		}
		if err == nil {
			break
		}
		if err = all[owed[n]].unplaced(ctx, err); err != nil {
			return all[:owed[n]], err
		}
		owed, renames = owed[n+1:], renames[n+1:]
	}
	return all, nil
}

// unplaced finds out what became of a file that could not be given its name.
func (d *delivery) unplaced(ctx context.Context, why error) error {
	switch {
	case errors.Is(why, fs.ErrExist):
		return d.inTheWay(ctx)
	case errors.Is(why, fs.ErrNotExist):
		return d.gone(ctx, why)
	}
	return why
}

// inTheWay looks at a file that has the name already: the same bytes are an attempt that was cut short, other ones are
// somebody else's and are left alone.
func (d *delivery) inTheWay(ctx context.Context) error {
	err := sameBytes(ctx, d.remote, d.target, d.f)
	if err != nil && !errors.Is(err, errOtherBytes) {
		return err
	}
	if removeErr := d.remote.Remove(ctx, d.temp()); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
		return removeErr
	}
	if err == nil {
		d.written()
		return nil
	}
	d.f.State, d.f.Alarm, d.f.Staged = bridge.Conflict, bridge.AlarmConflict, ""
	d.f.Reason = "another file of this name stands in the folder; it was left alone"
	return d.saveAlarm(ctx, bridge.RowFate(bridge.Conflict))
}

// saveAlarm records that a file which was owed has come to an end that a person has to look at.
func (d *delivery) saveAlarm(ctx context.Context, step bridge.RowFate) error {
	return d.save(ctx, bridge.OutboxChange{Files: []bridge.FileMove{{Outfile: d.f, From: bridge.OwedNow}},
		History: d.history(d.f, step, d.f.Reason)}, d.alarm(d.f.Export, d.f.Alarm, "", d.f.Name, d.f.Reason))
}

// gone finds out why the staged bytes are not there.
func (d *delivery) gone(ctx context.Context, why error) error {
	listing, err := d.remote.List(ctx, d.x.Folder)
	if err != nil {
		return err // the folder itself is missing: the order stays owed
	}
	for _, file := range listing {
		switch file.Name {
		case d.f.Staged:
			return why
		case d.f.Name:
			return d.inTheWay(ctx)
		}
	}
	if !d.renamed {
		d.f.Staged = ""
		return errors.Join(why, d.save(ctx, bridge.OutboxChange{Files: []bridge.FileMove{{Outfile: d.f, From: bridge.OwedNow}}}))
	}
	now := d.Clock.Now()
	d.f.State, d.f.Staged, d.f.Written, d.f.Marked, d.f.PickedUp = bridge.PickedUp, "", now, now, now
	d.f.Alarm, d.f.Reason = bridge.AlarmUnseen, "the file had left the folder before the bridge could see it there"
	if d.x.Marker != "" {
		// Nobody takes a file before its marker is there: somebody has cleared the folder.
		d.f.Reason = "the file left the folder before its marker was written"
	}
	return d.saveAlarm(ctx, bridge.RowFate(bridge.PickedUp))
}

// written says that the file stands in the folder.
func (d *delivery) written() {
	d.f.State, d.f.Written, d.f.Staged = bridge.Written, d.Clock.Now(), ""
	if d.x.Marker == "" {
		d.f.Marked = d.f.Written
	}
}

// mark writes the marker that tells the ERP to take the file. One that is there already was written by an attempt that
// was cut short; so was one that the ERP has taken with its file.
func (d *delivery) mark(ctx context.Context) error {
	if d.f.State != bridge.Written || !d.f.Marked.IsZero() {
		return nil
	}
	wanted := d.x.Marker != ""
	if wanted && d.begun {
		_, err := d.remote.Stat(ctx, d.target)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		wanted = err == nil
	}
	if wanted {
		d.Events.Step("write marker")
		if err := d.remote.Put(ctx, d.target+d.x.Marker, bytes.NewReader(nil)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	d.f.Marked, d.marked = d.Clock.Now(), true
	return nil
}

var errOtherBytes = errors.New("other bytes")

// sameBytes says whether a file of the remote holds exactly the bytes of an outbound one.
func sameBytes(ctx context.Context, r bridge.Remote, at string, f *bridge.Outfile) error {
	file, err := r.Stat(ctx, at)
	if err != nil {
		return err
	}
	if file.Size != f.Size {
		return errOtherBytes
	}
	hash := sha256.New()
	if _, err := r.Fetch(ctx, at, hash); err != nil {
		return err
	}
	if hex.EncodeToString(hash.Sum(nil)) != f.SHA256 {
		return errOtherBytes
	}
	return nil
}
