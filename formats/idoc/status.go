package idoc

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/orobridge/orobridge/formats"
)

// Status values that a receiver reports of an IDoc that SAP sent: a functional acknowledgement, good or bad.
const (
	StatusGood = "16"
	StatusBad  = "17"
)

// Status is what became of one IDoc.
type Status struct {
	DocNum  string // as it was read
	Client  string
	At      time.Time
	Status  string // StatusGood, StatusBad
	Segment int64  // number of the segment at fault, 0 for none
	Field   string // field at fault
	Text    string // goes on in the parameters when it is longer than 70 characters; what is longer than 270 is cut
}

// WriteStatus writes receipts as SYSTAT01, one IDoc per status, numbered from first.
func (e *Envelope) WriteStatus(w io.Writer, first int64, all []Status) error {
	out, err := e.writer(Builtin(), Builtin().Structure(systat))
	if err != nil {
		return err
	}
	docs := make([]*message, len(all))
	for i := range all {
		docs[i] = e.status(first+int64(i), &all[i])
	}
	return writeAll(w, out, e.form(), systat, e.Encoding, docs)
}

// systat is the basic type of receipts.
const systat = "SYSTAT01"

// status builds the IDoc of one receipt.
func (e *Envelope) status(number int64, s *Status) *message {
	m := &message{typ: "EDI_DC40", fields: e.control(systat, "STATUS", number, s.At)}
	at := s.At.In(e.zone())
	segment := ""
	if s.Segment > 0 {
		segment = fmt.Sprintf("%06d", s.Segment)
	}
	st := m.add("E1STATS", pair{"TABNAM", "EDI_DS"}, pair{"MANDT", s.Client}, pair{"DOCNUM", s.DocNum},
		pair{"LOGDAT", at.Format("20060102")}, pair{"LOGTIM", at.Format("150405")}, pair{"STATUS", s.Status}, pair{"UNAME", "OROBRIDGE"})
	text := s.Text
	for _, f := range [...]struct {
		name   string
		length int
	}{{"STATXT", 70}, {"STAPA1", 50}, {"STAPA2", 50}, {"STAPA3", 50}, {"STAPA4", 50}} {
		n := runeOffset(text, f.length)
		st.fields = append(st.fields, pair{f.name, text[:n]})
		text = text[n:]
		if f.name == "STATXT" {
			st.fields = append(st.fields, pair{"SEGNUM", segment}, pair{"SEGFLD", s.Field})
		}
	}
	return m
}

// Receipts implements formats.Receipter.
func (f *Options) Receipts() bool { return f.Receipt != nil }

// WriteReceipt implements formats.Receipter.
func (f *Options) WriteReceipt(w io.Writer, parts []io.Reader, o formats.Receipt) (int, error) {
	out, err := f.Receipt.writer(Builtin(), Builtin().Structure(systat))
	if err != nil {
		return 0, err
	}
	n := 0
	for i, part := range parts {
		docs, err := f.open(part)
		for err == nil && docs != nil {
			var d *Document
			if d, err = docs.next(); err != nil {
				break
			}
			why, tell := o.Fate(i, d.position(&d.Control))
			if !tell {
				continue
			}
			if n == 0 {
				out.begin(f.Receipt.form(), systat, f.Receipt.Encoding)
			}
			if err := out.message(w, f.Receipt.form(), f.Receipt.status(o.First+int64(n), f.fate(d, why, o))); err != nil {
				return n, err
			}
			n++
		}
		var unreadable *formats.FileError
		if err != nil && err != io.EOF && !errors.As(err, &unreadable) {
			return n, err
		}
	}
	if n > 0 {
		out.end(f.Receipt.form(), systat)
	}
	return n, out.flush(w)
}

// fate is the status of one IDoc. Of a reject it names SAP's own field, by which the sender finds what to mend.
func (f *Options) fate(d *Document, why *formats.Reject, o formats.Receipt) *Status {
	client, _ := d.Value(&d.Control, "MANDT") // every place of the control record is certain
	s := &Status{DocNum: d.Number, Client: client, At: o.At, Status: StatusGood, Text: o.Text}
	if why == nil {
		return s
	}
	s.Status, s.Text, s.Segment = StatusBad, why.Message, why.Pos.Line
	if segment, number, field := f.origin(d, why); field != "" {
		s.Segment, s.Field, s.Text = number, field, segment+"-"+field+": "+why.Message
	} else if len(why.Field) <= 30 {
		s.Field = why.Field
	}
	return s
}

// origin finds the segment and field that a reject's canonical field comes from; no field when that is not known.
func (f *Options) origin(d *Document, why *formats.Reject) (segment string, number int64, field string) {
	row := -1
	for i := range d.Segments {
		if d.Segments[i].Number == why.Pos.Line && d.Segments[i].Type == why.Pos.Segment {
			row = i
			break
		}
	}
	if row < 0 || why.Field == "" {
		return "", 0, ""
	}
	stem, _, _ := strings.Cut(why.Field, "[")
	for place := range strings.FieldsSeq(f.from[stem]) {
		typ, name, _ := strings.Cut(place, "-")
		for at := row; ; at = d.Segments[at].Parent {
			if at >= 0 && d.Segments[at].Type == typ {
				return typ, d.Segments[at].Number, name
			}
			if i := d.First(at, typ); i >= 0 {
				return typ, d.Segments[i].Number, name
			}
			if at < 0 {
				break
			}
		}
	}
	if t, ok := f.dict.Type(why.Pos.Segment); ok { // a rule's own fault names SAP's field
		if _, ok := t.Field(why.Field); ok {
			return why.Pos.Segment, why.Pos.Line, why.Field
		}
	}
	return "", 0, ""
}
