package formats

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A content is what a record says, field by field. It is kept as a JSON object of texts, in the order of its fields.

// AppendContent writes a content behind b. Its values are sorted by field.
func AppendContent(b []byte, values []Value) []byte {
	b = append(b, '{')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendText(b, v.Field)
		b = append(b, ':')
		b = AppendText(b, v.Text)
	}
	return append(b, '}')
}

// AppendText writes a JSON text behind b; most need no escapes and cost no allocation.
func AppendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' || c >= 0x7f {
			quoted, err := json.Marshal(s)
			if err != nil {
				panic(err) // a text always marshals
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// ParseContent reads what [AppendContent] wrote.
func ParseContent(text string) ([]Value, error) {
	if values, ok := parsePlain(text); ok {
		return values, nil
	}
	var m map[string]string
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return nil, fmt.Errorf("read stored content: %w", err)
	}
	values := make([]Value, 0, len(m))
	for f, t := range m {
		values = append(values, Value{Field: f, Text: t})
	}
	slices.SortFunc(values, func(a, b Value) int { return strings.Compare(a.Field, b.Field) })
	return values, nil
}

// parsePlain reads a content whose texts have no escapes: the values are parts of the text.
func parsePlain(text string) ([]Value, bool) {
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' || strings.IndexByte(text, '\\') >= 0 || !utf8.ValidString(text) {
		return nil, false
	}
	rest := text[1 : len(text)-1]
	values := make([]Value, 0, strings.Count(rest, `":"`))
	for rest != "" {
		field, tail, ok := plainText(rest)
		if !ok || tail == "" || tail[0] != ':' {
			return nil, false
		}
		value, tail, ok := plainText(tail[1:])
		if !ok || tail != "" && (tail[0] != ',' || len(tail) == 1) {
			return nil, false
		}
		if n := len(values); n > 0 && values[n-1].Field >= field {
			return nil, false
		}
		values = append(values, Value{Field: field, Text: value})
		rest = strings.TrimPrefix(tail, ",")
	}
	return values, true
}

// plainText takes a quoted text off the beginning.
func plainText(s string) (text, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", "", false
	}
	end := strings.IndexByte(s[1:], '"')
	if end < 0 {
		return "", "", false
	}
	return s[1 : 1+end], s[2+end:], true
}
