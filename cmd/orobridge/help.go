package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/cmd/orobridge/help"
)

func newHelpCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "help [VERB | TOPIC]",
		Short: "Explain a verb, or show a document",
		Long: "help explains a verb, or shows one of the documents that the program carries. On a terminal they are laid out for it;\n" +
			"elsewhere they come as the Markdown that they are.",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return helpWords(cmd.Root()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.explain(cmd.Root(), args) },
	}
}

// explain shows what args name: a verb's own help, a topic, or both.
func (a *app) explain(root *cobra.Command, args []string) error {
	verb, rest, err := root.Find(args)
	isVerb := err == nil && len(rest) == 0
	if isVerb {
		verb.InitDefaultHelpFlag()
		if err := verb.Help(); err != nil {
			return err
		}
	}
	all := help.Topics()
	i := slices.IndexFunc(all, func(t help.Topic) bool { return len(args) == 1 && t.Name == args[0] })
	switch {
	case i < 0 && isVerb:
		return nil
	case i < 0:
		return &usageError{fmt.Sprintf("there is no verb and no topic %q", strings.Join(args, " ")), "see orobridge help"}
	case isVerb:
		fmt.Fprintln(a.Stdout)
	}
	return a.PrintDocument(all[i].Text)
}

// helpWords are what help explains, with what each is about.
func helpWords(root *cobra.Command) []cobra.Completion {
	var words []cobra.Completion
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			words = append(words, cobra.CompletionWithDesc(cmd.Name(), cmd.Short))
		}
	}
	for _, t := range help.Topics() {
		words = append(words, cobra.CompletionWithDesc(t.Name, t.Title))
	}
	return words
}

// topicLines lists the topics for the program's help.
func topicLines() string {
	var b strings.Builder
	for _, t := range help.Topics() {
		fmt.Fprintf(&b, "  %-16s %s\n", t.Name, t.Title)
	}
	return b.String()
}
