package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/admit"
	"github.com/orobridge/orobridge/bridge/operate"
	"github.com/orobridge/orobridge/cmd/orobridge/show"
)

func newTokenCommand(a *app) *cobra.Command {
	cmd := group(&cobra.Command{Use: "token", Short: "Say which programs may come in"})
	cmd.AddCommand(newTokenCreateCommand(a), newTokenListCommand(a), newTokenRevokeCommand(a))
	return cmd
}

func newTokenCreateCommand(a *app) *cobra.Command {
	var d deciding
	var name, role string
	var shops []string
	var expires time.Duration
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "create --name NAME --role ROLE",
		Short: "Make a token for a program, and print it once",
		Long: "create prints a token by which a program may come in at admin.listen: Authorization: Bearer TOKEN. It is shown this once; the\n" +
			"ledger keeps only its hash. A viewer looks, but not at personal data; an operator decides; an admin pauses the shop as well.",
		Example: "  orobridge token create --name shop-admin --role operator --expires 90d",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				return &usageError{"--name is missing", "name the program: --name shop-admin"}
			}
			if admit.RoleOf(role) == 0 {
				return oneOfFlag("role", role, "viewer", "operator", "admin")
			}
			var until time.Time
			if expires > 0 {
				until = time.Now().Add(expires)
			}
			return a.decide(cmd.Context(), d, func(e *engine) error {
				tokens := operate.Tokens{Ledger: e.ledger, By: e.Desk.By}
				v, err := tokens.Create(cmd.Context(), name, role, shops, until)
				if err != nil {
					return err
				}
				if a.AsJSON {
					return a.PrintJSON(v)
				}
				show.Say(a.Stderr, "note", "this is shown once; whoever has it may come in as "+v.Role, "")
				_, err = fmt.Fprintln(a.Stdout, v.Token)
				return err
			})
		},
	})
	flags := cmd.Flags()
	flags.StringVar(&name, "name", "", "the program's `name`; it stands in the audit")
	flags.StringVar(&role, "role", "viewer", "what it may do: viewer, operator, admin")
	flags.StringSliceVar(&shops, "shop", nil, "only this `shop`'s data; several one after the other")
	flags.Var((*span)(&expires), "expires", "how `long` it is good: 90d; without it until it is revoked")
	d.flags(flags, false)
	return cmd
}

// span is a time span as the config has it, as a flag.
type span time.Duration

func (s *span) String() string {
	if *s == 0 {
		return ""
	}
	return bridge.Duration(*s).String()
}

// Type is what the help calls it.
func (s *span) Type() string { return "span" }

// Set reads it.
func (s *span) Set(text string) error {
	var d bridge.Duration
	err := d.UnmarshalText([]byte(text))
	*s = span(d)
	return err
}

func newTokenListCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "list",
		Short: "List the tokens, with what they may do and until when",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.look(cmd.Context(), func(desk *operate.View) error {
				tokens, err := operate.Tokens{Ledger: desk.Ledger}.List(cmd.Context())
				if err != nil {
					return err
				}
				return a.PrintTokens(tokens)
			})
		},
	})
}

func newTokenRevokeCommand(a *app) *cobra.Command {
	var d deciding
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "Let a token's program in no more, from now on",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decide(cmd.Context(), d, func(e *engine) error {
				tokens := operate.Tokens{Ledger: e.ledger, By: e.Desk.By}
				if err := tokens.Revoke(cmd.Context(), args[0]); err != nil {
					return err
				}
				_, err := fmt.Fprintf(a.Stdout, "token %s is revoked\n", show.Printable(args[0]))
				return err
			})
		},
	}
	d.flags(cmd.Flags(), false)
	return cmd
}
