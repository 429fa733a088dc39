package help

import (
	"strings"
	"testing"
)

// A document on a terminal keeps its words, fits into its width, and has no mark of Markdown left.
func TestLayOut(t *testing.T) {
	for _, p := range Topics() {
		text := LayOut(p.Text, 80)
		code := false
		for i, line := range strings.Split(text, "\n") {
			code = strings.HasPrefix(line, "    ")
			plainLine := strings.NewReplacer(bold, "", plain, "").Replace(line)
			if words := strings.Fields(plainLine); !code && len([]rune(plainLine)) > 80 && len(words) > 1 {
				t.Errorf("%s, line %d is wider than 80: %s", p.Name, i+1, line)
			}
			if !code && (strings.Contains(line, "| ---") || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "<!--")) {
				t.Errorf("%s, line %d is Markdown: %s", p.Name, i+1, line)
			}
		}
	}
	got := LayOut("# Title\n\nA text with `code` and\n[a link](x.md).\n\n- one\n  goes on\n- two\n\n| key | meaning | default |\n| --- | --- | --- |\n"+
		"| `a\\_b` | what \\| it is | `1` |\n\n```sh\nls  -l\n```\n", 24)
	want := bold + "Title" + plain + "\n\nA text with code and a\nlink.\n\n- one goes on\n- two\n\n  a_b\n      what | it is\n      default: 1\n\n    ls  -l\n"
	if got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}
