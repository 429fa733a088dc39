package formats

import (
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// This file makes texts from outside safe for who gets to see them: terminals and logs, spreadsheets, the ERP.

// Printable is a text from outside as a terminal, a log line or a page may show it: on one line, with everything that is
// not seen as itself written out as Go does, `\x1b`, `\u202e`, `\n`. That are control characters (C0, DEL, C1), what
// changes the direction of the text around it, other invisible characters, and bytes that are not UTF-8. A backslash
// stays one, so the result is for people and can't be turned back.
func Printable(text string) string {
	i := 0
	for i < len(text) && text[i] >= ' ' && text[i] < 0x7f {
		i++
	}
	if i == len(text) {
		return text
	}
	var b []byte
	for from := i; i < len(text); from = i {
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		shown := strconv.IsGraphic(r) && (r != utf8.RuneError || size > 1)
		if shown && b == nil {
			continue
		}
		if b == nil {
			b = append(b, text[:from]...)
		}
		if shown {
			b = append(b, text[from:i]...)
			continue
		}
		q := strconv.Quote(text[from:i])
		b = append(b, q[1:len(q)-1]...)
	}
	if b == nil {
		return text
	}
	return string(b)
}

// formulaSigns begin what spreadsheets run when they open a file: =, +, - and @, in their wide forms too, and the blanks
// that some of them skip before these (OWASP, CSV Injection).
const formulaSigns = "=+-@\t\r\n＝＋－＠"

// Inert is a text that a spreadsheet shows and does not run: one that begins like a formula gets a leading '. It is for
// texts of our own and, where the config asks for it, of the shop. A sender's cells are never touched: they come back.
func Inert(text string) string {
	if first, _ := utf8.DecodeRuneInString(text); text != "" && strings.ContainsRune(formulaSigns, first) {
		return "'" + text
	}
	return text
}

// FlagControl is the flag of an order in which characters were replaced by [Order.Clean].
const FlagControl = "control"

// Clean replaces, in all texts of an order, characters that no text of a business document needs and that systems behind
// the bridge choke on or are fooled by, each by "?": control characters but line feeds and tabs, what changes the
// direction of text, noncharacters, and bytes that are not UTF-8. CR LF and CR become LF. It returns how many it
// replaced, and flags the order when there were any.
func (o *Order) Clean() int {
	n := cleanTexts(reflect.ValueOf(o).Elem())
	if n > 0 {
		o.Flags = append(o.Flags, FlagControl)
	}
	return n
}

// cleanTexts cleans the texts that a value holds.
func cleanTexts(v reflect.Value) (n int) {
	switch v.Kind() {
	case reflect.String:
		if text, replaced := cleanText(v.String()); text != v.String() {
			v.SetString(text)
			n = replaced
		}
	case reflect.Slice:
		for i := range v.Len() {
			n += cleanTexts(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() { // not inside of a time.Time
				n += cleanTexts(v.Field(i))
			}
		}
	}
	return n
}

func cleanText(text string) (string, int) {
	i := 0
	for i < len(text) && (text[i] >= ' ' && text[i] < 0x7f || text[i] == '\n' || text[i] == '\t') {
		i++
	}
	if i == len(text) {
		return text, 0
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	n := 0
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if harmful(r) || r == utf8.RuneError && size == 1 {
			n++
			b.WriteByte('?')
		} else {
			b.WriteString(text[i : i+size])
		}
		i += size
	}
	return b.String(), n
}

// harmful says of a character that Clean replaces it.
func harmful(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ' || r >= 0x7f && r < 0xa0: // C0, DEL, C1
		return true
	case r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069: // overrides, embeddings and isolates of direction
		return true
	case r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe: // noncharacters
		return true
	}
	return false
}
