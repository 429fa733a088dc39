package listing

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/gocarina/gocsv"

	"github.com/orobridge/orobridge/bridge"
)

// Limits of a manifest, a file that lists files which are whole.
const (
	MaxManifest        = 4 << 20 // bytes
	maxManifestEntries = 20_000
)

// manifestRow is one line of a manifest.
type manifestRow struct {
	File   string `csv:"file"`
	Rows   string `csv:"rows"`
	Size   string `csv:"size"`
	SHA256 string `csv:"sha256"`
}

// ReadManifest reads and checks a manifest: nothing in it is believed before.
func ReadManifest(r io.Reader) ([]bridge.ManifestEntry, error) {
	var rows []manifestRow
	if err := gocsv.UnmarshalCSV(newManifestLines(r), &rows); err != nil && !errors.Is(err, gocsv.ErrEmptyCSVFile) {
		return nil, err
	}
	entries := make([]bridge.ManifestEntry, len(rows))
	seen := map[string]bool{}
	for i, row := range rows {
		e, err := row.entry()
		if err == nil && seen[e.Name] {
			err = fmt.Errorf("%q stands in it twice", e.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		seen[e.Name] = true
		entries[i] = e
	}
	return entries, nil
}

// entry checks one line.
func (r manifestRow) entry() (bridge.ManifestEntry, error) {
	e := bridge.ManifestEntry{Name: strings.TrimSpace(r.File), Rows: -1, Size: -1, SHA256: strings.ToLower(strings.TrimSpace(r.SHA256))}
	if err := bridge.SafeName(e.Name); err != nil {
		return e, err
	}
	for _, number := range []struct {
		column, text string
		into         *int64
	}{{"rows", r.Rows, &e.Rows}, {"size", r.Size, &e.Size}} {
		if text := strings.TrimSpace(number.text); text != "" {
			n, err := strconv.ParseUint(text, 10, 62)
			if err != nil {
				return e, fmt.Errorf("%s: %q is not a whole number", number.column, bridge.Shorten(text, 40))
			}
			*number.into = int64(n)
		}
	}
	if sum, err := hex.DecodeString(e.SHA256); err != nil || len(sum) != 0 && len(sum) != sha256.Size {
		return e, fmt.Errorf("%q is not a sha256 in hexadecimal digits", bridge.Shorten(e.SHA256, 70))
	}
	return e, nil
}

// manifestLines is a gocsv.CSVReader that takes a header in any case, with commas or semicolons, and not too many lines.
type manifestLines struct {
	*csv.Reader
	n int
}

func newManifestLines(r io.Reader) *manifestLines {
	in := bufio.NewReader(r)
	if mark, err := in.Peek(3); err == nil && string(mark) == "\ufeff" {
		in.Discard(3)
	}
	lines := &manifestLines{Reader: csv.NewReader(in)}
	head, _ := in.Peek(in.Size()) // the error comes again when the lines are read
	if head, _, _ = bytes.Cut(head, []byte("\n")); bytes.IndexByte(head, ';') >= 0 {
		lines.Comma = ';'
	}
	return lines
}

// Read reads a line.
func (l *manifestLines) Read() ([]string, error) {
	cells, err := l.Reader.Read()
	if l.n++; err != nil || l.n > 1 {
		if l.n > maxManifestEntries+1 {
			err = fmt.Errorf("it lists more than %d files", maxManifestEntries)
		}
		return cells, err
	}
	for i := range cells {
		cells[i] = strings.ToLower(strings.TrimSpace(cells[i]))
	}
	if !slices.Contains(cells, "file") {
		return nil, errors.New("its header has no column file")
	}
	return cells, nil
}

// ReadAll reads all lines.
func (l *manifestLines) ReadAll() ([][]string, error) {
	var all [][]string
	for {
		cells, err := l.Read()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, cells)
	}
}
