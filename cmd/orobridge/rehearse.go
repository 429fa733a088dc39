package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
	"github.com/orobridge/orobridge/bridge/sftpd"
	"github.com/orobridge/orobridge/cmd/orobridge/erp"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

// rehearsalPace is how often the bridge looks in a rehearsal.
const rehearsalPace = bridge.Duration(200 * time.Millisecond)

func newRehearseCommand(a *app) *cobra.Command {
	var seed, version string
	var wait time.Duration
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "rehearse FOLDER",
		Short: "Play the config through with files of yours, and say what would go wrong",
		Long: "rehearse takes feeds and exports from the config and puts stand-ins in the place of their ends: a shop in a box, and\n" +
			"SFTP servers of its own. It plays the ERP: it drops the files of FOLDER/FEED for each feed, by name, submits an order\n" +
			"for each export, and picks its file up. Your servers and your shop are not asked, no secrets are needed, and everything\n" +
			"is gone at the end.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			goods, ok := shopGoods[seed]
			if !ok {
				return oneOfFlag("seed", seed, "empty", "sample")
			}
			release := orotest.Release(version)
			if !release.Known() {
				return oneOfFlag("version", version, string(orotest.V61), string(orotest.V70))
			}
			r := &rehearsal{app: a, files: args[0], wait: wait, erps: map[string]*erp.ERP{}}
			defer closing(r, &err)
			if err := r.start(cmd.Context(), orotest.Seed(goods), orotest.Version(release)); err != nil {
				return err
			}
			if err := r.play(cmd.Context()); err != nil {
				return err
			}
			return r.tell()
		},
	})
	cmd.Flags().StringVar(&seed, "seed", "sample", "what the shop holds at first: empty or sample")
	cmd.Flags().StringVar(&version, "version", string(orotest.V61), "the `release` of OroCommerce that it is: 6.1 or 7.0")
	cmd.Flags().DurationVar(&wait, "wait", time.Minute, "how long the files of a feed, or an order, may take")
	return cmd
}

// rehearsal is a bridge between stand-ins, and what came of it.
type rehearsal struct {
	*app
	files  string // folder of the user's files
	wait   time.Duration
	dir    string
	shop   *orotest.Shop
	engine *engine
	erps   map[string]*erp.ERP // by remote
	stop   context.CancelFunc
	bridge chan error // the running bridge's end
	served chan error // its servers' end

	runs    []operate.Run
	trouble []rehearsed
}

// rehearsed is one thing that would go wrong.
type rehearsed struct {
	Where   string `json:"where"` // feed or export
	Count   int    `json:"count"`
	Code    string `json:"code"`
	Message string `json:"message"` // of the first
}

// start opens the stand-ins and the bridge between them.
func (r *rehearsal) start(ctx context.Context, opts ...orotest.Option) (err error) {
	c, err := config.View(r.configPath, kinds, func(name string) (string, bool) {
		if value, ok := r.env(name); ok {
			return value, true
		}
		return "not-set", true // of the secrets, none is used
	})
	if err != nil {
		return err
	}
	if r.dir, err = os.MkdirTemp("", "orobridge-rehearsal-"); err != nil {
		return err
	}
	r.shop = orotest.New(append(append(opts, orotest.Credentials(shopClient, shopSecret)), r.boxes...)...)
	if err := r.shop.Start("127.0.0.1:0"); err != nil {
		return err
	}
	key := filepath.Join(r.dir, erp.KeyFile)
	if err := erp.MakeKey(key); err != nil {
		return err
	}
	r.stage(c, key+".pub")
	log := slog.New(slog.DiscardHandler)
	if r.verbose {
		log = r.logger()
	}
	if r.engine, err = r.app.engine(ctx, c, log); err != nil {
		return err
	}
	for name, remote := range r.engine.remotes {
		door, ok := remote.(*sftpd.Remote)
		if !ok {
			continue
		}
		if err := door.Listen(ctx); err != nil {
			return err
		}
		known, err := door.KnownHosts(door.Address())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(r.dir, name+".hosts"), []byte(known), 0o600); err != nil {
			return err
		}
	}
	ctx, r.stop = context.WithCancel(ctx)
	r.bridge, r.served = make(chan error, 1), make(chan error, 1)
	go func() { r.served <- r.engine.serve(ctx) }()
	go func() { r.bridge <- r.engine.Run(ctx) }()
	for name, remote := range r.engine.remotes {
		address := remote.(*sftpd.Remote).Address()
		if r.erps[name], err = erp.Dial(address, key, filepath.Join(r.dir, name+".hosts")); err != nil {
			return err
		}
	}
	return nil
}

