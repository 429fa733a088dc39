package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/cmd/orobridge/build"
)

func newVersionCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "version",
		Short: "Print what this program was built from",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := build.Read()
			if a.AsJSON {
				return a.PrintJSON(b)
			}
			fmt.Fprintf(a.Stdout, "orobridge %s\n", b.Version)
			if b.Revision != "" {
				fmt.Fprintf(a.Stdout, "commit    %s\n", b.Revision)
			}
			fmt.Fprintf(a.Stdout, "go        %s %s\n", b.Go, b.Platform)
			return nil
		},
	})
}
