package xmltok

import (
	"slices"
	"strings"
)

// An Outline notes which elements a document has, to tell a person what was found instead of what was looked for. It
// holds the first paths only, so its size does not follow the document.
type Outline struct {
	paths []outlined
	open  []int // of the open elements: index in paths, -1 for one that is not held
	more  bool
}

// outlined is one path of elements.
type outlined struct {
	parent   int // -1: it is the root
	name     string
	times    int
	children int // different elements in it
}

// outlineSize bounds how many paths are held.
const outlineSize = 60

// Add takes the token that the scanner has just read.
func (o *Outline) Add(k Kind, s *Scanner) {
	switch {
	case k == End && len(o.open) > 0:
		o.open = o.open[:len(o.open)-1]
	case k == Start:
		o.open = append(o.open, o.start(s.Name()))
	}
}

func (o *Outline) start(name []byte) int {
	parent := -1
	if n := len(o.open); n > 0 {
		if parent = o.open[n-1]; parent < 0 {
			return -1
		}
	}
	for i := range o.paths {
		if p := &o.paths[i]; p.parent == parent && p.name == string(name) {
			p.times++
			return i
		}
	}
	if len(o.paths) == outlineSize {
		o.more = true
		return -1
	}
	if parent >= 0 {
		o.paths[parent].children++
	}
	o.paths = append(o.paths, outlined{parent: parent, name: string(name), times: 1})
	return len(o.paths) - 1
}

// Root is the name of the root, empty before it began.
func (o *Outline) Root() string {
	if len(o.paths) == 0 {
		return ""
	}
	return o.paths[0].name
}

// Bare says that nothing stands in the root.
func (o *Outline) Bare() bool { return len(o.paths) <= 1 }

// Has says whether there is an element of a path, whatever the namespaces.
func (o *Outline) Has(path string) bool {
	for i := range o.paths {
		if o.path(i) == path {
			return true
		}
	}
	return false
}

// Row is the path, from the root, of the element that most likely is a row: the highest that stands several times and
// holds elements, else the one that holds the most elements without any in them. It is empty when none holds any.
func (o *Outline) Row() string {
	best, most := -1, 0
	for i, p := range o.paths {
		if p.children == 0 {
			continue
		}
		if p.times > 1 {
			return o.path(i)
		}
		if n := o.leaves(i); i > 0 && n >= most && n > 0 {
			best, most = i, n
		}
	}
	if best < 0 {
		return ""
	}
	return o.path(best)
}

// leaves counts the elements below a path that hold no others.
func (o *Outline) leaves(i int) (n int) {
	for _, p := range o.paths {
		if p.parent == i && p.children == 0 {
			n++
		}
	}
	return n
}

func (o *Outline) path(i int) string {
	var names []string
	for ; i >= 0; i = o.paths[i].parent {
		names = append(names, o.paths[i].name)
	}
	slices.Reverse(names)
	return "/" + strings.Join(names, "/")
}

// String names the root and what stands in it: MT_Material with CONTROL, ProductItems.
func (o *Outline) String() string {
	const most = 8
	var names []string
	for _, p := range o.paths {
		if p.parent == 0 {
			names = append(names, p.name)
		}
	}
	switch {
	case len(o.paths) == 0:
		return "no element"
	case len(names) == 0:
		return o.Root() + " with nothing in it"
	case len(names) > most:
		names = append(names[:most], "…")
	}
	return o.Root() + " with " + strings.Join(names, ", ")
}
