// Package hostiletest makes a folder of files that mean harm: each asks a reader for far more memory or time than its size
// is worth, or for a place that is none of its business. It is for tests alone: every reader, every wrapping and every
// remote goes through these files.
//
// Contract: the files are the same in every run, none is larger than 1 MB, and some have names that mean harm, too.
package hostiletest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf16"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zip"
)

// MaxSize is the size of the largest file in bytes.
const MaxSize = 1 << 20

// File is one file.
type File struct {
	Name string
	Body []byte
}

// Spent is the processor time that this process has taken so far. Readers are held to that: the clock tells how busy the machine is.
func Spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it can't fail for oneself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Write makes a folder's files.
func Write(dir string) error {
	for _, f := range Files() {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Body, 0o600); err != nil {
			return fmt.Errorf("write hostile file: %w", err)
		}
	}
	return nil
}

// Files are all files. They are made once; nobody may change them.
var Files = sync.OnceValue(func() []File {
	var all []File
	for _, group := range [][]File{rows(), encodings(), names(), markup(), records(), squeezed(), archives(), messages()} {
		all = append(all, group...)
	}
	return all
})

// fill repeats a text up to a usual size; fillAll up to the largest one.
func fill(head, text, tail string) []byte { return repeat(MaxSize/4, head, text, tail) }

func fillAll(head, text, tail string) []byte { return repeat(MaxSize, head, text, tail) }

func repeat(size int, head, text, tail string) []byte {
	return []byte(head + strings.Repeat(text, (size-len(head)-len(tail))/len(text)) + tail)
}

// rows are files that want cells, columns or rows without end.
func rows() []File {
	head := "sku,name,value\n"
	return []File{
		{"empty.csv", nil},
		{"header_only.csv", []byte(head)},
		{"newlines.csv", fill("", "\n", "")},
		{"carriage_returns.csv", fill(head, "1,a,2\r", "")},
		{"commas.csv", fillAll(head, ",", "\n")},
		{"rows_of_commas.csv", fill(head, strings.Repeat(",", 70_000)+"\n", "")},
		{"short_rows.csv", fill(head, "1\n", "")},
		{"columns.csv", columns(120_000)},
		{"one_name_twice.csv", fill("", "a,", "a\n")},
		{"open_quote.csv", fillAll(head+`1,"a`+"\n", "2,b,3\n", "")},
		{"open_quotes.csv", fill(head, `1,"a`+"\n", "")},
		{"quotes.csv", fill(head, `""`, "\n")},
		{"quoted_line_breaks.csv", fill(head+`1,"`, "\n", `",2`+"\n")},
		{"no_line_end.csv", fillAll("", "x", "")},
		{"cut_in_its_last_cell.csv", []byte(head + "1,a,129.00\n2,b,1")},
		{"header_again.csv", fill(head, head, "")},
		{"numbers.csv", fill(head, "1,a,1e999999999\n2,b,"+strings.Repeat("9", 60)+"\n3,c,-0.0000000000000000000001\n4,d,1'000'00\n", "")},
		{"a_long_number.csv", fillAll(head+"1,a,", "9", "\n")},
		{"formulas.csv", []byte(head + "=1+1,@SUM(A1:A9),-2+3\n\"=cmd|' /C calc'!A0\",+1,\"\t=1\"\n")},
	}
}

func columns(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "c%d,", i)
	}
	b.WriteString("sku\n")
	return b.Bytes()
}

