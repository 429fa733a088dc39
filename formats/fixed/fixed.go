// Package fixed reads files of fixed width: records whose fields stand at fixed places, with a layout given in the
// config.
//
// Contract: a reader in, rows out with the layout's field names as columns. Places and lengths count characters: the
// text is decoded first. Record types are told apart by a prefix; a record can have a parent type, whose fields, from
// the record of that type that stood last before it, are part of its row. Blanks at both ends of a field are no part
// of it, and a line may lack the blanks at its end. Fields are not checked for their characters here: that is the mapper's
// work. A trailer, where the options tell of one, must be there and fit what stands before it.
//
// Limits: a record has at most 64 KiB; a longer line is a reject. Memory does not follow the file.
package fixed

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/internal/charset"
)

// Options are the layout and the dialect of a feed's files. Their tags doc are the reference.
type Options struct {
	Numbers      formats.Conventions `yaml:",inline"`
	Encoding     string              `yaml:"encoding" doc:"of a file without a byte order mark; utf-8 by default"`
	RecordLength int                 `yaml:"record_length" doc:"characters of a record in files without line ends; without it records are lines"`
	Skip         int                 `yaml:"skip" doc:"lines before the first record"`
	Unknown      string              `yaml:"unknown" doc:"a line that no record type's prefix fits: reject by default, or skip"`
	Records      []Record            `yaml:"records" doc:"the record types; where several fit, the longest prefix counts"`
	Fields       []Field             `yaml:"fields" doc:"instead of records: the layout of files with only one record type"`
	Trailer      *Trailer            `yaml:"trailer" doc:"the record type that ends a file and says what should stand before it; a file where it lacks or does not fit is refused"`
}

// Trailer describes a file's last record.
type Trailer struct {
	Record string `yaml:"record" doc:"name of its record type; it is no row"`
	Count  string `yaml:"count" doc:"its field that holds the number of rows"`
	Sum    string `yaml:"sum" doc:"its field that holds the sum of a column"`
	Of     string `yaml:"of" doc:"that column"`
}

// Record is a record type.
type Record struct {
	Name   string  `yaml:"name" doc:"for positions and parents; the prefix by default"`
	Prefix string  `yaml:"prefix" doc:"what the record begins with; without it any record that no other type fits"`
	At     int     `yaml:"at" doc:"where the prefix stands, from 0"`
	Row    bool    `yaml:"row" doc:"each record of the type is a row"`
	Parent string  `yaml:"parent" doc:"type whose last record's fields belong to this one's row"`
	Fields []Field `yaml:"fields" doc:"the layout"`
}

// Field is a field of a record.
type Field struct {
	Name     string `yaml:"name" doc:"column; without one the field is skipped"`
	Offset   *int   `yaml:"offset" doc:"place of its first character, from 0; by default it follows the field before it"`
	Length   int    `yaml:"length" doc:"characters"`
	Decimals int    `yaml:"decimals" doc:"digits behind a decimal point that is not written: 2 turns 001234 into 12.34"`
}

var (
	_ formats.Format       = (*Options)(nil)
	_ formats.RejectCopier = (*Options)(nil)
)

// kind is a record type, ready to read.
type kind struct {
	name    string
	prefix  string
	at      int
	row     bool
	parent  *kind
	isAbove bool // is another type's parent
	ends    bool // is the trailer
	fields  []place

	open  bool     // a record of the type stands before the current one, and no parent of it came since
	cells []string // its cells, kept for a type that is a parent
}

// place is a field, ready to read.
type place struct {
	column, from, to, decimals int
}

// Conventions implements formats.Format.
func (o *Options) Conventions() formats.Conventions { return o.Numbers }

// maxRecord is the longest record in bytes.
const maxRecord = 64 << 10

// Check reports options that make no sense.
func (o *Options) Check() error {
	var all []error
	if err := o.Numbers.Check(); err != nil {
		all = append(all, err)
	}
	if err := charset.Check(o.Encoding); err != nil {
		all = append(all, formats.AtKey("encoding", err))
	}
	if !slices.Contains([]string{"", "reject", "skip"}, o.Unknown) {
		all = append(all, formats.AtKey("unknown", fmt.Errorf("%q is neither reject nor skip", o.Unknown)))
	}
	if o.RecordLength < 0 || o.RecordLength > maxRecord/4 {
		all = append(all, formats.AtKey("record_length", fmt.Errorf("%d is not from 1 to %d", o.RecordLength, maxRecord/4)))
	}
	if o.Skip < 0 || o.Skip > 0 && o.RecordLength > 0 {
		all = append(all, formats.AtKey("skip", errors.New("a number of lines, for files with lines")))
	}
	_, _, _, err := o.layout()
	return errors.Join(append(all, err)...)
}

