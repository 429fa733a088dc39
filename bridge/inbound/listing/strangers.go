package listing

import (
	"fmt"
	"path"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// A Stranger is a file in a feed's folder that no feed takes, and what keeps it from being taken: a sender has changed its names, or
// put it into the wrong place.
type Stranger struct {
	File string `json:"file"`
	Why  string `json:"why"`
}

// maxStrange is how many of a folder's strangers are told.
const maxStrange = 20

// StrangersOf lists the strangers among a feed's files that no feed of all takes. Of feeds that share a folder the first one does.
func (s *Sifted) StrangersOf(feed *config.Feed, all []*config.Feed) (strangers []Stranger) {
	for _, name := range s.Strangers {
		if why := strange(feed, all, name); why != "" && len(strangers) < maxStrange {
			strangers = append(strangers, Stranger{name, why})
		}
	}
	return strangers
}

// strange says why a file of a feed's folder is taken by none of all feeds; empty for one that somebody takes, or that another feed
// of the folder tells of.
func strange(feed *config.Feed, all []*config.Feed, name string) string {
	var elsewhere *config.Feed
	for _, f := range all {
		here := f.Remote == feed.Remote && sameFolder(f, feed)
		takes := takes(f, name)
		switch {
		case here && (takes || f != feed && before(all, f, feed)):
			return ""
		case takes:
			elsewhere = f
		}
	}
	for _, other := range []string{strings.ToLower(name), strings.ToUpper(name)} {
		if other != name && takes(feed, other) {
			return fmt.Sprintf("case: %s would match", other)
		}
	}
	if shop := feed.Match.Shop(name); shop != "" {
		return fmt.Sprintf("shop: it is for %s, and feed %s loads nothing into that", shop, bridge.FrontOf(feed.Name))
	}
	if elsewhere != nil {
		return fmt.Sprintf("folder: feed %s takes such names in %s:%s", elsewhere.Name, elsewhere.Remote, elsewhere.Folder)
	}
	return "pattern: it does not match " + feed.Match.Text
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
