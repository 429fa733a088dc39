package formats

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A content is what a record says, field by field. It is a JSON object of texts, in the order of its fields; where there are millions of
// them, it is kept in a short form that says the same.

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

// What the short form begins with, and what stands behind each of its texts: information separators two and one of ASCII.
const (
	shortContent = '\x1e'
	endOfText    = '\x1f'
)

// named are the fields that have a letter in the short form: 'A', and so on. They stand in ledgers: the list is only added to.
var named = [...]string{"value", "quantity", "inventory_status", "name", "short_description", "description", "unit", "precision",
	"more_units", "status", "category", "brand", "tax_code", "family", "group", "parent_number", "payment_term", "rating",
	"address_label", "street", "street2", "city", "postal_code", "region", "country", "phone", "currencies", "active", "customer_number",
	"first_name", "last_name", "role"}

const otherName = '?' // in the place of a letter: the name stands behind it

// AppendShort writes a content behind b in its short form, or as JSON where texts hold what that form is built of. Its values are
// sorted by field.
func AppendShort(b []byte, values []Value) []byte {
	if len(values) == 0 {
		return AppendContent(b, values)
	}
	from := len(b)
	b = append(b, shortContent)
	for _, v := range values {
		if !isShort(v.Field) || !isShort(v.Text) {
			return AppendContent(b[:from], values)
		}
		if i := slices.Index(named[:], v.Field); i >= 0 {
			b = append(b, 'A'+byte(i))
		} else {
			b = append(append(append(b, otherName), v.Field...), endOfText)
		}
		b = append(append(b, v.Text...), endOfText)
	}
	return b
}

func isShort(text string) bool {
	return strings.IndexByte(text, endOfText) < 0 && strings.IndexByte(text, 0) < 0 && utf8.ValidString(text)
}

// parseShort reads a content in its short form, behind what that begins with. The values are parts of the text.
func parseShort(rest string) ([]Value, error) {
	if !utf8.ValidString(rest) {
		return nil, errNoContent
	}
	values := make([]Value, 0, strings.Count(rest, string(endOfText)))
	for rest != "" {
		letter := int(rest[0]) - 'A'
		field, whole := "", true
		switch rest = rest[1:]; {
		case letter >= 0 && letter < len(named):
			field = named[letter]
		case letter+'A' == otherName:
			field, rest, whole = strings.Cut(rest, string(endOfText))
		default:
			whole = false
		}
		if n := len(values); !whole || n > 0 && values[n-1].Field >= field {
			return nil, errNoContent
		}
		text, tail, whole := strings.Cut(rest, string(endOfText))
		if !whole {
			return nil, errNoContent
		}
		values, rest = append(values, Value{Field: field, Text: text}), tail
	}
	return values, nil
}

var errNoContent = errors.New("read stored content: it is none")

// ParseContent reads what [AppendContent] and [AppendShort] wrote.
func ParseContent(text string) ([]Value, error) {
	if text != "" && text[0] == shortContent {
		return parseShort(text[1:])
	}
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
