package formats_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/orobridge/orobridge/formats"
)

func TestContentsAreReadAsTheyWereWritten(t *testing.T) {
	for _, values := range [][]formats.Value{
		{},
		{{Field: "name", Text: "Bolt"}},
		{{Field: "name", Text: `say "hi" \ there`}, {Field: "unit", Text: ""}},
		{{Field: "a", Text: "x\":\"y"}, {Field: "b", Text: "ä\n\u2028"}},
	} {
		text := string(formats.AppendContent(nil, values))
		got, err := formats.ParseContent(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if d := cmp.Diff(values, got); d != "" {
			t.Errorf("%s: (-want +got)\n%s", text, d)
		}
	}
}

func FuzzParseContent(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":"b"}`, `{"a":"b","c":"d"}`, `{"a":"b",}`, `{"a":"\u0041"}`, `{"b":"1","a":"2"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := formats.ParseContent(text)
		if err != nil {
			return
		}
		again, err := formats.ParseContent(string(formats.AppendContent(nil, values)))
		if err != nil || !cmp.Equal(values, again) {
			t.Errorf("%q reads as %q, written and read again %q, %v", text, values, again, err)
		}
	})
}
