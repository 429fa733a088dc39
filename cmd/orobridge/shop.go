package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// The choices of shop, by the words that the user types.
var (
	shopGoods   = map[string]orotest.Goods{"empty": orotest.Empty, "sample": orotest.Sample}
	shopLatency = map[string]orotest.Delays{"none": orotest.None, "real": orotest.Real}
)

// The one login of the shop in a box.
const (
	shopClient = "demo"
	shopSecret = "demo"
)

func newShopCommand(a *app) *cobra.Command {
	var listen, seed, latency, version, fault, record string
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "shop",
		Short: "Start a shop in a box that answers as OroCommerce does",
		Long: "shop serves an imitation of OroCommerce's back-office API from memory, to try a config against or to rehearse with.\n" +
			"What it holds is gone when it stops. It runs until Ctrl-C.\n\n" +
			"Its page /box shows what was asked, and gives it a bad day, as --fault does from the start:\n" +
			"  " + strings.ReplaceAll(orotest.TroubleWords(), "\n", "\n  "),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			goods, ok := shopGoods[seed]
			if !ok {
				return oneOfFlag("seed", seed, "empty", "sample")
			}
			delays, ok := shopLatency[latency]
			if !ok {
				return oneOfFlag("latency", latency, "none", "real")
			}
			release := orotest.Release(version)
			if !release.Known() {
				return oneOfFlag("version", version, string(orotest.V61), string(orotest.V70))
			}
			trouble, err := orotest.ParseTrouble(fault)
			if err != nil {
				return &usageError{message: "--fault: " + err.Error()}
			}
			opts := []orotest.Option{
				orotest.Version(release), orotest.Seed(goods), orotest.Latency(delays), orotest.Credentials(shopClient, shopSecret),
			}
			if record != "" {
				file, err := os.OpenFile(record, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
				if err != nil {
					return fmt.Errorf("record to %s: %w", record, err)
				}
				defer file.Close()
				opts = append(opts, orotest.Record(file))
			}
			shop := orotest.New(opts...)
			shop.Trouble(trouble)
			return a.serveShop(cmd.Context(), shop, listen)
		},
	})
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8090", "`address` and port; port 0 takes a free one")
	cmd.Flags().StringVar(&seed, "seed", "empty", "what it holds at first: empty or sample")
	cmd.Flags().StringVar(&version, "version", string(orotest.V61), "the `release` of OroCommerce that it is: 6.1 or 7.0")
	cmd.Flags().StringVar(&fault, "fault", "", "`trouble` from the start, as in latency=200ms,429=20,races")
	cmd.Flags().StringVar(&record, "record", "", "`file` that every request is written to, a line each")
	cmd.Flags().StringVar(&latency, "latency", "none", "how long it takes: none, or real (as a shop of ordinary size)")
	return cmd
}

// serveShop runs the shop until ctx ends.
func (a *app) serveShop(ctx context.Context, shop *orotest.Shop, listen string) error {
	if err := shop.Start(listen); err != nil {
		return err
	}
	defer shop.Close()
	if a.AsJSON {
		login := struct {
			URL          string `json:"url"`
			ClientID     string `json:"client_id"`
			ClientSecret string `json:"client_secret"`
		}{shop.URL(), shopClient, shopSecret}
		if err := a.PrintJSON(login); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.Stdout, "url            %s\nclient id      %s\nclient secret  %s\ncontrol page   %s/box\n", shop.URL(), shopClient,
			shopSecret, shop.URL())
	}
	fmt.Fprintln(a.Stderr, "ready; Ctrl-C stops it")
	<-ctx.Done()
	return nil
}

// oneOfFlag is the error for a flag whose value is none of its words.
func oneOfFlag(name, value string, words ...string) error {
	return &usageError{message: fmt.Sprintf("--%s %q is not one of %s", name, value, strings.Join(words, ", "))}
}
