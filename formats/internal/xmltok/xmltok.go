// Package xmltok is a strict, streaming tokenizer for the XML that business systems exchange.
//
// It exists because encoding/xml reads 15 to 40 MB/s with several allocations per element. What it accepts,
// encoding/xml accepts too and in the same tokens (the package's fuzz target compares them); it refuses more: document
// type declarations (so no entity is ever defined), control characters, more than one root. It reads UTF-8; an XML
// declaration's encoding is the caller's business ([Declared]). Source of the rules: XML 1.0, fifth edition, and
// Namespaces in XML 1.0.
//
// Limits: depth, the size of one token, of the open elements' names together, and the number of attributes and of the
// namespaces that are declared at once are bounded, so memory is too.
package xmltok

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Kind is the kind of a token.
type Kind int

// The kinds of tokens. Comments and processing instructions are checked and skipped.
const (
	Start Kind = iota + 1 // a start tag; an empty-element tag is a Start followed by an End
	End                   // an end tag
	Text                  // character data or a CDATA section; neighbours are not joined
)

// Limits bound what a Scanner holds. A zero means the default.
type Limits struct {
	Depth int // elements open at once, default 100
	Token int // bytes of one tag, text, comment or CDATA section, default 1 MiB
	Attrs int // attributes of one tag, its namespace declarations among them, default 100

	// SkipBlanks lets texts be left out that are nothing but blanks between two tags, as the indentation of a file is.
	SkipBlanks bool
}

// maxSpaces is how many namespace declarations may hold at once: each name is looked up in them.
const maxSpaces = 1000

