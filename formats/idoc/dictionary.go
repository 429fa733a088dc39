package idoc

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// The dictionary's source: SAP's parser and documentation exports of ORDERS05, DELVRY03, INVOIC02, DEBMAS07, MATMAS05,
// ADRMAS03, SYSTAT01, COND_A04 and parts of PRICAT03; the offsets are the running sums of the lengths.
var (
	//go:embed data/segments.csv
	segmentsFile []byte
	//go:embed data/records.csv
	recordsFile []byte
)

// sdataLength is the number of characters of a data record's SDATA; sdataOffset is where it begins.
const (
	sdataLength   = 1000
	sdataOffset   = 63
	controlLength = 524
	recordLength  = sdataOffset + sdataLength
)

// Field is a field of a segment.
type Field struct {
	Name   string
	Offset int // in characters inside SDATA
	Length int
	// Unconfirmed fields are known by name and order only: a flat file's field of that kind can't be read.
	Unconfirmed bool
}

// SegmentType describes one segment.
type SegmentType struct {
	Type       string   // E1EDK01, the element's name in XML
	Definition string   // E2EDK01005, the name in a flat file that this program writes
	Parents    []string // types below which it may stand; "-" stands for the top, "*" for anywhere
	Level      int      // HLEVEL
	Fields     []Field

	index     map[string]int
	confirmed int // characters of SDATA that confirmed fields cover
}

// Field finds a field by name.
func (t *SegmentType) Field(name string) (Field, bool) {
	i, ok := t.index[name]
	if !ok {
		return Field{}, false
	}
	return t.Fields[i], true
}

// below says whether the segment may stand below a segment of the given type, "-" for the top.
func (t *SegmentType) below(parent string) bool {
	return slices.Contains(t.Parents, parent) || slices.Contains(t.Parents, "*")
}

// A Dictionary holds the known segments. It does not change once it is made.
type Dictionary struct {
	types       map[string]*SegmentType // by type
	definitions map[string]*SegmentType // by definition
}

// Builtin is the embedded dictionary.
var Builtin = sync.OnceValue(func() *Dictionary {
	d, err := (&Dictionary{}).Extend(bytes.NewReader(segmentsFile))
	if err != nil {
		panic(err) // the embedded file is part of the program
	}
	return d
})

// control describes EDI_DC40 in the form of a segment.
var control = sync.OnceValue(func() *SegmentType {
	rows, err := csv.NewReader(bytes.NewReader(recordsFile)).ReadAll()
	if err != nil {
		panic(err)
	}
	t := &SegmentType{Type: "EDI_DC40", Definition: "EDI_DC40"}
	for _, r := range rows {
		if r[0] != t.Type {
			continue
		}
		offset, err1 := strconv.Atoi(r[2])
		length, err2 := strconv.Atoi(r[3])
		if err := errors.Join(err1, err2); err != nil {
			panic(err)
		}
		t.Fields = append(t.Fields, Field{Name: r[1], Offset: offset, Length: length})
	}
	t.finish()
	return t
})

func (t *SegmentType) finish() {
	t.index = make(map[string]int, len(t.Fields))
	for i, f := range t.Fields {
		t.index[f.Name] = i
		if !f.Unconfirmed {
			t.confirmed = f.Offset + f.Length
		}
	}
}

// Type finds a segment by its type.
func (d *Dictionary) Type(name string) (*SegmentType, bool) {
	t, ok := d.types[name]
	return t, ok
}

// Definition finds a segment by the name that a flat file gives it: the definition (E2EDK01005), a definition of
// another release (E2EDK01003, E2EDK01), or the type itself.
func (d *Dictionary) Definition(name string) (*SegmentType, bool) {
	if t, ok := d.definitions[name]; ok {
		return t, true
	}
	if t, ok := d.types[typeOf(name)]; ok {
		return t, true
	}
	t, ok := d.types[typeOf(stem(name))]
	return t, ok
}

// stem takes the release's three digits off a definition.
func stem(name string) string {
	n := len(name) - 3
	if n <= 2 || strings.Trim(name[n:], "0123456789") != "" {
		return name
	}
	return name[:n]
}

// typeOf turns the 2 of a definition into the 1 of a type: E2EDK01 is E1EDK01, Z2ABC is Z1ABC.
func typeOf(name string) string {
	if len(name) > 2 && name[1] == '2' {
		return name[:1] + "1" + name[2:]
	}
	return name
}

// Extend returns a dictionary that also has the segments of a CSV file, in place of its own ones of the same type. The
// file has the columns segment, definition, parents, level, fields (see data/segments.csv):
//
//	Z1SHOP,Z2SHOP000,E1MARAM,3,MSGFN:3 WEBTEXT:40 ?NOTE:10
//
// Parents are separated by blanks, "-" is the top of the IDoc, "*" anywhere. Fields are NAME:LENGTH in their order;
// a question mark marks one whose place in the flat form is not certain, and every one behind it.
func (d *Dictionary) Extend(r io.Reader) (*Dictionary, error) {
	c := csv.NewReader(r)
	c.FieldsPerRecord = 5
	rows, err := c.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("dictionary: %w", err)
	}
	out := &Dictionary{types: map[string]*SegmentType{}, definitions: map[string]*SegmentType{}}
	maps.Copy(out.types, d.types)
	maps.Copy(out.definitions, d.definitions)
	for i, row := range rows {
		if i == 0 && row[0] == "segment" {
			continue
		}
		t, err := parseType(row)
		if err != nil {
			return nil, fmt.Errorf("dictionary: line %d: %w", i+1, err)
		}
		if old, ok := out.types[t.Type]; ok {
			delete(out.definitions, old.Definition)
		}
		out.types[t.Type] = t
		out.definitions[t.Definition] = t
	}
	return out, nil
}

func parseType(row []string) (*SegmentType, error) {
	level, err := strconv.Atoi(row[3])
	if err != nil || level < 1 || level > 99 {
		return nil, fmt.Errorf("level %q is not a number from 1 to 99", row[3])
	}
	t := &SegmentType{Type: row[0], Definition: row[1], Parents: strings.Fields(row[2]), Level: level}
	if t.Type == "" || t.Definition == "" || len(t.Definition) > 30 || len(t.Parents) == 0 {
		return nil, errors.New("segment, definition (at most 30 characters) and parents are needed")
	}
	offset, unconfirmed := 0, false
	for _, f := range strings.Fields(row[4]) {
		if strings.HasPrefix(f, "?") {
			f, unconfirmed = f[1:], true
		}
		name, digits, _ := strings.Cut(f, ":")
		length, err := strconv.Atoi(digits)
		if err != nil || length < 1 || name == "" {
			return nil, fmt.Errorf("field %q is not of the form NAME:LENGTH", f)
		}
		t.Fields = append(t.Fields, Field{Name: name, Offset: offset, Length: length, Unconfirmed: unconfirmed})
		offset += length
	}
	if offset > sdataLength {
		return nil, fmt.Errorf("the fields of %s have %d characters, more than the %d of SDATA", t.Type, offset, sdataLength)
	}
	t.finish()
	if len(t.index) != len(t.Fields) {
		return nil, fmt.Errorf("a field of %s stands twice", t.Type)
	}
	return t, nil
}
