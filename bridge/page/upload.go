package page

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/inbound/spool"
	"github.com/orobridge/orobridge/bridge/operate"
)

// UploadPath is the pattern of the requests that carry files, which are longer than others.
const UploadPath = "POST /feeds/{name}/upload"

const (
	maxUpload   = 64 << 20
	maxDrafts   = 16
	draftsOlder = 15 * time.Minute // than this are thrown away
)

// drafts are files that somebody has sent to see what they would do, and may hand in then. They stand in the spool under a name that the
// bridge's own pruning knows, should this process not come to throw them away.
type drafts struct {
	folder string
	now    func() time.Time

	mu  sync.Mutex
	all map[string]*draft
}

type draft struct {
	Key, Feed, Name string
	Who             string
	folder          string
	at              time.Time
}

// Path is where the file is.
func (d *draft) Path() string { return filepath.Join(d.folder, d.Name) }

// keep takes a file from whoever sends it.
func (d *drafts) keep(feed, name, who string, r io.Reader) (_ *draft, err error) {
	if err := bridge.SafeName(name); err != nil {
		return nil, &operate.Mistake{Message: fmt.Sprintf("the name %q can't be used: %v", name, err), Hint: "rename the file"}
	}
	if err := d.clean(); err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(d.folder, spool.Unwrapped)
	if err != nil {
		return nil, &bridge.Error{Op: "keep", Object: name, Err: err, Hint: "look at the disk of state.dir"}
	}
	x := &draft{Key: rand.Text(), Feed: feed, Name: name, Who: who, folder: folder, at: d.now()}
	file, err := os.OpenFile(x.Path(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		_, err = io.Copy(file, r)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all[x.Key] = x
	return x, nil
}

// clean throws away what is old, and the oldest of too many.
func (d *drafts) clean() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	oldest := ""
	for key, x := range d.all {
		if d.now().Sub(x.at) > draftsOlder {
			delete(d.all, key)
			errs = append(errs, os.RemoveAll(x.folder))
		} else if oldest == "" || x.at.Before(d.all[oldest].at) {
			oldest = key
		}
	}
	if len(d.all) >= maxDrafts {
		errs = append(errs, os.RemoveAll(d.all[oldest].folder))
		delete(d.all, oldest)
	}
	return errors.Join(errs...)
}

// take finds a draft of somebody's, which is nobody's then.
func (d *drafts) take(key, feed, who string) (*draft, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.all[key]
	if x == nil || x.Feed != feed || x.Who != who {
		return nil, &bridge.Error{Op: "find", Object: "the file", Err: bridge.ErrUnknown, Hint: "send it again: a file is kept for 15 minutes"}
	}
	delete(d.all, key)
	return x, nil
}

func (d *drafts) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, x := range d.all {
		errs = append(errs, os.RemoveAll(x.folder))
	}
	clear(d.all)
	return errors.Join(errs...)
}

// handingIn takes files.
type handingIn struct{ deciding }

// uploading is a file on its way into a feed.
type uploading struct {
	asked
	Feed  string
	Draft *draft // nil: none was sent yet
}

func (s handingIn) askUpload(c *call) error { return s.showUpload(c, http.StatusOK, &uploading{}) }

func (s handingIn) showUpload(c *call, status int, v *uploading) error {
	name := c.r.PathValue("name")
	if _, err := operate.FeedOf(c.desk.Feeds, name); err != nil {
		return &bridge.Error{Op: "find", Object: "feed " + name, Err: bridge.ErrUnknown, Hint: "see /feeds"}
	}
	v.Feed, v.What, v.Object, v.Back = name, "upload", "feed "+name, "/feeds/"+url.PathEscape(name)
	v.Action = v.Back + "/upload"
	s.show(c, status, "upload", view{Title: c.T("Hand in a file") + ": " + name, Body: v})
	return nil
}

// upload takes a file and shows what it would do, or hands in the one that was shown.
func (s handingIn) upload(c *call) error {
	name := c.r.PathValue("name")
	if _, err := operate.FeedOf(c.desk.Feeds, name); err != nil {
		return &bridge.Error{Op: "find", Object: "feed " + name, Err: bridge.ErrUnknown, Hint: "see /feeds"}
	}
	c.r.Body = http.MaxBytesReader(c.w, c.r.Body, maxUpload+maxForm)
	err := c.r.ParseMultipartForm(1 << 20)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &operate.Mistake{Message: "the file is too large for a browser",
			Hint: "hand it in with `orobridge load`, or put it into the feed's folder"}
	case errors.Is(err, http.ErrNotMultipart):
		return s.handIn(c, name)
	case err != nil:
		return &operate.Mistake{Message: "the form can't be read", Hint: "send it again"}
	}
	defer func() { _ = c.r.MultipartForm.RemoveAll() }() // temporary files that are gone at the latest with the machine's start
	if c.r.PostForm.Get("draft") != "" {
		return s.handIn(c, name)
	}
	sent, header, err := c.r.FormFile("file")
	if err != nil {
		v := &uploading{}
		v.Problem = "Choose a file."
		return s.showUpload(c, http.StatusUnprocessableEntity, v)
	}
	defer sent.Close()
	v := &uploading{}
	if v.Draft, err = s.drafts.keep(name, header.Filename, c.who.Name, sent); err != nil {
		return err
	}
	return s.showDraft(c, http.StatusOK, v)
}

// showDraft shows what a file would do that was sent.
func (s handingIn) showDraft(c *call, status int, v *uploading) error {
	var err error
	if v.Plan, err = c.desk.Plan(c.r.Context(), v.Draft.Feed, v.Draft.Path(), operate.PlanOptions{Weigh: true}); err != nil {
		v.Trouble = err.Error()
	}
	if err := c.looks().Rows(c.r.Context(), 0, v.Draft.Feed, "the plan of a file"); err != nil {
		return err
	}
	return s.showUpload(c, status, v)
}

func (s handingIn) handIn(c *call, feed string) error {
	ok, problem := s.reason(c)
	x, err := s.drafts.take(c.r.PostForm.Get("draft"), feed, c.who.Name)
	if err != nil {
		return err
	}
	if !ok { // it stays as it was
		s.drafts.mu.Lock()
		s.drafts.all[x.Key] = x
		s.drafts.mu.Unlock()
		v := &uploading{Draft: x}
		v.Problem, v.Why = problem, c.r.PostForm.Get("why")
		return s.showDraft(c, http.StatusUnprocessableEntity, v)
	}
	defer os.RemoveAll(x.folder)
	v, err := operate.Hands{Desk: c.desk}.HandIn(context.WithoutCancel(c.r.Context()), feed, x.Path())
	if err != nil {
		return err
	}
	done(c, fmt.Sprintf("/drops/%d", v.Drop), "upload")
	return nil
}
