package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/sftpd"
	"github.com/orobridge/orobridge/cmd/orobridge/erp"
	"github.com/orobridge/orobridge/cmd/orobridge/rehearsal"
)

// rehearsalPace is how often the bridge looks in a rehearsal, and how long orders wait for others to share a file.
const rehearsalPace = bridge.Duration(200 * time.Millisecond)

func newRehearseCommand(a *app) *cobra.Command {
	var flags boxFlags
	var wait time.Duration
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "rehearse FOLDER",
		Short: "Play the config through with files of yours, and say what would go wrong",
		Long: "rehearse takes feeds and exports from the config and puts stand-ins in the place of their ends: a shop in a box, and\n" +
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
			s := &scene{app: a, shop: shop, logins: map[login]*erp.ERP{}}
			defer closing(s, &err)
			if err := s.open(cmd.Context()); err != nil {
				return err
			}
			play := &rehearsal.Play{Files: args[0], Wait: wait, Desk: s.engine.Desk, Shop: shop.Shop, Order: s.engine.shop.Order, Ended: s.bridge,
				Writer: s.partner((*sftpd.Options).Writer), Taker: s.partner((*sftpd.Options).Taker)}
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
	dir    string
	shop   *openedBox
	engine *engine
	doors  map[string]*sftpd.Options // by remote
	logins map[login]*erp.ERP
	stop   context.CancelFunc
	bridge chan error // the running bridge's end
	served chan error // its servers' end
}

type login struct{ remote, user string }

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
	if s.dir, err = os.MkdirTemp("", "orobridge-rehearsal-"); err != nil {
		return err
	}
	if err := s.shop.Start("127.0.0.1:0"); err != nil {
		return err
	}
	if err := erp.MakeKey(s.key()); err != nil {
		return err
	}
	s.set(c)
	log := slog.New(slog.DiscardHandler)
	if s.verbose {
		log = s.logger()
	}
	if s.engine, err = s.app.engine(ctx, c, log); err != nil {
		return err
	}
	for name, remote := range s.engine.remotes {
		door := remote.(*sftpd.Remote)
		if err := door.Listen(ctx); err != nil {
			return err
		}
		known, err := door.KnownHosts(door.Address())
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.hosts(name), []byte(known), 0o600); err != nil {
			return err
		}
	}
	ctx, s.stop = context.WithCancel(ctx)
	s.bridge, s.served = make(chan error, 1), make(chan error, 1)
	go func() { s.served <- s.engine.serve(ctx) }()
	go func() { s.bridge <- s.engine.Run(ctx) }()
	s.shop.Trouble(s.shop.trouble)
	return nil
}

func (s *scene) key() string                { return filepath.Join(s.dir, erp.KeyFile) }
func (s *scene) hosts(remote string) string { return filepath.Join(s.dir, remote+".hosts") }

// set puts the stand-ins into the config, and makes it look often. Every remote becomes a door; one that is a door keeps its
// users with what they may do, and they all log in by the rehearsal's key.
func (s *scene) set(c *config.Config) {
	c.State.Dir = filepath.Join(s.dir, "var")
	c.Admin, c.Webhook = nil, config.Webhook{}
	shop := &c.Oro
	shop.URL, shop.APIPath, shop.TokenPath = s.shop.URL(), "/admin/api", "/oauth2-token"
	shop.ClientID, shop.ClientSecret = shopClient, shopSecret
	shop.CAFile, shop.CertFile, shop.KeyFile = "", "", ""
	all := []string{"/**"}
	s.doors = map[string]*sftpd.Options{}
	for name, remote := range c.Remotes {
		door := &sftpd.Options{Users: []sftpd.User{{Name: erp.User, Folder: "/", Write: all, Read: all, Delete: all}}}
		if own, ok := remote.Options.(*sftpd.Options); ok {
			door = &sftpd.Options{Users: slices.Clone(own.Users), Limits: own.Limits}
		}
		door.Listen, door.Path = "127.0.0.1:0", filepath.Join(s.dir, "remotes", name)
		for i := range door.Users {
			u := &door.Users[i]
			u.KeysFile, u.PasswordHash, u.Both, u.Allow = s.key()+".pub", "", false, nil
		}
		remote.Kind, remote.Options, s.doors[name] = "server", door, door
	}
	for _, f := range c.Feeds {
		f.Every, f.Ready.Stable, f.Ready.ManifestStable = rehearsalPace, 0, 0
	}
	for _, x := range c.Exports {
		x.Every = rehearsalPace
		if x.Since == "now" { // orders may be submitted before its first round
			x.Since = time.Now().UTC().Format(time.RFC3339)
		}
		if x.Collect.Orders > 0 {
			x.Collect.Within = rehearsalPace
		}
	}
}

// partner finds who does something at a door, logged in, with the path as that user sees it; nobody may be allowed to.
func (s *scene) partner(who func(*sftpd.Options, string) (string, string, bool)) func(remote, path string) (*erp.ERP, string, error) {
	return func(remote, path string) (*erp.ERP, string, error) {
		user, seen, ok := who(s.doors[remote], path)
		if !ok {
			return nil, "", nil
		}
		at := login{remote, user}
		if s.logins[at] == nil {
			address := s.engine.remotes[remote].(*sftpd.Remote).Address()
			e, err := erp.Dial(address, user, s.key(), s.hosts(remote))
			if err != nil {
				return nil, "", err
			}
			s.logins[at] = e
		}
		return s.logins[at], seen, nil
	}
}

// Close ends everything that was started and removes the folder.
func (s *scene) Close() error {
	var errs []error
	for _, e := range s.logins {
		e.Close()
	}
	if s.stop != nil {
		s.stop()
		errs = append(errs, <-s.bridge, <-s.served)
	}
	if s.engine != nil {
		errs = append(errs, s.engine.Close())
	}
	errs = append(errs, s.shop.Close())
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}