// encodings are texts that are not what they say.
func encodings() []File {
	noise := make([]byte, 300_000)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	var wide bytes.Buffer
	for _, u := range utf16.Encode([]rune("sku,name,value\n1,Größe,2\n")) {
		_ = binary.Write(&wide, binary.LittleEndian, u)
	}
	return []File{
		{"noise.bin", noise},
		{"nul.csv", fillAll("sku,name,value\n1,", "\x00", ",2\n")},
		{"utf16_without_mark.csv", wide.Bytes()},
		{"utf16_odd.csv", append([]byte("\xff\xfe"), wide.Bytes()[:wide.Len()-1]...)},
		{"utf16_surrogates.csv", fill("\xff\xfe", "\x00\xd8", "")},
		{"latin1.csv", fill("sku,name,value\n", "1,Gr\xf6\xdfe,2\n", "")},
		{"overlong.csv", fill("sku,name,value\n", "1,\xc0\xaf\xe0\x80\xaf\xf8\x88\x80\x80\x80,2\n", "")},
		{"surrogates.csv", fill("sku,name,value\n", "1,\xed\xa0\x80\xed\xbf\xbf,2\n", "")},
		{"cut_character.csv", []byte("sku,name,value\n1,Gr\xc3")},
		{"marks.csv", fill("\xef\xbb\xbf\xef\xbb\xbfsku,name,value\n", "\ufeff1,\ufeff,2\n", "")},
		{"bidi.csv", fill("sku,name,value\n", "S\u202e1,inv\u202eoice\u2066\u2069,2\nS\u200b1,\u200b,3\n", "")},
		{"combining.csv", fill("sku,name,value\n1,a", "\u0301", ",2\n")},
		{"terminal.csv", fill("sku,name,value\n", "\x1b[2J\x1b]0;owned\x07,\u009b31m,2\n", "")},
	}
}

// names are small files whose names mean harm.
func names() []File {
	body := []byte("sku,name,value\n1,a,2\n")
	var all []File
	for _, name := range []string{
		"-rf.csv", "..csv", "...", " leading.csv", "trailing .csv", "new\nline.csv", "esc\x1b[2J.csv", "price\u202evsc.exe",
		"zero\u200bwidth.csv", "latin1_\xf6.csv", "back\\slash.csv", "..\\..\\up.csv", "star*.csv", "{a,b}.csv", "$(reboot).csv",
		"'quote\".csv", "=1+1.csv", "%2e%2e%2f.csv", "con.csv", "a.csv.tmp", strings.Repeat("n", 251) + ".csv",
	} {
		all = append(all, File{name, body})
	}
	return all
}

// markup is XML and JSON that wants depth, names or entities without end.
func markup() []File {
	attributes := make([]string, 40_000)
	for i := range attributes {
		attributes[i] = fmt.Sprintf("a%d='1'", i)
	}
	laughs := `<!DOCTYPE l [<!ENTITY a "ha">` + func() string {
		var b strings.Builder
		for c := 'b'; c < 'z'; c++ {
			fmt.Fprintf(&b, `<!ENTITY %c "%s">`, c, strings.Repeat(fmt.Sprintf("&%c;", c-1), 10))
		}
		return b.String()
	}() + "]><Stock>&y;</Stock>"
	return []File{
		{"deep.xml", fillAll("", "<a>", "")},
		{"deep_and_closed.xml", []byte(strings.Repeat("<a>", 100_000) + strings.Repeat("</a>", 100_000))},
		{"attributes.xml", []byte("<Stock><Item " + strings.Join(attributes, " ") + "/></Stock>")},
		{"namespaces.xml", []byte("<Stock " + strings.ReplaceAll(strings.Join(attributes, " "), "a", "xmlns:a") + "/>")},
		{"long_name.xml", fillAll("<Stock><", "n", "")},
		{"long_names.xml", fill("", "<"+strings.Repeat("n", 20_000)+">", "")},
		{"open_tag.xml", fill("<Stock ", " ", "")},
		{"open_comment.xml", fill("<Stock><!--", "- ", "")},
		{"open_cdata.xml", fill("<Stock><![CDATA[", "]]", "")},
		{"laughs.xml", []byte(laughs)},
		{"outside.xml", []byte(`<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><Stock><Item><sku>&x;</sku></Item></Stock>`)},
		{"references.xml", fill("<Stock><Item><sku>", "&#x41;", "</sku></Item></Stock>")},
		{"bad_references.xml", []byte("<Stock><Item><sku>&#0;&#xffffffffffff;&nosuch;</sku></Item></Stock>")},
		{"one_element_often.xml", fillAll("<Stock><Item><sku>1</sku>", "<name>a</name>", "</Item></Stock>")},
		{"empty_records.xml", fill("<Stock>", "<Item/>", "</Stock>")},
		{"cut_off.xml", []byte("<Stock><Item><sku>1</sku></Item><Item><sku>2</s")},
		{"encoding_lie.xml", []byte("<?xml version='1.0' encoding='utf-16'?><Stock><Item><sku>1</sku></Item></Stock>")},
		{"deep.json", fill("", "[", "")},
		{"deep_objects.json", fill("", `{"a":`, "")},
		{"number.json", fill(`{"a":`, "9", "}")},
	}
}

