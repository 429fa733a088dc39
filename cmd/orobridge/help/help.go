// Package help holds the documents, and lays them out: for a terminal, and for a manual's page.
package help

import (
	"embed"
	"io/fs"
	"path"
	"strings"
)

// documents are the topics of `orobridge help`: a page of Markdown for each task, whose first line is its title. A file
// that is put there is a topic.
//
//go:embed *.md
var documents embed.FS

// Pictures are what the documents show, as they name it: pictures/today.png. scripts/screenshots makes them.
//
//go:embed pictures/*.png
var Pictures embed.FS

// A Topic is a document that the program carries.
type Topic struct {
	Name  string // what one types
	Title string // its first line
	Text  string // Markdown
}

// Topics lists them by name.
func Topics() []Topic {
	var all []Topic
	files, err := fs.Glob(documents, "*.md")
	if err != nil {
		panic(err) // the pattern is good
	}
	for _, file := range files {
		text, err := documents.ReadFile(file)
		if err != nil {
			panic(err) // it is in the program
		}
		title, _, _ := strings.Cut(string(text), "\n")
		all = append(all, Topic{strings.TrimSuffix(path.Base(file), ".md"), strings.TrimPrefix(title, "# "), string(text)})
	}
	return all
}
