package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftpd"
	"github.com/orobridge/orobridge/cmd/orobridge/erp"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

//go:embed demo/orobridge.yaml
var demoConfig string

// demoDeadline bounds each act of the demo: far more than it needs.
const demoDeadline = time.Minute

func newDemoCommand(a *app) *cobra.Command {
	var once bool
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "demo",
		Short: "See the bridge at work, with nothing but this program",
		Long: "demo starts a shop in a box on this machine, runs the real bridge, which is an SFTP server as well, and plays an ERP that\n" +
			"drops its files there. Everything is in a temporary folder. It goes on until Ctrl-C; with --once it ends by itself.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			d := &demo{app: a}
			defer closing(d, &err)
			if err := d.start(cmd.Context()); err != nil {
				return err
			}
			if err := d.play(cmd.Context()); err != nil {
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
	dir    string
	door   *sftpd.Remote
	shop   *orotest.Shop
	engine *engine
	erp    *erp.ERP
	files  []erp.File
	stop   context.CancelFunc
	bridge chan error // the running bridge's end

	runs   []operate.Run
	orders []operate.Order
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
	d.configPath = filepath.Join(d.dir, "orobridge.yaml")
	if err := os.WriteFile(d.configPath, []byte(config), 0o600); err != nil {
		return err
	}
	if err := d.run(ctx); err != nil {
		return err
	}
	d.erp, err = erp.Dial(d.door.Address(), erp.User, filepath.Join(d.dir, erp.KeyFile), filepath.Join(d.dir, erp.HostsFile))
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
	go func() { d.bridge <- runBeside(ctx, d.engine) }()
	d.tell("A shop in a box and the bridge, which is the ERP's SFTP server as well, are running.")
	return nil
}

// openDoor lets the bridge's SFTP server listen, so that its address and its keys are known.
func (d *demo) openDoor(ctx context.Context) error {
	d.door = d.engine.remotes["erp"].(*sftpd.Remote)
	if err := d.door.Listen(ctx); err != nil {
		return err
	}
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

// tell narrates; JSON has no room for that.
func (d *demo) tell(format string, args ...any) {
	if !d.AsJSON {
		fmt.Fprintf(d.Stdout, format+"\n", args...)
	}
}

// play is the whole story.
func (d *demo) play(ctx context.Context) error {
	d.tell("\n1. The ERP drops its files, slowly, under temporary names.")
	if err := d.dropAll(ctx, "monday"); err != nil {
		return err
	}
	if err := d.showRejects(ctx); err != nil {
		return err
	}
	d.tell("\n2. A customer submits an order in the shop.")
	if err := d.order(ctx); err != nil {
		return err
	}
	d.tell("\n3. The ERP drops the same files again, under other names.")
	d.shop.JournalReset()
	if err := d.dropAll(ctx, "tuesday"); err != nil {
		return err
	}
	writes := 0
	for _, r := range d.shop.Journal() {
		if r.Method != "GET" && !strings.Contains(r.Path, "oauth2-token") {
			writes++
		}
	}
	d.tell("   Requests that wrote something to the shop: %d.", writes)
	return d.sum()
}

// dropAll drops every file and waits until the bridge has settled all of them.
func (d *demo) dropAll(ctx context.Context, round string) error {
	for _, f := range d.files {
		if err := d.erp.Drop(ctx, f, fmt.Sprintf(f.Name, round)); err != nil {
			return err
		}
	}
	for _, f := range d.files {
		run, err := d.settled(ctx, f.Feed, fmt.Sprintf(f.Name, round))
		if err != nil {
			return err
		}
		d.runs = append(d.runs, run)
	}
	return nil
}

// settled waits until a file has come to its end in the archive, and returns its first run.
func (d *demo) settled(ctx context.Context, feed, name string) (run operate.Run, err error) {
	err = d.until(ctx, name+" is settled", func() (bool, error) {
		drops, err := d.engine.Desk.Drops(ctx, bridge.DropFilter{Feed: feed, Last: 1})
		if err != nil || len(drops) == 0 || drops[0].File != name || !drops[0].Moved {
			return false, err
		}
		v, err := d.engine.Desk.DropDetails(ctx, drops[0].Drop, false)
		if err != nil {
			return false, err
		}
		if run = v.Run; len(v.Runs) > 0 {
			run = v.Runs[0]
		}
		return true, nil
	})
	return run, err
}

// until looks again and again until something is so.
func (d *demo) until(ctx context.Context, what string, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, demoDeadline)
	defer cancel()
	for {
		ok, err := is()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		case err := <-d.bridge:
			d.bridge <- err
			return fmt.Errorf("the bridge stopped: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (d *demo) showRejects(ctx context.Context) error {
	if d.AsJSON {
		return nil
	}
	d.tell("   All files are settled. Rows that could not be loaded, and why (`orobridge rejects`):")
	rejects, err := d.engine.Desk.Rejects(ctx, bridge.RejectFilter{})
	if err != nil {
		return err
	}
	for _, r := range rejects {
		d.tell("   - drop %d line %d, %s: %s", r.Drop, r.Line, r.Field, r.Message)
	}
	parked, _, err := d.engine.Desk.Parked(ctx, "", 0)
	if err != nil {
		return err
	}
	for _, p := range parked {
		d.tell("   - drop %d line %d is parked: it waits for %s", p.Drop, p.Line, p.WaitsFor)
	}
	return nil
}

// order submits an order and follows it to the ERP.
func (d *demo) order(ctx context.Context) error {
	ids, err := d.engine.ledger.OroIDs(ctx, "customers", []string{"C00001"})
	if err != nil {
		return err
	}
	address := &orotest.Address{FirstName: "Amanda", LastName: "Cole", Street: "2 Main Street", City: "Rochester",
		PostalCode: "14608", Country: "US", Region: "US-NY"}
	_, err = d.shop.SubmitOrder(orotest.Order{Identifier: "DEMO-1", PONumber: "PO 4711", Notes: "Please ring twice", Currency: "EUR",
		Customer: ids["C00001"], Billing: address, Shipping: address,
		Lines: []orotest.Line{{SKU: "M000001", Quantity: "5", Price: "2.01"}, {SKU: "M000002", Unit: "set", Quantity: "1", Price: "27.50"}}})
	if err != nil {
		return err
	}
	var owed operate.Order
	reached := func(state bridge.OwedState) error {
		return d.until(ctx, "the order is "+string(state), func() (bool, error) {
			list, err := d.engine.Desk.Orders(ctx, bridge.OutboxFilter{Order: "DEMO-1"})
			if err != nil || len(list) == 0 || list[0].State != state {
				return false, err
			}
			owed = list[0]
			return true, nil
		})
	}
	if err := reached(bridge.Written); err != nil {
		return err
	}
	d.tell("   Its file stands on the server: %s", owed.File)
	body, err := d.erp.PickUp(path.Join("/in/orders", owed.File))
	if err != nil {
		return err
	}
	d.tell("   %s", strings.ReplaceAll(strings.TrimSpace(string(body)), "\n", "\n   "))
	if err := reached(bridge.PickedUp); err != nil {
		return err
	}
	d.tell("   The ERP took it, and the bridge saw that.")
	d.orders = append(d.orders, owed)
	return nil
}

// sum prints what happened.
func (d *demo) sum() error {
	if d.AsJSON {
		return d.PrintJSON(struct {
			Runs     []operate.Run   `json:"runs"`
			Orders   []operate.Order `json:"orders"`
			Requests int64           `json:"requests"`
		}{d.runs, d.orders, d.engine.shop.Requests()})
	}
	d.tell("\nWhat happened:")
	var rows [][]string
	for _, r := range d.runs {
		row := []string{r.File, string(r.State)}
		for _, n := range []int64{r.Rows, r.Created, r.Updated, r.Unchanged, r.Rejected, r.Parked, r.Requests} {
			row = append(row, show.Decimal(n))
		}
		rows = append(rows, append(row, fmt.Sprintf("%.2f s", r.Seconds)))
	}
	heading := []string{"FILE", "STATE", "ROWS", "CREATED", "UPDATED", "UNCHANGED", "REJECTED", "PARKED", "REQUESTS", "TIME"}
	if err := d.Table(heading, rows, ""); err != nil {
		return err
	}
	o := d.orders[0]
	d.tell("\nOrder %s went out as %s (sha256 %s…) and is %s.", o.Order, o.File, o.SHA256[:12], o.State)
	d.tell("%d requests to the shop in all. To do this with your own server and shop: `orobridge init`, then `orobridge check`.",
		d.engine.shop.Requests())
	return nil
}

// stay keeps everything running for somebody who wants to play.
func (d *demo) stay(ctx context.Context) error {
	d.tell("\nEverything goes on until Ctrl-C. To play along:")
	d.tell("  sftp -i %s -o UserKnownHostsFile=%s -P %s erp@127.0.0.1", filepath.Join(d.dir, erp.KeyFile),
		filepath.Join(d.dir, erp.HostsFile), port(d.door.Address()))
	d.tell("  orobridge -c %s drops", d.configPath)
	d.tell("  shop: %s, client demo, secret demo", d.shop.URL())
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.bridge:
		d.bridge <- err
		return err
	}
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
