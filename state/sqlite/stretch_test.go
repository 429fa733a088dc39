package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPackedRowsAreTakenApart(t *testing.T) {
	good := packed{texts: []byte("AB\n,CD"), sizes: []byte("1,3,0,2"), numbers: []sql.RawBytes{[]byte("7,8,0,9"),
		[]byte("-9223372036854775808,0,-1,9223372036854775807")}}
	var got []string
	err := good.each(func(text []byte, numbers []int64) error {
		got = append(got, fmt.Sprintf("%q %d", text, numbers))
		return nil
	})
	want := []string{`"A" [7 -9223372036854775808]`, `"B\n," [8 0]`, `"" [0 -1]`, `"CD" [9 9223372036854775807]`}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for name, bad := range map[string]packed{
		"a text lacks":     {texts: []byte("A"), sizes: []byte("1,1"), numbers: []sql.RawBytes{[]byte("1,2"), []byte("1,2")}},
		"a size lacks":     {texts: []byte("AB"), sizes: []byte("1"), numbers: []sql.RawBytes{[]byte("1"), []byte("1")}},
		"a number is left": {texts: []byte("A"), sizes: []byte("1"), numbers: []sql.RawBytes{[]byte("1,2"), []byte("1")}},
		"a number lacks":   {texts: []byte("AB"), sizes: []byte("1,1"), numbers: []sql.RawBytes{[]byte("1"), []byte("1,2")}},
	} {
		if err := bad.each(func([]byte, []int64) error { return nil }); !errors.Is(err, errPacked) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
