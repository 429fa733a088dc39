package formats

import (
	"slices"
	"strings"
)

// A Function of the mapping language, with an example.
type Function struct {
	Use     string            // trimZeros(text)
	Doc     string            // what it gives
	Example string            // an expression that uses it
	Row     map[string]string // the columns that the example reads
	Result  string            // what the example gives then
}

// Functions are those of the mapping language, as `orobridge formats expressions` prints them.
var Functions = []Function{
	{"trimZeros(text)", "without leading zeros, when the text is all digits", "trimZeros(MATNR)",
		map[string]string{"MATNR": "000000000000012345"}, "12345"},
	{"alpha(text, length)", "with leading zeros up to the length, when the text is all digits", "alpha('4711', 10)", nil, "0000004711"},
	{"amount(text)", "an exact number, read as the format writes numbers; + - * / and comparisons work on it, a division is rounded " +
		"half up to 10 decimals", "amount(KBETR) / amount(KPEIN)", map[string]string{"KBETR": "1234.50", "KPEIN": "100"}, "12.345"},
	{"round(amount, decimals)", "rounded half up", "round(amount('2.345'), 2)", nil, "2.35"},
	{"text(amount)", "an amount as a text", "concat(text(amount('1.50') * 2), ' EUR')", nil, "3 EUR"},
	{"date(text)", "YYYY-MM-DD of a date as the format writes it; of blanks and zeros nothing", "date('2026-11-21')", nil, "2026-11-21"},
	{"date(text, form)", "the same of a date of another form", "date('21.11.2026', 'DD.MM.YYYY')", nil, "2026-11-21"},
	{"lookup(list, value)", "the value's result in one of the mapping's lists; a value that is not in it rejects the row",
		"lookup('units', 'ST')", nil, "item"},
	{"lookup(list, value, other)", "the same, with another text for a value that is not in the list", "lookup('units', 'XYZ', 'item')",
		nil, "item"},
	{"concat(text, …)", "all of them together", "concat(NAME1, ' ', NAME2)", map[string]string{"NAME1": "Chairs", "NAME2": "and more"},
		"Chairs and more"},
	{"coalesce(text, …)", "the first that is not blank", "coalesce(EAN11, MATNR)", map[string]string{"EAN11": " ", "MATNR": "12345"}, "12345"},
	{"upper(text)", "in capital letters", "upper('köln')", nil, "KÖLN"},
	{"lower(text)", "in small letters", "lower('KÖLN')", nil, "köln"},
	{"trim(text)", "without blanks around it", "trim('  A-1 ')", nil, "A-1"},
	{"substr(text, start)", "from the character start on, counted from 0", "substr('DE-NW', 3)", nil, "NW"},
	{"substr(text, start, length)", "so many characters from there", "substr('DE-NW', 0, 2)", nil, "DE"},
	{"replace(text, old, new)", "every old by new", "replace('1.234', '.', '')", nil, "1234"},
	{"col(\"NAME\")", "a column whose name is no word", "col(\"Price (EUR)\")", map[string]string{"Price (EUR)": "9.50"}, "9.50"},
	{"a ? b : c", "b where the condition a holds, else c; conditions are made by ==, !=, <, >, &&, ||, startsWith, endsWith, " +
		"contains and matches", "LVORM == 'X' ? 'disabled' : 'enabled'", map[string]string{"LVORM": ""}, "enabled"},
}

// functionNames are the names of the functions, once each.
func functionNames() []string {
	var names []string
	for _, f := range Functions {
		if name, _, ok := strings.Cut(f.Use, "("); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
