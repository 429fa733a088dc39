// Package charset turns encoded files into UTF-8 and back.
//
// Contract: an encoding is configured, never guessed; a byte order mark wins over the config. Decoding does not stop
// at a bad byte: in UTF-8 the byte stays as it is, in every other encoding it becomes U+FFFD, so that a reader can
// reject the one record that holds it (see [Bad]). Memory does not follow the file.
package charset

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// find returns the encoding of an IANA name; nil for UTF-8, which is also what the empty name means.
func find(name string) (encoding.Encoding, error) {
	switch strings.ToLower(name) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return nil, nil
	case "utf-16":
		return unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM), nil
	case "utf-16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), nil
	case "utf-16be":
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), nil
	}
	e, err := ianaindex.IANA.Encoding(name)
	if err != nil || e == nil {
		return nil, fmt.Errorf("encoding %q is not known; use an IANA name such as utf-8, iso-8859-1 or windows-1252", name)
	}
	return e, nil
}

// Check reports a name that is no known encoding.
func Check(name string) error {
	_, err := find(name)
	return err
}

// Mark returns the encoding that a byte order mark at the beginning of head stands for, and the mark's length; the
// empty name when there is none.
func Mark(head []byte) (name string, length int) {
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return "utf-8", 3
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return "utf-16le", 2
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return "utf-16be", 2
	}
	return "", 0
}

// ErrNoMark: a text in UTF-16 has no byte order mark.
var ErrNoMark = errors.New("the file has no byte order mark, so utf-16 does not tell which byte comes first; set utf-16le or utf-16be")

// Decode returns r's text in UTF-8 without its byte order mark. The mark wins over the name.
func Decode(r io.Reader, name string) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(3)
	if err != nil && err != io.EOF {
		return nil, err
	}
	if mark, n := Mark(head); n > 0 {
		name = mark
		_, _ = b.Discard(n)
	}
	if len(head) == 0 {
		return b, nil
	}
	if strings.EqualFold(name, "utf-16") {
		return nil, ErrNoMark
	}
	e, err := find(name)
	if err != nil {
		return nil, err
	}
	switch e {
	case nil:
		return b, nil
	case charmap.ISO8859_1:
		return &latin1{r: b}, nil
	}
	return transform.NewReader(b, e.NewDecoder()), nil
}

// latin1 decodes ISO-8859-1, the usual encoding of SAP's files, without the cost of a table per byte.
type latin1 struct {
	r    *bufio.Reader
	held byte // second byte of a character whose first one ended the caller's buffer
	rest bool
}

func (l *latin1) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n := 0
	if l.rest {
		p[0], l.rest = l.held, false
		n = 1
	}
	if _, err := l.r.Peek(1); err != nil {
		if n > 0 {
			return n, nil
		}
		return 0, err
	}
	in, _ := l.r.Peek(min(l.r.Buffered(), len(p)-n))
	used := 0
	for used < len(in) && n < len(p) {
		c := in[used]
		used++
		if c < utf8.RuneSelf {
			p[n] = c
			n++
			continue
		}
		p[n] = 0xc0 | c>>6
		n++
		if n == len(p) {
			l.held, l.rest = 0x80|c&0x3f, true
			break
		}
		p[n] = 0x80 | c&0x3f
		n++
	}
	_, _ = l.r.Discard(used)
	return n, nil
}

// Bad says whether text that [Decode] returned holds a byte that the encoding does not have.
func Bad(text []byte) bool {
	return !utf8.Valid(text) || bytes.Contains(text, replacement)
}

var replacement = []byte("\uFFFD")

// Encoding is the name of the encoding that a file really has: its byte order mark's, else the configured one.
func Encoding(head []byte, name string) string {
	if mark, n := Mark(head); n > 0 {
		return mark
	}
	return name
}

// An Encoder turns UTF-8 into an encoding. A character that the encoding does not have is written as its plain Latin
// form where there is one (“ → ", – → -, ł → l, Ő → O), else as a question mark; each such character is counted.
type Encoder struct {
	table    encoding.Encoding // nil: UTF-8
	mark     []byte            // byte order mark that is still to be written, in UTF-8
	Replaced int               // characters that the encoding does not have
}

// NewEncoder returns an encoder; the empty name means UTF-8. UTF-16 without an order of bytes gets a byte order mark.
func NewEncoder(name string) (*Encoder, error) {
	if strings.EqualFold(name, "utf-16") {
		e, err := NewEncoder("utf-16be")
		e.SetMark()
		return e, err
	}
	e, err := find(name)
	if err != nil {
		return nil, err
	}
	return &Encoder{table: e}, nil
}

// SetMark puts a byte order mark before what is encoded next.
func (e *Encoder) SetMark() { e.mark = []byte("\ufeff") }

// Text returns s as it will be read again, with what the encoding lacks replaced.
func (e *Encoder) Text(s string) string {
	if e.table == nil || ascii(s) {
		return strings.ToValidUTF8(s, "?")
	}
	enc := e.table.NewEncoder()
	if _, err := enc.String(s); err == nil {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		c := string(r)
		if _, err := enc.String(c); err != nil {
			e.Replaced++
			c = plain(r)
			if _, err := enc.String(c); err != nil {
				c = "?"
			}
		}
		b.WriteString(c)
	}
	return b.String()
}

// Bytes encodes text; what the encoding lacks is replaced.
func (e *Encoder) Bytes(text []byte) ([]byte, error) {
	if len(e.mark) > 0 {
		text = append(e.mark, text...)
		e.mark = nil
	}
	if e.table == nil {
		return text, nil
	}
	return e.table.NewEncoder().Bytes([]byte(e.Text(string(text))))
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Writer encodes what is written to it, a whole text per call.
func (e *Encoder) Writer(w io.Writer) io.Writer { return &writer{e, w} }

type writer struct {
	e *Encoder
	w io.Writer
}

func (w *writer) Write(p []byte) (int, error) {
	b, err := w.e.Bytes(p)
	if err != nil {
		return 0, err
	}
	if _, err := w.w.Write(b); err != nil {
		return 0, err
	}
	return len(p), nil
}
