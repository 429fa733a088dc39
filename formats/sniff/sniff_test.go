package sniff

import (
	"os"
	"strings"
	"testing"
)

func TestFile(t *testing.T) {
	idoc, err := os.ReadFile("../idoc/testdata/debmas.xml")
	if err != nil {
		t.Fatal(err)
	}
	control := "EDI_DC40  100" + strings.Repeat(" ", 86) + "MATMAS" + strings.Repeat(" ", 400)
	for _, c := range []struct{ head, want string }{
		{"", "empty"},
		{" \r\n", "empty"},
		{"\x1f\x8b\x08", "gzip"},
		{"PK\x03\x04", "zip"},
		{"-----BEGIN PGP MESSAGE-----\n", "pgp"},
		{"\xc1\xc0\x4c\x03abc", "pgp"},
		{"\x85\x01\x0c\x03abc", "pgp"},
		{"a\x00b", "binary"},
		{control, "idoc, form flat, message MATMAS, encoding utf-8"},
		{"\xef\xbb\xbf" + control, "idoc, form flat, message MATMAS, encoding utf-8"},
		{string(idoc), "idoc, form xml, message DEBMAS, root DEBMAS07, encoding UTF-8"},
		{"<Stock><Item/></Stock>", "xml, root Stock, encoding utf-8"},
		{"<Stock><List><Item><No>1</No></Item><Item><No>2</No></Item></List></Stock>", "xml, root Stock, row /Stock/List/Item, encoding utf-8"},
		{`<?xml version="1.0" encoding="ISO-8859-1"?><Gr` + "\xf6" + `e/>`, "xml, root Gröe, encoding ISO-8859-1"},
		{"\xff\xfea\x00;\x00b\x00\n\x001\x00;\x002\x00\n\x00", "csv, delimiter ;, encoding utf-16le"},
		{"sku;price\nA;1,5\n", "csv, delimiter ;, encoding utf-8"},
		{"sku,price\n\"A,B\",1\n", "csv, delimiter ,, encoding utf-8"},
		{"sku\tprice\nK\xf6ln\t1\n", "csv, delimiter \t"},
		{"H0001  EUR\nPA-1    12\n", "fixed, encoding utf-8"},
		{"[{\"sku\": 1}]", "json, encoding utf-8"},
		{"hello\nthere you\n", "text, encoding utf-8"},
	} {
		if got := File([]byte(c.head)).String(); got != c.want {
			t.Errorf("%.40q: got %q, want %q", c.head, got, c.want)
		}
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte("a;b\n1;2\n"))
	f.Fuzz(func(t *testing.T, head []byte) {
		if File(head).Kind == "" {
			t.Fatal("no kind")
		}
	})
}
