package formats

import (
	"errors"
	"fmt"
	"strings"

	"github.com/shopspring/decimal"
)

// Limits of numbers.
const (
	maxNumberText      = 64 // bytes of a number as it is written, grouping included
	maxIntegerDigits   = 15 // before the point: the shop answers more with a database error that fails its batch
	moneyDecimals      = 4  // what the shop stores of a price
	quantityDecimals   = 10 // what the shop stores of a quantity
	quotientDecimals   = 10 // of a division
	quotedTextInReject = 60 // characters of offending text that a message repeats
)

// CanonDecimal brings a decimal number to its canonical form: no plus, no leading zeros, no zeros at the end of the
// decimals, "-0" is "0". Text that is canonical already is returned as it is, without an allocation.
//
// The number is written as c says: its decimal sign, groups of three digits (see [Conventions.Group]), and a minus in
// front or, as SAP writes it, behind. Exponents are refused. Surrounding blanks are allowed, an empty text is not.
func CanonDecimal(text string, c Conventions) (string, error) {
	if isCanonDecimal(text, c.decimalSign()) {
		return text, nil
	}
	return canonDecimalSlow(text, c)
}

// isCanonDecimal says that text is a canonical number, and reads the same with the given decimal sign.
func isCanonDecimal(text string, sign byte) bool {
	i, n := 0, len(text)
	if n == 0 || n > maxNumberText {
		return false
	}
	if text[0] == '-' {
		i++
	}
	first := i
	for i < n && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	if i == first || text[first] == '0' && (i-first > 1 || i == n && first == 1) {
		return false
	}
	if i == n {
		return true
	}
	if text[i] != '.' || sign != '.' || text[n-1] == '0' || i+1 == n {
		return false
	}
	for i++; i < n; i++ {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// What is wrong with a number, for people.
var (
	errNotNumber = errors.New("is not a number")
	errExponent  = errors.New("is written with an exponent; write it out")
	errSigns     = errors.New("has two signs")
	errLong      = fmt.Errorf("is longer than %d characters", maxNumberText)
	errNoNumber  = errors.New("is empty where a number is needed")
	errAmbiguous = errors.New("could mean two numbers: set format.group to the sign that groups digits, or format.decimal to the decimal sign")
	errGroups    = errors.New("has groups of digits that are not three long")
	errGroupSign = errors.New("groups digits, or has a decimal sign, other than format.decimal and format.group say")
)

func canonDecimalSlow(text string, c Conventions) (string, error) {
	if len(text) > maxNumberText {
		return "", errLong
	}
	text = strings.TrimSpace(text)
	text, negative, err := cutSign(text)
	if err != nil {
		return "", err
	}
	whole, decimals := text, ""
	i := strings.IndexByte(text, c.decimalSign())
	if i >= 0 {
		whole, decimals = text[:i], text[i+1:]
	}
	if whole == "" && decimals == "" {
		return "", errNotNumber
	}
	if whole, err = ungroup(whole, i >= 0, c); err != nil {
		return "", err
	}
	if !allDigits(decimals) {
		return "", numberFault(decimals)
	}
	return joinDecimal(negative, whole, decimals), nil
}

// cutSign takes the sign off, in front or behind.
func cutSign(text string) (rest string, negative bool, err error) {
	if text == "" {
		return "", false, errNoNumber
	}
	switch last := text[len(text)-1]; {
	case text[0] == '-' || text[0] == '+':
		if last == '-' || last == '+' {
			return "", false, errSigns
		}
		return text[1:], text[0] == '-', nil
	case last == '-':
		return strings.TrimRight(text[:len(text)-1], " "), true, nil
	}
	return text, false, nil
}

// ungroup removes the signs that group digits, when the conventions allow them and every group but the first is three
// digits long. One group set off by the other of "." and "," with no decimals behind it could as well be decimals:
// that is refused unless the conventions name the grouping sign.
func ungroup(whole string, hasDecimals bool, c Conventions) (string, error) {
	if allDigits(whole) {
		return whole, nil
	}
	sign, parts := "", []string(nil)
	for _, s := range []string{".", ",", "'", " ", "’", "\u00a0", "\u202f"} {
		if strings.Contains(whole, s) {
			sign, parts = s, strings.Split(whole, s)
			break
		}
	}
	if sign == "" {
		return "", numberFault(whole)
	}
	for i, p := range parts {
		if !allDigits(p) {
			return "", numberFault(p)
		}
		if len(p) != 3 && (i > 0 || len(p) == 0 || len(p) > 3) {
			return "", errGroups
		}
	}
	switch sign {
	case "’":
		sign = "'"
	case "\u00a0", "\u202f":
		sign = " "
	}
	point := sign == "." || sign == ","
	switch {
	case c.Group == sign || c.Group == "" && !point:
	case c.Group != "" || sign[0] == c.decimalSign():
		return "", errGroupSign
	case len(parts) == 2 && !hasDecimals:
		return "", errAmbiguous
	}
	return strings.Join(parts, ""), nil
}

func numberFault(part string) error {
	if e := strings.IndexAny(part, "eE"); e > 0 && allDigits(part[:e]) {
		return errExponent
	}
	return errNotNumber
}

func joinDecimal(negative bool, whole, decimals string) string {
	whole = strings.TrimLeft(whole, "0")
	decimals = strings.TrimRight(decimals, "0")
	if whole == "" {
		whole = "0"
	}
	switch {
	case decimals == "" && whole == "0":
		return "0"
	case decimals != "" && negative:
		return "-" + whole + "." + decimals
	case decimals != "":
		return whole + "." + decimals
	case negative:
		return "-" + whole
	}
	return whole
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// digits counts the digits before and behind the point of a canonical number.
func digits(canonical string) (whole, decimals int) {
	n := len(canonical)
	if canonical[0] == '-' {
		n--
	}
	if i := strings.IndexByte(canonical, '.'); i >= 0 {
		decimals = len(canonical) - i - 1
		return n - decimals - 1, decimals
	}
	return n, 0
}

// Decimals counts the digits behind the point of a canonical number: a quantity must not have more than its unit's
// precision.
func Decimals(canonical string) int {
	if canonical == "" {
		return 0
	}
	_, n := digits(canonical)
	return n
}

// canonMoney checks a canonical number as a price: at least 0, at most 15 digits before the point. What stands behind
// the fourth decimal is rounded half up, as the shop does when it stores it, so that a price dropped again compares
// equal to the stored one.
func canonMoney(canonical string) (string, error) {
	if canonical[0] == '-' {
		return "", errors.New("is negative")
	}
	whole, decimals := digits(canonical)
	if decimals > moneyDecimals {
		canonical = mustAmount(canonical).Round(moneyDecimals).String()
		whole, _ = digits(canonical)
	}
	if whole > maxIntegerDigits {
		return "", fmt.Errorf("has more than %d digits before the point", maxIntegerDigits)
	}
	return canonical, nil
}

// canonQuantity checks a canonical number as a quantity.
func canonQuantity(canonical string) (string, error) {
	switch whole, decimals := digits(canonical); {
	case whole > maxIntegerDigits:
		return "", fmt.Errorf("has more than %d digits before the point", maxIntegerDigits)
	case decimals > quantityDecimals:
		return "", fmt.Errorf("has more than %d decimals", quantityDecimals)
	}
	return canonical, nil
}

// Amount is an exact decimal number for sums and for the arithmetic of prices. The zero value is 0. There is no way in
// or out through a float.
type Amount struct{ d decimal.Decimal }

// ParseAmount reads a number that is written as the conventions say.
func ParseAmount(text string, c Conventions) (Amount, error) {
	canonical, err := CanonDecimal(text, c)
	if err != nil {
		return Amount{}, err
	}
	return mustAmount(canonical), nil
}

// AmountOf is a whole number.
func AmountOf(n int64) Amount { return Amount{decimal.NewFromInt(n)} }

// mustAmount reads a canonical number, whose form and length are known to be good.
func mustAmount(canonical string) Amount { return Amount{decimal.RequireFromString(canonical)} }

// Add is a + b.
func (a Amount) Add(b Amount) Amount { return Amount{a.d.Add(b.d)} }

// Sub is a - b.
func (a Amount) Sub(b Amount) Amount { return Amount{a.d.Sub(b.d)} }

// Mul is a × b, exactly.
func (a Amount) Mul(b Amount) Amount { return Amount{a.d.Mul(b.d)} }

// ErrDivideByZero is the error of a division by zero.
var ErrDivideByZero = errors.New("division by zero")

// Div is a ÷ b, rounded to places decimals, halves away from zero.
func (a Amount) Div(b Amount, places int) (Amount, error) {
	if b.d.IsZero() {
		return Amount{}, ErrDivideByZero
	}
	if n, ok := tens(b.d); ok { // a price per 100, a pack of 1: the point moves
		return Amount{a.d.Shift(-n).Round(int32(places))}, nil
	}
	return Amount{a.d.DivRound(b.d, int32(places))}, nil
}

// tens is n when d is 10 to the power of n.
func tens(d decimal.Decimal) (n int32, ok bool) {
	if d.NumDigits() > 15 {
		return 0, false
	}
	c := d.CoefficientInt64()
	for n = d.Exponent(); c > 1 && c%10 == 0; c /= 10 {
		n++
	}
	return n, c == 1
}

// Round rounds to places decimals, halves away from zero.
func (a Amount) Round(places int) Amount { return Amount{a.d.Round(int32(places))} }

// Neg is -a.
func (a Amount) Neg() Amount { return Amount{a.d.Neg()} }

// Cmp is -1, 0 or 1 as a is less than, equal to or greater than b.
func (a Amount) Cmp(b Amount) int { return a.d.Cmp(b.d) }

// IsZero says whether a is 0.
func (a Amount) IsZero() bool { return a.d.IsZero() }

// String is the canonical form, the one of [CanonDecimal].
func (a Amount) String() string { return a.d.String() }

// Fixed writes exactly places decimals, rounded half up: "19.90".
func (a Amount) Fixed(places int) string { return a.d.StringFixed(int32(places)) }
