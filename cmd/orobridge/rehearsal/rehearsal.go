// Package rehearsal plays both ends of a bridge that runs between stand-ins, an ERP and a shop's customers: in a [Play] with a user's
// config and files, noting what would go wrong, and in a [Story] of its own, for a demo. It starts nothing: the verbs rehearse and demo do.
//
// In a play first the files of all feeds are dropped but those that answer orders, then orders are submitted and their files taken away,
// then the answers are dropped. The orders that they name are submitted too.
package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/erp"
	"github.com/orobridge/orobridge/formats"
)

// Play is a rehearsal. Its first fields are set once, before any method is called.
type Play struct {
	Files string        // folder of the user's files, with a folder for each feed
	Wait  time.Duration // how long the files of a feed, or the orders of an export, may take
	Desk  *operate.Desk
	Order func(ctx context.Context, shop, identifier string) (*formats.Order, error) // as the bridge reads it
	Ended chan error                                                                 // the bridge's end, which is none before the play's
	Stage *Stage

	Outcome
}

// Outcome is what came of it.
type Outcome struct {
	Runs    []operate.Run   `json:"runs"`
	Orders  []operate.Order `json:"orders"`
	Trouble []Trouble       `json:"trouble"`
}

// Trouble is one thing that would go wrong.
type Trouble struct {
	Where   string `json:"where"` // feed or export
	Count   int    `json:"count"`
	Code    string `json:"code"`
	Message string `json:"message"` // of the first
}

func (p *Play) wrong(where, code string, count int, format string, args ...any) {
	p.Trouble = append(p.Trouble, Trouble{where, count, code, fmt.Sprintf(format, args...)})
}

// Run plays all of it. An error is one of the play; what is wrong with the config is in the outcome.
func (p *Play) Run(ctx context.Context) error {
	if err := p.feeds(ctx, false); err != nil {
		return err
	}
	for _, shop := range slices.Sorted(maps.Keys(p.Stage.boxes)) {
		if err := p.orders(ctx, shop); err != nil {
			return err
		}
	}
	if err := p.feeds(ctx, true); err != nil {
		return err
	}
	for i := range p.Orders { // the answers have come since
		if err := p.look(ctx, &p.Orders[i]); err != nil {
			return err
		}
	}
	return nil
}

