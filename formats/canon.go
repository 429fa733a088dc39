package formats

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Canon brings the text of one cell to the canonical form of the field's kind. A cell that is empty but for blanks is
// "", which clears the field; an empty flag is "0". A text that can't be used gives a reject that holds its code and
// message and nothing else. Text that is canonical already is returned as it is, without an allocation.
func (f *Field) Canon(text string, c Conventions) (string, *Reject) {
	text, bad := clean(text, f)
	if bad != nil {
		return "", bad
	}
	if f.Kind == Flag {
		return canonFlag(text)
	}
	if text == "" {
		return "", nil
	}
	text, bad = f.canonKind(text, c)
	if bad == nil && f.Max > 0 && len(text) > f.Max {
		if n := utf8.RuneCountInString(text); n > f.Max {
			return "", fault(CodeTooLong, "%s has %d characters, %d are allowed", quote(text), n, f.Max)
		}
	}
	return text, bad
}

func (f *Field) canonKind(text string, c Conventions) (string, *Reject) {
	switch f.Kind {
	case Money, Quantity:
		return canonNumber(text, f.Kind, c)
	case Date:
		date, err := CanonDate(text, c)
		if err != nil {
			return "", fault(CodeDate, "%s %s", quote(text), err)
		}
		return date, nil
	case Choice:
		return canonChoice(text, f.Values)
	case Codes:
		return strings.Join(strings.FieldsFunc(text, isListSign), " "), nil
	case Units:
		return canonUnits(text, c)
	case Path:
		return canonPath(text)
	}
	return text, nil
}

func fault(code, format string, args ...any) *Reject {
	return &Reject{Code: code, Message: fmt.Sprintf(format, args...)}
}

// quote repeats a text in a message, cut to a sensible length.
func quote(text string) string {
	if short := cut(text); len(short) < len(text) {
		return strconv.Quote(short) + "…"
	}
	return strconv.Quote(text)
}

// cut shortens a text to what a message repeats of it.
func cut(text string) string {
	n := 0
	for i := range text {
		if n++; n > quotedTextInReject {
			return text[:i]
		}
	}
	return text
}

// trimmed says of a character that the shop takes it off both ends of every text: blanks of all kinds, and what is not
// seen (Symfony's StringUtil::trim; its control characters are refused here, but for blanks).
func trimmed(r rune) bool {
	return r == ' ' || r < 0x80 && unicode.IsSpace(r) || r >= 0x80 && (unicode.IsSpace(r) || unicode.In(r, unicode.Z, unicode.Cf))
}

func trim(text string) string { return strings.TrimFunc(text, trimmed) }

// blank says that nothing is left of a text that is trimmed.
func blank(text string) bool {
	return text == "" || (text[0] <= ' ' || text[0] >= utf8.RuneSelf) && trim(text) == ""
}

// cleanKey makes one text of all that look the same in a key, or in a field that names one: letters with accents are
// composed (NFC). A character that is not seen has no place there: such a key is refused, and not made another's.
func cleanKey(text string) (string, *Reject) {
	for _, r := range text {
		if unicode.In(r, unicode.Cf, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) {
			return "", fault(CodeControl, "the character %U, which is not seen, stands in the key %s", r, quote(text))
		}
	}
	return norm.NFC.String(text), nil
}

// clean trims blanks and refuses bytes that are not UTF-8 and control characters. Tabs may stand inside a text; line
// breaks in a field of kind Text, as "\n". A key is made one with those that look like it. Without a field the text is a
// sender's value that a list translates.
func clean(text string, f *Field) (string, *Reject) {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f {
			return cleanSlow(text, f != nil && f.Kind == Text, f != nil && (f.Key || f.Ref != ""))
		}
	}
	if n := len(text); n == 0 || text[0] != ' ' && text[n-1] != ' ' {
		return text, nil
	}
	return strings.Trim(text, " "), nil
}

