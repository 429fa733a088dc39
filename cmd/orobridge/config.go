package main

import (
	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/cmd/orobridge/report"
)

func newConfigCommand(a *app) *cobra.Command {
	cmd := group(&cobra.Command{Use: "config", Short: "Look at the config, without touching any end"})
	cmd.AddCommand(
		&cobra.Command{
			Use:   "check",
			Short: "Read the config and name every problem in it",
			Args:  cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				c, err := a.config()
				if err != nil {
					return err
				}
				report.Good(a.Stderr, a.configPath, c)
				return nil
			},
		},
		&cobra.Command{
			Use:   "schema",
			Short: "Print the config's JSON Schema, for editors",
			Args:  cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				return a.PrintJSON(config.Schema(kinds))
			},
		},
	)
	return cmd
}
