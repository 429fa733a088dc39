//go:build !race

// The memory of a process means nothing under the race detector: scripts/test runs this package without it.

package hostiletest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/csv"
	"github.com/orobridge/orobridge/formats/envelope"
	"github.com/orobridge/orobridge/formats/fixed"
	"github.com/orobridge/orobridge/formats/hostiletest"
	"github.com/orobridge/orobridge/formats/idoc"
	"github.com/orobridge/orobridge/formats/sniff"
	"github.com/orobridge/orobridge/formats/xml"
)

const (
	memory  = 256 << 20        // of the process that reads all files, in bytes
	patient = 60 * time.Second // for one file and one reader, on a busy machine
	child   = "HOSTILETEST_FOLDER"
)

func TestFilesAreSmallAndHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range hostiletest.Files() {
		if len(f.Body) > hostiletest.MaxSize || seen[f.Name] || len(f.Name) > 255 {
			t.Errorf("%q: %d bytes", f.Name, len(f.Body))
		}
		seen[f.Name] = true
	}
	if dir := t.TempDir(); hostiletest.Write(dir) != nil {
		t.Error("the folder can't be written")
	}
}

// TestEveryReaderBearsEveryFile reads all files with all readers in a process of its own, whose memory is measured.
func TestEveryReaderBearsEveryFile(t *testing.T) {
	if dir := os.Getenv(child); dir != "" {
		readAll(t, dir)
		return
	}
	dir := t.TempDir()
	if err := hostiletest.Write(dir); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestEveryReaderBearsEveryFile$", "-test.v")
	cmd.Env = append(os.Environ(), child+"="+dir, "GOMEMLIMIT=200MiB")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out[max(0, len(out)-20_000):])
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "SLOW") || strings.Contains(line, "PEAK") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// formatsOfAll are the readers, each as feeds use it.
func formatsOfAll() map[string]formats.Format {
	paths := map[string]string{"sku": "sku", "name": "name", "value": "@a1"}
	return map[string]formats.Format{
		"csv":           &csv.Options{},
		"csv of others": &csv.Options{Delimiter: ";", Encoding: "iso-8859-1", Quote: "none", Ragged: "pad", Header: "none", Fields: []string{"sku", "name", "value"}},
		"csv in UTF-16": &csv.Options{Encoding: "utf-16le", Trim: true, Trailer: &csv.Trailer{Begins: "END", Count: 2}},
		"fixed": &fixed.Options{Records: []fixed.Record{
			{Name: "H", Prefix: "H", Fields: []fixed.Field{{Name: "name", Length: 5}}},
			{Name: "P", Prefix: "P", Row: true, Parent: "H", Fields: []fixed.Field{{Name: "sku", Length: 18}, {Name: "value", Length: 10, Decimals: 2}}}}},
		"fixed in blocks": &fixed.Options{RecordLength: 80, Fields: []fixed.Field{{Name: "sku", Length: 18}, {Name: "name", Length: 40}}},
		"xml":             &xml.Options{Record: "/Stock/Item", Join: " ", Fields: paths},
		"xml, spaces":     &xml.Options{Record: "/s:Stock/s:Item", Namespaces: map[string]string{"s": "1"}, Fields: map[string]string{"sku": "s:sku"}},
		"idoc":            &idoc.Options{},
	}
}

// native is what stands in the names of a reader's own files.
var native = map[string]string{"csv": ".csv", "csv of others": ".csv", "csv in UTF-16": "utf16", "fixed": ".txt", "fixed in blocks": ".txt", "xml": ".xml", "xml, spaces": "names", "idoc": "idoc"}

// wrappings are what files may be taken out of.
func wrappings() map[string]envelope.Layers {
	return map[string]envelope.Layers{
		"none":         nil,
		"gzip":         {{Kind: envelope.Gzip}},
		"gzip twice":   {{Kind: envelope.Gzip}, {Kind: envelope.Gzip}},
		"zip":          {{Kind: envelope.Zip}},
		"zip of gzips": {{Kind: envelope.Zip}, {Kind: envelope.Gzip}},
		"zips":         {{Kind: envelope.Zip}, {Kind: envelope.Zip}, {Kind: envelope.Zip}},
		"pgp":          {{Kind: envelope.PGP, Plain: true, Optional: true}},
	}
}

