package main

import (
	"context"
	"fmt"
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
	var listen, seed, latency string
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "shop",
		Short: "Start a shop in a box that answers as OroCommerce does",
		Long: "shop serves an imitation of OroCommerce's back-office API from memory, to try a config against or to rehearse with.\n" +
			"What it holds is gone when it stops. It runs until Ctrl-C.",
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
			shop := orotest.New(orotest.Seed(goods), orotest.Latency(delays), orotest.Credentials(shopClient, shopSecret))
			return a.serveShop(cmd.Context(), shop, listen)
		},
	})
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8090", "`address` and port; port 0 takes a free one")
	cmd.Flags().StringVar(&seed, "seed", "empty", "what it holds at first: empty or sample")
	cmd.Flags().StringVar(&latency, "latency", "none", "how long it takes: none, or real (as a shop of ordinary size)")
	return cmd
}

// serveShop runs the shop until ctx ends.
func (a *app) serveShop(ctx context.Context, shop *orotest.Shop, listen string) error {
	if err := shop.Start(listen); err != nil {
		return err
	}
	defer shop.Close()
	if a.json {
		login := struct {
			URL          string `json:"url"`
			ClientID     string `json:"client_id"`
			ClientSecret string `json:"client_secret"`
		}{shop.URL(), shopClient, shopSecret}
		if err := a.printJSON(login); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.stdout, "url            %s\nclient id      %s\nclient secret  %s\n", shop.URL(), shopClient, shopSecret)
	}
	fmt.Fprintln(a.stderr, "ready; Ctrl-C stops it")
	<-ctx.Done()
	return nil
}

// oneOfFlag is the error for a flag whose value is none of its words.
func oneOfFlag(name, value string, words ...string) error {
	return &usageError{message: fmt.Sprintf("--%s %q is not one of %s", name, value, strings.Join(words, ", "))}
}
