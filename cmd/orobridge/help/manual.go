package help

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// WriteManual writes the manual's pages into a folder: a program's verbs (section 1), its config (5) and the topics (7).
func WriteManual(folder string, program *cobra.Command, version string) error {
	header := &doc.GenManHeader{Section: "1", Source: "orobridge " + version, Manual: "orobridge"}
	if err := doc.GenManTree(program, header, folder); err != nil {
		return fmt.Errorf("write manual: %w", err)
	}
	var errs []error
	for _, t := range Topics() {
		name, section := "orobridge-"+t.Name, 7
		if t.Name == "config" {
			name, section = "orobridge.yaml", 5
		}
		_, text, _ := bytes.Cut([]byte(t.Text), []byte("\n"))
		page := fmt.Sprintf("%% %s(%d) %s\n\n# NAME\n\n%s - %s\n\n# DESCRIPTION\n%s", name, section, version, name, t.Title,
			WithoutTables(string(text)))
		file := filepath.Join(folder, fmt.Sprintf("%s.%d", name, section))
		errs = append(errs, os.WriteFile(file, md2man.Render([]byte(page)), 0o644))
	}
	return errors.Join(errs...)
}
