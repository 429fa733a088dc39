package oro

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/orobridge/orobridge/formats"
)

// attrPrefix marks the fields that stand for the shop's own attributes of a product.
const attrPrefix = "attr."

// A shape is how the shop holds an attribute of its own. An enum is a relationship whose target's kind only a product
// that has a value can tell.
type shape struct {
	known bool   // some product told it
	link  bool   // a relationship, not an attribute
	kind  string // of its targets
	many  bool
	first byte // of an attribute's JSON: '"', 't' for booleans, '0' for numbers
	asked time.Time
}

// shapes keeps what was learned, also that no product tells it: a file may have hundreds of columns that the shop has no attribute for,
// each in every row. It is asked for those again after [listRefresh].
type shapes struct {
	mu sync.Mutex
	of map[string]shape
}

// maxShapes is how many attributes are kept: names come from files.
const maxShapes = 10_000

func wysiwygText(raw json.RawMessage) string {
	var w struct {
		Value string `json:"value"`
	}
	if json.Unmarshal(raw, &w) != nil {
		return ""
	}
	return w.Value
}

// attr is the canonical text of the shop's own attribute: of a relationship, the ids of its targets.
func (h *held) attr(name string) string {
	if raw, ok := h.attribute(name); ok {
		return rawText(raw)
	}
	var ids []string
	for _, r := range h.many(name) {
		ids = append(ids, r.ID)
	}
	return strings.Join(ids, " ")
}

// shape asks the shop how it holds an attribute: a product that has a value of it, or else any product.
func (c *directory) shape(ctx context.Context, name string) (shape, error) {
	c.shapes.mu.Lock()
	defer c.shapes.mu.Unlock()
	if s, ok := c.shapes.of[name]; ok && (s.known || c.now().Sub(s.asked) < listRefresh) {
		return s, nil
	}
	q := query{"fields[products]": name, "page[size]": "1"}
	ans, err := c.do(ctx, http.MethodGet, "products", q.with("filter["+name+"][exists]", "true"), nil, reads, nil)
	s := shapeOf(ans, name)
	if !s.known && (err == nil || statusOf(err) == http.StatusBadRequest) { // not every attribute can be filtered by
		ans, err = c.do(ctx, http.MethodGet, "products", q, nil, reads, nil)
		s = shapeOf(ans, name)
	}
	if err != nil {
		return shape{}, err
	}
	s.asked = c.now()
	if c.shapes.of == nil || len(c.shapes.of) >= maxShapes {
		c.shapes.of = make(map[string]shape)
	}
	c.shapes.of[name] = s
	return s, nil
}

func shapeOf(ans *answer, name string) shape {
	if ans == nil || ans.doc == nil || len(ans.doc.Data) == 0 {
		return shape{}
	}
	any := &ans.doc.Data[0]
	if raw, ok := any.attribute(name); ok {
		s := shape{known: raw[0] != 'n', first: raw[0]}
		switch {
		case raw[0] == 'f':
			s.first = 't'
		case raw[0] == '-' || (raw[0] >= '0' && raw[0] <= '9'):
			s.first = '0'
		}
		return s
	}
	rel, ok := any.relationship(name)
	s := shape{link: ok, many: rel.many}
	if len(rel.to) > 0 {
		s.known, s.kind = true, rel.to[0].Type
	}
	return s
}

// attribute writes one of the shop's own attributes. An enum is written by the ids of its options, several separated by
// blanks.
func (w *productWriter) attribute(v formats.Value) {
	name := strings.TrimPrefix(v.Field, attrPrefix)
	s, err := w.shape(w.ctx, name)
	switch {
	case err != nil:
		w.err = err
	case s.link && v.Text == "" && s.many:
		w.it.points(name, nil)
	case s.link && v.Text == "":
		w.it.point(name, s.kind, "")
	case s.link && s.kind == "":
		w.refuse(v.Field, formats.CodeReference,
			"%s is a choice in the shop, and no product there shows yet which: set it once for one product by hand", name)
	case s.link && s.many:
		var to refs
		for _, id := range strings.Fields(v.Text) {
			to = append(to, ref{s.kind, id})
		}
		w.it.points(name, to)
	case s.link:
		w.it.point(name, s.kind, v.Text)
	case s.first == 't':
		w.it.raw(name, map[bool]string{true: "true", false: "false"}[isYes(v.Text)])
	case s.first == '0' && isDecimal(v.Text):
		w.it.raw(name, plain(v.Text))
	default:
		w.it.set(name, v.Text)
	}
}

func isYes(text string) bool {
	switch strings.ToLower(text) {
	case "1", "x", "true", "yes", "y":
		return true
	}
	return false
}
