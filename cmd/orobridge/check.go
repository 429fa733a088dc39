package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
)

func newCheckCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "check",
		Short: "Try both ends and say what works",
		Long: "check connects to every remote and to the shop, tries what each feed and export needs there, and says what to do\n" +
			"about what does not work. It writes and removes probe files under temporary names; it changes nothing in the shop.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			k := &checkup{app: a, config: c}
			if err := k.run(cmd.Context()); err != nil {
				return err
			}
			return k.verdict()
		},
	})
}

// checkup collects what check finds and prints it as it comes.
type checkup struct {
	*app
	config   *config.Config
	findings []bridge.Finding
	subject  string // of the last line
}

func (k *checkup) run(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(k.config.Remotes)) {
		k.remote(ctx, k.config.Remotes[name])
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	for _, s := range k.config.Shops() {
		shop, err := openShop(*s, k.logger())
		if err != nil {
			return err
		}
		k.add(shop.Check(ctx, k.config.Needs(s)))
	}
	return ctx.Err()
}

// remote checks one remote, and, when it can be reached, the feeds and exports that use it.
func (k *checkup) remote(ctx context.Context, c *config.Remote) {
	r, err := k.config.OpenRemote(c.Name, k.logger())
	if err != nil {
		k.add([]bridge.Finding{{Subject: "remote " + c.Name, What: "read its config", Detail: err.Error(), Hint: bridge.HintOf(err)}})
		return
	}
	defer r.Close()
	findings := r.Check(ctx)
	k.add(findings)
	if slices.ContainsFunc(findings, func(f bridge.Finding) bool { return f.Unreachable }) || len(findings) > 0 && !findings[len(findings)-1].OK {
		return
	}
	for _, f := range k.config.Feeds {
		if f.Remote == c.Name {
			k.add(operate.CheckFeed(ctx, r, f, c.ReadOnly))
		}
	}
	for _, e := range k.config.Exports {
		if e.Remote == c.Name {
			k.add(operate.CheckExport(ctx, r, e))
		}
	}
}

func (k *checkup) add(findings []bridge.Finding) {
	k.findings = append(k.findings, findings...)
	if k.json {
		return
	}
	for _, f := range findings {
		if f.Subject != k.subject {
			k.subject = f.Subject
			fmt.Fprintln(k.stdout, printable(f.Subject))
		}
		sign := "ok  "
		if !f.OK {
			sign = "FAIL"
		}
		fmt.Fprintf(k.stdout, "  %s  %s: %s\n", sign, printable(f.What), printable(f.Detail))
		if f.Hint != "" {
			fmt.Fprintf(k.stdout, "        hint: %s\n", printable(f.Hint))
		}
	}
}

// verdict prints the sum and turns it into an exit code.
func (k *checkup) verdict() error {
	if k.json {
		if err := k.printJSON(k.findings); err != nil {
			return err
		}
	}
	failed, code := 0, exitFailed
	for _, f := range k.findings {
		if !f.OK {
			failed++
		}
		if f.Unreachable {
			code = exitUnreachable
		}
	}
	if failed == 0 {
		fmt.Fprintf(k.stderr, "all %d checks passed\n", len(k.findings))
		return nil
	}
	fmt.Fprintf(k.stderr, "%d of %d checks failed\n", failed, len(k.findings))
	return exit(code)
}
