package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/orobridge/orobridge/cmd/orobridge/help"
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
			for _, t := range help.Topics() {
				name, section := "orobridge-"+t.Name, 7
				if t.Name == "config" {
					name, section = "orobridge.yaml", 5
				}
				_, text, _ := bytes.Cut([]byte(t.Text), []byte("\n"))
				page := fmt.Sprintf("%% %s(%d) %s\n\n# NAME\n\n%s - %s\n\n# DESCRIPTION\n%s", name, section, readBuild().Version, name, t.Title,
					help.WithoutTables(string(text)))
				file := filepath.Join(folder, fmt.Sprintf("%s.%d", name, section))
				errs = append(errs, os.WriteFile(file, md2man.Render([]byte(page)), 0o644))
			}
			return errors.Join(errs...)
		},
	}
}
