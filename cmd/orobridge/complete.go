package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/config"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
	"github.com/orobridge/orobridge/formats"
)

// Completion in shells: what a verb's usage line calls FEED, DROP, ORDER or ENTITY, and flags of these names, are completed from the
// config and the ledger. What can't be read completes to nothing.

// completions finds words for shells.
type completions struct{ *app }

// completer finds the words for what a usage line or a flag names.
type completer func(context.Context) []cobra.Completion

// offered is how many of the newest drops and orders are offered.
const offered = 50

// teach teaches a command, and all below it, to complete.
func (a completions) teach(cmd *cobra.Command) {
	words := map[string]completer{"FEED": a.feedNames, "DROP": a.dropNumbers(nil), "ORDER": a.orderNames, "ENTITY": entityNames}
	switch cmd.Name() {
	case "drop":
		words["ID"] = words["DROP"]
	case "approve":
		words["DROP"] = a.dropNumbers([]bridge.DropState{bridge.Held})
	}
	_, usage, _ := strings.Cut(cmd.Use, " ")
	if args := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(usage)); len(args) > 0 && cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = func(cmd *cobra.Command, given []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(given) >= len(args) || args[len(given)] == "FILE" || args[len(given)] == "FOLDER" {
				return nil, cobra.ShellCompDirectiveDefault // files
			}
			return complete(cmd.Context(), words[args[len(given)]])
		}
	}
	states := func(context.Context) (all []cobra.Completion) {
		for _, s := range bridge.DropStates() {
			all = append(all, string(s))
		}
		return all
	}
	if cmd.Name() == "orders" {
		states = func(context.Context) []cobra.Completion { return orderStates }
	}
	for name, find := range map[string]completer{"feed": a.feedNames, "export": a.exportNames, "drop": a.dropNumbers(nil),
		"order": a.orderNames,
		"state": states} {
		if flag := cmd.Flags().Lookup(name); flag != nil && flag.Value.Type() != "bool" {
			_ = cmd.RegisterFlagCompletionFunc(name, func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
				return complete(cmd.Context(), find)
			}) // it fails for a flag that is not there
		}
	}
	for _, sub := range cmd.Commands() {
		a.teach(sub)
	}
}

func complete(ctx context.Context, find completer) ([]cobra.Completion, cobra.ShellCompDirective) {
	if find == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return find(ctx), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

func (a completions) feedNames(context.Context) (names []cobra.Completion) {
	c, err := config.View(a.configPath, kinds, a.env)
	if err != nil {
		return nil
	}
	for _, f := range c.Feeds {
		names = append(names, cobra.CompletionWithDesc(f.Name, f.Entity.Name+" from "+f.Remote+":"+f.Folder))
	}
	return names
}

func (a completions) exportNames(context.Context) (names []cobra.Completion) {
	c, err := config.View(a.configPath, kinds, a.env)
	if err != nil {
		return nil
	}
	for _, x := range c.Exports {
		names = append(names, cobra.CompletionWithDesc(x.Name, "to "+x.Remote+":"+x.Folder))
	}
	return names
}

// dropNumbers offers the newest drops, those in some states or all, the newest first.
func (a completions) dropNumbers(states []bridge.DropState) completer {
	return func(ctx context.Context) (numbers []cobra.Completion) {
		_ = a.look(ctx, func(desk *operate.View) error {
			drops, err := desk.Drops(ctx, bridge.DropFilter{States: states, Last: offered})
			for _, d := range drops {
				word := cobra.CompletionWithDesc(strconv.FormatInt(d.Drop, 10), show.Printable(d.File)+" "+string(d.State))
				numbers = append([]cobra.Completion{word}, numbers...)
			}
			return err
		})
		return numbers
	}
}

// orderNames offers the newest orders, the newest first.
func (a completions) orderNames(ctx context.Context) (names []cobra.Completion) {
	_ = a.look(ctx, func(desk *operate.View) error {
		orders, err := desk.Orders(ctx, bridge.OutboxFilter{Last: offered})
		for _, o := range orders {
			name := cobra.CompletionWithDesc(show.Printable(o.Order), string(o.State)+" "+show.Printable(o.File))
			names = append([]cobra.Completion{name}, names...)
		}
		return err
	})
	return names
}

func entityNames(context.Context) (names []cobra.Completion) {
	for _, e := range formats.Entities {
		names = append(names, e.Name)
	}
	return names
}
