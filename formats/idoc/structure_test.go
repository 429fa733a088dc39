package idoc

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/internal/charset"
)

// grow makes an IDoc of a basic type with segments and texts by chance, in their order.
func grow(r *rand.Rand, s *Structure) *message {
	m := &message{typ: "EDI_DC40", fields: []pair{{"TABNAM", "EDI_DC40"}, {"MANDT", "100"}, {"DOCNUM", fmt.Sprintf("%016d", r.IntN(1e9))},
		{"DIRECT", "2"}, {"IDOCTYP", s.Type}, {"MESTYP", "ANY"}, {"SNDPOR", "A"}, {"SNDPRT", "LS"}, {"SNDPRN", "B"}, {"RCVPOR", "C"},
		{"RCVPRT", "LS"}, {"RCVPRN", "D"}, {"CREDAT", "20261121"}, {"CRETIM", "070000"}}}
	grown(r, s, m, "-", 0)
	return m
}

// grown adds the segments of a parent.
func grown(r *rand.Rand, s *Structure, parent *node, typ string, depth int) {
	for i := range s.Places {
		p := &s.Places[i]
		n := r.IntN(3)
		switch {
		case p.Parents[0] == "*": // anywhere, so here and there
			n = max(0, r.IntN(3+8*depth)-8*depth)
		case p.Parents[0] != typ:
			continue
		}
		if p.Most > 0 {
			n = min(n, p.Most)
		}
		if depth == 0 && i == 0 {
			n = 1
		}
		for range n {
			c := parent.add(p.Type, texts(r, Builtin().definitions[p.Definition])...)
			grown(r, s, c, p.Type, depth+1)
		}
	}
}

// texts fills some fields of a segment, at least one, to their end or less.
func texts(r *rand.Rand, t *SegmentType) (fields []pair) {
	for i, f := range t.Fields {
		if f.Unconfirmed || r.IntN(4) != 0 && i > 0 {
			continue
		}
		text := make([]rune, 1+r.IntN(f.Length))
		for k := range text {
			text[k] = []rune("ABCabc019 .-&<>äßç€")[r.IntN(19)]
		}
		text[0], text[len(text)-1] = 'x', 'y'
		fields = append(fields, pair{f.Name, string(text)})
	}
	return fields
}

