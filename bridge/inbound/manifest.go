package inbound

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gocarina/gocsv"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
)

// A manifest is a file that lists files which are whole. It is a drop with a life of its own: seen, ready, claimed; it
// stays fetched as long as a file that it lists has not come, and is loaded when all have.

// Limits of a manifest.
const (
	maxManifest        = 4 << 20 // bytes
	maxManifestEntries = 20_000
)

// manifestRow is one line of a manifest.
type manifestRow struct {
	File   string `csv:"file"`
	Rows   string `csv:"rows"`
	Size   string `csv:"size"`
	SHA256 string `csv:"sha256"`
}

// fetchManifest reads a manifest that was claimed and records what it lists.
func (b *Engine) fetchManifest(ctx context.Context, f *config.Feed, d *bridge.Drop) error {
	if d.Size > maxManifest {
		return b.end(ctx, f, d, nil, bridge.Rejected, fmt.Sprintf("a manifest of %d bytes: at most %s are read", d.Size, bridge.Size(maxManifest)))
	}
	r, err := b.remote(d)
	if err != nil {
		return err
	}
	name := strconv.FormatInt(d.ID, 10)
	b.step("fetch")
	size, sum, err := fetchTo(ctx, r, d.Path, filepath.Join(b.Spool, name))
	if err != nil || size != d.Size {
		return b.changed(ctx, r, d, err)
	}
	b.step("fetched")
	d.SHA256, d.Spool, d.FetchedAt = sum, name, b.Clock.Now()
	file, err := os.Open(b.spool(d))
	if err != nil {
		return spoolTrouble(err)
	}
	defer file.Close()
	entries, err := readManifest(file)
	if err != nil {
		return b.end(ctx, f, d, nil, bridge.Rejected, "not a manifest: "+err.Error())
	}
	// What another feed takes from the same folder is none of this one's business.
	entries = slices.DeleteFunc(entries, func(e bridge.ManifestEntry) bool {
		_, _, ours := f.Match.Match(e.Name)
		return !ours || bridge.Temporary(e.Name, f.Ignore)
	})
	if len(entries) == 0 {
		return b.end(ctx, f, d, nil, bridge.Rejected, "it lists no file that this feed takes")
	}
	d.State, d.Reason = bridge.Fetched, ""
	if err := b.Ledger.Expect(ctx, d, entries); err != nil {
		return err
	}
	b.Log.Info("manifest", "feed", f.Name, "drop", d.ID, "file", d.Name, "lists", len(entries))
	return nil
}

// readManifest reads and checks a manifest: nothing in it is believed before.
func readManifest(r io.Reader) ([]bridge.ManifestEntry, error) {
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

// awaited tells by name what a feed's manifests wait for; of two manifests that list one name the later counts.
func (b *Engine) awaited(ctx context.Context, f *config.Feed) (map[string]bridge.Awaited, error) {
	if f.Ready.Manifest == "" {
		return nil, nil
	}
	list, err := b.Ledger.Awaited(ctx, f.Name)
	byName := make(map[string]bridge.Awaited, len(list))
	for _, a := range list {
		if a.Drop == 0 {
			byName[a.Name] = a
		}
	}
	return byName, err
}

// closeManifests settles the manifests whose files have all come, and says of the others what they wait for.
func (b *Engine) closeManifests(ctx context.Context, f *config.Feed) error {
	if f.Ready.Manifest == "" {
		return nil
	}
	manifests, err := b.Ledger.Drops(ctx, bridge.DropFilter{Feed: f.Name, States: []bridge.DropState{bridge.Fetched}})
	if err != nil {
		return err
	}
	list, err := b.Ledger.Awaited(ctx, f.Name)
	if err != nil {
		return err
	}
	waits := map[int64][]string{}
	for _, a := range list {
		waits[a.Manifest] = append(waits[a.Manifest], a.Name)
	}
	for _, d := range manifests {
		if !d.Manifest {
			continue
		}
		names := waits[d.ID]
		if len(names) == 0 {
			if err := b.end(ctx, f, d, nil, bridge.Loaded, "all files that it lists have come"); err != nil {
				return err
			}
			continue
		}
		if err := b.explain(ctx, d, waitsFor(names)); err != nil {
			return err
		}
	}
	return nil
}

// waitsFor names the first few of the files that have not come.
func waitsFor(names []string) string {
	const few = 3
	text := fmt.Sprintf("waits for %d of its files: %s", len(names), strings.Join(names[:min(len(names), few)], ", "))
	if len(names) > few {
		text += ", …"
	}
	return text
}
