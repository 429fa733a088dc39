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

// memory is what a running bridge remembers of its exports beside the ledger. Losing it costs a request.
type memory struct {
	mu     sync.Mutex
	deep   map[string]time.Time // last list that reached a day back
	listed map[string]time.Time // last listing of the folder
	wake   map[string]chan struct{}
}

func (o *memory) get(m *map[string]time.Time, export string) (time.Time, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t, ok := (*m)[export]
	return t, ok
}

func (o *memory) set(m *map[string]time.Time, export string, t time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if *m == nil {
		*m = map[string]time.Time{}
	}
	(*m)[export] = t
}

// waker is the channel that wakes an export's loop.
func (o *memory) waker(export string) chan struct{} {
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
func (b *Engine) WakeExports() {
	for _, e := range b.Exports {
		select {
		case b.memory.waker(e.Name) <- struct{}{}:
		default: // it is awake already
		}
	}
}

// Waker is the channel on which an export is woken.
func (b *Engine) Waker(export string) <-chan struct{} { return b.memory.waker(export) }

// Export makes one round of an export: notice, write, watch. It returns how many orders were new.
func (b *Engine) Export(ctx context.Context, e *config.Export) (noticed int, err error) {
	noticed, err = b.notice(ctx, e)
	// What is owed is written even when the shop can't be asked at the moment.
	return noticed, errors.Join(err, b.flush(ctx, e), b.deliver(ctx, e), b.watchFolder(ctx, e), b.tellAlarms(ctx, e))
}

// deliverAtOnce is how many files go through a step together: what they share is the ledger's transaction, for which an
// import may be in front once.
const deliverAtOnce = 20

// deliver writes what is owed, in order.
func (b *Engine) deliver(ctx context.Context, e *config.Export) error {
	files, err := b.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: e.Name, Pending: true})
	if err != nil {
		return err
	}
	for part := range slices.Chunk(files, deliverAtOnce) {
		all := make([]*delivery, len(part))
		for i, f := range part {
			all[i] = &delivery{Engine: b, e: e, f: f, remote: b.Remotes[e.Remote], target: path.Join(e.Folder, f.Name),
				begun: f.State == bridge.Written, renamed: f.Staged != ""}
		}
		if err := b.deliverTogether(ctx, e, all); err != nil {
			return err
		}
	}
	return nil
}