// records are files of fixed width, and IDocs.
func records() []File {
	control := fmt.Sprintf("%-524s", "EDI_DC40  1000000000000000001700 53  PRICAT01                                                    PRICAT")
	segment := func(name string, number, above int) string {
		return fmt.Sprintf("%-1063s", fmt.Sprintf("%-30s1000000000000000001%06d%06d02", name, number, above))
	}
	idoc := "<?xml version='1.0'?><MATMAS05><IDOC BEGIN='1'>" +
		"<EDI_DC40 SEGMENT='1'><TABNAM>EDI_DC40</TABNAM><DOCNUM>1</DOCNUM><MESTYP>MATMAS</MESTYP></EDI_DC40>"
	return []File{
		{"blanks.txt", fill("", " ", "")},
		{"one_type.txt", fill("H\n", "P", "\n")},
		{"no_parent.txt", fill("", "P1\n", "")},
		{"control_only.idoc", []byte(control + "\n")},
		{"controls.idoc", fill("", control+"\n", "")},
		{"control_cut.idoc", []byte(control[:300])},
		{"control_long.idoc", fillAll(control, "x", "\n")},
		{"segments.idoc", fill(control+"\n", segment("E1MARAM", 1, 0)+"\n", "")},
		{"above_itself.idoc", []byte(control + "\n" + segment("E1MARAM", 1, 1) + "\n" + segment("E1MAKTM", 2, 999_999) + "\n")},
		{"unknown_segments.idoc", fill(control+"\n", segment("Z1\x1b[2J\u202e", 1, 0)+"\n", "")},
		{"idoc_deep.xml", fill(idoc, "<E1MARAM SEGMENT='1'>", "")},
		{"idoc_often.xml", fill(idoc, "<E1MARAM SEGMENT='1'><MATNR>1</MATNR></E1MARAM>", "</IDOC></MATMAS05>")},
		{"idoc_wide.xml", fill(idoc+"<E1MARAM SEGMENT='1'>", "<E1MAKTM SEGMENT='1'><MAKTX>a</MAKTX></E1MAKTM>", "</E1MARAM></IDOC></MATMAS05>")},
		{"idocs.xml", fill("<MATMAS05>", "<IDOC/>", "</MATMAS05>")},
	}
}

// gz compresses what a reader gives.
func gz(r io.Reader) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.DefaultCompression)
	_, _ = io.Copy(z, r)
	_ = z.Close()
	return b.Bytes()
}

// within compresses what a reader gives, and puts so much behind it that nothing comes out of that the ratio of what does
// is ordinary.
func within(r io.Reader) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.DefaultCompression)
	n, _ := io.Copy(z, r)
	_ = z.Close()
	for int64(b.Len()) < n/180 {
		z.Reset(&b)
		z.Extra = make([]byte, 65_000)
		_ = z.Close()
	}
	return b.Bytes()
}

// over is a text, and another one so many times.
func over(head, text string, times int) io.Reader {
	all := []io.Reader{strings.NewReader(head)}
	for range times {
		all = append(all, strings.NewReader(text))
	}
	return io.MultiReader(all...)
}

const million = 1_000_000

