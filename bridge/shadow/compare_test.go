package shadow

import (
	"testing"

	"github.com/orobridge/orobridge/bridge"
)

// TestWhatAFileStandsFor: names come first, then contents, then orders; of several the one that differs least.
func TestWhatAFileStandsFor(t *testing.T) {
	ours := []*ourFile{
		{&bridge.Outfile{Name: "ORD_1.csv", Orders: []string{"A-1"}}, "order,qty\nA-1,5\n"},
		{&bridge.Outfile{Name: "ORD_2.csv", Orders: []string{"A-12"}}, "order,qty\nA-12,5\n"},
		{&bridge.Outfile{Name: "ORD_3.csv", Orders: []string{"A-3"}}, "order,qty\nA-3,1\nA-3,2\nA-3,3\n"},
		{&bridge.Outfile{Name: "ORD_4.csv", Orders: []string{"A-3"}}, "order,qty\nA-3,1\nA-3,2\nA-3,4\n"},
	}
	for _, x := range []struct {
		name, text string
		want       int
	}{
		{"ORD_2.csv", "whatever", 1},
		{"x.csv", "order,qty\nA-1,5\n", 0},
		{"x_A-12.csv", "whatever", 1},
		{"x.csv", "order,qty\nA-12,6\n", 1},
		{"x.csv", "order,qty\nA-3,1\nA-3,2\nA-3,4\nA-3,5\n", 3},
		{"x.csv", "order,qty\nA-123,5\n", -1},
		{"x.csv", "", -1},
	} {
		if got := counterpart(x.name, x.text, ours); got != x.want {
			t.Errorf("%s with %q stands for %d, want %d", x.name, x.text, got, x.want)
		}
	}
}

// TestANumberThatOnlyCountsIsNoDifference, wherever a file of ours has it; another number is one.
func TestANumberThatOnlyCountsIsNoDifference(t *testing.T) {
	o := &ourFile{&bridge.Outfile{Number: 17}, "HEAD0000000017A\nLINE0000000017B5\n"}
	for _, x := range []struct{ theirs, want string }{
		{"HEAD0000099123A\nLINE0000099123B5\n", ""},
		{"HEAD0000099123A\nLINE0000099123B6\n", `1 of 2 lines differ, the first is line 2 at character 16: ours "LINE0000000017B5", theirs "LINE0000000017B6"`},
		{"HEAD0000000017A\nLINE0000000018B5\n", `1 of 2 lines differ, the first is line 2 at character 14: ours "LINE0000000017B5", theirs "LINE0000000018B5"`},
		{"HEAD0000000017A\nLINE0000000017B5", `1 of 2 lines differ (ours has 2, theirs 1), the first is line 2 at character 17: ours "LINE0000000017B5", theirs "LINE0000000017B5"`},
	} {
		if got := compare(o, x.theirs).String(); got != x.want {
			t.Errorf("%q: %s\nwant %s", x.theirs, got, x.want)
		}
	}
}
