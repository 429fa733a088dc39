package charset

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// plain is the nearest Latin text of a character: its base letter without accents, or a listed substitute; "?" when
// there is none.
func plain(r rune) string {
	if s, ok := substitutes[r]; ok {
		return s
	}
	var b strings.Builder
	for _, c := range norm.NFKD.String(string(r)) {
		if !unicode.Is(unicode.Mn, c) {
			b.WriteRune(c)
		}
	}
	if s := b.String(); s != "" && s != string(r) {
		return s
	}
	return "?"
}

// substitutes are characters that shops hold often and that have no decomposition in Unicode.
var substitutes = map[rune]string{
	'‘': "'", '’': "'", '‚': "'", '“': `"`, '”': `"`, '„': `"`, '«': `"`, '»': `"`, '‹': "'", '›': "'",
	'–': "-", '—': "-", '‐': "-", '‑': "-", '−': "-", '•': "*", '€': "EUR", '\u200b': "", '\ufeff': "",
	'ł': "l", 'Ł': "L", 'đ': "d", 'Đ': "D", 'ı': "i", 'œ': "oe", 'Œ': "OE", 'ẞ': "SS", 'ø': "o", 'Ø': "O",
	'ß': "ss", 'æ': "ae", 'Æ': "AE", 'þ': "th", 'Þ': "Th", 'ð': "d",
}
