package idoc

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/formats"
)

// FuzzDictionary: whatever stands in the place of a dictionary, it is refused by words, or each field that it has stands within its segment,
// and a file with such segments is read to its end.
func FuzzDictionary(f *testing.F) {
	f.Add("segment,definition,parents,level,fields\nZ1SHOP,Z2SHOP000,E1MARAM,3,MSGFN:3 WEBTEXT:40 ?NOTE:10\n")
	f.Add("Z1SHOP,Z2SHOP000,-,1,A:9223372036854775807 B:9223372036854775807 C:5\n")
	f.Add("E1MARAM,E2MARAM001,*,1,MSGFN:1 MSGFN:2\n")
	f.Add("/DSD/E1HH,/DSD/E2HH,/DSD/E1HH,99,A:1000\nE1EDK01,E2EDK01005,Z1X,2,\"?A:1\"\n")
	file := read(f, fixtures()[0].file+".xml")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Builtin().Extend(strings.NewReader(text))
		if err != nil {
			if err.Error() == "" {
				t.Error("it is refused without a word")
			}
			return
		}
		for _, s := range d.definitions {
			for _, field := range s.Fields {
				if s.own && (field.Offset < 0 || field.Length < 1 || field.Offset+field.Length > sdataLength) {
					t.Errorf("%s: %+v", s.Definition, field)
				}
			}
		}
		format := &Options{Dictionary: "d.csv"}
		format.SetOpen(func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil })
		format.SetClock(today)
		rd, err := format.Open(bytes.NewReader(file), fixtures()[0].entity)
		if err != nil {
			return
		}
		var row formats.Row
		for n := 0; n < len(file); n++ {
			err := rd.Next(&row)
			var bad *formats.Reject
			if err != nil && !errors.As(err, &bad) {
				return
			}
		}
		t.Error("it does not end")
	})
}
