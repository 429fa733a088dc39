package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/password"
	"github.com/orobridge/orobridge/bridge/sftpd"
	"github.com/orobridge/orobridge/cmd/orobridge/erp"
	"github.com/orobridge/orobridge/cmd/orobridge/rehearsal"
)

//go:embed demo/orobridge.yaml
var demoConfig string

func newDemoCommand(a *app) *cobra.Command {
	var once bool
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "demo",
		Short: "See the bridge at work, with nothing but this program",
		Long: "demo starts a shop in a box on this machine, runs the real bridge, which is an SFTP server as well, and plays an ERP that\n" +
			"drops its files there. Everything is in a temporary folder. It goes on until Ctrl-C, with\n" +
			"its page to look at in a browser; with --once it ends by itself.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			d := &demo{app: a, stays: !once}
			defer closing(d, &err)
			if err := d.start(cmd.Context()); err != nil {
				return err
			}
			if err := d.story.Run(cmd.Context()); err != nil {
				return err
			}
			if once {
				return nil
			}
			return d.stay(cmd.Context())
		},
	})
	cmd.Flags().BoolVar(&once, "once", false, "end after the last act")
	return cmd
}

// demo is the stage of a demo and what happened on it.
type demo struct {
	*app
	stays  bool   // for somebody who looks at its page
	key    string // the password of the page
	dir    string
	door   *sftpd.Remote
	shop   *orotest.Shop
	engine *engine
	erp    *erp.ERP
	files  []erp.File
	stop   context.CancelFunc
	bridge chan error // the running bridge's end
	story  *rehearsal.Story
}

// start opens both ends and the bridge between them.
func (d *demo) start(ctx context.Context) (err error) {
	if d.dir, err = os.MkdirTemp("", "orobridge-demo-"); err != nil {
		return err
	}
	if d.files, err = erp.Files(); err != nil {
		return err
	}
	if err := erp.MakeKey(filepath.Join(d.dir, erp.KeyFile)); err != nil {
		return err
	}
	d.shop = orotest.New(append(d.boxes, orotest.Seed(orotest.Empty), orotest.Credentials(shopClient, shopSecret))...)
	if err := d.shop.Start("127.0.0.1:0"); err != nil {
		return err
	}
	config := strings.ReplaceAll(demoConfig, "@shop@", d.shop.URL())
	if d.stays {
		d.key = strings.ToLower(rand.Text()[:12])
		hash, err := password.Hash(d.key)
		if err != nil {
			return err
		}
		config += fmt.Sprintf("admin: { listen: '127.0.0.1:0', users: [{ name: demo, role: admin, password_hash: '%s' }] }\n", hash)
	}
	d.configPath = filepath.Join(d.dir, "orobridge.yaml")
	if err := os.WriteFile(d.configPath, []byte(config), 0o600); err != nil {
		return err
	}
	d.story = &rehearsal.Story{Pen: &d.Pen, Shop: d.shop, Files: d.files}
	if err := d.run(ctx); err != nil {
		return err
	}
	d.story.Desk, d.story.Ended = d.engine.Desk, d.bridge
	d.story.OroIDs, d.story.Requests = d.engine.ledger.OroIDs, d.engine.shops[bridge.MainShop].Requests
	d.erp, err = erp.Dial(d.door.Address(), erp.User, filepath.Join(d.dir, erp.KeyFile), filepath.Join(d.dir, erp.HostsFile))
	d.story.ERP = d.erp
	return err
}

// run starts the real bridge on the demo's config.
func (d *demo) run(ctx context.Context) error {
	c, err := d.config()
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if d.verbose {
		log = d.logger()
	}
	if d.engine, err = d.app.engine(ctx, c, log); err != nil {
		return err
	}
	if err := d.openDoor(ctx); err != nil {
		return err
	}
	ctx, d.stop = context.WithCancel(ctx)
	d.bridge = make(chan error, 1)
	go func() { d.bridge <- d.engine.run(ctx, nil) }()
	d.story.Tell("A shop in a box and the bridge, which is the ERP's SFTP server as well, are running.")
	return nil
}

// openDoor lets the bridge's SFTP server and its page listen, so that their addresses and the server's keys are known.
func (d *demo) openDoor(ctx context.Context) error {
	if err := d.engine.listen(ctx, nobody()); err != nil {
		return err
	}
	d.door = d.engine.remotes["erp"].(*sftpd.Remote)
	known, err := d.door.KnownHosts(d.door.Address())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.dir, erp.HostsFile), []byte(known), 0o600)
}

// Close ends everything that was started and removes the folder.
func (d *demo) Close() error {
	var errs []error
	if d.erp != nil {
		d.erp.Close()
	}
	if d.stop != nil {
		d.stop()
		errs = append(errs, <-d.bridge)
	}
	if d.engine != nil {
		errs = append(errs, d.engine.Close())
	}
	if d.shop != nil {
		errs = append(errs, d.shop.Close())
	}
	if d.dir != "" {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}

// stay keeps everything running for somebody who wants to play.
func (d *demo) stay(ctx context.Context) error {
	d.story.Tell("\nEverything goes on until Ctrl-C. To play along:")
	d.story.Tell("  page: http://%s/ in a browser, name demo, password %s", d.engine.site.Address(), d.key)
	d.story.Tell("  sftp -i %s -o UserKnownHostsFile=%s -P %s erp@127.0.0.1", filepath.Join(d.dir, erp.KeyFile),
		filepath.Join(d.dir, erp.HostsFile), port(d.door.Address()))
	d.story.Tell("  orobridge -c %s drops", d.configPath)
	d.story.Tell("  shop: %s, client demo, secret demo", d.shop.URL())
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.bridge:
		d.bridge <- err
		return err
	}
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
