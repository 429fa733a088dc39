// Package xml reads any XML by a mapping of element paths: a repeating element is a row, and paths from it give its
// columns.
//
// Contract: a reader in, rows out with the configured names as columns. The file is read token by token; a row sees its
// own element, the attributes of the elements around it, and what stands in these before it. A field whose element is
// missing is absent; one that is there without text is empty.
//
// Limits: depth, the size of a tag or text and the size of a row are bounded. Memory does not follow the file. Document
// type declarations are refused, so no entity is ever defined or fetched.
package xml

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/internal/charset"
	"github.com/orobridge/orobridge/formats/internal/xmltok"
)

// Options say where the rows and the fields stand. Their tags doc are the reference.
type Options struct {
	Numbers    formats.Conventions `yaml:",inline"`
	Encoding   string              `yaml:"encoding" doc:"of a file without a byte order mark; by default what the XML declaration says"`
	Record     string              `yaml:"record" doc:"path of the element that is a row, from the root: /Stock/Item"`
	Fields     map[string]string   `yaml:"fields" doc:"columns with their paths: Quantity, Price/@currency, @id, . (the record's own text), ../@name and ../../Head/Date (around the record and before it), /Stock/Head/Date (from the root)"`
	Namespaces map[string]string   `yaml:"namespaces" doc:"URI of each prefix that paths use; by default namespaces and prefixes are ignored"`
	Join       string              `yaml:"join" doc:"put between the texts of an element that stands several times in a record; without it such a record is rejected"`
}

var (
	_ formats.Format       = (*Options)(nil)
	_ formats.RejectCopier = (*Options)(nil)
)

// Conventions implements formats.Format.
func (o *Options) Conventions() formats.Conventions { return o.Numbers }

// Check reports options that make no sense.
func (o *Options) Check() error {
	var all []error
	if err := o.Numbers.Check(); err != nil {
		all = append(all, err)
	}
	if err := charset.Check(o.Encoding); err != nil {
		all = append(all, formats.AtKey("encoding", err))
	}
	if len(o.Fields) == 0 {
		all = append(all, formats.AtKey("fields", errors.New("the paths of the columns are needed")))
	}
	_, err := o.compile()
	return errors.Join(append(all, err)...)
}

// element is a node of the tree of paths that the options name.
type element struct {
	name, space string
	children    []*element
	text        int // column of the element's text, -1 for none
	attrs       []attribute
	record      bool
	depth       int
	resets      []int // columns that a new element of this kind forgets
}

type attribute struct {
	name, space string
	column      int
}

// step is a part of a path.
type step struct {
	name, space string
	attr        bool
}

// plan is compiled options.
type plan struct {
	root    *element // above the root element
	around  *element // of the records
	columns []string
}

func (o *Options) compile() (*plan, error) {
	p := &plan{root: &element{text: -1}, columns: slices.Sorted(maps.Keys(o.Fields))}
	record, err := o.steps("/", o.Record)
	if err == nil && (len(record) == 0 || record[len(record)-1].attr) {
		err = errors.New("the path of an element, from the root, is needed")
	}
	if err != nil {
		return nil, formats.AtKey("record", err)
	}
	p.root.at(record).record = true
	p.around = p.root.at(record[:len(record)-1])
	var all []error
	for i, column := range p.columns {
		path, err := o.resolve(record, o.Fields[column])
		if err == nil {
			err = p.place(record, path, i)
		}
		if err != nil {
			all = append(all, formats.AtKey("fields", formats.AtKey(column, err)))
		}
	}
	return p, errors.Join(all...)
}

// resolve makes a path absolute.
func (o *Options) resolve(record []step, path string) ([]step, error) {
	if strings.HasPrefix(path, "/") {
		return o.steps("/", path)
	}
	base := record
	for strings.HasPrefix(path, "../") {
		if len(base) == 1 {
			return nil, fmt.Errorf("%s leads above the root", path)
		}
		base, path = base[:len(base)-1], path[len("../"):]
	}
	if path == "." {
		return base, nil
	}
	rest, err := o.steps("", path)
	return append(slices.Clone(base), rest...), err
}

// steps takes a path apart. A prefix must be one of the namespaces, or is ignored when there are none.
func (o *Options) steps(begin, path string) ([]step, error) {
	path, ok := strings.CutPrefix(path, begin)
	if !ok || path == "" {
		return nil, fmt.Errorf("%q is no path", path)
	}
	var out []step
	for part := range strings.SplitSeq(path, "/") {
		if n := len(out); n > 0 && out[n-1].attr {
			return nil, fmt.Errorf("%q goes on behind an attribute", path)
		}
		var s step
		part, s.attr = strings.CutPrefix(part, "@")
		prefix, name, has := strings.Cut(part, ":")
		if !has {
			prefix, name = "", part
		}
		if name == "" || strings.ContainsAny(name, " .[]*@:") {
			return nil, fmt.Errorf("%q has a part that is no name", path)
		}
		s.name = name
		if len(o.Namespaces) > 0 && (prefix != "" || !s.attr) {
			uri, known := o.Namespaces[prefix]
			if !known && prefix != "" {
				return nil, fmt.Errorf("prefix %s is not one of namespaces", prefix)
			}
			s.space = uri
		}
		out = append(out, s)
	}
	return out, nil
}

// at finds the element of a path, and makes what is missing.
func (e *element) at(path []step) *element {
	for _, s := range path {
		i := slices.IndexFunc(e.children, func(c *element) bool { return c.name == s.name && c.space == s.space })
		if i < 0 {
			e.children = append(e.children, &element{name: s.name, space: s.space, text: -1, depth: e.depth + 1})
			i = len(e.children) - 1
		}
		e = e.children[i]
	}
	return e
}

// place puts a column into the tree. Its text is forgotten when the deepest element around both it and the record
// begins anew.
func (p *plan) place(record, path []step, column int) error {
	last := path[len(path)-1]
	if last.attr {
		e := p.root.at(path[:len(path)-1])
		if slices.ContainsFunc(e.attrs, func(a attribute) bool { return a.name == last.name && a.space == last.space }) {
			return errors.New("another column has the same path")
		}
		e.attrs = append(e.attrs, attribute{last.name, last.space, column})
		path = path[:len(path)-1]
	} else {
		e := p.root.at(path)
		if e.text >= 0 {
			return errors.New("another column has the same path")
		}
		e.text = column
	}
	common := 0
	for common < len(path) && common < len(record) && path[common] == record[common] {
		common++
	}
	if common == 0 {
		return errors.New("the path begins with another root than the record's")
	}
	e := p.root.at(record[:common])
	e.resets = append(e.resets, column)
	return nil
}

// match finds the child that an element of the file is, nil when no path leads through it.
func (e *element) match(s *xmltok.Scanner, spaces bool) *element {
	if e == nil {
		return nil
	}
	for _, c := range e.children {
		if c.name == string(s.Name()) && (!spaces || c.space == s.Space()) {
			return c
		}
	}
	return nil
}

// Rejects can't be built of cells: see [Options.CopyRejects].
func (o *Options) Rejects(io.Writer, []string) (formats.RejectWriter, error) {
	return nil, formats.ErrCopyRejects
}