// squeezed are files of which far more comes out than went in.
func squeezed() []File {
	zeros := gz(over("", strings.Repeat("0", million), 60))
	return []File{
		{"zeros.csv.gz", zeros},
		{"zeros.csv.gz.gz", gz(bytes.NewReader(zeros))},
		{"rows_of_commas.csv.gz", within(over("sku,name,value\n", strings.Repeat(",", million)+"\n", 150))},
		{"quoted_rows.csv.gz", within(over("sku,name,value\n", `1,"`+strings.Repeat("x,", million/2-10)+"\",2\n", 12))},
		{"wide_rows.csv.gz", within(over("sku,name,value\n", "1,"+strings.Repeat("x", million)+",2\n", 20))},
		{"columns.csv.gz", within(over("", strings.Repeat("a,", million/2), 12))},
		{"rows.csv.gz", within(over("sku,name,value\n", strings.Repeat("1,a,2\n", million/6), 5))},
		{"bad_rows.csv.gz", within(over("sku,name,value\n", strings.Repeat("1\n", million/4), 1))},
		{"blocks.txt.gz", within(over("", "H"+strings.Repeat(" ", 60_000)+"\n"+strings.Repeat("P\n", 500), 200))},
		{"deep.xml.gz", within(over("", strings.Repeat("<a>", million/3), 12))},
		{"names.xml.gz", within(over("", "<"+strings.Repeat("n", million)+">", 10))},
		{"texts.xml.gz", within(over("<Stock><Item><sku>", strings.Repeat("x", million/2)+"<!-- -->", 40))},
		{"record.xml.gz", within(over("<Stock><Item>", strings.Repeat("<name>a</name>", million/14), 6))},
		{"unseen.xml.gz", within(over("<Stock><Item>", strings.Repeat("<other>a</other>", million/16), 80))},
		{"idoc.xml.gz", within(over("<MATMAS05><IDOC><EDI_DC40 SEGMENT='1'><MESTYP>MATMAS</MESTYP></EDI_DC40>",
			strings.Repeat("<E1MARAM SEGMENT='1'><MATNR>1</MATNR></E1MARAM>", 20_000), 20))},
		{"idoc.gz", within(over(fmt.Sprintf("%-524s\n", "EDI_DC40  1000000000000000001700 53  MATMAS05"),
			strings.Repeat(fmt.Sprintf("%-1063s\n", "E2MARAM009"), 1000), 40))},
		{"members.gz", bytes.Repeat(gz(strings.NewReader("")), 20_000)},
		{"cut_off.csv.gz", gz(strings.NewReader("sku,name,value\n1,a,2\n"))[:20]},
		{"wrong_sum.csv.gz", append(gz(strings.NewReader("sku\n1\n"))[:20], make([]byte, 16)...)},
		{"long_name.gz", append([]byte{0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0xff}, fill("", "n", "")...)},
		{"path.gz", named("../../../etc/cron.d/x\x1b")},
	}
}

func named(name string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Name = name
	_, _ = z.Write([]byte("sku,name,value\n1,a,2\n"))
	_ = z.Close()
	return b.Bytes()
}

// archive is a zip of files.
func archive(files ...File) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.Name, Method: zip.Deflate}
		if strings.HasPrefix(f.Name, "link") {
			h.SetMode(os.ModeSymlink | 0o777)
		}
		w, err := z.CreateHeader(h)
		if err == nil {
			_, _ = w.Write(f.Body)
		}
	}
	_ = z.Close()
	return b.Bytes()
}

// archives are zips with paths, lists and sizes that mean harm.
func archives() []File {
	row := []byte("sku,name,value\n1,a,2\n")
	zeros := bytes.Repeat([]byte("0"), 20*million)
	var many, bombs []File
	for i := range 1500 {
		many = append(many, File{fmt.Sprintf("%d.csv", i), row})
	}
	small := gz(over("", strings.Repeat("0", million), 1))
	for i := range 90 {
		bombs = append(bombs, File{fmt.Sprintf("%02d.gz", i), small})
	}
	honest := archive(File{"a.csv", row})
	paths := []File{}
	for _, name := range []string{"../../../../etc/passwd", "/etc/passwd", `..\..\boot.ini`, `C:\x.csv`, "a/../../b.csv", "./.", "..",
		"nul\x00.csv", "esc\x1b[2J.csv", "price\u202evsc.exe", "same.csv", "same.csv", "SAME.CSV", "dir/", "latin1_\xf6.csv",
		strings.Repeat("d/", 2000) + "deep.csv"} {
		paths = append(paths, File{name, row})
	}
	return []File{
		{"paths.zip", archive(paths...)},
		{"link.zip", archive(File{"link.csv", []byte("/etc/passwd")})},
		{"bomb.zip", archive(File{"a.csv", zeros})},
		{"bombs.zip", archive(bombs...)},
		{"many.zip", archive(many...)},
		{"overlapping.zip", overlapping(honest, 90)},
		{"listed.zip", listed(20_000, 20_000)},
		{"listed_lie.zip", listed(20_000, 1)},
		{"listed_little.zip", listed(1, 65_535)},
		{"size_lie.zip", lie(archive(File{"a.csv", zeros}), 10)},
		{"cut_off.zip", honest[:len(honest)-10]},
		{"comment.zip", append(bytes.Clone(honest[:len(honest)-2]), 0xff, 0xff)},
		{"zip_in_zip.zip", archive(File{"a.zip", archive(File{"a.zip", archive(File{"a.csv", zeros})})})},
		{"empty.zip", archive()},
	}
}

