package charset

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/quick"

	"golang.org/x/text/encoding/charmap"
)

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		bad            bool
	}{
		{"", "Köln", "Köln", false},
		{"utf-8", "\xef\xbb\xbfKöln", "Köln", false},
		{"utf-8", "K\xf6ln", "K\xf6ln", true},
		{"iso-8859-1", "K\xf6ln", "Köln", false},
		{"iso-8859-1", "\xef\xbb\xbfKöln", "Köln", false}, // the mark wins
		{"windows-1252", "\x80 \x93x\x94", "€ “x”", false},
		{"windows-1252", "\x81", "\ufffd", true},
		{"iso-8859-2", "\xb3", "ł", false},
		{"utf-8", "\xff\xfeK\x00\xf6\x00", "Kö", false},
		{"utf-16be", "\x00K\x00\xf6", "Kö", false},
		{"utf-16le", "K\x00\xf6\x00\x00\xd8", "Kö\ufffd", true},
	} {
		for kind, r := range map[string]io.Reader{"whole": strings.NewReader(c.in), "bytes": iotest.OneByteReader(strings.NewReader(c.in))} {
			r, err := Decode(r, c.name)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(iotest.OneByteReader(r))
			if err != nil || string(got) != c.want || Bad(got) != c.bad {
				t.Errorf("%s %q, %s: got %q, %v, bad %v", c.name, c.in, kind, got, err, Bad(got))
			}
		}
	}
	if err := Check("klingon"); err == nil {
		t.Error("an unknown encoding is not reported")
	}
}

// TestLatin1: the quick decoder agrees with the table.
func TestLatin1(t *testing.T) {
	same := func(in []byte, size uint8) bool {
		r, err := Decode(bytes.NewReader(append([]byte("x"), in...)), "iso-8859-1")
		if err != nil {
			return false
		}
		var got []byte
		p := make([]byte, int(size)+1)
		for {
			n, err := r.Read(p)
			got = append(got, p[:n]...)
			if err != nil {
				break
			}
		}
		want, err := charmap.ISO8859_1.NewDecoder().Bytes(append([]byte("x"), in...))
		return err == nil && bytes.Equal(got, want)
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
}

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		replaced       int
	}{
		{"", "Köln €", "Köln €", 0},
		{"iso-8859-1", "Köln", "K\xf6ln", 0},
		{"iso-8859-1", "“Łódź” – 5 €", `"L` + "\xf3" + `dz" - 5 EUR`, 6},
		{"iso-8859-1", "東京 x", "?? x", 2},
		{"utf-16", "K", "\xfe\xff\x00K", 0},
		{"utf-16le", "K", "K\x00", 0},
		{"us-ascii", "ö", "ö", 0}, // ASCII is read and written as UTF-8
	} {
		e, err := NewEncoder(c.name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Bytes([]byte(c.in))
		if err != nil || string(got) != c.want || e.Replaced != c.replaced {
			t.Errorf("%s %q: got %q, %d replaced, %v", c.name, c.in, got, e.Replaced, err)
		}
	}
}

func TestCopier(t *testing.T) {
	for _, file := range []string{"one two three", "\xef\xbb\xbfone two three"} {
		var out bytes.Buffer
		c, err := NewCopier(&out, strings.NewReader(file), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); err != nil {
			t.Fatal(err)
		}
		if err := c.Copy(4); err != nil {
			t.Fatal(err)
		}
		c.Drop(8)
		if err := c.Copy(c.Rest()); err != nil {
			t.Fatal(err)
		}
		if want := strings.Replace(file, "two ", "", 1); out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	}
}

func BenchmarkLatin1(b *testing.B) {
	text := []byte(strings.Repeat(fmt.Sprintf("%-100s", "K\xf6ln am Rhein"), 10000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		r, err := Decode(bytes.NewReader(text), "iso-8859-1")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzDecode: whatever the bytes, decoding ends, and gives no more than four bytes for each.
func FuzzDecode(f *testing.F) {
	names := []string{"", "utf-8", "utf-16", "utf-16le", "utf-16be", "iso-8859-1", "windows-1252", "gb18030", "shift_jis", "iso-2022-jp", "big5", "euc-kr"}
	for i, text := range []string{"a\xff", "\xef\xbb\xbfü", "\xff\xfea\x00", "\xfe\xff\xd8\x00", "\x1b$B\x30\x21", "\x81\x30\x81\x30"} {
		f.Add([]byte(text), uint8(i))
	}
	f.Fuzz(func(t *testing.T, file []byte, name uint8) {
		encoding := names[int(name)%len(names)]
		r, err := Decode(bytes.NewReader(file), encoding)
		if err != nil {
			return
		}
		text, err := io.ReadAll(r)
		if err != nil || len(text) > 4*len(file)+8 {
			t.Fatalf("%d bytes become %d, %v", len(file), len(text), err)
		}
		var out bytes.Buffer
		c, err := NewCopier(&out, bytes.NewReader(file), encoding, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(iotest.OneByteReader(c)); err != nil {
			t.Fatal(err)
		}
		for at := int64(0); at < c.Rest(); at += 7 {
			if err := c.Copy(at); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Copy(c.Rest()); err != nil {
			t.Fatal(err)
		}
		if _, n := Mark(file); encoding == "" && n == 0 && !bytes.Equal(out.Bytes(), file) {
			t.Fatalf("%q is copied as %q", file, out.Bytes())
		}
	})
}
