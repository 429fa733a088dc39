package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge/operate"
)

func newOrderCommand(a *app) *cobra.Command {
	var render string
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "order ORDER",
		Short: "Show an order's way: its files, pickup, answers, and what was set in the shop",
		Long: "order takes the order's identifier, or the number of a file.\n\n" +
			"With --render EXPORT it asks the shop for the order and prints the file in which it would go out, neither packed nor\n" +
			"encrypted. Nothing is written, and no number is given: the file shows the one that is next.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if render != "" {
				return a.work(cmd.Context(), "", readLedgerOrNone, func(e *engine) error {
					p, err := e.Desk.PreviewOrder(cmd.Context(), args[0], render)
					if err != nil {
						return err
					}
					return a.printPreview(p)
				})
			}
			return a.look(cmd.Context(), func(desk *operate.View) error {
				orders, err := desk.OrderDetails(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if a.json {
					return a.printJSON(orders)
				}
				for i := range orders {
					a.printOrder(&orders[i])
				}
				return nil
			})
		},
	})
	cmd.Flags().StringVar(&render, "render", "", "print the file in which it would go out by this `export`")
	return cmd
}

// printPreview prints the file, and beside it what there is to say. A screen gets nothing that could move its cursor.
func (a *output) printPreview(p *operate.Preview) error {
	if a.json {
		return a.printJSON(p)
	}
	fmt.Fprintf(a.stderr, "%s\n", printable(p.File))
	if len(p.Flags) > 0 {
		text := "flags: " + strings.Join(p.Flags, " ")
		if p.Doubt != "" {
			text += ": " + p.Doubt
		}
		say(a.stderr, "warning", text, "")
	}
	content := p.Content
	if onTerminal(a.stdout) {
		content = printableLines(content)
	}
	_, err := io.WriteString(a.stdout, content)
	return err
}

// fetchedWords says who has fetched an order's file; nothing when nobody has.
func fetchedWords(o *operate.Order) string {
	if o.Fetched == nil {
		return ""
	}
	return moment(o.Fetched) + " by " + o.By + " from " + o.From
}

func (a *output) printOrder(d *operate.OrderDetails) {
	for _, v := range d.Versions {
		fmt.Fprintf(a.stdout, "order %s, version %d, export %s: %s\n", printable(v.Order), v.Version, v.Export, v.State)
		for _, line := range [][2]string{{"alarm", string(v.Alarm)}, {"reason", v.Reason}, {"file", v.File}, {"sha256", v.SHA256},
			{"flags", strings.Join(v.Flags, " ")}, {"submitted", moment(v.Submitted)}, {"owed", moment(v.Owed)}, {"written", moment(v.Written)},
			{"fetched", fetchedWords(&v)}, {"picked up", moment(v.PickedUp)}, {"answered", moment(v.Answered)}, {"answer", v.Answer}} {
			if line[1] != "" {
				fmt.Fprintf(a.stdout, "  %-10s %s\n", line[0], printable(line[1]))
			}
		}
	}
	fmt.Fprintln(a.stdout, "history")
	for _, e := range d.History {
		text := string(e.Fate)
		if e.Drop != 0 {
			text = fmt.Sprintf("answer of drop %d line %d: %s", e.Drop, e.Line, text)
		}
		if len(e.Sent) > 0 {
			text += " " + compact(e.Sent)
		}
		if e.Detail != "" {
			text += " (" + e.Detail + ")"
		}
		fmt.Fprintf(a.stdout, "  %s  %s\n", moment(e.At), printable(text))
	}
}