func cleanSlow(text string, breaks, key bool) (string, *Reject) {
	whole := text
	text = trim(text)
	if breaks && strings.IndexByte(text, '\r') >= 0 {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	}
	for i, r := range text {
		switch {
		case r == utf8.RuneError:
			return "", badByte(whole, text, i)
		case r == '\t':
		case r == '\n' || r == '\r':
			if !breaks {
				return "", fault(CodeControl, "a line break stands in %s", quote(text))
			}
		case r == 0:
			return "", fault(CodeControl, "a NUL byte stands in %s; a file in UTF-16 needs format.encoding", quote(text))
		case r >= 0x80 && r < 0xa0:
			return "", fault(CodeControl, "the control character %U stands in %s; format.encoding may be windows-1252", r, quote(text))
		case r < ' ' || r == 0x7f:
			return "", fault(CodeControl, "the control character %U stands in %s", r, quote(text))
		}
	}
	if key {
		return cleanKey(text)
	}
	return text, nil
}

// badByte is the reject for a byte that the file's encoding does not have: it stands there as it was in UTF-8, and as
// U+FFFD when the text was decoded from another encoding.
func badByte(whole, text string, i int) *Reject {
	if _, size := utf8.DecodeRuneInString(text[i:]); size > 1 {
		return fault(CodeEncoding, "%s holds U+FFFD: a byte that the declared encoding does not have, or text that was damaged before; "+
			"see format.encoding", quote(text))
	}
	at := len(whole) - len(strings.TrimLeftFunc(whole, trimmed)) + i + 1
	return fault(CodeEncoding, "byte %#02x at position %d of %s is not UTF-8; see format.encoding", text[i], at, quote(text))
}

func canonNumber(text string, kind Kind, c Conventions) (string, *Reject) {
	canonical, err := CanonDecimal(text, c)
	if err == nil {
		if kind == Money {
			canonical, err = canonMoney(canonical)
		} else {
			canonical, err = canonQuantity(canonical)
		}
	}
	if err != nil {
		return "", fault(CodeAmount, "%s %s", quote(text), err)
	}
	return canonical, nil
}

func canonFlag(text string) (string, *Reject) {
	switch text {
	case "", "0":
		return "0", nil
	case "1", "X", "x":
		return "1", nil
	}
	switch strings.ToLower(text) {
	case "true", "yes", "y":
		return "1", nil
	case "false", "no", "n":
		return "0", nil
	}
	return "", fault(CodeFlag, "%s is neither 1, X, true, yes nor 0, false, no", quote(text))
}

func canonChoice(text string, values []string) (string, *Reject) {
	for _, v := range values {
		if v == text || strings.EqualFold(v, text) {
			return v, nil
		}
	}
	return "", fault(CodeValue, "%s is none of %s", quote(text), strings.Join(values, ", "))
}

// isListSign says of a character that it sets the words of a list apart: what is taken off the ends of texts is no part of them.
func isListSign(r rune) bool { return r == ',' || trimmed(r) }

// canonUnits checks code:precision:rate and sorts by code. The rate is a decimal above 0; precision is 0 to 9.
func canonUnits(text string, c Conventions) (string, *Reject) {
	// A decimal comma stands inside an entry, so only blanks separate.
	units := strings.Fields(text)
	for i, u := range units {
		parts := strings.Split(u, ":")
		if len(parts) != 3 || parts[0] == "" || len(parts[1]) != 1 || !allDigits(parts[1]) {
			return "", fault(CodeValue, "%s is not code:precision:rate, such as set:0:12", quote(u))
		}
		rate, err := CanonDecimal(parts[2], c)
		if err == nil {
			rate, err = canonQuantity(rate)
		}
		if err != nil {
			return "", fault(CodeAmount, "the rate %s of unit %s %s", quote(parts[2]), quote(parts[0]), err)
		}
		if rate == "0" || rate[0] == '-' {
			return "", fault(CodeAmount, "the rate %s of unit %s is not above 0", quote(parts[2]), quote(parts[0]))
		}
		units[i] = parts[0] + ":" + parts[1] + ":" + rate
	}
	code := func(u string) string { return u[:strings.IndexByte(u, ':')] }
	slices.SortFunc(units, func(a, b string) int { return strings.Compare(code(a), code(b)) })
	for i := 1; i < len(units); i++ {
		if code(units[i]) == code(units[i-1]) {
			return "", fault(CodeValue, "unit %s stands twice", quote(code(units[i])))
		}
	}
	return strings.Join(units, " "), nil
}

func canonPath(text string) (string, *Reject) {
	titles := strings.Split(text, ">")
	for i, t := range titles {
		if titles[i] = trim(t); titles[i] == "" {
			return "", fault(CodeValue, "%s has an empty title; a path is written A > B", quote(text))
		}
	}
	return strings.Join(titles, " > "), nil
}
