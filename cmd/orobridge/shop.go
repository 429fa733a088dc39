package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/oro/orotest"
)

// The choices of delay, by the words that the user types.
var shopLatency = map[string]orotest.Delays{"none": orotest.None, "real": orotest.Real}

// The one login of the shop in a box.
const (
	shopClient = "demo"
	shopSecret = "demo"
)

func newShopCommand(a *app) *cobra.Command {
	var listen, latency string
	var flags boxFlags
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "shop",
		Short: "Start a shop in a box that answers as OroCommerce does",
		Long: "shop serves an imitation of OroCommerce's back-office API from memory, to try a config against or to rehearse with.\n" +
			"What it holds is gone when it stops. It runs until Ctrl-C.\n\n" +
			"Its page /box shows what was asked, and gives it a bad day, as --fault does from the start:\n" +
			"  " + strings.ReplaceAll(orotest.TroubleWords(), "\n", "\n  "),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			delays, ok := shopLatency[latency]
			if !ok {
				return oneOfFlag("latency", latency, "none", "real")
			}
			shop, err := flags.open(orotest.Latency(delays))
			if err != nil {
				return err
			}
			defer closing(shop, &err)
			return a.serveShop(cmd.Context(), shop, listen)
		},
	})
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8090", "`address` and port; port 0 takes a free one")
	flags.add(cmd, "empty")
	cmd.Flags().StringVar(&latency, "latency", "none", "how long it takes: none, or real (as a shop of ordinary size)")
	return cmd
}

// serveShop runs the shop until ctx ends.
func (a *app) serveShop(ctx context.Context, shop *openedBox, listen string) error {
	if err := shop.Start(listen); err != nil {
		hint := "--listen takes host:port, as in 127.0.0.1:8090"
		if errors.Is(err, syscall.EADDRINUSE) {
			hint = "another program listens there, perhaps a shop that still runs: stop it, or give --listen another port (0 takes a free one)"
		}
		var op *net.OpError
		if errors.As(err, &op) { // it names the address again
			err = op.Err
		}
		return &bridge.Error{Op: "start shop", Object: listen, Fate: bridge.Stop, Err: err, Hint: hint}
	}
	shop.Trouble(shop.trouble)
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
