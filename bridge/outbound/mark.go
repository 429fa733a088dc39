package outbound

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"time"

	"errors"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// A mark is an empty file in the folder of an export whose name says how far a ledger has come there: its generation, the highest
// numbers that it has given, and the latest order that it knew, by the shop's clock. It is renamed before the first file with a new
// number appears in the folder, so that whatever stood there ever has no higher one. A ledger that is lost leaves it behind.
type mark struct {
	name       string // in the folder
	identity   string // of the ledger
	generation int64
	number     int64 // of files
	document   int64 // of documents inside the files
	latest     time.Time
}

const markTime = "20060102T150405Z"

var markName = regexp.MustCompile(
	`^\.orobridge-([a-z0-9]+)-([a-z0-9][a-z0-9_-]*)-g(\d{1,18})-n(\d{1,18})-d(\d{1,18})-(\d{8}T\d{6}Z)\.mark$`)

// file is the name that says what the mark holds.
func (m mark) file(export string) string {
	return fmt.Sprintf("%s%s-%s-g%d-n%d-d%d-%s.mark", bridge.OwnPrefix, m.identity, export, m.generation, m.number, m.document,
		m.latest.UTC().Format(markTime))
}

// markOf reads a name; false for one that is no mark of the export.
func markOf(export, name string) (m mark, ok bool) {
	words := markName.FindStringSubmatch(name)
	if words == nil || words[2] != export {
		return m, false
	}
	m.name, m.identity = name, words[1]
	var errs [4]error
	m.generation, errs[0] = strconv.ParseInt(words[3], 10, 64)
	m.number, errs[1] = strconv.ParseInt(words[4], 10, 64)
	m.document, errs[2] = strconv.ParseInt(words[5], 10, 64)
	m.latest, errs[3] = time.Parse(markTime, words[6])
	return m, errors.Join(errs[:]...) == nil
}

// marks are those of an export in its folder: the ledger's own, or nil, and the highest of others.
func marks(identity, export string, listing []bridge.File) (own, others *mark) {
	for _, f := range listing {
		m, ok := markOf(export, f.Name)
		switch {
		case !ok || f.Dir || f.Special:
		case m.identity != identity:
			others = others.above(&m)
		case own == nil || m.generation > own.generation || m.generation == own.generation && m.number >= own.number:
			own = &m
		}
	}
	return own, others
}

// above is the highest of all that two marks say.
func (m *mark) above(o *mark) *mark {
	switch {
	case m == nil:
		return o
	case o == nil:
		return m
	}
	top := *m
	top.number, top.document, top.generation = max(m.number, o.number), max(m.document, o.document), max(m.generation, o.generation)
	if o.latest.After(top.latest) {
		top.latest = o.latest
	}
	return &top
}

// setMark renames the export's mark to what the ledger says now, unless it says so already.
func (e restoring) setMark(ctx context.Context, x *config.Export) error {
	book, _, err := e.Ledger.Book(ctx, x.Name)
	if err != nil {
		return err
	}
	was := e.Memory.mark(x.Name)
	m := mark{identity: e.Ledger.Identity(), generation: e.Ledger.Generation(), number: book.Number, document: book.Document,
		latest: later(book.At, was.latest)}
	files, err := e.Ledger.Outfiles(ctx, bridge.OutfileFilter{Export: x.Name, States: []bridge.OwedState{bridge.OwedNow}})
	if err != nil {
		return err
	}
	numbers := make([]int64, len(files))
	for i, f := range files {
		numbers[i] = f.Number
	}
	owed, err := e.Ledger.Outbox(ctx, bridge.OutboxFilter{Export: x.Name, Numbers: numbers})
	if err != nil {
		return err
	}
	for _, o := range owed { // the cursor comes after the orders
		m.latest = later(m.latest, o.Submitted)
	}
	if m.name = m.file(x.Name); m.name == was.name {
		return nil
	}
	r := bridge.Guarded(e.Remotes[x.Remote])
	e.Events.Step("mark")
	err = fs.ErrNotExist
	if was.name != "" {
		err = r.Move(ctx, path.Join(x.Folder, was.name), path.Join(x.Folder, m.name))
	}
	if errors.Is(err, fs.ErrNotExist) { // there was none yet, or somebody has cleared the folder
		err = r.Put(ctx, path.Join(x.Folder, m.name), bytes.NewReader(nil))
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	e.Memory.setMark(x.Name, m)
	return nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
