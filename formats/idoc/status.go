package idoc

import (
	"fmt"
	"io"
	"time"
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
	for i, s := range all {
		m := &message{typ: "EDI_DC40", fields: e.control("SYSTAT01", "STATUS", first+int64(i), s.At)}
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
		docs[i] = m
	}
	return writeAll(w, out, e.form(), "SYSTAT01", e.Encoding, docs)
}
