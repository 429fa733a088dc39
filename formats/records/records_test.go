package records_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/formats"
	"github.com/orobridge/orobridge/formats/records"
)

// read reads a file to its end: a row as its cells by column, what it lacks left out.
func read(t testing.TB, text string) (rows []map[string]string, err error) {
	t.Helper()
	r, err := records.Format{}.Open(strings.NewReader(text), formats.Prices)
	for err == nil {
		var row formats.Row
		if err = r.Next(&row); err != nil {
			break
		}
		cells := map[string]string{}
		for i, c := range r.Columns() {
			if !row.Absent[i] {
				cells[c] = row.Cells[i]
			}
		}
		rows = append(rows, cells)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return rows, err
}

// What is written is read again: keys taken apart, a field that is absent as against one that is empty, marks of removals.
func TestRecordsComeBack(t *testing.T) {
	rows, err := os.Create(t.TempDir() + "/rows")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	w := records.NewWriter(formats.Prices, rows)
	for _, row := range []struct {
		key    string
		values []formats.Value
		remove bool
	}{
		{formats.JoinKey("Re|tail ☃", "S-1", "item", "1", "EUR"), []formats.Value{{Field: "value", Text: "1.5"}}, false},
		{formats.JoinKey("Retail", "S-2", "item", "1", "EUR"), nil, true},
		{formats.JoinKey("Retail", "S-3", "item", "1", "EUR"), []formats.Value{{Field: "value", Text: ""}}, false},
	} {
		if err := w.Write(row.key, row.values, row.remove); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Write("a|b|c|d|e|f", nil, false); err == nil {
		t.Error("a key of six parts was written")
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil || w.Rows() != 3 {
		t.Fatal(err, w.Rows())
	}
	got, err := read(t, b.String())
	want := []map[string]string{
		{"price_list": "Re|tail ☃", "sku": "S-1", "unit": "item", "quantity": "1", "currency": "EUR", "value": "1.5"},
		{"price_list": "Retail", "sku": "S-2", "unit": "item", "quantity": "1", "currency": "EUR", "delete": "1"},
		{"price_list": "Retail", "sku": "S-3", "unit": "item", "quantity": "1", "currency": "EUR", "value": ""},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v -want +got:\n%s", err, diff)
	}
}

// FuzzReader reads anything without harm: an error is one about the file.
func FuzzReader(f *testing.F) {
	f.Add("{\"columns\":[\"sku\",\"value\"]}\n{\"sku\":\"S-1\"}\n")
	f.Add("{\"columns\":null}\n[]\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := read(t, text)
		var file *formats.FileError
		if err != nil && !errors.As(err, &file) {
			t.Errorf("%v", err)
		}
	})
}
