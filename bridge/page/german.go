package page

import (
	_ "embed"
	"strings"
)

// german are the page's messages in German, by their English text: german.txt has a message, its German below it, and a blank line. A
// test holds that each message has one.
var german = parsePairs(germanText)

//go:embed german.txt
var germanText string

func parsePairs(text string) map[string]string {
	all := map[string]string{}
	for pair := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		key, said, _ := strings.Cut(pair, "\n")
		all[key] = said
	}
	return all
}
