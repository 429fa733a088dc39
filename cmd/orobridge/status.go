package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/site"
)

func newStatusCommand(a *app) *cobra.Command {
	var running, strict bool
	cmd := a.serverFlags(a.shadowFlag(a.jsonFlag(&cobra.Command{
		Use:   "status",
		Short: "Show how every feed and export stands",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			err := a.see(cmd.Context(), func(desk operate.Looker) error {
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
			if err == nil && running && a.server.Server == "" {
				err = a.answers(cmd.Context())
			}
			return err
		},
	})))
	cmd.Flags().BoolVar(&running, "running", false,
		"fail unless a bridge is running on this state, and answers at admin.listen (a health check)")
	cmd.Flags().BoolVar(&strict, "strict", false, "end with exit code 3 when something is held, stuck, in conflict or alarmed")
	return cmd
}

// answers asks the bridge that has the state whether it lives, where it listens for people and programs.
func (a *app) answers(ctx context.Context) error {
	c, err := config.View(a.configPath, kinds, a.env)
	if err != nil {
		return err
	}
	if a.asShadow(c); c.Admin == nil {
		return nil
	}
	return site.Alive(ctx, c.Admin)
}
