package main

import (
	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/cmd/orobridge/build"
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
			return help.WriteManual(args[0], cmd.Root(), build.Read().Version)
		},
	}
}
