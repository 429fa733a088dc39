package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/orobridge/orobridge/bridge"
	"github.com/orobridge/orobridge/bridge/operate"
)

func newAuditCommand(a *app) *cobra.Command {
	var f bridge.AuditFilter
	var since string
	cmd := a.jsonFlag(&cobra.Command{
		Use:   "audit",
		Short: "List who decided what, who looked at persons' data, and who logged in",
		Long: "audit lists each decision and each look at a person's data, by page, program or command line: who, from where, what, about\n" +
			"what, and why. Persons stand there by a pseudonym. It is only ever added to, and kept for good; each entry carries the hash of\n" +
			"the one before, which audit verify follows.",
		Example: "  orobridge audit --since 7d\n  orobridge audit export > audit.jsonl\n  orobridge audit verify audit.jsonl",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if f.Since, err = ago("since", since, time.Now()); err != nil {
				return err
			}
			return a.look(cmd.Context(), func(desk *operate.View) error {
				var all []*bridge.AuditEntry
				err := desk.Audit(cmd.Context(), f, func(e *bridge.AuditEntry) error {
					all = append(all, e)
					return nil
				})
				if err != nil {
					return err
				}
				return a.PrintAudit(all)
			})
		},
	})
	flags := cmd.Flags()
	flags.StringVar(&since, "since", "", "only what happened at or after this `time`: 2h, 2026-01-31, or 2026-01-31T07:00:00Z")
	flags.StringVar(&f.Who, "who", "", "only what this `one` did: a user, \"token NAME\", or account@machine")
	flags.IntVar(&f.Last, "last", 1000, "only the last so many; 0 lists all")
	cmd.AddCommand(newAuditExportCommand(a), newAuditVerifyCommand(a))
	return cmd
}

func newAuditExportCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Print the whole audit as lines of JSON, to be kept elsewhere",
		Long: "export prints each entry as one line of JSON. The hash of an entry is the SHA-256 of its line without its last member:\n" +
			"sed 's/,\"hash\":\"[0-9a-f]*\"}$/}/' | tr -d '\\n' | sha256sum makes it of a line.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.look(cmd.Context(), func(desk *operate.View) error {
				return desk.Audit(cmd.Context(), bridge.AuditFilter{}, func(e *bridge.AuditEntry) error {
					_, err := io.WriteString(a.Stdout, e.Line()+"\n")
					return err
				})
			})
		},
	}
}

func newAuditVerifyCommand(a *app) *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "verify [FILE]",
		Short: "Check that no entry of the audit was changed, taken out or put in",
		Long: "verify follows the chain of hashes from the first entry to the last. Who can write into the ledger could make the whole chain\n" +
			"anew: with a FILE that audit export has printed before, each of its entries has to be there still as it was.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.look(cmd.Context(), func(desk *operate.View) (err error) {
				var copied io.Reader
				if len(args) == 1 {
					file, err := os.Open(args[0])
					if err != nil {
						return fmt.Errorf("read the copy: %w", err)
					}
					defer file.Close()
					copied = file
				}
				v, err := desk.VerifyAudit(cmd.Context(), copied)
				if err != nil {
					return err
				}
				if err := a.PrintAuditCheck(v); err != nil || len(v.Faults) == 0 {
					return err
				}
				return &bridge.Error{Op: "verify", Object: "audit", Err: errors.New("it was tampered with"),
					Hint: "keep a copy of state.dir, compare with your exports and backups, and find out who can write into it"}
			})
		},
	})
}
