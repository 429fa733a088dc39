package formats

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// CanonDate brings a date in the form of the conventions to YYYY-MM-DD. What SAP calls initial, blanks or nothing but
// zeros ("00000000"), is no date: the result is empty.
func CanonDate(text string, c Conventions) (string, error) {
	return parseDate(text, c.Date)
}

var (
	errDateForm = errors.New("is not a date of the form")
	errDateYear = errors.New("is a date outside the years 1 to 9999")
)

// The forms of dates that have a name of their own. Every other form is a layout in Go's notation.
var dateForms = map[string]string{
	"YYYY-MM-DD": time.DateOnly,
	"YYYYMMDD":   "20060102",
	"DD.MM.YYYY": "02.01.2006",
	"DD/MM/YYYY": "02/01/2006",
	"MM/DD/YYYY": "01/02/2006",
	"YYYY/MM/DD": "2006/01/02",
}

// dateLayout is Go's layout of a form; an empty form is YYYY-MM-DD.
func dateLayout(form string) string {
	if form == "" {
		return time.DateOnly
	}
	if layout, ok := dateForms[form]; ok {
		return layout
	}
	return form
}

// checkDateForm refuses a form that does not hold a whole date.
func checkDateForm(form string) error {
	probe := time.Date(2037, 11, 28, 0, 0, 0, 0, time.UTC)
	layout := dateLayout(form)
	back, err := time.Parse(layout, probe.Format(layout))
	if err != nil || back.Year() != 2037 || back.YearDay() != probe.YearDay() {
		return fmt.Errorf("%q is not a form of dates: use YYYYMMDD, DD.MM.YYYY, or Go's notation with year, month and day, such "+
			"as 02.01.2006", form)
	}
	return nil
}

func parseDate(text, form string) (string, error) {
	text = strings.TrimSpace(text)
	if strings.Trim(text, "0.-/ ") == "" {
		return "", nil
	}
	if len(text) > maxNumberText {
		return "", errLong
	}
	t, err := time.Parse(dateLayout(form), text)
	if err != nil {
		return "", fmt.Errorf("%w %s", errDateForm, cmp.Or(form, "YYYY-MM-DD"))
	}
	if t.Year() < 1 || t.Year() > 9999 {
		return "", errDateYear
	}
	if form == "" {
		return text, nil
	}
	return t.Format(time.DateOnly), nil
}

// Check reports conventions that make no sense, as OptionErrors.
func (c Conventions) Check() error {
	var problems []error
	switch c.Decimal {
	case "", ".", ",":
	default:
		problems = append(problems, AtKey("decimal", fmt.Errorf("%q is neither \".\" nor \",\"", c.Decimal)))
	}
	switch c.Group {
	case "", "none", ".", ",", " ", "'":
		if c.Group != "" && c.Group[0] == c.decimalSign() {
			problems = append(problems, AtKey("group", fmt.Errorf("%q is the decimal sign", c.Group)))
		}
	default:
		problems = append(problems, AtKey("group", fmt.Errorf("%q is none of \".\", \",\", \" \", \"'\" and none", c.Group)))
	}
	if err := checkDateForm(c.Date); err != nil {
		problems = append(problems, AtKey("date", err))
	}
	return errors.Join(problems...)
}

// decimalSign is the decimal sign, '.' by default.
func (c Conventions) decimalSign() byte {
	if c.Decimal == "," {
		return ','
	}
	return '.'
}