// stage puts the stand-ins into the config, and makes it look often.
func (r *rehearsal) stage(c *config.Config, keys string) {
	c.State.Dir = filepath.Join(r.dir, "var")
	c.Admin, c.Webhook = nil, config.Webhook{}
	shop := &c.Oro
	shop.URL, shop.APIPath, shop.TokenPath = r.shop.URL(), "/admin/api", "/oauth2-token"
	shop.ClientID, shop.ClientSecret = shopClient, shopSecret
	shop.CAFile, shop.CertFile, shop.KeyFile = "", "", ""
	all := []string{"/**"}
	for name, remote := range c.Remotes {
		remote.Kind, remote.Options = "server", &sftpd.Options{
			Listen: "127.0.0.1:0", Path: filepath.Join(r.dir, "remotes", name),
			Users: []sftpd.User{{Name: "erp", KeysFile: keys, Folder: "/", Write: all, Read: all, Delete: all, Connections: 4}},
		}
	}
	for _, f := range c.Feeds {
		f.Every, f.Ready.Stable, f.Ready.ManifestStable = rehearsalPace, 0, 0
	}
	for _, x := range c.Exports {
		x.Every = rehearsalPace
	}
}

// Close ends everything that was started and removes the folder.
func (r *rehearsal) Close() error {
	var errs []error
	for _, e := range r.erps {
		if e != nil {
			e.Close()
		}
	}
	if r.stop != nil {
		r.stop()
		errs = append(errs, <-r.bridge, <-r.served)
	}
	if r.engine != nil {
		errs = append(errs, r.engine.Close())
	}
	if r.shop != nil {
		errs = append(errs, r.shop.Close())
	}
	if r.dir != "" {
		errs = append(errs, os.RemoveAll(r.dir))
	}
	return errors.Join(errs...)
}

