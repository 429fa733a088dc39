package xmlorders_test

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"testing"

	"github.com/orobridge/orobridge/formats/xmlorders"
)

// counts are templates that go on as often as a number says: how long they may take is their author's business.
var counts = regexp.MustCompile(`range|template`)

// FuzzTemplate: whatever stands in the place of a template, it is refused by words, or what it makes of awkward orders is XML.
func FuzzTemplate(f *testing.F) {
	f.Add(`<orders>{{.Orders}}</orders>`)
	f.Add(`<a b="{{(index .Orders 0).Notes}}">{{with index .Orders 0}}{{fixed 2 .Total}}{{date "20060102" .Submitted}}{{cents .Total}}{{raw .Notes}}{{end}}</a>`)
	f.Add(`{{define "x"}}<x>{{.value}}</x>{{end}}<a>{{dict "value" 1 | printf "%v"}}{{block "y" .}}{{end}}</a>`)
	f.Add(`<a>{{$x := (index .Orders 0).Identifier}}{{if eq $x "<"}}{{else}}{{$x | html | raw}}{{end}}<!-- {{$x}} --></a>`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<10 || counts.MatchString(text) {
			return
		}
		o := &xmlorders.Options{Template: text}
		if err := o.Check(); err != nil {
			if err.Error() == "" {
				t.Error("it is refused without a word")
			}
			return
		}
		var b bytes.Buffer
		if o.WriteOrders(&b, awkward()) != nil {
			return
		}
		for d := xml.NewDecoder(&b); ; {
			if _, err := d.Token(); err == io.EOF {
				return
			} else if err != nil {
				t.Fatalf("%q makes what is not XML: %v", text, err)
			}
		}
	})
}
