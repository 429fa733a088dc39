package xmltok

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// tokens writes down what a Scanner reads; neighbouring texts are joined, since encoding/xml splits them elsewhere.
func tokens(r io.Reader, lim Limits) (string, error) {
	var b strings.Builder
	text := ""
	s := New(r, lim)
	for {
		k, err := s.Next()
		if k != Text && text != "" {
			fmt.Fprintf(&b, "%q", text)
			text = ""
		}
		if err != nil {
			return b.String(), err
		}
		switch k {
		case Start:
			fmt.Fprintf(&b, "<%s", s.Name())
			for _, a := range s.Attrs() {
				fmt.Fprintf(&b, " %s=%q", a.Name, a.Value)
			}
			b.WriteString(">")
		case End:
			fmt.Fprintf(&b, "</%s>", s.Name())
		case Text:
			text += string(s.Text())
		}
	}
}

// reference writes down what encoding/xml reads.
func reference(text string) (string, error) {
	var b strings.Builder
	chars := ""
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	depth := 0
	for {
		t, err := d.Token()
		switch t.(type) {
		case xml.StartElement, xml.EndElement, nil:
			if chars != "" && depth > 0 {
				fmt.Fprintf(&b, "%q", chars)
			}
			chars = ""
		}
		if err != nil {
			return b.String(), err
		}
		switch t := t.(type) {
		case xml.StartElement:
			depth++
			fmt.Fprintf(&b, "<%s", t.Name.Local)
			for _, a := range t.Attr {
				if a.Name.Space != "xmlns" && (a.Name.Space != "" || a.Name.Local != "xmlns") {
					fmt.Fprintf(&b, " %s=%q", a.Name.Local, a.Value)
				}
			}
			b.WriteString(">")
		case xml.EndElement:
			depth--
			fmt.Fprintf(&b, "</%s>", t.Name.Local)
		case xml.CharData:
			chars += string(t)
		}
	}
}

var good = []string{
	`<a/>`,
	`<?xml version="1.0" encoding="UTF-8"?><ORDERS05><IDOC BEGIN="1"><EDI_DC40 SEGMENT="1"><DOCNUM>1</DOCNUM></EDI_DC40></IDOC></ORDERS05>`,
	"<a>x &amp; y &#228;&#xE4;\r\n<![CDATA[<b>&amp;]]><!-- no --><?pi x?></a>\n",
	`<n:a xmlns:n="urn:x" xmlns="urn:y" n:c="1" d='&quot;>'><b/></n:a>`,
	"<größe>ü</größe >",
	"<a\n b = '1'\tc=\"2\" />",
}

var bad = []string{
	"", " ", "<a>", "<a></b>", "<a/><b/>", "x<a/>", "<a/>x", "<a b=1/>", "<a b='<'/>", "<a b='1' b='2'/>", "<a b='1'c='2'/>",
	"<!DOCTYPE a><a/>", "<a>&nbsp;</a>", "<a>&#0;</a>", "<a>&</a>", "<a>\x01</a>", "<a>\xff</a>", "<a>]]></a>", "<a><!-- -- --></a>",
	" <?xml version='1.0'?><a/>", "<?xml version='1.1'?><a/>", "<a:b:c/>", "<:a/>", "<1/>", "<a", "<a b='", "<![CDATA[x]]>", "</a>", "<a>\uffff</a>",
	"<a></a", "<a><!--", "<a><![CDATA[", "<?x", "<a>&#x110000;</a>", "<a>&#-5;</a>",
}

func TestTokens(t *testing.T) {
	for _, text := range good {
		want, err := reference(text)
		if err != io.EOF {
			t.Fatalf("%s: encoding/xml: %v", text, err)
		}
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text))} {
			got, err := tokens(r, Limits{})
			if err != io.EOF || got != want {
				t.Errorf("%s, %s:\n got %s, %v\nwant %s", text, name, got, err, want)
			}
		}
	}
	for _, text := range bad {
		var e *Error
		if got, err := tokens(iotest.OneByteReader(strings.NewReader(text)), Limits{}); !errors.As(err, &e) {
			t.Errorf("%q: got %s, %v, want an *Error", text, got, err)
		}
	}
}

// TestSkipBlanks: nothing is left out but texts of blanks, and lines and offsets of the other tokens stay.
func TestSkipBlanks(t *testing.T) {
	blanks := regexp.MustCompile(`\d+:\d+ text "(\\n|\\t| )*"\n`)
	list := func(text string, lim Limits) string {
		var b strings.Builder
		s := New(strings.NewReader(text), lim)
		for {
			k, err := s.Next()
			if err != nil {
				fmt.Fprintf(&b, "%v", err)
				return b.String()
			}
			if k == Text {
				fmt.Fprintf(&b, "%d:%d text %q\n", s.Line(), s.Offset(), s.Text())
			} else {
				fmt.Fprintf(&b, "%d:%d %d %s depth %d\n", s.Line(), s.Offset(), k, s.Name(), s.Depth())
			}
		}
	}
	for _, text := range slices.Concat(good, bad, []string{
		"<a>\n  <b>\n\t<c> x </c>\r\n</b> y <d> </d>\n</a>\n\n",
		"<a> <![CDATA[x]]> <b/> <![CDATA[ ]]></a>",
		"<a> <!-- - --> <b/> <?p i?> z</a>",
		"<a>\n  <b>\n</a>",
		"<a>\n\x01<b/></a>",
	}) {
		want, got := list(text, Limits{}), list(text, Limits{SkipBlanks: true})
		if blanks.ReplaceAllString(want, "") != blanks.ReplaceAllString(got, "") {
			t.Errorf("%q:\n%s\nwith blanks:\n%s", text, got, want)
		}
	}
	if got := list("<a>\n <b>1</b>\n <c/> </a>", Limits{SkipBlanks: true}); strings.Count(got, "text") != 1 {
		t.Errorf("blanks are not left out:\n%s", got)
	}
}

