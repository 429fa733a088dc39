package idoc

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/formats"
)

// TestUsers: contacts and addresses become users as far as an e-mail address is known, each its own.
func TestUsers(t *testing.T) {
	contacts := strings.Replace(string(read(t, "sent/contacts.xml")), "<PAFKT>02</PAFKT>",
		`<PAFKT>02</PAFKT><Z1MAIL SEGMENT="1"><EMAIL>vera@example.com</EMAIL></Z1MAIL>`, 1)
	addresses := strings.Replace(string(read(t, "sent/adrmas.xml")), "</E1BPADTEL>", `</E1BPADTEL>
<E1BPADSMTP SEGMENT="1"><E_MAIL>old@example.com</E_MAIL><FLG_NOUSE>X</FLG_NOUSE></E1BPADSMTP>
<E1BPADSMTP SEGMENT="1"><E_MAIL>second@example.com</E_MAIL></E1BPADSMTP>
<E1BPADSMTP SEGMENT="1"><STD_NO>X</STD_NO><E_MAIL>office@example.com</E_MAIL></E1BPADSMTP>`, 1)
	for _, c := range []struct {
		name, file string
		columns    map[string]string
		want       string
	}{
		{"contacts", contacts, map[string]string{"Z1MAIL-EMAIL": "email", "E1KNA1M-TELF1": "role"},
			`IDoc 0000000000009201 segment 3 E1KNVKM customer_number="47120" first_name="Vera" last_name="Wald" delete="0" E1KNA1M-TELF1="+43 1 555 00" Z1MAIL-EMAIL="vera@example.com"
{"contact_without_email":1,"no_contact":2}
`},
		{"no address at all", contacts, nil, `{"contact_without_email":2,"no_contact":2}` + "\n"},
		{"addresses", addresses, map[string]string{"E1BPAD1VL-NAME": "last_name", "first_name": "'Office'"},
			`IDoc 0000000000000077 segment 1 E1ADRMAS email="office@example.com" customer_number="70001" E1BPAD1VL-NAME="Holz & Heim"
{"other_object LFA1":1}
`},
		{"an address without", string(read(t, "sent/adrmas.xml")), nil, `{"address_without_email":1,"other_object LFA1":1}` + "\n"},
	} {
		f := &Options{Dictionary: "users.csv"}
		f.SetOpen(func(string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("Z1MAIL,Z2MAIL000,E1KNVKM,3,EMAIL:100\n")), nil
		})
		if err := errors.Join(f.Check(), f.Select(formats.CustomerUsers, &formats.Mapping{Columns: c.columns})); err != nil {
			t.Fatal(c.name, err)
		}
		for form, file := range map[string][]byte{"XML": []byte(c.file), "flat": convert(t, f, []byte(c.file), FormFlat, "")} {
			got, err := dump(f, bytes.NewReader(file), formats.CustomerUsers)
			if d := cmp.Diff(c.want, got); d != "" || err != nil {
				t.Errorf("%s, %s: %v\n%s", c.name, form, err, d)
			}
		}
	}
}

// TestMainEntity: of the entities that a message feeds one is what a file is taken for.
func TestMainEntity(t *testing.T) {
	for message, want := range map[string]*formats.Entity{"DEBMAS": formats.Customers, "ADRMAS": formats.Customers, "COND_A": formats.Prices, "X": nil} {
		if got := EntityOf(message); got != want {
			t.Errorf("%s: %v", message, got)
		}
	}
}
