package sftpd

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/formats"
)

// maxPath is the longest path that a client may send, in bytes: Linux's own PATH_MAX.
const maxPath = 4096

// split takes a path of a client apart. What can't be a name is an error.
func split(p string) ([]string, error) {
	if len(p) > maxPath {
		return nil, fmt.Errorf("%w: the path has %d bytes, more than %d", bridge.ErrName, len(p), maxPath)
	}
	return bridge.SplitPath(p)
}

// A rule is a glob over the paths that a user sees, element by element: * ? [ ] as of [path.Match] stay inside one
// element, ** is any number of elements, so that /in/** is /in and all below it.
type rule []string

func parseRule(text string) (rule, error) {
	if !strings.HasPrefix(text, "/") {
		return nil, fmt.Errorf("%q does not begin with /", text)
	}
	r, err := split(text)
	if err != nil {
		return nil, err
	}
	for _, element := range r {
		if _, err := path.Match(element, ""); err != nil || element != "**" && strings.Contains(element, "**") {
			return nil, fmt.Errorf("%q is no pattern: ** stands alone between slashes, [ ] belong together", text)
		}
	}
	return r, nil
}

// match says whether the path is the rule's; with below, whether it or one below it may be.
func (r rule) match(elements []string, below bool) bool {
	for i, pattern := range r {
		if pattern == "**" {
			if below {
				return true
			}
			for j := range len(elements) - i + 1 {
				if r[i+1:].match(elements[i+j:], false) {
					return true
				}
			}
			return false
		}
		if i == len(elements) {
			return below
		}
		if ok, _ := path.Match(pattern, elements[i]); !ok {
			return false
		}
	}
	return len(elements) == len(r)
}

// rights are what a user may do.
type rights struct{ write, read, remove []rule }

func newRights(u *User) (rights, error) {
	var r rights
	var problems []error
	for _, list := range []struct {
		key  string
		text []string
		into *[]rule
	}{{"write", u.Write, &r.write}, {"read", u.Read, &r.read}, {"delete", u.Delete, &r.remove}} {
		for _, text := range list.text {
			parsed, err := parseRule(text)
			if err != nil {
				problems = append(problems, formats.AtKey(list.key, err))
			}
			*list.into = append(*list.into, parsed)
		}
	}
	return r, errors.Join(problems...)
}

// Writer finds the first user that may put a file at a path of the remote, and the path as that user sees it. Users that can't be
// understood may nothing.
func (o *Options) Writer(p string) (user, seen string, ok bool) {
	return o.whoMay(p, (*rights).mayWrite)
}

// Taker finds the first user that may read a file at a path of the remote and take it away, and the path as that user sees it.
func (o *Options) Taker(p string) (user, seen string, ok bool) {
	return o.whoMay(p, func(r *rights, elements []string) bool { return r.mayRead(elements) && r.mayRemove(elements) })
}

func (o *Options) whoMay(p string, may func(*rights, []string) bool) (user, seen string, ok bool) {
	elements, err := split(p)
	if err != nil {
		return "", "", false
	}
	for i := range o.Users {
		u := &o.Users[i]
		folder, err := split(cmp.Or(u.Folder, u.Name))
		if err != nil || len(folder) > len(elements) || !slices.Equal(folder, elements[:len(folder)]) {
			continue
		}
		r, err := newRights(u)
		if own := elements[len(folder):]; err == nil && may(&r, own) {
			return u.Name, "/" + strings.Join(own, "/"), true
		}
	}
	return "", "", false
}

func allows(rules []rule, elements []string) bool {
	return slices.ContainsFunc(rules, func(r rule) bool { return r.match(elements, false) })
}

func (r *rights) mayWrite(elements []string) bool  { return allows(r.write, elements) }
func (r *rights) mayRead(elements []string) bool   { return allows(r.read, elements) }
func (r *rights) mayRemove(elements []string) bool { return allows(r.remove, elements) }

// mayRename says whether something may go from one place to another: by who may write at both, or take away at the first
// and write at the second, or take away at both, as one does who marks an order as done.
func (r *rights) mayRename(from, to []string) bool {
	return (r.mayWrite(from) || r.mayRemove(from)) && r.mayWrite(to) || r.mayRemove(from) && r.mayRemove(to)
}

// maySee says whether the user may do something there, or in a folder below it: it is listed then.
func (r *rights) maySee(elements []string) bool {
	for _, rules := range [][]rule{r.write, r.read, r.remove} {
		if slices.ContainsFunc(rules, func(r rule) bool { return r.match(elements, true) }) {
			return true
		}
	}
	return false
}
