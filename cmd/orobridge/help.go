package main

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// documents are the topics of `orobridge help`: a page of Markdown for each task, whose first line is its title. A file
// that is put there is a topic.
//
//go:embed help/*.md
var documents embed.FS

// A topic is a document that the program carries.
type topic struct{ name, title, text string }

// topics lists them by name.
func topics() []topic {
	var all []topic
	files, err := fs.Glob(documents, "help/*.md")
	if err != nil {
		panic(err) // the pattern is good
	}
	for _, file := range files {
		text, err := documents.ReadFile(file)
		if err != nil {
			panic(err) // it is in the program
		}
		title, _, _ := strings.Cut(string(text), "\n")
		all = append(all, topic{strings.TrimSuffix(path.Base(file), ".md"), strings.TrimPrefix(title, "# "), string(text)})
	}
	return all
}

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
		RunE: func(cmd *cobra.Command, args []string) error { return a.help(cmd.Root(), args) },
	}
}

// help shows what args name: a verb's own help, a topic, or both.
func (a *app) help(root *cobra.Command, args []string) error {
	verb, rest, err := root.Find(args)
	isVerb := err == nil && len(rest) == 0
	if isVerb {
		verb.InitDefaultHelpFlag()
		if err := verb.Help(); err != nil {
			return err
		}
	}
	all := topics()
	i := slices.IndexFunc(all, func(t topic) bool { return len(args) == 1 && t.name == args[0] })
	switch {
	case i < 0 && isVerb:
		return nil
	case i < 0:
		return &usageError{fmt.Sprintf("there is no verb and no topic %q", strings.Join(args, " ")), "see orobridge help"}
	case isVerb:
		fmt.Fprintln(a.stdout)
	}
	return a.printDocument(all[i].text)
}

// helpWords are what help explains, with what each is about.
func helpWords(root *cobra.Command) []cobra.Completion {
	var words []cobra.Completion
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			words = append(words, cobra.CompletionWithDesc(cmd.Name(), cmd.Short))
		}
	}
	for _, t := range topics() {
		words = append(words, cobra.CompletionWithDesc(t.name, t.title))
	}
	return words
}

// printDocument prints Markdown: as it is, or laid out where a person reads it.
func (a *app) printDocument(text string) error {
	if f, ok := a.stdout.(interface{ Fd() uintptr }); ok && onTerminal(a.stdout) {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil || width < 40 {
			width = 80
		}
		text = layOut(text, min(width, 120))
	}
	_, err := a.stdout.Write([]byte(text))
	return err
}

// topicLines lists the topics for the program's help.
func topicLines() string {
	var b strings.Builder
	for _, t := range topics() {
		fmt.Fprintf(&b, "  %-16s %s\n", t.name, t.title)
	}
	return b.String()
}
