// Package checkup tries whether both ends of a config work: what `orobridge check` does, step by step, and what a page shows of it.
//
// What may go in: trying, and what a try has found. What may not: how it is shown, and what is decided (package operate).
package checkup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/inbound/leftovers"
	"github.com/orobridge/orobridge/bridge/inbound/listing"
	"github.com/orobridge/orobridge/bridge/outbound"
)

// Findings are what a check has tried.
type Findings []bridge.Finding

// Failed counts those that did not work.
func (f Findings) Failed() (n int) {
	for i := range f {
		if !f[i].OK {
			n++
		}
	}
	return n
}

// Unreachable says that an end could not be reached at all.
func (f Findings) Unreachable() bool {
	return slices.ContainsFunc(f, func(f bridge.Finding) bool { return f.Unreachable })
}

// Checkup tries both ends of a config. Nothing is changed in the shop; what is written to remotes is removed again.
type Checkup struct {
	Config *config.Config
	// Ledger is this bridge's, or an empty one before its first start.
	Ledger interface {
		Identity() string // probes carry it in their names
		Drops(ctx context.Context, f bridge.DropFilter) ([]*bridge.Drop, error)
	}
	// Remote and Shop open the ends, without connecting yet.
	Remote func(name string) (bridge.Remote, error)
	Shop   func(*config.Shop) (Shop, error)
	// Offers keeps what a shop offers and tells what it offered before and does not now; nil keeps nothing.
	Offers func(ctx context.Context, shop string, found bridge.Capabilities) ([]bridge.Loss, error)
	// Told of what was found, as it comes.
	Told func(Findings)
}

// A Shop can be checked.
type Shop interface {
	// Check connects and reports, step by step, what works of what a config needs.
	Check(ctx context.Context, needs bridge.Needs) []bridge.Finding
	// Probe finds out what the shop offers.
	Probe(ctx context.Context) (bridge.Capabilities, error)
	// Units lists the codes of the shop's units.
	Units(ctx context.Context) ([]string, error)
	outbound.Shop
	Close()
}

// Run tries every remote with the feeds and exports that use it, then the shop. The error is the context's, or of a shop
// whose config can't be used.
func (c *Checkup) Run(ctx context.Context) (Findings, error) {
	var all Findings
	add := func(found []bridge.Finding) {
		all = append(all, found...)
		c.Told(found)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Config.Remotes)) {
		c.remote(ctx, c.Config.Remotes[name], add)
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
	}
	for _, s := range c.Config.Shops() {
		if err := c.shop(ctx, s, add); err != nil {
			return all, err
		}
	}
	return all, ctx.Err()
}

func (c *Checkup) shop(ctx context.Context, s *config.Shop, add func([]bridge.Finding)) error {
	shop, err := c.Shop(s)
	if err != nil {
		return err
	}
	defer shop.Close() // it was only tried
	found := Findings(shop.Check(ctx, c.Config.Needs(s)))
	for i := range found {
		found[i].Subject = bridge.OfShop(found[i].Subject, s.Name)
	}
	add(found)
	if len(found) < 2 || Findings(found[:2]).Failed() > 0 {
		return nil // the login, or the way to the API
	}
	add(c.offers(ctx, s.Name, shop))
	for _, x := range c.Config.ExportsOf(s) {
		add(checkRendering(ctx, shop, x))
	}
	return nil
}

// offers tells what the shop is like, and has it kept: what a running bridge missed is no longer missed then.
func (c *Checkup) offers(ctx context.Context, name string, shop Shop) []bridge.Finding {
	p := probe{subject: bridge.OfShop(bridge.ShopWork, name)}
	found, err := shop.Probe(ctx)
	lost := ""
	if err == nil && c.Offers != nil {
		var before []bridge.Loss
		if before, err = c.Offers(ctx, name, found); len(before) > 0 {
			lost = "; no longer, and from now on not expected any more: " + bridge.LossWords(before)
		}
	}
	p.try("find out what the shop offers", found.String()+lost, err)
	return p.findings
}

