package oro

import (
	"strings"

	"github.com/shopspring/decimal"
)

// plain is a decimal in canonical form: no plus sign, no leading zeros, no zeros after the last digit that counts, no
// exponent. What is not a decimal stays as it is.
func plain(text string) string {
	if !isDecimal(text) {
		if len(text) > 24 || !strings.ContainsAny(text, "eE") {
			return text
		}
		d, err := decimal.NewFromString(text)
		if err != nil || d.Exponent() > 24 || d.Exponent() < -24 {
			return text
		}
		text = d.String()
	}
	negative := text[0] == '-'
	if negative {
		text = text[1:]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	whole = strings.TrimLeft(whole, "0")
	fraction = strings.TrimRight(fraction, "0")
	if whole == "" {
		whole = "0"
	}
	switch {
	case fraction != "":
		whole += "." + fraction
	case whole == "0":
		return whole
	}
	if negative {
		return "-" + whole
	}
	return whole
}

// isDecimal says that a text is digits with at most one point between them and at most one minus sign before.
func isDecimal(text string) bool {
	text = strings.TrimPrefix(text, "-")
	whole, fraction, point := strings.Cut(text, ".")
	return digits(whole) && (!point || digits(fraction))
}

func digits(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

// sum adds canonical decimals; an empty text counts nothing.
func sum(texts ...string) decimal.Decimal {
	total := decimal.Zero
	for _, t := range texts {
		if d, err := decimal.NewFromString(t); err == nil {
			total = total.Add(d)
		}
	}
	return total
}