// Error says what is wrong and where.
type Error struct {
	Line    int64 // 1-based
	Offset  int64 // 0-based, in bytes
	Message string
	// Limit says that the text may be good XML but is larger than the limits allow.
	Limit bool
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

// Attr is an attribute. Its parts are valid until the next call of Next.
type Attr struct {
	Prefix, Name []byte
	Value        []byte // entities replaced
}

// A Scanner reads tokens. Make one with New.
type Scanner struct {
	r      io.Reader
	lim    Limits
	buf    []byte // buf[pos:] is unread
	pos    int
	base   int64 // offset of buf[0]
	line   int64 // line of the token's beginning
	lines  int64 // line breaks in the token
	at     int64 // offset of the token's beginning
	err    error // of the reader, sticky
	failed error // what Next returned

	names  []byte // names of the open elements, joined
	open   []element
	spaces []binding
	empty  bool // an End is owed for an empty-element tag
	closed bool // the End that was returned last still has its name in names
	tag    bool // the token before was a Start or an End
	root   bool // the root has begun

	prefix, name []byte
	attrs        []Attr
	text         []byte
	scratch      []byte
}

// element is an open element: where its name begins in names, and how long its prefix is with the colon.
type element struct{ begin, prefix int }

type binding struct {
	depth       int
	prefix, uri string
}

// New returns a Scanner over text in UTF-8 without a byte order mark.
func New(r io.Reader, lim Limits) *Scanner {
	if lim.Depth <= 0 {
		lim.Depth = 100
	}
	if lim.Token <= 0 {
		lim.Token = 1 << 20
	}
	if lim.Attrs <= 0 {
		lim.Attrs = 100
	}
	return &Scanner{r: r, lim: lim, line: 1, buf: make([]byte, 0, 64<<10)}
}

// Name is the local name of the element that began or ended, valid until the next call of Next.
func (s *Scanner) Name() []byte { return s.name }

// Space is the namespace of the element that began: its URI, or its prefix when that is bound to none.
func (s *Scanner) Space() string {
	for i := len(s.spaces) - 1; i >= 0; i-- {
		if s.spaces[i].prefix == string(s.prefix) {
			return s.spaces[i].uri
		}
	}
	return string(s.prefix)
}

// Attrs are the attributes of the element that began, without namespace declarations.
func (s *Scanner) Attrs() []Attr { return s.attrs }

// Text is the character data of a Text token with entities replaced and line ends normalized, valid until the next
// call of Next.
func (s *Scanner) Text() []byte { return s.text }

// Depth is the number of open elements; an element counts in its Start and no longer in its End.
func (s *Scanner) Depth() int {
	if s.closed {
		return len(s.open) - 1
	}
	return len(s.open)
}

// Line is the 1-based line on which the token begins.
func (s *Scanner) Line() int64 { return s.line }

// Offset is the 0-based offset in bytes of the token's beginning.
func (s *Scanner) Offset() int64 { return s.at }

// EndOffset is the offset of the first byte behind the token.
func (s *Scanner) EndOffset() int64 { return s.base + int64(s.pos) }

// Next reads the next token. It returns io.EOF after the root's end and what may follow it, and an *Error or the
// reader's own error when the text can't be read further.
func (s *Scanner) Next() (Kind, error) {
	if s.failed != nil {
		return 0, s.failed
	}
	k, err := s.next()
	s.failed, s.tag = err, k != Text
	return k, err
}

func (s *Scanner) next() (Kind, error) {
	s.pop()
	if s.empty {
		s.empty, s.closed = false, true
		s.at = s.EndOffset()
		s.line, s.lines = s.line+s.lines, 0
		s.attrs = s.attrs[:0]
		return End, nil
	}
	if s.lim.SkipBlanks {
		s.skip()
	}
	for {
		s.at = s.EndOffset()
		s.line, s.lines = s.line+s.lines, 0
		if !s.fill(1) {
			return 0, s.end()
		}
		if s.buf[s.pos] != '<' {
			if k, err := s.chars(); k != 0 || err != nil {
				return k, err
			}
			continue
		}
		if !s.fill(2) {
			return 0, s.cut()
		}
		switch s.buf[s.pos+1] {
		case '/':
			return s.endTag()
		case '?':
			if err := s.instruction(); err != nil {
				return 0, err
			}
		case '!':
			if k, err := s.bang(); k != 0 || err != nil {
				return k, err
			}
		default:
			return s.startTag()
		}
	}
}

// skip passes blanks between the tag that was read last and the next one. What is not whole in the buffer, and what stands
// beside a comment, a CDATA section or a text, is left to chars.
func (s *Scanner) skip() {
	if !s.tag {
		return
	}
	b := s.buf[s.pos:]
	i, lines := 0, int64(0)
	for i < len(b) && blank(b[i]) {
		if b[i] == '\n' {
			lines++
		}
		i++
	}
	if i+1 < len(b) && b[i] == '<' && b[i+1] != '!' && b[i+1] != '?' {
		s.pos += i
		s.lines += lines
	}
}

// pop forgets the element whose End was returned last.
func (s *Scanner) pop() {
	if !s.closed {
		return
	}
	s.closed = false
	depth := len(s.open)
	s.names = s.names[:s.open[depth-1].begin]
	s.open = s.open[:depth-1]
	for n := len(s.spaces); n > 0 && s.spaces[n-1].depth == depth; n-- {
		s.spaces = s.spaces[:n-1]
	}
}

// end is what Next returns when there is nothing more to read.
func (s *Scanner) end() error {
	switch {
	case s.err != io.EOF:
		return s.err
	case len(s.open) > 0:
		return s.bad("the file ends inside of <%s>: it was cut off", s.names[s.open[len(s.open)-1].begin:])
	case !s.root:
		return s.bad("there is no XML element in the file")
	}
	return io.EOF
}

// cut is the error for a token that the end of the file cuts off.
func (s *Scanner) cut() error {
	if s.err != nil && s.err != io.EOF {
		return s.err
	}
	return s.bad("the file ends inside of a tag: it was cut off")
}

func (s *Scanner) bad(format string, args ...any) error {
	return &Error{Line: s.line, Offset: s.at, Message: fmt.Sprintf(format, args...)}
}

var errLimit = errors.New("token over the limit")

// fill makes sure that n unread bytes are in the buffer. It returns false at the end of the input.
func (s *Scanner) fill(n int) bool {
	for len(s.buf)-s.pos < n {
		if !s.more() {
			return false
		}
	}
	return true
}

// more reads further bytes behind the unread ones.
func (s *Scanner) more() bool {
	if s.err != nil {
		return false
	}
	if s.pos > 0 && s.pos >= len(s.buf)/2 {
		s.base += int64(s.pos)
		s.buf = s.buf[:copy(s.buf, s.buf[s.pos:])]
		s.pos = 0
	}
	if len(s.buf) == cap(s.buf) {
		s.buf = slices.Grow(s.buf, len(s.buf))
	}
	for range 100 {
		n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		if err != nil {
			s.err = err
		}
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// find returns the index, from s.pos, of what search finds in the unread bytes; search gets the index from which it
// has to look. It returns -1 when the input ends first, with errLimit when the token grows over the limit.
func (s *Scanner) find(from int, search func(b []byte) int) (int, error) {
	for {
		b := s.buf[s.pos:]
		if from <= len(b) {
			if i := search(b[from:]); i >= 0 {
				if from+i > s.lim.Token {
					return -1, errLimit
				}
				return from + i, nil
			}
		}
		if len(b) > s.lim.Token {
			return -1, errLimit
		}
		from = max(from, len(b)-2) // a mark has at most three bytes
		if !s.more() {
			return -1, nil
		}
	}
}

func (s *Scanner) tooLong() error {
	return &Error{Line: s.line, Offset: s.at, Limit: true,
		Message: fmt.Sprintf("a tag or text is longer than %d bytes", s.lim.Token)}
}

// take consumes n bytes.
func (s *Scanner) take(n int) []byte {
	b := s.buf[s.pos : s.pos+n]
	s.pos += n
	return b
}

// count notes the line breaks of the token b.
func (s *Scanner) count(b []byte) { s.lines += int64(bytes.Count(b, newline)) }

var (
	newline     = []byte("\n")
	doubleQuote = []byte(`"`)
	cdataEnd    = []byte("]]>")
	commentEnd  = []byte("--")
	piEnd       = []byte("?>")
)

// chars reads character data up to the next '<'.
func (s *Scanner) chars() (Kind, error) {
	var err error
	i := bytes.IndexByte(s.buf[s.pos:], '<')
	if i < 0 || i > s.lim.Token { // by far the most texts stand in the buffer whole
		if i, err = s.find(0, func(b []byte) int { return bytes.IndexByte(b, '<') }); err != nil {
			return 0, s.tooLong()
		}
	}
	if i < 0 {
		if s.err != io.EOF {
			return 0, s.err
		}
		i = len(s.buf) - s.pos
	}
	raw := s.take(i)
	if len(s.open) == 0 {
		if len(bytes.Trim(raw, " \t\r\n")) > 0 {
			return 0, s.bad("text outside of the root element")
		}
		s.count(raw)
		return 0, nil
	}
	seen, lines := survey(raw)
	if seen&bracket != 0 && bytes.Contains(raw, cdataEnd) {
		return 0, s.bad("]]> in text")
	}
	s.text = raw
	if seen&^bracket != 0 {
		if s.text, err = s.clean(raw, true); err != nil {
			return 0, err
		}
	}
	s.lines += lines
	return Text, nil
}

// What a survey of bytes finds, other than plain characters.
const (
	lineBreak = 1 << iota
	special   // may have to be replaced
	high      // of a character beyond ASCII
	control   // is not allowed
	bracket   // may end a CDATA section
)

// kinds are the kinds of bytes.
var kinds = func() (k [256]uint8) {
	for c := range k {
		switch {
		case c >= utf8.RuneSelf:
			k[c] = high
		case c == '\n':
			k[c] = lineBreak
		case c == '&' || c == '\r':
			k[c] = special
		case c < ' ' && c != '\t':
			k[c] = control
		case c == ']':
			k[c] = bracket
		}
	}
	return k
}()

// survey says in one pass what stands in raw beside plain characters, and counts its line breaks.
func survey(raw []byte) (seen uint8, lines int64) {
	for _, c := range raw {
		if k := kinds[c]; k == lineBreak {
			lines++
		} else {
			seen |= k
		}
	}
	return seen, lines
}

// bang reads what begins with "<!": a comment, which is skipped, or a CDATA section.
func (s *Scanner) bang() (Kind, error) {
	switch {
	case s.fill(4) && string(s.buf[s.pos:s.pos+4]) == "<!--":
		return 0, s.comment()
	case s.fill(9) && string(s.buf[s.pos:s.pos+9]) == "<![CDATA[":
		return s.cdata()
	case s.err != nil && s.err != io.EOF:
		return 0, s.err
	}
	return 0, s.bad("a document type declaration is not allowed")
}

func (s *Scanner) comment() error {
	i, err := s.find(4, func(b []byte) int { return bytes.Index(b, commentEnd) })
	if err != nil {
		return s.tooLong()
	}
	if i < 0 || !s.fill(i+3) {
		return s.cut()
	}
	if s.buf[s.pos+i+2] != '>' {
		return s.bad("-- in a comment")
	}
	raw := s.take(i + 3)
	if _, err := s.clean(raw, false); err != nil {
		return err
	}
	s.count(raw)
	return nil
}

func (s *Scanner) cdata() (Kind, error) {
	if len(s.open) == 0 {
		return 0, s.bad("text outside of the root element")
	}
	i, err := s.find(9, func(b []byte) int { return bytes.Index(b, cdataEnd) })
	if err != nil {
		return 0, s.tooLong()
	}
	if i < 0 {
		return 0, s.cut()
	}
	raw := s.take(i + 3)
	text, err := s.clean(raw[9:i], false)
	if err != nil {
		return 0, err
	}
	s.count(raw)
	s.text = text
	return Text, nil
}

// instruction skips a processing instruction and checks the XML declaration.
func (s *Scanner) instruction() error {
	i, err := s.find(2, func(b []byte) int { return bytes.Index(b, piEnd) })
	if err != nil {
		return s.tooLong()
	}
	if i < 0 {
		return s.cut()
	}
	raw := s.take(i + 2)
	body := raw[2:i]
	target, rest := cutName(body)
	if len(target) == 0 || bytes.IndexByte(target, ':') >= 0 || len(rest) > 0 && !blank(rest[0]) {
		return s.bad("a processing instruction without a proper name")
	}
	if bytes.EqualFold(target, []byte("xml")) {
		if s.at != 0 || string(target) != "xml" || !declaration(rest) {
			return s.bad("an XML declaration that is not one, or not at the beginning of the file")
		}
	}
	if _, err := s.clean(raw, false); err != nil {
		return err
	}
	s.count(raw)
	return nil
}

// startTag reads a start tag or an empty-element tag.
func (s *Scanner) startTag() (Kind, error) {
	if len(s.open) == 0 && s.root {
		return 0, s.bad("a second root element")
	}
	qname, rest := cutName(s.buf[s.pos+1:])
	var raw []byte
	if len(rest) > 0 && rest[0] == '>' { // by far the most tags have no attributes
		s.pos += 1 + len(qname) + 1
		rest = nil
	} else {
		i, err := s.tagEnd()
		if err != nil {
			return 0, err
		}
		raw = s.take(i + 1)
		body := raw[1:i]
		if n := len(body); n > 0 && body[n-1] == '/' {
			s.empty = true
			body = body[:n-1]
		}
		qname, rest = cutName(body)
	}
	prefix, name, ok := split(qname)
	if !ok {
		return 0, s.bad("a tag without a proper name")
	}
	if len(s.open) >= s.lim.Depth {
		return 0, &Error{Line: s.line, Offset: s.at, Limit: true,
			Message: fmt.Sprintf("elements are nested deeper than %d", s.lim.Depth)}
	}
	if len(s.names)+len(qname) > s.lim.Token {
		return 0, &Error{Line: s.line, Offset: s.at, Limit: true,
			Message: fmt.Sprintf("the names of the open elements are longer than %d bytes", s.lim.Token)}
	}
	s.root = true
	s.prefix, s.name = prefix, name
	s.open = append(s.open, element{len(s.names), len(qname) - len(name)})
	s.names = append(s.names, qname...)
	if err := s.attributes(rest); err != nil {
		return 0, err
	}
	s.count(raw)
	return Start, nil
}

// tagEnd finds the '>' that ends the start tag at s.pos: the first one outside of quotes.
func (s *Scanner) tagEnd() (int, error) {
	var quote byte
	i := bytes.IndexByte(s.buf[s.pos:], '>')
	if i > 0 && i <= s.lim.Token {
		b := s.buf[s.pos : s.pos+i]
		if bytes.IndexByte(b, '\'') < 0 && bytes.Count(b, doubleQuote)%2 == 0 {
			return i, nil // by far the most values have no '>'
		}
	}
	for i = 1; ; i++ {
		if i > s.lim.Token {
			return 0, s.tooLong()
		}
		if !s.fill(i + 1) {
			return 0, s.cut()
		}
		switch c := s.buf[s.pos+i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return i, nil
		}
	}
}

func (s *Scanner) attributes(b []byte) error {
	s.attrs = s.attrs[:0]
	s.scratch = s.scratch[:0]
	for {
		rest := skipBlanks(b)
		if len(rest) == 0 {
			return nil
		}
		if len(rest) == len(b) {
			return s.bad("no blank before an attribute")
		}
		qname, rest := cutName(rest)
		prefix, name, ok := split(qname)
		if !ok {
			return s.bad("an attribute without a proper name")
		}
		rest = skipBlanks(rest)
		if len(rest) == 0 || rest[0] != '=' {
			return s.bad("attribute %s has no value", qname)
		}
		rest = skipBlanks(rest[1:])
		if len(rest) < 2 || rest[0] != '"' && rest[0] != '\'' {
			return s.bad("the value of attribute %s is not quoted", qname)
		}
		end := bytes.IndexByte(rest[1:], rest[0])
		if end < 0 {
			return s.bad("the value of attribute %s does not end", qname)
		}
		value := rest[1 : end+1]
		b = rest[end+2:]
		if bytes.IndexByte(value, '<') >= 0 {
			return s.bad("< in the value of attribute %s", qname)
		}
		if err := s.attribute(prefix, name, value); err != nil {
			return err
		}
	}
}

func (s *Scanner) attribute(prefix, name, raw []byte) error {
	value, err := s.clean(raw, true)
	if err != nil {
		return err
	}
	if len(value) > 0 && &value[0] != &raw[0] {
		value = slices.Clone(value) // the scratch is used again by the next attribute
	}
	declared := 0 // namespaces, by this tag
	for declared < len(s.spaces) && s.spaces[len(s.spaces)-1-declared].depth == len(s.open) {
		declared++
	}
	if len(s.attrs)+declared >= s.lim.Attrs {
		return &Error{Line: s.line, Offset: s.at, Limit: true, Message: fmt.Sprintf("a tag has more than %d attributes", s.lim.Attrs)}
	}
	if len(s.spaces) >= maxSpaces {
		return &Error{Line: s.line, Offset: s.at, Limit: true, Message: fmt.Sprintf("more than %d namespaces are declared at once", maxSpaces)}
	}
	switch {
	case len(prefix) == 0 && string(name) == "xmlns":
		s.spaces = append(s.spaces, binding{len(s.open), "", string(value)})
		return nil
	case string(prefix) == "xmlns":
		s.spaces = append(s.spaces, binding{len(s.open), string(name), string(value)})
		return nil
	}
	for _, a := range s.attrs {
		if bytes.Equal(a.Name, name) && bytes.Equal(a.Prefix, prefix) {
			return s.bad("attribute %s stands twice", name)
		}
	}
	s.attrs = append(s.attrs, Attr{Prefix: prefix, Name: name, Value: value})
	return nil
}

// endTag reads an end tag and compares it with the element that is open.
func (s *Scanner) endTag() (Kind, error) {
	if s.closes() {
		return End, nil
	}
	i, err := s.find(2, func(b []byte) int { return bytes.IndexByte(b, '>') })
	if err != nil {
		return 0, s.tooLong()
	}
	if i < 0 {
		return 0, s.cut()
	}
	raw := s.take(i + 1)
	qname := bytes.TrimRight(raw[2:i], " \t\r\n")
	if len(s.open) == 0 {
		return 0, s.bad("</%s> ends an element that is not open", shown(qname))
	}
	open := s.names[s.open[len(s.open)-1].begin:]
	if !bytes.Equal(qname, open) {
		return 0, s.bad("</%s> where </%s> is due", shown(qname), open)
	}
	s.close(open)
	s.count(raw)
	return End, nil
}

// closes takes the end tag of the open element when it stands there whole and without blanks, as nearly all do.
func (s *Scanner) closes() bool {
	if len(s.open) == 0 {
		return false
	}
	open := s.names[s.open[len(s.open)-1].begin:]
	b := s.buf[s.pos:]
	if n := len(open) + len("</>"); len(b) < n || b[n-1] != '>' || string(b[2:n-1]) != string(open) {
		return false
	}
	s.pos += len(open) + len("</>")
	s.close(open)
	return true
}

// close makes the open element that of the token.
func (s *Scanner) close(open []byte) {
	s.name = open[s.open[len(s.open)-1].prefix:]
	s.prefix = open[:max(0, len(open)-len(s.name)-1)]
	s.attrs = s.attrs[:0]
	s.closed = true
}

// shown is a hostile text as an error message may hold it.
func shown(b []byte) string {
	b = b[:min(len(b), 60)]
	q := strconv.Quote(string(b))
	return q[1 : len(q)-1]
}

// clean checks the characters of raw, normalizes its line ends and replaces entities when there may be some. It
// returns raw itself when nothing has to be replaced, else the scratch buffer.
func (s *Scanner) clean(raw []byte, entities bool) ([]byte, error) {
	seen, _ := survey(raw)
	if seen&control != 0 {
		i := bytes.IndexFunc(raw, func(r rune) bool { return r < utf8.RuneSelf && kinds[r] == control })
		return nil, s.bad("control character %#02x", raw[i])
	}
	if seen&high != 0 {
		if err := s.checkRunes(raw); err != nil {
			return nil, err
		}
	}
	if seen&special == 0 {
		return raw, nil
	}
	out := s.scratch[:0]
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '\r':
			out = append(out, '\n')
			i++
			if i < len(raw) && raw[i] == '\n' {
				i++
			}
		case c == '&' && entities:
			end := bytes.IndexByte(raw[i:], ';')
			r, ok := entity(raw[i+1 : i+max(end, 1)])
			if end < 0 || !ok {
				return nil, s.bad("& that begins no known entity")
			}
			out = utf8.AppendRune(out, r)
			i += end + 1
		default:
			out = append(out, c)
			i++
		}
	}
	s.scratch = out
	return out, nil
}

func (s *Scanner) checkRunes(b []byte) error {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 {
			return s.bad("a byte that is no UTF-8: is the file's encoding declared?")
		}
		if !allowed(r) {
			return s.bad("character %U is not allowed in XML", r)
		}
		i += n
	}
	return nil
}

