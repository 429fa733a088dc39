package checkup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/listing"
	"github.com/orobridge/orobridge/bridge/inbound/rows"
	"github.com/orobridge/orobridge/formats"
)

// checkedHead is how much of a waiting file a check reads: enough for a heading, and soon there.
const checkedHead = 1 << 20

// head reads the columns of a file that waits, as the feed will, and names those that no field takes.
func (p *probe) head(ctx context.Context, f *config.Feed, files []bridge.File) {
	file := firstOf(f, files)
	if file == nil {
		return
	}
	found, err := p.columns(ctx, f, file)
	var unreadable *formats.FileError
	if errors.As(err, &unreadable) {
		err = &bridge.Error{Op: "read", Object: bridge.FileObject(f.Remote, path.Join(f.Folder, file.Name)), Err: err, Hint: unreadable.Hint}
	}
	p.try("read the head of "+file.Name, found, err)
}

// firstOf is the file that the feed would load first: no manifest.
func firstOf(f *config.Feed, files []bridge.File) *bridge.File {
	for _, file := range listing.Sift(f, files).Files {
		if !f.Ready.Lists(file.Name) {
			return &file
		}
	}
	return nil
}

// columns says what the feed would make of a file's columns. A file whose head says nothing about them is not judged: a
// longer one that is wrapped, or whose format has its columns elsewhere.
func (p *probe) columns(ctx context.Context, f *config.Feed, file *bridge.File) (found string, err error) {
	spool, err := os.MkdirTemp("", "orobridge-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(spool)) }()
	local := filepath.Join(spool, "head")
	whole, err := p.fetchHead(ctx, path.Join(f.Folder, file.Name), local)
	if err != nil {
		return "", err
	}
	head, err := rows.Open(spool, f, local, nil)
	if err != nil && whole {
		return "", err
	} else if err != nil {
		return fmt.Sprintf("its first %d bytes alone tell no columns", checkedHead), nil
	}
	defer func() { err = errors.Join(err, head.Close()) }()
	mapper, err := f.Mapping.Bind(f.Entity, head.Columns(), f.Format.Conventions())
	if err != nil {
		return "", err
	}
	found = fmt.Sprintf("%d columns", len(head.Columns()))
	if none := rows.UnmappedLine(mapper.Unmapped()); none != "" {
		found += "; no field takes " + none
	}
	return found, nil
}

// fetchHead copies the beginning of a remote file; whole says that this is all of it.
func (p *probe) fetchHead(ctx context.Context, from, to string) (whole bool, err error) {
	file, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false, err
	}
	_, err = p.remote.Fetch(ctx, from, &head{file, checkedHead})
	full := errors.Is(err, errHeadFull)
	if full {
		err = nil
	}
	return !full, errors.Join(err, file.Close())
}

var errHeadFull = errors.New("as much was read as is looked at")

// head takes so many bytes and refuses more.
type head struct {
	to   io.Writer
	left int
}

func (h *head) Write(p []byte) (int, error) {
	n, err := h.to.Write(p[:min(len(p), h.left)])
	h.left -= n
	if err == nil && n < len(p) {
		err = errHeadFull
	}
	return n, err
}
