package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
)

func newStatusCommand(a *app) *cobra.Command {
	var running, strict bool
	cmd := a.serverFlags(a.shadowFlag(a.jsonFlag(&cobra.Command{
		Use:   "status",
		Short: "Show how every feed and export stands",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.see(cmd.Context(), func(desk operate.Looker) error {
				v, err := desk.Status(cmd.Context())
				if err != nil {
					return err
				}
				if err := a.PrintStatus(v); err != nil {
					return err
				}
				if running && !v.Running {
					return errors.New("no bridge is running on this state")
				}
				if strict && len(v.Waits()) > 0 {
					a.PrintWaits(v)
					return exit(exitPartly)
				}
				return nil
			})
		},
	})))
	cmd.Flags().BoolVar(&running, "running", false, "fail unless a bridge is running on this state (a health check)")
	cmd.Flags().BoolVar(&strict, "strict", false, "end with exit code 3 when something is held, stuck, in conflict or alarmed")
	return cmd
}
