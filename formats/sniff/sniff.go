// Package sniff tells from a file's first bytes what it is, for people who look at a file. No reader decides by it:
// a feed's format is configured.
package sniff

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/orobridge/orobridge/formats/internal/charset"
	"github.com/orobridge/orobridge/formats/internal/xmltok"
)

// Size is how many bytes of a file are worth looking at.
const Size = 64 << 10

// Guess is what a file seems to be.
type Guess struct {
	// Kind is the kind that a config names (idoc, xml, csv, json, gzip, zip, pgp), or fixed for lines that look like
	// records of one width, text, binary or empty.
	Kind string `json:"kind"`
	// Encoding is the byte order mark's or the XML declaration's; utf-8 for text that is valid in it, else empty: to
	// be asked for, not guessed.
	Encoding string `json:"encoding,omitempty"`
	// Form is flat or xml for an IDoc.
	Form string `json:"form,omitempty"`
	// Message is an IDoc's message type (MESTYP).
	Message string `json:"message,omitempty"`
	// Segment is the name of an IDoc's first segment, as the file has it: what is left to tell when the message type does not.
	Segment string `json:"segment,omitempty"`
	// Row is the path of the element of other XML that most likely is a row.
	Row string `json:"row,omitempty"`
	// Root is the root element of XML.
	Root string `json:"root,omitempty"`
	// Delimiter is that of CSV.
	Delimiter string `json:"delimiter,omitempty"`
	// Columns are the cells of the first line of CSV.
	Columns []string `json:"columns,omitempty"`
}

func (g Guess) String() string {
	var b strings.Builder
	b.WriteString(g.Kind)
	for _, p := range [...]struct{ name, text string }{{"form", g.Form}, {"message", g.Message}, {"root", g.Root}, {"row", g.Row},
		{"delimiter", g.Delimiter}, {"encoding", g.Encoding}} {
		if p.text != "" {
			fmt.Fprintf(&b, ", %s %s", p.name, p.text)
		}
	}
	return b.String()
}

// magic are the first bytes of what is not text.
var magic = []struct{ kind, prefix string }{
	{"gzip", "\x1f\x8b"},
	{"zip", "PK\x03\x04"},
	{"zip", "PK\x05\x06"},
	{"pgp", "-----BEGIN PGP MESSAGE-----"},
}

// File guesses what a file is from its first bytes, at most [Size] of them.
func File(head []byte) Guess {
	head = head[:min(len(head), Size)]
	for _, m := range magic {
		if bytes.HasPrefix(head, []byte(m.prefix)) {
			return Guess{Kind: m.kind}
		}
	}
	if pgpPacket(head) {
		return Guess{Kind: "pgp"}
	}
	encoding := charset.Encoding(head, xmltok.Declared(head))
	text := decoded(head, encoding)
	if encoding == "" && utf8.Valid(trimRune(head)) {
		encoding = "utf-8"
	}
	g := Guess{Encoding: encoding}
	trimmed := bytes.TrimLeft(text, " \t\r\n")
	switch {
	case len(trimmed) == 0:
		return Guess{Kind: "empty"}
	case bytes.IndexByte(text, 0) >= 0:
		return Guess{Kind: "binary"}
	case bytes.HasPrefix(trimmed, []byte("EDI_DC40")):
		g.Kind, g.Form = "idoc", "flat"
		g.flat(trimmed)
	case trimmed[0] == '<':
		g.xml(trimmed)
	case trimmed[0] == '{' || trimmed[0] == '[':
		g.Kind = "json"
	default:
		g.lines(text)
	}
	return g
}

// pgpPacket says whether the file begins as a binary OpenPGP message: a session key packet (tags 1 and 3) in the old or
// the new form (RFC 9580, 4.2).
func pgpPacket(head []byte) bool {
	if len(head) < 3 || head[0]&0x80 == 0 {
		return false
	}
	tag, version := head[0]&0x3f, head[2]
	if head[0]&0x40 == 0 {
		tag = head[0] >> 2 & 0x0f
		if head[0]&3 == 1 && len(head) > 3 {
			version = head[3]
		}
	} else if head[1] >= 192 && len(head) > 3 {
		version = head[3]
	}
	return (tag == 1 || tag == 3) && (version >= 3 && version <= 6)
}

