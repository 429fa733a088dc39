package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
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
			return a.printChecked(all)
		},
	})
}

// wakeRunning has a bridge that runs with a config try at once what it waits for: whoever checks has mended something.
func wakeRunning(ctx context.Context, c *config.Config) (err error) {
	if !state.Locked(c.State.Dir) {
		return nil
	}
	ledger, err := state.Open(ctx, c.State.Dir, state.Options{Beside: true})
	if err != nil {
		return err
	}
	defer closing(ledger, &err)
	return ledger.Keep(ctx, &bridge.Event{At: time.Now().UTC(), Kind: bridge.DecisionTaken, Text: "checked: what waits is tried again"})
}

// checkup prints what it finds as it comes.
func (a *app) checkup(c *config.Config, ledger *state.State) *operate.Checkup {
	subject := "" // of the last line
	told := func(findings operate.Findings) {
		for _, f := range findings {
			if f.Subject != subject {
				subject = f.Subject
				fmt.Fprintln(a.stdout, printable(f.Subject))
			}
			a.printFinding(&f)
		}
	}
	if a.json {
		told = func(operate.Findings) {}
	}
	return &operate.Checkup{Config: c, Ledger: ledger, Told: told,
		Remote: func(name string) (bridge.Remote, error) { return c.OpenRemote(name, ledger.Identity(), a.logger()) },
		Shop:   func(s *config.Shop) (operate.Shop, error) { return openShop(*s, a.logger()) },
		Offers: func(ctx context.Context, found bridge.Capabilities) ([]bridge.Loss, error) {
			return keepOffers(ctx, c, found)
		}}
}

func (a *output) printFinding(f *bridge.Finding) {
	sign := "ok  "
	if !f.OK {
		sign = "FAIL"
	}
	fmt.Fprintf(a.stdout, "  %s  %s: %s\n", sign, printable(f.What), printable(f.Detail))
	if f.Hint != "" {
		fmt.Fprintf(a.stdout, "        hint: %s\n", printable(f.Hint))
	}
}

// printChecked prints the sum and turns it into an exit code.
func (a *output) printChecked(all operate.Findings) error {
	if a.json {
		if err := a.printJSON(all); err != nil {
			return err
		}
	}
	failed := all.Failed()
	if failed == 0 {
		fmt.Fprintf(a.stderr, "all %d checks passed\n", len(all))
		return nil
	}
	fmt.Fprintf(a.stderr, "%d of %d checks failed\n", failed, len(all))
	if all.Unreachable() {
		return exit(exitUnreachable)
	}
	return exit(exitFailed)
}