// overlapping lists the first file of an archive so many times: all entries have the same bytes.
func overlapping(z []byte, times int) []byte {
	begin, end := bytes.Index(z, []byte("PK\x01\x02")), bytes.Index(z, []byte("PK\x05\x06"))
	list := bytes.Repeat(z[begin:end], times)
	out := append(bytes.Clone(z[:begin]), list...)
	return append(out, ending(times, len(list), begin)...)
}

// listed is an archive's list alone, with so many entries, and so many said.
func listed(entries, said int) []byte {
	entry := make([]byte, 46)
	copy(entry, "PK\x01\x02")
	list := bytes.Repeat(entry, entries)
	return append(list, ending(said, len(list), 0)...)
}

func ending(entries, size, at int) []byte {
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	binary.LittleEndian.PutUint16(end[8:], uint16(entries))
	binary.LittleEndian.PutUint16(end[10:], uint16(entries))
	binary.LittleEndian.PutUint32(end[12:], uint32(size))
	binary.LittleEndian.PutUint32(end[16:], uint32(at))
	return end
}

// lie gives the archive's first entry another size.
func lie(z []byte, size uint32) []byte {
	z = bytes.Clone(z)
	binary.LittleEndian.PutUint32(z[bytes.Index(z, []byte("PK\x01\x02"))+24:], size)
	return z
}

// messages are OpenPGP packets (RFC 9580) that want keys tried, signatures held or text without end.
func messages() []File {
	sessionKey := []byte{0xc1, 16, 3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 8, 0xff, 0, 0, 0} // for whoever tries, RSA
	announced := []byte{0xc4, 13, 3, 0, 8, 1, 1, 2, 3, 4, 5, 6, 7, 8, 0}              // one of several signatures
	signature := []byte{0xc2, 24, 4, 0, 1, 8, 0, 6, 5, 2, 1, 2, 3, 4, 0, 10, 9, 16, 1, 2, 3, 4, 5, 6, 7, 8}
	text := append([]byte{0xcb, 29, 'b', 0, 0, 0, 0, 0}, "sku,name,value\n1,a,2\n\n\n"...)
	long := []byte{0xcb, 0xff, 0, 0, 0, 0, 'b', 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(long[2:], 60*million+6)
	nested := text
	for range 200 {
		nested = packed(bytes.NewReader(nested))
	}
	return []File{
		{"session_keys.pgp", bytes.Repeat(sessionKey, 50_000)},
		{"announced.pgp", bytes.Repeat(announced, 60_000)},
		{"announced_packed.pgp", packed(over("", string(bytes.Repeat(announced, million/10)), 10))},
		{"signatures_packed.pgp", packed(over(string(text), string(bytes.Repeat(signature, million/10)), 10))},
		{"text_packed.pgp", packed(over(string(long), strings.Repeat("0", million), 60))},
		{"nested.pgp", nested},
		{"plain.pgp", text},
		{"cut_off.pgp", text[:20]},
		{"partial.pgp", append([]byte{0xcb}, bytes.Repeat([]byte{0xe0, 'b'}, 50_000)...)},
		{"length_lie.pgp", []byte{0xc1, 0xff, 0xff, 0xff, 0xff, 0xff, 3}},
		{"armor.pgp", fill("-----BEGIN PGP MESSAGE-----\n", "Version: x\n", "")},
		{"armor_line.pgp", fill("-----BEGIN PGP MESSAGE-----\n\n", "A", "\n-----END PGP MESSAGE-----\n")},
	}
}

// packed is a compressed packet.
func packed(packets io.Reader) []byte {
	var b bytes.Buffer
	b.Write([]byte{0xc8, 0xff, 0, 0, 0, 0, 1})
	z, _ := flate.NewWriter(&b, flate.DefaultCompression)
	_, _ = io.Copy(z, packets)
	_ = z.Close()
	binary.BigEndian.PutUint32(b.Bytes()[2:], uint32(b.Len()-6))
	return b.Bytes()
}
