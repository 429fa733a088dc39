package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate/checkup"
	"github.com/orobridge/orobridge/cmd/orobridge/caller"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
	"github.com/orobridge/orobridge/state"
)

func newCheckCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "check",
		Short: "Try both ends and say what works",
		Long: "check connects to every remote and to the shop, tries what each feed and export needs there, and says what to do\n" +
			"about what does not work. It renders the shop's newest order through each export, and says what the shop offers. It writes\n" +
			"and removes probe files under temporary names; it changes nothing in the shop.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			c, err := a.config()
			if err != nil {
				return err
			}
			ledger, err := readLedgerOrNone(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer closing(ledger, &err)
			all, err := a.checkup(c, ledger).Run(cmd.Context())
			if err != nil {
				return err
			}
			if err := wakeRunning(cmd.Context(), c); err != nil {
				return err
			}
			return cmp.Or(a.PrintChecked(all), checked(all))
		},
	})
}

// wakeRunning has a bridge that runs with a config try at once what it waits for: whoever checks has mended something.
func wakeRunning(ctx context.Context, c *config.Config) (err error) {
	if !held(ctx, c) {
		return nil
	}
	ledger, err := openState(ctx, c, state.Options{Beside: true})
	if err != nil {
		return err
	}
	defer closing(ledger, &err)
	return ledger.Keep(ctx, caller.Decision().On(&bridge.Event{At: time.Now().UTC(),
		Kind: bridge.DecisionTaken, Text: "checked: what waits is tried again"}))
}

// checkup prints what it finds as it comes.
func (a *app) checkup(c *config.Config, ledger *state.State) *checkup.Checkup {
	subject := "" // of the last line
	told := func(findings checkup.Findings) {
		for _, f := range findings {
			if f.Subject != subject {
				subject = f.Subject
				fmt.Fprintln(a.Stdout, show.Printable(f.Subject))
			}
			a.PrintFinding(&f)
		}
	}
	if a.AsJSON {
		told = func(checkup.Findings) {}
	}
	k := checkupOf(c, ledger, a.logger(), told)
	k.Offers = func(ctx context.Context, shop string, found bridge.Capabilities) ([]bridge.Loss, error) {
		return keepOffers(ctx, c, shop, found)
	}
	return k
}

// checkupOf tries both ends of a config.
func checkupOf(c *config.Config, ledger *state.State, log *slog.Logger, told func(checkup.Findings)) *checkup.Checkup {
	return &checkup.Checkup{Config: c, Ledger: ledger, Told: told,
		Remote: func(name string) (bridge.Remote, error) { return c.OpenRemote(name, ledger.Identity(), log) },
		Shop:   func(s *config.Shop) (checkup.Shop, error) { return openShop(*s, log) }}
}

// checked are findings as an exit code; nil when all is well.
func checked(all checkup.Findings) error {
	switch {
	case all.Failed() == 0:
		return nil
	case all.Unreachable():
		return exit(exitUnreachable)
	}
	return exit(exitFailed)
}
