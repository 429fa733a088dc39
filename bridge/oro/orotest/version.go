package orotest

import (
	"cmp"
	_ "embed"
	"os"
	"sync"
)

// Release is a release of OroCommerce that the box can be.
type Release string

// The releases that the box knows, each as its newest one answers.
const (
	V61 Release = "6.1" // 6.1.11
	V70 Release = "7.0" // 7.0.4
)

// Version chooses the release; V61 unless told.
func Version(r Release) Option { return func(s *Shop) { s.release = releases[r] } }

// Releases are all of them, the oldest first.
func Releases() []Release { return []Release{V61, V70} }

// Wanted is the release that tests of the whole program shall play against, from the environment: OROBRIDGE_SHOP=7.0. It is
// V61 unless the environment says otherwise.
func Wanted() Release { return cmp.Or(Release(os.Getenv("OROBRIDGE_SHOP")), V61) }

// Known reports whether the box can be the release.
func (r Release) Known() bool {
	_, ok := releases[r]
	return ok
}

// release is how the releases differ, as data.
type release struct {
	name        Release
	geography   func() []territory // countries and regions, read once for all shops
	pagedLists  bool               // lists of options are cut into pages
	primaryLast bool               // a new product's units come with the primary one at the end
}

//go:embed seed/geography-6.1.csv
var geography61 []byte

//go:embed seed/geography-7.0.csv
var geography70 []byte

var releases = map[Release]release{
	V61: {name: V61, geography: sync.OnceValue(func() []territory { return readGeography(geography61) })},
	V70: {name: V70, geography: sync.OnceValue(func() []territory { return readGeography(geography70) }), pagedLists: true, primaryLast: true},
}

// cutsPages reports whether a list of t is cut into pages.
func (s *holdings) cutsPages(t *table) bool {
	return !t.whole && (!t.option || s.release.pagedLists)
}
