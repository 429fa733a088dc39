package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/sftpd"
	"github.com/orobridge/orobridge/cmd/orobridge/rehearsal"
	"github.com/orobridge/orobridge/formats"
)

func newRehearseCommand(a *app) *cobra.Command {
	var flags boxFlags
	var wait time.Duration
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "rehearse FOLDER",
		Short: "Play the config through with files of yours, and say what would go wrong",
		Long: "rehearse takes feeds and exports from the config and puts stand-ins in the place of their ends: boxes for the shops, and\n" +
			"SFTP servers of its own. It plays the ERP: it drops the files of FOLDER/FEED for each feed, by name, submits an order\n" +
			"for each export, and picks its file up; at last it drops the answers to orders, for which it submits the orders that they\n" +
			"name. At a door of the bridge's own it has the rights that the config gives its users. Your servers and your shop are not\n" +
			"asked, no secrets are needed, and everything is gone at the end.\n\n" +
			"With --fault the shop has a bad day, which orobridge shop --help explains.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			shop, err := flags.open(a.boxes...)
			if err != nil {
				return err
			}
			defer closing(shop, &err)
			s := &scene{app: a, stage: rehearsal.Stage{Box: shop.another, Client: shopClient, Secret: shopSecret, Mishaps: shop.trouble}}
			defer closing(s, &err)
			if err := s.open(cmd.Context()); err != nil {
				return err
			}
			play := &rehearsal.Play{Files: args[0], Wait: wait, Desk: s.engine.Desk, Ended: s.bridge, Stage: &s.stage,
				Order: func(ctx context.Context, shop, identifier string) (*formats.Order, error) {
					return s.engine.shops[shop].Order(ctx, identifier)
				}}
			if err := play.Run(cmd.Context()); err != nil {
				return err
			}
			if err := play.Print(&a.Pen); err != nil {
				return err
			}
			if len(play.Trouble) > 0 {
				return exit(exitPartly)
			}
			return nil
		},
	})
	flags.add(cmd, "sample")
	cmd.Flags().DurationVar(&wait, "wait", time.Minute, "how long the files of a feed, or an order, may take")
	return cmd
}

// scene is a bridge between stand-ins, for a rehearsal.
type scene struct {
	*app
	stage  rehearsal.Stage
	engine *engine
	stop   context.CancelFunc
	bridge chan error // the running bridge's end
	served chan error // its servers' end
}

// open starts the stand-ins and the bridge between them.
func (s *scene) open(ctx context.Context) (err error) {
	c, err := config.View(s.configPath, kinds, func(name string) (string, bool) {
		if value, ok := s.env(name); ok {
			return value, true
		}
		return "not-set", true // of the secrets, none is used
	})
	if err != nil {
		return err
	}
	if s.stage.Dir, err = os.MkdirTemp("", "orobridge-rehearsal-"); err != nil {
		return err
	}
	if err := s.stage.Set(c); err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if s.verbose {
		log = s.logger()
	}
	if s.engine, err = s.app.engine(ctx, c, log); err != nil {
		return err
	}
	door := func(remote string) *sftpd.Remote { return s.engine.remotes[remote].(*sftpd.Remote) }
	s.stage.Address = func(remote string) string { return door(remote).Address() }
	for name := range s.engine.remotes {
		if err := door(name).Listen(ctx); err != nil {
			return err
		}
		known, err := door(name).KnownHosts(door(name).Address())
		if err != nil {
			return err
		}
		if err := s.stage.Pin(name, known); err != nil {
			return err
		}
	}
	ctx, s.stop = context.WithCancel(ctx)
	s.bridge, s.served = make(chan error, 1), make(chan error, 1)
	go func() { s.served <- s.engine.relay.Serve(ctx) }()
	go func() { s.bridge <- s.engine.relay.Run(ctx) }()
	s.stage.Trouble()
	return nil
}

// Close ends everything that was started and removes the folder.
func (s *scene) Close() error {
	var errs []error
	s.stage.Leave()
	if s.stop != nil {
		s.stop()
		errs = append(errs, <-s.bridge, <-s.served)
	}
	if s.engine != nil {
		errs = append(errs, s.engine.Close())
	}
	return errors.Join(append(errs, s.stage.Close())...)
}