// deliverTogether brings some files through the steps, each step in order. A file that meets trouble stops those behind
// it; those before it go on.
func (b *Engine) deliverTogether(ctx context.Context, e *config.Export, all []*delivery) error {
	all, trouble := each(all, func(d *delivery) error { return d.stage(ctx) })
	if err := b.saveStep(ctx, "staged order", bridge.OwedNow, "", all, func(d *delivery) bool { return d.fresh }); err != nil {
		return errors.Join(trouble, err)
	}
	all, err := each(all, func(d *delivery) error { return d.place(ctx) })
	trouble = errors.Join(trouble, err)
	if err := b.saveStep(ctx, "written order", bridge.OwedNow, bridge.RowFate(bridge.Written), all, func(d *delivery) bool { return d.f.State == bridge.Written && !d.begun }); err != nil {
		return errors.Join(trouble, err)
	}
	for _, d := range all {
		if d.f.State == bridge.Written && !d.begun {
			b.Log.Info("written", "export", e.Name, "orders", d.f.Orders, "file", d.f.Name, "bytes", d.f.Size, "sha256", d.f.SHA256)
		}
	}
	all, err = each(all, func(d *delivery) error { return d.mark(ctx) })
	trouble = errors.Join(trouble, err)
	return errors.Join(trouble, b.saveStep(ctx, "marked order", bridge.Written, "", all, func(d *delivery) bool { return d.marked }))
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
func (b *Engine) saveStep(ctx context.Context, name string, from bridge.OwedState, step bridge.RowFate, all []*delivery, made func(*delivery) bool) error {
	var files []*bridge.Outfile
	for _, d := range all {
		if made(d) {
			files = append(files, d.f)
		}
	}
	if len(files) == 0 {
		return nil
	}
	b.step(name)
	return b.Ledger.SaveOutfiles(ctx, from, step, "", files...)
}

// delivery is one file on its way to the remote.
type delivery struct {
	*Engine
	e       *config.Export
	f       *bridge.Outfile
	remote  bridge.Remote
	target  string
	begun   bool // an earlier attempt has written it
	renamed bool // a rename may have been tried before, and nobody knows how it ended
	fresh   bool // staged now
	marked  bool // marked now
}

// temp is the path of the staged bytes.
func (d *delivery) temp() string { return path.Join(d.e.Folder, d.f.Staged) }

// stage writes the bytes under a name that nobody reads: hidden, and not among those that are swept away.
func (d *delivery) stage(ctx context.Context) error {
	if d.f.State != bridge.OwedNow || d.f.Staged != "" {
		return nil
	}
	body, err := d.Ledger.Body(ctx, d.f.Export, d.f.Number)
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%s%s-%010d.part", bridge.OwnPrefix, d.f.Export, d.f.Number)
	at := path.Join(d.e.Folder, name)
	d.step("stage order")
	err = d.remote.Put(ctx, at, bytes.NewReader(body))
	if errors.Is(err, fs.ErrExist) { // an attempt that was cut short wrote it
		if err = sameBytes(ctx, d.remote, at, d.f); errors.Is(err, errOtherBytes) {
			if err = d.remote.Remove(ctx, at); err == nil {
				err = d.remote.Put(ctx, at, bytes.NewReader(body))
			}
		}
	}
	if err != nil {
		return err
	}
	d.f.Staged, d.fresh = name, true
	return nil
}

// place gives the staged bytes their name.
func (d *delivery) place(ctx context.Context) error {
	if d.f.State != bridge.OwedNow {
		return nil
	}
	d.step("write order")
	err := d.remote.Move(ctx, d.temp(), d.target)
	switch {
	case errors.Is(err, fs.ErrExist):
		return d.inTheWay(ctx)
	case errors.Is(err, fs.ErrNotExist):
		return d.gone(ctx, err)
	case err != nil:
		return err
	}
	d.written()
	return nil
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
	d.raise(d.e.Name, bridge.AlarmConflict, d.f.Name, d.f.Reason)
	return d.Ledger.SaveOutfiles(ctx, bridge.OwedNow, bridge.RowFate(bridge.Conflict), d.f.Reason, d.f)
}

// gone finds out why the staged bytes are not there.
func (d *delivery) gone(ctx context.Context, why error) error {
	listing, err := d.remote.List(ctx, d.e.Folder)
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
		return errors.Join(why, d.Ledger.SaveOutfiles(ctx, bridge.OwedNow, "", "", d.f))
	}
	now := d.Clock.Now()
	d.f.State, d.f.Staged, d.f.Written, d.f.Marked, d.f.PickedUp = bridge.PickedUp, "", now, now, now
	d.f.Alarm, d.f.Reason = bridge.AlarmUnseen, "the file had left the folder before the bridge could see it there"
	if d.e.Marker != "" {
		// Nobody takes a file before its marker is there: somebody has cleared the folder.
		d.f.Reason = "the file left the folder before its marker was written"
	}
	d.raise(d.e.Name, bridge.AlarmUnseen, d.f.Name, d.f.Reason)
	return d.Ledger.SaveOutfiles(ctx, bridge.OwedNow, bridge.RowFate(bridge.PickedUp), d.f.Reason, d.f)
}

// written says that the file stands in the folder.
func (d *delivery) written() {
	d.f.State, d.f.Written, d.f.Staged = bridge.Written, d.Clock.Now(), ""
	if d.e.Marker == "" {
		d.f.Marked = d.f.Written
	}
}

