package inbound

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/orobridge/orobridge/bridge/config"
)

// Strangers are files in a feed's folder that no feed takes: a sender has changed its names, or put them into the wrong place.
// They are left alone, and the ledger's notes tell of them while they are there.

// A Stranger is a file that no feed takes, and what keeps it from being taken.
type Stranger struct {
	File string `json:"file"`
	Why  string `json:"why"`
}

const strangersPrefix = "strangers "

// maxStrange is how many of a folder's strangers are told.
const maxStrange = 20

// StrangersOf reads the strangers of a feed's folder from a note of the ledger.
func StrangersOf(name, text string) (feed string, strangers []Stranger, ok bool) {
	feed, ok = strings.CutPrefix(name, strangersPrefix)
	if ok && json.Unmarshal([]byte(text), &strangers) != nil {
		return "", nil, false
	}
	return feed, strangers, ok
}

// tellStrangers notes the files of a listing that no feed takes. Of feeds that share a folder the first one does.
func (p *poller) tellStrangers(ctx context.Context, s *Sifted) error {
	var strangers []Stranger
	for _, name := range s.Strangers {
		if why := p.strange(name); why != "" && len(strangers) < maxStrange {
			strangers = append(strangers, Stranger{name, why})
		}
	}
	text := ""
	if len(strangers) > 0 {
		b, err := json.Marshal(strangers)
		if err != nil {
			return err
		}
		text = string(b)
	}
	if told, ok := p.e.strangers.Load(p.f.Name); ok && told == text {
		return nil
	}
	err := p.e.Ledger.Note(ctx, strangersPrefix+p.f.Name, text)
	if err == nil {
		p.e.strangers.Store(p.f.Name, text)
	}
	return err
}

// strange says why a file of the feed's folder is taken by nobody; empty for one that somebody takes, or that another feed of
// the folder tells of.
func (p *poller) strange(name string) string {
	var elsewhere *config.Feed
	all := p.e.All
	if all == nil {
		all = p.e.Feeds
	}
	for _, f := range all {
		here := f.Remote == p.f.Remote && sameFolder(f, p.f)
		takes := takes(f, name)
		switch {
		case here && (takes || f != p.f && before(all, f, p.f)):
			return ""
		case takes:
			elsewhere = f
		}
	}
	for _, other := range []string{strings.ToLower(name), strings.ToUpper(name)} {
		if other != name && takes(p.f, other) {
			return fmt.Sprintf("case: %s would match", other)
		}
	}
	if elsewhere != nil {
		return fmt.Sprintf("folder: feed %s takes such names in %s:%s", elsewhere.Name, elsewhere.Remote, elsewhere.Folder)
	}
	return "pattern: it does not match " + p.f.Match.Text
}

// takes says whether a name is one of a feed's: a file, a manifest or a marker.
func takes(f *config.Feed, name string) bool {
	_, _, ours := f.Match.Match(name)
	return ours || f.Ready.Lists(name) || f.Ready.Marker != "" && strings.HasSuffix(name, f.Ready.Marker)
}

func sameFolder(f, g *config.Feed) bool { return path.Clean("/"+f.Folder) == path.Clean("/"+g.Folder) }

// before says that one feed stands before another in the config.
func before(feeds []*config.Feed, f, g *config.Feed) bool {
	for _, x := range feeds {
		if x == f || x == g {
			return x == f
		}
	}
	return false
}
