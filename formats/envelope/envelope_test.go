package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zip"
)

// out collects what comes out of a file.
type out struct {
	names []string
	files []*bytes.Buffer
}

type closer struct{ *bytes.Buffer }

func (closer) Close() error { return nil }

func (o *out) part(name string) (io.WriteCloser, error) {
	o.names = append(o.names, name)
	o.files = append(o.files, &bytes.Buffer{})
	return closer{o.files[len(o.files)-1]}, nil
}

func (o *out) String() string {
	var b strings.Builder
	for i, n := range o.names {
		fmt.Fprintf(&b, "%s=%s;", n, o.files[i])
	}
	return b.String()
}

func unwrap(t *testing.T, file []byte, ls ...Layer) (string, error) {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "src")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var o out
	err = Layers(ls).Unwrap(src, dir, o.part, nil)
	if left, _ := filepath.Glob(filepath.Join(dir, "unwrap-*")); len(left) > 0 {
		t.Errorf("%d temporary files are left", len(left))
	}
	return o.String(), err
}

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Name = "../../etc/prices.csv"
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestUnwrap(t *testing.T) {
	bomb := strings.Repeat("0", 20<<20)
	gz := gzipped(t, "a;b\n")
	archive := zipped(t, "z/b.csv", "B", "../a.csv", "A", `c:\x\c.txt`, "C", "dir/", "")
	for _, c := range []struct {
		name   string
		file   []byte
		layers []Layer
		want   string
		err    error
	}{
		{"gzip", gz, []Layer{{Kind: Gzip}}, "prices.csv=a;b\n;", nil},
		{"gzip, two members", append(bytes.Clone(gz), gz...), []Layer{{Kind: Gzip}}, "prices.csv=a;b\na;b\n;", nil},
		{"gzip in gzip", gzipped(t, string(gz)), []Layer{{Kind: Gzip}, {Kind: Gzip}}, "prices.csv=a;b\n;", nil},
		{"gzip in zip", zipped(t, "x.gz", string(gz), "y.gz", string(gz)), []Layer{{Kind: Zip}, {Kind: Gzip}}, "prices.csv=a;b\n;prices.csv=a;b\n;", nil},
		{"gzip cut off", gz[:len(gz)-5], []Layer{{Kind: Gzip}}, "", ErrBroken},
		{"gzip with a wrong sum", append(bytes.Clone(gz[:len(gz)-8]), 0, 0, 0, 0, 4, 0, 0, 0), []Layer{{Kind: Gzip}}, "", ErrBroken},
		{"gzip with something behind", append(bytes.Clone(gz), "xyz"...), []Layer{{Kind: Gzip}}, "", ErrBroken},
		{"no gzip", []byte("a;b\n"), []Layer{{Kind: Gzip}}, "", ErrBroken},
		{"gzip bomb", gzipped(t, bomb), []Layer{{Kind: Gzip}}, "", ErrLimit},
		{"gzip over its size", gz, []Layer{{Kind: Gzip, MaxSize: 3}}, "", ErrLimit},
		{"zip", archive, []Layer{{Kind: Zip}}, "a.csv=A;c.txt=C;b.csv=B;", nil},
		{"zip, some", archive, []Layer{{Kind: Zip, Match: "*.csv"}}, "a.csv=A;b.csv=B;", nil},
		{"zip, none", archive, []Layer{{Kind: Zip, Match: "*.xml"}}, "", ErrBroken},
		{"zip, too many", archive, []Layer{{Kind: Zip, MaxEntries: 3}}, "", ErrLimit},
		{"zip bomb", zipped(t, "a", bomb), []Layer{{Kind: Zip}}, "", ErrLimit},
		{"zip bomb in parts", zipped(t, "a", bomb[:2<<20], "b", bomb[:2<<20], "c", bomb[:2<<20]), []Layer{{Kind: Zip}}, "", ErrLimit},
		{"zip cut off", archive[:len(archive)-10], []Layer{{Kind: Zip}}, "", ErrBroken},
	} {
		got, err := unwrap(t, c.file, c.layers...)
		if !errors.Is(err, c.err) || c.err == nil && got != c.want {
			t.Errorf("%s: got %.80q, %v; want %q, %v", c.name, got, err, c.want, c.err)
		}
	}
}

func TestCheck(t *testing.T) {
	for want, l := range map[string]Layer{
		"kind: ":     {Kind: "rar"},
		"match: ":    {Kind: Zip, Match: "["},
		"max_size, ": {Kind: Gzip, MaxSize: -1},
	} {
		if err := l.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if err := (&Layer{Kind: Zip, Match: "*.csv"}).Check(); err != nil {
		t.Error(err)
	}
}

func FuzzUnwrap(f *testing.F) {
	f.Add(gzipped(f, "a;b\n"), false)
	f.Add(zipped(f, "a.csv", "A", "b.csv", "B"), true)
	f.Fuzz(func(t *testing.T, file []byte, z bool) {
		l := Layer{Kind: Gzip, MaxSize: 1 << 20}
		if z {
			l.Kind = Zip
		}
		got, err := unwrap(t, file, l)
		if err == nil && len(got) > 2<<20 {
			t.Fatal("more came out than the cap allows")
		}
	})
}