// allowed is the production Char of XML 1.0.
func allowed(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r <= unicode.MaxRune
}

// entity is the character of one of the five named entities or of a character reference, without & and ;.
func entity(name []byte) (rune, bool) {
	switch string(name) {
	case "amp":
		return '&', true
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	if len(name) < 2 || name[0] != '#' {
		return 0, false
	}
	digits, base := string(name[1:]), 10
	if digits[0] == 'x' {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n > unicode.MaxRune || !allowed(rune(n)) {
		return 0, false
	}
	return rune(n), true
}

// cutName splits b behind the name with which it begins.
func cutName(b []byte) (name, rest []byte) {
	i := 0
	for i < len(b) {
		c := b[i]
		if c < utf8.RuneSelf {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == ':' || i > 0 && (c >= '0' && c <= '9' || c == '-' || c == '.') {
				i++
				continue
			}
			break
		}
		r, n := utf8.DecodeRune(b[i:])
		if !letter(r) {
			break
		}
		i += n
	}
	return b[:i], b[i:]
}

// letter is a cautious part of the production NameStartChar beyond ASCII: letters, so that umlauts in tag names pass.
func letter(r rune) bool {
	return r >= 0xc0 && r <= 0x131 && r != 0xd7 && r != 0xf7
}

// split takes a qualified name apart; false when it is none.
func split(qname []byte) (prefix, name []byte, ok bool) {
	i := bytes.IndexByte(qname, ':')
	if i < 0 {
		return nil, qname, len(qname) > 0
	}
	prefix, name = qname[:i], qname[i+1:]
	head, _ := cutName(name)
	return prefix, name, i > 0 && len(head) > 0 && len(head) == len(name) && bytes.IndexByte(name, ':') < 0
}

func skipBlanks(b []byte) []byte {
	i := 0
	for i < len(b) && blank(b[i]) {
		i++
	}
	return b[i:]
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
