package idoc

import (
	"errors"
	"fmt"
	"io"
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
	out, err := e.writer()
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
	text := []byte(s.Text)
	for _, f := range [...]struct {
		name   string
		length int
	}{{"STATXT", 70}, {"STAPA1", 50}, {"STAPA2", 50}, {"STAPA3", 50}, {"STAPA4", 50}} {
		n := runeOffset(text, f.length)
		st.fields = append(st.fields, pair{f.name, string(text[:n])})
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
	out, err := f.Receipt.writer()
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

// fate is the status of one IDoc.
func (f *Options) fate(d *Document, why *formats.Reject, o formats.Receipt) *Status {
	client, _ := d.Value(&d.Control, "MANDT") // every place of the control record is certain
	s := &Status{DocNum: d.Number, Client: client, At: o.At, Status: StatusGood, Text: o.Text}
	if why != nil {
		s.Status, s.Text, s.Segment = StatusBad, why.Message, why.Pos.Line
		if len(why.Field) <= 30 {
			s.Field = why.Field
		}
	}
	return s
}
