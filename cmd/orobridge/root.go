package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:           "orobridge",
		Short:         "Move an ERP's files into an OroCommerce shop, and its orders out",
		Long:          longHelp(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.ArbitraryArgs,
	}
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return unknownVerb(cmd, args[0])
	}
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if a.logFormat != "" && a.logFormat != "text" && a.logFormat != "json" {
			return oneOfFlag("log-format", a.logFormat, "text", "json")
		}
		return nil
	}
	path := "orobridge.yaml"
	if p, ok := a.env("OROBRIDGE_CONFIG"); ok && p != "" {
		path = p
	}
	a.server.Server, _ = a.env("OROBRIDGE_SERVER")
	flags := root.PersistentFlags()
	flags.StringVarP(&a.configPath, "config", "c", path, "config `file`, also from OROBRIDGE_CONFIG")
	flags.StringVar(&a.logFormat, "log-format", "", "text or json, for machines; on a terminal short lines by default, else text")
	flags.BoolVar(&a.verbose, "verbose", false, "log each request")
	flags.StringSliceVar(&a.shops, "shop", nil, "only this `shop`, of several")
	_ = flags.MarkHidden("shop") // it is there; most have one shop, and never hear of it

	root.SetIn(a.stdin)
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	root.AddCommand(
		newDemoCommand(a),
		newRunCommand(a),
		newLoadCommand(a),
		newPlanCommand(a),
		newDropsCommand(a),
		newDropCommand(a),
		newRejectsCommand(a),
		newParkedCommand(a),
		newApproveCommand(a),
		newDiscardCommand(a),
		newAlarmsCommand(a),
		newAckCommand(a),
		newDrainCommand(a),
		newPauseCommand(a),
		newResumeCommand(a),
		newRerunCommand(a),
		newUndoCommand(a),
		newReconcileCommand(a),
		newOrdersCommand(a),
		newOrderCommand(a),
		newTraceCommand(a),
		newEventsCommand(a),
		newTransfersCommand(a),
		newAuditCommand(a),
		newNotifyCommand(a),
		newAdoptCommand(a),
		newExportCommand(a),
		newForgetCommand(a),
		newStatusCommand(a),
		newFormatsCommand(a),
		newTryCommand(a),
		newInspectCommand(a),
		newInitCommand(a),
		newCheckCommand(a),
		newConfigCommand(a),
		newShopCommand(a),
		newRehearseCommand(a),
		newStateCommand(a),
		newAdminCommand(a),
		newTokenCommand(a),
		newReloadCommand(a),
		newReportCommand(a),
		newVersionCommand(a),
		newManCommand(a),
	)
	explain := newHelpCommand(a)
	root.AddCommand(explain)
	root.SetHelpCommand(explain)
	for _, x := range partlyWhen {
		if cmd, _, err := root.Find([]string{x.verb}); err == nil {
			cmd.Long = strings.TrimSpace(cmp.Or(cmd.Long, cmd.Short+".") + fmt.Sprintf("\n\nExit code %d: %s.", exitPartly, x.when))
		}
	}
	strict(root)
	completions{a}.teach(root)
	return root
}

// strict makes wrong flags and arguments usage errors, for a command and all below it.
func strict(cmd *cobra.Command) {
	hint := "see " + cmd.CommandPath() + " --help"
	cmd.SuggestionsMinimumDistance = 2
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err.Error(), hint} })
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return &usageError{err.Error(), "write " + cmd.UseLine()}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
}

// group makes a command that only holds others say which there are when it is given none of them.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return &usageError{cmd.CommandPath() + " needs one of its verbs", "see " + cmd.CommandPath() + " --help"}
		}
		return unknownVerb(cmd, args[0])
	}
	return cmd
}

func unknownVerb(cmd *cobra.Command, word string) error {
	hint := "see " + cmd.CommandPath() + " --help"
	if near := cmd.SuggestionsFor(word); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return &usageError{fmt.Sprintf("%s has no verb %q", cmd.CommandPath(), word), hint}
}

func longHelp() string {
	var b strings.Builder
	b.WriteString("orobridge sits between an ERP that exchanges files and an OroCommerce shop. It loads the files that the ERP\n" +
		"drops (customers, products, prices, inventory) through the shop's API, and writes the shop's orders as files.\n\nExit codes:\n")
	for _, c := range exitCodes {
		fmt.Fprintf(&b, "  %d  %s\n", c.code, c.meaning)
	}
	b.WriteString("\nTopics of `orobridge help TOPIC`:\n" + topicLines())
	return strings.TrimRight(b.String(), "\n")
}
