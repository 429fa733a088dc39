package texts_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/orobridge/orobridge/formats/internal/texts"
)

func TestTextsStayAsTheyWereMade(t *testing.T) {
	var m texts.Maker
	var got, want []string
	bytes := make([]byte, 5000)
	for _, size := range []int{1, 0, 40, 300, 3, 5000, 200, 256, 257, 256, 256, 256, 256, 7} {
		letter := byte('a' + len(want))
		for i := range bytes[:size] {
			bytes[i] = letter
		}
		got, want = append(got, m.Text(bytes[:size])), append(want, strings.Repeat(string(letter), size))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := testing.AllocsPerRun(1000, func() { m.Text(bytes[:40]) }); n >= 1 {
		t.Errorf("a small text costs %v allocations", n)
	}
}