// records is Records, or what Fields stands for.
func (o *Options) records() ([]Record, error) {
	switch {
	case len(o.Fields) > 0 && len(o.Records) > 0:
		return nil, formats.AtKey("fields", errors.New("give the fields of each record type under records, or leave records out"))
	case len(o.Fields) > 0:
		return []Record{{Row: true, Fields: o.Fields}}, nil
	case len(o.Records) == 0:
		return nil, formats.AtKey("fields", errors.New("the layout is needed: name and length of each field"))
	}
	return o.Records, nil
}

// layout compiles the record types, and lists the columns in the order of their appearance. The trailer's fields are no
// columns.
func (o *Options) layout() (kinds []*kind, columns []string, end *trailer, err error) {
	records, err := o.records()
	if err != nil {
		return nil, nil, nil, err
	}
	var all []error
	at, rows := map[string]int{}, 0
	byName := map[string]*kind{}
	for i := range records {
		r := &records[i]
		k := &kind{name: r.Name, prefix: r.Prefix, at: r.At, row: r.Row}
		if k.name == "" {
			k.name = strings.TrimSpace(r.Prefix)
		}
		if k.row {
			rows++
		}
		problem := func(err error) { all = append(all, formats.AtKey("records", formats.AtKey(k.name, err))) }
		if byName[k.name] != nil {
			problem(errors.New("stands twice"))
		}
		var err error
		if o.Trailer != nil && o.Trailer.Record == k.name && !k.row && r.Parent == "" {
			k.ends, end = true, &trailer{Trailer: o.Trailer, numbers: o.Numbers}
			err = k.place(r.Fields, map[string]int{}, &end.fields)
		} else {
			err = k.place(r.Fields, at, &columns)
		}
		if err != nil {
			problem(err)
		}
		if r.Parent != "" {
			if k.parent = byName[r.Parent]; k.parent == nil || k.parent.ends {
				problem(fmt.Errorf("parent %s is not a record type that stands before it", r.Parent))
			} else {
				k.parent.isAbove = true
			}
		}
		byName[k.name] = k
		kinds = append(kinds, k)
	}
	if rows == 0 {
		all = append(all, formats.AtKey("records", errors.New("none has row: true, so the files have no rows")))
	}
	if o.Trailer != nil {
		all = append(all, formats.AtKey("trailer", end.bind(columns)))
	}
	slices.SortStableFunc(kinds, func(a, b *kind) int { return len(b.prefix) - len(a.prefix) })
	return kinds, columns, end, errors.Join(all...)
}

// place finds the places of a type's fields, and their columns.
func (k *kind) place(fields []Field, at map[string]int, columns *[]string) error {
	next := 0
	own := map[string]bool{}
	for _, f := range fields {
		from := next
		if f.Offset != nil {
			from = *f.Offset
		}
		next = from + f.Length
		switch {
		case f.Length < 1 || from < 0 || next > maxRecord:
			return fmt.Errorf("field %s: a length from 1 on and an offset from 0 on are needed", f.Name)
		case f.Decimals < 0 || f.Decimals > f.Length:
			return fmt.Errorf("field %s: decimals: %d is not from 0 to its length", f.Name, f.Decimals)
		case f.Name == "":
			continue // a filler
		case own[f.Name]:
			return fmt.Errorf("field %s stands twice", f.Name)
		}
		own[f.Name] = true
		column, ok := at[f.Name]
		if !ok {
			column = len(*columns)
			at[f.Name] = column
			*columns = append(*columns, f.Name)
		}
		k.fields = append(k.fields, place{column, from, next, f.Decimals})
	}
	return nil
}

// Rejects can't be built of cells: see [Options.CopyRejects].
func (o *Options) Rejects(io.Writer, []string) (formats.RejectWriter, error) {
	return nil, formats.ErrCopyRejects
}