// feeds plays the feeds that answer orders, or the others. What a front takes is loaded by its branches.
func (p *Play) feeds(ctx context.Context, answers bool) error {
	for _, f := range p.Desk.Feeds {
		if f.Entity.Answers != answers || f.Front != "" {
			continue
		}
		if err := p.feed(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// folder is where the user's files for a feed are: for branches that take their own, as names say, those of all.
func (p *Play) folder(f *config.Feed) string { return filepath.Join(p.Files, bridge.FrontOf(f.Name)) }

// files lists the user's files for a feed, by name.
func (p *Play) files(f *config.Feed) (files []string, err error) {
	from := p.folder(f)
	entries, err := os.ReadDir(from)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		if _, _, ok := f.Match.Match(strings.TrimSuffix(entry.Name(), f.Ready.Marker)); !ok && bridge.FrontOf(f.Name) != f.Name {
			continue // another branch's
		}
		if entry.Type().IsRegular() {
			files = append(files, filepath.Join(from, entry.Name()))
		}
	}
	return files, nil
}

// feed drops the user's files for a feed, waits until the bridge is done with them, and says what came of them.
func (p *Play) feed(ctx context.Context, f *config.Feed) error {
	files, err := p.files(f)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		p.wrong(f.Name, "no_files", 0, "nothing was played: put files for it into %s", p.folder(f))
		return nil
	}
	waiting := map[string]bool{}
	for _, file := range files {
		name := filepath.Base(file)
		body, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		partner, at, err := p.Stage.writer(f.Remote, path.Join(f.Folder, name))
		if err != nil {
			return err
		}
		if partner == nil {
			p.wrong(f.Name, "rights", 1, "no user of remote %s may write %s: nothing was played", f.Remote, path.Join(f.Folder, name))
			return nil
		}
		if err := partner.Drop(ctx, erp.File{Folder: path.Dir(at), Body: body}, name); err != nil {
			p.wrong(f.Name, "refused", 1, "the partner's upload failed: %v", err)
			return nil
		}
		if _, _, ok := f.Match.Match(name); ok { // markers and manifests are no drops, what does not match is not seen
			waiting[name] = true
		}
	}
	if len(waiting) == 0 {
		p.wrong(f.Name, "no_match", len(files), "no name matches %s: %s", f.Match.String(), filepath.Base(files[0]))
		return nil
	}
	return p.settled(ctx, f, waiting)
}

// lost is how long a drop that waits for something may wait: all that will come has come.
const lost = 10 * time.Second

// settled waits until the bridge is done with a feed's drops.
func (p *Play) settled(ctx context.Context, f *config.Feed, waiting map[string]bool) error {
	began := time.Now()
	err := p.until(ctx, func() (bool, error) {
		drops, err := p.Desk.Drops(ctx, bridge.DropFilter{Feed: f.Name})
		settled := true
		for _, d := range drops {
			done := d.Settled != nil || d.State == bridge.Held ||
				d.State == bridge.Seen && d.Reason != "" && time.Since(began) > lost
			settled = settled && done
			if done {
				delete(waiting, d.File)
			}
		}
		return settled && len(waiting) == 0, err
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return p.judge(ctx, f, waiting)
}

// until looks again and again until something is so, or the time is over.
func (p *Play) until(ctx context.Context, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, p.Wait)
	defer cancel()
	for {
		if ok, err := is(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-p.Ended:
			p.Ended <- err
			return fmt.Errorf("the bridge stopped: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// judge collects what came of a feed's drops. Those in waiting were not done in time.
func (p *Play) judge(ctx context.Context, f *config.Feed, waiting map[string]bool) error {
	drops, err := p.Desk.Drops(ctx, bridge.DropFilter{Feed: f.Name})
	if err != nil {
		return err
	}
	for _, d := range drops {
		v, err := p.Desk.DropDetails(ctx, d.Drop, false)
		if err != nil {
			return err
		}
		late := waiting[d.File]
		if delete(waiting, d.File); late {
			p.wrong(f.Name, "not_settled", 1, "%s is %s after %s%s", d.File, d.State, p.Wait, behindColon(d.Reason))
		}
		if len(v.Parts) == 0 {
			err = p.judgeOne(ctx, v, late)
		}
		for _, part := range v.Parts {
			of, partErr := p.Desk.DropDetails(ctx, part.Drop, false)
			if partErr != nil {
				return partErr
			}
			err = errors.Join(err, p.judgeOne(ctx, of, late))
		}
		if err != nil {
			return err
		}
	}
	var unseen []string
	for name := range waiting {
		unseen = append(unseen, name)
	}
	slices.Sort(unseen)
	for _, name := range unseen {
		p.wrong(f.Name, "not_seen", 1, "%s was not seen within %s: does ignore name it?", name, p.Wait)
	}
	parked, _, err := p.Desk.Parked(ctx, f.Name, 0)
	if err != nil {
		return err
	}
	if len(parked) > 0 {
		p.wrong(f.Name, "parked", len(parked), "rows wait for what is not there, the first for %s", parked[0].WaitsFor)
	}
	return nil
}

// judgeOne collects what came of a drop that is one shop's.
func (p *Play) judgeOne(ctx context.Context, v *operate.DropDetails, late bool) error {
	run := v.Run
	if len(v.Runs) > 0 {
		run = v.Runs[0]
	}
	p.Runs = append(p.Runs, run)
	if !late && (v.State == bridge.Held || run.Rows == 0 && v.Reason != "") {
		p.wrong(run.Feed, string(v.State), 1, "%s: %s", run.File, v.Reason)
	}
	rejects, err := p.Desk.Rejects(ctx, bridge.RejectFilter{Drop: run.Drop})
	if err == nil {
		p.group(run.Feed, run.File, rejects)
	}
	return err
}

func behindColon(s string) string {
	if s != "" {
		s = ": " + s
	}
	return s
}

// group tells rejects of a kind once.
func (p *Play) group(feed, file string, rejects []operate.KeptReject) {
	at := map[string]int{}
	for _, x := range rejects {
		key := x.Code + "|" + x.Field
		if i, ok := at[key]; ok {
			p.Trouble[i].Count++
			continue
		}
		at[key] = len(p.Trouble)
		p.wrong(feed, x.Code, 1, "%s line %d, %s: %s", file, x.Line, cmp.Or(x.Field, "row"), x.Message)
	}
}
