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
		{{Field: "", Text: "\x1e"}, {Field: "attr.A?=", Text: "A?\x1d"}, {Field: "value", Text: "12.50"}},
		{{Field: "name", Text: "cut\x1foff\x1f"}, {Field: "x\x1fy", Text: "\x00"}},
	} {
		for _, text := range []string{string(formats.AppendContent(nil, values)), string(formats.AppendShort(nil, values))} {
			got, err := formats.ParseContent(text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if d := cmp.Diff(values, got); d != "" {
				t.Errorf("%s: (-want +got)\n%s", text, d)
			}
		}
	}
}

func FuzzParseContent(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":"b"}`, `{"a":"b","c":"d"}`, `{"a":"b",}`, `{"a":"\u0041"}`, `{"b":"1","a":"2"}`,
		"\x1eA12.50\x1f", "\x1eDBolt\x1fGitem\x1f", "\x1e?attr.a\x1fx\x1f", "\x1e?a", "\x1ez\x1f", "\x1eA\xff\x1f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := formats.ParseContent(text)
		if err != nil {
			return
		}
		for _, written := range [][]byte{formats.AppendContent(nil, values), formats.AppendShort(nil, values)} {
			again, err := formats.ParseContent(string(written))
			if err != nil || !cmp.Equal(values, again) {
				t.Errorf("%q reads as %q, written as %q and read again %q, %v", text, values, written, again, err)
			}
		}
	})
}
