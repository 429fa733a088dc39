package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newManCommand writes the manual for packages; nobody else needs it, so that it is not listed.
func newManCommand(*app) *cobra.Command {
	return &cobra.Command{
		Use:    "man FOLDER",
		Short:  "Write the manual pages: of the verbs, the config and the topics",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			folder := args[0]
			root := cmd.Root()
			header := &doc.GenManHeader{Section: "1", Source: "orobridge " + readBuild().Version, Manual: "orobridge"}
			if err := doc.GenManTree(root, header, folder); err != nil {
				return fmt.Errorf("write manual: %w", err)
			}
			var errs []error
			for _, t := range topics() {
				name, section := "orobridge-"+t.name, 7
				if t.name == "config" {
					name, section = "orobridge.yaml", 5
				}
				_, text, _ := bytes.Cut([]byte(t.text), []byte("\n"))
				page := fmt.Sprintf("%% %s(%d) %s\n\n# NAME\n\n%s - %s\n\n# DESCRIPTION\n%s", name, section, readBuild().Version, name, t.title,
					withoutTables(string(text)))
				file := filepath.Join(folder, fmt.Sprintf("%s.%d", name, section))
				errs = append(errs, os.WriteFile(file, md2man.Render([]byte(page)), 0o644))
			}
			return errors.Join(errs...)
		},
	}
}

// withoutTables writes a table's rows as a list of definitions: a manual's page is too narrow for most of them.
func withoutTables(markdown string) string {
	var b strings.Builder
	var head []string
	for line := range strings.Lines(markdown) {
		row := strings.TrimRight(line, "\n")
		switch {
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