// mark writes the marker that tells the ERP to take the file. One that is there already was written by an attempt that
// was cut short; so was one that the ERP has taken with its file.
func (d *delivery) mark(ctx context.Context) error {
	if d.f.State != bridge.Written || !d.f.Marked.IsZero() {
		return nil
	}
	wanted := d.e.Marker != ""
	if wanted && d.begun {
		_, err := d.remote.Stat(ctx, d.target)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		wanted = err == nil
	}
	if wanted {
		d.step("write marker")
		if err := d.remote.Put(ctx, d.target+d.e.Marker, bytes.NewReader(nil)); err != nil && !errors.Is(err, fs.ErrExist) {
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

// idleListing is how long the folder is not listed when no file waits to be picked up there.
const idleListing = time.Minute

// watchFolder sees which files the ERP has taken (they have left the folder), which it should have, which somebody changed or
// put back, and which orders it should have answered.
func (b *Engine) watchFolder(ctx context.Context, e *config.Export) error {
	files, err := b.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: e.Name, States: []bridge.OwedState{bridge.Written}})
	if err != nil {
		return err
	}
	now := b.Clock.Now()
	if last, ok := b.memory.get(&b.memory.listed, e.Name); len(files) > 0 || !ok || now.Sub(last) >= idleListing {
		listing, err := b.Remotes[e.Remote].List(ctx, e.Folder)
		if err != nil {
			return err
		}
		b.memory.set(&b.memory.listed, e.Name, now)
		there := make(map[string]bridge.File, len(listing))
		for _, file := range listing {
			there[file.Name] = file
		}
		if err := errors.Join(b.watchPickup(ctx, e, files, there), b.watchReturns(ctx, e, there)); err != nil {
			return err
		}
	}
	return b.watchAnswers(ctx, e, now)
}

// watchPickup compares the files that were written with what stands in the folder.
func (b *Engine) watchPickup(ctx context.Context, e *config.Export, files []*bridge.Outfile, there map[string]bridge.File) error {
	var seen, taken []*bridge.Outfile
	for _, f := range files {
		file, ok := there[f.Name]
		switch {
		case !ok:
			f.State, f.PickedUp = bridge.PickedUp, b.Clock.Now()
			if f.Marked.IsZero() {
				f.Marked = f.PickedUp // there is nothing left to mark
			}
			if f.Alarm == bridge.AlarmOverdue {
				f.Alarm = ""
			}
			taken = append(taken, f)
		default:
			before := *f
			if err := b.inspect(ctx, e, f, file); err != nil {
				return err
			}
			if f.Alarm != before.Alarm || !f.MTime.Equal(before.MTime) {
				seen = append(seen, f)
			}
		}
	}
	if err := b.Ledger.SaveOutfiles(ctx, bridge.Written, "", "", seen...); err != nil {
		return err
	}
	b.step("pick up order")
	if err := b.Ledger.SaveOutfiles(ctx, bridge.Written, bridge.RowFate(bridge.PickedUp), "", taken...); err != nil {
		return err
	}
	for _, f := range taken {
		b.Log.Info("picked up", "export", e.Name, "orders", f.Orders, "file", f.Name)
	}
	return nil
}

// inspect looks at a file that waits to be picked up: is it late, has somebody changed it.
func (b *Engine) inspect(ctx context.Context, e *config.Export, f *bridge.Outfile, file bridge.File) error {
	changed := file.Size != f.Size
	if !changed && !f.MTime.IsZero() && !file.MTime.Equal(f.MTime) {
		err := sameBytes(ctx, b.Remotes[e.Remote], path.Join(e.Folder, f.Name), f)
		if err != nil && !errors.Is(err, errOtherBytes) && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		changed = errors.Is(err, errOtherBytes)
	}
	f.MTime = file.MTime
	switch late := b.Clock.Now().Sub(f.Written); {
	case changed && f.Alarm != bridge.AlarmChanged:
		f.Alarm = bridge.AlarmChanged
		b.raise(e.Name, f.Alarm, f.Name, fmt.Sprintf("%d bytes were written, %d stand there", f.Size, file.Size))
	case f.Alarm == "" && e.PickupWithin > 0 && late > e.PickupWithin.D():
		f.Alarm = bridge.AlarmOverdue
		b.raise(e.Name, f.Alarm, f.Name, "not picked up within "+e.PickupWithin.String())
	}
	return nil
}

// watchReturns sees files that were picked up and stand in the folder again.
func (b *Engine) watchReturns(ctx context.Context, e *config.Export, there map[string]bridge.File) error {
	names := make([]string, 0, len(there))
	for name := range there {
		names = append(names, name)
	}
	back, err := b.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: e.Name, States: []bridge.OwedState{bridge.PickedUp}, Names: names})
	if err != nil {
		return err
	}
	var changed []*bridge.Outfile
	for _, f := range back {
		if f.Alarm != bridge.AlarmReturned {
			f.Alarm = bridge.AlarmReturned
			changed = append(changed, f)
			b.raise(e.Name, f.Alarm, f.Name, "picked up at "+f.PickedUp.Format(time.RFC3339))
		}
	}
	alarmed, err := b.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: e.Name, States: []bridge.OwedState{bridge.PickedUp}, Alarm: bridge.AlarmReturned})
	if err != nil {
		return err
	}
	for _, f := range alarmed {
		if _, ok := there[f.Name]; !ok {
			f.Alarm = ""
			changed = append(changed, f)
		}
	}
	return b.Ledger.SaveOutfiles(ctx, bridge.PickedUp, "", "", changed...)
}

// watchAnswers raises an alarm for each order that the ERP should have answered.
func (b *Engine) watchAnswers(ctx context.Context, e *config.Export, now time.Time) error {
	if e.AnswerWithin <= 0 {
		return nil
	}
	late, err := b.Ledger.Outbox(ctx, bridge.OutboxFilter{Export: e.Name, Unanswered: now.Add(-e.AnswerWithin.D())})
	if err != nil {
		return err
	}
	for _, o := range late {
		o.Alarm = bridge.AlarmUnanswered
		detail := "no answer within " + e.AnswerWithin.String()
		if err := b.Ledger.SaveOwed(ctx, o, bridge.RowFate(bridge.AlarmUnanswered), detail); err != nil {
			return err
		}
		b.raise(e.Name, bridge.AlarmUnanswered, o.Order, detail)
	}
	return nil
}