func decoded(head []byte, encoding string) []byte {
	r, err := charset.Decode(bytes.NewReader(head), encoding)
	if err != nil {
		return head
	}
	text, _ := io.ReadAll(r) // a cut character at the end is no matter
	return text
}

// trimRune takes a character off that the cut of the file's beginning has broken.
func trimRune(b []byte) []byte {
	for i := 1; i <= utf8.UTFMax && i <= len(b); i++ {
		if utf8.RuneStart(b[len(b)-i]) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

// controlLength is that of a flat IDoc's control record, in characters, which are all ASCII but for names of partners.
const controlLength = 524

// flat takes what a flat IDoc's first records say: the control record, and the data record behind it.
func (g *Guess) flat(text []byte) {
	control, rest, framed := bytes.Cut(text, []byte("\n"))
	if !framed || len(control) > 2*controlLength { // no line ends
		n := min(len(text), controlLength)
		control, rest = text[:n], text[n:]
	}
	g.Message = field(control, 99, 30)
	g.Segment = field(rest, 0, 30)
}

func field(line []byte, from, length int) string {
	if from >= len(line) {
		return ""
	}
	text, _, _ := bytes.Cut(line[from:min(len(line), from+length)], []byte("\n"))
	return string(bytes.TrimSpace(text))
}

// xml finds the root, and an IDoc below it: an element IDOC or idocData (BizTalk, Logic Apps), wherever it stands.
func (g *Guess) xml(text []byte) {
	g.Kind = "xml"
	s := xmltok.New(bytes.NewReader(text), xmltok.Limits{})
	var outline xmltok.Outline
	var open []string // inside of the IDoc
	for {
		k, err := s.Next()
		if err != nil {
			break
		}
		name := string(s.Name())
		switch {
		case g.Form == "":
			outline.Add(k, s)
			if k == xmltok.Start && (name == "IDOC" || name == "idocData") {
				g.Kind, g.Form = "idoc", "xml"
			}
		case k == xmltok.Start && len(open) == 0 && !strings.HasPrefix(name, "EDI_DC40"):
			g.Root, g.Segment = outline.Root(), strings.TrimSuffix(name, "GRP")
			return
		case k == xmltok.Start:
			open = append(open, name)
		case k == xmltok.End && len(open) > 0:
			open = open[:len(open)-1]
		case k == xmltok.Text && len(open) == 2 && open[1] == "MESTYP":
			g.Message += strings.TrimSpace(string(s.Text()))
		case k == xmltok.End:
			g.Root = outline.Root()
			return // the IDoc has no segment
		}
	}
	if g.Root = outline.Root(); g.Kind == "xml" {
		g.Row = outline.Row()
	}
}

// lines tells CSV from lines of one width by the delimiter that stands equally often in the first lines.
func (g *Guess) lines(text []byte) {
	g.Kind = "text"
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"), "\n")
	if len(lines) > 20 {
		lines = lines[:20]
	}
	best := 0
	for _, d := range []rune{';', ',', '\t', '|'} {
		cells, ok := columns(lines, d)
		if ok && len(cells) > best {
			best = len(cells)
			g.Kind, g.Delimiter, g.Columns = "csv", string(d), cells
		}
	}
	if best > 1 || len(lines) < 2 {
		return
	}
	width := utf8.RuneCountInString(lines[0])
	for _, l := range lines {
		if utf8.RuneCountInString(l) != width {
			return
		}
	}
	g.Kind = "fixed"
}

// columns splits the lines and says whether all have as many cells as the first.
func columns(lines []string, delimiter rune) ([]string, bool) {
	r := csv.NewReader(strings.NewReader(strings.Join(lines, "\n")))
	r.Comma, r.LazyQuotes = delimiter, true
	first, err := r.Read()
	if err != nil || len(first) < 2 {
		return nil, false
	}
	for {
		_, err := r.Read()
		if err != nil {
			return first, err == io.EOF
		}
	}
}