// play drops the files of each feed, and then submits an order for each export.
func (r *rehearsal) play(ctx context.Context) error {
	for _, f := range r.engine.config.Feeds {
		if err := r.feed(ctx, f); err != nil {
			return err
		}
	}
	for _, x := range r.engine.config.Exports {
		if err := r.export(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

func (r *rehearsal) wrong(where, code string, count int, format string, args ...any) {
	r.trouble = append(r.trouble, rehearsed{where, count, code, fmt.Sprintf(format, args...)})
}

// feed drops the user's files for a feed and waits until the bridge is done with them.
func (r *rehearsal) feed(ctx context.Context, f *config.Feed) error {
	from := filepath.Join(r.files, f.Name)
	entries, err := os.ReadDir(from)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		r.wrong(f.Name, "no_files", 0, "nothing was played: put files for it into %s", from)
		return nil
	}
	if err != nil {
		return err
	}
	waiting := map[string]bool{}
	for _, entry := range entries { // by name
		if !entry.Type().IsRegular() {
			continue
		}
		body, err := os.ReadFile(filepath.Join(from, entry.Name()))
		if err != nil {
			return err
		}
		if err := r.erps[f.Remote].Drop(ctx, erp.File{Folder: f.Folder, Body: body}, entry.Name()); err != nil {
			return err
		}
		waiting[entry.Name()] = true
	}
	for name := range waiting { // markers and manifests are no drops, what does not match is not seen
		if _, _, ok := f.Match.Match(name); !ok {
			delete(waiting, name)
		}
	}
	err = r.until(ctx, func() (bool, error) {
		drops, err := r.engine.Desk.Drops(ctx, bridge.DropFilter{Feed: f.Name})
		settled := len(drops) > 0
		for _, d := range drops {
			done := d.Settled != nil || d.State == bridge.Held
			settled = settled && done
			if done {
				delete(waiting, d.File)
			}
		}
		return settled && len(waiting) == 0, err
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	for _, name := range sortedNames(waiting) {
		r.wrong(f.Name, "not_settled", 1, "%s was not loaded within %s: is ready met?", name, r.wait)
	}
	return r.judge(ctx, f)
}

func sortedNames(m map[string]bool) []string {
	var l []string
	for name := range m {
		l = append(l, name)
	}
	slices.Sort(l)
	return l
}

// until looks again and again until something is so, or the time is over.
func (r *rehearsal) until(ctx context.Context, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	for {
		if ok, err := is(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-r.bridge:
			r.bridge <- err
			return fmt.Errorf("the bridge stopped: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// judge collects what came of a feed's drops.
func (r *rehearsal) judge(ctx context.Context, f *config.Feed) error {
	drops, err := r.engine.Desk.Drops(ctx, bridge.DropFilter{Feed: f.Name})
	if err != nil {
		return err
	}
	for _, d := range drops {
		v, err := r.engine.Desk.DropDetails(ctx, d.Drop, false)
		if err != nil {
			return err
		}
		run := v.Run
		if len(v.Runs) > 0 {
			run = v.Runs[0]
		}
		r.runs = append(r.runs, run)
		if d.State == bridge.Held || run.Rows == 0 && d.Reason != "" {
			r.wrong(f.Name, string(d.State), 1, "%s: %s", d.File, cmp.Or(d.Reason, run.Reason))
		}
		rejects, err := r.engine.Desk.Rejects(ctx, bridge.RejectFilter{Drop: d.Drop})
		if err != nil {
			return err
		}
		r.group(f.Name, d.File, rejects)
	}
	parked, _, err := r.engine.Desk.Parked(ctx, f.Name, 0)
	if err != nil {
		return err
	}
	if len(parked) > 0 {
		r.wrong(f.Name, "parked", len(parked), "rows wait for what is not there, the first for %s", parked[0].WaitsFor)
	}
	return nil
}

// group tells rejects of a kind once.
func (r *rehearsal) group(feed, file string, rejects []operate.KeptReject) {
	at := map[string]int{}
	for _, x := range rejects {
		key := x.Code + "|" + x.Field
		if i, ok := at[key]; ok {
			r.trouble[i].Count++
			continue
		}
		at[key] = len(r.trouble)
		r.wrong(feed, x.Code, 1, "%s line %d, %s: %s", file, x.Line, cmp.Or(x.Field, "row"), x.Message)
	}
}

// export submits an order of what was loaded last, and takes its file as the ERP would.
func (r *rehearsal) export(ctx context.Context, x *config.Export) error {
	customer, sku := r.shop.Newest("customers", "id"), r.shop.Newest("products", "sku")
	if customer == "" || sku == "" {
		r.wrong(x.Name, "no_order", 0, "there is no customer or no product to order: load some, or rehearse with --seed sample")
		return nil
	}
	identifier := "REHEARSAL-" + x.Name
	address := &orotest.Address{FirstName: "Amanda", LastName: "Cole", Street: "2 Main Street", City: "Rochester",
		PostalCode: "14608", Country: "US", Region: "US-NY"}
	_, err := r.shop.SubmitOrder(orotest.Order{Identifier: identifier, PONumber: "PO 1", Customer: customer,
		Billing: address, Shipping: address, Lines: []orotest.Line{{SKU: sku, Quantity: "1", Price: "9.99"}}})
	if err != nil {
		return err
	}
	file := ""
	err = r.until(ctx, func() (bool, error) {
		list, err := r.engine.Desk.Orders(ctx, bridge.OutboxFilter{Export: x.Name, Order: identifier})
		if err != nil || len(list) == 0 || list[0].State != bridge.Written {
			return false, err
		}
		file = list[0].File
		return true, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		r.wrong(x.Name, "not_written", 1, "order %s was not written within %s: do only, since or collect keep it back?", identifier, r.wait)
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := r.erps[x.Remote].PickUp(path.Join(x.Folder, file)); err != nil {
		r.wrong(x.Name, "pickup", 1, "%s could not be picked up: %v", file, err)
	}
	return nil
}

// tell prints what happened, and turns it into an exit code.
func (r *rehearsal) tell() error {
	if r.AsJSON {
		if err := r.PrintJSON(struct {
			Runs    []operate.Run `json:"runs"`
			Trouble []rehearsed   `json:"trouble"`
		}{r.runs, r.trouble}); err != nil {
			return err
		}
	} else if err := r.print(); err != nil {
		return err
	}
	if len(r.trouble) > 0 {
		return exit(exitPartly)
	}
	return nil
}

func (r *rehearsal) print() error {
	var rows [][]string
	for _, run := range r.runs {
		row := []string{show.Printable(run.File), string(run.State)}
		for _, n := range []int64{run.Rows, run.Created, run.Updated, run.Unchanged, run.Rejected, run.Parked} {
			row = append(row, show.Decimal(n))
		}
		rows = append(rows, row)
	}
	heading := []string{"FILE", "STATE", "ROWS", "CREATED", "UPDATED", "UNCHANGED", "REJECTED", "PARKED"}
	if err := r.Table(heading, rows, "no file was played"); err != nil {
		return err
	}
	if len(r.trouble) == 0 {
		fmt.Fprintln(r.Stdout, "\nNothing would go wrong.")
		return nil
	}
	fmt.Fprintln(r.Stdout, "\nWhat would go wrong:")
	for _, t := range r.trouble {
		times := ""
		if t.Count > 1 {
			times = fmt.Sprintf(" (%d times)", t.Count)
		}
		fmt.Fprintf(r.Stdout, "  %s, %s%s: %s\n", t.Where, t.Code, times, show.Printable(strings.TrimSpace(t.Message)))
	}
	return nil
}