// readAll is the work of the child.
func readAll(t *testing.T, dir string) {
	files, err := os.ReadDir(dir) // making them would take memory, too
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for _, f := range files {
		for wrapping, layers := range wrappings() {
			if layers == nil {
				readers(t, f.Name(), filepath.Join(dir, f.Name()))
				continue
			}
			parts := timed(t, f.Name(), wrapping, func() []string { return unwrap(t, dir, f.Name(), layers) })
			for _, part := range parts {
				readers(t, f.Name()+" out of "+wrapping, part)
				if err := os.Remove(part); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if peak := peak(t); peak > memory {
		t.Errorf("all files took %d MB", peak>>20)
	}
}

// unwrap takes a file out of its wrappings and returns the paths of its parts, none after an error.
func unwrap(t *testing.T, dir, name string, layers envelope.Layers) (parts []string) {
	src, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	to := t.TempDir()
	err = layers.Unwrap(src, to, func(part string) (io.WriteCloser, error) {
		if strings.ContainsAny(part, "/\\\x00\x1b\u202e") || part == ".." {
			t.Errorf("%q: a part is called %q", name, part)
		}
		parts = append(parts, filepath.Join(to, strconv.Itoa(len(parts))))
		return os.Create(parts[len(parts)-1])
	}, nil)
	if err != nil {
		return nil
	}
	return parts
}

// readers lets every reader read a file.
func readers(t *testing.T, name, path string) {
	timed(t, name, "sniff", func() []string {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		head, err := io.ReadAll(io.LimitReader(f, sniff.Size))
		if err != nil {
			t.Fatal(err)
		}
		sniff.File(head)
		return nil
	})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	for kind, format := range formatsOfAll() {
		if info.Size() > 4*hostiletest.MaxSize && !strings.Contains(name, native[kind]) {
			continue // what is large is read by its own readers alone
		}
		timed(t, name, kind, func() []string { rows(t, format, path); return nil })
	}
}

// rows reads a file's rows as the planner does, by chunks of so many rows and so many bytes, and then copies every second
// bad one.
func rows(t *testing.T, format formats.Format, path string) {
	const most, room = 1000, 8 << 20
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rd, err := format.Open(f, formats.Products)
	if err != nil {
		judge(t, path, err)
		return
	}
	m := formats.Mapping{}
	mapper, err := m.Bind(formats.Products, rd.Columns(), format.Conventions())
	if err != nil {
		judge(t, path, err)
	}
	var chunk []formats.Row
	size := 0
	for {
		var row formats.Row
		var rec formats.Record
		var bad *formats.Reject
		err := rd.Next(&row)
		if err == nil && mapper != nil {
			err = mapper.Record(&row, &rec)
		} else if errors.As(err, &bad) && mapper != nil {
			mapper.Reject(&row, bad)
		}
		if err != nil && !errors.As(err, &bad) {
			judge(t, path, err)
			break
		}
		if bad != nil {
			_ = formats.Printable(bad.Error())
		}
		chunk = append(chunk, formats.Row{Pos: row.Pos, Cells: append([]string(nil), row.Cells...)})
		if size += row.Size(); len(chunk) == most || size > room {
			chunk, size = chunk[:0], 0
			clear(chunk[:cap(chunk)])
		}
	}
	copier, ok := format.(formats.RejectCopier)
	if !ok {
		return
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	n := 0
	_, _ = copier.CopyRejects(io.Discard, f, formats.Products, func(formats.Position) bool { n++; return n%2 == 0 })
}

// judge wants an error that says what is wrong with the file.
func judge(t *testing.T, path string, err error) {
	var unreadable *formats.FileError
	if !errors.Is(err, io.EOF) && !errors.As(err, &unreadable) {
		t.Errorf("%s: %v (%T) is no fault of the file", path, err, err)
	}
}

// timed does one thing to one file, within time.
func timed(t *testing.T, name, what string, do func() []string) []string {
	begin := time.Now()
	out := do()
	took := time.Since(begin)
	if took > 2*time.Second {
		fmt.Printf("SLOW %q by %s: %v\n", name, what, took.Round(time.Millisecond))
	}
	if took > patient {
		t.Errorf("%q by %s takes %v", name, what, took)
	}
	now := peak(t)
	if now > lastPeak+16<<20 {
		fmt.Printf("PEAK %d MB after %q by %s\n", now>>20, name, what)
		lastPeak = now
	}
	return out
}

var lastPeak int64

// peak is the most memory that the process has had, in bytes (proc(5): VmHWM).
func peak(t *testing.T) int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skipf("only Linux tells a process's peak: %v", err)
	}
	_, rest, _ := bytes.Cut(status, []byte("VmHWM:"))
	kb, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
	n, err := strconv.ParseInt(string(kb), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}
