package idoc

import (
	"bufio"
	"io"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/internal/charset"
	"github.com/orobridge/orobridge/formats/internal/xmltok"
)

// CopyRejects implements formats.RejectCopier: it writes the IDocs that have a failed row, byte for byte, with what
// stands around them. Failed is asked with Line 0 for the IDoc as a whole and with the number of each segment.
func (f *Options) CopyRejects(w io.Writer, r io.Reader, _ *formats.Entity, failed func(formats.Position) bool) (int, error) {
	dict, err := f.dictionary()
	if err != nil {
		return 0, err
	}
	c, err := charset.NewCopier(w, r, f.Encoding, xmltok.Declared)
	if err != nil {
		return 0, err
	}
	text, markup, err := form(bufio.NewReaderSize(c, 64<<10))
	if err != nil || text == nil {
		return 0, err
	}
	var docs documents
	var end func() int64 // of the IDoc that was read last
	if markup {
		m := newMarkup(text, dict)
		m.between = c.Copy
		docs, end = m, m.s.EndOffset
	} else {
		flat, err := newFlat(text, dict)
		if err != nil {
			return 0, err
		}
		docs, end = flat, func() int64 {
			if flat.exhausted {
				return c.Rest()
			}
			return flat.at
		}
	}
	kept := 0
	for {
		d, err := docs.next()
		if err == io.EOF {
			return kept, c.Copy(c.Rest())
		}
		if err != nil {
			return kept, err
		}
		if err := c.Copy(d.Offset); err != nil {
			return kept, err
		}
		if !anyFailed(d, failed) {
			c.Drop(end())
			continue
		}
		kept++
		if err := c.Copy(end()); err != nil {
			return kept, err
		}
	}
}

func anyFailed(d *Document, failed func(formats.Position) bool) bool {
	if failed(d.position(&d.Control)) {
		return true
	}
	for i := range d.Segments {
		if failed(d.position(&d.Segments[i])) {
			return true
		}
	}
	return d.Fault != nil && failed(d.Fault.Pos)
}
