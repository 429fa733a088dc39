package idoc

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/orobridge/orobridge/formats"
)

// This file checks what the package writes against the tables of SAP's own exports, without any of the package's code:
// hierarchy, order, how often, names, lengths, numbering.

// exported is one segment of a basic type.
type exported struct {
	segment, definition string
	parent              string // empty at the top
	level, order, most  int
}

// exports are the tables of testdata/sap.
type exports struct {
	types  map[string][]exported        // by basic type and release: "ORDERS05 755"
	fields map[string]map[string][2]int // offset and length by definition and field
	ends   map[string]int               // characters that a definition's fields cover
}

func csvRows(t testing.TB, name string) [][]string {
	t.Helper()
	b, err := os.ReadFile("testdata/sap/" + name)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

func number(t testing.TB, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func readExports(t testing.TB) *exports {
	t.Helper()
	x := &exports{map[string][]exported{}, map[string]map[string][2]int{}, map[string]int{}}
	for _, r := range csvRows(t, "structures.csv") {
		key := strings.TrimSpace(r[0] + " " + r[1])
		e := exported{segment: r[3], definition: r[4], level: number(t, r[5]), order: len(x.types[key])}
		if r[6] == "O" { // the number of a group is not that of its first segment
			e.most = number(t, r[8])
		}
		for _, before := range slices.Backward(x.types[key]) {
			if before.level < e.level {
				e.parent = before.segment
				break
			}
		}
		if e.parent == "E1EDK01" || e.parent == "E1EDK09" {
			e.parent = "" // the header stands beside what follows it
		}
		x.types[key] = append(x.types[key], e)
	}
	for _, r := range csvRows(t, "fields.csv") {
		if x.fields[r[0]] == nil {
			x.fields[r[0]] = map[string][2]int{}
		}
		offset, length := number(t, r[4]), number(t, r[5])
		x.fields[r[0]][r[3]] = [2]int{offset, length}
		x.ends[r[0]] = max(x.ends[r[0]], offset+length)
	}
	for _, r := range csvRows(t, "records.csv") {
		if x.fields[r[0]] == nil {
			x.fields[r[0]] = map[string][2]int{}
		}
		x.fields[r[0]][r[1]] = [2]int{number(t, r[2]), number(t, r[3])}
	}
	return x
}

// written is one segment of a file, as the checks see it.
type written struct {
	segment  string
	fields   [][2]string
	children []*written
}

// checker collects what is wrong.
type checker struct {
	*exports
	places   []exported
	problems []string
}

func (c *checker) wrong(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *checker) place(segment string) *exported {
	for i := range c.places {
		if c.places[i].segment == segment {
			return &c.places[i]
		}
	}
	c.wrong("%s is no segment of the type", segment)
	return nil
}

// siblings checks order and number below one parent.
func (c *checker) siblings(parent string, below []*written) {
	last, times := -1, map[string]int{}
	for _, w := range below {
		p := c.place(w.segment)
		if p == nil {
			continue
		}
		if p.parent != parent {
			c.wrong("%s stands below %q, not %q", w.segment, parent, p.parent)
		}
		if p.order < last {
			c.wrong("%s stands behind %s", w.segment, c.places[last].segment)
		}
		last = max(last, p.order)
		if times[w.segment]++; p.most > 0 && times[w.segment] > p.most {
			c.wrong("%s stands more than %d times", w.segment, p.most)
		}
		c.texts(p.definition, w)
		c.siblings(w.segment, w.children)
	}
}

// texts checks a segment's fields: known, in their order, not too long.
func (c *checker) texts(definition string, w *written) {
	at := -1
	for _, f := range w.fields {
		place, ok := c.fields[definition][f[0]]
		switch {
		case !ok:
			c.wrong("%s has no field %s", definition, f[0])
		case place[0] <= at:
			c.wrong("%s-%s stands out of order", definition, f[0])
		case utf8.RuneCountInString(f[1]) > place[1]:
			c.wrong("%s-%s: %q is longer than %d", definition, f[0], f[1], place[1])
		case strings.TrimSpace(f[1]) != f[1] || f[1] == "":
			c.wrong("%s-%s: %q has blanks around it", definition, f[0], f[1])
		}
		at = place[0]
	}
}

// control checks the control record's fields, and finds the type.
func (c *checker) control(get func(field string) string, release string) {
	c.places = c.types[get("IDOCTYP")+" "+release]
	if c.places == nil {
		c.places = c.types[get("IDOCTYP")]
	}
	if c.places == nil {
		c.wrong("IDOCTYP %q is not known", get("IDOCTYP"))
	}
	digits := func(field string, length int) {
		if text := get(field); len(text) != length || strings.Trim(text, "0123456789") != "" {
			c.wrong("%s %q has not %d digits", field, text, length)
		}
	}
	digits("MANDT", 3)
	digits("DOCNUM", 16)
	digits("CREDAT", 8)
	digits("CRETIM", 6)
	for _, field := range []string{"MESTYP", "SNDPOR", "SNDPRT", "SNDPRN", "RCVPOR", "RCVPRT", "RCVPRN"} {
		if get(field) == "" {
			c.wrong("%s is empty", field)
		}
	}
	if get("DIRECT") != "2" {
		c.wrong("DIRECT is %q", get("DIRECT"))
	}
}

// checkFlat checks a flat file in UTF-8 with LF.
func (x *exports) checkFlat(file []byte, release string) []string {
	c := &checker{exports: x}
	cut := func(line []rune, record, field string) string {
		p := x.fields[record][field]
		return strings.TrimRight(string(line[p[0]:p[0]+p[1]]), " ")
	}
	var top []*written
	var all []*written // of the IDoc, by SEGNUM
	docnum := ""
	for text := range strings.Lines(string(file)) {
		line := []rune(strings.TrimSuffix(text, "\n"))
		if strings.HasPrefix(text, "EDI_DC40") {
			c.siblings("", top)
			top, all = nil, nil
			if len(line) != 524 {
				c.wrong("a control record of %d characters", len(line))
				return c.problems
			}
			c.control(func(field string) string { return cut(line, "EDI_DC40", field) }, release)
			docnum = cut(line, "EDI_DC40", "DOCNUM")
			continue
		}
		if len(line) != 1063 {
			c.wrong("a data record of %d characters", len(line))
			return c.problems
		}
		definition := cut(line, "EDI_DD40", "SEGNAM")
		i := slices.IndexFunc(c.places, func(e exported) bool { return e.definition == definition })
		if i < 0 {
			c.wrong("%s is no definition of the type", definition)
			continue
		}
		w := &written{segment: c.places[i].segment}
		all = append(all, w)
		if got := cut(line, "EDI_DD40", "SEGNUM"); got != fmt.Sprintf("%06d", len(all)) {
			c.wrong("%s has the number %s, not %d", definition, got, len(all))
		}
		if got := cut(line, "EDI_DD40", "HLEVEL"); got != fmt.Sprintf("%02d", c.places[i].level) {
			c.wrong("%s has the level %s, not %d", definition, got, c.places[i].level)
		}
		if got := cut(line, "EDI_DD40", "DOCNUM"); got != docnum {
			c.wrong("%s has the DOCNUM %s, not %s", definition, got, docnum)
		}
		switch parent, err := strconv.Atoi(cut(line, "EDI_DD40", "PSGNUM")); {
		case err != nil || parent >= len(all):
			c.wrong("%s has no parent that stands before it", definition)
		case parent == 0:
			top = append(top, w)
		default:
			all[parent-1].children = append(all[parent-1].children, w)
		}
		data := line[63:]
		if end := x.ends[definition]; strings.TrimRight(string(data[end:]), " ") != "" {
			c.wrong("%s has text behind its %d characters", definition, end)
		}
		for field, p := range x.fields[definition] {
			if text := strings.TrimRight(string(data[p[0]:p[0]+p[1]]), " "); text != "" {
				w.fields = append(w.fields, [2]string{field, text})
			}
		}
		slices.SortFunc(w.fields, func(a, b [2]string) int { return x.fields[definition][a[0]][0] - x.fields[definition][b[0]][0] })
	}
	c.siblings("", top)
	return c.problems
}

// element is any element of XML.
type element struct {
	XMLName  xml.Name
	Segment  string    `xml:"SEGMENT,attr"`
	Begin    string    `xml:"BEGIN,attr"`
	Text     string    `xml:",chardata"`
	Children []element `xml:",any"`
}

// checkXML checks a file of XML.
func (x *exports) checkXML(file []byte, release string) []string {
	c := &checker{exports: x}
	var root element
	if err := xml.Unmarshal(file, &root); err != nil {
		return []string{err.Error()}
	}
	for _, doc := range root.Children {
		if doc.XMLName.Local != "IDOC" || doc.Begin != "1" || len(doc.Children) == 0 || doc.Children[0].XMLName.Local != "EDI_DC40" {
			c.wrong("%s is no IDoc with a control record", doc.XMLName.Local)
			continue
		}
		head := c.written(&doc.Children[0])
		c.texts("EDI_DC40", head)
		c.control(func(field string) string {
			for _, f := range head.fields {
				if f[0] == field {
					return f[1]
				}
			}
			return ""
		}, release)
		var top []*written
		for i := range doc.Children[1:] {
			top = append(top, c.written(&doc.Children[i+1]))
		}
		c.siblings("", top)
	}
	return c.problems
}

func (c *checker) written(e *element) *written {
	w := &written{segment: e.XMLName.Local}
	if e.Segment != "1" {
		c.wrong("%s is not marked as a segment", w.segment)
	}
	for i := range e.Children {
		child := &e.Children[i]
		if child.Segment != "" || len(child.Children) > 0 {
			w.children = append(w.children, c.written(child))
		} else {
			w.fields = append(w.fields, [2]string{strings.ReplaceAll(child.XMLName.Local, "_-", "/"), child.Text})
		}
	}
	return w
}

// check checks a file of either form.
func (x *exports) check(t testing.TB, file []byte, release string) {
	t.Helper()
	problems := x.checkFlat
	if bytes.HasPrefix(file, []byte("<")) {
		problems = x.checkXML
	}
	for i, p := range problems(file, release) {
		if i == 10 {
			t.Fatal("…")
		}
		t.Error(p)
	}
}

// TestChecker: the checks see what they are for.
func TestChecker(t *testing.T) {
	o := encoder()
	o.Form = FormFlat
	var flat bytes.Buffer
	if err := o.Numbered(1).WriteOrders(&flat, []*formats.Order{order()}); err != nil {
		t.Fatal(err)
	}
	tables := readExports(t)
	lines := strings.SplitAfter(flat.String(), "\n")
	at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "E2EDP20002") })
	for name, mend := range map[string]func(l string) string{
		"a number":   func(l string) string { return l[:49] + "000001" + l[55:] },
		"a parent":   func(l string) string { return l[:55] + "000001" + l[61:] },
		"a level":    func(l string) string { return l[:61] + "02" + l[63:] },
		"a length":   func(l string) string { return l[:500] + "\n" },
		"its text":   func(l string) string { return l[:1000] + "x" + l[1001:] },
		"a release":  func(l string) string { return "E2EDP20001" + l[10:] },
		"its order":  func(l string) string { return lines[at+1] + l },
		"its number": func(l string) string { return strings.Repeat(l, 2) },
	} {
		broken := slices.Clone(lines)
		broken[at] = mend(broken[at])
		if len(tables.checkFlat([]byte(strings.Join(broken, "")), "755")) == 0 {
			t.Errorf("%s can be wrong", name)
		}
	}
	if got := tables.checkFlat(flat.Bytes(), "755"); len(got) > 0 {
		t.Error(got)
	}
}
