package idoc

import (
	"slices"
	"strings"

	"github.com/orobridge/orobridge/formats"
)

// DEBMAS, ADRMAS → customer_users. A row per contact person (E1KNVKM), or per address of a customer (E1ADRMAS of KNA1), as far
// as an e-mail address is known. SAP's own segments have one for an address alone (E1BPADSMTP); of a contact the feed's mapping
// says where it stands, in a segment of one's own below E1KNVKM. Who has none is counted.
var userRules = entityRule{
	columns: func(*Options) []string {
		return []string{"email", "customer_number", "first_name", "last_name", formats.RemoveField}
	},
	scope: []string{"E1KNVKM", "E1BPADSMTP", "E1BPAD1VL", "E1ADRMAS", "E1KNA1M"},
	rules: map[string]rule{"DEBMAS": contacts, "ADRMAS": addressUsers},
	sources: map[string]string{"email": "E1BPADSMTP-E_MAIL", "customer_number": "E1KNA1M-KUNNR E1ADRMAS-OBJ_ID", "first_name": "E1KNVKM-NAMEV",
		"last_name": "E1KNVKM-NAME1", formats.RemoveField: "E1KNVKM-MSGFN"},
}

func contacts(r *reader, d *Document) error {
	for customer := range d.Children(-1, "E1KNA1M") {
		if d.First(customer, "E1KNVKM") < 0 {
			r.count("no_contact")
		}
		for i := range d.Children(customer, "E1KNVKM") {
			b := r.push(d, i)
			b.set("customer_number", b.number(b.value(customer, "KUNNR")))
			b.copy("first_name", i, "NAMEV")
			b.copy("last_name", i, "NAME1")
			b.set(formats.RemoveField, mark(b.value(i, "MSGFN") == deleted))
			b.rawsBelow(i, i, customer) // what hangs on another contact is not this one's
			r.addressed("contact_without_email")
			if b.err != nil {
				return b.err
			}
		}
	}
	return nil
}

func addressUsers(r *reader, d *Document) error {
	for i := range d.Children(-1, "E1ADRMAS") {
		probe := &rowBuilder{r: r, d: d}
		if kind := probe.value(i, "OBJ_TYPE"); kind != customerObject {
			r.count("other_object " + kind)
			continue
		}
		mail := probe.standardMail(i)
		b := r.push(d, i)
		b.set("customer_number", b.number(b.value(i, "OBJ_ID")))
		b.copy("email", mail, "E_MAIL")
		b.raws(mail, d.First(i, "E1BPAD1VL"), i)
		r.addressed("address_without_email")
		if b.err != nil {
			return b.err
		}
	}
	return nil
}

// standardMail is the e-mail address that an address names as its standard one, else its first; -1 for none.
func (b *rowBuilder) standardMail(address int) int {
	first := -1
	for i := range b.d.Children(address, "E1BPADSMTP") {
		switch {
		case b.value(i, "E_MAIL") == "" || b.value(i, "FLG_NOUSE") != "":
		case b.value(i, "STD_NO") != "":
			return i
		case first < 0:
			first = i
		}
	}
	return first
}

// addressed takes the last row back, and counts it, when it has no e-mail address, neither in the rules' own column nor in one that
// the mapping makes one of.
func (r *reader) addressed(word string) {
	known := slices.ContainsFunc(append(slices.Clip(r.f.addressed), "email"), func(column string) bool {
		i, ok := r.at[column]
		return ok && strings.TrimSpace(r.queue[r.used-1].cells[i]) != ""
	})
	if !known {
		r.used--
		r.count(word)
	}
}
