package formats

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/currency"
)

// This file says, before anything is sent, what a stock shop refuses. What it knows was seen on OroCommerce 6.1.11 and 7.0.4.
// A shop's settings may be wider (which characters a sku has), so a plan tells it and a guard counts it, and the shop decides.

// Refusal says what a stock shop refuses of a record: nil when nothing is known against it. With create, the shop does not
// have the key yet, and what a new record needs must be there.
func (e *Entity) Refusal(r *Record, create bool) *Reject {
	if r.Remove {
		return nil
	}
	if create && !e.Fixed {
		for _, field := range e.ToCreate {
			if text, _ := r.Get(field); text == "" {
				return refusal(r, field, CodeMissing, "the shop does not have it yet, and a new one needs a %s", field)
			}
		}
	}
	if e.Stock == nil {
		return nil
	}
	return e.Stock(r, create)
}

func refusal(r *Record, field, code, format string, args ...any) *Reject {
	return &Reject{Pos: r.Pos, Key: r.Key, Field: field, Code: code, Message: fmt.Sprintf(format, args...)}
}

// stockSKU: 3 to 255 Latin letters, digits, - and _.
func stockSKU(r *Record) *Reject {
	sku, _ := r.Get("sku")
	strange := strings.IndexFunc(sku, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_')
	})
	switch n := utf8.RuneCountInString(sku); {
	case n < 3 || n > 255:
		return refusal(r, "sku", CodeKey, "%q has %d characters, and a stock shop takes 3 to 255", sku, n)
	case strange >= 0:
		return refusal(r, "sku", CodeKey, "%q: a stock shop takes Latin letters, digits, - and _ in a sku", sku)
	}
	return nil
}

// stockPrecision: 0 to 10 decimals of a unit.
func stockPrecision(r *Record, field, text string) *Reject {
	a, err := ParseAmount(text, Conventions{})
	if err != nil || strings.Contains(text, ".") || a.Cmp(Amount{}) < 0 || a.Cmp(mustAmount("10")) > 0 {
		return refusal(r, field, CodeAmount, "%q is not a number of decimals from 0 to 10", text)
	}
	return nil
}

func stockProduct(r *Record, create bool) *Reject {
	if create { // an existing one has passed
		if bad := stockSKU(r); bad != nil {
			return bad
		}
	}
	if text, _ := r.Get("precision"); text != "" {
		if bad := stockPrecision(r, "precision", text); bad != nil {
			return bad
		}
	}
	more, _ := r.Get("more_units")
	for _, word := range strings.Fields(more) {
		if parts := strings.Split(word, ":"); len(parts) > 1 && parts[1] != "" {
			if bad := stockPrecision(r, "more_units", parts[1]); bad != nil {
				return bad
			}
		}
	}
	return nil
}

// addressNeeds are what an address lacks without: the shop takes none in part.
var addressNeeds = []string{"street", "city", "postal_code", "country"}

func stockCustomer(r *Record, create bool) *Reject {
	begun := slices.ContainsFunc([]string{"address_label", "street", "street2", "city", "postal_code", "region", "country"},
		func(f string) bool {
			text, _ := r.Get(f)
			return text != ""
		})
	if !create || !begun {
		return nil
	}
	for _, field := range addressNeeds {
		if text, _ := r.Get(field); text == "" {
			return refusal(r, field, CodeMissing, "an address needs a %s", field)
		}
	}
	return nil
}

func stockCurrency(r *Record, field, code string) *Reject {
	if unit, err := currency.ParseISO(code); err != nil || unit.String() != code {
		return refusal(r, field, CodeValue, "%q is not a currency's code: EUR, USD, …", code)
	}
	return nil
}

func stockPriceList(r *Record, _ bool) *Reject {
	list, _ := r.Get("currencies")
	for _, code := range strings.Fields(list) {
		if bad := stockCurrency(r, "currencies", code); bad != nil {
			return bad
		}
	}
	return nil
}

func stockPrice(r *Record, _ bool) *Reject {
	quantity, _ := r.Get("quantity")
	if strings.HasPrefix(quantity, "-") {
		return refusal(r, "quantity", CodeAmount, "%q: a price begins with a quantity of 0 or more", quantity)
	}
	code, _ := r.Get("currency")
	return stockCurrency(r, "currency", code)
}
