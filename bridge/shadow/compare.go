package shadow

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/orobridge/orobridge/bridge"
)

// Which file of another system stands for which of ours, and in what the two differ. The bytes are compared as they are, line
// by line; of a number that only counts files, which two systems give each for itself, it is enough that it stands where ours
// does.

// ourFile is a file that the bridge would have written.
type ourFile struct {
	*bridge.Outfile
	text string
}

// counterpart is the index of the file of ours that one of theirs stands for: that of its name, of its content, with its order
// in the name, or with all its orders in the text. Of several the one that differs least; -1 for none.
func counterpart(name, text string, ours []*ourFile) int {
	for _, fits := range []func(*ourFile) bool{
		func(o *ourFile) bool { return o.Name == name },
		func(o *ourFile) bool { return o.text == text },
		func(o *ourFile) bool { return holdsAll(name, o.Orders) },
		func(o *ourFile) bool { return holdsAll(text, o.Orders) },
	} {
		best, least := -1, 0
		for i, o := range ours {
			if !fits(o) {
				continue
			}
			if d := compare(o, text); best < 0 || d.lines < least {
				best, least = i, d.lines
			}
		}
		if best >= 0 {
			return best
		}
	}
	return -1
}

// holdsAll says that all of some words stand in a text, none of them as a part of a longer word.
func holdsAll(text string, words []string) bool {
	for _, w := range words {
		if !holds(text, w) {
			return false
		}
	}
	return len(words) > 0
}

func holds(text, word string) bool {
	for from := 0; word != ""; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return false
		}
		begin, end := from+i, from+i+len(word)
		if (begin == 0 || !ofWord(text[begin-1])) && (end == len(text) || !ofWord(text[end])) {
			return true
		}
		from = begin + 1
	}
	return false
}

func ofWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// difference is how two texts differ.
type difference struct {
	lines        int // that differ; 0 for none
	ours, theirs int // lines of each
	line, at     int // where the first difference is, both from 1
	our, their   string
}

// compare compares a file of ours with a text of theirs. Should they differ in our number first, theirs counts as ours.
func compare(o *ourFile, theirs string) difference {
	d := differ(o.text, theirs)
	if d.lines == 0 {
		return d
	}
	ours, other := digitsAt(o.text, d.line, d.at), digitsAt(theirs, d.line, d.at)
	counts := len(ours) > 5 && len(ours) == len(other) && strings.TrimLeft(ours, "0") == strconv.FormatInt(o.Number, 10)
	if !counts || strings.Contains(theirs, ours) {
		return d
	}
	return differ(o.text, strings.ReplaceAll(theirs, other, ours))
}

func differ(ours, theirs string) difference {
	our, their := strings.SplitAfter(ours, "\n"), strings.SplitAfter(theirs, "\n")
	d := difference{ours: strings.Count(ours, "\n"), theirs: strings.Count(theirs, "\n")}
	for i := range max(len(our), len(their)) {
		var x, y string
		if i < len(our) {
			x = our[i]
		}
		if i < len(their) {
			y = their[i]
		}
		if x == y {
			continue
		}
		if d.lines++; d.lines == 1 {
			at := 0
			for at < min(len(x), len(y)) && x[at] == y[at] {
				at++
			}
			d.line, d.at, d.our, d.their = i+1, at+1, around(x, at), around(y, at)
		}
	}
	return d
}

// digitsAt are the digits around a place of a text.
func digitsAt(text string, line, at int) string {
	lines := strings.SplitN(text, "\n", line+1)
	if len(lines) < line || len(lines[line-1]) < at {
		return ""
	}
	l, begin, end := lines[line-1], at-1, at-1
	for begin > 0 && l[begin-1] >= '0' && l[begin-1] <= '9' {
		begin--
	}
	for end < len(l) && l[end] >= '0' && l[end] <= '9' {
		end++
	}
	return l[begin:end]
}

// shown is how much of a line is shown before and behind a difference, in bytes.
const shown = 24

// around is a part of a line.
func around(line string, at int) string {
	line = strings.TrimRight(line, "\n")
	return line[max(0, min(at, len(line))-shown):min(len(line), at+shown)]
}

// String says where two texts differ; empty where they do not.
func (d difference) String() string {
	if d.lines == 0 {
		return ""
	}
	lines := fmt.Sprintf("%d of %d lines differ", d.lines, max(d.ours, d.theirs))
	if d.ours != d.theirs {
		lines += fmt.Sprintf(" (ours has %d, theirs %d)", d.ours, d.theirs)
	}
	return fmt.Sprintf("%s, the first is line %d at character %d: ours %q, theirs %q", lines, d.line, d.at, d.our, d.their)
}

// unpacked takes a file out of gzip, if it is in one.
func unpacked(name string, body []byte) (string, string) {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return name, string(body)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxFile))
	if err != nil {
		return name, string(body) // whatever it is
	}
	return strings.TrimSuffix(name, ".gz"), string(text)
}