func writeTree(t *testing.T, s *Structure, form string, m *message) []byte {
	t.Helper()
	enc, err := charset.NewEncoder("")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := &writer{dict: Builtin(), structure: s, enc: enc, eol: "\n"}
	if err := writeAll(&out, w, form, s.Type, "", []*message{m}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// tree writes down what a reader made of the only IDoc of a file, without definitions, and how often it did not believe a
// parent's number.
func tree(t *testing.T, file []byte) (string, int) {
	t.Helper()
	docs, err := (&Options{}).open(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	d, err := docs.next()
	if err != nil {
		t.Fatal(err)
	}
	if d.Fault != nil {
		t.Fatal(d.Fault)
	}
	m, err := outline(d)
	if err != nil {
		t.Fatal(err)
	}
	return sketch(m), d.wrong
}

func sketch(m *message) string {
	var b strings.Builder
	var walk func(n *node, indent string)
	walk = func(n *node, indent string) {
		fmt.Fprintf(&b, "%s%s %v\n", indent, n.typ, n.fields)
		for _, c := range n.children {
			walk(c, indent+" ")
		}
	}
	walk(m, "")
	return b.String()
}

// TestForms: for every basic type and release, the flat form and XML hold the same tree, and each converts into the other
// and back; what is written is what SAP's own tables allow.
func TestForms(t *testing.T) {
	tables := readExports(t)
	types := 0
	for name, releases := range Builtin().structures {
		for _, s := range releases {
			types++
			t.Run(strings.TrimSpace(name+" "+s.Release), func(t *testing.T) {
				for seed := range uint64(10) {
					r := rand.New(rand.NewPCG(seed, 12))
					m := grow(r, s)
					flat, xml := writeTree(t, s, FormFlat, m), writeTree(t, s, FormXML, m)
					if tables.types[strings.TrimSpace(name+" "+s.Release)] != nil {
						tables.check(t, flat, s.Release)
						tables.check(t, xml, s.Release)
					}
					want := sketch(m)
					for form, file := range map[string][]byte{"flat": flat, "XML": xml} {
						if got, wrong := tree(t, file); got != want || wrong != 0 {
							t.Fatalf("seed %d, %s, %d numbers wrong:\n%s", seed, form, wrong, cmp.Diff(want, got))
						}
					}
					f := &Options{}
					if d := cmp.Diff(string(xml), string(convert(t, f, convert(t, f, xml, FormFlat, name), FormXML, name))); d != "" {
						t.Fatalf("seed %d, XML → flat → XML:\n%s", seed, d)
					}
					if d := cmp.Diff(string(flat), string(convert(t, f, flat, FormFlat, name))); d != "" {
						t.Fatalf("seed %d, flat → flat:\n%s", seed, d)
					}
					if !s.open { // else the numbers are all that says what stands where
						astray(t, r, flat, want)
					}
				}
			})
		}
	}
	if types != 16 {
		t.Errorf("%d basic types and releases were tried", types)
	}
}

// astray writes numbers of parents into a flat file as other programs do: the tree stays.
func astray(t *testing.T, r *rand.Rand, flat []byte, want string) {
	t.Helper()
	for how, parent := range map[string]func(number int) int{
		"0 everywhere":       func(int) int { return 0 },
		"1 everywhere":       func(int) int { return 1 },
		"the one before":     func(n int) int { return n - 1 },
		"one that comes yet": func(n int) int { return n + 2 },
		"any":                func(int) int { return 900000 + r.IntN(9999) },
	} {
		lines := bytes.SplitAfter(flat, []byte("\n"))
		for i := 1; i < len(lines)-1; i++ {
			lines[i] = slices.Concat(lines[i][:55], fmt.Appendf(nil, "%06d", parent(i)), lines[i][61:])
		}
		if got, _ := tree(t, bytes.Join(lines, nil)); got != want {
			t.Fatalf("%s:\n%s", how, cmp.Diff(want, got))
		}
	}
}

// TestWrongParents: an R/3 4.6 names a parent that comes later; other programs write 0 for all, with segments of their own
// between. It is counted; what could stand in two places is a fault.
func TestWrongParents(t *testing.T) {
	record := func(definition string, number, parent int, data string) string {
		return fmt.Sprintf("%-30s%-3s%-16s%06d%06d%02d%s\n", definition, "100", "0000000000000077", number, parent, 2, data)
	}
	control := func(basic string) string {
		return fmt.Sprintf("EDI_DC40  1000000000000000077%10s%-30s%-30s%-30s\n", "", basic, "", "ORDRSP")
	}
	item := func(z string, parent int) string {
		return record("E2EDK02", 1, 0, "0012026-00042") + record("E2EDP01005", 2, 0, "000010") + record(z, 3, 0, "own") +
			record("E2EDP20", 4, parent, "5.000") + record("E2EDP01005", 5, 0, "000020") + record("E2EDP20", 6, 5, "1.000")
	}
	for _, c := range []struct {
		name, file, want string
		count            int64
	}{
		{"a parent that comes later", control("ORDERS01") + item("Z2OWN", 14), "", 1},
		{"0 below an item", control("ORDERS01") + item("Z2OWN", 0), "", 1},
		{"no basic type", control("") + item("Z2OWN", 14), "", 1},
		{"right numbers", control("ORDERS01") + item("Z2OWN", 2), "", 1}, // the segment of one's own had ended the item
		{"no item at all", control("ORDERS01") + record("E2EDK02", 1, 0, "0012026-00042") + record("E2EDP20", 2, 7, "5.000"), "structure E1EDP20", 0},
		{"two places", control("ORDERS01") + record("E2EDK02", 1, 0, "0012026-00042") + record("E2EDP01005", 2, 0, "000010") + record("E2EDPT1001", 3, 2, "0001") + record("Z2BOTH", 4, 99, "x"), "structure Z1BOTH", 0},
	} {
		dict, err := Builtin().Extend(strings.NewReader("Z1BOTH,Z2BOTH,E1EDP01 E1EDPT1,3,TEXT:10\n"))
		if err != nil {
			t.Fatal(err)
		}
		f := &Options{dict: dict}
		f.once.Do(func() {})
		rd, err := f.Open(strings.NewReader(c.file), formats.OrderFeedback)
		if err != nil {
			t.Fatal(err)
		}
		var row formats.Row
		got := ""
		if err := rd.Next(&row); err != nil {
			bad := err.(*formats.Reject)
			got = bad.Code + " " + bad.Pos.Segment
		}
		if n := rd.(formats.Counter).Counts()["wrong_parent"]; got != c.want || n != c.count {
			t.Errorf("%s: %q, %d counted; want %q, %d", c.name, got, n, c.want, c.count)
		}
	}
}
