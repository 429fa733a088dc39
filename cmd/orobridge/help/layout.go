package help

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Markdown on a terminal: what the documents use of it, and no more. Headings and strong words are bold, code is indented, text
// is wrapped, and a table's row is its first cell with the others below it.

const (
	bold  = "\x1b[1m"
	plain = "\x1b[0m"
)

// LayOut makes a document readable on a terminal that is so many columns wide.
func LayOut(markdown string, width int) string {
	l := &layout{width: width}
	for line := range strings.Lines(markdown) {
		l.line(strings.TrimRight(line, "\n"))
	}
	l.flush()
	return l.out.String()
}

// layout goes through a document line by line.
type layout struct {
	out    strings.Builder
	width  int
	indent string   // of the paragraph that is being read
	words  []string // of the paragraph that is being read
	code   bool     // between fences
	head   []string // of the table that is being read
}

var (
	listItem  = regexp.MustCompile(`^( *)(- |\d+\. )(.*)`)
	tableRule = regexp.MustCompile(`^\|( *:?-+:? *\|)+$`)
	cellEdge  = regexp.MustCompile(`(^|[^\\])\|`)
	strong    = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	link      = regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`)
	escaped   = regexp.MustCompile(`\\([|*<_])`)
)

func (l *layout) line(line string) {
	item := listItem.FindStringSubmatch(line)
	switch {
	case strings.HasPrefix(line, "```"):
		l.flush()
		l.code = !l.code
	case l.code:
		l.out.WriteString("    " + line + "\n")
	case strings.HasPrefix(line, "<!--"), strings.HasPrefix(line, "!["):
		l.flush()
	case line == "":
		l.flush()
		l.head = nil
		if !strings.HasSuffix(l.out.String(), "\n\n") {
			l.out.WriteString("\n")
		}
	case strings.HasPrefix(line, "#"):
		l.flush()
		l.out.WriteString(bold + strings.TrimLeft(line, "# ") + plain + "\n")
	case tableRule.MatchString(line):
	case strings.HasPrefix(line, "|"):
		l.row(cellsOf(line))
	case item != nil:
		l.flush()
		l.indent = item[1] + "  "
		l.words = append([]string{item[1] + strings.TrimSpace(item[2])}, strings.Fields(item[3])...)
	default:
		l.words = append(l.words, strings.Fields(line)...)
	}
}

func cellsOf(line string) []string {
	line = cellEdge.ReplaceAllString(strings.Trim(line, "| "), "$1\x00")
	cells := strings.Split(line, "\x00")
	for i, c := range cells {
		cells[i] = strings.TrimSpace(c)
	}
	return cells
}

// row writes a table's row; the first one is the head.
func (l *layout) row(cells []string) {
	if l.head == nil {
		l.head = cells
		return
	}
	l.out.WriteString("  " + inline(cells[0]) + "\n")
	for i, c := range cells[1:] {
		if c == "" {
			continue
		}
		if i > 0 && i+1 < len(l.head) && l.head[i+1] != "" {
			c = l.head[i+1] + ": " + c
		}
		l.words, l.indent = strings.Fields(c), "      "
		l.words[0] = l.indent + l.words[0]
		l.flush()
	}
}

// flush writes the paragraph that was read.
func (l *layout) flush() {
	column := 0
	for i, w := range strings.Fields(inline(strings.Join(l.words, " "))) {
		if i == 0 && len(l.words) > 0 {
			w = l.words[0][:len(l.words[0])-len(strings.TrimLeft(l.words[0], " "))] + w
		}
		n := utf8.RuneCountInString(w)
		switch {
		case column > 0 && column+1+n > l.width:
			l.out.WriteString("\n" + l.indent)
			column = len(l.indent)
		case column > 0:
			l.out.WriteString(" ")
			column++
		}
		l.out.WriteString(w)
		column += n
	}
	if column > 0 {
		l.out.WriteString("\n")
	}
	l.words, l.indent = nil, ""
}

// inline takes the marks off a text.
func inline(text string) string {
	text = link.ReplaceAllString(text, "$1")
	text = escaped.ReplaceAllString(text, "$1")
	return strings.ReplaceAll(strong.ReplaceAllString(text, bold+"$1"+plain), "`", "")
}

// WithoutTables writes a table's rows as a list of definitions, since a manual's page is too narrow for most of them, and leaves pictures
// out.
func WithoutTables(markdown string) string {
	var b strings.Builder
	var head []string
	for line := range strings.Lines(markdown) {
		row := strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(row, "!["):
		case !strings.HasPrefix(row, "|"):
			head = nil
			b.WriteString(line)
		case head == nil:
			head = cellsOf(row)
		case !tableRule.MatchString(row):
			cells := cellsOf(row)
			fmt.Fprintf(&b, "\n%s\n: ", cells[0])
			for i, c := range cells[1:] {
				if i > 0 && c != "" && head[i+1] != "" {
					c = "; " + head[i+1] + ": " + c
				} else if i > 0 && c != "" {
					c = " " + c
				}
				b.WriteString(c)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
