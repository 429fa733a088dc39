package operate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// CheckFeed tries what a feed does with its folders: list, and, unless the remote is read-only, make the work, archive
// and rejected folders, write there, move between them and remove.
func CheckFeed(ctx context.Context, r bridge.Remote, f *config.Feed, readOnly bool) []bridge.Finding {
	p := probe{subject: "feed " + f.Name, remote: r}
	files, err := r.List(ctx, f.Folder)
	detail := ""
	if err == nil {
		detail = census(f, files)
	}
	if !p.try("list folder "+f.Folder, detail, err) {
		p.missing(err, "make the folder on the remote, or correct folder in the config")
		return p.findings
	}
	if readOnly {
		return p.findings
	}
	work := path.Join(f.Folder, f.Folders.Work)
	if !p.makeFolder(ctx, work) || !p.put(ctx, work) {
		return p.findings
	}
	for _, sub := range []string{f.Folders.Archive, f.Folders.Rejected} {
		folder := path.Join(f.Folder, sub)
		if !p.makeFolder(ctx, folder) || !p.move(ctx, folder) {
			break
		}
	}
	p.remove(ctx)
	return p.findings
}

// CheckExport tries what an export does with its folder: list, write under a temporary name, rename, remove.
func CheckExport(ctx context.Context, r bridge.Remote, e *config.Export) []bridge.Finding {
	p := probe{subject: "export " + e.Name, remote: r}
	files, err := r.List(ctx, e.Folder)
	if !p.try("list folder "+e.Folder, fmt.Sprintf("%d entries", len(files)), err) {
		p.missing(err, "make the folder on the remote, or correct folder in the config")
		return p.findings
	}
	if p.put(ctx, e.Folder) {
		p.move(ctx, e.Folder)
		p.remove(ctx)
	}
	return p.findings
}

// census says how many files of a listing the feed would take now.
func census(f *config.Feed, files []bridge.File) string {
	names := map[string]bool{}
	for _, file := range files {
		names[file.Name] = true
	}
	marks := func(name string) bool { // name is the marker of another file
		of, ok := strings.CutSuffix(name, f.Ready.Marker)
		return ok && f.Ready.Marker != "" && names[of]
	}
	match, unmarked, foreign := 0, 0, 0
	for _, file := range files {
		if file.Dir || bridge.Temporary(file.Name, f.Ignore) || marks(file.Name) || f.Ready.Lists(file.Name) {
			continue
		}
		if _, _, ok := f.Match.Match(file.Name); !ok {
			foreign++
			continue
		}
		match++
		if f.Ready.Marker != "" && !names[file.Name+f.Ready.Marker] {
			unmarked++
		}
	}
	s := fmt.Sprintf("%d files match %s", match, f.Match)
	if unmarked > 0 {
		s += fmt.Sprintf(", %d of them without their marker %s", unmarked, f.Ready.Marker)
	}
	if foreign > 0 {
		s += fmt.Sprintf("; %d others do not", foreign)
	}
	return s
}

// probe is a file on its way through the folders of a feed or export.
type probe struct {
	subject  string
	remote   bridge.Remote
	at       string // path of the file while it is there
	findings []bridge.Finding
}

// try files how a step ended.
func (p *probe) try(what, detail string, err error) bool {
	f := bridge.Finding{Subject: p.subject, What: what, OK: err == nil, Detail: detail}
	if err != nil {
		f.Detail, f.Hint, f.Unreachable = err.Error(), bridge.HintOf(err), errors.Is(err, bridge.ErrUnreachable)
	}
	p.findings = append(p.findings, f)
	return err == nil
}

// missing gives the last finding a hint when the error says that something is not there.
func (p *probe) missing(err error, hint string) {
	if errors.Is(err, fs.ErrNotExist) {
		p.findings[len(p.findings)-1].Hint = hint
	}
}

func (p *probe) makeFolder(ctx context.Context, folder string) bool {
	return p.try("make folder "+folder, "it is there", p.remote.MakeFolder(ctx, folder))
}

func (p *probe) put(ctx context.Context, folder string) bool {
	p.at = path.Join(folder, bridge.TempName())
	return p.try("write a file into "+folder, "written", p.remote.Put(ctx, p.at, strings.NewReader("orobridge check\n")))
}

func (p *probe) move(ctx context.Context, folder string) bool {
	to := path.Join(folder, bridge.TempName())
	err := p.remote.Move(ctx, p.at, to)
	what := "rename it there"
	if path.Dir(p.at) != path.Dir(to) {
		what = "move it to " + folder
	}
	if err == nil {
		p.at = to
	}
	return p.try(what, "done", err)
}

func (p *probe) remove(ctx context.Context) {
	err := p.remote.Remove(ctx, p.at)
	p.try("remove it", "done", err)
	if err != nil && !strings.Contains(p.findings[len(p.findings)-1].Detail, p.at) {
		p.findings[len(p.findings)-1].Detail += "; left behind: " + p.at
	}
}