// remote checks one remote, and, when it can be reached, the feeds and exports that use it.
func (c *Checkup) remote(ctx context.Context, rc *config.Remote, add func([]bridge.Finding)) {
	r, err := c.Remote(rc.Name)
	if err != nil {
		add([]bridge.Finding{{Subject: "remote " + rc.Name, What: "read its config", Detail: err.Error(), Hint: bridge.HintOf(err)}})
		return
	}
	defer r.Close() // it was only tried
	findings := Findings(r.Check(ctx))
	add(findings)
	if findings.Unreachable() || len(findings) > 0 && !findings[len(findings)-1].OK {
		return
	}
	for _, f := range c.Config.Feeds {
		if f.Front != "" {
			continue // its front looks into the folder
		}
		if f.Remote == rc.Name {
			add(c.checkFeed(ctx, r, f, rc.ReadOnly))
		}
	}
	for _, x := range c.Config.Exports {
		if x.Remote == rc.Name {
			add(c.checkExport(ctx, r, x))
		}
	}
}

// checkFeed tries what a feed does with its folders: list, and, unless the remote is read-only, make the work, archive
// and rejected folders, write there, move between them and remove.
func (c *Checkup) checkFeed(ctx context.Context, r bridge.Remote, f *config.Feed, readOnly bool) []bridge.Finding {
	p := probe{subject: "feed " + f.Name, remote: r, identity: c.Ledger.Identity()}
	files, err := r.List(ctx, f.Folder)
	detail := ""
	if err == nil {
		detail = census(f, files)
	}
	if !p.try("list folder "+f.Folder, detail, err) {
		p.missing(err, "make the folder on the remote, or correct folder in the config")
		return p.findings
	}
	p.head(ctx, f, files)
	if readOnly {
		p.timeless(f, files)
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
	p.leftovers(ctx, c, f)
	return p.findings
}

// timeless tells of files that can't be told from others of their name and size: the server tells no time of them, and nothing is
// moved there. To find that out each would have to be read at each listing.
func (p *probe) timeless(f *config.Feed, files []bridge.File) {
	var err error
	if slices.ContainsFunc(listing.Sift(f, files).Files, func(file bridge.File) bool { return bridge.NoTime(file.MTime) }) {
		err = &bridge.Error{Op: "tell files apart in", Object: bridge.FileObject(f.Remote, f.Folder),
			Err:  errors.New("the server tells no times: a file that is replaced by one of the same name and size is not noticed"),
			Hint: "have the sender give each file a name of its own, or let the bridge move files (without read_only)"}
	}
	p.try("tell a file from its replacement", "by name, size and time", err)
}

// leftovers looks for files that a lost ledger has left in the work folder.
func (p *probe) leftovers(ctx context.Context, c *Checkup, f *config.Feed) {
	left, err := leftovers.List(ctx, c.Ledger, p.remote, f)
	if err == nil && len(left) > 0 {
		err = &bridge.Error{Op: "load", Object: bridge.FileObject(f.Remote, path.Join(f.Folder, f.Folders.Work)),
			Err:  errors.New(leftovers.Text(f, left)),
			Hint: leftovers.Hint(f.Name)}
	}
	p.try("look for leftovers of a lost ledger", "none", err)
}

// checkExport tries what an export does with its folder: list, write under a temporary name, rename, remove.
func (c *Checkup) checkExport(ctx context.Context, r bridge.Remote, e *config.Export) []bridge.Finding {
	p := probe{subject: "export " + e.Name, remote: r, identity: c.Ledger.Identity()}
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
	s := listing.Sift(f, files)
	match, unmarked := 0, 0
	for _, file := range s.Files {
		if f.Ready.Lists(file.Name) {
			continue
		}
		match++
		if _, marked := s.Markers[file.Name+f.Ready.Marker]; f.Ready.Marker != "" && !marked {
			unmarked++
		}
	}
	text := fmt.Sprintf("%d files match %s", match, f.Match)
	if unmarked > 0 {
		text += fmt.Sprintf(", %d of them without their marker %s", unmarked, f.Ready.Marker)
	}
	if refused := len(s.Refused) + s.TooMany; refused > 0 {
		text += fmt.Sprintf("; %d can't be taken: for their names, or because they are no regular files", refused)
	}
	if s.Foreign > 0 {
		text += fmt.Sprintf("; %d others do not", s.Foreign)
	}
	return text
}

// probe is a file on its way through the folders of a feed or export.
type probe struct {
	subject  string
	remote   bridge.Remote
	identity string
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
	p.at = path.Join(folder, bridge.TempName(p.identity))
	return p.try("write a file into "+folder, "written", p.remote.Put(ctx, p.at, strings.NewReader("orobridge check\n")))
}

func (p *probe) move(ctx context.Context, folder string) bool {
	to := path.Join(folder, bridge.TempName(p.identity))
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