func TestLimits(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("<a>", 200),
		"<a>" + strings.Repeat("x", 5000) + "</a>",
		"<a b='" + strings.Repeat("x", 5000) + "'/>",
		"<a><!--" + strings.Repeat("x", 5000) + "--></a>",
		"<a><![CDATA[" + strings.Repeat("x", 5000) + "]]></a>",
		"<" + strings.Repeat("x", 5000) + "/>",
		"<a b1='' b2='' b3='' b4='' b5='' b6=''/>",
	} {
		var e *Error
		_, err := tokens(strings.NewReader(text), Limits{Depth: 100, Token: 2000, Attrs: 5})
		if !errors.As(err, &e) || !e.Limit {
			t.Errorf("%.30s: got %v, want a limit", text, err)
		}
	}
}

func TestPosition(t *testing.T) {
	s := New(strings.NewReader("<a>\n <b>\n</b><c/></a>"), Limits{})
	want := []string{"1:0", "1:3", "2:5", "2:8", "3:9", "3:13", "3:17", "3:17"}
	for i := 0; ; i++ {
		_, err := s.Next()
		if err == io.EOF {
			break
		}
		if got := fmt.Sprintf("%d:%d", s.Line(), s.Offset()); i < len(want) && got != want[i] {
			t.Errorf("token %d at %s, want %s", i, got, want[i])
		}
	}
}

func TestSpace(t *testing.T) {
	s := New(strings.NewReader(`<n:a xmlns:n="urn:x"><b xmlns="urn:y"/><c/><q:d/></n:a>`), Limits{})
	var got []string
	for {
		k, err := s.Next()
		if err != nil {
			break
		}
		if k == Start {
			got = append(got, s.Space())
		}
	}
	if fmt.Sprint(got) != "[urn:x urn:y  q]" {
		t.Errorf("spaces %q", got)
	}
}

// FuzzScanner: what the Scanner accepts, encoding/xml accepts, in the same tokens.
func FuzzScanner(f *testing.F) {
	for _, text := range append(append([]string{}, good...), bad...) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := tokens(strings.NewReader(text), Limits{})
		if err != io.EOF {
			return
		}
		want, err := reference(text)
		if err != io.EOF {
			t.Fatalf("encoding/xml refuses %q: %v", text, err)
		}
		if got != want {
			t.Fatalf("%q:\n got %s\nwant %s", text, got, want)
		}
	})
}

func document(n int) string {
	var b strings.Builder
	b.WriteString("<ORDERS05>")
	for i := range n {
		fmt.Fprintf(&b, "<IDOC BEGIN=\"1\"><E1EDK01 SEGMENT=\"1\"><CURCY>EUR</CURCY><BELNR>%d</BELNR><NTGEW>12.500</NTGEW></E1EDK01></IDOC>\n", i)
	}
	return b.String() + "</ORDERS05>"
}

func BenchmarkScanner(b *testing.B) {
	text := document(10000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		s := New(strings.NewReader(text), Limits{})
		for {
			if _, err := s.Next(); err != nil {
				break
			}
		}
	}
}

func BenchmarkEncodingXML(b *testing.B) {
	text := document(10000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		d := xml.NewDecoder(strings.NewReader(text))
		for {
			if _, err := d.Token(); err != nil {
				break
			}
		}
	}
}

// TestNestedNamesAndNamespacesAreBounded: what stands in the tags around is held, however it is spread.
func TestNestedNamesAndNamespacesAreBounded(t *testing.T) {
	var declared strings.Builder
	for i := range 101 {
		fmt.Fprintf(&declared, " xmlns:a%d='u'", i)
	}
	tag := strings.Repeat("n", 900<<10)
	nested := strings.Repeat("<a xmlns:a='u' xmlns:b='v' xmlns:c='w' xmlns:d='x' xmlns:e='y' xmlns:f='z' xmlns:g='1' xmlns:h='2' xmlns:i='3' xmlns:j='4' xmlns:k='5'>", 100)
	for text, want := range map[string]string{
		"<" + tag + "><" + tag + ">":   "the names of the open elements are longer than 1048576 bytes",
		"<a" + declared.String() + ">": "a tag has more than 100 attributes",
		nested:                         "more than 1000 namespaces are declared at once",
	} {
		_, err := tokens(strings.NewReader(text), Limits{})
		var limit *Error
		if !errors.As(err, &limit) || !limit.Limit || limit.Message != want {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if _, err := tokens(strings.NewReader("<a>"+strings.Repeat("<b xmlns:x='u' x:y='1'/>", 2000)+"</a>"), Limits{}); err != io.EOF {
		t.Error(err)
	}
}
